//! Deadlines that all lie the same span ahead, so that a queue keeps them in order.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Keys with the moments at which they fall due.
pub(super) struct Timeouts<K> {
    span: Duration,
    queue: VecDeque<(Instant, K)>,
}

impl<K> Timeouts<K> {
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            queue: VecDeque::new(),
        }
    }

    /// Lets `key` fall due one span from now.
    pub(super) fn push(&mut self, key: K) {
        self.queue.push_back((Instant::now() + self.span, key));
    }

    /// The next key that is due, if one is.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let (due, _) = self.queue.front()?;
        (*due <= now).then(|| self.queue.pop_front().map(|(_, key)| key))?
    }

    /// All keys, the first that falls due first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        self.queue.iter().map(|(_, key)| key)
    }

    /// When the next key falls due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.queue.front().map(|(due, _)| *due)
    }
}
