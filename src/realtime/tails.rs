//! How the conversations stand in which something happened most recently.

use std::{collections::HashMap, mem, sync::Arc};

use crate::domain::{Conversation, ConversationId, Tail};

/// Of how many conversations it is remembered, twice over.
const KEPT: usize = 50_000;

/// The tails of conversations, as far as they were told.
#[derive(Default)]
pub(super) struct Tails {
    young: HashMap<ConversationId, Known>,
    old: HashMap<ConversationId, Known>,
}

#[derive(Clone)]
struct Known {
    tail: Tail,
    /// As the newest entry that was told leaves it; `None` before one was.
    conversation: Option<Arc<Conversation>>,
}

impl Tails {
    pub(super) fn get(&mut self, conversation: ConversationId) -> Option<Tail> {
        self.known(conversation).map(|known| known.tail)
    }

    /// A conversation as what was told of it leaves it.
    pub(super) fn conversation(&mut self, id: ConversationId) -> Option<Arc<Conversation>> {
        self.known(id)?.conversation.clone()
    }

    fn known(&mut self, conversation: ConversationId) -> Option<&Known> {
        if !self.young.contains_key(&conversation) {
            let known = self.old.remove(&conversation)?;
            self.put(conversation, known);
        }
        self.young.get(&conversation)
    }

    /// Takes note of a tail, unless a newer one is known.
    pub(super) fn learn(&mut self, conversation: ConversationId, tail: Tail) {
        if self
            .get(conversation)
            .is_none_or(|known| tail.step > known.step)
        {
            self.put(
                conversation,
                Known {
                    tail,
                    conversation: None,
                },
            );
        }
    }

    /// Takes note of how a conversation is told to end.
    pub(super) fn tell(&mut self, conversation: Arc<Conversation>, tail: Tail) {
        let id = conversation.id;
        self.put(
            id,
            Known {
                tail,
                conversation: Some(conversation),
            },
        );
    }

    fn put(&mut self, conversation: ConversationId, known: Known) {
        if self.young.len() >= KEPT {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(conversation, known);
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
