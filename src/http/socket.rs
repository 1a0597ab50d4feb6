//! The `graphql-transport-ws` protocol, to the letter of enisdenjo/graphql-ws's PROTOCOL.md: one task a socket.

use std::{
    collections::HashMap,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use axum::{
    extract::ws::{WebSocket, WebSocketUpgrade},
    response::Response,
};
use futures_util::{
    Stream, StreamExt,
    future::OptionFuture,
    stream::{self, AbortHandle, SelectAll},
};
use parking_lot::Mutex;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::{
    Http,
    over_http::viewer,
    socket_message::{ClientMessage, Goodbye, InitPayload, next, object, write},
    socket_wire::{Received, Wire},
};
use crate::{
    auth::Viewer,
    chat::{Connection, Origin},
    domain::Timestamp,
    error::Error,
    graphql::{
        ErrorReply, Hold, OperationKind, Outcome, Params, Payload, RequestContext, RequestId,
    },
};

const SUBPROTOCOL: &str = "graphql-transport-ws";
/// Bytes read ahead for each socket, which is a good part of what an idle one costs; what clients say is mostly shorter.
const READ_BUFFER: usize = 1024;
/// Bytes of an operation's id: clients use numbers or UUIDs.
const MAX_ID: usize = 1_024;
/// How long the other end has to answer a close.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// How long operations under way have to answer when their session ends.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// Why the loop ends.
enum End {
    Close(Goodbye),
    /// The client is gone, or the link is dead: there is nobody to say anything to.
    Cut,
}

/// Answers an upgrade by the request with this id. `token` is what it carried.
pub(super) fn open(
    http: Http,
    upgrade: WebSocketUpgrade,
    token: Option<String>,
    origin: Origin,
    id: RequestId,
) -> Response {
    let limit = http.0.limits.request_bytes;
    let upgrade = upgrade
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_message_size(limit)
        .max_frame_size(limit)
        .protocols([SUBPROTOCOL]);
    let agreed = upgrade.selected_protocol().is_some();
    upgrade.on_upgrade(move |socket| {
        let sockets = http.0.sockets.clone();
        // A box for each part, here and below: whoever waits holds the memory of all that may follow.
        let run: Pin<Box<dyn Future<Output = ()> + Send>> = if agreed {
            let socket = Box::new(Socket::new(http, socket, token, origin, id));
            Box::pin(socket.run())
        } else {
            Box::pin(say_goodbye(Wire::new(socket), Goodbye::Subprotocol, id))
        };
        sockets.track_future(run)
    })
}

async fn say_goodbye(wire: Wire, goodbye: Goodbye, id: RequestId) {
    let (code, reason) = goodbye.frame();
    id.span()
        .in_scope(|| tracing::debug!(code, "closing a socket"));
    // A client that does not answer a close has nothing to say about it.
    let _ = timeout(CLOSE_WAIT, wire.close(code, reason)).await;
}

/// What an operation gives its socket.
enum Event {
    Next(Payload),
    Error(Vec<ErrorReply>),
    Complete,
}

type Events = Pin<Box<dyn Stream<Item = (Arc<str>, Event)> + Send>>;

/// The events of the operation with this id, with an end that can be brought about.
fn events(
    id: &Arc<str>,
    events: impl Stream<Item = Event> + Send + 'static,
) -> (Events, AbortHandle) {
    let (events, abort) = stream::abortable(events.chain(stream::iter([Event::Complete])));
    let id = id.clone();
    (events.map(move |event| (id.clone(), event)).boxed(), abort)
}

/// An operation under way.
struct Running {
    abort: AbortHandle,
    subscription: bool,
}

/// Who is at the other end, once it has said so.
struct Greeted {
    viewer: Option<Viewer>,
    connection: Option<Arc<Connection>>,
    had_token: bool,
}

struct Socket {
    id: RequestId,
    http: Http,
    wire: Wire,
    /// Of the upgrade's header or cookie.
    token: Option<String>,
    origin: Origin,
    greeted: Option<Greeted>,
    running: HashMap<Arc<str>, Running>,
    events: SelectAll<Events>,
    opened: Instant,
    heard: Instant,
    pinged: Instant,
    expires: Option<Instant>,
    /// Set when the socket only waits for last answers: until when, and what it says then.
    leaving: Option<(Instant, Goodbye)>,
}

impl Socket {
    fn new(
        http: Http,
        socket: WebSocket,
        token: Option<String>,
        origin: Origin,
        id: RequestId,
    ) -> Self {
        let now = Instant::now();
        Self {
            id,
            http,
            wire: Wire::new(socket),
            token,
            origin,
            greeted: None,
            running: HashMap::new(),
            events: SelectAll::new(),
            opened: now,
            heard: now,
            pinged: now,
            expires: None,
            leaving: None,
        }
    }

    async fn run(mut self: Box<Self>) {
        let sockets = self.http.0.metrics.sockets.clone();
        sockets.inc();
        let end = self.serve().await;
        // Before the goodbye: whoever sees the close finds the presence given up.
        self.events.clear();
        self.greeted = None;
        match end {
            End::Close(goodbye) => Box::pin(say_goodbye(self.wire, goodbye, self.id)).await,
            End::Cut => {}
        }
        sockets.dec();
    }

    async fn serve(&mut self) -> End {
        let mut timer = pin!(tokio::time::sleep(Duration::ZERO));
        let mut stopping = pin!(self.http.0.stopping.clone().cancelled_owned());
        let mut revoked = pin!(OptionFuture::default());
        loop {
            if let Some((until, goodbye)) = &self.leaving
                && (*until <= Instant::now() || (self.running.is_empty() && self.wire.is_drained()))
            {
                return End::Close(goodbye.clone());
            }
            let due = match self.turn() {
                Ok(due) => due,
                Err(end) => return end,
            };
            if timer.deadline() != due {
                timer.as_mut().reset(due);
            }
            let leaving = self.leaving.is_some();
            tokio::select! {
                // What there is to tell first, as the link, which has its turn last and whenever the outbox is full, then
                // carries all of it.
                biased;
                Some((id, event)) = self.events.next(), if self.wire.has_room() && !self.events.is_empty() => {
                    self.tell(&id, event);
                }
                Some(()) = &mut revoked, if !leaving => self.leave(LAST_ANSWERS, Goodbye::Forbidden),
                () = &mut stopping, if !leaving => {
                    self.leave(self.http.0.limits.shutdown, Goodbye::Stopping);
                }
                () = timer.as_mut() => {}
                received = self.wire.next() => {
                    if let Received::Room = received {
                        continue;
                    }
                    self.heard = Instant::now();
                    let anonymous = self.connection().is_none();
                    if let Err(end) = self.receive(received).await {
                        return end;
                    }
                    if anonymous && let Some(connection) = self.connection() {
                        revoked.set(Some(connection.revoked()).into());
                    }
                }
            }
        }
    }

    fn connection(&self) -> Option<&Arc<Connection>> {
        self.greeted.as_ref()?.connection.as_ref()
    }

    /// Ends subscriptions and waits for the answers that are under way.
    fn leave(&mut self, wait: Duration, goodbye: Goodbye) {
        self.running.retain(|_, running| {
            if running.subscription {
                running.abort.abort();
            }
            !running.subscription
        });
        self.leaving = Some((Instant::now() + wait, goodbye));
    }

    /// Does what is due and gives the moment at which more is.
    fn turn(&mut self) -> Result<Instant, End> {
        let (now, limits) = (Instant::now(), &self.http.0.limits);
        let mut next = self.heard + limits.silence;
        if next <= now {
            return Err(End::Cut);
        }
        if let Some(since) = self.wire.stuck_since() {
            let cut = since + limits.write_stall;
            if cut <= now {
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
        if let Some((until, _)) = self.leaving {
            next = next.min(until);
        }
        if self.pinged + limits.ping_interval <= now {
            self.pinged = now;
            self.wire.ping();
        }
        Ok(next.min(self.pinged + limits.ping_interval))
    }

    async fn receive(&mut self, received: Received) -> Result<(), End> {
        let text = match received {
            Received::Text(text) => text,
            Received::Alive | Received::Room => return Ok(()),
            Received::Binary => return Err(End::Close(Goodbye::InvalidMessage)),
            Received::TooBig => return Err(End::Close(Goodbye::TooBig)),
            Received::NotUtf8 => return Err(End::Close(Goodbye::NotUtf8)),
            Received::Malformed => return Err(End::Close(Goodbye::Malformed)),
            Received::Gone => return Err(End::Cut),
        };
        let invalid = || End::Close(Goodbye::InvalidMessage);
        let message = serde_json::from_str::<ClientMessage<'_>>(&text).map_err(|_| invalid())?;
        match (message.r#type.as_str(), message.id) {
            ("connection_init", _) => {
                if self.greeted.is_some() {
                    return Err(End::Close(Goodbye::SecondInit));
                }
                let payload = object(message.payload).map_err(|()| invalid())?;
                let span = self.id.span();
                Box::pin(self.greet(payload).instrument(span)).await
            }
            ("ping", _) => {
                object::<serde::de::IgnoredAny>(message.payload).map_err(|()| invalid())?;
                self.wire.send(write(None, "pong", message.payload));
                Ok(())
            }
            ("pong", _) => object::<serde::de::IgnoredAny>(message.payload)
                .map(|_| ())
                .map_err(|()| invalid()),
            ("subscribe", Some(id)) if (1..=MAX_ID).contains(&id.len()) => {
                let params = object::<Params>(message.payload)
                    .ok()
                    .flatten()
                    .ok_or_else(invalid)?;
                self.subscribe(id.into(), params)
            }
            ("complete", Some(id)) if !id.is_empty() => {
                if let Some(running) = self.running.remove(id.as_str()) {
                    running.abort.abort();
                }
                Ok(())
            }
            _ => Err(invalid()),
        }
    }

    async fn greet(&mut self, payload: Option<InitPayload>) -> Result<(), End> {
        let payload = payload.unwrap_or_default();
        let forbidden = End::Close(Goodbye::Forbidden);
        let Ok(explicit) = payload.token() else {
            return Err(forbidden);
        };
        let token = explicit.clone().or_else(|| self.token.take());
        let viewer = match viewer(&self.http, token.as_deref()).await {
            Ok(None) if explicit.is_some() => return Err(forbidden),
            Ok(viewer) => viewer,
            Err(error) => {
                tracing::warn!(?error, "a socket could not be authenticated");
                return Err(End::Close(Goodbye::TryLater));
            }
        };
        let connection = match viewer {
            Some(viewer) => match self.http.0.api.chat().connect(viewer, payload.resume()) {
                Ok(connection) => Some(Arc::new(connection)),
                Err(_) => return Err(End::Close(Goodbye::TooManySockets)),
            },
            None => None,
        };
        self.expires =
            viewer.map(|viewer| Instant::now() + viewer.expires_at.since(Timestamp::now()));
        self.greeted = Some(Greeted {
            viewer,
            connection,
            had_token: token.is_some(),
        });
        self.wire.send(write(None, "connection_ack", None::<()>));
        Ok(())
    }

    fn subscribe(&mut self, id: Arc<str>, params: Params) -> Result<(), End> {
        let Some(greeted) = &self.greeted else {
            return Err(End::Close(Goodbye::Unauthorized));
        };
        if self.running.contains_key(&id) {
            return Err(End::Close(Goodbye::DuplicateId(id)));
        }
        if self.leaving.is_some() {
            return Ok(());
        }
        let api = self.http.0.api.clone();
        let operation = match api.operation(params) {
            Ok(operation) => operation,
            Err(errors) => {
                self.wire.send(write(Some(&id), "error", Some(errors)));
                return Ok(());
            }
        };
        let subscription = operation.kind() == OperationKind::Subscription;
        if !self.has_room_for(subscription) {
            let sentence = "Too many operations are under way on this socket.";
            self.refuse(
                &id,
                Error::RateLimited {
                    message: sentence.into(),
                    retry_after: Duration::from_secs(1),
                },
            );
            return Ok(());
        }
        // Held now, so that whatever this socket sends after this message finds the subscription live.
        let hold = match &greeted.connection {
            Some(connection) if subscription => Hold::take(connection, operation.root_field()),
            _ => None,
        };
        let mut context = RequestContext::new(
            self.id,
            &api,
            greeted.viewer,
            greeted.had_token,
            self.origin,
        );
        context.hold = Mutex::new(hold);
        let context = Arc::new(context);
        // Each in a box of its own: the one that takes more would be the size of both.
        let (events, abort) = if subscription {
            let count = Counted::new(&self.http);
            let outcomes = api.subscribe(operation, context).map(move |outcome| {
                let _while_it_lives = &count;
                match outcome {
                    Outcome::Next(payload) => Event::Next(payload),
                    Outcome::Error(errors) => Event::Error(errors),
                }
            });
            events(&id, outcomes)
        } else {
            let span = self.id.span();
            let answer = stream::once(async move {
                let reply = api.execute(operation, context).instrument(span).await;
                if reply.ran() {
                    Event::Next(Payload::from(&reply))
                } else {
                    Event::Error(reply.errors)
                }
            });
            events(&id, answer)
        };
        self.events.push(events);
        self.running.insert(
            id,
            Running {
                abort,
                subscription,
            },
        );
        Ok(())
    }

    /// Whether one more operation of this kind may run. Those that the client gave up count until they are gone,
    /// which waits while it does not read.
    fn has_room_for(&self, subscription: bool) -> bool {
        let limit = self.http.0.limits.operations_per_socket;
        let alike = self
            .running
            .values()
            .filter(|running| running.subscription == subscription);
        alike.count() < limit && self.events.len() < 4 * limit
    }

    fn refuse(&mut self, id: &str, error: Error) {
        self.wire
            .send(write(Some(id), "error", Some([ErrorReply::from(&error)])));
    }

    /// Writes an operation's event; what ends it frees its id.
    fn tell(&mut self, id: &Arc<str>, event: Event) {
        match event {
            Event::Next(payload) => self.wire.send(next(id, &payload)),
            Event::Error(errors) => {
                self.wire.send(write(Some(id), "error", Some(errors)));
                if let Some(running) = self.running.remove(id) {
                    running.abort.abort();
                }
            }
            Event::Complete => {
                self.wire.send(write(Some(id), "complete", None::<()>));
                self.running.remove(id);
            }
        }
    }
}

/// Counts a subscription for as long as it lives.
struct Counted(Http);

impl Counted {
    fn new(http: &Http) -> Self {
        http.0.metrics.subscriptions.inc();
        Self(http.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.metrics.subscriptions.dec();
    }
}
