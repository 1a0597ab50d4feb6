//! The stream of new messages: where it begins, what it goes on from, and that nothing is lost or told twice.

mod cursors;
mod drops;
mod events;
mod pressure;
mod resuming;

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{
        Client, Reader, TestApp,
        reader::document,
        record::{SAID, Said, delivery_faults, within},
        store::StoreKind,
        ws::Ws,
    },
};

/// How one names the conversation with someone.
fn with(peer: &Client) -> Value {
    json!({ "userId": peer.id })
}

async fn three(app: &TestApp) -> (Client, Client, Client) {
    tokio::join!(app.user("ann"), app.user("bob"), app.user("eve"))
}

/// Where the viewer's stream stands.
async fn stream_cursor(viewer: &Client) -> Value {
    viewer.ok("{ streamCursor }", json!({})).await["streamCursor"].clone()
}

/// Sends so many messages one after the other.
async fn talk(sender: &Client, receiver: &Client, count: usize) -> Vec<Said> {
    let mut said = Vec::new();
    for number in 0..count {
        let body = format!("{} {number} {}", sender.username, uuid::Uuid::new_v4());
        let input = json!({ "to": with(receiver), "body": body });
        said.push(sender.say(input).await);
    }
    said
}

/// Subscribes, and gives the one error that answers it.
async fn refusal(app: &TestApp, viewer: &Client, init: Value, variables: Value) -> Value {
    let mut socket = Ws::open(app.address).await;
    let mut payload = json!({ "token": viewer.token });
    for (key, value) in init.as_object().expect("an object") {
        payload[key] = value.clone();
    }
    socket.init(payload).await;
    socket.subscribe("1", &document(), variables).await;
    let answer = socket.next().await;
    assert_eq!(answer["type"], "error", "{answer}");
    let errors = answer["payload"].as_array().expect("a list");
    assert_eq!(errors.len(), 1, "{answer}");
    // Its id is free again, and nothing else of it comes.
    socket.subscribe("1", "{ __typename }", json!({})).await;
    assert_eq!(socket.next().await["type"], "next");
    assert_eq!(socket.next().await["type"], "complete");
    errors[0].clone()
}
