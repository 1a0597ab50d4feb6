//! MongoDB as the store, for any number of server processes side by side, of which [`LANES`] can write.
//!
//! What keeps them from each other's way: unique indexes are the referees over places in lanes and steps of
//! conversations (`append`, `terms`); everything that follows from the log is written with operators that any process
//! may repeat (`following`), and laid over what is read until then (`overlay`). Majority write and read concern
//! throughout: nothing is shown or acknowledged that a failover could take back; and nothing is read on a new primary before
//! it shows all that was acknowledged (`primaries`).
//!
//! [`LANES`]: crate::domain::log::LANES

mod append;
mod attempt;
mod blocks;
mod calls;
mod conversation;
mod document;
mod error;
mod following;
mod hearing;
mod list;
mod log;
mod mark;
mod message;
mod migrate;
mod news;
mod open;
mod overlay;
mod presence;
mod primaries;
mod query;
mod reach;
mod record;
mod registration;
mod seal;
mod search;
mod session;
mod signal;
mod signalling;
mod tenure;
mod terms;
mod transfer;
mod turns;
mod user;
mod vitals;
mod watch;

use std::{
    sync::{Arc, OnceLock, atomic::AtomicI64},
    time::{Duration, Instant},
};

use async_trait::async_trait;
use futures_util::FutureExt;
use mongodb::{
    Client, Database,
    bson::doc,
    options::{ReturnDocument, WriteConcern},
};
use parking_lot::Mutex;
use tokio::{
    sync::{Notify, Semaphore, oneshot, watch as told},
    time::{sleep, timeout_at},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use self::{
    append::APPENDS,
    attempt::Rooms,
    document::Fields,
    mark::ReadsClock,
    overlay::Overlay,
    presence::{Entered, Renewals},
    primaries::Primaries,
    query::Documents,
    registration::Registration,
    signalling::Signalling,
    terms::Terms,
    watch::Alone,
};
use super::{Observer, StoreLimits, Upkeep, Vitals, broken};
use crate::error::Result;

pub use open::{is_connection_string, open};

/// How many connections to one server the driver may hold.
const POOL: u32 = 64;

/// How many calls may be under way at once, stuck ones included; the rest of the pool is for what the store does by
/// itself. Who comes later waits, no longer than [`StoreLimits::operation`].
const CALLS: usize = 40;

/// How long closing the connections may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// The store on MongoDB; cheap to clone. Ends its task and its connections when the last clone is gone.
#[derive(Clone)]
pub struct MongoStore {
    inner: Arc<Inner>,
}

/// What all clones, and the calls under way, share.
struct Inner {
    client: Client,
    db: Database,
    collections: Collections,
    limits: StoreLimits,
    place: String,
    observer: Observer,
    calls: Arc<Semaphore>,
    /// Tells this opening of the store from all others.
    instance: Uuid,
    is_standalone: OnceLock<bool>,
    primaries: Primaries,
    overlay: Overlay,
    reads_clock: ReadsClock,
    terms: Terms,
    appends: Arc<Semaphore>,
    rooms: Rooms,
    /// Tells that something is owed.
    owing: Arc<Notify>,
    /// Held by who writes what is owed.
    settling: tokio::sync::Mutex<()>,
    registration: Registration,
    renewals: Mutex<Renewals>,
    /// The last look around, if it found nobody else.
    alone: Mutex<Option<Alone>>,
    /// How often this process has called for turns.
    turn_calls: AtomicI64,
    /// Why the store can no longer work.
    failed: told::Sender<Option<&'static str>>,
    entered: tokio::sync::Mutex<Entered>,
    signalling: Signalling,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

struct Collections {
    users: Documents,
    blocks: Documents,
    sessions: Documents,
    conversations: Documents,
    read_marks: Documents,
    messages: Documents,
    reactions: Documents,
    stays: Documents,
    lanes: Documents,
    processes: Documents,
    online: Documents,
    last_seen: Documents,
    signals: Documents,
    search_parts: Documents,
    meta: Documents,
}

impl Collections {
    fn of(db: &Database) -> Self {
        let collection = |name| Documents::of(db, name);
        Self {
            users: collection("users"),
            blocks: collection("blocks"),
            sessions: collection("sessions"),
            conversations: collection("conversations"),
            read_marks: collection("readMarks"),
            messages: collection("messages"),
            reactions: collection("reactions"),
            stays: collection("stays"),
            lanes: collection("lanes"),
            processes: collection("processes"),
            online: collection("online"),
            last_seen: collection("lastSeen"),
            signals: collection("signals"),
            search_parts: collection("searchParts"),
            meta: collection("meta"),
        }
    }
}

impl MongoStore {
    fn new(
        client: Client,
        primaries: Primaries,
        db: Database,
        place: String,
        limits: StoreLimits,
        observer: Observer,
    ) -> Self {
        let stop = CancellationToken::new();
        let inner = Arc::new(Inner {
            collections: Collections::of(&db),
            client,
            db,
            place,
            limits,
            observer,
            calls: Arc::new(Semaphore::new(CALLS)),
            instance: Uuid::new_v4(),
            is_standalone: OnceLock::new(),
            primaries,
            overlay: Overlay::default(),
            reads_clock: ReadsClock::default(),
            terms: Terms::default(),
            appends: Arc::new(Semaphore::new(APPENDS)),
            rooms: Rooms::default(),
            owing: Arc::default(),
            settling: tokio::sync::Mutex::default(),
            registration: Registration::default(),
            renewals: Mutex::default(),
            alone: Mutex::default(),
            turn_calls: AtomicI64::new(0),
            failed: told::Sender::new(None),
            entered: tokio::sync::Mutex::new(Entered::default()),
            signalling: Signalling::default(),
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
        });
        Self { inner }
    }

    /// Runs a call to its end in a task of its own, as the driver's futures must not be dropped half way, and waits
    /// for it as long as a method may take.
    async fn bounded<T, F>(&self, call: impl FnOnce(Arc<Inner>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let deadline = self.inner.deadline();
        let permit = timeout_at(
            deadline.into(),
            Arc::clone(&self.inner.calls).acquire_owned(),
        )
        .await
        .map_err(|_| error::late())?
        .map_err(broken)?;
        let call = call(Arc::clone(&self.inner));
        apart(deadline, async move {
            let _permit = permit;
            call.await
        })
        .await
    }
}

/// Runs a call in a task of its own, in which it goes on when it is late. It is boxed and gives nothing, as each kind of
/// task is compiled with a copy of the runtime's code.
fn apart<T: Send + 'static>(
    deadline: Instant,
    call: impl Future<Output = Result<T>> + Send + 'static,
) -> impl Future<Output = Result<T>> {
    let (give, given) = oneshot::channel();
    let call = async move {
        // Nobody waits for it any more when it is late.
        let _ = give.send(call.await);
    };
    tokio::spawn(call.boxed());
    async move {
        match timeout_at(deadline.into(), given).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(broken("a call came to no end")),
            Err(_) => Err(error::late()),
        }
    }
}

/// Waits before another try, if there is time for one.
async fn pause(pause: Duration, deadline: Instant) -> Result<()> {
    if Instant::now() + pause >= deadline {
        return Err(error::late());
    }
    sleep(pause).await;
    Ok(())
}

/// A limit as the driver takes it.
fn limit(limit: usize) -> i64 {
    // The server takes 0 for "no limit"; who asks for nothing gets nothing before a query is made.
    i64::try_from(limit).unwrap_or(i64::MAX).max(1)
}

impl Inner {
    /// When a method that begins now must have answered.
    fn deadline(&self) -> Instant {
        Instant::now() + self.limits.operation
    }

    /// How long the server may work on one command, or wait for a majority.
    fn patience(&self) -> Duration {
        self.limits.operation / 2
    }

    /// The same in milliseconds.
    fn wait_for_majority(&self) -> i64 {
        i64::try_from(self.patience().as_millis()).unwrap_or(i64::MAX)
    }
}

/// What every write asks for: kept by a majority, in their journals.
fn durable(limits: &StoreLimits) -> WriteConcern {
    WriteConcern::builder()
        .w(mongodb::options::Acknowledgment::Majority)
        .journal(true)
        .w_timeout(limits.operation / 2)
        .build()
}

#[async_trait]
impl Upkeep for MongoStore {
    async fn signing_secret(&self, fresh: &str) -> Result<String> {
        let fresh = fresh.to_owned();
        self.bounded(|inner| async move {
            let keep = inner
                .collections
                .meta
                .find_one_and_update(
                    doc! { "_id": "secret" },
                    doc! { "$setOnInsert": { "value": fresh } },
                )
                .upsert(true)
                .return_document(ReturnDocument::After);
            let kept = inner.timed("mongodb.findAndModify", keep).await?;
            kept.ok_or_else(|| document::unreadable("secret"))?
                .text("value")
                .map(str::to_owned)
        })
        .await
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn place(&self) -> &str {
        &self.inner.place
    }

    async fn ping(&self) -> Result<()> {
        self.bounded(|inner| async move {
            // A read of a document, as the other methods make: a server without a primary answers a bare ping.
            let schema = inner.collections.meta.find(doc! { "_id": "schema" });
            inner.first(schema, |_| Ok(())).await.map(drop)
        })
        .await
    }

    fn vitals(&self) -> Vitals {
        self.inner.vitals()
    }

    async fn tidy(&self) -> Result<()> {
        self.bounded(|inner| async move { inner.settle().await })
            .await
    }

    async fn failed(&self) -> String {
        let mut failed = self.inner.failed.subscribe();
        let line = failed.wait_for(Option::is_some).await.ok();
        match line.and_then(|line| *line) {
            Some(line) => line.to_owned(),
            None => std::future::pending().await,
        }
    }

    async fn close(&self) {
        self.inner.stop.cancel();
        let written = self.bounded(|inner| async move {
            inner.settle().await?;
            inner.let_all_go().await?;
            inner.leave().await
        });
        if let Err(failure) = written.await {
            tracing::warn!(detail = %error::detail(&failure), "MongoDB: not all was written at the end; another server or the next start does");
        }
        let client = self.inner.client.clone();
        let shutdown = apart(Instant::now() + GOODBYE, async move {
            client.shutdown().immediate(true).await;
            Ok(())
        });
        // Connections that do not close in time are closed with the process.
        let _ = shutdown.await;
    }
}
