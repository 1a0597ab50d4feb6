//! Where the conversations end in which something happened most recently.

use std::{collections::HashMap, mem};

use crate::domain::{ConversationId, Tail};

/// Of how many conversations it is remembered, twice over.
const KEPT: usize = 50_000;

/// The tails of conversations, as far as they were told.
#[derive(Default)]
pub(super) struct Tails {
    young: HashMap<ConversationId, Tail>,
    old: HashMap<ConversationId, Tail>,
}

impl Tails {
    pub(super) fn get(&mut self, conversation: ConversationId) -> Option<Tail> {
        if let Some(tail) = self.young.get(&conversation) {
            return Some(*tail);
        }
        let tail = self.old.remove(&conversation)?;
        self.learn(conversation, tail);
        Some(tail)
    }

    /// Takes note of a tail, unless a newer one is known.
    pub(super) fn learn(&mut self, conversation: ConversationId, tail: Tail) {
        if self.young.len() >= KEPT {
            self.old = mem::take(&mut self.young);
        }
        let known = self.young.entry(conversation).or_insert(tail);
        if tail.step > known.step {
            *known = tail;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(step: i64) -> Tail {
        Tail {
            step,
            ..Tail::NOTHING
        }
    }

    #[test]
    fn tails_never_go_back_and_outlive_one_generation() {
        let mut tails = Tails::default();
        let kept = ConversationId::new();
        tails.learn(kept, tail(7));
        tails.learn(kept, tail(3));
        for _ in 0..KEPT {
            tails.learn(ConversationId::new(), tail(1));
        }
        assert_eq!(tails.get(kept), Some(tail(7)));
        assert_eq!(tails.get(ConversationId::new()), None);
    }
}
