//! A WebSocket's two directions in one task: what is to be written waits in a bounded outbox, and reading goes on
//! while a write is stuck.

use std::{
    collections::VecDeque,
    future::poll_fn,
    task::{Context, Poll},
};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{Sink, SinkExt, StreamExt};
use tokio::time::Instant;

/// Frames that may wait before nothing more is taken from subscriptions.
const ROOM_FOR_EVENTS: usize = 8;
/// Frames that may wait before nothing more is read, so that whoever only asks and never reads is held up.
const ROOM_FOR_ANSWERS: usize = 64;
/// Bytes that may wait before nothing more is taken from anywhere.
const ROOM_IN_BYTES: usize = 1024 * 1024;

/// What a WebSocket's client did.
pub(super) enum Received {
    Text(axum::extract::ws::Utf8Bytes),
    Binary,
    /// A ping or a pong: it lives.
    Alive,
    /// A message over the limit.
    TooBig,
    /// A close, an error, or the end of the connection.
    Gone,
}

/// A WebSocket with its outbox.
pub(super) struct Wire {
    socket: WebSocket,
    outbox: VecDeque<Message>,
    waiting_bytes: usize,
    flushing: bool,
    /// Since when nothing that waits has moved.
    stuck_since: Option<Instant>,
}

impl Wire {
    pub(super) fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            outbox: VecDeque::new(),
            waiting_bytes: 0,
            flushing: false,
            stuck_since: None,
        }
    }

    /// Lets a text wait to be written.
    pub(super) fn send(&mut self, text: String) {
        self.push(Message::Text(text.into()));
    }

    /// Lets a WebSocket ping wait to be written.
    pub(super) fn ping(&mut self) {
        self.push(Message::Ping(axum::body::Bytes::new()));
    }

    fn push(&mut self, message: Message) {
        self.waiting_bytes += size(&message);
        self.outbox.push_back(message);
        self.stuck_since.get_or_insert_with(Instant::now);
    }

    /// Whether there is room for another event.
    pub(super) fn has_room(&self) -> bool {
        self.outbox.len() < ROOM_FOR_EVENTS && self.waiting_bytes < ROOM_IN_BYTES
    }

    /// Whether everything was handed to the network.
    pub(super) fn is_drained(&self) -> bool {
        self.outbox.is_empty() && !self.flushing
    }

    /// Since when writing has been stuck, if it is.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.stuck_since
    }

    /// Writes what waits and gives the next thing that the client does. Losing the future loses nothing.
    pub(super) async fn next(&mut self) -> Received {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        if self.poll_write(context).is_err() {
            return Poll::Ready(Received::Gone);
        }
        if self.outbox.len() >= ROOM_FOR_ANSWERS || self.waiting_bytes >= ROOM_IN_BYTES {
            return Poll::Pending;
        }
        let Poll::Ready(read) = self.socket.poll_next_unpin(context) else {
            return Poll::Pending;
        };
        Poll::Ready(match read {
            Some(Ok(Message::Text(text))) => Received::Text(text),
            Some(Ok(Message::Binary(_))) => Received::Binary,
            Some(Ok(Message::Ping(_))) => {
                // Its pong is queued below and goes out with the next flush.
                self.flushing = true;
                Received::Alive
            }
            Some(Ok(Message::Pong(_))) => Received::Alive,
            Some(Err(error)) if is_too_big(&error) => Received::TooBig,
            Some(Ok(Message::Close(_)) | Err(_)) | None => Received::Gone,
        })
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Result<(), axum::Error> {
        let mut socket = std::pin::Pin::new(&mut self.socket);
        while let Some(message) = self.outbox.front() {
            match socket.as_mut().poll_ready(context)? {
                Poll::Ready(()) => {
                    self.waiting_bytes -= size(message);
                    if let Some(message) = self.outbox.pop_front() {
                        socket.as_mut().start_send(message)?;
                    }
                    self.flushing = true;
                    self.stuck_since = Some(Instant::now());
                }
                Poll::Pending => return Ok(()),
            }
        }
        if self.flushing && socket.poll_flush(context)?.is_ready() {
            self.flushing = false;
            self.stuck_since = None;
        }
        Ok(())
    }

    /// Says goodbye and waits until the other end has, without a time limit of its own.
    pub(super) async fn close(mut self, code: u16, reason: &'static str) {
        let frame = CloseFrame {
            code,
            reason: reason.into(),
        };
        for message in std::mem::take(&mut self.outbox) {
            if self.socket.feed(message).await.is_err() {
                return;
            }
        }
        if self.socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = self.socket.next().await {}
        }
    }
}

fn size(message: &Message) -> usize {
    match message {
        Message::Text(text) => text.len(),
        Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.len(),
        Message::Close(_) => 0,
    }
}

fn is_too_big(error: &axum::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(tungstenite::Error::Capacity(_)))
}
