//! The tasks behind a chat: following the log, presence, typing; tidying up.

use std::sync::Arc;

use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Chat;
use crate::{
    domain::{
        Conversation, ConversationKind, DisplayName, Message, MessageEvent, Timestamp, User,
        Username,
    },
    error::Result,
};

/// Messages read from the log at a time.
const LOG_PAGE: usize = 500;

impl Chat {
    /// Publishes what is in the log and not published yet: what other processes wrote, and what this one wrote
    /// without knowing. On a bell at once, else at every sweep.
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
                () = self.0.behind.notified() => {}
            }
            if let Err(error) = self.catch_up().await {
                tracing::warn!(?error, "reading the log failed; the next sweep follows");
            }
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

    /// Publishes everything that the log holds by now.
    pub(super) async fn catch_up(&self) -> Result<()> {
        loop {
            let news = self.0.store.log_after(self.0.hub.head(), LOG_PAGE).await?;
            let all = news.len() < LOG_PAGE;
            for event in self.events(news).await? {
                self.publish(Arc::new(event));
            }
            if all {
                return Ok(());
            }
        }
    }

    /// Messages with what their events carry.
    pub(super) async fn events(&self, messages: Vec<Message>) -> Result<Vec<MessageEvent>> {
        let mut conversation_ids = messages
            .iter()
            .map(|message| message.conversation_id)
            .collect::<Vec<_>>();
        conversation_ids.sort_unstable();
        conversation_ids.dedup();
        let mut sender_ids = messages
            .iter()
            .map(|message| message.sender_id)
            .collect::<Vec<_>>();
        sender_ids.sort_unstable();
        sender_ids.dedup();
        let conversations = self.0.directory.conversations(&conversation_ids).await?;
        let senders = self.0.directory.users(&sender_ids).await?;
        Ok(messages
            .into_iter()
            .map(|message| {
                let conversation = conversations.get(&message.conversation_id).cloned();
                let sender = senders.get(&message.sender_id).cloned();
                if conversation.is_none() || sender.is_none() {
                    tracing::error!(message = %message.id, "a message without its conversation or sender");
                }
                MessageEvent {
                    conversation: conversation.unwrap_or_else(|| Arc::new(nobodys(&message))),
                    sender: sender.unwrap_or_else(|| Arc::new(unknown_sender(&message))),
                    message: Arc::new(message),
                }
            })
            .collect())
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

/// Stands in for a conversation that is gone: nobody is told of its messages.
fn nobodys(message: &Message) -> Conversation {
    Conversation {
        id: message.conversation_id,
        kind: ConversationKind::Group,
        title: None,
        members: Vec::new(),
        created_at: Timestamp(0),
    }
}

/// Stands in for a sender who is gone.
fn unknown_sender(message: &Message) -> User {
    User {
        id: message.sender_id,
        username: Username::stored("unknown"),
        display_name: DisplayName::stored("Unknown"),
        avatar_url: None,
        created_at: Timestamp(0),
    }
}
