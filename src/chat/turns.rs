//! How processes that write into one conversation at the same time let each other in.
//!
//! Who writes back to back is always one read ahead of who has just lost, so a busy process could keep another out for as
//! long as it is busy. Therefore who wins where others write too reads what is new before it goes on, as those have to who
//! lost. One that has lost a conversation a few times in a row all the same, as it is slower or farther away, calls for a
//! turn there; one that has been winning it looks for calls now and then, and lets the conversation rest until the other
//! has had its turn.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    domain::ConversationId,
    store::{Call, DynStore},
};

/// After how many losses in a row a turn is called for.
const PATIENCE: u32 = 3;

/// How often who is winning looks for calls.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often it looks while it lets somebody in.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A win longer ago than this keeps nobody out.
const RECENT: Duration = Duration::from_secs(1);

/// How long ago others may have written in a conversation that they are still reckoned with there.
const CONTESTED: Duration = Duration::from_secs(1);

/// How long a conversation rests at most, as who called may be dead; each call is honoured once.
const LONGEST_REST: Duration = Duration::from_millis(500);

/// One process's part in the races.
pub(super) struct Turns {
    store: DynStore,
    losses: HashMap<ConversationId, u32>,
    /// Where this process has called for a turn.
    called: HashSet<ConversationId>,
    wins: HashMap<ConversationId, Instant>,
    /// When others were last known to write in a conversation as well.
    contested: HashMap<ConversationId, Instant>,
    /// Conversations that rest, and until when at most.
    resting: HashMap<ConversationId, Instant>,
    honoured: HashSet<(ConversationId, Call)>,
    looked: Option<Instant>,
}

impl Turns {
    pub(super) fn new(store: DynStore) -> Self {
        Self {
            store,
            losses: HashMap::new(),
            called: HashSet::new(),
            wins: HashMap::new(),
            contested: HashMap::new(),
            resting: HashMap::new(),
            honoured: HashSet::new(),
            looked: None,
        }
    }

    /// Something of this process was written in a conversation; tells whether others write there, too.
    pub(super) fn won(&mut self, conversation: ConversationId) -> bool {
        self.losses.remove(&conversation);
        if self.store.is_alone() {
            return false;
        }
        self.wins.insert(conversation, Instant::now());
        self.contested.contains_key(&conversation)
    }

    /// Someone else was first in a conversation.
    pub(super) fn lost(&mut self, conversation: ConversationId) {
        *self.losses.entry(conversation).or_default() += 1;
        self.contested.insert(conversation, Instant::now());
    }

    /// Whether a conversation rests for somebody else.
    pub(super) fn lets_others_in(&self, conversation: ConversationId) -> bool {
        let until = self.resting.get(&conversation);
        until.is_some_and(|until| *until > Instant::now())
    }

    /// Whether anything is known of races, so that there is something to look after.
    pub(super) fn has_rivals(&self) -> bool {
        !(self.wins.is_empty()
            && self.losses.is_empty()
            && self.called.is_empty()
            && self.contested.is_empty()
            && self.resting.is_empty())
    }

    /// Calls for turns where that is due, and looks for the calls of others. Only conversations for which something
    /// waits to be written can be kept out.
    pub(super) async fn look(&mut self, waiting: &HashSet<ConversationId>) {
        self.losses
            .retain(|conversation, _| waiting.contains(conversation));
        let kept_out = self
            .losses
            .iter()
            .filter(|(_, losses)| **losses >= PATIENCE);
        let kept_out: HashSet<ConversationId> =
            kept_out.map(|(conversation, _)| *conversation).collect();
        if kept_out != self.called {
            self.call(kept_out).await;
        }
        let now = Instant::now();
        self.wins.retain(|_, at| now.duration_since(*at) < RECENT);
        self.contested
            .retain(|_, at| now.duration_since(*at) < CONTESTED);
        let every = if self.resting.is_empty() {
            LOOK_EVERY
        } else {
            LOOK_AGAIN
        };
        let looked_lately = self.looked.is_some_and(|at| now.duration_since(at) < every);
        if (self.wins.is_empty() && self.resting.is_empty()) || looked_lately {
            return;
        }
        self.looked = Some(now);
        // When the calls cannot be read nobody is let in this time: who called goes on, or ends at its deadline.
        let calls: HashSet<_> = self
            .store
            .called_for()
            .await
            .unwrap_or_default()
            .into_iter()
            .collect();
        self.honoured.retain(|call| calls.contains(call));
        self.resting.retain(|conversation, until| {
            *until > now && calls.iter().any(|(called, _)| called == conversation)
        });
        for (conversation, call) in calls {
            if self.wins.contains_key(&conversation) && self.honoured.insert((conversation, call)) {
                self.contested.insert(conversation, now);
                self.resting.insert(conversation, now + LONGEST_REST);
            }
        }
    }

    /// Ends what this process called for.
    pub(super) async fn give_up(&mut self) {
        if !self.called.is_empty() {
            self.call(HashSet::new()).await;
        }
    }

    async fn call(&mut self, conversations: HashSet<ConversationId>) {
        let list: Vec<_> = conversations.iter().copied().collect();
        match self.store.call_for_turns(&list).await {
            Ok(()) => self.called = conversations,
            Err(error) => tracing::debug!(?error, "could not call for turns"),
        }
    }
}
