//! The tasks behind a chat: following the log, presence, typing; tidying up.

use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Chat;
use crate::{
    domain::{
        Conversation, ConversationId, ConversationKind, DisplayName, Entry, Happening, Message,
        MessageEvent, Record, Timestamp, Told, User, UserId, Username,
    },
    error::Result,
    realtime::hub::Telling,
};

impl Chat {
    /// Tells what is in the log and was not told yet: what other processes wrote, and what this one wrote without
    /// knowing. When somebody asks at once, else at every sweep.
    pub(super) async fn follow_log(self) {
        let mut sweep = interval(self.0.limits.sweep_interval);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = sweep.tick() => {
                    if let Err(error) = self.0.sessions.follow_others().await {
                        tracing::warn!(?error, "looking for ended sessions failed; the next sweep follows");
                    }
                }
                () = self.0.rounds.wanted() => {}
            }
            self.hold_round().await;
        }
    }

    /// Says that this process lives, and takes the users of processes that no longer do offline.
    pub(super) async fn keep_lease(self) {
        let mut renewal = interval(self.0.limits.lease_renewal);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            renewal.tick().await;
            if let Err(error) = self.0.store.renew_lease().await {
                tracing::warn!(?error, "renewing the lease failed; it is tried again soon");
            }
        }
    }

    /// Loads what telling of records takes.
    pub(super) async fn prepare(&self, records: Vec<Record>) -> Result<Vec<(Record, Prepared)>> {
        let entries = || {
            records.iter().filter_map(|record| match record {
                Record::Entry(entry) => Some(entry),
                Record::Seal(_) => None,
            })
        };
        let mut conversation_ids = entries()
            .map(|entry| entry.conversation_id)
            .collect::<Vec<_>>();
        conversation_ids.sort_unstable();
        conversation_ids.dedup();
        let mut sender_ids = entries()
            .filter_map(Entry::message)
            .map(|message| message.sender_id)
            .collect::<Vec<_>>();
        sender_ids.sort_unstable();
        sender_ids.dedup();
        let conversations = self.0.directory.conversations(&conversation_ids).await?;
        let senders = self.0.directory.users(&sender_ids).await?;
        let prepared = |record: &Record| match record {
            Record::Entry(entry) => Prepared {
                conversation: conversations.get(&entry.conversation_id).cloned(),
                sender: entry
                    .message()
                    .and_then(|message| senders.get(&message.sender_id).cloned()),
            },
            Record::Seal(_) => Prepared::default(),
        };
        Ok(records
            .into_iter()
            .map(|record| {
                let prepared = prepared(&record);
                (record, prepared)
            })
            .collect())
    }

    /// How an entry is told, once all before it was.
    pub(super) fn telling(&self, entry: &Entry, mut prepared: Prepared) -> Telling {
        let known = self.0.directory.cached_conversation(entry.conversation_id);
        prepared.conversation = known.or(prepared.conversation);
        let mut conversation = prepared
            .conversation
            .clone()
            .unwrap_or_else(|| Arc::new(nobodys(entry.conversation_id)));
        let told = match &entry.what {
            Happening::Sent(message) => {
                self.tell_what_a_message_changes(&conversation, message);
                prepared.message_event(entry).map(Told::Sent)
            }
            Happening::MessageChanged(change) => Some(Told::MessageChanged(change.message_id)),
            Happening::ConversationChanged(state) => {
                let before = conversation.clone();
                let mut changed = Conversation::clone(&conversation);
                changed.change(state, entry.step);
                // Nobody else may come to know what only stands in for it.
                if prepared.conversation.is_some() {
                    conversation = self.0.directory.learn_conversation(changed);
                }
                // A direct conversation shows with its first message.
                if entry.seq > 0 || conversation.kind == ConversationKind::Group {
                    let left = |id: &UserId| !conversation.has_member(*id);
                    let left = before
                        .members
                        .iter()
                        .map(|member| member.user_id)
                        .filter(left);
                    let members = conversation.members.iter().map(|member| member.user_id);
                    self.0
                        .hub
                        .conversation_changed(conversation.id, members.chain(left));
                }
                None
            }
        };
        Telling {
            conversation,
            told: told.unwrap_or(Told::ConversationChanged),
        }
    }

    /// The first message shows a direct conversation to its members, and sending reads what others have sent before.
    fn tell_what_a_message_changes(&self, conversation: &Conversation, message: &Message) {
        let reader = (conversation.id, message.sender_id);
        let had_read = self.0.marks.get(&reader);
        self.0.marks.insert(reader, message.seq);
        if message.seq == 1 || had_read.is_none_or(|seq| seq + 1 < message.seq) {
            let members = conversation.members.iter().map(|member| member.user_id);
            self.0.hub.conversation_changed(conversation.id, members);
        }
    }

    /// Keeps the store's knowledge of who is online, and lets watchers be told.
    pub(super) async fn follow_presence(self) {
        loop {
            let owed = self.0.presence.owed().await;
            let recorded = async {
                if self.0.presence.is_watched() {
                    // So that whoever tells of them has them at hand.
                    self.0.directory.users(&owed.online).await?;
                }
                if !owed.online.is_empty() {
                    self.0.store.record_online(&owed.online).await?;
                }
                if !owed.offline.is_empty() {
                    self.0.store.record_offline(&owed.offline).await?;
                }
                Ok::<_, crate::error::Error>(())
            };
            // Watchers are told meanwhile, whatever the store does.
            let outcome = {
                tokio::pin!(recorded);
                loop {
                    tokio::select! {
                        outcome = &mut recorded => break outcome,
                        () = self.0.presence.tell_on_time() => {}
                    }
                }
            };
            if let Err(error) = outcome {
                tracing::warn!(?error, "recording who is online failed; trying again");
                self.0.presence.still_owed(owed);
                tokio::select! {
                    () = sleep(self.0.limits.sweep_interval) => {}
                    () = async { loop { self.0.presence.tell_on_time().await } } => {}
                }
            }
        }
    }

    /// Tells when typing fades.
    pub(super) async fn follow_typing(self) {
        loop {
            for (conversation_id, typist) in self.0.typing.faded().await {
                let told = async {
                    match self.0.directory.conversation(conversation_id).await? {
                        Some(conversation) => self.tell_typing(&conversation, typist, false).await,
                        None => Ok(()),
                    }
                };
                if let Err(error) = told.await {
                    tracing::warn!(?error, "could not tell that someone stopped typing");
                }
            }
        }
    }

    /// Lets the store forget what has expired, now and then.
    pub(super) async fn tidy_up(self) {
        let mut tick = interval(self.0.limits.tidy_interval);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(error) = self.0.store.tidy().await {
                tracing::warn!(?error, "tidying up failed; it is tried again later");
            }
        }
    }
}

/// What telling of an entry takes, loaded before its turn comes.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) conversation: Option<Arc<Conversation>>,
    pub(super) sender: Option<Arc<User>>,
}

impl Prepared {
    /// The message that an entry tells of as sent, with what its event carries.
    pub(super) fn message_event(self, entry: &Entry) -> Option<Arc<MessageEvent>> {
        let message = entry.message()?;
        let conversation = self.conversation.unwrap_or_else(|| {
            tracing::error!(position = %entry.position, "an entry without its conversation");
            Arc::new(nobodys(entry.conversation_id))
        });
        let sender = self.sender.unwrap_or_else(|| {
            tracing::error!(message = %message.id, "a message without its sender");
            Arc::new(unknown(message.sender_id))
        });
        Some(Arc::new(MessageEvent {
            message: message.clone(),
            conversation,
            sender,
        }))
    }
}

/// Stands in for a conversation that is gone: nobody is told of what happens there.
fn nobodys(id: ConversationId) -> Conversation {
    Conversation {
        id,
        kind: ConversationKind::Group,
        title: None,
        members: Vec::new(),
        created_at: Timestamp(0),
        changed: 0,
    }
}

/// Stands in for a sender who is gone.
fn unknown(id: UserId) -> User {
    User {
        id,
        username: Username::stored("unknown"),
        display_name: DisplayName::stored("Unknown"),
        avatar_url: None,
        created_at: Timestamp(0),
        deleted_at: None,
    }
}
