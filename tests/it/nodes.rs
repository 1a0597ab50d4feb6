//! What has an id, by its id; and what a server says of itself.

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{TestApp, json as at, store::StoreKind},
};

const NODE: &str = "query($id: ID!) { node(id: $id) {
    __typename id
    ... on User { username }
    ... on Conversation { kind }
    ...Said
} } fragment Said on Message { body ... on Node { again: id } }";
const NODES: &str = "query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }";

on_both_stores!(
    whatever_the_viewer_may_see_is_found_by_its_id,
    strangers_find_what_a_made_up_id_finds,
);

async fn whatever_the_viewer_may_see_is_found_by_its_id(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let said = ann.send(&bob, "hello").await;
    let (message, conversation) = (&said["id"], &said["conversation"]["id"]);
    for (id, expected) in [
        (
            &json!(bob.id),
            json!({ "__typename": "User", "id": bob.id, "username": "bob" }),
        ),
        (
            conversation,
            json!({ "__typename": "Conversation", "id": conversation, "kind": "DIRECT" }),
        ),
        (
            message,
            json!({ "__typename": "Message", "id": message, "body": "hello", "again": message }),
        ),
    ] {
        assert_eq!(bob.ok(NODE, json!({ "id": id })).await["node"], expected);
    }
    for (prefix, id) in [
        ("user", &json!(ann.id)),
        ("conv", conversation),
        ("msg", message),
    ] {
        let text = id.as_str().expect("a text");
        let suffix = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('_'));
        assert_eq!(suffix.map(str::len), Some(26), "{text}");
    }
    let ids = json!([
        message,
        "nobody",
        bob.id,
        message,
        ann.id.to_uppercase(),
        conversation
    ]);
    let found = ann.ok(NODES, json!({ "ids": ids })).await["nodes"].clone();
    let expected = json!([
        { "__typename": "Message", "id": message },
        null,
        { "__typename": "User", "id": bob.id },
        { "__typename": "Message", "id": message },
        null,
        { "__typename": "Conversation", "id": conversation },
    ]);
    assert_eq!(found, expected);
    assert_eq!(
        ann.ok(NODES, json!({ "ids": [] })).await["nodes"],
        json!([])
    );
    let many = |count: usize| json!({ "ids": vec![&bob.id; count] });
    ann.ok(NODES, many(100)).await;
    let error = ann.fails("BAD_USER_INPUT", NODES, many(101)).await;
    assert_eq!(error["extensions"]["field"], "ids");
}

async fn strangers_find_what_a_made_up_id_finds(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let said = ann.send(&bob, "psst").await;
    let swapped = |id: &Value, kind: &str| {
        let text = id.as_str().expect("a text");
        json!(format!(
            "{kind}{}",
            &text[text.find('_').expect("a kind")..]
        ))
    };
    let (message, conversation) = (&said["id"], &said["conversation"]["id"]);
    for id in [
        message.clone(),
        conversation.clone(),
        swapped(message, "conv"),
        swapped(conversation, "user"),
        swapped(&json!(ann.id), "sess"),
        json!("msg_01h455vb4pex5vsknk084sn02q"),
        json!(""),
        json!(7),
        json!(i64::MAX),
    ] {
        let reply = eve.run(NODE, json!({ "id": id })).await;
        assert_eq!(reply, json!({ "data": { "node": null } }), "{id}");
    }
    for number in ["7", "-1", "123456789012345678901234567890"] {
        let document = format!("{{ node(id: {number}) {{ id }} }}");
        let nothing = eve.ok(&document, json!({})).await;
        assert_eq!(nothing, json!({ "node": null }), "{number}");
    }
    for (document, variables) in [
        (NODE, json!({ "id": ann.id })),
        (NODES, json!({ "ids": [] })),
    ] {
        app.anonymous()
            .fails("UNAUTHENTICATED", document, variables)
            .await;
    }
}

#[tokio::test]
async fn a_server_says_what_it_is_to_anyone() {
    let asks = "{ server { version signupOpen features } }";
    for open in [true, false] {
        let app = TestApp::with(StoreKind::Embedded, |config| config.signup_open = open).await;
        let server = app.anonymous().ok(asks, json!({})).await;
        let version = env!("CARGO_PKG_VERSION");
        let features = [
            "accounts",
            "events",
            "groups",
            "messageChanges",
            "reactions",
            "search",
        ];
        let expected = json!({ "version": version, "signupOpen": open, "features": features });
        assert_eq!(at(&server, "server"), expected);
    }
}
