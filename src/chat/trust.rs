//! Up to when what is kept in memory may be relied upon, because what other processes signal would have been heard.

use std::time::Duration;

use parking_lot::RwLock;
use tokio::{sync::Notify, time::Instant};

/// Whether this process hears the others.
pub(super) struct Trust {
    /// None where there can be no others.
    until: Option<RwLock<Instant>>,
    lasts: Duration,
    renewed: Notify,
}

impl Trust {
    /// For a process that may have others beside it, and has heard nothing yet; what was heard counts for so long.
    pub(super) fn among_others(lasts: Duration) -> Self {
        Self {
            until: Some(RwLock::new(Instant::now())),
            lasts,
            renewed: Notify::new(),
        }
    }

    /// For the only process.
    pub(super) fn alone() -> Self {
        Self {
            until: None,
            lasts: Duration::MAX,
            renewed: Notify::new(),
        }
    }

    /// Whether what is in memory holds.
    pub(super) fn holds(&self) -> bool {
        let until = self.until.as_ref();
        until.is_none_or(|until| *until.read() > Instant::now())
    }

    /// Everything was heard that was signalled before a moment.
    pub(super) fn renew(&self, heard_up_to: Instant) {
        if let Some(until) = &self.until {
            let mut until = until.write();
            *until = (*until).max(heard_up_to + self.lasts);
            drop(until);
            self.renewed.notify_waiters();
        }
    }

    /// Completes when it holds.
    pub(super) async fn held(&self) {
        loop {
            let renewed = self.renewed.notified();
            if self.holds() {
                return;
            }
            renewed.await;
        }
    }
}
