//! How the program stops, and what is there when it is back.

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::Home;
use crate::{
    on_both_stores,
    support::{Client, eventually, store::StoreKind, ws::Ws},
};

on_both_stores!(
    what_was_done_survives_a_restart,
    a_signal_lets_requests_under_way_finish,
);

async fn what_was_done_survives_a_restart(kind: StoreKind) {
    let home = Home::new(kind).await;
    let first = home.launch().serves().await;
    let ann = first.anonymous().sign_up("ann").await;
    let bob = first.anonymous().sign_up("bob").await;
    let sent = ann.send(&bob, "hello").await;
    first.signal("-TERM");
    let ended = first.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let second = home.launch().serves().await;
    let bob = bob.at(second.url("/graphql"));
    let document = "query($in: ConversationRef!) { me { username } messages(in: $in) { nodes { id body seq sender { id } } } }";
    let seen = bob
        .ok(document, json!({ "in": { "userId": ann.id } }))
        .await;
    assert_eq!(seen["me"]["username"], "bob", "the token still stands");
    assert_eq!(
        seen["messages"]["nodes"],
        json!([{ "id": sent["id"], "body": "hello", "seq": 1, "sender": { "id": ann.id } }])
    );
    let ann = ann.at(second.url("/graphql")).sign_in_again().await;
    second.signal("-KILL");
    second.ended().await;

    let third = home.launch().serves().await;
    let ann = ann.at(third.url("/graphql"));
    assert_eq!(
        ann.ok("{ me { id } }", json!({})).await["me"]["id"],
        json!(ann.id)
    );
}

async fn a_signal_lets_requests_under_way_finish(kind: StoreKind) {
    let home = Home::new(kind).await;
    let serving = home.launch().serves().await;
    let ann = serving.anonymous().sign_up("ann").await;
    let mut socket = Ws::open(serving.address).await;
    socket.init(json!({ "token": ann.token })).await;
    let mut request = HalfSent::begin(serving.address, &ann).await;
    serving.signal("-TERM");
    eventually("nobody listens", async || {
        TcpStream::connect(serving.address).await.is_err()
    })
    .await;
    assert_eq!(socket.closed().await, Some(1001));
    let answer = request.finish().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(
        answer.contains(r#"{"data":{"me":{"username":"ann"}}}"#),
        "{answer}"
    );
    let ended = serving.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    for (first, second) in [("-TERM", "-TERM"), ("-INT", "-INT"), ("-INT", "-TERM")] {
        let home = Home::new(StoreKind::Embedded).await;
        let serving = home.launch().serves().await;
        let ann = serving.anonymous().sign_up("ann").await;
        // It would be waited for, and then the exit code were 0.
        let _request = HalfSent::begin(serving.address, &ann).await;
        serving.signal(first);
        eventually("nobody listens", async || {
            TcpStream::connect(serving.address).await.is_err()
        })
        .await;
        serving.signal(second);
        assert_eq!(serving.ended().await.code, Some(1));
    }
}

/// A query whose head the server has and whose body it waits for.
struct HalfSent {
    stream: TcpStream,
    rest: String,
}

impl HalfSent {
    async fn begin(address: std::net::SocketAddr, client: &Client) -> Self {
        let body = json!({ "query": "{ me { username } }" }).to_string();
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Authorization: Bearer {}\r\nExpect: 100-continue\r\n\r\n",
            body.len(),
            client.token.as_deref().expect("a token"),
        );
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream
            .write_all(head.as_bytes())
            .await
            .expect("it can be sent");
        let mut go_on = [0; 25];
        stream.read_exact(&mut go_on).await.expect("an answer");
        assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
        Self { stream, rest: body }
    }

    async fn finish(&mut self) -> String {
        self.stream
            .write_all(self.rest.as_bytes())
            .await
            .expect("it can be sent");
        let mut answer = String::new();
        self.stream
            .read_to_string(&mut answer)
            .await
            .expect("an answer");
        answer
    }
}
