//! Fresh stores of every kind, each gone with its guard.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use chinwag::{
    app::StoreConfig,
    store::{DynStore, StoreLimits, embedded::EmbeddedStore, mongo},
};
use secrecy::ExposeSecret;

use super::{mongod, or_skipped};

/// The stores that one suite holds to the same contract.
#[derive(Clone, Copy, Debug)]
pub enum StoreKind {
    Embedded,
    Mongo,
}

/// What a fresh store stands on; dropping it takes that away.
pub enum Guard {
    Embedded { _dir: TempDir },
    Mongo,
}

/// An empty store of this kind that nobody else uses.
pub async fn fresh(kind: StoreKind) -> (DynStore, Guard) {
    match kind {
        StoreKind::Embedded => embedded().await,
        StoreKind::Mongo => mongo().await,
    }
}

/// Whether there is a MongoDB to test with. Without one CI fails, and elsewhere it is said aloud.
pub async fn mongo_is_there() -> bool {
    let shared = mongod::shared().await.map(|_| ());
    or_skipped("MongoDB", shared).is_some()
}

async fn mongo() -> (DynStore, Guard) {
    let mongod = mongod::shared().await.expect("a mongod");
    let uri = mongod.uri_for(&mongod::fresh_database());
    let store = mongo::open(&uri, StoreLimits::default(), Arc::new(|_, _| {}))
        .await
        .expect("a new database opens");
    (Arc::new(store), Guard::Mongo)
}

async fn embedded() -> (DynStore, Guard) {
    let dir = TempDir::new();
    let store = EmbeddedStore::open(dir.path(), StoreLimits::default(), Arc::new(|_, _| {}))
        .await
        .expect("a new directory opens");
    (Arc::new(store), Guard::Embedded { _dir: dir })
}

/// The store itself, while no server runs on it.
pub async fn at(place: &StoreConfig) -> DynStore {
    let (limits, observer) = (StoreLimits::default(), Arc::new(|_, _| {}));
    match place {
        StoreConfig::Embedded { dir } => Arc::new(
            EmbeddedStore::open(dir, limits, observer)
                .await
                .expect("opens"),
        ),
        StoreConfig::Mongo { uri } => Arc::new(
            mongo::open(uri.expose_secret(), limits, observer)
                .await
                .expect("opens"),
        ),
    }
}

/// A directory of a test's own, removed when dropped.
pub struct TempDir(PathBuf);

impl TempDir {
    /// One that does not exist yet.
    pub fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("store-{}-{number}", process::id());
        Self(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        // Not there when the test was that it cannot be made.
        let _ = fs::remove_dir_all(&self.0);
    }
}
