//! One channel per user who is online, shared by all their sockets: made by the first, dropped with the last.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::{broadcast, watch};

use crate::domain::{ConversationId, MessageEvent, Position, TypingEvent, UserId};

/// Messages that a channel holds for its slowest reader. One that falls behind reads the store instead.
const MESSAGE_RING: usize = 32;
/// Typing events that a channel holds. One that falls behind misses some: they are out of date by then.
const TYPING_RING: usize = 16;
/// Changed conversations that a channel remembers for readers that fall behind.
const CHANGES_KEPT: usize = 256;

/// Hands events to the users they concern. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    head: AtomicI64,
    intake: Mutex<()>,
    channels: RwLock<HashMap<UserId, Arc<Channel>>>,
}

struct Channel {
    messages: broadcast::Sender<Arc<MessageEvent>>,
    typing: OnceLock<broadcast::Sender<Arc<TypingEvent>>>,
    changes: OnceLock<Arc<ChangeLog>>,
}

/// What came of handing the hub a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intake {
    /// It was next in the log.
    Published,
    /// It had been published before.
    Known,
    /// Messages before it are missing.
    Gap,
}

impl Hub {
    /// A hub that stands at `head` in the log: what came before counts as published.
    pub fn new(head: Position) -> Self {
        Self(Arc::new(Inner {
            head: AtomicI64::new(head),
            intake: Mutex::default(),
            channels: RwLock::default(),
        }))
    }

    /// The position of the newest message that was published.
    pub fn head(&self) -> Position {
        self.0.head.load(Ordering::Acquire)
    }

    /// Publishes a message that is in the store, if it is the next one of the log.
    pub fn publish(&self, event: &Arc<MessageEvent>) -> Intake {
        let _one_at_a_time = self.0.intake.lock();
        let head = self.0.head.load(Ordering::Acquire);
        let position = event.message.position;
        if position <= head {
            return Intake::Known;
        }
        if position > head + 1 {
            return Intake::Gap;
        }
        // Before the channels: whoever takes a receiver and then reads the head finds a later message in the
        // receiver, and an earlier one in the store.
        self.0.head.store(position, Ordering::Release);
        let channels = self.0.channels.read();
        for member in &event.conversation.members {
            if let Some(channel) = channels.get(&member.user_id) {
                // No receiver is no fault: nobody subscribed.
                let _ = channel.messages.send(event.clone());
            }
        }
        Intake::Published
    }

    /// Tells `users` that a conversation of theirs changed.
    pub fn conversation_changed(
        &self,
        conversation: ConversationId,
        users: impl IntoIterator<Item = UserId>,
    ) {
        let channels = self.0.channels.read();
        for user in users {
            if let Some(log) = channels
                .get(&user)
                .and_then(|channel| channel.changes.get())
            {
                log.record(conversation);
            }
        }
    }

    /// Tells `users` that someone is typing, or no longer.
    pub fn typing(&self, event: &Arc<TypingEvent>, users: impl IntoIterator<Item = UserId>) {
        let channels = self.0.channels.read();
        for user in users {
            if let Some(sender) = channels.get(&user).and_then(|channel| channel.typing.get()) {
                let _ = sender.send(event.clone());
            }
        }
    }

    /// Holds the user's channel open.
    pub fn attach(&self, user: UserId) -> Attachment {
        let mut channels = self.0.channels.write();
        let channel = channels.entry(user).or_insert_with(|| {
            Arc::new(Channel {
                messages: broadcast::Sender::new(MESSAGE_RING),
                typing: OnceLock::new(),
                changes: OnceLock::new(),
            })
        });
        Attachment {
            hub: self.clone(),
            user,
            channel: channel.clone(),
        }
    }

    /// How many users have a channel.
    pub fn channels(&self) -> usize {
        self.0.channels.read().len()
    }
}

/// One holder of a user's channel; the channel goes with the last of them.
pub struct Attachment {
    hub: Hub,
    user: UserId,
    channel: Arc<Channel>,
}

impl Attachment {
    /// Messages from here on, and the head of the log: what the receiver will not bring is at or before it.
    pub fn messages(&self) -> (broadcast::Receiver<Arc<MessageEvent>>, Position) {
        let receiver = self.channel.messages.subscribe();
        (receiver, self.hub.head())
    }

    /// Typing events from here on.
    pub fn typing(&self) -> broadcast::Receiver<Arc<TypingEvent>> {
        self.channel
            .typing
            .get_or_init(|| broadcast::Sender::new(TYPING_RING))
            .subscribe()
    }

    /// Changed conversations from here on.
    pub fn changes(&self) -> Changes {
        let log = self.channel.changes.get_or_init(Arc::default).clone();
        let receiver = log.version.subscribe();
        let seen = *receiver.borrow();
        Changes {
            receiver,
            seen,
            log,
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let mut channels = self.hub.0.channels.write();
        let is_ours = channels
            .get(&self.user)
            .is_some_and(|channel| Arc::ptr_eq(channel, &self.channel));
        // Ours and the map's: attachments are only made under the lock that is held here.
        if is_ours && Arc::strong_count(&self.channel) <= 2 {
            channels.remove(&self.user);
        }
    }
}

/// The latest changes of a user's conversations. A conversation stands in it once, at its newest change.
struct ChangeLog {
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
    fn record(&self, conversation: ConversationId) {
        let mut changed = self.changed.lock();
        changed.retain(|(_, id)| *id != conversation);
        if changed.len() == CHANGES_KEPT {
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
        let full = changed.len() == CHANGES_KEPT && oldest > self.seen + 1;
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
    use crate::domain::*;

    fn event(position: Position, members: &[UserId]) -> Arc<MessageEvent> {
        let now = Timestamp(0);
        let sender = members[0];
        let mut conversation =
            Conversation::direct(Pair::new(members[0], members[1]).expect("two"), now);
        conversation.members.truncate(2);
        let draft = Draft {
            id: MessageId::new(),
            conversation_id: conversation.id,
            sender_id: sender,
            body: Body::stored("x"),
            client_message_id: None,
            sent_at: now,
            reply_to: None,
        };
        Arc::new(MessageEvent {
            message: Arc::new(draft.placed(position, position)),
            conversation: Arc::new(conversation),
            sender: Arc::new(User {
                id: sender,
                username: Username::stored("ann"),
                display_name: DisplayName::stored("Ann"),
                avatar_url: None,
                created_at: now,
            }),
        })
    }

    #[test]
    fn only_the_next_message_of_the_log_is_published() {
        let (hub, users) = (Hub::new(4), [UserId::new(), UserId::new()]);
        let attachment = hub.attach(users[1]);
        let (mut receiver, head) = attachment.messages();
        assert_eq!(head, 4);
        assert_eq!(hub.publish(&event(6, &users)), Intake::Gap);
        assert_eq!(hub.publish(&event(4, &users)), Intake::Known);
        assert_eq!(hub.publish(&event(5, &users)), Intake::Published);
        assert_eq!(receiver.try_recv().expect("published").message.position, 5);
        assert!(receiver.try_recv().is_err());
    }

    #[test]
    fn a_channel_goes_with_its_last_attachment() {
        let (hub, user) = (Hub::new(0), UserId::new());
        let (first, second) = (hub.attach(user), hub.attach(user));
        let changes = first.changes();
        drop(first);
        assert_eq!(hub.channels(), 1);
        drop(second);
        assert_eq!(hub.channels(), 0);
        drop(changes);
    }

    #[tokio::test]
    async fn a_conversation_that_changed_often_is_told_once() {
        let (hub, user) = (Hub::new(0), UserId::new());
        let attachment = hub.attach(user);
        let mut changes = attachment.changes();
        let (a, b) = (ConversationId::new(), ConversationId::new());
        for id in [a, b, a, a] {
            hub.conversation_changed(id, [user]);
        }
        assert_eq!(changes.next().await, Some(vec![b, a]));
        hub.conversation_changed(b, [user]);
        assert_eq!(changes.next().await, Some(vec![b]));
        for _ in 0..=CHANGES_KEPT {
            hub.conversation_changed(ConversationId::new(), [user]);
        }
        assert_eq!(changes.next().await, None, "more than is remembered");
    }
}
