//! What people can do, one method a verb: check, write, then publish. The only place that knows the rules.

mod account;
mod connection;
mod conversation;
mod cursor;
mod directory;
mod following;
mod message;
mod people;
mod sending;
mod stream;
mod throttle;

use std::{net::IpAddr, sync::Arc, time::Duration};

use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use account::{SignedIn, Signup};
pub use connection::{Connection, Held, TooManySockets};
pub use conversation::Target;
pub use cursor::News;
pub use message::{NewMessage, Sent};
pub use stream::{Delivery, MessageStream};

pub use crate::realtime::{Changes, PresenceReceiver};

use crate::{
    auth::{Hasher, Sessions, Signer},
    domain::{AvatarHosts, Limits, Position},
    error::Result,
    metrics::Metrics,
    realtime::{Hub, Presence, Typing},
    store::DynStore,
};
use cursor::CursorKey;
use directory::Directory;
use sending::Outbox;
use throttle::Throttles;

/// The chat. Cheap to clone.
#[derive(Clone)]
pub struct Chat(Arc<Inner>);

struct Inner {
    store: DynStore,
    hub: Hub,
    presence: Presence,
    typing: Typing,
    sessions: Sessions,
    hasher: Hasher,
    directory: Directory,
    outbox: Outbox,
    throttles: Option<Throttles>,
    cursors: CursorKey,
    signup_open: bool,
    avatar_hosts: AvatarHosts,
    limits: Limits,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Rung when the hub misses a part of the log.
    behind: tokio::sync::Notify,
}

/// What a chat is made of.
pub struct Parts {
    pub store: DynStore,
    pub metrics: Arc<Metrics>,
    /// The first signs, all verify.
    pub secrets: Vec<String>,
    pub session_ttl: Duration,
    pub bcrypt_cost: u32,
    pub signup_open: bool,
    pub avatar_hosts: AvatarHosts,
    pub rate_limits: bool,
    pub limits: Limits,
}

/// Where a request comes from, for limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin(pub IpAddr);

impl Chat {
    /// Takes up the log where it stands and starts the tasks that keep a chat going. [`Chat::stop`] ends them.
    ///
    /// # Errors
    /// Those of the store, and of a bcrypt cost out of range.
    pub async fn start(parts: Parts) -> Result<Self> {
        let Parts {
            store,
            metrics,
            secrets,
            session_ttl,
            bcrypt_cost,
            signup_open,
            avatar_hosts,
            rate_limits,
            limits,
        } = parts;
        let signer = Signer::new(secrets.iter().map(String::as_str))
            .ok_or_else(|| crate::error::Error::Internal("no signing secret".into()))?;
        let waiting_hashes = limits.waiting_hashes;
        let hasher = tokio::task::spawn_blocking(move || Hasher::new(bcrypt_cost, waiting_hashes))
            .await
            .map_err(|error| crate::error::Error::Internal(error.to_string()))??;
        let (outbox, waiting) = sending::outbox(limits.waiting_sends);
        let chat = Self(Arc::new(Inner {
            hub: Hub::new(store.head().await?),
            presence: Presence::new(
                limits.presence_grace,
                limits.presence_gather,
                limits.sockets_per_user,
            ),
            typing: Typing::new(limits.typing_fade),
            sessions: Sessions::new(store.clone(), signer, session_ttl, limits.session_cache),
            hasher,
            directory: Directory::new(store.clone()),
            outbox,
            throttles: rate_limits.then(|| Throttles::new(&limits)),
            cursors: CursorKey::new(&secrets),
            signup_open,
            avatar_hosts,
            limits,
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            behind: tokio::sync::Notify::new(),
            store,
        }));
        chat.0.store.renew_lease().await?;
        chat.0
            .tasks
            .spawn(waiting.write_batches(chat.clone(), metrics));
        chat.spawn_until_stopped(Self::follow_log);
        chat.spawn_until_stopped(Self::keep_lease);
        chat.spawn_until_stopped(Self::follow_presence);
        chat.spawn_until_stopped(Self::follow_typing);
        chat.spawn_until_stopped(Self::tidy_up);
        Ok(chat)
    }

    /// Whether anyone may make an account.
    pub fn signup_is_open(&self) -> bool {
        self.0.signup_open
    }

    /// What it allows.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// Where the log stands, for everything that is asked from here on.
    pub fn head(&self) -> Position {
        self.0.hub.head()
    }

    /// Whether the store answers.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn ping(&self) -> Result<()> {
        self.0.store.ping().await
    }

    /// Ends all tasks, takes everyone offline and closes the store. Sends that were taken are written first.
    pub async fn stop(&self) {
        self.0.stopping.cancel();
        self.0.outbox.close();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        let owed = self.0.presence.shut_down();
        if !owed.offline.is_empty()
            && let Err(error) = self.0.store.record_offline(&owed.offline).await
        {
            tracing::warn!(%error, ?error, "could not record who was online");
        }
        self.0.store.close().await;
    }

    fn spawn_until_stopped<F>(&self, task: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stopping = self.0.stopping.clone();
        let task = task(self.clone());
        self.0.tasks.spawn(async move {
            stopping.run_until_cancelled(task).await;
        });
    }
}
