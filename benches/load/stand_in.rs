//! What the server is compared with, served by this program in a process of its own: a broadcast without GraphQL,
//! and the subscription that async-graphql-axum brings.

use std::sync::Arc;

use async_graphql::{EmptyMutation, ID, Object, Schema, SimpleObject, Subscription};
use async_graphql_axum::GraphQLSubscription;
use axum::{
    Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::{any, get, post},
};
use chinwag::domain::{MessageId, Timestamp, UserId};
use clap::ValueEnum;
use futures_util::{Stream, StreamExt, future};
use serde_json::json;
use tokio::{net::TcpListener, sync::broadcast};
use tokio_stream::wrappers::BroadcastStream;

use crate::Result;

/// Frames that may wait; nobody broadcasts before the last one has arrived.
const RING: usize = 16;
/// As the server has it.
const READ_BUFFER: usize = 4 * 1_024;

/// Which one.
#[derive(Clone, Copy, ValueEnum)]
pub enum StandIn {
    Bare,
    Stock,
}

impl StandIn {
    /// As an argument of this program.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Stock => "stock",
        }
    }
}

/// Serves at `/graphql` what `/broadcast` is sent, until the process is killed.
pub async fn serve(stand_in: StandIn) -> Result<()> {
    let router = match stand_in {
        StandIn::Bare => {
            let (frames, _) = broadcast::channel(RING);
            let send = |State(frames): State<broadcast::Sender<Arc<str>>>, body: String| async move {
                // Whether anyone listens is the caller's to know.
                let _ = frames.send(frame(&body).into());
                "sent"
            };
            Router::new()
                .route("/graphql", any(bare))
                .route("/broadcast", post(send))
                .route("/metrics", get(count))
                .with_state(frames)
        }
        StandIn::Stock => {
            let (messages, _) = broadcast::channel(RING);
            let schema = Schema::build(Query, EmptyMutation, Listen)
                .data(messages.clone())
                .finish();
            let send = |State(messages): State<broadcast::Sender<NewMessage>>, body: String| async move {
                let _ = messages.send(NewMessage::new(body));
                "sent"
            };
            Router::new()
                .route("/broadcast", post(send))
                .route("/metrics", get(count))
                .with_state(messages)
                .route_service("/graphql", GraphQLSubscription::new(schema))
        }
    };
    let router = router.route("/healthz", get(|| async { "ok" }));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("serves on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}

async fn count<T>(State(listeners): State<broadcast::Sender<T>>) -> String {
    format!("chinwag_subscriptions {}\n", listeners.receiver_count())
}

async fn bare(
    State(frames): State<broadcast::Sender<Arc<str>>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .protocols(["graphql-transport-ws"])
        .on_upgrade(move |socket| forward(socket, frames))
}

/// Greets, and writes every frame from the subscription on.
async fn forward(mut socket: WebSocket, frames: broadcast::Sender<Arc<str>>) {
    let ack = Message::Text(r#"{"type":"connection_ack"}"#.into());
    if socket.recv().await.is_none() || socket.send(ack).await.is_err() {
        return;
    }
    if socket.recv().await.is_none() {
        return;
    }
    let mut broadcast = frames.subscribe();
    loop {
        tokio::select! {
            frame = broadcast.recv() => {
                let Ok(frame) = frame else { return };
                if socket.send(Message::Text((&*frame).into())).await.is_err() {
                    return;
                }
            }
            received = socket.recv() => if !matches!(received, Some(Ok(_))) {
                return;
            }
        }
    }
}

/// The frame that the server would send.
fn frame(body: &str) -> String {
    let NewMessage { cursor, message } = NewMessage::new(body.to_owned());
    let sender = json!({ "id": message.sender.id, "username": message.sender.username });
    let message = json!({
        "id": message.id, "body": message.body, "sender": sender, "sentAt": message.sent_at,
    });
    let data = json!({ "newMessage": { "cursor": cursor, "message": message } });
    json!({ "id": "1", "type": "next", "payload": { "data": data } }).to_string()
}

#[derive(Clone, SimpleObject)]
struct NewMessage {
    cursor: String,
    message: Posted,
}

#[derive(Clone, SimpleObject)]
struct Posted {
    id: ID,
    body: String,
    sender: Sender,
    sent_at: String,
}

#[derive(Clone, SimpleObject)]
struct Sender {
    id: ID,
    username: String,
}

impl NewMessage {
    fn new(body: String) -> Self {
        let sender = Sender {
            id: UserId::new().to_string().into(),
            username: "person00000".into(),
        };
        let message = Posted {
            id: MessageId::new().to_string().into(),
            body,
            sender,
            sent_at: Timestamp::now().to_string(),
        };
        Self {
            cursor: "AAAAAAAAAAEqAAAAAAAAAAAAAAA".into(),
            message,
        }
    }
}

struct Query;

#[Object]
impl Query {
    async fn ready(&self) -> bool {
        true
    }
}

struct Listen;

#[Subscription]
impl Listen {
    async fn new_message(
        &self,
        ctx: &async_graphql::Context<'_>,
    ) -> async_graphql::Result<impl Stream<Item = NewMessage> + use<>> {
        let messages = ctx.data::<broadcast::Sender<NewMessage>>()?;
        let stream = BroadcastStream::new(messages.subscribe());
        Ok(stream.filter_map(|message| future::ready(message.ok())))
    }
}
