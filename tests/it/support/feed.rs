//! A subscription to what happens in conversations, which makes sure that each event names the one before it.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{
    acts::{self, MESSAGE},
    client::Client,
    ws::{PATIENCE, Ws},
};

/// The windows on the stream of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Events,
    NewMessage,
    MessageChanged,
}

impl Window {
    pub const ALL: [Self; 3] = [Self::Events, Self::NewMessage, Self::MessageChanged];

    pub fn document(self) -> String {
        let (field, selection) = match self {
            Self::Events => (
                "events",
                format!(
                    "__typename cursor previous
                    ... on NewMessage {{ message {{ {MESSAGE} }} }}
                    ... on MessageChanged {{ message {{ {MESSAGE} }} }}
                    ... on ConversationChanged {{ conversation {{
                        id kind title memberCount unreadCount members {{ role user {{ id username }} }}
                    }} }}
                    ... on ConversationLeft {{ conversationId }}
                    ... on ConversationRead {{
                        conversation {{ id unreadCount }} reader {{ id username }} lastRead {{ id seq }}
                    }}"
                ),
            ),
            Self::NewMessage => (
                "newMessage",
                format!("__typename cursor previous message {{ {MESSAGE} }}"),
            ),
            Self::MessageChanged => (
                "messageChanged",
                format!("__typename cursor previous message {{ {MESSAGE} }}"),
            ),
        };
        format!(
            "subscription($in: ConversationRef, $after: String) {{
                {field}(in: $in, after: $after) {{ {selection} }}
            }}"
        )
    }
}

/// Where a subscription looks and begins.
#[derive(Clone, Debug)]
pub struct Scope {
    pub window: Window,
    /// Only there, or everywhere when null.
    pub only: Value,
    /// A cursor, or from now on when null.
    pub after: Value,
}

impl Scope {
    /// Everywhere, from now on.
    pub fn all(window: Window) -> Self {
        Self {
            window,
            only: Value::Null,
            after: Value::Null,
        }
    }

    pub fn only(self, only: Value) -> Self {
        Self { only, ..self }
    }

    pub fn after(self, after: Value) -> Self {
        Self { after, ..self }
    }
}

/// An open subscription.
pub struct Feed {
    pub socket: Ws,
    pub scope: Scope,
    viewer: Client,
    /// The last event's, or where it began; null until that is known.
    pub cursor: Value,
    /// The last event.
    pub last: Value,
}

impl Feed {
    /// Everything that happens from now on.
    pub async fn live(address: SocketAddr, viewer: &Client) -> Self {
        Self::open(address, viewer, Scope::all(Window::Events)).await
    }

    /// A subscription over a socket of its own. Without a cursor what happens once this has returned will come.
    pub async fn open(address: SocketAddr, viewer: &Client, scope: Scope) -> Self {
        Self::greeted(address, viewer, scope, Value::Null).await
    }

    /// The same over a socket that was opened with `resume`.
    pub async fn greeted(
        address: SocketAddr,
        viewer: &Client,
        scope: Scope,
        resume: Value,
    ) -> Self {
        let mut socket = Ws::open(address).await;
        socket
            .init(json!({ "token": viewer.token, "resume": resume }))
            .await;
        let begins_now = scope.after.is_null() && resume.is_null();
        let mut feed = Self::over(socket, viewer, scope).await;
        if begins_now {
            feed.socket.settle().await;
        }
        feed
    }

    /// A subscription over a socket that was greeted, which may not have taken effect yet.
    pub async fn over(mut socket: Ws, viewer: &Client, scope: Scope) -> Self {
        let variables = json!({ "in": scope.only, "after": scope.after });
        let document = scope.window.document();
        socket.subscribe("feed", &document, variables).await;
        Self {
            cursor: scope.after.clone(),
            socket,
            scope,
            viewer: viewer.clone(),
            last: Value::Null,
        }
    }

    /// Goes on from the last event over a new socket, which may be another server's. What came meanwhile was missed.
    pub async fn resume(&mut self, address: SocketAddr) {
        assert!(self.cursor.is_string(), "there is something to go on from");
        let scope = self.scope.clone().after(self.cursor.clone());
        *self = Self::open(address, &self.viewer, scope).await;
    }

    /// The next event; it names the one before it.
    pub async fn next(&mut self) -> Value {
        let data = self.socket.event("feed").await;
        self.keep(&data)
    }

    /// Takes in the data of an event, which names the one before it.
    pub fn keep(&mut self, data: &Value) -> Value {
        let event = data.as_object().and_then(|data| data.values().next());
        let event = event.expect("an event").clone();
        assert!(event["previous"].is_string() && event["cursor"].is_string());
        if self.cursor.is_string() {
            assert_eq!(event["previous"], self.cursor, "{event}");
        }
        // Whether a mark has a cursor of its own is for a test of that alone.
        if event["__typename"] != "ConversationRead" {
            assert_ne!(event["previous"], event["cursor"], "{event}");
        }
        self.cursor = event["cursor"].clone();
        self.last = event.clone();
        event
    }

    /// The next event in a few words.
    pub async fn told(&mut self) -> String {
        brief(&self.next().await)
    }

    /// Makes sure that these come next.
    pub async fn tells<T: AsRef<str>>(&mut self, expected: &[T]) {
        let viewer = self.viewer.username.clone();
        for (number, expected) in expected.iter().enumerate() {
            let expected = expected.as_ref();
            let told = tokio::time::timeout(PATIENCE / 2, self.told()).await;
            let told = told.unwrap_or_else(|_| panic!("{viewer} is not told {expected:?}"));
            assert_eq!(told, expected, "event {number} of {viewer}: {}", self.last);
        }
    }

    /// What comes until the server ends it, in a few words, and the code that it ends with.
    pub async fn ended(&mut self) -> (Vec<String>, Value) {
        let mut told = Vec::new();
        loop {
            let message = self.socket.message_of("feed").await;
            if message["type"] == "error" {
                return (told, message["payload"][0]["extensions"]["code"].clone());
            }
            assert_eq!(message["type"], "next", "{message}");
            assert!(message["payload"].get("errors").is_none(), "{message}");
            told.push(brief(&self.keep(&message["payload"]["data"])));
        }
    }

    /// What comes until the server closes the socket, in a few words, and the code that it closes with.
    pub async fn closed(&mut self) -> (Vec<String>, Option<u16>) {
        let mut told = Vec::new();
        loop {
            match self.socket.next_or_close().await {
                Err(code) => return (told, code),
                Ok(message) if message["type"] == "next" => {
                    told.push(brief(&self.keep(&message["payload"]["data"])));
                }
                Ok(_) => {}
            }
        }
    }

    /// The code of the error that answers the subscription, and the argument that it names.
    pub async fn refused(&mut self) -> (Value, Value) {
        let message = self.socket.message_of("feed").await;
        assert_eq!(message["type"], "error", "{message}");
        let extensions = &message["payload"][0]["extensions"];
        (extensions["code"].clone(), extensions["field"].clone())
    }
}

/// An event in a few words: `"new hello"`, `"changed hello (edited) 👍×2"`, `"conversation tea: ann* bob"`, `"left"`,
/// `"bob read 3"`.
pub fn brief(event: &Value) -> String {
    match event["__typename"].as_str().expect("a type") {
        "NewMessage" => format!("new {}", state(&event["message"])),
        "MessageChanged" => format!("changed {}", state(&event["message"])),
        "ConversationChanged" => {
            let conversation = &event["conversation"];
            let title = conversation["title"].as_str().unwrap_or("direct");
            format!("conversation {title}: {}", acts::members(conversation))
        }
        "ConversationLeft" => "left".to_owned(),
        "ConversationRead" => {
            let name = event["reader"]["username"].as_str().expect("a name");
            format!("{name} read {}", event["lastRead"]["seq"])
        }
        other => panic!("what is {other}?"),
    }
}

/// A message's state in a few words.
pub fn state(message: &Value) -> String {
    let mut words = String::new();
    if message["deletedAt"].is_null() {
        words.push_str(message["body"].as_str().expect("a body"));
        if message["editedAt"].is_string() {
            words.push_str(" (edited)");
        }
    } else {
        assert_eq!(message["body"], "", "the body is gone: {message}");
        words.push_str("(deleted)");
    }
    for reaction in message["reactions"].as_array().expect("a list") {
        let emoji = reaction["emoji"].as_str().expect("an emoji");
        words.extend([" ", emoji, "×", &reaction["count"].to_string()]);
    }
    words
}
