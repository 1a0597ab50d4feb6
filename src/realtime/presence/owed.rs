//! What the store and other processes are yet to be told of those who are online here.

use std::{collections::HashSet, mem};

use tokio::time::Instant;

use super::{Presence, telling::until};
use crate::domain::{Timestamp, UserId};

/// What neither the store nor other processes have been told yet of those who are online at this one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Owed {
    pub online: Vec<UserId>,
    pub offline: Vec<(UserId, Timestamp)>,
    /// About how many sockets someone has, where that has changed.
    pub sockets: Vec<(UserId, u32)>,
}

impl Presence {
    /// Tells watchers what is due and waits until there is news for the store.
    pub async fn owed(&self) -> Owed {
        loop {
            let woken = self.0.woken.notified();
            let next = {
                let mut state = self.0.state.lock();
                let next = self.do_what_is_due(&mut state, Instant::now());
                if state.owed != Owed::default() {
                    return mem::take(&mut state.owed);
                }
                next
            };
            until(next, woken).await;
        }
    }

    /// Takes back what could not be told to the store, unless it is out of date.
    pub fn still_owed(&self, owed: Owed) {
        let mut state = self.0.state.lock();
        let newer = mem::take(&mut state.owed);
        let changed = newer.online.iter();
        let changed = changed.chain(newer.offline.iter().map(|(user, _)| user));
        let changed: HashSet<UserId> = changed.copied().collect();
        let counted = newer.sockets.iter().map(|(user, _)| *user);
        let counted: HashSet<UserId> = counted.collect();
        let in_newer = |user: UserId| changed.contains(&user);
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
            sockets: {
                let old = owed.sockets.into_iter();
                old.filter(|(user, _)| !in_newer(*user) && !counted.contains(user))
                    .collect()
            },
        };
        merged.online.extend(newer.online);
        merged.offline.extend(newer.offline);
        merged.sockets.extend(newer.sockets);
        state.owed = merged;
    }

    /// Takes everyone offline, for the end of the process; gives what was owed before, and those who were here with the
    /// time of that.
    pub fn shut_down(&self) -> (Owed, Vec<(UserId, Timestamp)>) {
        let mut state = self.0.state.lock();
        let now = Timestamp::now();
        let mut owed = mem::take(&mut state.owed);
        owed.online.clear();
        owed.sockets.clear();
        let mut here = Vec::new();
        for (user, entry) in &mut state.users {
            entry.online = false;
            if mem::take(&mut entry.here) {
                let is_open = entry.sockets > 0;
                here.push((*user, if is_open { now } else { entry.closed_at }));
            }
        }
        (owed, here)
    }
}
