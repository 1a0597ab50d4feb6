//! Many who listen with the very same document: what one subscriber is told is never what only another may see.
//!
//! Everyone here sends the same text, the same variables and the same ids unless a test is about a difference, from
//! several sockets each, so that whatever a server makes once for many is made once for these.

mod cursors;
mod ends;
mod own;
mod people;
mod presence;
mod sse;
mod texts;
mod variables;

use std::collections::HashMap;

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::support::{Client, TestApp, ws::Ws};

/// What every socket calls its subscription.
const ID: &str = "1";
/// Sockets of each person.
const SOCKETS: usize = 3;

/// The data of an event of `newMessage` whose message has these fields.
fn told(message: &Value) -> Value {
    json!({ "newMessage": { "message": message } })
}

/// How one names the conversation with someone.
fn with(peer: &Client) -> Value {
    json!({ "userId": peer.id })
}

async fn three(app: &TestApp) -> [Client; 3] {
    let (ann, bob, eve) = tokio::join!(app.user("ann"), app.user("bob"), app.user("eve"));
    [ann, bob, eve]
}

/// Sends a message by a name that its sender's client chose.
async fn say(sender: &Client, receiver: &Client, body: &str, client_id: &str) -> Value {
    let input = json!({ "to": with(receiver), "body": body, "clientMessageId": client_id });
    let reply = sender.post(input).await;
    assert!(reply.get("errors").is_none(), "{reply}");
    reply["data"]["sendMessage"].clone()
}

/// One person's socket, with subscriptions.
struct Listener {
    viewer: Client,
    socket: Ws,
    /// How many subscriptions give an event for each message.
    subscriptions: usize,
}

impl Listener {
    /// A socket of `viewer` with these subscriptions, each a payload of graphql-transport-ws, numbered from 1; what
    /// happens from now on will come.
    async fn open(app: &TestApp, viewer: &Client, payloads: &[Value]) -> Self {
        let mut socket = app.socket(viewer).await;
        for (id, payload) in (1..).zip(payloads) {
            let id = format!("{id}");
            socket
                .send(json!({ "id": id, "type": "subscribe", "payload": payload }))
                .await;
        }
        socket.settle().await;
        Self {
            viewer: viewer.clone(),
            socket,
            subscriptions: payloads.len(),
        }
    }

    /// The same with one subscription, which may have something to give at once.
    async fn begin(app: &TestApp, viewer: &Client, payload: &Value) -> Self {
        let mut socket = app.socket(viewer).await;
        socket
            .send(json!({ "id": ID, "type": "subscribe", "payload": payload }))
            .await;
        Self {
            viewer: viewer.clone(),
            socket,
            subscriptions: 1,
        }
    }

    fn is(&self, someone: &Client) -> bool {
        self.viewer.id == someone.id
    }

    /// The data of one event of each subscription, by their ids: nobody gets another's, or one twice.
    async fn round(&mut self) -> HashMap<String, Value> {
        let mut events = HashMap::new();
        while events.len() < self.subscriptions {
            let (id, data) = data(&self.socket.next().await);
            let before = events.insert(id, data);
            assert_eq!(before, None, "two events for one message");
        }
        events
    }

    /// The data of the next event of the only subscription.
    async fn next(&mut self) -> Value {
        let (id, data) = data(&self.socket.next().await);
        assert_eq!(id, ID);
        data
    }

    /// The next message of the socket as it was written.
    async fn frame(&mut self) -> String {
        let next = async {
            loop {
                let message = futures_util::StreamExt::next(&mut self.socket.0).await;
                if let Message::Text(text) = message.expect("open").expect("a message") {
                    return text.as_str().to_owned();
                }
            }
        };
        tokio::time::timeout(crate::support::ws::PATIENCE, next)
            .await
            .expect("something comes")
    }
}

/// The id and the data of an event, which has nothing else.
fn data(message: &Value) -> (String, Value) {
    let id = message["id"].as_str().expect("an id").to_owned();
    let data = message["payload"]["data"].clone();
    let whole = json!({ "id": id, "type": "next", "payload": { "data": data } });
    assert_eq!(*message, whole);
    (id, data)
}

/// Some sockets of each of these people, all with the same subscriptions.
async fn audience(app: &TestApp, people: &[&Client], payloads: &[Value]) -> Vec<Listener> {
    let mut audience = Vec::new();
    // In turns, so that nobody's sockets come all before another's.
    for _ in 0..SOCKETS {
        for viewer in people {
            audience.push(Listener::open(app, viewer, payloads).await);
        }
    }
    audience
}

/// A subscription without variables.
fn payload(document: &str) -> Value {
    json!({ "query": document })
}
