//! A store that a command works on.

use std::{ops::Deref, sync::Arc, time::Duration};

use tokio::{task::JoinHandle, time::MissedTickBehavior};

use super::Failure;
use crate::{
    app::{self, Config, StoreConfig},
    store::{StoreLimits, Whole, WholeStore, embedded::Unopened},
};

/// An open store, which others know to be in use as long as it is.
pub struct Opened {
    store: WholeStore,
    lease: JoinHandle<()>,
}

impl Opened {
    /// Opens the store of the settings, which has to be there.
    ///
    /// # Errors
    /// As with [`Opened::open`]; nothing is made where there is no embedded store.
    pub async fn existing(config: &Config) -> Result<Self, Failure> {
        if let StoreConfig::Embedded { dir } = &config.store
            && matches!(Unopened::look(dir), Ok(None))
        {
            let dir = dir.display();
            return Err(Failure::new(format_args!(
                "there is no store in {dir} (DATA_DIR)"
            )));
        }
        Self::open(config).await
    }

    /// Opens the store of the settings. One call may take longer than in a server: nobody waits for it, and a file's
    /// check reads all of it.
    ///
    /// # Errors
    /// One line; for an embedded store that a server has open, that this has to be stopped.
    pub async fn open(config: &Config) -> Result<Self, Failure> {
        let limits = StoreLimits {
            operation: match config.store {
                StoreConfig::Embedded { .. } => Duration::from_hours(1),
                StoreConfig::Mongo { .. } => Duration::from_mins(1),
            },
            ..config.store_limits
        };
        let store = app::open_store(&config.store, limits, Arc::new(|_, _| {}));
        let store = store.await.map_err(|error| match &config.store {
            StoreConfig::Embedded { .. } if error.0.contains("in use") => {
                Failure::new(format_args!("{error}; stop that first"))
            }
            _ => error.into(),
        })?;
        let (renewed, every) = (Arc::clone(&store), config.limits.lease_renewal);
        let lease = tokio::spawn(async move {
            let mut renewal = tokio::time::interval(every);
            renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                renewal.tick().await;
                if let Err(error) = renewed.renew_lease().await {
                    tracing::warn!(?error, "the lease could not be renewed; it is tried again");
                }
            }
        });
        Ok(Self { store, lease })
    }

    /// Writes what is still owed and lets go of the store.
    pub async fn close(self) {
        self.lease.abort();
        // It has ended, or was told to.
        let _ = self.lease.await;
        self.store.close().await;
    }
}

impl Deref for Opened {
    type Target = Arc<dyn Whole>;

    fn deref(&self) -> &Self::Target {
        &self.store
    }
}
