//! What entries of the log tell someone: live each as it is, of those that were missed the newest states.

use std::{collections::HashMap, sync::Arc};

use super::{Chat, Prepared, replay::Part};
use crate::{
    domain::{
        Conversation, ConversationId, Entry, Happening, LogEvent, MessageEvent, Position,
        ReadEvent, Record, Told, UserId,
    },
    error::Result,
};

/// Something that happened, as its reader is told.
#[derive(Clone, Debug)]
pub enum StreamEvent {
    NewMessage(Arc<MessageEvent>),
    MessageChanged(Arc<MessageEvent>),
    ConversationChanged(Arc<Conversation>),
    /// The reader is a member no more.
    ConversationLeft(ConversationId),
    ConversationRead(Arc<ReadEvent>),
}

impl StreamEvent {
    /// What an entry tells someone whom it concerns.
    pub(super) fn of(event: &LogEvent, viewer: UserId) -> Option<Self> {
        Some(match &event.told {
            Told::Sent(message) => Self::NewMessage(message.clone()),
            Told::MessageChanged(message) => Self::MessageChanged(message.clone()),
            Told::ConversationChanged(_) if event.is_departure_of(viewer) => {
                Self::ConversationLeft(event.conversation.id)
            }
            Told::ConversationChanged(_) => Self::ConversationChanged(event.conversation.clone()),
            Told::Nothing => return None,
        })
    }
}

/// What recent entries tell someone whom they concern, at their places: of several changes of one thing the newest
/// alone, a message that was changed since in its newest state, and of what one has left only that one has.
pub(super) fn newest_states(
    recent: &[Arc<LogEvent>],
    viewer: UserId,
) -> Vec<(Position, Option<StreamEvent>)> {
    let mut messages = HashMap::new();
    let mut conversations = HashMap::new();
    let mut left = HashMap::new();
    for event in recent {
        if event.is_departure_of(viewer) {
            left.insert(event.conversation.id, event.step);
        }
        match &event.told {
            Told::MessageChanged(changed) => {
                messages.insert(changed.message.id, (event.position, changed));
            }
            Told::ConversationChanged(_) => {
                conversations.insert(event.conversation.id, event);
            }
            Told::Sent(_) | Told::Nothing => {}
        }
    }
    let is_told = |event: &LogEvent| {
        // To who has left, the conversation did not exist. That holds for who has come back as well: what was not told in
        // between must not be built upon.
        let left = left.get(&event.conversation.id);
        left.is_none_or(|left| event.step >= *left)
    };
    let is_newest = |event: &LogEvent| match &event.told {
        Told::Sent(_) | Told::Nothing => true,
        Told::MessageChanged(changed) => {
            let newest = messages.get(&changed.message.id);
            newest.is_none_or(|(position, _)| *position == event.position)
        }
        Told::ConversationChanged(_) => {
            let newest = conversations.get(&event.conversation.id);
            newest.is_some_and(|newest| newest.position == event.position)
                || event.is_arrival_of(viewer)
                || event.is_departure_of(viewer)
        }
    };
    let told = recent.iter().map(|event| {
        let told = StreamEvent::of(event, viewer).filter(|_| is_told(event) && is_newest(event));
        let told = told.map(|told| match told {
            StreamEvent::NewMessage(sent) => {
                let changed = messages.get(&sent.message.id);
                StreamEvent::NewMessage(changed.map_or(&sent, |(_, changed)| *changed).clone())
            }
            StreamEvent::ConversationChanged(conversation) => {
                let newest = conversations.get(&conversation.id);
                let newest = newest.map(|newest| newest.conversation.clone());
                StreamEvent::ConversationChanged(newest.unwrap_or(conversation))
            }
            other => other,
        });
        (event.position, told)
    });
    told.collect()
}

impl Chat {
    /// What entries that are read from the store tell their reader, at their places: of several changes of one thing the
    /// newest alone.
    pub(super) async fn seen(
        &self,
        viewer: UserId,
        entries: Vec<(Entry, Part)>,
    ) -> Result<Vec<(Position, Option<StreamEvent>)>> {
        let (entries, parts): (Vec<_>, Vec<_>) = entries.into_iter().unzip();
        let records = entries.into_iter().map(Record::Entry).collect();
        let seen = self.load(records).await?.into_iter().zip(parts);
        let seen = seen.filter_map(|((record, prepared), part)| {
            let Record::Entry(entry) = record else {
                return None;
            };
            // To who has left since nothing more is told of it; that it left comes live.
            let conversation = prepared.conversation.as_ref();
            let is_there = conversation.is_none_or(|of| of.has_member(viewer));
            let is_told = is_there || part == Part::Leaves;
            let event = is_told.then(|| event_of(&entry, prepared, part)).flatten();
            Some((entry.position, event))
        });
        Ok(seen.collect())
    }
}

fn event_of(entry: &Entry, prepared: Prepared, part: Part) -> Option<StreamEvent> {
    match &entry.what {
        Happening::Sent(_) => prepared.message_event(entry).map(StreamEvent::NewMessage),
        Happening::MessageChanged(_) | Happening::Reacted(_) => {
            let changed = prepared.message_event(entry)?;
            let is_newest = changed.message.touched() == entry.step;
            is_newest.then_some(StreamEvent::MessageChanged(changed))
        }
        Happening::ConversationChanged(_) if part == Part::Leaves => {
            Some(StreamEvent::ConversationLeft(entry.conversation_id))
        }
        Happening::ConversationChanged(_) => {
            let conversation = prepared.conversation?;
            let is_told = conversation.changed == entry.step || part == Part::Arrives;
            is_told.then_some(StreamEvent::ConversationChanged(conversation))
        }
        Happening::Estranged(_) => None,
    }
}
