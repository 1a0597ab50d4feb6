//! One subscription from its operation to its end. The executor begins it, and then resolves its selection on each
//! event: once for all who read the same, else for this reader.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use async_graphql::{PathSegment, Request, Variables, parser::types::ExecutableDocument};
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture};
use tracing::Instrument;

use super::{
    RequestContext,
    document::Document,
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

/// One that runs. It polls what it waits for itself and keeps the rare parts in boxes: a quiet one is to take little
/// memory, and a shared payload little time.
struct Subscription {
    /// Who reads the same, when anyone may: itself among them. Goes before the reader, whose document gives it its name.
    readers: Option<Arc<Readers>>,
    reader: Arc<Reader>,
    beginning: Option<BoxFuture<'static, Result<Events>>>,
    /// None before it began and when it is over.
    events: Option<Events>,
    making: Option<BoxFuture<'static, Result<Payload>>>,
    began: Instant,
}

/// The errors are the response's.
type Result<T> = std::result::Result<T, Vec<ErrorReply>>;

/// Who reads a subscription's events, and how.
struct Reader {
    api: Api,
    document: Arc<Document>,
    variables: Variables,
    context: Arc<RequestContext>,
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
        let reader = Arc::new(Reader {
            api: self.clone(),
            document: operation.document,
            variables: operation.variables,
            context,
        });
        let span = reader.context.id.span();
        Subscription {
            beginning: Some(Box::pin(reader.clone().begin().instrument(span))),
            reader,
            readers: None,
            events: None,
            making: None,
            began: Instant::now(),
        }
    }
}

impl Stream for Subscription {
    type Item = Outcome;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Outcome>> {
        let next = ready!(self.poll_payload(context));
        Poll::Ready(next.map(|next| self.outcome(next)))
    }
}

impl Subscription {
    fn poll_payload(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Payload>>> {
        if let Some(beginning) = &mut self.beginning {
            let begun = ready!(beginning.as_mut().poll(context));
            self.beginning = None;
            match begun {
                Ok(events) => self.events = Some(events),
                Err(errors) => return Poll::Ready(Some(Err(errors))),
            }
            self.readers = self.reader.join();
        }
        loop {
            if let Some(making) = &mut self.making {
                let made = ready!(making.as_mut().poll(context));
                self.making = None;
                return Poll::Ready(Some(made));
            }
            let Some(events) = &mut self.events else {
                return Poll::Ready(None);
            };
            let event = match ready!(events.as_mut().poll_next(context)) {
                None => return Poll::Ready(None),
                Some(Ok(event)) => event,
                Some(Err(error)) => return Poll::Ready(Some(Err(self.reader.failed(&error)))),
            };
            let reader = self.reader.clone();
            match self.shared(&event) {
                Shared::Made(pieces) => {
                    return Poll::Ready(Some(Ok(Payload::shared(pieces, &event))));
                }
                Shared::Place(place) => {
                    self.making = Some(Box::pin(async move { reader.make(event, &place).await }));
                }
                Shared::No => self.making = Some(Box::pin(async move { reader.own(event).await })),
            }
        }
    }

    fn outcome(&mut self, next: Result<Payload>) -> Outcome {
        let Reader { api, document, .. } = &*self.reader;
        match next {
            Ok(payload) => {
                api.0.metrics.deliveries.inc();
                Outcome::Next(payload)
            }
            Err(errors) => {
                api.count(&document.root_field, &errors, self.began.elapsed());
                self.events = None;
                Outcome::Error(errors)
            }
        }
    }

    /// What there is of an event's payload for this reader and others.
    fn shared(&self, event: &Event) -> Shared {
        let Some(readers) = &self.readers else {
            return Shared::No;
        };
        let Some(place) = readers.place(event, self.reader.is_apart(event)) else {
            return Shared::No;
        };
        match place.get() {
            Some(Some(pieces)) => Shared::Made(pieces.clone()),
            Some(None) => Shared::No,
            None => Shared::Place(place),
        }
    }
}

impl Reader {
    /// Lets the executor find the arguments and call the subscription's field, which hands its events over.
    async fn begin(self: Arc<Self>) -> Result<Events> {
        let schema = &self.api.0.schema;
        let mut responses = schema.execute_stream(self.request(&self.document.runs));
        while let Some(response) = guarded(responses.next()).await? {
            let reply = Reply::from(response);
            if !reply.errors.is_empty() {
                return Err(reply.errors);
            }
        }
        let events = self.context.events.lock().take();
        events.ok_or_else(|| internal("a subscription without events"))
    }

    /// Joins those who read the same, if anyone may.
    fn join(&self) -> Option<Arc<Readers>> {
        let sharing = &self.document.event.as_ref()?.sharing;
        (sharing.audience != Audience::Each).then(|| {
            let document = Arc::as_ptr(&self.document).addr();
            let key = sharing.key(&self.variables);
            self.api.0.payloads.join(document, key)
        })
    }

    /// Whether an event is this reader's own, and says other things to its sender than to everyone else.
    fn is_apart(&self, event: &Event) -> bool {
        let on = self.document.event.as_ref();
        let viewer = self.context.viewer.map(|viewer| viewer.user_id);
        on.is_some_and(|on| on.sharing.audience == Audience::SenderAndOthers)
            && viewer.is_some_and(|viewer| event.is_by(viewer))
    }

    /// What is told of the error that ends the events.
    fn failed(&self, error: &Error) -> Vec<ErrorReply> {
        let mut reply = ErrorReply::from(error);
        if let Some(on) = &self.document.event {
            reply = reply.at(vec![on.pos]);
            reply.path = vec![PathSegment::Field(on.response_key.to_string())];
        }
        vec![reply]
    }

    /// Makes a payload for everyone who shares this place, unless someone else just does.
    async fn make(&self, event: Event, place: &Made) -> Result<Payload> {
        let make = async {
            let placeholder = Placeholder::new();
            let event = event.clone().with_cursor(placeholder.as_str());
            let reply = self.resolve(event).await.ok()?;
            // What went wrong each reader finds out on its own.
            let whole = reply.errors.is_empty();
            whole.then(|| self.api.0.payloads.keep(&reply.to_json(), &placeholder))?
        };
        match place.get_or_init(|| make).await {
            Some(pieces) => Ok(Payload::shared(pieces.clone(), &event)),
            None => self.own(event).await,
        }
    }

    /// A payload for this reader alone.
    async fn own(&self, event: Event) -> Result<Payload> {
        let reply = self.resolve(event.clone()).await?;
        // Every root field of a subscription is non-null: an error that reaches the top leaves nothing.
        if reply.errors.is_empty() || !reply.is_empty() {
            return Ok(Payload::whole(&reply, &event));
        }
        Err(reply.errors)
    }

    async fn resolve(&self, event: Event) -> Result<Reply> {
        let on = self.document.event.as_ref();
        let on = on.ok_or_else(|| internal("a subscription that selects nothing"))?;
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
async fn guarded<T>(run: impl Future<Output = T>) -> Result<T> {
    let outcome = AssertUnwindSafe(run).catch_unwind().await;
    outcome.map_err(|panic| vec![ErrorReply::from(&panicked(panic.as_ref()))])
}

fn internal(detail: &str) -> Vec<ErrorReply> {
    vec![ErrorReply::from(&Error::Internal(detail.into()))]
}
