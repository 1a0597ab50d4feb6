//! A WebSocket's two directions in one task: what is to be written waits in a bounded outbox, and reading goes on
//! while a write is stuck.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use tokio::time::Instant;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::ProtocolError,
        protocol::{
            CloseFrame, Role, WebSocketConfig,
            frame::{
                Frame,
                coding::{Data, OpCode},
            },
        },
    },
};

use super::{bell::Bell, link::Link};

/// Bytes read ahead for each socket, which is a good part of what an idle one costs; what clients say is mostly shorter.
const READ_BUFFER: usize = 1024;

/// Frames that may wait before nothing more is taken from subscriptions.
const ROOM_FOR_EVENTS: usize = 8;
/// Frames that may wait before nothing more is read, so that whoever only asks and never reads is held up.
const ROOM_FOR_ANSWERS: usize = 64;
/// Bytes that may wait before nothing more is taken from anywhere.
const ROOM_IN_BYTES: usize = 1024 * 1024;

/// What a WebSocket's client did.
pub(super) enum Received {
    Text(Utf8Bytes),
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

impl From<Error> for Received {
    fn from(error: Error) -> Self {
        match error {
            Error::Capacity(_) => Self::TooBig,
            Error::Utf8(_) => Self::NotUtf8,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Self::Gone,
            Error::Protocol(_) => Self::Malformed,
            _ => Self::Gone,
        }
    }
}

/// A WebSocket with its outbox. The library reads, and writes its answers to pings and closes.
pub(super) struct Wire {
    socket: WebSocketStream<Link>,
    /// Rings when there may be something to read.
    bell: Arc<Bell>,
    outbox: VecDeque<Frame>,
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
    /// Over a connection whose handshake is done, for messages of so many bytes at most.
    pub(super) async fn new(upgraded: Upgraded, longest_message: usize) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(longest_message))
            .max_frame_size(Some(longest_message));
        let link = Link::new(upgraded);
        Self {
            socket: WebSocketStream::from_raw_socket(link, Role::Server, Some(config)).await,
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
        self.push(Frame::message(text, OpCode::Data(Data::Text), true));
    }

    /// Lets a WebSocket ping wait to be written.
    pub(super) fn ping(&mut self) {
        self.push(Frame::ping(Bytes::new()));
    }

    fn push(&mut self, frame: Frame) {
        if self.closed {
            return;
        }
        self.waiting_bytes += frame.payload().len();
        self.outbox.push_back(frame);
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
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Received::Alive,
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
    ) -> Result<(), Error> {
        while !self.is_drained() {
            // Before each frame as well, so that it does not go into the middle of something.
            if self.socket.poll_flush_unpin(context)?.is_pending() {
                self.stuck_since.get_or_insert(now);
                return Ok(());
            }
            self.flushing = false;
            self.pongs = 0;
            if let Some(frame) = self.outbox.pop_front() {
                self.waiting_bytes -= frame.payload().len();
                self.socket.get_mut().send(frame)?;
                self.flushing = true;
            }
            self.stuck_since = None;
        }
        Ok(())
    }

    /// Says goodbye and waits until the other end has, without a time limit of its own.
    pub(super) async fn close(mut self, code: u16, reason: String) {
        let written = poll_fn(|context| match self.poll_write(context, Instant::now()) {
            Ok(()) if !self.is_drained() => Poll::Pending,
            written => Poll::Ready(written),
        });
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        if written.await.is_ok() && self.socket.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = self.socket.next().await {}
            if self.unreadable {
                // To hang up on what was not read would reset the connection, and take the close from the client.
                std::future::pending::<()>().await;
            }
        }
    }
}
