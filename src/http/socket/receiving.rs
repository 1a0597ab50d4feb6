//! What comes of a client's messages.

use std::{sync::Arc, time::Duration};

use futures_util::stream;
use tokio::time::Instant;
use tracing::Instrument;

use super::{
    End, Greeted, Socket,
    message::{ClientMessage, Goodbye, InitPayload, object, write},
    wire::Received,
};
use crate::{
    domain::Timestamp,
    error::Error,
    graphql::{ErrorReply, Operation, OperationKind, Outcome, Params, Payload},
    http::who_asks::viewer,
};

/// Bytes of an operation's id: clients use numbers or UUIDs.
const MAX_ID: usize = 1_024;

impl Socket {
    /// Does what the client says.
    ///
    /// # Errors
    /// The end of the socket, when that is what it comes to.
    pub(super) async fn receive(&mut self, received: Received) -> Result<(), End> {
        let text = match received {
            Received::Text(text) => text,
            Received::Alive => return Ok(()),
            Received::Binary => return Err(End::Close(Goodbye::InvalidMessage)),
            Received::TooBig => return Err(End::Close(Goodbye::TooBig)),
            Received::NotUtf8 => return Err(End::Close(Goodbye::NotUtf8)),
            Received::Malformed => return Err(End::Close(Goodbye::Malformed)),
            Received::Gone => return Err(End::Gone),
        };
        let invalid = || End::Close(Goodbye::InvalidMessage);
        let message = serde_json::from_str::<ClientMessage<'_>>(&text).map_err(|_| invalid())?;
        match (message.r#type.as_str(), message.id) {
            ("connection_init", _) => {
                if self.greeted.is_some() {
                    return Err(End::Close(Goodbye::SecondInit));
                }
                let payload = object(message.payload).map_err(|()| invalid())?;
                let span = self.client.id.span();
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
                self.operations.stop(&id);
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
        let token = explicit.clone().or_else(|| self.client.token.take());
        let believed = payload.viewer();
        let viewer = match viewer(&self.http, token.as_deref(), believed.as_deref()).await {
            Ok(None) if explicit.is_some() => return Err(forbidden),
            Ok(viewer) => viewer,
            Err(Error::ViewerChanged) => return Err(End::Close(Goodbye::ViewerChanged)),
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
        if self.greeted.is_none() {
            return Err(End::Close(Goodbye::Unauthorized));
        }
        if self.operations.has(&id) {
            return Err(End::Close(Goodbye::DuplicateId(id)));
        }
        if self.leaving.is_some() {
            return Ok(());
        }
        let operation = match self.http.0.api.operation(params) {
            Ok(operation) => operation,
            Err(errors) => {
                self.wire.send(write(Some(&id), "error", Some(errors)));
                return Ok(());
            }
        };
        let subscription = operation.kind() == OperationKind::Subscription;
        if subscription && self.operations.count(true) >= self.http.0.limits.operations_per_socket {
            let metrics = &self.http.0.metrics;
            metrics.refused_by("operations_of_socket").inc();
            let sentence = "Too many subscriptions are under way on this socket.";
            self.refuse(
                &id,
                Error::RateLimited {
                    message: sentence.into(),
                    retry_after: Duration::from_secs(1),
                },
            );
            return Ok(());
        }
        if !subscription && self.is_busy() {
            self.held = Some(Box::new((id, operation)));
        } else {
            self.begin(id, operation);
        }
        Ok(())
    }

    /// Begins an operation of a client that has greeted.
    pub(super) fn begin(&mut self, id: Arc<str>, operation: Operation) {
        let Some(greeted) = &self.greeted else {
            return;
        };
        let api = self.http.0.api.clone();
        let subscription = operation.kind() == OperationKind::Subscription;
        let (viewer, had_token) = (greeted.viewer, greeted.had_token);
        let mut context = self.client.context(&self.http, viewer, had_token);
        let connection = greeted.connection.as_ref();
        if subscription {
            let outcomes = api.subscribe(operation, context, connection);
            self.operations.start(id, true, outcomes);
            return;
        }
        let effects = connection.and_then(|connection| connection.effects());
        *context.after.get_mut() = effects.map(Box::new);
        let span = self.client.id.span();
        let checked = connection.map(|connection| connection.check_session());
        let outcome = async move {
            if let Some(checked) = checked
                && let Err(error) = checked.await
            {
                return Outcome::Error(vec![ErrorReply::from(&error)]);
            }
            let reply = api.execute(operation, Arc::new(context)).instrument(span);
            let reply = reply.await;
            if reply.is_cut_off() {
                Outcome::Error(reply.errors)
            } else {
                Outcome::Next(Payload::from(&reply))
            }
        };
        self.operations.start(id, false, stream::once(outcome));
    }

    fn refuse(&mut self, id: &str, error: Error) {
        self.wire
            .send(write(Some(id), "error", Some([ErrorReply::from(&error)])));
    }
}
