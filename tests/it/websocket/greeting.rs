//! `connection_init`, its tokens, and the protocol's own pings.

use serde_json::{Value, json};

use super::NEW_MESSAGE;
use crate::support::{Client, TestApp, store::StoreKind, ws::Ws};

const ME: &str = "{ me { username } }";

/// Opens a socket with these headers beside the subprotocol.
async fn open(app: &TestApp, headers: &[(&'static str, &str)]) -> Ws {
    let mut all = vec![("sec-websocket-protocol", "graphql-transport-ws")];
    all.extend(headers);
    Ws::open_with(app.address, &all).await.expect("opened").0
}

fn token(client: &Client) -> &str {
    client.token.as_deref().expect("a token")
}

#[tokio::test]
async fn every_way_to_say_nothing_is_a_greeting() {
    let app = TestApp::start(StoreKind::Embedded).await;
    for greeting in [
        json!({ "type": "connection_init" }),
        json!({ "type": "connection_init", "payload": null }),
        json!({ "type": "connection_init", "payload": {} }),
        json!({ "type": "connection_init", "payload": { "theme": "dark", "nested": [{}] } }),
        json!({ "type": "connection_init", "id": "ignored", "more": 1 }),
        json!({ "type": "connection_init", "payload": { "token": null } }),
        json!({ "type": "connection_init", "payload": { "token": "" } }),
        json!({ "type": "connection_init", "payload": { "token": "  " } }),
        json!({ "type": "connection_init", "payload": { "authorization": "" } }),
        json!({ "type": "connection_init", "payload": { "authorization": null } }),
        json!({ "type": "connection_init", "payload": { "authorization": "Bearer " } }),
        json!({ "type": "connection_init", "payload": { "headers": null } }),
        json!({ "type": "connection_init", "payload": { "headers": {} } }),
        json!({ "type": "connection_init", "payload": { "headers": { "Authorization": "" } } }),
    ] {
        let mut socket = Ws::open(app.address).await;
        socket.send(greeting.clone()).await;
        let ack = socket.next_or_close().await;
        assert_eq!(ack, Ok(json!({ "type": "connection_ack" })), "{greeting}");
        let answer = socket.ask("1", ME, json!({})).await;
        assert_eq!(answer, json!({ "data": { "me": null } }), "{greeting}");
    }
}

#[tokio::test]
async fn pings_are_answered_with_their_payload() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut socket = Ws::open(app.address).await;
    for greeted in [false, true] {
        for payload in [
            json!({}),
            json!({ "sent": 1, "unknown": [null, { "a": "ä\n" }] }),
        ] {
            socket
                .send(json!({ "type": "ping", "payload": payload }))
                .await;
            let expected = json!({ "type": "pong", "payload": payload });
            assert_eq!(socket.next().await, expected);
        }
        for bare in [
            json!({ "type": "ping" }),
            json!({ "type": "ping", "payload": null }),
        ] {
            socket.send(bare).await;
            assert_eq!(socket.next().await, json!({ "type": "pong" }));
        }
        // A pong nobody asked for is a sign of life and nothing else.
        socket.send(json!({ "type": "pong" })).await;
        socket
            .send(json!({ "type": "pong", "payload": { "a": 1 } }))
            .await;
        if !greeted {
            socket.init(json!({})).await;
        }
    }
    assert_eq!(socket.until_settled().await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_token_is_taken_wherever_clients_put_it() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    let bearer = format!("Bearer {}", token(&ann));
    for payload in [
        json!({ "token": token(&ann) }),
        json!({ "authorization": bearer }),
        json!({ "Authorization": bearer }),
        json!({ "authorization": format!("bearer {}", token(&ann)) }),
        json!({ "headers": { "Authorization": bearer } }),
        json!({ "headers": { "authorization": bearer } }),
        json!({ "headers": { "x": 1, "AUTHORIZATION": bearer } }),
        json!({ "token": "", "authorization": bearer }),
        json!({ "token": null, "headers": { "authorization": bearer } }),
    ] {
        let mut socket = Ws::open(app.address).await;
        socket.init(payload.clone()).await;
        let answer = socket.ask("1", ME, json!({})).await;
        assert_eq!(answer["data"]["me"]["username"], "ann", "{payload}");
    }
    let cookie = format!("theme=dark; chinwag_session={}", token(&ann));
    for header in [
        ("authorization", bearer.as_str()),
        ("cookie", cookie.as_str()),
    ] {
        let mut socket = open(&app, &[header]).await;
        socket.init(json!({})).await;
        let answer = socket.ask("1", ME, json!({})).await;
        assert_eq!(answer["data"]["me"]["username"], "ann", "{header:?}");
    }
}

#[tokio::test]
async fn an_explicit_token_wins_over_the_header_and_that_over_the_cookie() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let header = format!("Bearer {}", token(&bob));
    let cookie = format!("chinwag_session={}", token(&cleo));
    let headers = [
        ("authorization", header.as_str()),
        ("cookie", cookie.as_str()),
    ];
    for (payload, expected) in [
        (json!({ "token": token(&ann) }), "ann"),
        (json!({ "token": "" }), "bob"),
        (json!({}), "bob"),
    ] {
        let mut socket = open(&app, &headers).await;
        socket.init(payload).await;
        let answer = socket.ask("1", ME, json!({})).await;
        assert_eq!(answer["data"]["me"]["username"], expected);
    }
    let mut socket = open(&app, &headers).await;
    let wrong = json!({ "type": "connection_init", "payload": { "token": "wrong" } });
    socket.send(wrong).await;
    assert_eq!(socket.closed().await, Some(4403));
}

#[tokio::test]
async fn a_stale_cookie_counts_as_none() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    ann.ok("mutation { logout }", json!({})).await;
    for cookie in [
        format!("chinwag_session={}", token(&ann)),
        "chinwag_session=junk".to_owned(),
        "chinwag_session=".to_owned(),
    ] {
        let mut socket = open(&app, &[("cookie", &cookie)]).await;
        socket.init(json!({})).await;
        let answer = socket.ask("1", ME, json!({})).await;
        assert_eq!(answer, json!({ "data": { "me": null } }));
    }
}

#[tokio::test]
async fn a_token_that_is_none_of_ours_is_answered_by_4403() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    let (head, signature) = token(&ann).rsplit_once('.').expect("a JWT");
    let forged = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let unsigned = format!("{head}.");
    for payload in [
        json!({ "token": "wrong" }),
        json!({ "token": 5 }),
        json!({ "token": { "value": token(&ann) } }),
        json!({ "token": forged }),
        json!({ "token": unsigned }),
        json!({ "token": format!("{}x", token(&ann)) }),
        json!({ "authorization": token(&ann) }),
        json!({ "authorization": "Basic YW5uOnBhc3N3b3JkMQ==" }),
        json!({ "authorization": format!("Bearer {forged}") }),
        json!({ "authorization": 5 }),
        json!({ "headers": { "Authorization": "Bearer wrong" } }),
    ] {
        let mut socket = Ws::open(app.address).await;
        let greeting = json!({ "type": "connection_init", "payload": payload });
        socket.send(greeting).await;
        let closed = socket.closed_with().await;
        assert_eq!(closed, (4403, "Forbidden".to_owned()), "{payload}");
    }
}

#[tokio::test]
async fn without_a_token_each_operation_is_unauthenticated() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut socket = Ws::open(app.address).await;
    socket.init(json!({})).await;
    for document in [
        "{ sidebarUsers { nodes { id } } }",
        "mutation { markRead(messageId: \"x\") { id } }",
        "mutation { logout }",
    ] {
        let answer = socket.ask("1", document, json!({})).await;
        assert_eq!(
            answer["errors"][0]["extensions"]["code"], "UNAUTHENTICATED",
            "{document}"
        );
        assert_eq!(answer["data"], Value::Null, "{document}");
    }
    for document in [
        NEW_MESSAGE,
        "subscription { typing { typing } }",
        "subscription { conversationChanged { id } }",
        "subscription { onlineUsersChanged { joined { id } } }",
    ] {
        socket.subscribe("1", document, json!({})).await;
        socket.refused("1", "UNAUTHENTICATED").await;
    }
    assert_eq!(socket.until_settled().await, [] as [Value; 0]);
}
