//! What a subscription may look like, and from when it is live.

use serde_json::{Value, json};

use super::NEW_MESSAGE;
use crate::{
    on_both_stores,
    support::{TestApp, json as at, store::StoreKind},
};

const NOTHING: [Value; 0] = [];

#[tokio::test]
async fn the_root_field_may_stand_in_fragments() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    let documents = [
        "subscription { ...F } fragment F on Subscription { newMessage { message { body } } }",
        "subscription S { ... { newMessage { message { body } } } }",
        "subscription { ... on Subscription { ...F } } \
         fragment F on Subscription { ...G } fragment G on Subscription { newMessage { ...M } } \
         fragment M on NewMessage { message { body } }",
        // Beside another operation that uses the same fragments.
        "subscription S { ...F } subscription T { ...F } \
         fragment F on Subscription { newMessage { ...M } } fragment M on NewMessage { message { body } }",
        "query Q { me { ...U } } subscription S { ...F } fragment U on User { id } \
         fragment F on Subscription { newMessage { message { body sender { ...U } } } }",
        "subscription { mine: newMessage { message { body } } }",
        "subscription($after: String) { ...F } fragment F on Subscription { newMessage(after: $after) { message { body } } }",
    ];
    for (n, document) in documents.iter().enumerate() {
        let several =
            document.matches("subscription").count() + document.matches("query").count() > 1;
        let payload = json!({ "query": document, "operationName": several.then_some("S") });
        socket
            .send(json!({ "id": n.to_string(), "type": "subscribe", "payload": payload }))
            .await;
    }
    assert_eq!(socket.until_settled().await, NOTHING);
    bob.send(&ann, "hello").await;
    let mut heard = Vec::new();
    for _ in &documents {
        let event = socket.next().await;
        let data = event["payload"]["data"].as_object().expect("data");
        let (field, payload) = data.iter().next().expect("a field");
        assert_eq!(data.len(), 1, "{event}");
        assert_eq!(at(payload, "message.body"), "hello", "{event}");
        let number = event["id"]
            .as_str()
            .expect("an id")
            .parse::<usize>()
            .expect("a number");
        let alias = documents[number].contains("mine:");
        assert_eq!(field == "mine", alias);
        heard.push(number);
    }
    heard.sort_unstable();
    assert_eq!(heard, (0..documents.len()).collect::<Vec<_>>());
    assert_eq!(socket.until_settled().await, NOTHING);
}

#[tokio::test]
async fn a_subscription_has_exactly_one_root_field() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    for document in [
        "subscription { newMessage { cursor } typing { typing } }",
        "subscription { a: newMessage { cursor } b: newMessage { cursor } }",
        "subscription { newMessage { cursor } newMessage { message { body } } typing { typing } }",
        "subscription { newMessage { cursor } ...F } fragment F on Subscription { typing { typing } }",
        "subscription { ... { newMessage { cursor } } ... { typing { typing } } }",
        "subscription { newMessage { cursor } __typename }",
        "subscription { __typename }",
        "subscription { ...F } fragment F on Query { __typename }",
        "subscription { ...F } fragment F on Subscription { ...F }",
        "subscription { ...Missing }",
        "subscription { newMessage { cursor } ...Missing }",
        "subscription { ...F } fragment F on Subscription { newMessage { cursor } } fragment Unused on User { id }",
        "subscription { newMessage { cursor } } fragment Unused on Subscription { newMessage { cursor } }",
        "subscription($yes: Boolean = true) { newMessage @include(if: $yes) { cursor } }",
        "subscription { newMessage @skip(if: false) { cursor } }",
        "subscription { ... @include(if: true) { newMessage { cursor } } }",
        "subscription { ...F @skip(if: false) } fragment F on Subscription { newMessage { cursor } }",
        "subscription { ...F } fragment F on Subscription { newMessage @include(if: true) { cursor } }",
        "subscription { newMessage { cursor } typing @skip(if: true) { typing } }",
    ] {
        socket.subscribe("1", document, json!({})).await;
        socket.refused("1", "GRAPHQL_VALIDATION_FAILED").await;
        assert_eq!(socket.until_settled().await, NOTHING, "{document}");
    }
    // The same field twice is one field (GraphQL specification, 5.3.2).
    for document in [
        "subscription { newMessage { cursor } newMessage { message { body } } }",
        "subscription { newMessage { cursor } ...F } fragment F on Subscription { newMessage { message { body } } }",
    ] {
        socket.subscribe("1", document, json!({})).await;
        assert_eq!(socket.until_settled().await, NOTHING, "{document}");
        bob.send(&ann, "merged").await;
        let event = socket.event("1").await["newMessage"].clone();
        assert_eq!(at(&event, "message.body"), "merged");
        assert!(event["cursor"].is_string());
        socket.send(json!({ "id": "1", "type": "complete" })).await;
    }
}

#[tokio::test]
async fn skip_and_include_work_below_the_root() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    let document = "subscription($yes: Boolean!) { newMessage { cursor @skip(if: $yes) message { body @include(if: $yes) } } }";
    socket
        .subscribe("1", document, json!({ "yes": true }))
        .await;
    socket.settle().await;
    bob.send(&ann, "hello").await;
    let expected = json!({ "newMessage": { "message": { "body": "hello" } } });
    assert_eq!(socket.event("1").await, expected);
}

on_both_stores!(
    a_subscription_is_live_once_a_later_query_is_answered,
    a_subscription_is_live_before_what_its_socket_sends_next,
);

async fn a_subscription_is_live_once_a_later_query_is_answered(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    for n in 0..10 {
        let mut socket = app.socket(&ann).await;
        socket.subscribe("1", NEW_MESSAGE, json!({})).await;
        socket.settle().await;
        let body = format!("number {n}");
        bob.send(&ann, &body).await;
        let event = socket.event("1").await;
        assert_eq!(event["newMessage"]["message"]["body"], body.as_str());
    }
}

async fn a_subscription_is_live_before_what_its_socket_sends_next(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    for n in 0..10 {
        let (id, body) = (format!("s{n}"), format!("number {n}"));
        let input = json!({ "to": { "userId": bob.id }, "body": body });
        socket.subscribe(&id, NEW_MESSAGE, json!({})).await;
        socket
            .subscribe("send", send, json!({ "input": input }))
            .await;
        let event = socket.event(&id).await;
        assert_eq!(event["newMessage"]["message"]["body"], body.as_str());
        socket.send(json!({ "id": id, "type": "complete" })).await;
        socket.settle().await;
    }
}
