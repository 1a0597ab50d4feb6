//! What others see of someone, and changing that.

use serde_json::{Value, json};

use super::field;
use crate::{
    on_both_stores,
    support::{Client, TestApp, eventually, json as at, store::StoreKind},
};

const UPDATE: &str = "mutation($input: UpdateProfileInput!) {
    updateProfile(input: $input) { username displayName avatarUrl }
}";
const LOOK: &str = "query($id: ID!) { user(id: $id) { displayName avatarUrl } }";

on_both_stores!(
    what_is_given_changes_and_the_rest_stays,
    others_find_someone_by_the_new_name_at_once,
    what_is_wrong_is_told_for_each_field_and_changes_nothing,
    many_changes_at_once_leave_one_of_them,
);

async fn update(client: &Client, input: Value) -> Value {
    client.ok(UPDATE, json!({ "input": input })).await["updateProfile"].clone()
}

async fn what_is_given_changes_and_the_rest_stays(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let picture = "https://example.org/a.png";
    for (input, name, picture) in [
        (json!({ "avatarUrl": picture }), "ann", json!(picture)),
        (json!({ "displayName": "Ann A." }), "Ann A.", json!(picture)),
        (json!({}), "Ann A.", json!(picture)),
        (json!({ "avatarUrl": null }), "Ann A.", Value::Null),
        (
            json!({ "displayName": "Änne", "avatarUrl": picture }),
            "Änne",
            json!(picture),
        ),
    ] {
        let seen = json!({ "username": "ann", "displayName": name, "avatarUrl": picture });
        assert_eq!(update(&ann, input.clone()).await, seen, "{input}");
        let looked = bob.ok(LOOK, json!({ "id": ann.id })).await["user"].clone();
        let shown = json!({ "displayName": name, "avatarUrl": picture });
        assert_eq!(looked, shown, "{input}");
    }
    let inline = "mutation { updateProfile(input: { avatarUrl: null }) { displayName avatarUrl } }";
    let cleared = ann.ok(inline, json!({})).await["updateProfile"].clone();
    assert_eq!(cleared, json!({ "displayName": "Änne", "avatarUrl": null }));
    if let StoreKind::Mongo = kind {
        let other = app.beside(|_| {}).await;
        let there = bob.at(other.url("/graphql"));
        let shown = async |name: &str| {
            let data = there.ok(LOOK, json!({ "id": ann.id })).await;
            data["user"]["displayName"] == name
        };
        assert!(shown("Änne").await);
        update(&ann, json!({ "displayName": "Anna" })).await;
        eventually("the other process shows it", async || shown("Anna").await).await;
        other.stop().await;
    }
    app.stop().await;
}

async fn others_find_someone_by_the_new_name_at_once(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    app.user("cleo").await;
    ann.send(&bob, "hello").await;
    let names = async |search: Value| {
        let document = "query($search: String) {
            sidebarUsers(search: $search) { nodes { displayName } }
        }";
        let data = bob.ok(document, json!({ "search": search })).await;
        data["sidebarUsers"]["nodes"].clone()
    };
    let of = |names: &[&str]| {
        let shown = names.iter().map(|name| json!({ "displayName": name }));
        Value::Array(shown.collect())
    };
    assert_eq!(names(Value::Null).await, of(&["ann", "cleo"]));
    update(&ann, json!({ "displayName": "Zoe Young" })).await;
    assert_eq!(names(Value::Null).await, of(&["cleo", "Zoe Young"]));
    assert_eq!(names(json!("you")).await, of(&["Zoe Young"]));
    assert_eq!(
        names(json!("ann")).await,
        of(&["Zoe Young"]),
        "the username"
    );
    let document = "{ conversations { nodes {
        members { user { displayName } } lastMessage { sender { displayName } }
    } } }";
    let data = bob.ok(document, json!({})).await;
    let shown = at(
        &data,
        "conversations.nodes.0.lastMessage.sender.displayName",
    );
    assert_eq!(shown, "Zoe Young");
    app.stop().await;
}

async fn what_is_wrong_is_told_for_each_field_and_changes_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let (name, picture) = ("input.displayName", "input.avatarUrl");
    for (input, fields) in [
        (json!({ "displayName": null }), vec![name]),
        (json!({ "displayName": "" }), vec![name]),
        (json!({ "displayName": "x".repeat(65) }), vec![name]),
        (json!({ "displayName": "a\u{202e}b" }), vec![name]),
        (json!({ "avatarUrl": "javascript:alert(1)" }), vec![picture]),
        (json!({ "avatarUrl": "" }), vec![picture]),
        (
            json!({ "displayName": null, "avatarUrl": "x" }),
            vec![name, picture],
        ),
        (
            json!({ "displayName": "Fine", "avatarUrl": "x" }),
            vec![picture],
        ),
    ] {
        let reply = ann.run(UPDATE, json!({ "input": input })).await;
        let errors = reply["errors"].as_array().expect("errors");
        assert!(
            errors
                .iter()
                .all(|error| error["extensions"]["code"] == "BAD_USER_INPUT"),
            "{reply}"
        );
        let told = errors.iter().map(field).collect::<Vec<_>>();
        assert_eq!(told, fields, "{input}");
    }
    let unchanged = json!({ "username": "ann", "displayName": "ann", "avatarUrl": null });
    assert_eq!(update(&ann, json!({})).await, unchanged);
    app.anonymous()
        .fails("UNAUTHENTICATED", UPDATE, json!({ "input": {} }))
        .await;
    app.stop().await;
}

async fn many_changes_at_once_leave_one_of_them(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let changes = (0..10).map(|number| {
        let ann = ann.clone();
        let input = json!({ "displayName": format!("Name{number}") });
        async move { update(&ann, input).await }
    });
    futures_util::future::join_all(changes).await;
    let mut found = Vec::new();
    for number in 0..10 {
        let document =
            "query($search: String) { sidebarUsers(search: $search) { nodes { displayName } } }";
        let search = format!("name{number}");
        let data = bob.ok(document, json!({ "search": search })).await;
        let nodes = at(&data, "sidebarUsers.nodes");
        found.extend(nodes.as_array().expect("a list").iter().cloned());
    }
    let shown = bob.ok(LOOK, json!({ "id": ann.id })).await["user"]["displayName"].clone();
    assert_eq!(found, [json!({ "displayName": shown })]);
    app.stop().await;
}
