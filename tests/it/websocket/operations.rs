//! Queries and mutations over a socket, and what ends an operation.

use serde_json::{Value, json};

use super::NEW_MESSAGE;
use crate::support::{TestApp, json as at, store::StoreKind, ws::Ws};

const SEND: &str =
    "mutation($input: SendMessageInput!) { sendMessage(input: $input) { body seq } }";

const NOTHING: [Value; 0] = [];

#[tokio::test]
async fn queries_and_mutations_are_answered_by_next_and_complete() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    let answer = socket
        .ask(
            "a",
            "query Q($id: ID!) { user(id: $id) { username } }",
            json!({ "id": bob.id }),
        )
        .await;
    assert_eq!(answer, json!({ "data": { "user": { "username": "bob" } } }));
    let input = json!({ "to": { "userId": bob.id }, "body": "hello" });
    let answer = socket.ask("b", SEND, json!({ "input": input })).await;
    let sent = json!({ "body": "hello", "seq": 1 });
    assert_eq!(answer, json!({ "data": { "sendMessage": sent } }));
    assert_eq!(socket.until_settled().await, NOTHING);
}

#[tokio::test]
async fn the_operation_is_chosen_by_its_name() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut socket = Ws::open(app.address).await;
    socket.init(json!({})).await;
    let document = "query A { a: __typename } query B { b: __typename }";
    let payload = |name: Value| {
        let payload = json!({ "query": document, "operationName": name, "variables": null, "extensions": {} });
        json!({ "id": "1", "type": "subscribe", "payload": payload })
    };
    socket.send(payload(json!("B"))).await;
    let answer = socket.message_of("1").await;
    assert_eq!(answer["payload"], json!({ "data": { "b": "Query" } }));
    assert_eq!(socket.message_of("1").await["type"], "complete");
    for name in [Value::Null, json!(""), json!("C")] {
        socket.send(payload(name)).await;
        socket.refused("1", "OPERATION_RESOLUTION_FAILURE").await;
    }
    assert_eq!(socket.until_settled().await, NOTHING);
}

#[tokio::test]
async fn what_cannot_run_is_one_error_and_nothing_else() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    let large = format!("{{ __typename }} # {}", "x".repeat(40_000));
    let levels = "directConversation { members { user { ".repeat(6);
    let deep = format!("{{ me {{ {levels} id {} }} }}", "} } }".repeat(6));
    for (document, variables, code) in [
        ("", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("subscription {", json!({}), "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { nothing }",
            json!({}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            "mutation { logout(everywhere: 5) }",
            json!({}),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        ("{ me { ...F } }", json!({}), "GRAPHQL_VALIDATION_FAILED"),
        (&large, json!({}), "QUERY_TOO_COMPLEX"),
        (&deep, json!({}), "QUERY_TOO_COMPLEX"),
        (
            "subscription { newMessage(after: \"junk\") { cursor } }",
            json!({}),
            "BAD_USER_INPUT",
        ),
        (
            "subscription { newMessage(in: { userId: \"junk\" }) { cursor } }",
            json!({}),
            "NOT_FOUND",
        ),
        (
            "subscription { typing(in: { conversationId: \"junk\" }) { typing } }",
            json!({}),
            "NOT_FOUND",
        ),
    ] {
        socket.subscribe("1", document, variables.clone()).await;
        let error = socket.refused("1", code).await;
        let sentence = error["message"].as_str().expect("a message");
        assert!(
            !sentence.is_empty() && !sentence.contains('\n'),
            "{document} {variables}: {sentence}"
        );
        assert_eq!(socket.until_settled().await, NOTHING, "{document}");
    }
}

#[tokio::test]
async fn what_fails_while_it_runs_is_a_next_with_errors_and_complete() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    let answer = socket
        .ask(
            "1",
            "{ me { username } messages(in: { userId: \"x\" }) { nodes { id } } }",
            json!({}),
        )
        .await;
    assert_eq!(at(&answer, "errors.0.extensions.code"), "NOT_FOUND");
    assert_eq!(at(&answer, "errors.0.path"), json!(["messages"]));
    assert_eq!(answer["data"], Value::Null);
    let answer = socket
        .ask(
            "1",
            "query($after: String) { sidebarUsers(after: $after) { nodes { id } } }",
            json!({ "after": "x" }),
        )
        .await;
    assert_eq!(at(&answer, "errors.0.extensions.code"), "BAD_USER_INPUT");
    assert_eq!(at(&answer, "errors.0.extensions.field"), "after");
    let input = json!({ "to": { "userId": ann.id }, "body": "to myself" });
    let answer = socket.ask("1", SEND, json!({ "input": input })).await;
    assert_eq!(at(&answer, "errors.0.extensions.code"), "BAD_USER_INPUT");
    assert_eq!(socket.until_settled().await, NOTHING);
}

#[tokio::test]
async fn an_id_is_free_again_once_its_operation_ended() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    for _ in 0..3 {
        // Ended by the server.
        socket.ask("1", "{ __typename }", json!({})).await;
        socket.subscribe("1", "{ nothing }", json!({})).await;
        socket.refused("1", "GRAPHQL_VALIDATION_FAILED").await;
        socket
            .subscribe(
                "1",
                "subscription { newMessage(after: \"junk\") { cursor } }",
                json!({}),
            )
            .await;
        socket.refused("1", "BAD_USER_INPUT").await;
        // Ended by the client.
        socket.subscribe("1", NEW_MESSAGE, json!({})).await;
        socket.send(json!({ "id": "1", "type": "complete" })).await;
    }
    socket.subscribe("1", NEW_MESSAGE, json!({})).await;
    socket.settle().await;
    bob.send(&ann, "once").await;
    assert_eq!(
        socket.event("1").await["newMessage"]["message"]["body"],
        "once"
    );
    assert_eq!(socket.until_settled().await, NOTHING);
}

#[tokio::test]
async fn a_complete_from_the_client_ends_the_stream_without_an_echo() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut socket = app.socket(&ann).await;
    socket.subscribe("ends", NEW_MESSAGE, json!({})).await;
    socket.subscribe("stays", NEW_MESSAGE, json!({})).await;
    socket.settle().await;
    socket
        .send(json!({ "id": "ends", "type": "complete" }))
        .await;
    // Twice, and for what never was: nothing happens.
    socket
        .send(json!({ "id": "ends", "type": "complete" }))
        .await;
    socket
        .send(json!({ "id": "never", "type": "complete" }))
        .await;
    assert_eq!(socket.until_settled().await, NOTHING);
    bob.send(&ann, "later").await;
    let event = socket.next().await;
    assert_eq!(event["id"], "stays");
    assert_eq!(socket.until_settled().await, NOTHING);
    app.metric_becomes("chinwag_subscriptions", 1.0).await;
}

#[tokio::test]
async fn signing_in_over_a_socket_only_returns_the_token() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut socket = Ws::open(app.address).await;
    socket.init(json!({})).await;
    let signup =
        "mutation($input: SignupInput!) { signup(input: $input) { token user { username } } }";
    let login =
        "mutation($input: LoginInput!) { login(input: $input) { token user { username } } }";
    let input = json!({ "username": "ann", "password": "password1" });
    for (field, document) in [("signup", signup), ("login", login)] {
        let answer = socket.ask("1", document, json!({ "input": input })).await;
        assert_eq!(answer["data"][field]["user"]["username"], "ann");
        let me = socket.ask("2", "{ me { username } }", json!({})).await;
        assert_eq!(
            me,
            json!({ "data": { "me": null } }),
            "nobody is signed in here"
        );
        socket.subscribe("3", NEW_MESSAGE, json!({})).await;
        socket.refused("3", "UNAUTHENTICATED").await;
        let mut other = Ws::open(app.address).await;
        other
            .init(json!({ "token": answer["data"][field]["token"] }))
            .await;
        let me = other.ask("1", "{ me { username } }", json!({})).await;
        assert_eq!(
            me["data"]["me"]["username"], "ann",
            "the token is good elsewhere"
        );
    }
}
