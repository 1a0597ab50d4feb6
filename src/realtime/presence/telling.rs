//! Telling watchers what has changed: gathered, and on time.

use std::{collections::HashSet, mem, sync::Arc};

use tokio::time::{Instant, timeout_at};

use super::{Estrangements, Gathering, Presence, State, apart::GatheredApart};
use crate::domain::{OnlineChange, Pair, UserId};

/// What watchers are told together.
#[derive(Debug)]
pub(super) struct VersionedChange {
    pub(super) version: u64,
    pub(super) change: Arc<OnlineChange>,
    /// What each watcher is to compare with what it knows, and who is online then.
    pub(super) looked_up: Option<(Arc<Estrangements>, HashSet<UserId>)>,
    /// What became of pairs behind that.
    pub(super) parted: Vec<Parted>,
}

/// Two people who see nothing of each other any more, or do again; and who of them is online then.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parted {
    pub(super) pair: Pair,
    pub(super) apart: bool,
    pub(super) low_online: bool,
    pub(super) high_online: bool,
}

impl Presence {
    /// Tells watchers what is due and waits until there is more to do.
    pub async fn tell_on_time(&self) {
        let woken = self.0.woken.notified();
        let next = {
            let mut state = self.0.state.lock();
            self.do_what_is_due(&mut state, Instant::now())
        };
        until(next, woken).await;
    }

    pub(super) fn tell_soon(&self, state: &mut State) {
        let tell_at = &mut state.gathering.tell_at;
        tell_at.get_or_insert_with(|| Instant::now() + self.0.gather);
        self.0.woken.notify_one();
    }

    /// Lets graces run out, tells watchers, forgets; gives the moment at which there is more to do.
    pub(super) fn do_what_is_due(&self, state: &mut State, now: Instant) -> Option<Instant> {
        while let Some((user, socket_change)) = state.graces.pop_due(now) {
            if state
                .users
                .get(&user)
                .is_some_and(|entry| entry.socket_change == socket_change && entry.here)
            {
                state.change(user, false, self.0.gather);
            }
        }
        while let Some(process) = state.left_behind.pop_due(now) {
            state.leave_behind(process, self.0.gather);
        }
        while let Some((user, changed_in)) = state.forgetting.pop_due(now) {
            if state.users.get(&user).is_some_and(|entry| {
                entry.changed_in == changed_in && !entry.online && entry.sockets == 0
            }) {
                state.users.remove(&user);
            }
        }
        let forget_apart = state.apart.forget(now);
        if state.gathering.tell_at.is_some_and(|due| due <= now) {
            let gathered = mem::take(&mut state.gathering);
            if let Some(told) = state.told_of(gathered) {
                // Nobody watching is no fault.
                let _ = self.0.changes.send(Arc::new(told));
            }
        }
        [
            state.graces.next(),
            state.left_behind.next(),
            state.gathering.tell_at,
            state.forgetting.next(),
            forget_apart,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

impl State {
    /// What watchers are told of what was gathered, if there is anything.
    fn told_of(&mut self, gathered: Gathering) -> Option<VersionedChange> {
        let changes = !gathered.joined.is_empty() || !gathered.left.is_empty();
        if !gathered.foretold && !changes && gathered.apart.is_empty() {
            return None;
        }
        self.version += 1;
        let version = self.version;
        self.apart.tell(version, &gathered.apart);
        let GatheredApart { looked_up, pairs } = gathered.apart;
        let looked_up = looked_up.map(|found| (found, self.online().collect()));
        let parted = self.parted(pairs);
        let change = OnlineChange {
            joined: gathered.joined.into_iter().collect(),
            left: gathered.left.into_iter().collect(),
        };
        Some(VersionedChange {
            version,
            change: Arc::new(change),
            looked_up,
            parted,
        })
    }

    pub(super) fn parted(&self, pairs: impl IntoIterator<Item = (Pair, bool)>) -> Vec<Parted> {
        let parted = pairs.into_iter().map(|(pair, apart)| Parted {
            pair,
            apart,
            low_online: self.is_told_online(pair.low()),
            high_online: self.is_told_online(pair.high()),
        });
        parted.collect()
    }

    /// Whether watchers at the latest version have been told that a user is online.
    fn is_told_online(&self, user: UserId) -> bool {
        let online = self.users.get(&user).is_some_and(|entry| entry.online);
        (online && !self.gathering.joined.contains(&user)) || self.gathering.left.contains(&user)
    }
}

pub(super) async fn until(due: Option<Instant>, woken: impl Future<Output = ()>) {
    match due {
        Some(due) => {
            // Either ends the wait; which one does not matter.
            let _ = timeout_at(due, woken).await;
        }
        None => woken.await,
    }
}
