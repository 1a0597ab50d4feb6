//! What the index consists of, and up to where the log is in it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{segment::Segment, unreadable};
use crate::{
    domain::{Position, Progress},
    error::Result,
};

/// How many segments of a level become one.
const MERGED: usize = 8;

/// What the index consists of.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Which one it is; 0 before the first.
    pub number: i64,
    /// The process that indexes.
    pub leader: Option<Uuid>,
    /// Up to where the log is indexed, but for what is in `old`.
    pub live: Progress,
    /// What was in the log before there was an index: up to where it is indexed, and where it ends.
    pub old: Option<(Progress, Progress)>,
    pub(super) segments: Vec<Segment>,
    /// When large segments were last purged, in milliseconds.
    pub(super) purged: i64,
}

/// The text of a catalogue.
#[derive(Serialize, Deserialize)]
struct Text {
    leader: Option<Uuid>,
    live: Vec<i64>,
    old: Option<(Vec<i64>, Vec<i64>)>,
    segments: Vec<Segment>,
    purged: i64,
}

fn numbers(progress: &Progress) -> Vec<i64> {
    progress.positions().map(|position| position.0).collect()
}

fn progress(numbers: Vec<i64>) -> Progress {
    numbers.into_iter().map(Position).collect()
}

impl Catalogue {
    /// From what a store keeps.
    pub(super) fn read(number: i64, text: &str) -> Result<Self> {
        if number == 0 {
            return Ok(Self {
                number,
                leader: None,
                live: Progress::default(),
                old: None,
                segments: Vec::new(),
                purged: 0,
            });
        }
        let text: Text = serde_json::from_str(text).map_err(|_| unreadable())?;
        Ok(Self {
            number,
            leader: text.leader,
            live: progress(text.live),
            old: text.old.map(|(done, end)| (progress(done), progress(end))),
            segments: text.segments,
            purged: text.purged,
        })
    }

    /// As a store keeps it.
    pub(super) fn write(&self) -> Result<String> {
        let text = Text {
            leader: self.leader,
            live: numbers(&self.live),
            old: self
                .old
                .as_ref()
                .map(|(done, end)| (numbers(done), numbers(end))),
            segments: self.segments.clone(),
            purged: self.purged,
        };
        serde_json::to_string(&text).map_err(|_| unreadable())
    }

    /// Segments that are to become one: of a level that has many of them, those whose messages are the oldest, so that
    /// a segment's messages were sent at about the same time.
    pub(super) fn ripe(&self) -> Option<Vec<Segment>> {
        let highest = self.segments.iter().map(Segment::level).max()?;
        (0..=highest).find_map(|level| {
            let of_level = self.segments.iter().filter(|at| at.level() == level);
            let mut of_level: Vec<Segment> = of_level.cloned().collect();
            of_level.sort_unstable_by_key(|segment| segment.latest);
            of_level.truncate(MERGED);
            (of_level.len() == MERGED).then_some(of_level)
        })
    }

    /// Puts segments in the place of others; `None` when those are not all there.
    pub(super) fn swap(&mut self, old: &[Segment], new: Vec<Segment>) -> Option<()> {
        let is_old = |segment: &Segment| old.iter().any(|old| old.id == segment.id);
        let before = self.segments.len();
        let kept: Vec<Segment> = self
            .segments
            .iter()
            .filter(|segment| !is_old(segment))
            .cloned()
            .collect();
        if before - kept.len() != old.len() {
            return None;
        }
        self.segments = kept;
        self.segments.extend(new);
        Some(())
    }
}
