//! Everything else that a store remembers, as far as a simulation needs it.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use chinwag::{
    domain::{
        ClientMessageId, Conversation, ConversationActivity, ConversationId, Lane, Message,
        MessageId, MovedMark, Page, Pair, ProcessId, ProfileChange, Rank, Reactor, ReadMark, Seq,
        Session, SessionId, Signal, Stamp, Stay, Step, Timestamp, User, UserId, Window,
    },
    error::Result,
    store::{
        Blocks, Conversations, Heard, KeptBlock, Lease, Marks, Messages, Presence, Search,
        Sessions, Signals, Upkeep, Users, Vitals,
    },
};

use super::store::SimStore;

#[async_trait]
impl Users for SimStore {
    async fn create_user(&self, _: &User, _: &str) -> Result<bool> {
        Ok(false)
    }

    async fn credentials(&self, _: &str) -> Result<Option<(User, String)>> {
        Ok(None)
    }

    async fn is_taken(&self, _: &str) -> Result<bool> {
        Ok(true)
    }

    async fn password_hash(&self, _: UserId) -> Result<Option<String>> {
        Ok(None)
    }

    async fn change_password(&self, _: UserId, _: &str, _: &str) -> Result<bool> {
        Ok(false)
    }

    async fn change_profile(&self, _: UserId, _: &ProfileChange) -> Result<Option<User>> {
        Ok(None)
    }

    async fn delete_user(&self, _: UserId, _: &str, _: Timestamp) -> Result<bool> {
        Ok(false)
    }

    async fn leaving(&self) -> Result<Vec<UserId>> {
        Ok(Vec::new())
    }

    async fn has_left(&self, _: UserId) -> Result<()> {
        Ok(())
    }

    async fn count_users(&self) -> Result<u64> {
        Ok(self.shared.people.len() as u64)
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        self.moment().await?;
        Ok(ids.iter().filter_map(|id| self.person(*id)).collect())
    }

    async fn sidebar_users(
        &self,
        _: UserId,
        _: Option<&str>,
        _: Option<&(String, UserId)>,
        _: usize,
    ) -> Result<Vec<User>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Blocks for SimStore {
    async fn block(&self, _: UserId, _: UserId, at: Timestamp) -> Result<KeptBlock> {
        Ok(KeptBlock { at, told: true })
    }

    async fn block_is_told(&self, _: UserId, _: UserId, _: KeptBlock) -> Result<()> {
        Ok(())
    }

    async fn unblock(&self, _: UserId, _: UserId) -> Result<bool> {
        Ok(false)
    }

    async fn blocked_by(&self, _: UserId, _: usize) -> Result<Vec<UserId>> {
        Ok(Vec::new())
    }

    async fn estranged_from(&self, _: UserId) -> Result<Vec<UserId>> {
        Ok(Vec::new())
    }

    async fn estranged_pairs(&self, _: &[UserId]) -> Result<Vec<Pair>> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl Sessions for SimStore {
    async fn create_session(&self, _: &Session) -> Result<()> {
        Ok(())
    }

    async fn live_sessions(&self, _: &[SessionId]) -> Result<Vec<SessionId>> {
        Ok(Vec::new())
    }

    async fn session(&self, _: SessionId) -> Result<Option<Session>> {
        Ok(None)
    }

    async fn end_session(&self, _: SessionId) -> Result<bool> {
        Ok(false)
    }

    async fn end_sessions_of(&self, _: UserId, _: Option<SessionId>) -> Result<Vec<SessionId>> {
        Ok(Vec::new())
    }

    async fn sessions_of(&self, _: UserId, _: usize) -> Result<Vec<Session>> {
        Ok(Vec::new())
    }

    async fn note_use(&self, _: &[SessionId], _: Timestamp) -> Result<()> {
        Ok(())
    }

    async fn sessions_ended_elsewhere(&self) -> Result<Vec<SessionId>> {
        self.moment().await?;
        Ok(Vec::new())
    }
}

#[async_trait]
impl Conversations for SimStore {
    async fn create_direct(&self, conversation: &Conversation) -> Result<Conversation> {
        self.moment().await?;
        let (known, write) = {
            let mut log = self.shared.log.lock();
            let pair = conversation.pair().expect("a direct conversation");
            if log.of_pair(pair).is_none() {
                log.add_conversation(conversation.clone());
            }
            let id = log.of_pair(pair).expect("was added");
            let known = log.conversation(id, log.writes());
            (known.expect("is there"), log.writes())
        };
        self.moment().await?;
        self.acknowledge(write);
        Ok(known)
    }

    async fn create_group(&self, conversation: &Conversation) -> Result<()> {
        self.moment().await?;
        let write = {
            let mut log = self.shared.log.lock();
            log.add_conversation(conversation.clone());
            log.writes()
        };
        self.acknowledge(write);
        Ok(())
    }

    async fn departures(&self, id: ConversationId, after: Step) -> Result<Vec<(UserId, Stay)>> {
        self.read(|log, seen| {
            let later = log.entries(id, seen).filter(|entry| entry.step > after);
            let left = later.flat_map(|entry| {
                entry.departures().iter().map(|left| {
                    let stay = Stay {
                        from: left.since,
                        to: Some(entry.step),
                    };
                    (left.user_id, stay)
                })
            });
            left.collect()
        })
        .await
    }

    async fn direct_conversations(&self, pairs: &[Pair]) -> Result<Vec<Conversation>> {
        self.read(|log, seen| {
            let ids = pairs.iter().filter_map(|pair| log.of_pair(*pair));
            ids.filter_map(|id| log.conversation(id, seen)).collect()
        })
        .await
    }

    async fn conversations(&self, ids: &[ConversationId]) -> Result<Vec<Conversation>> {
        self.read(|log, seen| {
            let found = ids.iter().filter_map(|id| log.conversation(*id, seen));
            found.collect()
        })
        .await
    }

    async fn conversations_of(
        &self,
        viewer: UserId,
        after: Option<(Rank, ConversationId)>,
        limit: usize,
    ) -> Result<Vec<(Conversation, ConversationActivity)>> {
        self.read(|log, seen| {
            let shown = log.shown_to(viewer, seen).into_iter();
            let page = shown.filter(|(conversation, activity)| {
                after.is_none_or(|after| (activity.rank, conversation.id) < after)
            });
            page.take(limit).collect()
        })
        .await
    }

    async fn activities(&self, ids: &[ConversationId]) -> Result<Vec<ConversationActivity>> {
        self.read(|log, seen| {
            let found = ids.iter().filter_map(|id| log.activity(*id, seen));
            found.collect()
        })
        .await
    }
}

#[async_trait]
impl Marks for SimStore {
    async fn read_marks(&self, _: &[ConversationId]) -> Result<Vec<ReadMark>> {
        Ok(Vec::new())
    }

    async fn moved_marks(
        &self,
        _: Option<UserId>,
        after: Stamp,
        _: Duration,
        _: usize,
    ) -> Result<(Vec<MovedMark>, Stamp)> {
        Ok((Vec::new(), after))
    }

    fn stamps_late(&self, _: Duration) -> Stamp {
        0
    }

    async fn newest_stamp(&self) -> Result<Stamp> {
        Ok(0)
    }

    async fn mark_read(&self, _: ConversationId, _: UserId, _: Seq) -> Result<bool> {
        Ok(false)
    }
}

#[async_trait]
impl Messages for SimStore {
    async fn history(
        &self,
        conversation: ConversationId,
        window: &Window<Seq>,
    ) -> Result<Page<Message>> {
        self.read(|log, seen| {
            let all = log.messages(conversation, seen);
            let inside = |message: &Message| {
                window.after.is_none_or(|after| message.seq > after)
                    && window.before.is_none_or(|before| message.seq < before)
            };
            let mut items: Vec<Message> = all.iter().filter(|m| inside(m)).cloned().collect();
            if window.from_end {
                items.drain(..items.len().saturating_sub(window.limit));
            } else {
                items.truncate(window.limit);
            }
            let ends = items.first().zip(items.last());
            let last = all.last().map(|message| message.seq);
            Page {
                has_previous: ends.is_some_and(|(first, _)| first.seq > 1),
                has_next: ends.is_some_and(|(_, end)| Some(end.seq) < last),
                items,
            }
        })
        .await
    }

    async fn messages(&self, ids: &[MessageId]) -> Result<Vec<Message>> {
        self.read(|log, seen| {
            let found = ids.iter().filter_map(|id| log.message(*id, seen));
            found.collect()
        })
        .await
    }

    async fn reactors(&self, _: &[MessageId]) -> Result<Vec<Reactor>> {
        Ok(Vec::new())
    }

    async fn message_called(
        &self,
        sender: UserId,
        client_message_id: &ClientMessageId,
    ) -> Result<Option<Message>> {
        self.read(|log, seen| log.message_called(sender, client_message_id, seen))
            .await
    }

    async fn messages_at(&self, places: &[(ConversationId, Seq)]) -> Result<Vec<Message>> {
        self.read(|log, seen| {
            let found = places.iter().filter_map(|(id, seq)| {
                let messages = log.messages(*id, seen).into_iter();
                messages.into_iter().find(|message| message.seq == *seq)
            });
            found.collect()
        })
        .await
    }
}

#[async_trait]
impl Search for SimStore {
    async fn conversations_with(&self, _: UserId) -> Result<Vec<ConversationId>> {
        Ok(Vec::new())
    }

    async fn catalogue(&self) -> Result<(i64, String)> {
        // All that there will ever be is indexed.
        let live: Vec<i64> = Lane::all().map(|lane| lane.end().0).collect();
        let text =
            format!(r#"{{"leader":null,"live":{live:?},"old":null,"segments":[],"purged":0}}"#);
        Ok((1, text))
    }

    async fn replace_catalogue(&self, _: i64, _: &str) -> Result<bool> {
        Ok(false)
    }

    async fn add_parts(&self, _: &[(i64, Bytes)]) -> Result<()> {
        Ok(())
    }

    async fn parts(&self, _: &[i64]) -> Result<Vec<(i64, Bytes)>> {
        Ok(Vec::new())
    }

    async fn part_behind(&self, _: i64) -> Result<Option<i64>> {
        Ok(None)
    }

    async fn remove_parts(&self, _: i64, _: i64) -> Result<bool> {
        Ok(false)
    }
}

#[async_trait]
impl Presence for SimStore {
    async fn record_online(&self, _: &[UserId]) -> Result<()> {
        Ok(())
    }

    async fn record_offline(&self, _: &[(UserId, Timestamp)]) -> Result<()> {
        Ok(())
    }

    async fn last_seen(&self, _: &[UserId]) -> Result<Vec<(UserId, Timestamp)>> {
        Ok(Vec::new())
    }

    async fn renew_lease(&self) -> Result<Lease> {
        self.moment().await?;
        self.shared.desk.lock().renew(self.number);
        self.seal_orphans();
        self.look();
        Ok(Lease::default())
    }

    fn name(&self) -> Option<ProcessId> {
        None
    }

    async fn online_elsewhere(&self) -> Result<Vec<(ProcessId, UserId)>> {
        Ok(Vec::new())
    }
}

/// Nothing is ever heard: the sweep has to do.
#[async_trait]
impl Signals for SimStore {
    async fn signal(&self, _: &[Signal]) -> Result<()> {
        Ok(())
    }

    async fn hear(&self) -> Heard {
        std::future::pending().await
    }
}

#[async_trait]
impl Upkeep for SimStore {
    async fn signing_secret(&self, fresh: &str) -> Result<String> {
        Ok(fresh.into())
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn place(&self) -> &'static str {
        "memory"
    }

    async fn ping(&self) -> Result<()> {
        self.moment().await
    }

    fn vitals(&self) -> Vitals {
        Vitals::default()
    }

    async fn tidy(&self) -> Result<()> {
        self.moment().await
    }

    async fn failed(&self) -> String {
        std::future::pending().await
    }

    async fn close(&self) {
        self.shared.desk.lock().leave(self.number);
        self.seal_orphans();
    }
}
