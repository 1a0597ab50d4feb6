//! MongoDB as the store, for any number of server processes side by side.
//!
//! What keeps them from each other's way: one unique index on a message's `position` is the referee over the whole
//! log (`append`); everything that follows from the log is written with operators that any process may repeat
//! (`bumps`). Majority write and read concern throughout: nothing is shown or acknowledged that a failover could
//! take back.

mod append;
mod bumps;
mod conversation;
mod document;
mod error;
mod message;
mod open;
mod presence;
mod reach;
mod session;
mod turns;
mod user;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use mongodb::{
    Client, Collection, Database,
    action::Find,
    bson::{Document, RawDocument, RawDocumentBuf, doc},
    options::{ReturnDocument, WriteConcern},
};
use parking_lot::Mutex;
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout_at};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use self::{append::Log, bumps::Bumps, document::Fields, presence::Here};
use super::{Observer, StoreLimits, Upkeep, broken};
use crate::error::{Error, Result};

pub use open::{is_connection_string, open};

/// How many connections to one server the driver may hold.
const POOL: u32 = 64;

/// How many calls may be under way at once, stuck ones included; the rest of the pool is for what the store does by
/// itself. Who comes later waits, no longer than [`StoreLimits::operation`].
const CALLS: usize = 48;

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
    log: Log,
    bumps: Bumps,
    /// This process's name in `processes`; a new one after each burial.
    process: Mutex<Uuid>,
    here: tokio::sync::Mutex<Here>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
}

struct Collections {
    users: Collection<RawDocumentBuf>,
    sessions: Collection<RawDocumentBuf>,
    conversations: Collection<RawDocumentBuf>,
    read_marks: Collection<RawDocumentBuf>,
    messages: Collection<RawDocumentBuf>,
    processes: Collection<RawDocumentBuf>,
    online: Collection<RawDocumentBuf>,
    last_seen: Collection<RawDocumentBuf>,
    meta: Collection<RawDocumentBuf>,
}

impl Collections {
    fn of(db: &Database) -> Self {
        Self {
            users: db.collection("users"),
            sessions: db.collection("sessions"),
            conversations: db.collection("conversations"),
            read_marks: db.collection("readMarks"),
            messages: db.collection("messages"),
            processes: db.collection("processes"),
            online: db.collection("online"),
            last_seen: db.collection("lastSeen"),
            meta: db.collection("meta"),
        }
    }
}

impl MongoStore {
    fn new(
        client: Client,
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
            log: Log::default(),
            bumps: Bumps::default(),
            process: Mutex::new(Uuid::new_v4()),
            here: tokio::sync::Mutex::new(Here::default()),
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
        let task = tokio::spawn(async move {
            let _permit = permit;
            call.await
        });
        until(deadline, task).await
    }
}

/// Waits for a task that runs on by itself when it is late.
async fn until<T>(deadline: Instant, task: JoinHandle<Result<T>>) -> Result<T> {
    match timeout_at(deadline.into(), task).await {
        Ok(Ok(result)) => result,
        Ok(Err(failure)) => Err(broken(failure)),
        Err(_) => Err(error::late()),
    }
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

    /// Makes one call to the driver, and tells the observer how long it took.
    async fn timed<T>(
        &self,
        name: &'static str,
        call: impl IntoFuture<Output = mongodb::error::Result<T>>,
    ) -> Result<T> {
        let start = Instant::now();
        let result = call.await;
        (self.observer)(name, start.elapsed());
        result.map_err(|failure| error::from_driver(&failure))
    }

    /// Everything that a query finds, read in one batch.
    async fn all<T>(
        &self,
        find: Find<'_, RawDocumentBuf>,
        read: impl Fn(&RawDocument) -> Result<T>,
    ) -> Result<Vec<T>> {
        // As many as the driver lets one batch hold: a second round trip is the exception.
        let find = find.max_time(self.patience()).batch_size(10_000);
        self.timed("mongodb.find", async {
            let mut cursor = find.await?;
            let mut found = Vec::new();
            while cursor.advance().await? {
                found.push(read(cursor.current()));
            }
            Ok(found)
        })
        .await?
        .into_iter()
        .collect()
    }

    /// The first that a query finds.
    async fn first<T>(
        &self,
        find: Find<'_, RawDocumentBuf>,
        read: impl Fn(&RawDocument) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(find.limit(1), read).await?.pop())
    }

    /// Runs many updates in one command. The driver does not repeat it by itself, so each must be one that may run
    /// twice; it is tried once more when its outcome is not known.
    async fn update_each(&self, collection: &str, updates: Vec<Document>) -> Result<()> {
        // The server takes at most 100,000 in one command.
        for updates in updates.chunks(10_000) {
            let command = doc! {
                "update": collection,
                "updates": updates,
                "ordered": false,
                "writeConcern": { "w": "majority", "j": true, "wtimeout": self.wait_for_majority() },
            };
            let once = || async {
                let reply = self
                    .timed("mongodb.update", self.db.run_command(command.clone()))
                    .await?;
                error::check_reply(&reply)
            };
            match once().await {
                Err(Error::Unavailable(_)) => once().await?,
                result => result?,
            }
        }
        Ok(())
    }

    /// Makes a call that may run twice, and that the driver does not repeat, once more when its outcome is unknown.
    async fn twice<T, F>(&self, name: &'static str, call: impl Fn() -> F) -> Result<T>
    where
        F: IntoFuture<Output = mongodb::error::Result<T>>,
    {
        match self.timed(name, call()).await {
            Err(Error::Unavailable(_)) => self.timed(name, call()).await,
            result => result,
        }
    }

    /// In milliseconds.
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

    async fn tidy(&self) -> Result<()> {
        self.bounded(|inner| async move {
            inner.catch_up(|_| ()).await?;
            inner.settle_bumps().await?;
            inner.remember_bumped().await
        })
        .await
    }

    async fn close(&self) {
        self.inner.stop.cancel();
        let written = self.bounded(|inner| async move {
            inner.settle_bumps().await?;
            inner.remember_bumped().await?;
            inner.leave().await
        });
        if let Err(failure) = written.await {
            tracing::warn!(detail = %error::detail(&failure), "MongoDB: not all was written at the end; the next start does");
        }
        let client = self.inner.client.clone();
        let shutdown = tokio::spawn(async move {
            client.shutdown().immediate(true).await;
            Ok(())
        });
        // Connections that do not close in time are closed with the process.
        let _ = until(Instant::now() + GOODBYE, shutdown).await;
    }
}
