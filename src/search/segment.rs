//! What the catalogue says of a segment, and how its parts are numbered.

use serde::{Deserialize, Serialize};

/// How many bits of a part's number say which part of its segment it is.
const BITS: u32 = 24;

/// The number of a segment's first node; leaves are numbered from 0.
pub(super) const FIRST_NODE: u32 = 1 << (BITS - 1);

/// A segment. Its parts are all there before the catalogue names it, and until it does not any more.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Segment {
    /// Random, so that no two processes ever make the same.
    pub(super) id: i64,
    pub(super) leaves: u32,
    /// The node above all; none where there is but one leaf.
    pub(super) root: Option<u32>,
    pub(super) postings: u64,
    /// When the first and the last of its messages were sent, in milliseconds.
    pub(super) earliest: i64,
    pub(super) latest: i64,
    /// How many changes of messages it tells of, which are still to be purged.
    pub(super) changes: u64,
}

/// A new segment's id.
pub(super) fn fresh_id() -> i64 {
    rand::random_range(1..1 << (63 - BITS))
}

/// The number under which the store has a part.
pub(super) fn part_number(segment: i64, part: u32) -> i64 {
    (segment << BITS) | i64::from(part)
}

/// The segment of a part with this number.
pub(super) fn segment_of(part_number: i64) -> i64 {
    part_number >> BITS
}

impl Segment {
    /// The number under which the store has one of its parts.
    pub(super) fn part(&self, part: u32) -> i64 {
        part_number(self.id, part)
    }

    /// Segments of one level are of like size; each level is about eight times the one below.
    pub(super) fn level(&self) -> u32 {
        const FIRST: u64 = 64;
        const TIMES: u64 = 8;
        (self.postings / FIRST).max(1).ilog(TIMES)
    }
}
