//! Numbered work that many share.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// Hands out numbers until they, or its time, are at an end; all that is handed out is to be done.
#[derive(Clone)]
pub struct Work {
    next: Arc<AtomicU32>,
    end: u32,
    until: Option<Instant>,
}

impl Work {
    /// These numbers.
    pub fn of(numbers: Range<u32>) -> Self {
        Self {
            next: Arc::new(AtomicU32::new(numbers.start)),
            end: numbers.end,
            until: None,
        }
    }

    /// All numbers from `first` on, without holes, that are asked for within so long from now.
    pub fn lasting(span: Duration, first: u32) -> Self {
        Self {
            until: Some(Instant::now() + span),
            ..Self::of(first..u32::MAX)
        }
    }

    /// The next one.
    pub fn next(&self) -> Option<u32> {
        // The time first: a number once taken must be used.
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number < self.end).then_some(number)
    }
}
