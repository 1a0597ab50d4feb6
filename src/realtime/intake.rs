//! In which order what stands in the lanes is told: each lane in its order, and each conversation by its steps.
//!
//! A record waits until what its conversation's step before it is was told, and what stands behind it in its lane waits
//! with it. So what was told is at every moment a [`Progress`], and no step in it lacks the one before. Waiting follows
//! the order in which things were written, so it has no circle.

use std::collections::VecDeque;

use crate::domain::{Lane, Position, Progress, Rank, Record, log::LANES};

/// Takes the lanes' records in and gives them out; `T` is what comes along with one.
pub struct Intake<T> {
    told: Progress,
    rank: Rank,
    waiting: [VecDeque<(Record, T)>; LANES],
}

/// What came of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is told when its turn comes.
    New,
    /// It had come before.
    Known,
    /// Records before it in its lane are missing; it was taken if there are holes.
    Gap,
}

impl<T> Intake<T> {
    /// What came before `told` counts as told.
    pub fn new(told: Progress, rank: Rank) -> Self {
        Self {
            told,
            rank,
            waiting: Default::default(),
        }
    }

    /// What was told.
    pub fn told(&self) -> &Progress {
        &self.told
    }

    /// The greatest rank that was told or heard of.
    pub fn rank(&self) -> Rank {
        self.rank
    }

    /// Takes note of a rank.
    pub fn rise(&mut self, rank: Rank) {
        self.rank = self.rank.max(rank);
    }

    /// How many records wait.
    pub fn waiting(&self) -> usize {
        self.waiting.iter().map(VecDeque::len).sum()
    }

    /// What need not be read again. A lane of which `page` records wait counts as read to its end: no more of it is
    /// wanted for now.
    pub fn known(&self, page: usize) -> Progress {
        let mut known = self.told;
        for (lane, waiting) in Lane::all().zip(&self.waiting) {
            if waiting.len() >= page {
                known.advance(lane.end());
            } else if let Some((last, _)) = waiting.back() {
                known.advance(last.position());
            }
        }
        known
    }

    /// Takes a record in, if it is the next of its lane, or, where the log is known to have `holes`, a later one.
    pub fn take(&mut self, record: Record, with: T, holes: bool) -> Taken {
        let position = record.position();
        let lane = position.lane();
        let waiting = &mut self.waiting[lane.number()];
        let last = match waiting.back() {
            Some((last, _)) => last.position(),
            None => self.told.in_lane(lane),
        };
        if position <= last {
            return Taken::Known;
        }
        let is_next = position == last.next();
        if is_next || holes {
            waiting.push_back((record, with));
        }
        if is_next { Taken::New } else { Taken::Gap }
    }

    /// The next record that may be told, which counts as told then.
    pub fn give(&mut self) -> Option<(Record, T)> {
        let told = &self.told;
        let free = |waiting: &&mut VecDeque<(Record, T)>| {
            let first = waiting.front();
            first.is_some_and(|(record, _)| waits_for(record, told).is_none())
        };
        let (record, with) = self.waiting.iter_mut().find(free)?.pop_front()?;
        self.tell(&record);
        Some((record, with))
    }

    /// What the records wait for that stand first in their lanes, where it has not come.
    pub fn missing(&self) -> impl Iterator<Item = Position> + '_ {
        let first = self.waiting.iter().filter_map(|waiting| waiting.front());
        let missing = first.filter_map(|(record, _)| waits_for(record, &self.told));
        // A lane that was read beyond it need not hold it: there may be a hole.
        missing.filter(|position| {
            let waiting = &self.waiting[position.lane().number()];
            let found = waiting.binary_search_by_key(position, |(record, _)| record.position());
            found.is_err()
        })
    }

    /// Tells a record whose step before it is a hole in the log.
    pub fn give_in_spite_of(&mut self, hole: Position) -> Option<(Record, T)> {
        let waits = |waiting: &&mut VecDeque<(Record, T)>| {
            waiting.front().is_some_and(
                |(record, _)| matches!(record, Record::Entry(entry) if entry.before == hole),
            )
        };
        let (record, with) = self.waiting.iter_mut().find(waits)?.pop_front()?;
        self.tell(&record);
        Some((record, with))
    }

    fn tell(&mut self, record: &Record) {
        self.told.advance(record.position());
        self.rise(record.rank());
    }
}

/// What the first record of a lane waits for. Nothing of its own lane: that was told, or is not there.
fn waits_for(record: &Record, told: &Progress) -> Option<Position> {
    match record {
        Record::Entry(entry)
            if entry.before.lane() != entry.position.lane() && !told.covers(entry.before) =>
        {
            Some(entry.before)
        }
        _ => None,
    }
}
