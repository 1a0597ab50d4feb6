//! Asking for the schema.

use serde_json::json;

use super::app;
use crate::support::{TestApp, json as at, store::StoreKind};

const STANDARD_INTROSPECTION: &str = include_str!("introspection.graphql");

#[tokio::test]
async fn the_standard_introspection_query_runs() {
    let app = app().await;
    let reply = app.anonymous().ok(STANDARD_INTROSPECTION, json!({})).await;
    let types = reply["__schema"]["types"]
        .as_array()
        .expect("types")
        .clone();
    let conversation_ref = types
        .iter()
        .find(|ty| ty["name"] == "ConversationRef")
        .expect("the input type");
    assert_eq!(
        (&conversation_ref["kind"], &conversation_ref["isOneOf"]),
        (&json!("INPUT_OBJECT"), &json!(true))
    );
    let date_time = types
        .iter()
        .find(|ty| ty["name"] == "DateTime")
        .expect("the scalar");
    assert!(
        date_time["specifiedByURL"]
            .as_str()
            .is_some_and(|url| url.starts_with("https://"))
    );
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    socket
        .subscribe("1", STANDARD_INTROSPECTION, json!({}))
        .await;
    assert_eq!(
        socket.event("1").await["__schema"]["queryType"]["name"],
        "Query"
    );
    let one = app
        .anonymous()
        .ok(
            "{ __type(name: \"User\") { fields { name type { name ofType { name } } } } }",
            json!({}),
        )
        .await;
    assert!(
        one["__type"]["fields"]
            .as_array()
            .is_some_and(|fields| fields.len() > 5)
    );
}

#[tokio::test]
async fn introspection_can_be_switched_off() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.introspection = false;
        config.http.graphiql = false;
    })
    .await;
    let ann = app.user("ann").await;
    for document in [
        STANDARD_INTROSPECTION,
        "{ __schema { queryType { name } } }",
        "{ __type(name: \"User\") { name } }",
        "{ me { id } ...F } fragment F on Query { __schema { queryType { name } } }",
    ] {
        let reply = ann.run(document, json!({})).await;
        assert_eq!(
            at(&reply, "errors.0.extensions.code"),
            "GRAPHQL_VALIDATION_FAILED",
            "{reply}"
        );
        assert!(reply.get("data").is_none(), "{reply}");
    }
    let reply = ann.run("{ me { usernam } }", json!({})).await;
    assert!(
        !reply.to_string().contains("username"),
        "no suggestions either: {reply}"
    );
    ann.ok("{ __typename me { __typename id } }", json!({}))
        .await;
    let reply = ann.run("{ user(idd: 1) { id } }", json!({})).await;
    assert!(!reply.to_string().contains("Did you mean"), "{reply}");
    let page = app
        .anonymous()
        .raw(reqwest::Method::GET, &app.url("/graphql"))
        .header("accept", "text/html")
        .send()
        .await
        .expect("an answer");
    assert_eq!(page.status(), 400);
    assert!(!page.text().await.expect("text").contains("<html"));
}
