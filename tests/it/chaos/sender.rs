//! Someone who writes, and sends again elsewhere what was not answered.

use std::time::Duration;

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::{
    Scene,
    fleet::{PROCESSES, millis},
};
use crate::support::{eventually, record::Attempt};

/// A message that someone tried to send, and where it was for.
pub struct Tried {
    /// The number of the conversation.
    pub pair: usize,
    sender: usize,
    /// Where it was tried last.
    process: usize,
    pub attempt: Attempt,
}

pub struct Sender<'a> {
    pub scene: &'a Scene,
    /// The numbers of the conversations that it chooses from.
    pub pairs: Vec<usize>,
    /// Who it always is, or anyone of a conversation.
    pub person: Option<usize>,
    /// Where it always begins to send, or at any process.
    pub process: Option<usize>,
    pub random: StdRng,
}

impl Sender<'_> {
    /// Writes until then.
    pub async fn write(mut self, until: Instant) -> Vec<Tried> {
        let mut all = Vec::new();
        while Instant::now() < until {
            let mut tried = self.begin();
            let patience = millis(&mut self.random, 500, 5_000);
            if self.random.random_bool(0.05) {
                self.send_twice(&mut tried, patience).await;
            } else {
                tried.send(self.scene, tried.process, patience).await;
            }
            // The rest of what is not answered is sent again when all is well, if ever.
            while tried.is_unknown() && self.random.random_bool(0.7) && Instant::now() < until {
                tried.process = self.elsewhere(tried.process);
                tried.send(self.scene, tried.process, patience).await;
            }
            all.push(tried);
            sleep(millis(&mut self.random, 50, 250)).await;
        }
        all
    }

    /// A message that nobody sent yet.
    pub fn begin(&mut self) -> Tried {
        let pair = self.pairs[self.random.random_range(0..self.pairs.len())];
        let any = self.scene.pairs[pair][self.random.random_range(0..2)];
        let sender = self.person.unwrap_or(any);
        let any = self.random.random_range(0..PROCESSES);
        let attempt = Attempt {
            body: format!("{sender} in {pair} {}", Uuid::new_v4()),
            answers: Vec::new(),
        };
        Tried {
            pair,
            sender,
            process: self.process.unwrap_or(any),
            attempt,
        }
    }

    /// By two processes at once, as from a client that lost its patience a little too early.
    async fn send_twice(&mut self, tried: &mut Tried, patience: Duration) {
        let process = self.elsewhere(tried.process);
        let sends = [tried.process, process].map(|process| {
            let say = self.scene.at(tried.sender, process);
            let input = tried.input(self.scene);
            async move { timeout(patience, say.try_say(input)).await }
        });
        for answer in futures_util::future::join_all(sends).await {
            tried.attempt.answers.extend(answer.ok().flatten());
        }
    }

    fn elsewhere(&mut self, process: usize) -> usize {
        (process + self.random.random_range(1..PROCESSES)) % PROCESSES
    }
}

impl Tried {
    /// Whether nobody knows what became of it.
    pub fn is_unknown(&self) -> bool {
        self.attempt.answers.is_empty()
    }

    /// Sends it at some process, and keeps the answer if there is one.
    async fn send(&mut self, scene: &Scene, process: usize, patience: Duration) {
        let client = scene.at(self.sender, process);
        let answer = timeout(patience, client.try_say(self.input(scene))).await;
        self.attempt.answers.extend(answer.ok().flatten());
    }

    /// Sends it at another process until it is answered.
    pub async fn insist(&mut self, scene: &Scene) {
        eventually("a send is answered", async || {
            self.process = (self.process + 1) % PROCESSES;
            self.send(scene, self.process, Duration::from_secs(5)).await;
            !self.is_unknown()
        })
        .await;
    }

    fn input(&self, scene: &Scene) -> Value {
        let [one, other] = scene.pairs[self.pair];
        let peer = if one == self.sender { other } else { one };
        let body = &self.attempt.body;
        // What it is called by its client ends its body.
        json!({ "to": scene.with(peer), "body": body, "clientMessageId": &body[body.len() - 36..] })
    }
}
