//! Messages over HTTP: what may be sent, what a retry does, and looking back.

mod history;
mod list;
mod retries;
mod sending;
mod strangers;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    on_both_stores,
    support::{Client, TestApp, store::StoreKind},
};

const SEND: &str =
    "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id seq clientMessageId } }";

/// How one names the conversation with someone.
fn with(peer: &Client) -> Value {
    json!({ "userId": peer.id })
}

fn made_up() -> String {
    Uuid::now_v7().to_string()
}

/// Three people.
async fn three(app: &TestApp) -> (Client, Client, Client) {
    tokio::join!(app.user("ann"), app.user("bob"), app.user("eve"))
}
