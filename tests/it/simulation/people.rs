//! Those who send, and what they were told.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use chinwag::{
    chat::NewMessage,
    domain::{Body, ClientMessageId, ConversationId, ConversationRef, MessageId, Seq, UserId},
    error::Error,
};
use parking_lot::Mutex;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::process::Processes;

/// A message that somebody was told is sent.
pub struct Acknowledged {
    pub text: String,
    pub id: MessageId,
    pub conversation: ConversationId,
    pub seq: Seq,
}

/// What people were told.
#[derive(Default)]
pub struct Ledger {
    pub sent: Mutex<Vec<Acknowledged>>,
    /// Of each conversation the newest message that was acknowledged.
    pub newest: Mutex<HashMap<ConversationId, Seq>>,
    /// By when each message had to be handed over.
    pub deadlines: Mutex<HashMap<String, Instant>>,
    pub failures: Mutex<usize>,
}

/// What everyone in a simulation is given.
pub struct World {
    pub processes: Processes,
    pub ledger: Ledger,
    pub people: Vec<UserId>,
    /// Those who leave groups and come back; all others stay.
    pub movers: Vec<UserId>,
    pub groups: Vec<ConversationId>,
    /// Cancelled when nothing new is to be begun.
    pub calm: CancellationToken,
}

impl World {
    pub fn dice(&self) -> &super::dice::Dice {
        &self.processes.shared.dice
    }

    /// Whether somebody was told that a group was made.
    fn is_made(&self, group: ConversationId) -> bool {
        let shared = &self.processes.shared;
        let known = shared.acknowledged.load(Ordering::Acquire);
        shared.log.lock().tail(group, known).step > 0
    }

    pub fn note(&self, broken: String) {
        self.processes.shared.broken.lock().push(broken);
    }
}

/// Sends one message after the other, each until it is known to be sent or given up.
pub async fn send(world: Arc<World>, number: usize, pause: usize) {
    let dice = world.dice();
    let mut count = 0;
    while !world.calm.is_cancelled() {
        count += 1;
        let everyone: Vec<UserId> = [&world.people[..], &world.movers[..]].concat();
        let sender = *dice.pick(&everyone);
        let group = *dice.pick(&world.groups);
        let to = if dice.chance(0.4) && world.is_made(group) {
            ConversationRef::Conversation(group)
        } else {
            let peers: Vec<UserId> = everyone
                .iter()
                .copied()
                .filter(|id| *id != sender)
                .collect();
            ConversationRef::User(*dice.pick(&peers))
        };
        send_one(&world, sender, to, format!("{number}.{count}")).await;
        dice.wait(pause).await;
    }
}

/// Sends a message, again on another process when its fate is not known.
pub async fn send_one(world: &World, sender: UserId, to: ConversationRef, text: String) {
    let dice = world.dice();
    let with_id = dice.chance(0.8);
    let mut is_repeated = false;
    loop {
        let process = world.processes.any().await;
        let deadline = Instant::now() + Duration::from_millis(dice.number(50..=3_000) as u64);
        {
            let mut deadlines = world.ledger.deadlines.lock();
            let known = deadlines.entry(text.clone()).or_insert(deadline);
            *known = deadline.max(*known);
        }
        let new = message(to, &text, with_id);
        match process.run(process.chat.send(sender, new, deadline)).await {
            Some(Ok(sent)) => {
                let message = sent.message;
                world.ledger.sent.lock().push(Acknowledged {
                    text,
                    id: message.id,
                    conversation: message.conversation_id,
                    seq: message.seq,
                });
                let mut newest = world.ledger.newest.lock();
                let newest = newest.entry(message.conversation_id).or_default();
                *newest = message.seq.max(*newest);
                return;
            }
            None | Some(Err(Error::Unavailable(_))) => *world.ledger.failures.lock() += 1,
            Some(Err(Error::NotFound { .. })) if world.movers.contains(&sender) => return,
            // It was changed since, by who could not say what it had said first.
            Some(Err(Error::Conflict { .. })) if is_repeated => return,
            Some(Err(error)) => {
                world.note(format!("a send of {text:?} failed: {error:?}"));
                return;
            }
        }
        if !with_id || dice.chance(0.2) {
            return;
        }
        is_repeated = true;
        sleep(Duration::from_millis(dice.number(1..=300) as u64)).await;
    }
}

/// A message that says `text`, which is its client's id for it, too, if it has one.
pub fn message(to: ConversationRef, text: &str, with_id: bool) -> NewMessage {
    NewMessage {
        to,
        body: Body::stored(text),
        client_message_id: with_id.then(|| ClientMessageId::stored(text)),
        reply_to: None,
    }
}
