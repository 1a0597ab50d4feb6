//! What the server closes a socket for, and with which code.

use std::time::Duration;

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::NEW_MESSAGE;
use crate::support::{
    TestApp,
    frames::{self, CLOSE, close_code},
    store::StoreKind,
    ws::Ws,
};

/// A socket that was greeted as nobody's.
async fn greeted(app: &TestApp) -> Ws {
    let mut socket = Ws::open(app.address).await;
    socket.init(json!({})).await;
    socket
}

#[tokio::test]
async fn a_malformed_message_is_answered_by_4400() {
    let app = TestApp::start(StoreKind::Embedded).await;
    for text in [
        "",
        "{",
        "null",
        "[]",
        "\"ping\"",
        "5",
        "{}",
        r#"{"type":null}"#,
        r#"{"type":5}"#,
        r#"{"type":""}"#,
        r#"{"type":"ping"} and more"#,
        r#"[{"type":"ping"}]"#,
        r#"{"type":"start","id":"1","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"Ping"}"#,
        r#"{"type":"connection_ack"}"#,
        r#"{"type":"next","id":"1","payload":{"data":null}}"#,
        r#"{"type":"error","id":"1","payload":[]}"#,
        r#"{"type":"ping","payload":"now"}"#,
        r#"{"type":"ping","payload":[]}"#,
        r#"{"type":"ping","payload":5}"#,
        r#"{"type":"pong","payload":true}"#,
        r#"{"type":"complete"}"#,
        r#"{"type":"complete","id":null}"#,
        r#"{"type":"complete","id":""}"#,
        r#"{"type":"complete","id":1}"#,
        r#"{"type":"subscribe","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":null,"payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":1,"payload":{"query":"{ __typename }"}}"#,
        r#"{"type":"subscribe","id":"1"}"#,
        r#"{"type":"subscribe","id":"1","payload":null}"#,
        r#"{"type":"subscribe","id":"1","payload":[]}"#,
        r#"{"type":"subscribe","id":"1","payload":"{ __typename }"}"#,
        r#"{"type":"subscribe","id":"1","payload":{}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":null}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":5}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":"{}"}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","operationName":5}}"#,
        r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","extensions":[]}}"#,
    ] {
        let mut socket = greeted(&app).await;
        socket.send_text(text).await;
        let closed = socket.next_or_close().await;
        assert_eq!(closed, Err(Some(4400)), "{text}");
    }
    for text in [
        r#"{"type":"connection_init","payload":"x"}"#,
        r#"{"type":"connection_init","payload":[]}"#,
        "connection_init",
    ] {
        let mut socket = Ws::open(app.address).await;
        socket.send_text(text).await;
        assert_eq!(socket.next_or_close().await, Err(Some(4400)), "{text}");
    }
}

#[tokio::test]
async fn a_binary_frame_is_answered_by_4400() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut socket = greeted(&app).await;
    let ping = Message::binary(&br#"{"type":"ping"}"#[..]);
    socket.0.send(ping).await.expect("it can be sent");
    assert_eq!(
        socket.closed_with().await,
        (4400, "Invalid message".to_owned())
    );
}

#[tokio::test]
async fn operations_before_the_greeting_are_answered_by_4401() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    let authorization = format!("Bearer {}", ann.token.expect("a token"));
    let headers = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("authorization", authorization.as_str()),
    ];
    let (mut socket, _) = Ws::open_with(app.address, &headers).await.expect("opened");
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(
        socket.closed_with().await,
        (4401, "Unauthorized".to_owned())
    );
}

#[tokio::test]
async fn another_subprotocol_is_answered_by_4406() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (mut none, _) = Ws::open_with(app.address, &[]).await.expect("opened");
    assert_eq!(
        none.closed_with().await,
        (4406, "Subprotocol not acceptable".to_owned())
    );
    // A client that asks for another one gives up by itself, so the connection below is looked at.
    let mut old = frames::handshake(app.address, "graphql-ws").await;
    assert_eq!(close_code(&mut old).await, Some(4406));

    let both = [("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")];
    let (mut socket, response) = Ws::open_with(app.address, &both).await.expect("opened");
    assert_eq!(
        response.headers()["sec-websocket-protocol"],
        "graphql-transport-ws"
    );
    socket.init(json!({})).await;
}

#[tokio::test]
async fn silence_instead_of_a_greeting_is_answered_by_4408() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.connection_init = Duration::from_millis(200);
    })
    .await;
    let mut silent = Ws::open(app.address).await;
    let mut pinging = Ws::open(app.address).await;
    let mut polite = greeted(&app).await;
    pinging.send(json!({ "type": "ping" })).await;
    assert_eq!(pinging.next().await, json!({ "type": "pong" }));
    for socket in [&mut silent, &mut pinging] {
        let expected = (4408, "Connection initialisation timeout".to_owned());
        assert_eq!(socket.closed_with().await, expected);
    }
    polite.settle().await;
}

#[tokio::test]
async fn an_id_in_use_is_answered_by_4409() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    socket.subscribe("twice", NEW_MESSAGE, json!({})).await;
    socket.settle().await;
    socket.subscribe("twice", "{ __typename }", json!({})).await;
    assert_eq!(
        socket.closed_with().await,
        (4409, "Subscriber for twice already exists".to_owned())
    );

    let mut socket = app.socket(&ann).await;
    // A close's reason has at most 123 bytes: cut where a character ends.
    let id = format!("{}ä{}", "x".repeat(92), "y".repeat(200));
    socket.subscribe(&id, NEW_MESSAGE, json!({})).await;
    socket.subscribe(&id, NEW_MESSAGE, json!({})).await;
    let (code, reason) = socket.closed_with().await;
    assert_eq!(code, 4409);
    assert!(reason.starts_with("Subscriber for xxx"), "{reason}");
    assert!(reason.ends_with(" already exists"), "{reason}");
}

#[tokio::test]
async fn a_second_greeting_is_answered_by_4429() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut socket = greeted(&app).await;
    socket.send(json!({ "type": "connection_init" })).await;
    assert_eq!(
        socket.closed_with().await,
        (4429, "Too many initialisation requests".to_owned())
    );
    // Both at once, before the first is answered.
    let mut hasty = Ws::open(app.address).await;
    hasty.send(json!({ "type": "connection_init" })).await;
    hasty.send(json!({ "type": "connection_init" })).await;
    assert_eq!(hasty.closed().await, Some(4429));
}

#[tokio::test]
async fn a_client_that_closes_gets_its_close_back() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut socket = greeted(&app).await;
    socket.subscribe("1", NEW_MESSAGE, json!({})).await;
    socket.refused("1", "UNAUTHENTICATED").await;
    let mut tcp = socket.into_tcp();
    frames::write(&mut tcp, &frames::frame(CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(close_code(&mut tcp).await, Some(1000));
    app.metric_becomes("chinwag_sockets", 0.0).await;
}

#[tokio::test]
async fn a_close_is_answered_also_when_there_is_something_to_say() {
    // Whenever it looks, a ping is due.
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.ping_interval = Duration::from_nanos(1);
    })
    .await;
    for _ in 0..20 {
        let mut tcp = greeted(&app).await.into_tcp();
        frames::write(&mut tcp, &frames::frame(CLOSE, &1000_u16.to_be_bytes())).await;
        assert_eq!(close_code(&mut tcp).await, Some(1000));
    }
}

#[tokio::test]
async fn stopping_closes_every_socket_with_1001() {
    let mut app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    let mut listening = app.socket(&ann).await;
    listening.subscribe("1", NEW_MESSAGE, json!({})).await;
    listening.settle().await;
    let ungreeted = Ws::open(app.address).await;
    let anonymous = greeted(&app).await;
    app.begin_stop();
    for mut socket in [listening, ungreeted, anonymous] {
        assert_eq!(
            socket.closed_with().await,
            (1001, "The server is stopping".to_owned())
        );
    }
    app.stop().await;
}
