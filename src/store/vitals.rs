//! How a store stands, for whoever looks after it.

use std::time::Duration;

/// How a call to the engine below ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallEnd {
    pub took: Duration,
    /// Whether it came to nothing, as the engine could not do it.
    pub failed: bool,
}

/// How a store stands at one moment; of what a kind of store does not have, nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vitals {
    /// How many lanes of the log this process holds.
    pub lanes: Option<usize>,
    /// Records of the log of which it is not known that what follows from them is written.
    pub unfollowed: Option<usize>,
    /// Whether what other processes signal comes as soon as they do.
    pub hears: Option<bool>,
    /// Bytes of the database.
    pub database: Option<u64>,
    /// Bytes of the log of writes beside the database.
    pub write_ahead_log: Option<u64>,
    pub queues: Vec<Queue>,
}

/// What waits for the engine below, or is under way there where only so much may be at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    pub name: &'static str,
    pub length: usize,
    pub capacity: usize,
}
