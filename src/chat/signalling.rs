//! Telling other processes what they cannot know yet: gathered, a few times a second at most while there is much.

use std::{
    collections::{HashMap, HashSet},
    mem,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout_at},
};

use super::Chat;
use crate::{
    domain::{Position, Rank, Record, Signal, Spent, Timestamp, UserId},
    error::Result,
    realtime::{
        presence::{Owed, Presence},
        typing::Typist,
    },
};

/// How many signals may wait. Of more than that only this is told, that there were more; typing is left out before.
const WAITING: usize = 50_000;
const WAITING_WITH_TYPING: usize = 5_000;

/// How long to wait before another try.
const AGAIN: Duration = Duration::from_millis(200);

/// How many people a signal names as those whom it concerns what was written. When they are more, it names none, and
/// counts as one for everyone.
const NAMED: usize = 500;

/// How many signals are told at a time.
const AT_ONCE: usize = 2_000;

/// What waits to be told.
pub(super) struct Signalling {
    /// Whether there can be other processes.
    has_listeners: bool,
    /// How long it may wait to be told that something was written which concerns nobody elsewhere.
    unhurried: Duration,
    waiting: Mutex<Waiting>,
    woken: Notify,
}

#[derive(Default)]
struct Waiting {
    /// A mark is wanted, if there is nothing else to tell.
    mark: bool,
    wrote: Option<Wrote>,
    read: bool,
    typing: HashMap<Typist, bool>,
    spent: HashMap<Spent, u32>,
    others: Vec<Signal>,
}

/// What was written.
struct Wrote {
    up_to: Position,
    rank: Rank,
    /// `None` for everyone.
    concerns: Option<HashSet<UserId>>,
    /// When it is to be told at the latest.
    due: Instant,
}

impl Wrote {
    /// Names more people, and gives those who were not named before; `None` when there are too many.
    fn name(&mut self, concerns: impl IntoIterator<Item = UserId>) -> Option<Vec<UserId>> {
        let named = self.concerns.as_mut()?;
        let mut added = Vec::new();
        for user in concerns {
            if named.insert(user) {
                added.push(user);
            }
            if named.len() > NAMED {
                self.concerns = None;
                return None;
            }
        }
        Some(added)
    }

    fn signal(self) -> Signal {
        Signal::Wrote {
            up_to: self.up_to,
            rank: self.rank,
            concerns: self.concerns.map(|users| users.into_iter().collect()),
        }
    }
}

impl Waiting {
    /// When something is to be told at the latest; `None` while nothing waits.
    fn due(&self) -> Option<Instant> {
        let is_pressing = self.mark
            || self.read
            || !self.typing.is_empty()
            || !self.spent.is_empty()
            || !self.others.is_empty();
        if is_pressing {
            return Some(Instant::now());
        }
        self.wrote.as_ref().map(|wrote| wrote.due)
    }

    fn bound(&mut self) {
        if self.others.len() > WAITING {
            self.others = vec![Signal::Everything];
        }
    }

    /// Everything that waits, in the order in which it is to be told.
    fn take(&mut self) -> Vec<Signal> {
        let Self {
            mark: _,
            wrote,
            read,
            typing,
            spent,
            others,
        } = mem::take(self);
        let spent = spent.into_iter();
        let spent = spent.map(|(spent, times)| Signal::Spent(Spent { times, ..spent }));
        let mut signals: Vec<Signal> = spent.collect();
        signals.extend(others);
        signals.extend(wrote.map(Wrote::signal));
        signals.extend(read.then_some(Signal::Read));
        let typing = typing.into_iter();
        signals.extend(
            typing.map(|((conversation_id, user_id), typing)| Signal::Typing {
                conversation_id,
                user_id,
                typing,
            }),
        );
        signals
    }
}

impl Signalling {
    /// With nobody to tell, nothing ever waits.
    pub(super) fn new(has_listeners: bool, unhurried: Duration) -> Self {
        Self {
            has_listeners,
            unhurried,
            waiting: Mutex::default(),
            woken: Notify::new(),
        }
    }

    fn add(&self, add: impl FnOnce(&mut Waiting)) {
        if self.has_listeners {
            add(&mut self.waiting.lock());
            self.woken.notify_one();
        }
    }

    /// How much waits, and how much may; what is gathered into one is one.
    pub(super) fn waiting(&self) -> (usize, usize) {
        let waiting = self.waiting.lock();
        let length = waiting.others.len() + waiting.typing.len() + waiting.spent.len();
        (length, WAITING)
    }

    /// Tells a mark soon.
    pub(super) fn mark(&self) {
        self.add(|waiting| waiting.mark = true);
    }

    /// The log was written up to this record, of concern to these people. That is told soon when one of them is at
    /// another process, or may be, as that is not known.
    pub(super) fn wrote(
        &self,
        last: &Record,
        concerns: impl IntoIterator<Item = UserId>,
        known: Option<&Presence>,
    ) {
        let (up_to, rank) = (last.position(), last.rank());
        self.add(|waiting| {
            let now = Instant::now();
            let wrote = waiting.wrote.get_or_insert_with(|| Wrote {
                up_to,
                rank,
                concerns: Some(HashSet::new()),
                due: now + self.unhurried,
            });
            (wrote.up_to, wrote.rank) = (up_to, rank);
            let is_pressing = match (wrote.name(concerns), known) {
                // Asked while nothing else can be added, so that whoever is heard of afterwards finds this. Of those who
                // were named before, it would have been heard.
                (Some(added), Some(presence)) => presence.is_any_elsewhere(&added),
                _ => true,
            };
            if is_pressing {
                wrote.due = now;
            }
        });
    }

    /// Someone has come to another process, and may be one of those whom it concerns what was written.
    pub(super) fn hurry(&self) {
        self.add(|waiting| {
            if let Some(wrote) = &mut waiting.wrote {
                wrote.due = Instant::now();
            }
        });
    }

    /// Read marks moved.
    pub(super) fn read(&self) {
        self.add(|waiting| waiting.read = true);
    }

    /// Someone is typing, or no longer.
    pub(super) fn typing(&self, typist: Typist, typing: bool) {
        self.add(|waiting| {
            if waiting.typing.len() < WAITING_WITH_TYPING {
                waiting.typing.insert(typist, typing);
            }
        });
    }

    /// Something was done that is limited in rate.
    pub(super) fn spent(&self, spent: Spent) {
        self.add(|waiting| {
            if waiting.spent.len() < WAITING {
                let times = spent.times;
                let one = Spent { times: 0, ..spent };
                *waiting.spent.entry(one).or_default() += times;
            }
        });
    }

    /// Whatever else there is.
    pub(super) fn tell(&self, signals: impl IntoIterator<Item = Signal>) {
        self.add(|waiting| {
            waiting.others.extend(signals);
            waiting.bound();
        });
    }
}

impl Owed {
    /// What other processes are to know of it.
    pub(super) fn signals(&self) -> impl Iterator<Item = Signal> + '_ {
        let came = self.online.iter().map(|user| (*user, 1, Timestamp(0)));
        let counted = self.sockets.iter();
        let counted = counted.map(|(user, count)| (*user, *count, Timestamp(0)));
        let went = self.offline.iter().map(|(user, at)| (*user, 0, *at));
        came.chain(counted)
            .chain(went)
            .map(|(user_id, count, closed_at)| Signal::Sockets {
                user_id,
                count,
                closed_at,
            })
    }
}

impl Chat {
    /// Tells other processes what waits, as it comes, but not more often than is set.
    pub(super) async fn signal(self) {
        let signalling = &self.0.signalling;
        loop {
            let woken = signalling.woken.notified();
            let due = signalling.waiting.lock().due();
            let begun = Instant::now();
            match due {
                None => {
                    woken.await;
                    continue;
                }
                Some(due) if due > begun => {
                    // Whether time is up or there is more shows in what waits then.
                    let _ = timeout_at(due, woken).await;
                    continue;
                }
                Some(_) => {}
            }
            let pause = match self.signal_what_waits().await {
                Ok(()) => self.0.limits.signal_gather,
                Err(error) => {
                    tracing::debug!(?error, "other servers could not be told; trying again");
                    AGAIN
                }
            };
            sleep_until(begun + pause).await;
        }
    }

    /// Tells other processes what waits by now. What could not be told waits again: whoever hears it twice hears the
    /// later one.
    pub(super) async fn signal_what_waits(&self) -> Result<()> {
        let mut signals = self.0.signalling.waiting.lock().take();
        loop {
            let part = signals.len().min(AT_ONCE);
            let told = self.0.store.signal(&signals[..part]).await;
            if told.is_err() {
                let mut waiting = self.0.signalling.waiting.lock();
                signals.append(&mut waiting.others);
                waiting.others = signals;
                waiting.bound();
                return told;
            }
            signals.drain(..part);
            if signals.is_empty() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{Lane, ProcessId, Seal};

    const UNHURRIED: Duration = Duration::from_secs(1);

    fn nobody_yet() -> (Signalling, Presence, Record) {
        let last = Record::Seal(Seal {
            position: Lane::FIRST.start(),
            rank: 1,
            mark: 0,
        });
        let presence = Presence::new(Duration::ZERO, Duration::ZERO, 1);
        (Signalling::new(true, UNHURRIED), presence, last)
    }

    fn comes_elsewhere(presence: &Presence, user: UserId) {
        presence.heard(ProcessId(Uuid::new_v4()), user, 1, Timestamp(0));
    }

    /// For how long what waits may wait from now on.
    fn may_wait(signalling: &Signalling) -> Option<Duration> {
        let due = signalling.waiting.lock().due();
        due.map(|due| due.saturating_duration_since(Instant::now()))
    }

    #[tokio::test(start_paused = true)]
    async fn what_concerns_nobody_elsewhere_may_wait_until_something_presses() {
        let [here, there] = [1, 2].map(|id| UserId(Uuid::from_u128(id)));
        let (signalling, presence, last) = nobody_yet();
        comes_elsewhere(&presence, there);
        signalling.wrote(&last, [here], Some(&presence));
        assert_eq!(may_wait(&signalling), Some(UNHURRIED));
        tokio::time::advance(UNHURRIED / 2).await;
        signalling.wrote(&last, [here], Some(&presence));
        assert_eq!(may_wait(&signalling), Some(UNHURRIED / 2));
        signalling.wrote(&last, [here, there], Some(&presence));
        assert_eq!(may_wait(&signalling), Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn who_comes_elsewhere_while_it_waits_ends_that() {
        let user = UserId(Uuid::from_u128(1));
        let (signalling, presence, last) = nobody_yet();
        signalling.wrote(&last, [user], Some(&presence));
        comes_elsewhere(&presence, user);
        signalling.hurry();
        assert_eq!(may_wait(&signalling), Some(Duration::ZERO));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_may_wait_while_it_is_not_known_who_is_where_or_too_many_are_named() {
        let (signalling, _, last) = nobody_yet();
        signalling.wrote(&last, [UserId(Uuid::from_u128(1))], None);
        assert_eq!(may_wait(&signalling), Some(Duration::ZERO));
        let (signalling, presence, last) = nobody_yet();
        let many = (0..=NAMED as u128).map(|id| UserId(Uuid::from_u128(id)));
        signalling.wrote(&last, many, Some(&presence));
        assert_eq!(may_wait(&signalling), Some(Duration::ZERO));
    }
}
