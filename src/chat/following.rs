//! The tasks behind a chat: following the log, presence, typing; tidying up.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::{Chat, proposal::Written, writing::clock};
use crate::{
    domain::{
        Conversation, ConversationId, ConversationKind, DisplayName, Entry, Happening, Message,
        MessageEvent, MessageId, ProcessId, Record, Signal, Timestamp, Told, User, UserId,
        Username,
    },
    error::Result,
    realtime::hub::Telling,
    store::Lease,
};

impl Chat {
    /// Tells what is in the log and was not told yet: what other processes wrote, and what this one wrote without
    /// knowing. When somebody asks or signals it, else at every sweep.
    pub(super) async fn follow_log(self) {
        let mut sweep = interval(self.0.limits.sweep_interval);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = sweep.tick() => {}
                () = self.0.rounds.wanted() => {}
                () = self.0.rounds.rung() => {}
            }
            self.hold_round().await;
        }
    }

    /// Looks for sessions that were ended elsewhere, if that was not heard.
    pub(super) async fn follow_sessions(self) {
        let mut sweep = interval(self.0.limits.sweep_interval);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            sweep.tick().await;
            if let Err(error) = self.0.sessions.follow_others().await {
                tracing::warn!(
                    ?error,
                    "looking for ended sessions failed; the next sweep follows"
                );
            }
        }
    }

    /// Says that this process lives, and takes the users of processes that no longer do offline.
    pub(super) async fn keep_lease(self) {
        let mut renewal = interval(self.0.limits.lease_renewal);
        renewal.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut known_as = None;
        loop {
            renewal.tick().await;
            // Before it is read who lives: who is heard of meanwhile may be missing there.
            let known = self.0.presence.processes();
            match self.0.store.renew_lease().await {
                Ok(lease) => {
                    // Others know nobody who is online at a process of this name.
                    if known_as.replace(lease.name) != Some(lease.name) {
                        self.tell_who_is_here();
                    }
                    self.take_lease(&known, lease);
                }
                Err(error) => {
                    tracing::warn!(?error, "renewing the lease failed; it is tried again soon");
                    // Before others take this process for dead.
                    renewal.reset_after(self.0.limits.lease_renewal / 5);
                }
            }
        }
    }

    fn take_lease(&self, known: &[ProcessId], lease: Lease) {
        let Lease { others, buried, .. } = lease;
        *self.0.renewed.lock() = Instant::now();
        let servers = others.len() + 1;
        let servers = i64::try_from(servers).unwrap_or(i64::MAX);
        self.0.metrics.servers.set(servers);
        for (process, at) in &buried {
            self.0.presence.gone(*process, *at);
        }
        let gone = buried.into_iter().map(|(id, at)| Signal::Gone(id, at));
        self.0.signalling.tell(gone);
        // Of whose end nothing was heard.
        for process in known.iter().filter(|process| !others.contains(process)) {
            self.0.presence.gone(*process, Timestamp(0));
        }
    }

    /// Tells other processes of everyone who is online at this one.
    fn tell_who_is_here(&self) {
        let here = self.0.presence.here().into_iter();
        self.0
            .signalling
            .tell(here.map(|(user_id, count)| Signal::Sockets {
                user_id,
                count,
                closed_at: Timestamp(0),
            }));
    }

    /// Ends what deletions of accounts began.
    pub(super) async fn end_deletions(self) {
        let mut look = interval(self.0.limits.lease_renewal);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            if let Err(error) = self.let_leave().await {
                tracing::warn!(
                    ?error,
                    "deleted accounts are still in groups; it is tried again soon"
                );
            }
        }
    }

    /// Loads what goes along with records.
    pub(super) async fn load(&self, records: Vec<Record>) -> Result<Vec<(Record, Prepared)>> {
        let entries = || {
            records.iter().filter_map(|record| match record {
                Record::Entry(entry) => Some(entry),
                Record::Seal(_) => None,
            })
        };
        let changed: HashSet<MessageId> = entries().filter_map(Entry::changed_message).collect();
        let changed = if changed.is_empty() {
            HashMap::new()
        } else {
            let ids = changed.into_iter().collect::<Vec<_>>();
            self.messages(&ids).await?
        };
        let message = |entry: &Entry| {
            let changed = || changed.get(&entry.changed_message()?);
            entry.message().or_else(changed).cloned()
        };
        let mut conversation_ids = entries()
            .map(|entry| entry.conversation_id)
            .collect::<Vec<_>>();
        conversation_ids.sort_unstable();
        conversation_ids.dedup();
        let mut sender_ids = entries()
            .filter_map(message)
            .map(|message| message.sender_id)
            .collect::<Vec<_>>();
        sender_ids.sort_unstable();
        sender_ids.dedup();
        let conversations = self.0.directory.conversations(&conversation_ids).await?;
        let senders = self.0.directory.users(&sender_ids).await?;
        let prepared = |record: &Record| match record {
            Record::Entry(entry) => {
                let message = message(entry);
                let sender = message
                    .as_ref()
                    .and_then(|message| senders.get(&message.sender_id));
                Prepared {
                    conversation: conversations.get(&entry.conversation_id).cloned(),
                    sender: sender.cloned(),
                    message,
                }
            }
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

    /// Loads what telling of records takes: each entry's conversation has the members of that moment.
    pub(super) async fn prepare(&self, records: Vec<Record>) -> Result<Vec<(Record, Prepared)>> {
        let mut loaded = self.load(records).await?;
        for (record, prepared) in &mut loaded {
            self.put_back(record, prepared).await?;
        }
        Ok(loaded)
    }

    /// Gives an entry's conversation the members of that moment.
    pub(super) async fn put_back(&self, record: &Record, prepared: &mut Prepared) -> Result<()> {
        if let (Record::Entry(entry), Some(conversation)) = (record, &mut prepared.conversation)
            && conversation.changed > entry.step
        {
            let departures = self.0.store.departures(entry.conversation_id, entry.step);
            *conversation = Arc::new(conversation.as_of(entry.step, &departures.await?));
        }
        Ok(())
    }

    /// How an entry is told, once all before it was; `before` is its conversation as that leaves it, if it is known.
    pub(super) fn telling(
        &self,
        entry: &Entry,
        mut prepared: Prepared,
        before: Option<Arc<Conversation>>,
    ) -> Telling {
        prepared.conversation = before.or(prepared.conversation);
        let mut conversation = prepared
            .conversation
            .clone()
            .unwrap_or_else(|| Arc::new(nobodys(entry.conversation_id)));
        let told = match &entry.what {
            Happening::Sent(message) => {
                self.tell_what_a_message_changes(&conversation, message);
                prepared.message_event(entry).map(Told::Sent)
            }
            Happening::MessageChanged(_) | Happening::Reacted(_) => {
                if let Some(changed) = &prepared.message {
                    self.0.outbox.forget(changed);
                }
                prepared.message_event(entry).map(Told::MessageChanged)
            }
            Happening::ConversationChanged(state) => {
                // Nobody else may come to know what only stands in for it.
                if prepared.conversation.is_some() {
                    Arc::make_mut(&mut conversation).change(state, entry.step);
                    let known = Conversation::clone(&conversation);
                    let newest = self.0.directory.learn_conversation(known);
                    if newest.changed == conversation.changed {
                        conversation = newest;
                    }
                }
                let arrivals = conversation.members.iter();
                for member in arrivals.filter(|member| member.since == entry.step) {
                    // What is there counts as read.
                    let reader = (conversation.id, member.user_id);
                    self.0.marks.insert(reader, entry.seq);
                }
                // A direct conversation shows with its first message.
                if entry.seq > 0 || conversation.kind == ConversationKind::Group {
                    let left = state.departures.iter().map(|left| left.user_id);
                    let members = conversation.members.iter().map(|member| member.user_id);
                    self.0
                        .hub
                        .conversation_changed(conversation.id, members.chain(left));
                }
                Some(Told::ConversationChanged(state.departures.clone()))
            }
            Happening::Estranged(pair) => {
                self.0.blocks.forget(*pair);
                None
            }
        };
        let members = conversation.members.iter().map(|member| member.user_id);
        if self.0.hub.reaches(members) {
            self.0.metrics.delay.observe(age(entry).as_secs_f64());
        }
        Telling {
            conversation,
            told: told.unwrap_or(Told::Nothing),
        }
    }

    /// Who is told that someone has read in a conversation.
    pub(super) fn told_of_marks(
        &self,
        conversation: &Conversation,
        reader: UserId,
    ) -> impl Iterator<Item = UserId> {
        let all = conversation.members.len() <= self.0.limits.marks_told;
        let members = conversation.members.iter().map(|member| member.user_id);
        members.filter(move |member| all || *member == reader)
    }

    /// The first message shows a direct conversation to its members, and sending reads what others have sent before.
    fn tell_what_a_message_changes(&self, conversation: &Conversation, message: &Message) {
        let place = (conversation.id, message.seq);
        self.0.places.insert(message.id, place);
        let reader = (conversation.id, message.sender_id);
        let had_read = self.0.marks.get(&reader);
        self.0.marks.insert(reader, message.seq);
        if message.seq == 1 && conversation.kind == ConversationKind::Direct {
            let members = conversation.members.iter().map(|member| member.user_id);
            self.0.hub.conversation_changed(conversation.id, members);
        } else if had_read.map_or(message.seq > 1, |seq| seq + 1 < message.seq) {
            let told = self.told_of_marks(conversation, message.sender_id);
            self.0.hub.conversation_changed(conversation.id, told);
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
                self.0.signalling.tell(owed.signals());
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
                    let found = self.0.directory.conversation(conversation_id).await;
                    match found.inspect_err(|_| self.0.typing.keep((conversation_id, typist)))? {
                        Some(conversation) => self.tell_typing(&conversation, typist, false).await,
                        None => Ok(()),
                    }
                };
                if let Err(error) = told.await {
                    tracing::warn!(
                        ?error,
                        "could not tell that someone stopped typing; it is tried again"
                    );
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
            // In this order: the store may have to let go of what the index forgets.
            for outcome in [self.0.index.purge().await, self.0.store.tidy().await] {
                if let Err(error) = outcome {
                    tracing::warn!(?error, "tidying up failed; it is tried again later");
                }
            }
        }
    }
}

/// How long ago an entry was numbered; nothing where the clocks of two servers say that it has yet to be.
fn age(entry: &Entry) -> Duration {
    let age = clock().saturating_sub(entry.rank);
    Duration::from_micros(u64::try_from(age).unwrap_or(0))
}

/// What telling of an entry takes, loaded before its turn comes.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) conversation: Option<Arc<Conversation>>,
    /// The message that it is about.
    pub(super) message: Option<Arc<Message>>,
    pub(super) sender: Option<Arc<User>>,
}

impl From<&Written> for Prepared {
    fn from(written: &Written) -> Self {
        let Written {
            conversation,
            message,
            sender,
        } = written.clone();
        Self {
            conversation: Some(conversation),
            message,
            sender,
        }
    }
}

impl Prepared {
    /// The message that an entry is about, with what its event carries.
    pub(super) fn message_event(self, entry: &Entry) -> Option<Arc<MessageEvent>> {
        let Some(message) = entry.message().cloned().or(self.message) else {
            tracing::error!(position = %entry.position, "a change of a message that is not there");
            return None;
        };
        let conversation = self.conversation.unwrap_or_else(|| {
            tracing::error!(position = %entry.position, "an entry without its conversation");
            Arc::new(nobodys(entry.conversation_id))
        });
        let sender = self.sender.unwrap_or_else(|| {
            tracing::error!(message = %message.id, "a message without its sender");
            Arc::new(unknown(message.sender_id))
        });
        Some(Arc::new(MessageEvent {
            message,
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
