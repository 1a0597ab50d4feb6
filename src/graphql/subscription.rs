//! One subscription from its operation to its end. The executor begins it, and then resolves its selection on each
//! event: once for all who read the same, else for this reader.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Instant};

use async_graphql::{PathSegment, Request, Variables, parser::types::ExecutableDocument};
use futures_util::{FutureExt, Stream, StreamExt, stream};
use tracing::Instrument;

use super::{
    RequestContext,
    document::{Document, EventDocument},
    error::ErrorReply,
    event::{Event, Events},
    operation::{Api, Operation, Reply, panicked},
    payload::{Made, Payload, Pieces, Placeholder, Readers},
    sharing::Audience,
};
use crate::error::Error;

/// One event of a subscription, or its end by an error.
pub enum Outcome {
    Next(Payload),
    Error(Vec<ErrorReply>),
}

struct Subscription {
    reader: Reader,
    /// None before it began.
    events: Option<Events>,
    began: Instant,
}

/// Who reads a subscription's events, and how.
struct Reader {
    api: Api,
    document: Arc<Document>,
    variables: Variables,
    context: Arc<RequestContext>,
    /// Those who read the same, itself among them.
    readers: Option<Arc<Readers>>,
}

/// An event's payload, as far as it is shared.
enum Shared {
    Made(Arc<Pieces>),
    /// Where it goes when it is made.
    Place(Made),
    /// It is for this reader alone.
    No,
}

impl Api {
    /// Runs a subscription. The stream ends after an [`Outcome::Error`].
    pub fn subscribe(
        &self,
        operation: Operation,
        context: Arc<RequestContext>,
    ) -> impl Stream<Item = Outcome> + Send + use<> {
        let reader = Reader {
            api: self.clone(),
            document: operation.document,
            variables: operation.variables,
            context,
            readers: None,
        };
        let subscription = Subscription {
            reader,
            events: None,
            began: Instant::now(),
        };
        stream::unfold(Some(subscription), |subscription| async move {
            let mut subscription = subscription?;
            let outcome = subscription.next().await?;
            let Reader { api, document, .. } = &subscription.reader;
            match outcome {
                Ok(payload) => {
                    api.0.metrics.deliveries.inc();
                    Some((Outcome::Next(payload), Some(subscription)))
                }
                Err(errors) => {
                    api.count(&document.root_field, &errors, subscription.began.elapsed());
                    Some((Outcome::Error(errors), None))
                }
            }
        })
    }
}

impl Subscription {
    async fn next(&mut self) -> Option<Result<Payload, Vec<ErrorReply>>> {
        let Self { reader, events, .. } = self;
        // Boxes, here and below, for what is needed for a moment, so that whoever waits takes little memory.
        if events.is_none() {
            let span = reader.context.id.span();
            match Box::pin(reader.begin().instrument(span)).await {
                Ok(begun) => *events = Some(begun),
                Err(errors) => return Some(Err(errors)),
            }
        }
        let event = events.as_mut()?.next().await?;
        let on = reader.document.event.as_ref()?;
        match event {
            Ok(event) => Some(match reader.shared(on, &event) {
                Shared::Made(pieces) => Ok(Payload::shared(pieces, &event)),
                Shared::Place(place) => Box::pin(reader.make(on, event, &place)).await,
                Shared::No => Box::pin(reader.own(on, event)).await,
            }),
            Err(error) => {
                let mut error = ErrorReply::from(&error).at(vec![on.pos]);
                error.path = vec![PathSegment::Field(on.response_key.to_string())];
                Some(Err(vec![error]))
            }
        }
    }
}

impl Reader {
    /// Lets the executor find the arguments and call the subscription's field, which hands its events over.
    async fn begin(&mut self) -> Result<Events, Vec<ErrorReply>> {
        let schema = &self.api.0.schema;
        let mut responses = schema.execute_stream(self.request(&self.document.runs));
        while let Some(response) = guarded(responses.next()).await? {
            let reply = Reply::from(response);
            if !reply.errors.is_empty() {
                return Err(reply.errors);
            }
        }
        let sharing = self.document.event.as_ref().map(|on| &on.sharing);
        if let Some(sharing) = sharing.filter(|sharing| sharing.audience != Audience::Each) {
            let key = sharing.key(&self.variables);
            let document = Arc::as_ptr(&self.document).addr();
            self.readers = Some(self.api.0.payloads.join(document, key));
        }
        let events = self.context.events.lock().take();
        events.ok_or_else(|| {
            let error = Error::Internal("a subscription without events".into());
            vec![ErrorReply::from(&error)]
        })
    }

    /// What there is of an event's payload for this reader and others.
    fn shared(&self, on: &EventDocument, event: &Event) -> Shared {
        let viewer = self.context.viewer.map(|viewer| viewer.user_id);
        let own = on.sharing.audience == Audience::SenderAndOthers
            && viewer.is_some_and(|viewer| event.is_by(viewer));
        let readers = self.readers.as_ref();
        let Some(place) = readers.and_then(|readers| readers.place(event, own)) else {
            return Shared::No;
        };
        match place.get() {
            Some(Some(pieces)) => Shared::Made(pieces.clone()),
            Some(None) => Shared::No,
            None => Shared::Place(place),
        }
    }

    /// Makes a payload for everyone who shares this place, unless someone else just does.
    async fn make(
        &self,
        on: &EventDocument,
        event: Event,
        place: &Made,
    ) -> Result<Payload, Vec<ErrorReply>> {
        let make = async {
            let placeholder = Placeholder::new();
            let event = event.clone().with_cursor(placeholder.as_str());
            let reply = self.resolve(on, event).await.ok()?;
            // What went wrong each reader finds out on its own.
            let whole = reply.errors.is_empty();
            whole.then(|| self.api.0.payloads.keep(&reply.to_json(), &placeholder))?
        };
        match place.get_or_init(|| make).await {
            Some(pieces) => Ok(Payload::shared(pieces.clone(), &event)),
            None => self.own(on, event).await,
        }
    }

    /// A payload for this reader alone.
    async fn own(&self, on: &EventDocument, event: Event) -> Result<Payload, Vec<ErrorReply>> {
        let reply = self.resolve(on, event.clone()).await?;
        // Every root field of a subscription is non-null: an error that reaches the top leaves nothing.
        if reply.errors.is_empty() || !reply.is_empty() {
            return Ok(Payload::whole(&reply, &event));
        }
        Err(reply.errors)
    }

    async fn resolve(&self, on: &EventDocument, event: Event) -> Result<Reply, Vec<ErrorReply>> {
        let request = self.request(&on.query).data(event);
        let response = Box::pin(self.api.0.events.execute(request));
        let response = guarded(response).instrument(self.context.id.span()).await?;
        Ok(Reply::from(response))
    }

    fn request(&self, query: &ExecutableDocument) -> Request {
        let (variables, context) = (self.variables.clone(), self.context.clone());
        self.document.request(query, variables, context)
    }
}

/// No panic reaches a client.
async fn guarded<T>(run: impl Future<Output = T>) -> Result<T, Vec<ErrorReply>> {
    let outcome = AssertUnwindSafe(run).catch_unwind().await;
    outcome.map_err(|panic| vec![ErrorReply::from(&panicked(panic.as_ref()))])
}
