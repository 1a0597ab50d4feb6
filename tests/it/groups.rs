//! Groups: made, renamed, joined, left and ended.

mod deleted;
mod direct;
mod former;
mod leaving;
mod list;
mod making;
mod members;
mod newcomers;
mod servers;
mod size;
mod talking;

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        acts::{NO_CONVERSATION, NO_USER, ids, in_group, members, text, with},
        feed::{Feed, Scope, Window, state},
        store::{StoreKind, mongo_is_there},
    },
};

/// Four people.
async fn four(app: &TestApp) -> [Client; 4] {
    let (ann, bob, cleo, dora) = tokio::join!(
        app.user("ann"),
        app.user("bob"),
        app.user("cleo"),
        app.user("dora")
    );
    [ann, bob, cleo, dora]
}

/// Who is in a group as someone sees it: `"ann* bob"`.
async fn who(viewer: &Client, group: &str) -> String {
    members(&viewer.conversation(group).await)
}

/// What a history shows, in a few words each.
async fn states(viewer: &Client, group: &str) -> Vec<String> {
    let shown = viewer.shown(&in_group(group)).await;
    shown.iter().map(state).collect()
}

/// The titles of someone's conversations as they are listed; of a direct one, null.
async fn titles(viewer: &Client) -> Vec<Value> {
    let listed = viewer.listed().await;
    listed.iter().map(|one| one["title"].clone()).collect()
}
