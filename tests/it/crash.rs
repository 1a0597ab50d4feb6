//! What was acknowledged is kept, whatever is killed when: the program, in a process of its own, and mongod.

mod accounts;
mod actions;
mod killed;
mod known;
mod outage;
mod syncs;

use serde_json::{Value, json};

use crate::support::{
    Client, Reader,
    record::{Attempt, Said, delivery_faults, faults, within},
};

/// How one names the conversation with someone.
fn with(peer: &Client) -> Value {
    json!({ "userId": peer.id })
}

/// Two people, and what is known of all that they tried to say to each other.
struct Talk {
    ann: Client,
    bob: Client,
    attempts: Vec<Attempt>,
}

impl Talk {
    fn new(ann: &Client, bob: &Client) -> Self {
        Self {
            ann: ann.clone(),
            bob: bob.clone(),
            attempts: Vec::new(),
        }
    }

    /// Both, each once as the sender.
    fn directions(&self) -> [(&Client, &Client); 2] {
        [(&self.ann, &self.bob), (&self.bob, &self.ann)]
    }

    /// Goes on with a server at another address.
    fn move_to(&mut self, url: &str) {
        for client in [&mut self.ann, &mut self.bob] {
            *client = client.at(url.to_owned());
        }
    }

    /// Both say something and are answered.
    async fn go_on(&mut self) {
        for mine in [true, false] {
            let [ann_to_bob, bob_to_ann] = self.directions();
            let (sender, receiver) = if mine { ann_to_bob } else { bob_to_ann };
            let attempt = attempt(sender, receiver).await;
            assert_eq!(attempt.answers.len(), 1, "all is well");
            self.attempts.push(attempt);
        }
    }

    /// Tries again to send what nobody knows the outcome of, as far as `chosen`.
    async fn retry(&mut self, mut chosen: impl FnMut() -> bool) {
        for at in 0..self.attempts.len() {
            if self.attempts[at].answers.is_empty() && chosen() {
                let body = self.attempts[at].body.clone();
                let [ann_to_bob, bob_to_ann] = self.directions();
                let by_ann = body.starts_with(&self.ann.username);
                let (sender, receiver) = if by_ann { ann_to_bob } else { bob_to_ann };
                let said = sender.say(input(receiver, &body)).await;
                self.attempts[at].answers.push(said);
            }
        }
    }

    /// Checks what both see against what is known, and gives the history.
    async fn check(&self) -> Vec<Said> {
        let history = self.ann.history(&with(&self.bob)).await;
        assert_eq!(faults(&self.attempts, &history), []);
        for (viewer, peer) in self.directions() {
            assert_eq!(viewer.history(&with(peer)).await, history);
            check_list(viewer, &history).await;
        }
        history
    }
}

/// What follows from messages agrees with them: the last one, when it was, and what is unread.
async fn check_list(viewer: &Client, history: &[Said]) {
    let list = "{
        conversations {
            nodes {
                id unreadCount lastActivityAt lastMessage { id sentAt }
                members { user { id } lastRead { seq } }
            }
        }
    }";
    let list = viewer.ok(list, json!({})).await;
    let Some(newest) = history.last() else {
        assert_eq!(list["conversations"]["nodes"], json!([]));
        return;
    };
    let nodes = list["conversations"]["nodes"].as_array().expect("a list");
    let listed = nodes
        .iter()
        .find(|node| node["id"] == newest.conversation.as_str())
        .expect("it is listed");
    assert_eq!(listed["lastMessage"]["id"], newest.id.as_str());
    assert_eq!(listed["lastActivityAt"], listed["lastMessage"]["sentAt"]);
    for member in listed["members"].as_array().expect("a list") {
        // Sending reads, and nothing else was read.
        let id = &member["user"]["id"];
        let own = history
            .iter()
            .rev()
            .find(|said| *id == said.sender.as_str());
        let read = own.map_or(0, |said| said.seq);
        assert_eq!(member["lastRead"]["seq"].as_i64().unwrap_or(0), read);
        if *id == viewer.id.as_str() {
            assert_eq!(listed["unreadCount"], newest.seq - read);
        }
    }
}

fn input(receiver: &Client, body: &str) -> Value {
    // What the attempt is called by its client ends its body.
    json!({ "to": with(receiver), "body": body, "clientMessageId": &body[body.len() - 36..] })
}

/// Tries to send something new. Without an answer nobody knows what became of it.
async fn attempt(sender: &Client, receiver: &Client) -> Attempt {
    let body = format!("{} {}", sender.username, uuid::Uuid::new_v4());
    let said = sender.try_say(input(receiver, &body)).await;
    Attempt {
        body,
        answers: said.into_iter().collect(),
    }
}

/// Sends one message after the other until one is not answered.
async fn attempts(sender: Client, receiver: Client, mut answered: impl FnMut()) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    loop {
        let attempt = attempt(&sender, &receiver).await;
        let is_known = !attempt.answers.is_empty();
        attempts.push(attempt);
        if !is_known {
            return attempts;
        }
        answered();
    }
}
