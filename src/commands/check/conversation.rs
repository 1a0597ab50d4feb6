//! Whether a conversation is what its entries say.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::{
    commands::Failure,
    domain::{
        Conversation, ConversationId, Emoji, Entry, Happening, MessageId, Position, Seq, Stretch,
        Tail, Timestamp, UserId,
    },
    store::WholeStore,
};

/// How many steps are read at a time.
const PAGE: i64 = 1_000;

/// How often a conversation is looked at in which people may be writing at the moment.
const LOOKS: usize = 3;

/// What is wrong with a conversation, a line each.
///
/// # Errors
/// The store's.
pub async fn faults_of(store: &WholeStore, id: ConversationId) -> Result<Vec<String>, Failure> {
    let mut faults = Vec::new();
    for _ in 0..LOOKS {
        let followed = Followed::by_entries(store, id).await?;
        faults = followed.faults.clone();
        followed.compare(store, id, &mut faults).await?;
        if faults.is_empty() {
            break;
        }
    }
    Ok(faults)
}

/// What follows from a conversation's entries.
struct Followed {
    tail: Tail,
    /// When the newest message was sent, and its rank.
    newest: Option<(Timestamp, i64)>,
    /// The newest change of the conversation itself.
    state: Option<(i64, Option<String>, Vec<UserId>)>,
    /// The seq of each sender's newest message.
    sent: HashMap<UserId, Seq>,
    reactions: BTreeSet<(MessageId, UserId, Emoji)>,
    faults: Vec<String>,
}

impl Followed {
    async fn by_entries(store: &WholeStore, id: ConversationId) -> Result<Self, Failure> {
        let mut followed = Self {
            tail: Tail::NOTHING,
            newest: None,
            state: None,
            sent: HashMap::new(),
            reactions: BTreeSet::new(),
            faults: Vec::new(),
        };
        loop {
            let first = followed.tail.step + 1;
            let stretch = Stretch {
                conversation_id: id,
                first,
                last: first + PAGE - 1,
            };
            let mut entries = store.entries(&[stretch]).await?;
            entries.sort_unstable_by_key(|entry| entry.step);
            if entries.is_empty() {
                return Ok(followed);
            }
            for entry in entries {
                followed.take(id, entry);
            }
        }
    }

    fn take(&mut self, id: ConversationId, entry: Entry) {
        let Tail { step, seq, .. } = self.tail;
        if entry.step != step + 1 {
            self.faults.push(format!("{id} has no step {}", step + 1));
        }
        let says = i64::from(entry.message().is_some());
        if entry.seq != seq + says {
            let fault = format!(
                "{id} has seq {} at step {}, behind {seq}",
                entry.seq, entry.step
            );
            self.faults.push(fault);
        }
        // Of before there were steps, entries do not say what came before them.
        if entry.before != Position::START && entry.before != self.tail.position {
            self.faults.push(format!(
                "step {} of {id} does not follow the one before",
                entry.step
            ));
        }
        self.tail = entry.tail();
        match entry.what {
            Happening::Sent(message) => {
                self.newest = Some((message.sent_at, entry.rank));
                self.sent.insert(message.sender_id, entry.seq);
            }
            Happening::Reacted(change) => {
                let reaction = (change.message_id, change.user_id, change.emoji);
                if change.added {
                    self.reactions.insert(reaction);
                } else {
                    self.reactions.remove(&reaction);
                }
            }
            Happening::ConversationChanged(state) => {
                let members = state.members.iter().map(|member| member.user_id).collect();
                self.state = Some((entry.step, state.title, members));
            }
            Happening::MessageChanged(_) | Happening::Estranged(_) => {}
        }
    }

    /// Compares with what the store keeps beside the entries.
    async fn compare(
        &self,
        store: &WholeStore,
        id: ConversationId,
        faults: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let ids = [id];
        let tail = store
            .tails(&ids)
            .await?
            .pop()
            .map_or(Tail::NOTHING, |(_, tail)| tail);
        if tail != self.tail {
            faults.push(format!(
                "{id} is said to end at step {}, seq {}; its entries do at {}, {}",
                tail.step, tail.seq, self.tail.step, self.tail.seq
            ));
        }
        let activity = store.activities(&ids).await?.pop();
        if let (Some(activity), Some((at, rank))) = (activity, self.newest)
            && (activity.last_seq, activity.last_activity_at, activity.rank)
                != (self.tail.seq, at, rank)
        {
            faults.push(format!("{id} is listed by another message than its newest"));
        }
        let conversation = store.conversations(&ids).await?.pop();
        if let (Some(kept), Some((step, title, members))) = (conversation, &self.state) {
            let Conversation { changed, .. } = kept;
            let kept_members: Vec<_> = kept.members.iter().map(|member| member.user_id).collect();
            if (changed, &kept.title, &kept_members) != (*step, title, members) {
                faults.push(format!(
                    "{id} has another title or other members than its entries say"
                ));
            }
        }
        for mark in store.read_marks(&ids).await? {
            let sent = self.sent.get(&mark.user_id).copied().unwrap_or(0);
            if mark.seq < sent || mark.seq > self.tail.seq {
                let user = mark.user_id;
                faults.push(format!(
                    "{user} has read {id} up to {}, not {sent} or more",
                    mark.seq
                ));
            }
        }
        self.compare_reactions(store, id, faults).await
    }

    async fn compare_reactions(
        &self,
        store: &WholeStore,
        id: ConversationId,
        faults: &mut Vec<String>,
    ) -> Result<(), Failure> {
        let messages: HashSet<MessageId> = self.reactions.iter().map(|(id, ..)| *id).collect();
        let messages: Vec<MessageId> = messages.into_iter().collect();
        for messages in messages.chunks(500) {
            let found = store.messages(messages).await?;
            let shown = found.iter().filter(|message| !message.is_deleted());
            let shown: HashSet<MessageId> = shown.map(|message| message.id).collect();
            let kept = store.reactors(messages).await?;
            let kept = kept
                .into_iter()
                .map(|one| (one.message_id, one.user_id, one.emoji));
            let kept: BTreeSet<_> = kept.collect();
            let expected = self
                .reactions
                .iter()
                .filter(|(id, ..)| messages.contains(id) && shown.contains(id));
            let expected: BTreeSet<_> = expected.cloned().collect();
            if kept != expected {
                faults.push(format!(
                    "messages of {id} have other reactions than its entries say"
                ));
            }
        }
        Ok(())
    }
}
