//! Watching who is online: a snapshot, then what changes.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::broadcast;

use super::{Entry, Presence, VersionedChange};
use crate::domain::{OnlineChange, UserId};

/// One watcher's view of who is online.
pub struct PresenceReceiver {
    pub(super) presence: Presence,
    pub(super) receiver: broadcast::Receiver<Arc<VersionedChange>>,
    pub(super) snapshot: Option<Vec<UserId>>,
    pub(super) version: u64,
    /// What the snapshot held of the change that comes next: who joined, who left.
    pub(super) foretold: Option<(HashSet<UserId>, HashSet<UserId>)>,
}

impl PresenceReceiver {
    /// First everyone online as `joined`; then waits for changes. The same `Arc` goes to every watcher that is up
    /// to date.
    pub async fn next(&mut self) -> Option<Arc<OnlineChange>> {
        if let Some(joined) = self.snapshot.take() {
            return Some(Arc::new(OnlineChange {
                joined,
                left: Vec::new(),
            }));
        }
        loop {
            let change = match self.receiver.recv().await {
                Ok(told) if told.version <= self.version => continue,
                Ok(told) => {
                    self.version = told.version;
                    match self.foretold.take() {
                        Some(foretold) => Arc::new(without(&told.change, &foretold)),
                        None => told.change.clone(),
                    }
                }
                Err(broadcast::error::RecvError::Lagged(_)) => Arc::new(self.catch_up()),
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            if !change.joined.is_empty() || !change.left.is_empty() {
                return Some(change);
            }
        }
    }

    /// The difference between what this watcher was told and what holds at the latest version. Someone who left
    /// and came back in between may be named as joined once more.
    fn catch_up(&mut self) -> OnlineChange {
        self.foretold = None;
        let state = self.presence.0.state.lock();
        let missed =
            |entry: &&Entry| entry.changed_in > self.version && entry.changed_in <= state.version;
        let mut change = OnlineChange::default();
        for (user, entry) in &state.users {
            if missed(&entry) {
                if entry.online {
                    change.joined.push(*user);
                } else {
                    change.left.push(*user);
                }
            }
        }
        // Those who changed again since are told with the next version; until then they stand as they last did.
        for user in &state.gathering.left {
            change.joined.push(*user);
        }
        for user in &state.gathering.joined {
            change.left.push(*user);
        }
        self.version = state.version;
        change
    }
}

/// What is left of a gathered change for a watcher whose snapshot held a part of it already.
fn without(
    change: &OnlineChange,
    (joined, left): &(HashSet<UserId>, HashSet<UserId>),
) -> OnlineChange {
    let now_joined = change.joined.iter().copied().collect::<HashSet<_>>();
    let now_left = change.left.iter().copied().collect::<HashSet<_>>();
    OnlineChange {
        joined: now_joined
            .difference(joined)
            .chain(left.difference(&now_left))
            .copied()
            .collect(),
        left: now_left
            .difference(left)
            .chain(joined.difference(&now_joined))
            .copied()
            .collect(),
    }
}
