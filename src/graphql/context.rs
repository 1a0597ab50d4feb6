//! What a resolver may ask about the request it serves.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::dataloader::DataLoader;
use futures_util::{Stream, StreamExt};
use parking_lot::Mutex;
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    engine::{Api, Event, Events, Given, Gives},
    loaders::Loaders,
    source::Source,
};
use crate::{
    auth::Viewer,
    chat::{Chat, Effects, Origin},
    domain::{Device, Session, Stand, UserId},
    error::{Error, Result},
};

/// Names a request, with the socket or stream that it opened, in log lines.
#[derive(Clone, Copy)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Of a request that arrives now.
    pub fn fresh() -> Self {
        Self(Uuid::new_v4())
    }

    /// What log lines about the request are put in. Made when there may be some: a socket that holds one pays for it
    /// with memory.
    pub fn span(self) -> tracing::Span {
        tracing::info_span!("request", id = %self)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// Everything about one request. The transport makes it, every field gets it.
pub struct RequestContext {
    pub id: RequestId,
    pub chat: Chat,
    loaders: Arc<DataLoader<Loaders>>,
    pub viewer: Option<Viewer>,
    /// Whether the viewer's session was ended since the request came.
    is_over: AtomicBool,
    pub origin: Origin,
    /// What the client says of itself.
    pub device: Option<Device>,
    /// When it came.
    began: Instant,
    /// How far the log was told before anything of the request ran.
    stand: OnceLock<Arc<Stand>>,
    /// What the same socket sent before and has to take effect first.
    pub after: Mutex<Option<Box<Effects>>>,
    /// Whether the request came with a token, a useless one included.
    pub had_token: bool,
    /// What becomes of the session cookie; only HTTP looks at it. In a box, as is what follows, since a subscription keeps
    /// its context for as long as it lives.
    pub cookie: Mutex<Option<Box<SessionCookie>>>,
    /// Where a subscription hears of what happens, until it begins.
    pub(super) source: Mutex<Option<Box<Source>>>,
    /// The events of the subscription that has begun.
    pub(super) events: Mutex<Option<Events>>,
}

impl RequestContext {
    /// Of a request that arrives now.
    pub fn new(
        id: RequestId,
        api: &Api,
        viewer: Option<Viewer>,
        had_token: bool,
        origin: Origin,
    ) -> Self {
        Self {
            id,
            chat: api.chat().clone(),
            loaders: api.loaders().clone(),
            viewer,
            is_over: AtomicBool::new(false),
            origin,
            device: None,
            began: Instant::now(),
            stand: OnceLock::new(),
            after: Mutex::default(),
            had_token,
            cookie: Mutex::default(),
            source: Mutex::default(),
            events: Mutex::default(),
        }
    }

    /// Waits until what the same socket sent before has taken effect; where the request `needs_news`, also until
    /// everything is known here that was acknowledged before on any process.
    ///
    /// # Errors
    /// What is new could not be read.
    pub(super) async fn catch_up(&self, needs_news: bool) -> Result<()> {
        let after = self.after.lock().take();
        if let Some(effects) = after {
            effects.taken().await;
        }
        if needs_news && self.viewer.is_some() {
            self.chat.up_to_date().await?;
        }
        self.stand.get_or_init(|| self.chat.stand());
        Ok(())
    }

    /// How far the log was told before anything of the request ran.
    pub(super) fn stand(&self) -> Arc<Stand> {
        self.stand.get_or_init(|| self.chat.stand()).clone()
    }

    /// Until when it may begin something: there has to be time left to say how that went.
    pub(super) fn deadline(&self) -> Instant {
        self.began + self.chat.limits().operation * 9 / 10
    }

    /// Who asks.
    ///
    /// # Errors
    /// Nobody is signed in, or no longer.
    pub(super) fn viewer(&self) -> Result<&Viewer> {
        let is_over = self.is_over.load(Ordering::Relaxed);
        let viewer = self.viewer.as_ref().filter(|_| !is_over);
        viewer.ok_or(Error::signed_out())
    }

    /// Lets nobody be signed in, for what is yet to run of the request, when what ran has ended the viewer's session.
    pub(super) fn notice_end_of_session(&self) {
        let viewer = self.viewer.as_ref();
        if viewer.is_some_and(|viewer| self.chat.has_ended(viewer)) {
            self.is_over.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn viewer_id(&self) -> Result<UserId> {
        Ok(self.viewer()?.user_id)
    }

    /// Loads at once what many fields ask for one by one.
    pub(super) fn loaders(&self) -> &DataLoader<Loaders> {
        &self.loaders
    }

    /// Where this subscription hears of what happens. It is there once.
    ///
    /// # Errors
    /// Nobody is signed in.
    pub(super) fn take_source(&self) -> Result<Source> {
        self.viewer()?;
        let source = self.source.lock().take().map(|source| *source);
        source.ok_or_else(|| Error::Internal("a subscription without its source".into()))
    }

    /// Begins the subscription that this request is.
    pub(super) fn begin(
        &self,
        events: impl Stream<Item = Result<Event>> + Send + 'static,
    ) -> Begun {
        *self.events.lock() = Some(events.boxed());
        Begun
    }
}

/// What the field of a subscription gives when that has begun; its events come one by one after that.
pub(super) struct Begun;

impl<'a, T> Gives<'a, T> for Begun {
    fn give(self) -> Given<'a> {
        Given::Null
    }
}

/// A change of the session cookie.
#[derive(Clone, Debug)]
pub enum SessionCookie {
    Set { token: String, session: Session },
    Clear,
}
