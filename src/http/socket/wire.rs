//! A WebSocket's two directions in one task: what is to be written waits in a bounded outbox, and reading goes on
//! while a write is stuck.

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
};

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures_util::{Sink, SinkExt, StreamExt};
use tokio::time::Instant;

use super::bell::Bell;

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
    /// Nothing to react to, but it lives.
    Alive,
    /// A message over the limit.
    TooBig,
    /// A text that is not UTF-8.
    NotUtf8,
    /// Bytes that are no frame, or one that may not come now.
    Malformed,
    /// A close, an error, or the end of the connection.
    Gone,
}

impl From<axum::Error> for Received {
    fn from(error: axum::Error) -> Self {
        use tungstenite::{Error, error::ProtocolError};
        let cause = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref());
        match cause {
            Some(Error::Capacity(_)) => Self::TooBig,
            Some(Error::Utf8(_)) => Self::NotUtf8,
            Some(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => Self::Gone,
            Some(Error::Protocol(_)) => Self::Malformed,
            _ => Self::Gone,
        }
    }
}

/// A WebSocket with its outbox.
pub(super) struct Wire {
    socket: WebSocket,
    /// Rings when there may be something to read.
    bell: Arc<Bell>,
    outbox: VecDeque<Message>,
    waiting_bytes: usize,
    flushing: bool,
    /// Pongs that the library has queued since everything was last handed to the network.
    pongs: usize,
    /// Whether what comes can no longer be read.
    unreadable: bool,
    /// Whether the client has closed: nothing may be written behind the library's answer.
    closed: bool,
    /// Since when nothing that waits has moved.
    stuck_since: Option<Instant>,
}

impl Wire {
    pub(super) fn new(socket: WebSocket) -> Self {
        Self {
            socket,
            bell: Bell::new(),
            outbox: VecDeque::new(),
            waiting_bytes: 0,
            flushing: false,
            pongs: 0,
            unreadable: false,
            closed: false,
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
        if self.closed {
            return;
        }
        self.waiting_bytes += size(&message);
        self.outbox.push_back(message);
    }

    /// Whether there is room for another event.
    pub(super) fn has_room(&self) -> bool {
        !self.closed && self.outbox.len() < ROOM_FOR_EVENTS && self.waiting_bytes < ROOM_IN_BYTES
    }

    /// Whether everything was handed to the network.
    pub(super) fn is_drained(&self) -> bool {
        self.outbox.is_empty() && !self.flushing
    }

    /// Since when writing has been stuck, if it is.
    pub(super) fn stuck_since(&self) -> Option<Instant> {
        self.stuck_since
    }

    /// The next thing that the client does. Pending as well while too much waits to be written: whoever does not read
    /// is not read either.
    pub(super) fn poll_read(&mut self, context: &Context<'_>) -> Poll<Received> {
        if self.outbox.len() + self.pongs >= ROOM_FOR_ANSWERS || self.waiting_bytes >= ROOM_IN_BYTES
        {
            return Poll::Pending;
        }
        let socket = &mut self.socket;
        let read = self
            .bell
            .poll(context, |context| socket.poll_next_unpin(context));
        read.map(|read| match read {
            Some(Ok(Message::Text(text))) => Received::Text(text),
            Some(Ok(Message::Binary(_))) => Received::Binary,
            Some(Ok(Message::Ping(_))) => {
                // The library has queued its pong, which goes out with the next flush.
                self.pongs += 1;
                self.flushing = true;
                Received::Alive
            }
            Some(Ok(Message::Pong(_))) => Received::Alive,
            Some(Ok(Message::Close(_))) => {
                // The library has queued the answer, which goes out with the next flush.
                self.closed = true;
                self.outbox.clear();
                self.waiting_bytes = 0;
                self.flushing = true;
                Received::Alive
            }
            Some(Err(error)) => {
                self.unreadable = true;
                error.into()
            }
            None => Received::Gone,
        })
    }

    /// Writes what waits, as far as the network takes it, `now`.
    ///
    /// # Errors
    /// The connection is gone.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        now: Instant,
    ) -> Result<(), axum::Error> {
        let mut socket = std::pin::Pin::new(&mut self.socket);
        while let Some(message) = self.outbox.front() {
            if socket.as_mut().poll_ready(context)?.is_pending() {
                self.stuck_since.get_or_insert(now);
                return Ok(());
            }
            self.waiting_bytes -= size(message);
            if let Some(message) = self.outbox.pop_front() {
                socket.as_mut().start_send(message)?;
            }
            self.flushing = true;
            self.stuck_since = None;
        }
        if self.flushing {
            if socket.poll_flush(context)?.is_pending() {
                self.stuck_since.get_or_insert(now);
                return Ok(());
            }
            self.flushing = false;
            self.pongs = 0;
        }
        self.stuck_since = None;
        Ok(())
    }

    /// Says goodbye and waits until the other end has, without a time limit of its own.
    pub(super) async fn close(mut self, code: u16, reason: String) {
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
            if self.unreadable {
                // To hang up on what was not read would reset the connection, and take the close from the client.
                std::future::pending::<()>().await;
            }
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
