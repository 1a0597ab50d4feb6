//! Messages that are edited, deleted, reacted and replied to.

mod blocked;
mod deletions;
mod edits;
mod emoji;
mod reactions;
mod replies;
mod retries;

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        acts::{NO_MESSAGE, in_group, with},
        feed::{Feed, Scope, Window, state},
        record::Said,
        store::{StoreKind, mongo_is_there},
    },
};

/// Three people.
async fn three(app: &TestApp) -> (Client, Client, Client) {
    tokio::join!(app.user("ann"), app.user("bob"), app.user("eve"))
}

/// Says something to someone.
async fn say(sender: &Client, receiver: &Client, body: &str) -> Said {
    let input = json!({ "to": with(receiver), "body": body });
    sender.say(input).await
}

/// What a history shows, in a few words each.
async fn states(viewer: &Client, target: &Value) -> Vec<String> {
    viewer.shown(target).await.iter().map(state).collect()
}

/// Two servers on one MongoDB; none when there is no MongoDB.
async fn two_servers() -> Option<[TestApp; 2]> {
    if !mongo_is_there().await {
        return None;
    }
    let app = TestApp::start(StoreKind::Mongo).await;
    let beside = app.beside(|_| {}).await;
    Some([app, beside])
}
