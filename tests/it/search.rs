//! Searching messages by their words.

mod index;
mod lasting;
mod lists;
mod processes;
mod strangers;
mod texts;

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{Client, TestApp, eventually, store::StoreKind},
};

const SEARCH: &str =
    "query($text: String!, $in: ConversationRef, $first: Int! = 20, $after: String) {
    searchMessages(text: $text, in: $in, first: $first, after: $after) {
        nodes { id body seq sentAt conversation { id } sender { username } }
        edges { cursor node { id } }
        pageInfo { hasPreviousPage hasNextPage startCursor endCursor }
    }
}";

impl Client {
    /// A page of what is found.
    async fn search(&self, mut variables: Value, text: &str) -> Value {
        variables["text"] = text.into();
        self.ok(SEARCH, variables).await["searchMessages"].clone()
    }

    /// The texts of the messages that are found at once.
    async fn finds(&self, text: &str) -> Vec<String> {
        let page = self.search(json!({ "first": 100 }), text).await;
        texts(&page)
    }

    /// Waits until these texts are what is found, the newest first.
    async fn will_find(&self, text: &str, expected: &[&str]) {
        eventually(&format!("{text} finds {expected:?}"), async || {
            self.finds(text).await == expected
        })
        .await;
    }
}

fn texts(page: &Value) -> Vec<String> {
    let nodes = page["nodes"].as_array().expect("a list").iter();
    nodes
        .map(|node| node["body"].as_str().expect("a text").to_owned())
        .collect()
}

/// How one names the conversation with someone.
fn with(peer: &Client) -> Value {
    json!({ "userId": peer.id })
}

/// Three people.
async fn three(app: &TestApp) -> (Client, Client, Client) {
    tokio::join!(app.user("ann"), app.user("bob"), app.user("eve"))
}
