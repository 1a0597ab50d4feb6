//! States that change, of which a reader that is behind wants the newest alone.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

/// Changes that are remembered for readers that fall behind.
const KEPT: usize = 256;

/// The latest changes of some things. A thing stands in it once, at its newest change.
pub(super) struct ChangeLog<K, V> {
    version: watch::Sender<u64>,
    changed: Mutex<Vec<(u64, K, V)>>,
}

impl<K, V> Default for ChangeLog<K, V> {
    fn default() -> Self {
        Self {
            version: watch::Sender::new(0),
            changed: Mutex::default(),
        }
    }
}

impl<K: Clone + PartialEq, V: Clone> ChangeLog<K, V> {
    /// Reads the changes from here on.
    pub(super) fn follow(self: &Arc<Self>) -> Changes<K, V> {
        let receiver = self.version.subscribe();
        let seen = *receiver.borrow();
        Changes {
            receiver,
            seen,
            log: self.clone(),
        }
    }

    pub(super) fn record(&self, what: K, state: V) {
        let mut changed = self.changed.lock();
        changed.retain(|(_, known, _)| *known != what);
        if changed.len() == KEPT {
            changed.remove(0);
        }
        self.version.send_modify(|version| {
            *version += 1;
            changed.push((*version, what, state));
        });
    }
}

/// Reads what changed: each thing once, however often it changed since the last look.
pub struct Changes<K, V> {
    receiver: watch::Receiver<u64>,
    seen: u64,
    log: Arc<ChangeLog<K, V>>,
}

impl<K: Clone, V: Clone> Changes<K, V> {
    /// Whether there is nothing to be given.
    pub fn is_current(&self) -> bool {
        *self.receiver.borrow() <= self.seen
    }

    /// Leaves out what changed by now.
    pub fn begin_anew(&mut self) {
        self.seen = *self.receiver.borrow();
    }

    /// Waits for changes and gives them in the order of the newest of each thing. `None` when more changed than is
    /// remembered, so that some would be missing.
    pub async fn next(&mut self) -> Option<Vec<(K, V)>> {
        // The sender lives in the log that is held here.
        let version = *self
            .receiver
            .wait_for(|version| *version > self.seen)
            .await
            .ok()?;
        let changed = self.log.changed.lock();
        let oldest = changed.first().map_or(0, |(version, ..)| *version);
        let full = changed.len() == KEPT && oldest > self.seen + 1;
        let news = changed
            .iter()
            .filter(|(at, ..)| *at > self.seen)
            .map(|(_, what, state)| (what.clone(), state.clone()))
            .collect();
        self.seen = version.max(changed.last().map_or(0, |(at, ..)| *at));
        (!full).then_some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_changed_often_is_told_once_in_its_newest_state() {
        let log = Arc::new(ChangeLog::default());
        let mut changes = log.follow();
        for (what, state) in [("a", 1), ("b", 2), ("a", 3), ("a", 4)] {
            log.record(what.to_owned(), state);
        }
        let told = |what: &str, state| (what.to_owned(), state);
        let expected = vec![told("b", 2), told("a", 4)];
        assert_eq!(changes.next().await, Some(expected));
        log.record("b".to_owned(), 5);
        assert_eq!(changes.next().await, Some(vec![told("b", 5)]));
        for state in 0..=KEPT {
            log.record(state.to_string(), 6);
        }
        assert_eq!(changes.next().await, None, "more than is remembered");
    }
}
