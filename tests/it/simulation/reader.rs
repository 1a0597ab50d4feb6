//! Readers: subscriptions that go from process to process, and what each of them must be told.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chinwag::{
    chat::{Delivery, News, StreamEvent},
    domain::{ConversationId, ConversationRef, MessageEvent, Seq, UserId},
    error::Error,
};
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    people::World,
    process::{Process, viewer},
};

/// How far somebody is in each conversation.
pub type Far = HashMap<ConversationId, Seq>;

/// The message that a stream of messages brings.
pub fn said(event: &StreamEvent) -> &MessageEvent {
    match event {
        StreamEvent::NewMessage(message) => message,
        other => panic!("no new message but {other:?}"),
    }
}

/// Someone who follows.
pub struct Reader {
    world: Arc<World>,
    pub name: String,
    user: UserId,
    scope: Option<ConversationRef>,
    /// The cursor that a page gave, behind which it began.
    began: Option<String>,
    /// Nothing up to here is told, as it was acknowledged before.
    lower: Far,
    /// Everything behind this is told.
    upper: Far,
    /// Each cursor that came with a message, and how far the reader was with it.
    had: Vec<(Arc<str>, Far)>,
    slow: bool,
}

impl Reader {
    pub fn new(world: Arc<World>, name: String, user: UserId) -> Self {
        let dice = world.dice();
        let peers: Vec<UserId> = [&world.people[..], &world.movers[..]].concat();
        let peers: Vec<UserId> = peers.into_iter().filter(|id| *id != user).collect();
        let scope = match dice.number(0..=5) {
            0 => Some(ConversationRef::User(*dice.pick(&peers))),
            1 if !world.groups.is_empty() => {
                Some(ConversationRef::Conversation(*dice.pick(&world.groups)))
            }
            _ => None,
        };
        let slow = dice.chance(0.3);
        Self {
            world,
            name,
            user,
            scope,
            began: None,
            lower: Far::new(),
            upper: Far::new(),
            had: Vec::new(),
            slow,
        }
    }

    /// One that begins behind a page.
    pub fn behind(mut self, cursor: String, lower: Far, upper: Far) -> Self {
        self.scope = None;
        self.began = Some(cursor);
        self.lower = lower;
        self.upper = upper;
        self
    }

    /// Reads on until everything is over; goes to another process now and then.
    pub async fn run(mut self) -> Self {
        while !self.world.calm.is_cancelled() {
            let process = self.world.processes.any().await;
            let most = self.world.dice().number(50..=4_000);
            let until = Instant::now() + Duration::from_millis(most as u64);
            let chance = if self.world.dice().chance(0.5) {
                0.0
            } else {
                0.05
            };
            let world = self.world.clone();
            let session = self.follow(&process, until, chance);
            tokio::select! {
                _ = process.run(session) => {}
                () = world.calm.cancelled() => {}
            }
            sleep(Duration::from_millis(world.dice().number(1..=500) as u64)).await;
        }
        self
    }

    /// Reads to the end of what there is; false when that does not come in time.
    pub async fn finish(mut self, within: Duration) {
        let until = Instant::now() + within;
        while !self.is_done() {
            if Instant::now() >= until {
                let missing = self.missing();
                let note = format!("{} never got {missing:?}", self.name);
                self.world.note(note);
                return;
            }
            let process = self.world.processes.any().await;
            let session_end = (Instant::now() + Duration::from_secs(10)).min(until);
            process.run(self.follow(&process, session_end, 0.0)).await;
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn note(&self, broken: impl std::fmt::Display) {
        self.world.note(format!("{}: {broken}", self.name));
    }

    fn concerns(&self, id: ConversationId) -> bool {
        let log = self.world.processes.shared.log.lock();
        let conversation = log.conversation(id, log.writes());
        let Some(conversation) = conversation.filter(|c| c.has_member(self.user)) else {
            return false;
        };
        match self.scope {
            None => true,
            Some(ConversationRef::Conversation(only)) => only == id,
            Some(ConversationRef::User(peer)) => conversation.peer_of(self.user) == Some(peer),
        }
    }

    fn missing(&self) -> Vec<(ConversationId, Seq, Seq)> {
        let ends: Vec<(ConversationId, Seq)> = {
            let log = self.world.processes.shared.log.lock();
            let ids = log.ids();
            ids.map(|id| (id, log.tail(id, log.writes()).seq)).collect()
        };
        let far = self.had.last().map(|(_, far)| far);
        let missing = ends.into_iter().filter_map(|(id, end)| {
            let at = far.and_then(|far| far.get(&id));
            let at = at.or(self.upper.get(&id)).copied().unwrap_or(0);
            (self.concerns(id) && at < end).then_some((id, at, end))
        });
        missing.collect()
    }

    fn is_done(&self) -> bool {
        self.missing().is_empty()
    }

    /// Subscribes on a process and takes what comes.
    async fn follow(&mut self, process: &Process, until: Instant, end_chance: f64) {
        let dice = &self.world.processes.shared.dice;
        // Now and then from a cursor that is older than need be: what came after it comes again.
        let at = if self.had.is_empty() {
            None
        } else if dice.chance(0.3) {
            Some(dice.number(self.had.len().saturating_sub(20)..=self.had.len() - 1))
        } else {
            Some(self.had.len() - 1)
        };
        self.had.truncate(at.map_or(0, |at| at + 1));
        let after = match at {
            Some(at) => Some(self.had[at].0.to_string()),
            None => self.began.clone(),
        };
        let fresh = after.is_none();
        let mut resume = Vec::new();
        let mut given = after.clone();
        if dice.chance(0.5) {
            resume.extend(given.take());
        }
        if fresh {
            self.lower = self.world.ledger.newest.lock().clone();
        }
        let Ok(connection) = process.chat.connect(viewer(self.user), resume) else {
            return self.note("too many sockets");
        };
        let connection = Arc::new(connection);
        let held = connection.hold_log();
        let stream = process.chat.stream(
            connection,
            held,
            News::Messages,
            self.scope,
            given.as_deref(),
        );
        let mut stream = match stream.await {
            Ok(stream) => stream,
            Err(Error::Unavailable(_)) => return,
            Err(error) => return self.note(format!("stream after {after:?}: {error:?}")),
        };
        if fresh {
            let log = self.world.processes.shared.log.lock();
            let ids = log.ids();
            self.upper = ids.map(|id| (id, log.tail(id, log.writes()).seq)).collect();
        }
        let mut last = after.map(Arc::from);
        loop {
            let next = match timeout_at(until, stream.next()).await {
                Ok(Some(Ok(delivery))) => delivery,
                Err(_) | Ok(Some(Err(Error::Unavailable(_))) | None) => return,
                Ok(Some(Err(error))) => return self.note(format!("a stream ended: {error:?}")),
            };
            if process.is_dead() {
                return;
            }
            self.take(next, &mut last, process);
            let dice = &self.world.processes.shared.dice;
            if self.slow && dice.chance(0.2) {
                dice.wait(1_500).await;
            }
            if dice.chance(end_chance)
                || (end_chance == 0.0 && self.world.calm.is_cancelled() && self.is_done())
            {
                return;
            }
        }
    }

    fn take(&mut self, delivery: Delivery, last: &mut Option<Arc<str>>, process: &Process) {
        let message = &said(&delivery.event).message;
        let (id, seq) = (message.conversation_id, message.seq);
        if last.as_ref().is_some_and(|last| *last != delivery.previous) {
            self.note("the chain of cursors is broken");
        }
        *last = Some(delivery.cursor.clone());
        let mut far = self
            .had
            .last()
            .map(|(_, far)| far.clone())
            .unwrap_or_default();
        let next = |far: &Far| far.get(&id).copied().unwrap_or(0) + 1;
        let (low, high) = if far.contains_key(&id) {
            (next(&far), next(&far))
        } else {
            (next(&self.lower), next(&self.upper))
        };
        if !(low..=high.max(low)).contains(&seq) {
            let live = delivery.live;
            let number = process.number;
            self.note(format!(
                "{id} {seq} came instead of {low} to {high} (live {live}) on process {number}"
            ));
        }
        if !self.concerns(id) {
            self.note(format!("{id} {seq} does not concern it"));
        }
        far.insert(id, seq);
        self.had.push((delivery.cursor, far));
        if self.had.len() > 60 {
            self.had.drain(..20);
        }
    }
}
