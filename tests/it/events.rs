//! The stream of events: what it tells of all that happens in conversations, to whom, in which order, and from where.

mod collapsing;
mod conversations;
mod cursors;
mod joining;
mod lagging;
mod order;
mod own;
mod reading;
mod servers;

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        acts::{in_group, text, with},
        feed::{Feed, Scope, Window, state},
        record::Said,
        store::{StoreKind, mongo_is_there},
        ws::Ws,
    },
};

/// Three people.
async fn three(app: &TestApp) -> (Client, Client, Client) {
    tokio::join!(app.user("ann"), app.user("bob"), app.user("cleo"))
}

/// Says something to someone.
async fn say(sender: &Client, receiver: &Client, body: &str) -> Said {
    let input = json!({ "to": with(receiver), "body": body });
    sender.say(input).await
}

/// What comes up to and including an event that is awaited.
async fn until(feed: &mut Feed, last: &str) -> Vec<String> {
    let mut told = Vec::new();
    while told.last().is_none_or(|told| told != last) {
        told.push(feed.told().await);
        assert!(told.len() < 10_000, "no end of {told:?}");
    }
    told
}
