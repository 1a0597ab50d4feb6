//! Opening: find the server, check what it lets us do, make what is missing, heal what a crash left.

use std::{fmt, sync::Arc, time::Duration};

use mongodb::{
    Client, Collection, Database, IndexModel,
    bson::{Document, RawDocumentBuf, doc},
    error::ErrorKind,
    options::{
        ClientOptions, ConnectionString, IndexOptions, ReadConcern, ReadPreference,
        SelectionCriteria, WriteConcern,
    },
};
use tokio::time::{Instant, timeout_at};

use super::{
    Inner, MongoStore, POOL, attempt::Purpose, blocks, conversation, document::Fields, durable,
    error, log, mark, message, presence, primaries::Primaries, reach, session, user,
};
use crate::{
    error::Error,
    store::{Observer, OpenError, StoreLimits},
};

/// The database of a connection string that names none.
const DATABASE: &str = "chinwag";

/// The version of the data that this code reads and writes. A process of another one would not know all of it.
pub(super) const VERSION: i64 = 3;

/// Since which version messages have steps.
const STEPS: i64 = 2;

/// The server's code for an index that is not there.
const INDEX_NOT_FOUND: i32 = 27;

/// How often the driver looks after the server. With `connect_timeout` this also bounds how long calls hang on a
/// connection whose other end is gone: the driver has no other time limit for them.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// An idle connection may have been forgotten by something in between.
const IDLE: Duration = Duration::from_mins(1);

/// Whether the driver can read this as a connection string.
pub fn is_connection_string(text: &str) -> bool {
    ConnectionString::parse(text).is_ok()
}

/// Opens the store at a connection string, making collections and indexes where they are missing.
///
/// Every write waits for a majority and its journal, and every read is of what a majority has, whatever the
/// connection string says. `observer` is told of each call to the driver, by names such as `mongodb.find`.
///
/// # Errors
/// When the server cannot be reached within [`StoreLimits::open`], refuses us, lacks rights we need, cannot make an
/// index, or holds data of a newer version: a line that names the address and never the password.
pub async fn open(
    uri: &str,
    limits: StoreLimits,
    observer: Observer,
) -> Result<MongoStore, OpenError> {
    let uri = uri.to_owned();
    // In a task of its own, as the driver's futures must not be dropped half way.
    let opening = tokio::spawn(async move {
        let deadline = Instant::now() + limits.open;
        let options = timeout_at(deadline, client_options(&uri, &limits))
            .await
            .map_err(|_| reach::unresolved(&host(&uri)))??;
        let hosts = options.hosts.clone();
        match open_with(options, deadline, limits, observer).await {
            Ok(store) => Ok(store),
            Err(Refusal::Unreachable) => Err(reach::unreachable(&hosts).await),
            Err(Refusal::Told(reason)) => Err(reason),
        }
    });
    opening.await.map_err(OpenError::new)?
}

/// Why there is no store.
enum Refusal {
    /// No server that is ready was found in time; why not is still to be found out.
    Unreachable,
    Told(OpenError),
}

impl Refusal {
    fn told(reason: impl fmt::Display) -> Self {
        Self::Told(OpenError::new(reason))
    }
}

async fn open_with(
    mut options: ClientOptions,
    deadline: Instant,
    limits: StoreLimits,
    observer: Observer,
) -> Result<MongoStore, Refusal> {
    let address = reach::addresses(&options.hosts);
    let named = options.default_database.clone();
    let database = named.unwrap_or_else(|| DATABASE.to_owned());
    let place = format!("MongoDB at {address}, database {database}");
    let primaries = Primaries::default();
    options.sdam_event_handler = Some(primaries.listener());
    let client = Client::with_options(options).map_err(|failure| refused(&address, &failure))?;
    let db = client.database(&database);
    let store = MongoStore::new(client, primaries, db, place, limits, observer);
    let check = {
        let (db, address) = (store.inner.db.clone(), address.clone());
        tokio::spawn(async move { check(&db, &address).await })
    };
    let found = timeout_at(deadline, check)
        .await
        .map_err(|_| Refusal::Unreachable)?
        .map_err(Refusal::told)??;
    let unreadable = |failure: Error| {
        let detail = error::detail(&failure);
        Refusal::told(format_args!(
            "MongoDB at {address} could not be read: {detail}"
        ))
    };
    let inner = &store.inner;
    let _ = inner.is_standalone.set(found.is_standalone);
    // All reads from here on wait for it.
    inner.beside(Inner::keep_catching_up(Arc::downgrade(inner)));
    if (1..VERSION).contains(&found.version) && inner.runs_older().await.map_err(unreadable)? {
        return Err(Refusal::told(format_args!(
            "A server of an older version runs on the data in MongoDB at {address}: stop it first, or wait for {} s when it \
             was killed.",
            limits.lease.as_secs()
        )));
    }
    if found.version < STEPS {
        let made = inner.make_messages().await;
        made.map_err(|failure| refused(&address, &failure))?;
        if found.version > 0 {
            inner.migrate().await.map_err(unreadable)?;
        }
    }
    prepare(inner)
        .await
        .map_err(|failure| refused(&address, &failure))?;
    begin(inner).await.map_err(unreadable)?;
    inner.beside(Inner::keep_following(Arc::downgrade(inner)));
    inner.beside(Inner::keep_looking(Arc::downgrade(inner)));
    Ok(store)
}

async fn client_options(uri: &str, limits: &StoreLimits) -> Result<ClientOptions, OpenError> {
    let mut options = ClientOptions::parse(uri)
        .await
        .map_err(|failure| match &*failure.kind {
            ErrorKind::DnsResolve { .. } => reach::unresolved(&host(uri)),
            ErrorKind::Io(_) if uri.starts_with("mongodb+srv:") => reach::unresolved(&host(uri)),
            // The driver's reason may quote any part of it.
            _ => OpenError::new(
                "MONGODB_URI is not a valid connection string (mongodb://host:port/database).",
            ),
        })?;
    options.write_concern = Some(durable(limits));
    options.read_concern = Some(ReadConcern::majority());
    options.selection_criteria = Some(SelectionCriteria::ReadPreference(ReadPreference::Primary));
    options.retry_writes = Some(true);
    options.retry_reads = Some(true);
    let patience = limits.operation.min(limits.open) * 3 / 8;
    options.app_name.get_or_insert_with(|| "chinwag".to_owned());
    options.max_pool_size.get_or_insert(POOL);
    options.min_pool_size.get_or_insert(4);
    options.max_idle_time.get_or_insert(IDLE);
    options.connect_timeout.get_or_insert(patience);
    options.server_selection_timeout.get_or_insert(patience);
    options.heartbeat_freq.get_or_insert(HEARTBEAT);
    Ok(options)
}

/// What stands at an address.
struct Found {
    is_standalone: bool,
    /// Of the data; 0 where there is none.
    version: i64,
}

/// Finds out whether the server answers, which kind it is, and whether its data is ours to read.
async fn check(db: &Database, address: &str) -> Result<Found, Refusal> {
    let refused = |failure: mongodb::error::Error| refused(address, &failure);
    let hello = db.run_command(doc! { "hello": 1 }).await.map_err(refused)?;
    let is_router = hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid");
    let is_standalone = !hello.contains_key("setName") && !is_router;
    if is_standalone {
        tracing::warn!(
            address,
            "MongoDB: a standalone server. It keeps a single copy, does not repeat a write that a broken connection \
             interrupted, and is meant for one process, as it has no change streams: what happens at a second one is seen \
             up to two seconds later, and typing not at all. Start it as a replica set (of one is enough) to change that."
        );
    }
    let schema = db
        .collection::<RawDocumentBuf>("meta")
        .find_one(doc! { "_id": "schema" })
        .await
        .map_err(refused)?;
    let version = match &schema {
        Some(schema) => schema.number("version").map_err(|failure| {
            Refusal::told(format_args!(
                "MongoDB at {address}: {}",
                error::detail(&failure)
            ))
        })?,
        None => 0,
    };
    if version > VERSION {
        return Err(Refusal::told(format_args!(
            "The data in MongoDB at {address} is of version {version}, and this program knows up to {VERSION}: use a newer one."
        )));
    }
    Ok(Found {
        is_standalone,
        version,
    })
}

/// Makes what is missing. Any number of processes may do so at once.
async fn prepare(inner: &Inner) -> mongodb::error::Result<()> {
    let all = &inner.collections;
    indexes(
        &all.users,
        [
            unique(user::USERNAME, doc! { "usernameKey": 1 }),
            index(user::SIDEBAR, doc! { "sortKey": 1, "_id": 1 }),
            index(user::SEARCH, doc! { "searchKeys": 1 }),
            where_set(index(user::LEAVING, doc! { "leaving": 1 }), "leaving"),
        ],
    )
    .await?;
    indexes(
        &all.blocks,
        [
            index(blocks::BLOCKER, doc! { "blocker": 1, "at": -1, "_id": -1 }),
            index(blocks::BLOCKED, doc! { "blocked": 1 }),
        ],
    )
    .await?;
    indexes(
        &all.sessions,
        [
            index(session::USER, doc! { "user": 1 }),
            where_set(index(session::ENDED, doc! { "endedAt": 1 }), "endedAt"),
            expiring(index(session::EXPIRY, doc! { "expiresAt": 1 })),
        ],
    )
    .await?;
    indexes(
        &all.conversations,
        [
            where_set(unique(conversation::PAIR, doc! { "pair": 1 }), "pair"),
            // The last of the keys tells what is new without reading the documents.
            index(
                conversation::MEMBER_RANK,
                doc! { "members.user": 1, "lastRank": -1, "_id": -1, "lastPosition": 1 },
            ),
        ],
    )
    .await?;
    indexes(
        &all.messages,
        [
            unique(log::POSITION, doc! { "position": 1 }),
            where_set(
                unique(
                    log::CONVERSATION_STEP,
                    doc! { "conversation": 1, "step": 1 },
                ),
                "step",
            ),
            where_set(
                index(
                    message::CONVERSATION_MESSAGE,
                    // Downwards, so that it is another one than that of before there were steps.
                    doc! { "conversation": 1, "seq": -1 },
                ),
                "seq",
            ),
            where_set(index(log::SEAL, doc! { "position": 1, "mark": 1 }), "mark"),
            where_set(
                unique(
                    message::SENDER_CLIENT_MESSAGE_ID,
                    doc! { "sender": 1, "clientMessageId": 1 },
                ),
                "clientMessageId",
            ),
        ],
    )
    .await?;
    indexes(
        &all.read_marks,
        [
            where_set(index(mark::MOVED, doc! { "at": 1 }), "at"),
            where_set(
                index(
                    mark::CONVERSATION_MOVED,
                    doc! { "_id.conversation": 1, "at": 1 },
                ),
                "at",
            ),
        ],
    )
    .await?;
    indexes(
        &all.reactions,
        [index(
            message::REACTED_MESSAGE,
            doc! { "_id.message": 1, "added": 1 },
        )],
    )
    .await?;
    indexes(
        &all.stays,
        [
            index(
                conversation::STAY_USER,
                doc! { "_id.user": 1, "position": 1 },
            ),
            index(
                conversation::STAY_CONVERSATION,
                doc! { "_id.conversation": 1, "_id.until": 1 },
            ),
        ],
    )
    .await?;
    indexes(
        &all.online,
        [unique(
            presence::PROCESS_USER,
            doc! { "process": 1, "user": 1 },
        )],
    )
    .await?;
    inner.make_signals().await?;
    let keep = doc! { "$max": { "version": VERSION } };
    all.meta
        .update_one(doc! { "_id": "schema" }, keep)
        .upsert(true)
        .await?;
    // At every start: a process of the version before may have made them again before it saw the new version. The
    // first would refuse a conversation's second change.
    let (messages, conversations) = (&all.messages, &all.conversations);
    for (collection, name) in [
        (messages, "conversation_seq"),
        (messages, "conversation_position"),
        (conversations, "member_activity"),
    ] {
        match collection.drop_index(name).await {
            Err(failure) if error::is_command(&failure, INDEX_NOT_FOUND) => {}
            result => result?,
        }
    }
    Ok(())
}

/// Takes in all that is not followed yet, and registers this process.
async fn begin(inner: &Arc<Inner>) -> Result<(), Error> {
    let deadline = std::time::Instant::now() + inner.limits.operation;
    for tenure in inner.lanes(Purpose::Terms, deadline).await?.values() {
        inner.overlay.follow(tenure.followed);
    }
    let heads = inner.read_heads().await?;
    for head in heads.positions() {
        inner.catch_up(Purpose::Terms, head, deadline).await?;
    }
    inner.register(deadline).await
}

async fn indexes<const N: usize>(
    collection: &Collection<RawDocumentBuf>,
    models: [IndexModel; N],
) -> mongodb::error::Result<()> {
    // Without the time limit of other writes: on much data it takes its time.
    let write_concern = WriteConcern::majority();
    collection
        .create_indexes(models)
        .write_concern(write_concern)
        .await
        .map(drop)
}

fn index(name: &str, keys: Document) -> IndexModel {
    IndexModel::builder()
        .keys(keys)
        .options(IndexOptions::builder().name(name.to_owned()).build())
        .build()
}

fn unique(name: &str, keys: Document) -> IndexModel {
    with(index(name, keys), |options| options.unique = Some(true))
}

/// Leaves out documents without the field.
fn where_set(model: IndexModel, field: &str) -> IndexModel {
    with(model, |options| {
        options.partial_filter_expression = Some(doc! { field: { "$exists": true } });
    })
}

/// Removes documents when the instant has come.
fn expiring(model: IndexModel) -> IndexModel {
    with(model, |options| options.expire_after = Some(Duration::ZERO))
}

fn with(mut model: IndexModel, change: impl FnOnce(&mut IndexOptions)) -> IndexModel {
    change(model.options.get_or_insert_default());
    model
}

/// Why the server at an address would not have us.
fn refused(address: &str, failure: &mongodb::error::Error) -> Refusal {
    const AUTHENTICATION_FAILED: i32 = 18;
    let code = match &*failure.kind {
        ErrorKind::Command(command) => command.code,
        _ => 0,
    };
    match &*failure.kind {
        ErrorKind::Authentication { .. } => Refusal::told(format_args!(
            "MongoDB at {address} does not accept the user name and password."
        )),
        _ if code == AUTHENTICATION_FAILED => Refusal::told(format_args!(
            "MongoDB at {address} does not accept the user name and password."
        )),
        _ if code == error::UNAUTHORIZED => Refusal::told(format_args!(
            "MongoDB at {address} does not let this user read, write and create indexes in the database."
        )),
        _ => match error::from_driver(failure) {
            Error::Unavailable(_) => Refusal::Unreachable,
            other => Refusal::told(format_args!(
                "MongoDB at {address}: {}",
                error::detail(&other)
            )),
        },
    }
}

/// The host and port of a connection string, without user and password.
fn host(uri: &str) -> String {
    let behind_user = uri.rsplit('@').next().unwrap_or_default();
    let behind_scheme = behind_user.rsplit("://").next().unwrap_or_default();
    behind_scheme
        .split(['/', '?'])
        .next()
        .unwrap_or_default()
        .to_owned()
}
