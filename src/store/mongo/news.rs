//! What records ask to be done, and what of it is new about a conversation.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use uuid::Uuid;

use crate::domain::{
    Conversation, ConversationActivity, ConversationId, ConversationKind, ConversationState,
    Departure, Entry, Happening, MessageId, MessageState, Position, Rank, ReactionChange, ReadMark,
    Record, Seq, Step, Tail, Timestamp, UserId,
};

/// What one record asks to be done.
pub(super) struct Owed {
    pub(super) position: Position,
    pub(super) what: Due,
}

pub(super) enum Due {
    /// Nothing follows from a seal.
    Nothing,
    Sent {
        conversation_id: ConversationId,
        tail: Tail,
        sender_id: UserId,
        sent_at: Timestamp,
    },
    MessageChanged {
        conversation_id: ConversationId,
        tail: Tail,
        entry_id: Uuid,
        message_id: MessageId,
        state: Option<Arc<MessageState>>,
        done: AtomicBool,
    },
    Reacted {
        conversation_id: ConversationId,
        tail: Tail,
        change: Arc<ReactionChange>,
    },
    ConversationChanged {
        conversation_id: ConversationId,
        tail: Tail,
        state: Arc<ConversationState>,
        done: AtomicBool,
    },
    /// Nothing follows from it but where its conversation ends.
    Estranged {
        conversation_id: ConversationId,
        tail: Tail,
    },
}

impl Owed {
    pub(super) fn of(record: &Record) -> Self {
        let what = match record {
            Record::Seal(_) => Due::Nothing,
            Record::Entry(entry) => Due::of(entry),
        };
        Self {
            position: record.position(),
            what,
        }
    }

    /// Says that the change stands where it belongs.
    pub(super) fn set_done(&self) {
        if let Some(done) = self.what.done() {
            done.store(true, Ordering::Relaxed);
        }
    }
}

impl Due {
    fn of(entry: &Entry) -> Self {
        let (conversation_id, tail) = (entry.conversation_id, entry.tail());
        match &entry.what {
            Happening::Sent(message) => Self::Sent {
                conversation_id,
                tail,
                sender_id: message.sender_id,
                sent_at: message.sent_at,
            },
            Happening::MessageChanged(change) => Self::MessageChanged {
                conversation_id,
                tail,
                entry_id: entry.id,
                message_id: change.message_id,
                state: change.state.clone().map(Arc::new),
                done: AtomicBool::new(false),
            },
            Happening::Reacted(change) => Self::Reacted {
                conversation_id,
                tail,
                change: Arc::new(change.clone()),
            },
            Happening::ConversationChanged(state) => Self::ConversationChanged {
                conversation_id,
                tail,
                state: Arc::new(state.clone()),
                done: AtomicBool::new(false),
            },
            Happening::Estranged(_) => Self::Estranged {
                conversation_id,
                tail,
            },
        }
    }

    /// Whether it stands where it belongs, of what does not wait: who belongs to a conversation, and that what was
    /// deleted is gone.
    fn done(&self) -> Option<&AtomicBool> {
        match self {
            Self::ConversationChanged { tail, done, .. } if tail.step > 1 => Some(done),
            Self::MessageChanged { state, done, .. } => state
                .as_ref()
                .is_some_and(|state| state.deleted_at.is_some())
                .then_some(done),
            _ => None,
        }
    }

    /// Whether it is something that does not wait, and that does not stand where it belongs yet.
    pub(super) fn is_urgent(&self) -> bool {
        self.done()
            .is_some_and(|done| !done.load(Ordering::Relaxed))
    }

    /// Where it happened, if that is what it is.
    pub(super) fn conversation_id(&self) -> Option<ConversationId> {
        self.place().map(|(id, _)| id)
    }

    /// Where the conversation ends with it.
    pub(super) fn place(&self) -> Option<(ConversationId, Tail)> {
        match self {
            Self::Nothing => None,
            Self::Sent {
                conversation_id,
                tail,
                ..
            }
            | Self::MessageChanged {
                conversation_id,
                tail,
                ..
            }
            | Self::Reacted {
                conversation_id,
                tail,
                ..
            }
            | Self::ConversationChanged {
                conversation_id,
                tail,
                ..
            }
            | Self::Estranged {
                conversation_id,
                tail,
            } => Some((*conversation_id, *tail)),
        }
    }
}

/// What is new of a conversation.
#[derive(Clone, Default)]
pub(super) struct News {
    /// Its newest entry.
    pub(super) tail: Option<Tail>,
    /// Its newest message.
    pub(super) sent: Option<Sent>,
    /// How far senders have read.
    pub(super) marks: Vec<Mark>,
    /// What it was changed to last.
    pub(super) remade: Option<Remade>,
    /// Who left it.
    pub(super) left: Vec<Left>,
    /// The entry with which it was made.
    pub(super) made: Option<Tail>,
}

/// Someone who left a conversation.
#[derive(Clone, Copy)]
pub(super) struct Left {
    pub(super) departure: Departure,
    /// Where the conversation ended with it.
    pub(super) tail: Tail,
}

/// A conversation's newest message.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub(super) seq: Seq,
    pub(super) rank: Rank,
    pub(super) at: Timestamp,
    position: Position,
}

/// How far a sender has read.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    pub(super) user_id: UserId,
    pub(super) seq: Seq,
    position: Position,
}

/// A conversation's newest state.
#[derive(Clone)]
pub(super) struct Remade {
    pub(super) state: Arc<ConversationState>,
    pub(super) step: Step,
    position: Position,
}

impl News {
    /// Takes in what one more record tells.
    pub(super) fn add(&mut self, owed: &Owed) {
        let position = owed.position;
        let Some((_, tail)) = owed.what.place() else {
            return;
        };
        if self.tail.is_none_or(|known| tail.step > known.step) {
            self.tail = Some(tail);
        }
        match &owed.what {
            Due::Sent {
                sender_id, sent_at, ..
            } => {
                let seq = tail.seq;
                if self.sent.is_none_or(|known| seq > known.seq) {
                    let (rank, at) = (tail.rank, *sent_at);
                    self.sent = Some(Sent {
                        seq,
                        rank,
                        at,
                        position,
                    });
                }
                self.mark(Mark {
                    user_id: *sender_id,
                    seq,
                    position,
                });
            }
            Due::ConversationChanged { state, .. } => {
                if tail.step == 1 {
                    self.made = Some(tail);
                }
                let step = tail.step;
                // Who joins has read what is there.
                let new = state.members.iter().filter(|member| member.since == step);
                for member in new.filter(|_| tail.seq > 0) {
                    self.mark(Mark {
                        user_id: member.user_id,
                        seq: tail.seq,
                        position,
                    });
                }
                let left = state.departures.iter().copied();
                self.left
                    .extend(left.map(|departure| Left { departure, tail }));
                if self.remade.as_ref().is_none_or(|known| step > known.step) {
                    let state = Arc::clone(state);
                    self.remade = Some(Remade {
                        state,
                        step,
                        position,
                    });
                }
            }
            Due::MessageChanged { .. }
            | Due::Reacted { .. }
            | Due::Estranged { .. }
            | Due::Nothing => {}
        }
    }

    fn mark(&mut self, mark: Mark) {
        let mut marks = self.marks.iter_mut();
        match marks.find(|known| known.user_id == mark.user_id) {
            Some(known) if known.seq < mark.seq => *known = mark,
            Some(_) => {}
            None => self.marks.push(mark),
        }
    }

    /// Leaves out what is followed; true when nothing is left.
    pub(super) fn forget(&mut self, is_followed: impl Fn(Position) -> bool) -> bool {
        self.tail = self.tail.filter(|tail| !is_followed(tail.position));
        self.sent = self.sent.filter(|sent| !is_followed(sent.position));
        self.marks.retain(|mark| !is_followed(mark.position));
        self.left.retain(|left| !is_followed(left.tail.position));
        self.remade.take_if(|remade| is_followed(remade.position));
        self.made = self.made.filter(|made| !is_followed(made.position));
        self.tail.is_none()
            && self.sent.is_none()
            && self.marks.is_empty()
            && self.remade.is_none()
            && self.left.is_empty()
            && self.made.is_none()
    }

    /// Brings what was read of a conversation up to date.
    pub(super) fn amend(&self, conversation: &mut Conversation) {
        if let Some(remade) = &self.remade {
            conversation.change(&remade.state, remade.step);
        }
    }

    /// Brings what was read of its activity up to date.
    pub(super) fn amend_activity(
        &self,
        kind: ConversationKind,
        activity: &mut ConversationActivity,
    ) {
        if let Some(sent) = self.sent.filter(|sent| sent.seq > activity.last_seq) {
            activity.last_seq = sent.seq;
            activity.last_activity_at = sent.at;
            activity.rank = sent.rank;
        }
        if let (ConversationKind::Group, 0, Some(made)) = (kind, activity.rank, self.made) {
            activity.rank = made.rank;
        }
    }

    /// Brings what was read of a member's mark up to date.
    pub(super) fn amend_mark(&self, mark: &mut ReadMark) {
        let sent = self.marks.iter().find(|sent| sent.user_id == mark.user_id);
        mark.seq = mark.seq.max(sent.map_or(0, |sent| sent.seq));
    }
}
