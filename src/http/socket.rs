//! The `graphql-transport-ws` protocol, to the letter of enisdenjo/graphql-ws's PROTOCOL.md: one task a socket.

mod bell;
mod handshake;
mod link;
mod message;
mod operations;
mod receiving;
mod wire;

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use axum::response::Response;
use futures_util::future::OptionFuture;
use tokio::time::{Instant, Sleep, timeout};

use self::{
    bell::Bell,
    message::{Goodbye, next, write},
    operations::Operations,
    wire::{Received, Wire},
};
pub(super) use handshake::Handshake;

use super::{Http, who_asks::Client};
use crate::{
    auth::Viewer,
    chat::Connection,
    graphql::{Operation, Outcome, RequestId},
};

const SUBPROTOCOL: &str = "graphql-transport-ws";
/// How long the other end has to answer a close.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// How long operations under way have to answer when their session ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What a socket has to react to.
enum Happened {
    Received(Received),
    /// The operation that was held back can begin.
    Room,
    /// It is to be closed, this much later at most.
    Over(Duration, Goodbye),
    End(End),
}

/// Why the loop ends.
enum End {
    Close(Goodbye),
    /// The client is gone: there is nobody to say anything to.
    Gone,
    /// The link is dead, or its client does not read: it would not hear anything.
    Cut,
}

/// Answers a client's handshake.
pub(super) fn open(http: Http, handshake: Handshake, client: Client) -> Response {
    let Handshake {
        response,
        agreed,
        upgrade,
    } = handshake;
    let sockets = http.0.sockets.clone();
    sockets.clone().spawn(async move {
        let id = client.id;
        let upgraded = match upgrade.await {
            Ok(upgraded) => upgraded,
            Err(error) => {
                id.span()
                    .in_scope(|| tracing::debug!(%error, "a handshake came to nothing"));
                return;
            }
        };
        let wire = Wire::new(upgraded, http.0.limits.request_bytes).await;
        // A task of its own, as the one that upgrades holds more memory than a socket that waits should.
        if agreed {
            let socket = Box::new(Socket::new(http, wire, client));
            sockets.spawn(socket.run());
        } else {
            sockets.spawn(say_goodbye(wire, Goodbye::Subprotocol, id));
        }
    });
    response
}

async fn say_goodbye(wire: Wire, goodbye: Goodbye, id: RequestId) {
    let (code, reason) = goodbye.frame();
    id.span()
        .in_scope(|| tracing::debug!(code, "closing a socket"));
    // A client that does not answer a close has nothing to say about it.
    let _ = timeout(CLOSE_WAIT, wire.close(code, reason)).await;
}

/// Who is at the other end, once it has said so.
struct Greeted {
    viewer: Option<Viewer>,
    connection: Option<Arc<Connection>>,
    had_token: bool,
}

struct Socket {
    http: Http,
    wire: Wire,
    /// Its token is there until it has greeted.
    client: Client,
    greeted: Option<Greeted>,
    operations: Operations,
    /// What came when as many were under way as may be.
    held: Option<Box<(Arc<str>, Operation)>>,
    opened: Instant,
    heard: Instant,
    pinged: Instant,
    expires: Option<Instant>,
    /// Set when the socket only waits for last answers: until when, and what it says then.
    leaving: Option<(Instant, Goodbye)>,
    /// While subscriptions may tell nothing: what completes when they may again.
    silence: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Socket {
    fn new(http: Http, wire: Wire, client: Client) -> Self {
        let now = Instant::now();
        Self {
            http,
            wire,
            client,
            greeted: None,
            operations: Operations::default(),
            held: None,
            opened: now,
            heard: now,
            pinged: now,
            expires: None,
            leaving: None,
            silence: None,
        }
    }

    async fn run(mut self: Box<Self>) {
        let metrics = self.http.0.metrics.clone();
        metrics.sockets.inc();
        let end = self.serve().await;
        // Before the goodbye: whoever sees the close finds the presence given up.
        self.operations.clear();
        self.greeted = None;
        match end {
            End::Close(goodbye) => {
                metrics.socket_closed(goodbye.frame().0);
                Box::pin(say_goodbye(self.wire, goodbye, self.client.id)).await;
            }
            End::Gone => metrics.socket_closed("gone"),
            End::Cut => metrics.socket_closed("cut"),
        }
        metrics.sockets.dec();
    }

    async fn serve(&mut self) -> End {
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        let mut stopping = pin!(self.http.0.stopping.clone().cancelled_owned());
        let mut revoked = pin!(OptionFuture::default());
        let shutdown = self.http.0.limits.shutdown;
        let mut bell = Bell::new();
        loop {
            let mut over = |context: &mut Context<'_>| {
                if let Poll::Ready(Some(())) = revoked.as_mut().poll(context) {
                    return Poll::Ready((LAST_ANSWERS, Goodbye::Forbidden));
                }
                let stopping = stopping.as_mut().poll(context);
                stopping.map(|()| (shutdown, Goodbye::Stopping))
            };
            let happened = poll_fn(|context| {
                self.poll(context, timer.as_mut(), |context| {
                    bell.poll(context, &mut over)
                })
            });
            match happened.await {
                Happened::End(end) => return end,
                Happened::Over(wait, goodbye) => {
                    self.operations.stop_subscriptions();
                    self.leaving = Some((Instant::now() + wait, goodbye));
                }
                Happened::Room => {
                    if let Some(held) = self.held.take()
                        && self.leaving.is_none()
                    {
                        let (id, operation) = *held;
                        self.begin(id, operation);
                    }
                }
                Happened::Received(received) => {
                    self.heard = Instant::now();
                    let anonymous = self.connection().is_none();
                    if let Err(end) = self.receive(received).await {
                        return end;
                    }
                    if anonymous && let Some(connection) = self.connection() {
                        revoked.set(Some(connection.revoked()).into());
                        bell = Bell::new();
                    }
                }
            }
        }
    }

    /// Writes what came of the operations, and then waits for something else that happens: a message, an end, a moment
    /// at which something is due. Operations come first, so that one write carries all that came of them.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut timer: Pin<&mut Sleep>,
        mut over: impl FnMut(&Context<'_>) -> Poll<(Duration, Goodbye)>,
    ) -> Poll<Happened> {
        loop {
            let silent = self.poll_silence(context).is_pending();
            while self.wire.has_room()
                && let Poll::Ready((id, outcome)) = self.operations.poll_next(context, silent)
            {
                self.tell(&id, outcome);
            }
            if !self.wire.has_room() {
                self.operations.go_on(context, silent);
            }
            let now = Instant::now();
            if self.pinged + self.http.0.limits.ping_interval <= now {
                self.pinged = now;
                self.wire.ping();
            }
            let was_full = !self.wire.has_room();
            if self.wire.poll_write(context, now).is_err() {
                return Poll::Ready(Happened::End(End::Gone));
            }
            if was_full && self.wire.has_room() {
                continue;
            }
            if self.leaving.is_none()
                && let Poll::Ready((wait, goodbye)) = over(context)
            {
                return Poll::Ready(Happened::Over(wait, goodbye));
            }
            let due = match self.due(now) {
                Ok(due) => due,
                Err(end) => return Poll::Ready(Happened::End(end)),
            };
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            if timer.as_mut().poll(context).is_pending() {
                // Nothing behind it is read before it runs.
                if self.held.is_some() {
                    return if self.is_busy() {
                        Poll::Pending
                    } else {
                        Poll::Ready(Happened::Room)
                    };
                }
                return self.wire.poll_read(context).map(Happened::Received);
            }
        }
    }

    /// Whether so many queries and mutations are under way that the next begins when one of them has ended.
    fn is_busy(&self) -> bool {
        self.operations.count(false) >= self.http.0.limits.operations_per_socket
    }

    /// Pending while subscriptions may tell nothing, see [`Connection::may_tell`].
    fn poll_silence(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let greeted = self.greeted.as_ref();
        let connection = greeted.and_then(|greeted| greeted.connection.as_ref());
        let Some(connection) = connection.filter(|connection| !connection.may_tell()) else {
            self.silence = None;
            return Poll::Ready(());
        };
        let silence = self
            .silence
            .get_or_insert_with(|| Box::pin(connection.can_tell()));
        let over = silence.as_mut().poll(context);
        if over.is_ready() {
            self.silence = None;
        }
        over
    }

    fn connection(&self) -> Option<&Arc<Connection>> {
        self.greeted.as_ref()?.connection.as_ref()
    }

    /// The next moment at which something is due; an end, when it is time for that.
    fn due(&self, now: Instant) -> Result<Instant, End> {
        let limits = &self.http.0.limits;
        let mut next = (self.heard + limits.silence).min(self.pinged + limits.ping_interval);
        if self.heard + limits.silence <= now {
            return Err(End::Cut);
        }
        if let Some(since) = self.wire.stuck_since() {
            let cut = since + limits.write_stall;
            if cut <= now {
                self.http.0.metrics.slow_readers.websocket.inc();
                return Err(End::Cut);
            }
            next = next.min(cut);
        }
        if self.greeted.is_none() {
            let late = self.opened + limits.connection_init;
            if late <= now {
                return Err(End::Close(Goodbye::InitTimeout));
            }
            next = next.min(late);
        }
        if let Some(expires) = self.expires {
            if expires <= now {
                return Err(End::Close(Goodbye::Forbidden));
            }
            next = next.min(expires);
        }
        if let Some((until, goodbye)) = &self.leaving {
            let done = self.operations.is_empty() && self.wire.is_drained();
            if done || *until <= now {
                return Err(End::Close(goodbye.clone()));
            }
            next = next.min(*until);
        }
        Ok(next)
    }

    /// Lets what came of an operation, or its end, wait to be written.
    fn tell(&mut self, id: &str, outcome: Option<Outcome>) {
        self.wire.send(match outcome {
            Some(Outcome::Next(payload)) => next(id, &payload),
            Some(Outcome::Error(errors)) => write(Some(id), "error", Some(errors)),
            None => write(Some(id), "complete", None::<()>),
        });
    }
}
