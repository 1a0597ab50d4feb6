//! How much one socket, and one person with many, may have.

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

use super::NEW_MESSAGE;
use crate::support::{
    TestApp,
    frames::{self, close_code},
    store::StoreKind,
    ws::Ws,
};

/// Bytes that a message may have.
const LIMIT: usize = 256 * 1024;

const TOO_BIG: (u16, &str) = (1009, "Message too big");

/// A ping of this many bytes.
fn ping_of(bytes: usize) -> String {
    let bare = json!({ "type": "ping", "payload": { "x": "" } }).to_string();
    let payload = json!({ "x": "y".repeat(bytes - bare.len()) });
    json!({ "type": "ping", "payload": payload }).to_string()
}

/// Sends a message in frames of at most this many bytes.
async fn send_in_parts(socket: &mut Ws, text: &str, part: usize) {
    let mut parts = text.as_bytes().chunks(part).peekable();
    let mut opcode = OpCode::Data(Data::Text);
    while let Some(bytes) = parts.next() {
        let last = parts.peek().is_none();
        let frame = Frame::message(bytes.to_vec(), opcode, last);
        // The server may have had enough before the end.
        if socket.0.send(Message::Frame(frame)).await.is_err() {
            return;
        }
        opcode = OpCode::Data(Data::Continue);
    }
}

#[tokio::test]
async fn a_message_of_the_largest_size_is_taken_whole_and_in_parts() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut socket = Ws::open(app.address).await;
    socket.init(json!({})).await;
    let text = ping_of(LIMIT);
    assert_eq!(text.len(), LIMIT);
    socket.send_text(&text).await;
    assert_eq!(socket.next().await["type"], "pong");
    for part in [LIMIT / 2, 1_000] {
        send_in_parts(&mut socket, &text, part).await;
        assert_eq!(socket.next().await["type"], "pong", "{part}");
    }
    // A character may be cut in two by a frame.
    send_in_parts(&mut socket, r#"{"type":"ping","payload":{"x":"äöü"}}"#, 1).await;
    let pong = json!({ "type": "pong", "payload": { "x": "äöü" } });
    assert_eq!(socket.next().await, pong);
}

#[tokio::test]
async fn a_message_over_the_limit_is_answered_by_1009() {
    let app = TestApp::start(StoreKind::Embedded).await;
    for part in [usize::MAX, LIMIT - 1, 10_000] {
        let mut socket = Ws::open(app.address).await;
        socket.init(json!({})).await;
        send_in_parts(&mut socket, &ping_of(LIMIT + 1), part).await;
        let (code, reason) = socket.closed_with().await;
        assert_eq!((code, reason.as_str()), TOO_BIG, "{part}");
    }
    // Before the greeting too, and when far more comes than anyone reads.
    let socket = Ws::open(app.address).await;
    let (mut reading, mut writing) = socket.into_tcp().into_split();
    let endless = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let message = frames::frame(frames::TEXT, &vec![b' '; 64 * 1024 * 1024]);
        // It ends when the server hangs up.
        let _ = writing.write_all(&message).await;
    });
    assert_eq!(close_code(&mut reading).await, Some(1009));
    endless.await.expect("the connection ends");
    app.metric_becomes("chinwag_sockets", 0.0).await;
}

#[tokio::test]
async fn one_socket_more_than_a_user_may_have_is_answered_by_1013() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(app.socket(&ann).await);
    }
    let again = ann.sign_in_again().await;
    for client in [&ann, &again] {
        let mut one_more = Ws::open(app.address).await;
        let greeting = json!({ "type": "connection_init", "payload": { "token": client.token } });
        one_more.send(greeting).await;
        let expected = (1013, "Too many sockets".to_owned());
        assert_eq!(one_more.closed_with().await, expected);
    }
    // Others are not affected, nor the sockets that are open.
    app.socket(&bob).await.settle().await;
    let mut last = sockets.pop().expect("fifty");
    last.settle().await;
    last.0.close(None).await.expect("closed");
    assert_eq!(last.closed().await, None);
    app.socket(&ann).await.settle().await;
}

#[tokio::test]
async fn the_101st_subscription_is_refused_and_the_others_go_on() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    for n in 0..101 {
        socket
            .subscribe(&n.to_string(), NEW_MESSAGE, json!({}))
            .await;
    }
    let error = socket.refused("100", "RATE_LIMITED").await;
    assert!(error["extensions"]["retryAfterMs"].is_u64(), "{error}");
    // Queries and mutations are not subscriptions.
    socket.settle().await;
    // A place that became free is free at once.
    socket.send(json!({ "id": "0", "type": "complete" })).await;
    socket.subscribe("100", NEW_MESSAGE, json!({})).await;
    socket.subscribe("101", NEW_MESSAGE, json!({})).await;
    socket.refused("101", "RATE_LIMITED").await;
    bob.send(&ann, "hello").await;
    let mut heard = Vec::new();
    for _ in 0..100 {
        let event = socket.next().await;
        assert_eq!(event["type"], "next", "{event}");
        let id = event["id"].as_str().expect("an id");
        heard.push(id.parse::<u32>().expect("a number"));
    }
    heard.sort_unstable();
    assert_eq!(heard, (1..=100).collect::<Vec<_>>());
    app.metric_becomes("chinwag_subscriptions", 100.0).await;
}

#[tokio::test]
async fn more_queries_at_once_than_may_be_under_way_wait_for_their_turn() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.operations_per_socket = 3;
    })
    .await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { seq } }";
    for n in 0..50 {
        let input = json!({ "to": { "userId": bob.id }, "body": format!("{n}") });
        let id = n.to_string();
        socket.subscribe(&id, send, json!({ "input": input })).await;
    }
    let (mut answered, mut ended) = (0, 0);
    while ended < 50 {
        match socket.next().await {
            event if event["type"] == "complete" => ended += 1,
            event => {
                assert!(
                    event["payload"]["data"]["sendMessage"]["seq"].is_i64(),
                    "{event}"
                );
                answered += 1;
            }
        }
    }
    assert_eq!(answered, 50);
    app.stop().await;
}
