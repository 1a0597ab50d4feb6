//! What people can do, one method a verb: check, write, then publish. The only place that knows the rules.

mod account;
mod administration;
mod blocks;
mod connection;
mod conversation;
mod cursor;
mod directory;
mod fingerprint;
mod following;
mod group;
mod hearing;
mod lookups;
mod message;
mod outbox;
mod own_account;
mod people;
mod proposal;
mod reading;
mod replay;
mod rounds;
mod search;
mod seen;
mod signalling;
mod standing;
mod stream;
mod throttle;
mod trust;
mod turns;
mod vitals;
mod writing;

use std::{
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_util::FutureExt;
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, mpsc, watch},
    time::Instant,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use account::{SignedIn, Signup};
pub use blocks::Estranged;
pub use connection::{Connection, Effects, LogSource, TooManySockets};
pub use conversation::Target;
pub use cursor::News;
pub use group::NewGroup;
pub use message::{NewMessage, ShownMessage};
pub use own_account::ProfileUpdate;
pub use search::Found;
pub use seen::StreamEvent;
pub use stream::{Delivery, LogStream};

pub use crate::realtime::{ConversationChanges, PresenceReceiver};
pub use crate::search::Place;

use crate::{
    auth::{Hasher, Sessions, Signer},
    cache::Cache,
    domain::{
        AvatarHosts, ConversationId, Limits, MessageId, Seq, Signal, Stand, Terms, Timestamp,
        UserId,
    },
    error::Result,
    metrics::Metrics,
    realtime::{Hub, Presence, Typing},
    search::Index,
    store::{DynStore, SEALS},
};
use blocks::Blocks;
use cursor::CursorKey;
use directory::Directory;
use fingerprint::FingerprintKey;
use following::Prepared;
use hearing::Aside;
use lookups::Lookups;
use outbox::Outbox;
use reading::ToldReads;
use rounds::Rounds;
use signalling::Signalling;
use throttle::Throttles;
use trust::Trust;
use writing::Writer;

/// Of how many members it is remembered how far they have read.
const KNOWN_MARKS: usize = 100_000;

/// Of how many of the latest messages it is remembered where they stand: it is them that are read, answered and changed.
const KNOWN_PLACES: usize = 20_000;

/// The chat. Cheap to clone.
#[derive(Clone)]
pub struct Chat(Arc<Inner>);

struct Inner {
    store: DynStore,
    metrics: Arc<Metrics>,
    hub: Hub<Prepared>,
    rounds: Rounds,
    told_reads: Mutex<ToldReads>,
    /// Held by who tells of read marks.
    telling_reads: tokio::sync::Mutex<()>,
    /// Rung when marks have moved at other processes.
    reads_rung: Notify,
    /// How far people are known to have read, so that a send tells of that only when it reads something.
    marks: Cache<(ConversationId, UserId), Seq>,
    presence: Presence,
    typing: Typing,
    sessions: Sessions,
    hasher: Hasher,
    directory: Directory,
    blocks: Blocks,
    /// Where messages stand, which never changes, and looking that up one at a time.
    places: Cache<MessageId, (ConversationId, Seq)>,
    lookups: Lookups<MessageId, (ConversationId, Seq)>,
    outbox: Outbox,
    signalling: Arc<Signalling>,
    asides: mpsc::Sender<Aside>,
    /// When it was said for the last time that this process lives.
    renewed: Mutex<Instant>,
    trust: Trust,
    throttles: Option<Throttles>,
    cursors: CursorKey,
    fingerprints: FingerprintKey,
    index: Index,
    /// Tells that something was indexed.
    indexed: Notify,
    /// Whether it is this process that indexes messages, so that all concern it.
    leads_index: AtomicBool,
    signup_open: bool,
    avatar_hosts: AvatarHosts,
    limits: Limits,
    writing: TaskTracker,
    tasks: TaskTracker,
    stopping: CancellationToken,
    /// Why the chat can no longer go on.
    failed: watch::Sender<Option<String>>,
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

/// How long something stays in memory that other processes may change: `shared`, where there can be others. Where there
/// are none, it stays right, and is looked up anew now and then all the same.
fn kept(store: &DynStore, shared: Duration) -> Duration {
    if store.is_shared() {
        shared
    } else {
        Duration::from_mins(10)
    }
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
        let turned_away = metrics.refused_by("waiting_sends");
        let (outbox, inbox) = outbox::outbox(limits.waiting_sends, turned_away);
        let signalling = Arc::new(Signalling::new(store.is_shared(), limits.signal_unhurried));
        let (asides, to_read) = hearing::asides();
        // In this order: a seal that is written in between would be part of what was told, but not known.
        let heads = store.heads().await?;
        let reads = store.newest_stamp().await?;
        let mut terms = Terms::default();
        for seal in store.seals().await? {
            terms.learn(seal);
        }
        let chat = Self(Arc::new(Inner {
            hub: Hub::new(heads, 0, terms, SEALS, reads),
            rounds: Rounds::default(),
            told_reads: Mutex::default(),
            telling_reads: tokio::sync::Mutex::default(),
            reads_rung: Notify::new(),
            marks: Cache::new(KNOWN_MARKS),
            presence: Presence::new(
                limits.presence_grace,
                limits.presence_gather,
                limits.sockets_per_user,
            ),
            typing: Typing::new(limits.typing_fade),
            sessions: Sessions::new(store.clone(), signer, session_ttl, limits.session_cache),
            hasher,
            directory: Directory::new(store.clone(), limits.profile_cache),
            blocks: Blocks::new(store.clone(), limits.block_cache),
            places: Cache::of_latest(KNOWN_PLACES),
            lookups: Lookups::default(),
            outbox,
            throttles: rate_limits
                .then(|| Throttles::new(&limits, &secrets, signalling.clone(), &metrics)),
            trust: if store.is_shared() {
                Trust::among_others(limits.hearing_lasts)
            } else {
                Trust::alone()
            },
            signalling,
            asides,
            renewed: Mutex::new(Instant::now()),
            cursors: CursorKey::new(&secrets),
            fingerprints: FingerprintKey::new(&secrets),
            index: Index::new(store.clone()),
            indexed: Notify::new(),
            leads_index: AtomicBool::new(false),
            signup_open,
            avatar_hosts,
            limits,
            writing: TaskTracker::new(),
            tasks: TaskTracker::new(),
            stopping: CancellationToken::new(),
            failed: watch::Sender::new(None),
            metrics,
            store,
        }));
        chat.0.store.renew_lease().await?;
        chat.spawn_until_stopped("following the log", Self::follow_log);
        let mut writer = Writer::new(chat.clone(), inbox);
        if let Err(error) = writer.begin().await {
            chat.stop().await;
            return Err(error);
        }
        if let Err(error) = chat.begin_to_hear().await {
            chat.stop().await;
            return Err(error);
        }
        chat.spawn(&chat.0.writing, "writing the log", writer.write());
        chat.spawn_until_stopped("hearing other servers", Self::follow_others);
        chat.spawn_until_stopped("reading what was heard", |chat| chat.follow_asides(to_read));
        chat.spawn_until_stopped("telling other servers", Self::signal);
        chat.spawn_until_stopped("following sessions", Self::follow_sessions);
        chat.spawn_until_stopped("keeping the lease", Self::keep_lease);
        chat.spawn_until_stopped("following read marks", Self::follow_reads);
        chat.spawn_until_stopped("ending deletions", Self::end_deletions);
        chat.spawn_until_stopped("following presence", Self::follow_presence);
        chat.spawn_until_stopped("following typing", Self::follow_typing);
        chat.spawn_until_stopped("tidying up", Self::tidy_up);
        chat.spawn_until_stopped("indexing messages", Self::index_messages);
        chat.spawn_until_stopped("keeping the search's index", Self::keep_index);
        chat.spawn_until_stopped("watching the store", |chat| async move {
            let reason = chat.0.store.failed().await;
            chat.fail(reason);
        });
        Ok(chat)
    }

    /// Completes with a line that says why, when the chat can no longer go on.
    pub async fn failed(&self) -> String {
        let mut failed = self.0.failed.subscribe();
        let reason = failed.wait_for(Option::is_some).await;
        let reason = reason.map(|reason| reason.clone().unwrap_or_default());
        // The sender lives in what is held here.
        reason.unwrap_or_default()
    }

    fn fail(&self, reason: String) {
        self.0.failed.send_if_modified(|failed| {
            let first = failed.is_none();
            failed.get_or_insert(reason);
            first
        });
    }

    /// Whether anyone may make an account.
    pub fn signup_is_open(&self) -> bool {
        self.0.signup_open
    }

    /// What it allows.
    pub fn limits(&self) -> &Limits {
        &self.0.limits
    }

    /// How far the log was told, for everything that is asked from here on.
    pub fn stand(&self) -> Arc<Stand> {
        self.0.hub.stand()
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
        self.0.outbox.close();
        self.0.writing.close();
        self.0.writing.wait().await;
        self.0.stopping.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
        let (owed, here) = self.0.presence.shut_down();
        self.0.signalling.tell(owed.signals());
        // Not that they are offline: those who were here may come back at another server.
        let name = self.0.store.name();
        self.0
            .signalling
            .tell(name.map(|name| Signal::Gone(name, Timestamp::now())));
        if let Err(error) = self.signal_what_waits().await {
            tracing::debug!(?error, "other servers were not told of the end");
        }
        let offline = [owed.offline, here].concat();
        if !offline.is_empty()
            && let Err(error) = self.0.store.record_offline(&offline).await
        {
            tracing::warn!(%error, ?error, "could not record who was online");
        }
        self.0.store.close().await;
    }

    fn spawn_until_stopped<F>(&self, what: &'static str, task: impl FnOnce(Self) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let stopping = self.0.stopping.clone();
        let task = task(self.clone());
        self.spawn(&self.0.tasks, what, async move {
            stopping.run_until_cancelled(task).await;
        });
    }

    /// A task that panics ends the server: without it there would be one that is ready, but mute.
    fn spawn(
        &self,
        tasks: &TaskTracker,
        what: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let (chat, task) = (self.clone(), task.boxed());
        tasks.spawn(async move {
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                chat.fail(format!("{what} came to an unexpected end"));
            }
        });
    }
}
