//! Which of a user's conversations changed: states, of which a reader that is behind wants the newest alone.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

use crate::domain::ConversationId;

/// Changed conversations that are remembered for readers that fall behind.
const KEPT: usize = 256;

/// The latest changes of a user's conversations. A conversation stands in it once, at its newest change.
pub(super) struct ChangeLog {
    version: watch::Sender<u64>,
    changed: Mutex<Vec<(u64, ConversationId)>>,
}

impl Default for ChangeLog {
    fn default() -> Self {
        Self {
            version: watch::Sender::new(0),
            changed: Mutex::default(),
        }
    }
}

impl ChangeLog {
    /// Reads the changes from here on.
    pub(super) fn follow(self: &Arc<Self>) -> Changes {
        let receiver = self.version.subscribe();
        let seen = *receiver.borrow();
        Changes {
            receiver,
            seen,
            log: self.clone(),
        }
    }

    pub(super) fn record(&self, conversation: ConversationId) {
        let mut changed = self.changed.lock();
        changed.retain(|(_, id)| *id != conversation);
        if changed.len() == KEPT {
            changed.remove(0);
        }
        self.version.send_modify(|version| {
            *version += 1;
            changed.push((*version, conversation));
        });
    }
}

/// Reads a user's changed conversations: each once, however often it changed since the last look.
pub struct Changes {
    receiver: watch::Receiver<u64>,
    seen: u64,
    log: Arc<ChangeLog>,
}

impl Changes {
    /// Waits for changes and gives the conversations in the order of their newest one. `None` when more changed
    /// than is remembered, so that some would be missing.
    pub async fn next(&mut self) -> Option<Vec<ConversationId>> {
        // The sender lives in the log that is held here.
        let version = *self
            .receiver
            .wait_for(|version| *version > self.seen)
            .await
            .ok()?;
        let changed = self.log.changed.lock();
        let oldest = changed.first().map_or(0, |(version, _)| *version);
        let full = changed.len() == KEPT && oldest > self.seen + 1;
        let news = changed
            .iter()
            .filter(|(at, _)| *at > self.seen)
            .map(|(_, id)| *id)
            .collect();
        self.seen = version.max(changed.last().map_or(0, |(at, _)| *at));
        (!full).then_some(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_conversation_that_changed_often_is_told_once() {
        let log = Arc::new(ChangeLog::default());
        let mut changes = log.follow();
        let (a, b) = (ConversationId::new(), ConversationId::new());
        for id in [a, b, a, a] {
            log.record(id);
        }
        assert_eq!(changes.next().await, Some(vec![b, a]));
        log.record(b);
        assert_eq!(changes.next().await, Some(vec![b]));
        for _ in 0..=KEPT {
            log.record(ConversationId::new());
        }
        assert_eq!(changes.next().await, None, "more than is remembered");
    }
}
