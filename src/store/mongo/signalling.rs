//! Where this process stands with signals: the marks that it has told, what it has heard, and what waits to be taken up.

use std::{
    collections::{HashMap, VecDeque, hash_map::Entry},
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::Instant,
};

use mongodb::bson::Timestamp as ClusterTime;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::store::{Heard, Queue};

/// Marks that do not count yet; of more than that the first are forgotten.
const MARKS: usize = 1_000;

/// Processes of which is remembered what was heard last: far more than there are at a time.
const OTHERS: usize = 1_000;

/// What this process has told, and hears.
pub(super) struct Signalling {
    last_mark: AtomicI64,
    marks: Mutex<Marks>,
    /// The last mark of each other process that was heard. What comes with an earlier one was given up by its process,
    /// which has told it again since, or was heard before.
    others: Mutex<HashMap<Uuid, i64>>,
    pub(super) ears: mpsc::Sender<Heard>,
    /// Whether anybody wants to hear.
    pub(super) is_heard: AtomicBool,
    /// Whether the tail is followed.
    pub(super) listens: AtomicBool,
    pub(super) heard: tokio::sync::Mutex<mpsc::Receiver<Heard>>,
}

/// The marks of this process that do not count yet. One counts when it was heard and a majority has it: a server that lost
/// its office without knowing shows what it was told, and nothing of what others are told.
#[derive(Default)]
struct Marks {
    told: VecDeque<Mark>,
    /// When, by the database, the last of those that count was told.
    place: Option<ClusterTime>,
}

/// What a process tells last in one document. Who hears it has heard all that was told before.
struct Mark {
    number: i64,
    /// From before it was told.
    at: Instant,
    is_kept: bool,
    /// When it was told, by the database, as was heard.
    heard: Option<ClusterTime>,
}

impl Marks {
    fn find(&mut self, number: i64) -> Option<&mut Mark> {
        self.told.iter_mut().find(|mark| mark.number == number)
    }

    /// Since when all was heard, if that is news.
    fn count(&mut self) -> Option<Instant> {
        let counts = |mark: &Mark| mark.is_kept && mark.heard.is_some();
        let last = self.told.iter().rposition(counts)?;
        let mark = self.told.drain(..=last).next_back()?;
        self.place = mark.heard.or(self.place);
        Some(mark.at)
    }
}

impl Default for Signalling {
    fn default() -> Self {
        // Who hears too slowly reads on later: the tail is there for long.
        let (ears, heard) = mpsc::channel(64);
        Self {
            last_mark: AtomicI64::new(0),
            marks: Mutex::default(),
            others: Mutex::default(),
            ears,
            is_heard: AtomicBool::new(false),
            listens: AtomicBool::new(false),
            heard: tokio::sync::Mutex::new(heard),
        }
    }
}

impl Signalling {
    pub(super) fn mark(&self) -> i64 {
        let number = self.last_mark.fetch_add(1, Ordering::Relaxed) + 1;
        let mut marks = self.marks.lock();
        if marks.told.len() >= MARKS {
            marks.told.pop_front();
        }
        marks.told.push_back(Mark {
            number,
            at: Instant::now(),
            is_kept: false,
            heard: None,
        });
        number
    }

    /// A majority has what was told with a mark.
    pub(super) fn take_as_kept(&self, number: i64) {
        let mut marks = self.marks.lock();
        if let Some(mark) = marks.find(number) {
            mark.is_kept = true;
        }
        // When there is no room, the next one that is heard counts for it.
        if let Ok(room) = self.ears.try_reserve()
            && let Some(at) = marks.count()
        {
            room.send(Heard::UpTo(at));
        }
    }

    /// A mark of this process was heard; since when all was, if that is known with it.
    pub(super) fn heard_own(&self, number: i64, at: Option<ClusterTime>) -> Option<Instant> {
        let mut marks = self.marks.lock();
        if let Some(mark) = marks.find(number) {
            mark.heard = at;
        }
        marks.count()
    }

    /// From when on, by the database, something may not have been heard; `None` when that is not known.
    pub(super) fn place(&self) -> Option<ClusterTime> {
        self.marks.lock().place
    }

    pub(super) fn set_place(&self, place: Option<ClusterTime>) {
        self.marks.lock().place = place;
    }

    /// Whether what others signal comes by itself.
    pub(super) fn hears(&self) -> bool {
        self.listens.load(Ordering::Relaxed)
    }

    /// What the tail has brought and nobody has taken up yet.
    pub(super) fn unheard(&self) -> Queue {
        let capacity = self.ears.max_capacity();
        Queue {
            name: "signals_heard",
            length: capacity - self.ears.capacity(),
            capacity,
        }
    }

    /// Whether what comes with a mark is no news: the last one that was heard came with it, or later.
    pub(super) fn is_old(&self, by: Uuid, mark: i64) -> bool {
        let mut others = self.others.lock();
        if others.len() >= OTHERS {
            others.clear();
        }
        match others.entry(by) {
            Entry::Vacant(first) => {
                first.insert(mark);
                false
            }
            Entry::Occupied(mut last) => {
                let is_old = mark <= *last.get();
                *last.get_mut() = mark.max(*last.get());
                is_old
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EARLY: ClusterTime = ClusterTime {
        time: 4,
        increment: 0,
    };
    const LATER: ClusterTime = ClusterTime {
        time: 5,
        increment: 1,
    };

    #[test]
    fn a_mark_counts_once_it_is_heard_and_kept_and_for_those_before_it() {
        let signalling = Signalling::default();
        let [first, second, third] = [(); 3].map(|()| signalling.mark());
        assert_eq!(signalling.heard_own(first, Some(EARLY)), None);
        assert_eq!(signalling.heard_own(second, Some(LATER)), None);
        signalling.take_as_kept(third);
        assert_eq!(signalling.place(), None);
        signalling.take_as_kept(second);
        assert_eq!(signalling.place(), Some(LATER));
        let mut heard = signalling.heard.try_lock().expect("nobody else hears");
        assert!(matches!(heard.try_recv(), Ok(Heard::UpTo(_))));
        // It came before one that counted already.
        signalling.take_as_kept(first);
        assert!(heard.try_recv().is_err());
        assert!(signalling.heard_own(third, Some(LATER)).is_some());
    }

    #[test]
    fn what_is_heard_again_is_old() {
        let signalling = Signalling::default();
        let by = Uuid::new_v4();
        let old = [4, 5, 5, 4, 6].map(|mark| signalling.is_old(by, mark));
        assert_eq!(old, [false, false, true, true, false]);
    }
}
