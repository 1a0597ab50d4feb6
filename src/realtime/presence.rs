//! Who is online: sockets counted per user, a grace for reloads, changes gathered before anyone is told.

mod watcher;

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::{Notify, broadcast},
    time::Instant,
};

pub use watcher::PresenceReceiver;

use super::timeouts::Timeouts;
use crate::domain::{OnlineChange, Timestamp, UserId};

/// Gathered changes that are held for the slowest watcher; one that falls behind is told the difference instead.
const CHANGE_RING: usize = 64;
/// How long the change of someone who left is kept for watchers that fall behind: longer than a socket that reads
/// nothing may live.
const LEFT_KEPT: Duration = Duration::from_mins(2);

/// The people who are online on this process. Cheap to clone.
#[derive(Clone)]
pub struct Presence(Arc<Inner>);

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
    turns: u64,
    graces: Timeouts<(UserId, u64)>,
    forgetting: Timeouts<(UserId, u64)>,
    owed: Owed,
}

#[derive(Default)]
struct Gathering {
    joined: HashSet<UserId>,
    left: HashSet<UserId>,
    tell_at: Option<Instant>,
    /// Whether a snapshot already told of some of it, so that its watcher waits for the version to settle.
    foretold: bool,
}

struct Entry {
    sockets: usize,
    turn: u64,
    online: bool,
    /// The version with which watchers are told of the latest change.
    changed_in: u64,
    closed_at: Timestamp,
}

/// What the store has not been told yet.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owed {
    pub online: Vec<UserId>,
    pub offline: Vec<(UserId, Timestamp)>,
}

#[derive(Debug)]
struct VersionedChange {
    version: u64,
    change: Arc<OnlineChange>,
}

impl Presence {
    /// Nobody is online.
    pub fn new(grace: Duration, gather: Duration, sockets_per_user: usize) -> Self {
        let state = State {
            users: HashMap::new(),
            version: 0,
            gathering: Gathering::default(),
            turns: 0,
            graces: Timeouts::new(grace),
            forgetting: Timeouts::new(LEFT_KEPT),
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
        state.turns += 1;
        let turn = state.turns;
        let entry = state.users.entry(user).or_insert(Entry {
            sockets: 0,
            turn,
            online: false,
            changed_in: 0,
            closed_at: Timestamp(0),
        });
        if entry.sockets >= self.0.sockets_per_user {
            return false;
        }
        entry.sockets += 1;
        entry.turn = turn;
        if !entry.online {
            state.change(user, true, self.0.gather);
            self.0.woken.notify_one();
        }
        true
    }

    /// Counts a socket of `user` as closed. With the last one the user goes offline: after the grace, or
    /// `at_once`.
    pub fn closed(&self, user: UserId, at_once: bool) {
        let mut state = self.0.state.lock();
        state.turns += 1;
        let turn = state.turns;
        let Some(entry) = state.users.get_mut(&user) else {
            return;
        };
        entry.sockets = entry.sockets.saturating_sub(1);
        entry.turn = turn;
        if entry.sockets > 0 {
            return;
        }
        entry.closed_at = Timestamp::now();
        if at_once {
            state.change(user, false, self.0.gather);
        } else {
            state.graces.push((user, turn));
        }
        self.0.woken.notify_one();
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

    /// When a user who just went offline was last online; `None` when that is the store's to say.
    pub fn closed_at(&self, user: UserId) -> Option<Timestamp> {
        let state = self.0.state.lock();
        state
            .users
            .get(&user)
            .filter(|entry| !entry.online)
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
        }
    }

    /// Tells watchers what is due and waits until there is news for the store.
    pub async fn owed(&self) -> Owed {
        loop {
            let woken = self.0.woken.notified();
            let next = {
                let mut state = self.0.state.lock();
                let next = self.turn(&mut state, Instant::now());
                if state.owed != Owed::default() {
                    return mem::take(&mut state.owed);
                }
                next
            };
            until(next, woken).await;
        }
    }

    /// Tells watchers what is due and waits until there is more to do.
    pub async fn tell_on_time(&self) {
        let woken = self.0.woken.notified();
        let next = {
            let mut state = self.0.state.lock();
            self.turn(&mut state, Instant::now())
        };
        until(next, woken).await;
    }

    /// Takes back what could not be told to the store, unless it is out of date.
    pub fn still_owed(&self, owed: Owed) {
        let mut state = self.0.state.lock();
        let newer = mem::take(&mut state.owed);
        let in_newer = |user: UserId| {
            newer.online.contains(&user) || newer.offline.iter().any(|(other, _)| *other == user)
        };
        let mut merged = Owed {
            online: owed
                .online
                .into_iter()
                .filter(|user| !in_newer(*user))
                .collect(),
            offline: owed
                .offline
                .into_iter()
                .filter(|(user, _)| !in_newer(*user))
                .collect(),
        };
        merged.online.extend(newer.online);
        merged.offline.extend(newer.offline);
        state.owed = merged;
    }

    /// Takes everyone offline, for the end of the process.
    pub fn shut_down(&self) -> Owed {
        let mut state = self.0.state.lock();
        let now = Timestamp::now();
        let online = state.online().collect::<Vec<_>>();
        let mut owed = mem::take(&mut state.owed);
        owed.online.clear();
        for user in online {
            let Some(entry) = state.users.get_mut(&user) else {
                continue;
            };
            entry.online = false;
            owed.offline.push((
                user,
                if entry.sockets > 0 {
                    now
                } else {
                    entry.closed_at
                },
            ));
        }
        owed
    }

    /// Lets graces run out, tells watchers, forgets; gives the moment at which there is more to do.
    fn turn(&self, state: &mut State, now: Instant) -> Option<Instant> {
        while let Some((user, turn)) = state.graces.pop_due(now) {
            if state
                .users
                .get(&user)
                .is_some_and(|entry| entry.turn == turn && entry.online)
            {
                state.change(user, false, self.0.gather);
            }
        }
        while let Some((user, turn)) = state.forgetting.pop_due(now) {
            if state
                .users
                .get(&user)
                .is_some_and(|entry| entry.turn == turn && !entry.online)
            {
                state.users.remove(&user);
            }
        }
        if state.gathering.tell_at.is_some_and(|due| due <= now) {
            let gathered = mem::take(&mut state.gathering);
            if gathered.foretold || !gathered.joined.is_empty() || !gathered.left.is_empty() {
                state.version += 1;
                let change = OnlineChange {
                    joined: gathered.joined.into_iter().collect(),
                    left: gathered.left.into_iter().collect(),
                };
                let told = VersionedChange {
                    version: state.version,
                    change: Arc::new(change),
                };
                // Nobody watching is no fault.
                let _ = self.0.changes.send(Arc::new(told));
            }
        }
        [
            state.graces.next(),
            state.gathering.tell_at,
            state.forgetting.next(),
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

async fn until(due: Option<Instant>, woken: impl Future<Output = ()>) {
    match due {
        Some(due) => {
            // Either ends the wait; which one does not matter.
            let _ = tokio::time::timeout_at(due, woken).await;
        }
        None => woken.await,
    }
}

impl State {
    fn online(&self) -> impl Iterator<Item = UserId> {
        self.users
            .iter()
            .filter(|(_, entry)| entry.online)
            .map(|(user, _)| *user)
    }

    /// Notes that `user` came or went, for watchers and for the store.
    fn change(&mut self, user: UserId, online: bool, gather: Duration) {
        let Some(entry) = self
            .users
            .get_mut(&user)
            .filter(|entry| entry.online != online)
        else {
            return;
        };
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
        if online {
            self.owed.offline.retain(|(other, _)| *other != user);
            self.owed.online.push(user);
        } else {
            self.forgetting.push((user, entry.turn));
            self.owed.online.retain(|other| *other != user);
            self.owed.offline.push((user, entry.closed_at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(2);
    const GATHER: Duration = Duration::from_millis(100);

    fn presence() -> Presence {
        Presence::new(GRACE, GATHER, 3)
    }

    /// Runs the clockwork beside a watcher until the watcher is told something.
    async fn next(presence: &Presence, watcher: &mut PresenceReceiver) -> OnlineChange {
        let clockwork = async {
            loop {
                presence.owed().await;
            }
        };
        tokio::select! {
            change = watcher.next() => (*change.expect("watching")).clone(),
            () = clockwork => unreachable!("the clockwork runs on"),
        }
    }

    fn joined(users: &[UserId]) -> OnlineChange {
        OnlineChange {
            joined: users.to_vec(),
            left: vec![],
        }
    }

    fn left(users: &[UserId]) -> OnlineChange {
        OnlineChange {
            joined: vec![],
            left: users.to_vec(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn three_tabs_are_one_presence() {
        let (presence, ann) = (presence(), UserId::new());
        let mut watcher = presence.watch();
        assert_eq!(next(&presence, &mut watcher).await, OnlineChange::default());
        for _ in 0..3 {
            assert!(presence.opened(ann));
        }
        assert!(!presence.opened(ann), "a fourth is one too many");
        assert_eq!(next(&presence, &mut watcher).await, joined(&[ann]));
        for _ in 0..3 {
            presence.closed(ann, false);
        }
        assert!(presence.is_online(ann), "within the grace");
        assert_eq!(next(&presence, &mut watcher).await, left(&[ann]));
        assert!(!presence.is_online(ann));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reload_is_no_change() {
        let (presence, ann, bob) = (presence(), UserId::new(), UserId::new());
        presence.opened(ann);
        let mut watcher = presence.watch();
        assert_eq!(next(&presence, &mut watcher).await, joined(&[ann]));
        presence.closed(ann, false);
        tokio::time::advance(GRACE / 2).await;
        presence.opened(ann);
        tokio::time::advance(GRACE * 2).await;
        presence.opened(bob);
        assert_eq!(next(&presence, &mut watcher).await, joined(&[bob]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_snapshot_amid_changes_fits_what_follows() {
        let (presence, ann, bob, cleo) = (presence(), UserId::new(), UserId::new(), UserId::new());
        presence.opened(ann);
        let mut early = presence.watch();
        assert_eq!(next(&presence, &mut early).await, joined(&[ann]));
        presence.closed(ann, true);
        presence.opened(bob);
        let mut late = presence.watch();
        assert_eq!(
            next(&presence, &mut late).await,
            joined(&[bob]),
            "ann came and went"
        );
        presence.opened(cleo);
        assert_eq!(next(&presence, &mut late).await, joined(&[cleo]));
        let change = next(&presence, &mut early).await;
        assert_eq!(
            change.joined.iter().copied().collect::<HashSet<_>>(),
            HashSet::from([bob, cleo])
        );
        assert_eq!(change.left, [ann]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watcher_that_fell_behind_is_told_the_difference() {
        let (presence, ann, bob) = (presence(), UserId::new(), UserId::new());
        presence.opened(ann);
        let mut fast = presence.watch();
        let mut slow = presence.watch();
        next(&presence, &mut fast).await;
        assert_eq!(next(&presence, &mut slow).await, joined(&[ann]));
        for _ in 0..CHANGE_RING {
            presence.opened(bob);
            assert_eq!(next(&presence, &mut fast).await, joined(&[bob]));
            presence.closed(bob, true);
            assert_eq!(next(&presence, &mut fast).await, left(&[bob]));
        }
        presence.closed(ann, true);
        assert_eq!(next(&presence, &mut fast).await, left(&[ann]));
        let change = next(&presence, &mut slow).await;
        assert!(change.left.contains(&ann) && change.joined.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn the_store_is_owed_who_came_and_when_they_left() {
        let (presence, ann) = (presence(), UserId::new());
        presence.opened(ann);
        let owed = presence.owed().await;
        assert_eq!(
            owed,
            Owed {
                online: vec![ann],
                offline: vec![]
            }
        );
        presence.still_owed(owed);
        presence.closed(ann, true);
        let owed = presence.owed().await;
        assert!(owed.online.is_empty(), "out of date by now");
        assert_eq!(
            owed.offline
                .iter()
                .map(|(user, _)| *user)
                .collect::<Vec<_>>(),
            [ann]
        );
        assert_eq!(presence.closed_at(ann), Some(owed.offline[0].1));
    }
}
