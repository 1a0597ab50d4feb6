//! bcrypt, off the async threads and a bounded number at once.

use std::{sync::Arc, time::Duration};

use tokio::sync::Semaphore;

use crate::{
    domain::Password,
    error::{Error, Result},
};

/// The highest cost of a hash that passwords are verified with.
const MOST_WORK: u32 = 16;

/// Hashes and verifies passwords. Cheap to clone.
#[derive(Clone)]
pub struct Hasher(Arc<Inner>);

struct Inner {
    cost: u32,
    /// One hash a core: more would only make all of them slower.
    cores: Semaphore,
    /// Those hashing and those waiting for a core.
    places: Semaphore,
    /// How many places there are.
    most: usize,
    /// What an unknown user's password is verified against, so that it takes as long as a known one's.
    decoy: String,
}

impl Hasher {
    /// Hashes at `cost` (bcrypt's logarithmic work factor); at most `waiting` wait for a core.
    ///
    /// # Errors
    /// [`Error::Internal`] for a cost that bcrypt does not take.
    pub fn new(cost: u32, waiting: usize) -> Result<Self> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let decoy = bcrypt::non_truncating_hash("decoy", cost).map_err(fault)?;
        let inner = Inner {
            cost,
            cores: Semaphore::new(cores),
            places: Semaphore::new(cores + waiting),
            most: cores + waiting,
            decoy,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// How many hash or wait for a core, and how many may.
    pub fn waiting(&self) -> (usize, usize) {
        let most = self.0.most;
        (most.saturating_sub(self.0.places.available_permits()), most)
    }

    /// The hash to store, unless `needless`, asked once a core is free, finds that it is no longer wanted.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when too many wait, and what `needless` gives.
    pub async fn hash(
        &self,
        password: Password,
        needless: impl Future<Output = Result<()>>,
    ) -> Result<String> {
        let cost = self.0.cost;
        self.on_a_core(needless, move |_| {
            bcrypt::non_truncating_hash(password.expose(), cost).map_err(fault)
        })
        .await
    }

    /// Whether `password` is the one behind `hash`. Without a hash that is one the answer is no, and takes as long; so does
    /// a no where the hash was made with less work than is asked for now.
    ///
    /// # Errors
    /// [`Error::RateLimited`] when too many wait.
    pub async fn verify(&self, password: Password, hash: Option<String>) -> Result<bool> {
        self.on_a_core(async { Ok(()) }, move |inner| {
            let known = hash.filter(|hash| is_hash(hash));
            let hash = known.as_deref().unwrap_or(&inner.decoy);
            // Of a longer one bcrypt takes the first 72 bytes, as it did when an older program made the hash: none of
            // ours is one of those, as in it a NUL follows the password.
            let matches = bcrypt::verify(password.expose(), hash).map_err(fault)?;
            if matches && known.is_some() {
                return Ok(true);
            }
            // Each step doubles the work, so that all of them together are what was spared.
            for cost in cost_of(hash).unwrap_or(inner.cost)..inner.cost {
                bcrypt::hash_with_salt("spared", cost, [0; 16]).map_err(fault)?;
            }
            Ok(false)
        })
        .await
    }

    /// Whether `hash` was made with less work than is asked for now.
    pub fn is_outdated(&self, hash: &str) -> bool {
        cost_of(hash).is_some_and(|cost| cost < self.0.cost)
    }

    async fn on_a_core<T: Send + 'static>(
        &self,
        before: impl Future<Output = Result<()>>,
        work: impl FnOnce(&Inner) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Ok(_place) = self.0.places.try_acquire() else {
            return Err(Error::RateLimited {
                message: "Too many people are signing in at once; try again soon.".into(),
                retry_after: Duration::from_secs(2),
            });
        };
        let _core = self.0.cores.acquire().await.map_err(fault)?;
        before.await?;
        let inner = self.0.clone();
        tokio::task::spawn_blocking(move || work(&inner))
            .await
            .map_err(fault)?
    }
}

fn fault(error: impl std::fmt::Display) -> Error {
    Error::Internal(format!("password hashing: {error}"))
}

/// Whether this is a hash of bcrypt's that a password can be verified with; one of so much work that nobody would wait for
/// it is none.
pub fn is_hash(text: &str) -> bool {
    cost_of(text).is_some_and(|cost| (4..=MOST_WORK).contains(&cost))
}

fn cost_of(hash: &str) -> Option<u32> {
    let parts = hash.parse::<bcrypt::HashParts>().ok()?;
    Some(parts.get_cost())
}
