//! A subscriber to new messages that remembers what it got.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{
    client::Client,
    record::{SAID, Said},
    ws::Ws,
};

/// A subscription, and everything that came by it.
pub struct Reader {
    pub socket: Ws,
    /// What came, on this socket and the ones before it.
    pub got: Vec<Said>,
    /// The last event's.
    pub cursor: Option<String>,
}

/// The subscription that a reader makes.
pub fn document() -> String {
    format!(
        "subscription($in: ConversationRef, $after: String) {{
            newMessage(in: $in, after: $after) {{ cursor message {{ {SAID} }} }}
        }}"
    )
}

impl Reader {
    /// Opens a socket at `address` for `client` and subscribes; what is sent from now on will come.
    pub async fn open(address: SocketAddr, client: &Client, variables: Value) -> Self {
        let mut socket = Ws::open(address).await;
        socket.init(json!({ "token": client.token })).await;
        Self::over(socket, variables).await
    }

    /// Subscribes over a socket that was greeted.
    pub async fn over(mut socket: Ws, variables: Value) -> Self {
        socket.subscribe("reader", &document(), variables).await;
        let mut reader = Self {
            socket,
            got: Vec::new(),
            cursor: None,
        };
        reader.settle().await;
        reader
    }

    /// Waits until everything sent before on this socket has taken effect, keeping what comes meanwhile.
    async fn settle(&mut self) {
        for message in self.socket.until_settled().await {
            self.keep(&message);
        }
    }

    /// Goes on from the last cursor over a new socket at `address`; with `by_init` told when the socket is opened,
    /// and with `in` as before.
    pub async fn resume(
        &mut self,
        address: SocketAddr,
        client: &Client,
        by_init: bool,
        only: &Value,
    ) {
        let mut socket = Ws::open(address).await;
        let mut init = json!({ "token": client.token });
        let mut variables = json!({ "in": only });
        if by_init {
            init["resume"] = json!(self.cursor);
        } else {
            variables["after"] = json!(self.cursor);
        }
        socket.init(init).await;
        socket.subscribe("reader", &document(), variables).await;
        self.socket = socket;
    }

    /// Waits for the next message.
    pub async fn next(&mut self) -> Said {
        let message = self.socket.next().await;
        self.keep(&message);
        self.got.last().expect("one came").clone()
    }

    /// Waits until so many have come.
    pub async fn read_to(&mut self, count: usize) {
        while self.got.len() < count {
            self.next().await;
        }
    }

    /// Reads until the link is cut or closed.
    pub async fn read_to_end(&mut self) {
        while let Ok(message) = self.socket.next_or_close().await {
            self.keep(&message);
        }
    }

    /// Takes note of an event.
    pub fn keep(&mut self, message: &Value) {
        assert_eq!(message["id"], "reader", "{message}");
        assert_eq!(message["type"], "next", "{message}");
        let event = &message["payload"]["data"]["newMessage"];
        self.cursor = event["cursor"].as_str().map(str::to_owned);
        assert!(self.cursor.is_some(), "{message}");
        self.got.push(Said::read(&event["message"]));
    }

    /// Makes sure that nothing else comes: what was sent before this call is here.
    pub async fn has_all(mut self) -> Vec<Said> {
        let before = self.got.len();
        self.settle().await;
        assert_eq!(self.got.len(), before, "more than expected: {:?}", self.got);
        self.got
    }
}
