//! Who is online: sockets counted per user, here and as other processes tell; a grace for reloads; changes gathered
//! before anyone is told.

mod apart;
mod elsewhere;
mod owed;
mod telling;
mod watcher;

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, broadcast},
    time::Instant,
};

pub use apart::Estrangements;
pub use owed::Owed;
pub use watcher::PresenceReceiver;

use self::{
    apart::{Apart, GatheredApart},
    telling::VersionedChange,
};
use super::timeouts::Timeouts;
use crate::domain::{Pair, ProcessId, Timestamp, UserId};

/// Gathered changes that are held for the slowest watcher; one that falls behind is told the difference instead.
const CHANGE_RING: usize = 64;
/// How long the change of someone who left is kept for watchers that fall behind: longer than a socket that reads
/// nothing may live.
const LEFT_KEPT: Duration = Duration::from_mins(2);

/// The people who are online. Cheap to clone.
#[derive(Clone)]
pub struct Presence(Arc<Inner>);

/// How many are online.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlineCount {
    pub anywhere: usize,
    /// At this process.
    pub here: usize,
}

struct Inner {
    state: Mutex<State>,
    changes: broadcast::Sender<Arc<VersionedChange>>,
    woken: Notify,
    gather: Duration,
    sockets_per_user: usize,
}

struct State {
    users: HashMap<UserId, Entry>,
    /// Counts the changes that watchers were told of.
    version: u64,
    /// What changed since then; a user stands in one of the two at most.
    gathering: Gathering,
    /// Sockets opened or closed, counted so that a grace that began before is known to be over.
    socket_changes: u64,
    graces: Timeouts<(UserId, u64)>,
    /// Processes that are gone, whose people may still come back elsewhere.
    left_behind: Timeouts<ProcessId>,
    /// Who went offline, with the version of that.
    forgetting: Timeouts<(UserId, u64)>,
    apart: Apart,
    owed: Owed,
}

#[derive(Default)]
struct Gathering {
    joined: HashSet<UserId>,
    left: HashSet<UserId>,
    tell_at: Option<Instant>,
    /// Whether a snapshot already told of some of it, so that its watcher waits for the version to settle.
    foretold: bool,
    apart: GatheredApart,
}

struct Entry {
    /// Open at this process.
    sockets: usize,
    /// The number of the last change of these.
    socket_change: u64,
    /// Whether this process has the user online: a socket, or the grace after the last one.
    here: bool,
    /// About how many sockets are open at other processes; of those with none, only such as are gone and leave a grace.
    elsewhere: Vec<(ProcessId, u32)>,
    /// Whether the user is online anywhere.
    online: bool,
    /// The version with which watchers are told of the latest change.
    changed_in: u64,
    closed_at: Timestamp,
}

impl Entry {
    fn new(socket_change: u64) -> Self {
        Self {
            sockets: 0,
            socket_change,
            here: false,
            elsewhere: Vec::new(),
            online: false,
            changed_in: 0,
            closed_at: Timestamp(0),
        }
    }

    fn is_anywhere(&self) -> bool {
        self.here || !self.elsewhere.is_empty()
    }

    /// About how many sockets are open at other processes.
    fn sockets_elsewhere(&self) -> usize {
        let counts = self.elsewhere.iter().map(|(_, count)| *count);
        let sum = counts.fold(0, u32::saturating_add);
        usize::try_from(sum).unwrap_or(usize::MAX)
    }
}

/// A number of sockets as other processes are told of it: rounded down to a power of two, so that few changes are told.
fn about(sockets: usize) -> u32 {
    let sockets = u32::try_from(sockets).unwrap_or(u32::MAX);
    sockets.checked_ilog2().map_or(0, |log| 1 << log)
}

impl Presence {
    /// Nobody is online.
    pub fn new(grace: Duration, gather: Duration, sockets_per_user: usize) -> Self {
        let state = State {
            users: HashMap::new(),
            version: 0,
            gathering: Gathering::default(),
            socket_changes: 0,
            graces: Timeouts::new(grace),
            left_behind: Timeouts::new(grace),
            forgetting: Timeouts::new(LEFT_KEPT),
            apart: Apart::new(),
            owed: Owed::default(),
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            changes: broadcast::Sender::new(CHANGE_RING),
            woken: Notify::new(),
            gather,
            sockets_per_user,
        }))
    }

    /// Counts a socket of `user`; false when the user has as many as one may have.
    pub fn opened(&self, user: UserId) -> bool {
        let mut state = self.0.state.lock();
        state.socket_changes += 1;
        let socket_change = state.socket_changes;
        let entry = state.users.entry(user).or_insert(Entry::new(socket_change));
        if entry.sockets + entry.sockets_elsewhere() >= self.0.sockets_per_user {
            return false;
        }
        entry.sockets += 1;
        entry.socket_change = socket_change;
        let (is_here, sockets) = (entry.here, entry.sockets);
        if !is_here {
            state.change(user, true, self.0.gather);
            self.0.woken.notify_one();
        }
        if about(sockets) > about(sockets - 1).max(1) {
            state.owed.sockets.push((user, about(sockets)));
            self.0.woken.notify_one();
        }
        true
    }

    /// Counts a socket of `user` as closed. With the last one the user goes offline: after the grace, or
    /// `at_once`.
    pub fn closed(&self, user: UserId, at_once: bool) {
        let mut state = self.0.state.lock();
        state.socket_changes += 1;
        let socket_change = state.socket_changes;
        let Some(entry) = state.users.get_mut(&user) else {
            return;
        };
        let before = entry.sockets;
        entry.sockets = entry.sockets.saturating_sub(1);
        entry.socket_change = socket_change;
        if entry.sockets > 0 {
            let (sockets, is_here) = (about(entry.sockets), entry.here);
            if is_here && sockets != about(before) {
                state.owed.sockets.push((user, sockets));
                self.0.woken.notify_one();
            }
            return;
        }
        entry.closed_at = entry.closed_at.max(Timestamp::now());
        if !entry.here {
            state.forget_later(user);
        } else if at_once {
            state.change(user, false, self.0.gather);
        } else {
            state.graces.push((user, socket_change));
        }
        self.0.woken.notify_one();
    }

    /// Takes a user offline at once, whose open sockets are about to be closed.
    pub fn take_offline(&self, user: UserId) {
        let mut state = self.0.state.lock();
        if let Some(entry) = state.users.get_mut(&user) {
            entry.closed_at = entry.closed_at.max(Timestamp::now());
            state.change(user, false, self.0.gather);
            self.0.woken.notify_one();
        }
    }

    /// Lets two people see nothing of each other any more, or again. Watchers must ask for what holds when they begin.
    pub fn set_apart(&self, pair: Pair, apart: bool) {
        let mut state = self.0.state.lock();
        state.apart.may_differ();
        state.gathering.apart.set(pair, apart);
        self.tell_soon(&mut state);
    }

    /// Lets those who are named see nothing of just these, whatever watchers know by now.
    pub fn set_all_apart(&self, found: Estrangements) {
        let mut state = self.0.state.lock();
        let State {
            apart, gathering, ..
        } = &mut *state;
        if apart.look_up(found, &mut gathering.apart) {
            self.tell_soon(&mut state);
        }
    }

    /// Whether `user` is online now; a grace counts as online.
    pub fn is_online(&self, user: UserId) -> bool {
        self.0
            .state
            .lock()
            .users
            .get(&user)
            .is_some_and(|entry| entry.online)
    }

    /// Everyone who is online now.
    pub fn online(&self) -> Vec<UserId> {
        self.0.state.lock().online().collect()
    }

    /// How many are online now.
    pub fn count(&self) -> OnlineCount {
        let state = self.0.state.lock();
        let entries = || state.users.values();
        OnlineCount {
            anywhere: entries().filter(|entry| entry.online).count(),
            here: entries().filter(|entry| entry.here).count(),
        }
    }

    /// When a user who just went offline was last online; `None` when that is the store's to say.
    pub fn closed_at(&self, user: UserId) -> Option<Timestamp> {
        let state = self.0.state.lock();
        state
            .users
            .get(&user)
            .filter(|entry| !entry.online && entry.closed_at > Timestamp(0))
            .map(|entry| entry.closed_at)
    }

    /// Whether anyone would be told of changes.
    pub fn is_watched(&self) -> bool {
        self.0.changes.receiver_count() > 0
    }

    /// Everyone online, and changes from here on. The two fit together.
    pub fn watch(&self) -> PresenceReceiver {
        let mut state = self.0.state.lock();
        let receiver = self.0.changes.subscribe();
        let gathering = &mut state.gathering;
        let foretold = (gathering.tell_at.is_some()).then(|| {
            gathering.foretold = true;
            (gathering.joined.clone(), gathering.left.clone())
        });
        PresenceReceiver {
            presence: self.clone(),
            receiver,
            snapshot: Some(state.online().collect()),
            version: state.version,
            foretold,
            viewer: None,
            estranged: HashSet::new(),
        }
    }
}

impl State {
    fn online(&self) -> impl Iterator<Item = UserId> {
        self.users
            .iter()
            .filter(|(_, entry)| entry.online)
            .map(|(user, _)| *user)
    }

    /// Notes that `user` came to this process or left it, for watchers, the store and other processes.
    fn change(&mut self, user: UserId, here: bool, gather: Duration) {
        let known = self.users.get_mut(&user);
        let Some(entry) = known.filter(|entry| entry.here != here) else {
            return;
        };
        entry.here = here;
        if here {
            self.owed.offline.retain(|(other, _)| *other != user);
            self.owed.online.push(user);
        } else {
            self.owed.online.retain(|other| *other != user);
            self.owed.sockets.retain(|(other, _)| *other != user);
            self.owed.offline.push((user, entry.closed_at));
        }
        self.settle(user, gather);
    }

    /// Notes whether `user` is online anywhere, for watchers.
    fn settle(&mut self, user: UserId, gather: Duration) {
        let known = self.users.get_mut(&user);
        let Some(entry) = known.filter(|entry| entry.online != entry.is_anywhere()) else {
            return;
        };
        let online = entry.is_anywhere();
        entry.online = online;
        entry.changed_in = self.version + 1;
        let gathering = &mut self.gathering;
        let (to, from) = if online {
            (&mut gathering.joined, &mut gathering.left)
        } else {
            (&mut gathering.left, &mut gathering.joined)
        };
        // Whoever came and went within one gathering is no change to anyone.
        if !from.remove(&user) {
            to.insert(user);
        }
        gathering
            .tell_at
            .get_or_insert_with(|| Instant::now() + gather);
        if !online {
            self.forget_later(user);
        }
    }

    fn forget_later(&mut self, user: UserId) {
        if let Some(entry) = self.users.get(&user) {
            self.forgetting.push((user, entry.changed_in));
        }
    }
}

#[cfg(test)]
mod tests;
