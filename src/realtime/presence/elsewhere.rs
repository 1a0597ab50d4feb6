//! Who is online at other processes, as those tell it.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use parking_lot::MutexGuard;

use super::{Entry, Presence, State, about};
use crate::domain::{ProcessId, Timestamp, UserId};

impl Presence {
    /// Takes in about how many sockets of a user are open at another process; with none, when the last one closed.
    pub fn heard(&self, process: ProcessId, user: UserId, sockets: u32, closed_at: Timestamp) {
        let mut state = self.0.state.lock();
        state.heard(process, user, sockets, closed_at);
        state.settle(user, self.0.gather);
        self.0.woken.notify_one();
    }

    /// Takes in who is online at other processes, all of them.
    pub fn heard_all(&self, elsewhere: &[(ProcessId, UserId)]) {
        let mut state = self.0.state.lock();
        let mut now = HashMap::<UserId, Vec<ProcessId>>::new();
        for (process, user) in elsewhere {
            now.entry(*user).or_default().push(*process);
        }
        for (user, entry) in &mut state.users {
            let now = now.get(user);
            let is_there = |process: &ProcessId| now.is_some_and(|now| now.contains(process));
            entry
                .elsewhere
                .retain(|(process, sockets)| *sockets == 0 || is_there(process));
        }
        for (process, user) in elsewhere {
            let known = state.users.get(user).is_some_and(|entry| {
                let mut known = entry.elsewhere.iter();
                known.any(|(known, _)| known == process)
            });
            if !known {
                state.heard(*process, *user, 1, Timestamp(0));
            }
        }
        self.settle_all(state);
    }

    /// Takes note that a process is gone, which was there last at a time. Its people go offline after the grace, in which
    /// they may come back at another.
    pub fn gone(&self, process: ProcessId, at: Timestamp) {
        let mut state = self.0.state.lock();
        let mut is_news = false;
        for entry in state.users.values_mut() {
            let mut there = entry.elsewhere.iter_mut();
            if let Some((_, sockets)) = there.find(|(other, _)| *other == process) {
                is_news |= *sockets > 0;
                *sockets = 0;
                entry.closed_at = entry.closed_at.max(at);
            }
        }
        if is_news {
            state.left_behind.push(process);
            self.0.woken.notify_one();
        }
    }

    /// Whether any of these people is online at another process.
    pub fn is_any_elsewhere(&self, users: &[UserId]) -> bool {
        let state = self.0.state.lock();
        let mut entries = users.iter().filter_map(|user| state.users.get(user));
        entries.any(|entry| !entry.elsewhere.is_empty())
    }

    /// The other processes at which anyone is online.
    pub fn processes(&self) -> Vec<ProcessId> {
        let state = self.0.state.lock();
        let elsewhere = state.users.values().flat_map(|entry| &entry.elsewhere);
        let processes: HashSet<ProcessId> = elsewhere.map(|(process, _)| *process).collect();
        processes.into_iter().collect()
    }

    fn settle_all(&self, mut state: MutexGuard<'_, State>) {
        state.settle_all(self.0.gather);
        self.0.woken.notify_one();
    }

    /// Everyone who is online at this process, with about how many sockets, for processes that know nothing of it.
    pub fn here(&self) -> Vec<(UserId, u32)> {
        let state = self.0.state.lock();
        let here = state.users.iter().filter(|(_, entry)| entry.here);
        here.map(|(user, entry)| (*user, about(entry.sockets).max(1)))
            .collect()
    }
}

impl State {
    /// Nobody is at this process any more.
    pub(super) fn leave_behind(&mut self, process: ProcessId, gather: Duration) {
        for entry in self.users.values_mut() {
            entry.elsewhere.retain(|(other, _)| *other != process);
        }
        self.settle_all(gather);
    }

    fn settle_all(&mut self, gather: Duration) {
        let users = self.users.iter();
        let changed = users.filter(|(_, entry)| entry.online != entry.is_anywhere());
        for user in changed.map(|(user, _)| *user).collect::<Vec<_>>() {
            self.settle(user, gather);
        }
    }

    fn heard(&mut self, process: ProcessId, user: UserId, sockets: u32, closed_at: Timestamp) {
        if sockets == 0 && !self.users.contains_key(&user) {
            return;
        }
        let socket_change = self.socket_changes;
        let entry = self.users.entry(user).or_insert(Entry::new(socket_change));
        entry.elsewhere.retain(|(other, _)| *other != process);
        if sockets > 0 {
            entry.elsewhere.push((process, sockets));
        } else {
            entry.closed_at = entry.closed_at.max(closed_at);
        }
    }
}
