//! One subscription from its operation to its end. Its root field gives its events, and what is selected is resolved on
//! each of them: once for all who read the same, else for this reader.

use std::{
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::BoxStream};
use tracing::Instrument;

use super::{
    answer::{Answer, Failure},
    declare::Object,
    document::{Operation, locations},
    execute::{Resolved, Run},
    operation::{Api, panicked},
    payload::{Made, Payload, Readers, Template},
    plan::FieldKind,
    values::Arguments,
};
use crate::{
    chat::Connection,
    domain::UserId,
    error::Error,
    graphql::{
        RequestContext, Subscription as Root,
        error::{ErrorReply, PathSegment},
        source::Source,
    },
};

/// An event of a subscription.
#[derive(Clone)]
pub struct Event {
    object: Arc<dyn Object>,
    /// The same for all readers of one event, for as long as one of them holds it.
    pub(super) identity: Option<usize>,
    pub(super) place: Option<EventPlace>,
}

/// Where an event stands in its reader's stream.
#[derive(Clone)]
pub struct EventPlace {
    /// What the reader has had with it.
    pub(super) cursor: Arc<str>,
    /// What the reader has had before it.
    pub(super) previous: Arc<str>,
}

impl Event {
    /// One that nobody shares.
    pub fn own(object: impl Object + 'static) -> Self {
        Self {
            object: Arc::new(object),
            identity: None,
            place: None,
        }
    }

    /// One that all share who hold the same `of`, as its object does.
    pub fn shared<T>(object: impl Object + 'static, of: &Arc<T>) -> Self {
        Self {
            identity: Some(Arc::as_ptr(of).addr()),
            ..Self::own(object)
        }
    }

    /// At its place in its reader's stream.
    pub fn at(mut self, cursor: Arc<str>, previous: Arc<str>) -> Self {
        self.place = Some(EventPlace { cursor, previous });
        self
    }
}

/// The events of a subscription that has begun. An error is its end.
pub type Events = BoxStream<'static, Result<Event, Error>>;

/// What comes of an operation: one response for each event of a subscription, one of all else. Or its end by an error.
pub enum Outcome {
    Next(Payload),
    Error(Vec<ErrorReply>),
}

/// A subscription that runs. It is a state machine written by hand, with what is rarely there in boxes, so that a quiet one
/// takes little memory and a shared payload little time.
struct Subscription {
    /// The subscriptions that share their payloads, this one among them; none when each reader has its own. Dropped before
    /// the reader (fields are in this order), since the address of its plan is the key to them.
    readers: Option<Arc<Readers>>,
    reader: Arc<Reader>,
    beginning: Option<BoxFuture<'static, Told<Events>>>,
    /// None before it began and when it is over.
    events: Option<Events>,
    making: Option<BoxFuture<'static, Told<Payload>>>,
}

/// The errors are the response's.
type Told<T> = Result<T, Vec<ErrorReply>>;

/// Who reads a subscription's events, and how.
struct Reader {
    api: Api,
    operation: Operation,
    context: Arc<RequestContext>,
}

/// An event's payload, as far as it is shared.
enum Shared {
    Made(Arc<Template>),
    /// Where it goes when it is made.
    Place(Made),
    /// It is for this reader alone.
    No,
}

impl Api {
    /// Runs a subscription, which is live for all that its client sends over this connection from now on. The stream
    /// ends after an [`Outcome::Error`].
    pub fn subscribe(
        &self,
        operation: Operation,
        mut context: RequestContext,
        connection: Option<&Arc<Connection>>,
    ) -> impl Stream<Item = Outcome> + Send + use<> {
        let source = connection.and_then(|of| Source::of(of, operation.plan.root_field_name()));
        *context.source.get_mut() = source.map(Box::new);
        self.0.metrics.subscriptions.inc();
        let reader = Arc::new(Reader {
            api: self.clone(),
            operation,
            context: Arc::new(context),
        });
        let span = reader.context.id.span();
        Subscription {
            beginning: Some(Box::pin(reader.clone().begin().instrument(span))),
            reader,
            readers: None,
            events: None,
            making: None,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.reader.api.0.metrics.subscriptions.dec();
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
    fn poll_payload(&mut self, context: &mut Context<'_>) -> Poll<Option<Told<Payload>>> {
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
                None => {
                    self.events = None;
                    return Poll::Ready(None);
                }
                Some(Ok(event)) => event,
                Some(Err(error)) => {
                    return Poll::Ready(Some(Err(self.reader.failed(error.into()))));
                }
            };
            let reader = self.reader.clone();
            match self.shared(&event) {
                Shared::Made(template) => {
                    let viewer = self.reader.viewer();
                    return Poll::Ready(Some(Ok(Payload::shared(template, &event, viewer))));
                }
                Shared::Place(place) => {
                    self.making = Some(Box::pin(async move { reader.make(event, &place).await }));
                }
                Shared::No => self.making = Some(Box::pin(async move { reader.own(event).await })),
            }
        }
    }

    fn outcome(&mut self, next: Told<Payload>) -> Outcome {
        let metrics = &self.reader.api.0.metrics;
        match next {
            Ok(payload) => {
                metrics.deliveries.inc();
                Outcome::Next(payload)
            }
            Err(errors) => {
                if let Some(error) = errors.first() {
                    metrics.subscription_failed(error.extensions.code);
                }
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
        let Some(place) = readers.place(event) else {
            return Shared::No;
        };
        match place.get() {
            Some(Some(template)) => Shared::Made(template.clone()),
            Some(None) => Shared::No,
            None => Shared::Place(place),
        }
    }
}

impl Reader {
    fn viewer(&self) -> Option<UserId> {
        self.context.viewer.map(|viewer| viewer.user_id)
    }

    /// Asks the root field for its events.
    async fn begin(self: Arc<Self>) -> Told<Events> {
        let [field] = self.operation.plan.fields.as_slice() else {
            return Err(internal(
                "a subscription with another number of fields than one",
            ));
        };
        let FieldKind::Field {
            index, arguments, ..
        } = &field.kind
        else {
            return Err(internal("a subscription to nothing"));
        };
        let mut arguments = Arguments::of(arguments, &self.operation.variables)
            .map_err(|error| self.failed(error.into()))?;
        let begun = guarded(async {
            match Root.resolve(*index, &mut arguments, &self.context) {
                Answer::Later(later) => later.await.map(drop),
                Answer::Failed(failure) => Err(failure),
                Answer::Now(_) | Answer::OwnersOnly(..) => Ok(()),
            }
        });
        begun.await?.map_err(|failure| self.failed(failure))?;
        let events = self.context.events.lock().take();
        let events = events.ok_or_else(|| internal("a subscription without events"))?;
        let guarded = AssertUnwindSafe(events).catch_unwind();
        let told = guarded.map(|told| told.unwrap_or_else(|panic| Err(panicked(panic.as_ref()))));
        Ok(told.boxed())
    }

    /// Joins those who read the same, if anyone may.
    fn join(&self) -> Option<Arc<Readers>> {
        let Operation {
            plan, variables, ..
        } = &self.operation;
        plan.shared.then(|| {
            let used = plan.variables.iter();
            // What is left out has its default, and is not null.
            let used = used.filter_map(|name| variables.get_key_value(name.as_str()));
            let used = serde_json::to_string(&used.collect::<Vec<_>>());
            let plan = Arc::as_ptr(plan).addr();
            self.api.0.payloads.join(plan, used.unwrap_or_default())
        })
    }

    /// What is told of the error that ends the events.
    fn failed(&self, Failure(errors): Failure) -> Vec<ErrorReply> {
        let field = self.operation.plan.fields.first();
        let sources = &self.operation.document.valid.sources;
        let told = errors.iter().map(|error| {
            let mut reply = ErrorReply::from(error);
            if let Some(field) = field {
                reply = reply.at(locations(field.location, sources));
                reply.path = vec![PathSegment::Field(field.key.to_string())];
            }
            reply
        });
        told.collect()
    }

    /// Makes a payload for everyone who shares this place, unless someone else just does.
    async fn make(&self, event: Event, place: &Made) -> Told<Payload> {
        let make = async {
            let resolved = self.resolve(&event).await.ok()?;
            self.api.0.payloads.keep(resolved)
        };
        match place.get_or_init(|| make).await {
            Some(template) => Ok(Payload::shared(template.clone(), &event, self.viewer())),
            None => self.own(event).await,
        }
    }

    /// A payload for this reader alone.
    async fn own(&self, event: Event) -> Told<Payload> {
        let resolved = self.resolve(&event).await?;
        let reply = resolved.reply(self.viewer(), event.place.as_ref());
        // Every root field of a subscription is non-null: an error that reaches the top leaves nothing.
        if reply.errors.is_empty() || !reply.is_null() {
            return Ok(Payload::whole(&reply, &event));
        }
        Err(reply.errors)
    }

    async fn resolve(&self, event: &Event) -> Told<Resolved> {
        let run = Run {
            operation: &self.operation,
            cx: self.context.clone(),
        };
        let resolved = run.event(&*event.object);
        guarded(resolved.instrument(self.context.id.span())).await
    }
}

/// No panic reaches a client.
async fn guarded<T>(run: impl Future<Output = T>) -> Told<T> {
    let outcome = AssertUnwindSafe(run).catch_unwind().await;
    outcome.map_err(|panic| vec![ErrorReply::from(&panicked(panic.as_ref()))])
}

fn internal(detail: &str) -> Vec<ErrorReply> {
    vec![ErrorReply::from(&Error::Internal(detail.into()))]
}
