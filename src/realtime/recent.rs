//! The newest part of the log in memory, for readers that missed no more than that.

use std::{collections::VecDeque, sync::Arc};

use crate::domain::{LogEvent, Progress, Told};

/// How many entries are kept at most.
const KEPT: usize = 2_048;

/// How many bytes of messages' texts are kept at most.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// What was told last, in its order.
pub(super) struct Recent {
    events: VecDeque<Arc<LogEvent>>,
    bytes: usize,
    /// What was told before the first of them.
    before: Progress,
}

impl Recent {
    pub(super) fn new(before: Progress) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            before,
        }
    }

    pub(super) fn push(&mut self, event: Arc<LogEvent>) {
        self.bytes += size(&event);
        self.events.push_back(event);
        while (self.events.len() > KEPT || self.bytes > KEPT_BYTES)
            && let Some(first) = self.events.pop_front()
        {
            self.bytes -= size(&first);
            self.before = first.stand.progress;
        }
    }

    /// All that `after` does not cover, in its order; `None` when older entries may be among that.
    pub(super) fn since<'a>(
        &'a self,
        after: &'a Progress,
    ) -> Option<impl Iterator<Item = &'a Arc<LogEvent>>> {
        let news = |event: &&Arc<LogEvent>| !after.covers(event.position);
        after
            .includes(&self.before)
            .then(|| self.events.iter().filter(news))
    }
}

fn size(event: &LogEvent) -> usize {
    match &event.told {
        Told::Sent(told) | Told::MessageChanged(told) => told.message.body.as_str().len(),
        Told::ConversationChanged(departures) => size_of_val(departures.as_slice()),
        Told::Nothing => 0,
    }
}
