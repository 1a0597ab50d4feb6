//! Watching who is online: a snapshot, then what changes.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::broadcast;

use super::{
    Entry, Presence,
    apart::differences,
    telling::{Parted, VersionedChange},
};
use crate::domain::{OnlineChange, UserId};

/// One watcher's view of who is online.
pub struct PresenceReceiver {
    pub(super) presence: Presence,
    pub(super) receiver: broadcast::Receiver<Arc<VersionedChange>>,
    pub(super) snapshot: Option<Vec<UserId>>,
    pub(super) version: u64,
    /// What the snapshot held of the change that comes next: who joined, who left.
    pub(super) foretold: Option<(HashSet<UserId>, HashSet<UserId>)>,
    /// Who watches.
    pub(super) viewer: Option<UserId>,
    /// Of whom the viewer is told nothing.
    pub(super) estranged: HashSet<UserId>,
}

impl PresenceReceiver {
    /// Lets `viewer` be told nothing of those who are `estranged` now, and follows what becomes of that. Called before
    /// anything is told.
    pub fn show_to(&mut self, viewer: UserId, estranged: &HashSet<UserId>) {
        self.viewer = Some(viewer);
        self.estranged.clone_from(estranged);
        self.presence.0.state.lock().apart.may_differ();
    }

    /// First everyone online as `joined`; then waits for changes. The same `Arc` goes to every watcher that is up
    /// to date and estranged from nobody.
    pub async fn next(&mut self) -> Option<Arc<OnlineChange>> {
        if let Some(mut joined) = self.snapshot.take() {
            if !self.estranged.is_empty() {
                joined.retain(|user| !self.estranged.contains(user));
            }
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
                    let change = match self.foretold.take() {
                        Some(foretold) => Arc::new(without(&told.change, &foretold)),
                        None => told.change.clone(),
                    };
                    let parted = self.parted(&told);
                    self.visible(change, &parted, false)
                }
                Err(broadcast::error::RecvError::Lagged(_)) => {
                    let (change, parted) = self.catch_up();
                    self.visible(Arc::new(change), &parted, true)
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            };
            if !change.joined.is_empty() || !change.left.is_empty() {
                return Some(change);
            }
        }
    }

    /// What the viewer is to be told of a change, after which these pairs are apart or no longer. Who joins may have
    /// been told as online before in a change that was `caught_up`.
    fn visible(
        &mut self,
        change: Arc<OnlineChange>,
        parted: &[Other],
        caught_up: bool,
    ) -> Arc<OnlineChange> {
        if self.estranged.is_empty() && parted.is_empty() {
            return change;
        }
        let mut change = (*change).clone();
        let OnlineChange { joined, left } = &mut change;
        joined.retain(|user| !self.estranged.contains(user));
        left.retain(|user| !self.estranged.contains(user));
        for &(other, apart, online) in parted {
            if apart && self.estranged.insert(other) {
                let comes = joined.iter().position(|user| *user == other);
                if let Some(place) = comes {
                    joined.swap_remove(place);
                }
                if online && (comes.is_none() || caught_up) {
                    left.push(other);
                }
            } else if !apart && self.estranged.remove(&other) && online {
                joined.push(other);
            }
        }
        Arc::new(change)
    }

    /// Who parts from the viewer with a change or comes together again, in order.
    fn parted(&self, told: &VersionedChange) -> Vec<Other> {
        let Some(viewer) = self.viewer else {
            return Vec::new();
        };
        let looked_up = told.looked_up.as_ref();
        let found = looked_up.and_then(|(found, online)| Some((found.get(&viewer)?, online)));
        let compared = found.map(|(now, online)| {
            let differ = differences(now, &self.estranged);
            differ.map(|(other, apart)| (other, apart, online.contains(&other)))
        });
        let parted = told.parted.iter().filter_map(|one| one.seen_by(viewer));
        compared.into_iter().flatten().chain(parted).collect()
    }

    /// The difference between what this watcher was told and what holds at the latest version, with what became of
    /// pairs in between. Someone who left and came back in between may be named as joined once more.
    fn catch_up(&mut self) -> (OnlineChange, Vec<Other>) {
        self.foretold = None;
        let state = self.presence.0.state.lock();
        let gathering = &state.gathering;
        let is_gathered = |user| gathering.joined.contains(user) || gathering.left.contains(user);
        // Who left and came back since the latest version is as that told.
        let missed = |user, entry: &Entry| {
            entry.changed_in > self.version
                && (entry.changed_in <= state.version || !is_gathered(user))
        };
        let mut change = OnlineChange::default();
        for (user, entry) in &state.users {
            if missed(user, entry) {
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
        let apart = &state.apart;
        let pairs = apart.since(self.version, self.viewer, &self.estranged);
        let parted = state.parted(pairs).into_iter();
        let parted = parted.filter_map(|one| one.seen_by(self.viewer?)).collect();
        self.version = state.version;
        (change, parted)
    }
}

/// Who someone else is, whether the viewer and this one are apart now, and whether this one is online.
type Other = (UserId, bool, bool);

impl Parted {
    fn seen_by(&self, viewer: UserId) -> Option<Other> {
        if viewer == self.pair.low() {
            Some((self.pair.high(), self.apart, self.high_online))
        } else if viewer == self.pair.high() {
            Some((self.pair.low(), self.apart, self.low_online))
        } else {
            None
        }
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
