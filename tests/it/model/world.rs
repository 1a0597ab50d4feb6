//! What the people of a round know of each other and of what there is.

use std::collections::{BTreeSet, HashSet};

use parking_lot::Mutex;

use super::*;
use crate::support::acts::{in_group, text};

/// A message that someone sent.
#[derive(Clone)]
pub struct Sent {
    pub id: String,
    pub sender: usize,
    /// To whom, unless it was said in a group.
    to: Option<String>,
}

/// The servers, the people, and what these did so far.
pub struct World<'a> {
    pub apps: &'a [&'a TestApp],
    people: Vec<Client>,
    /// The same people where they read.
    phones: Vec<Client>,
    /// Groups, and who made each.
    groups: Mutex<Vec<(String, usize)>>,
    sent: Mutex<Vec<Sent>>,
    /// Who was ever added to a conversation after it began, so that their mark began without being told.
    added: Mutex<HashSet<(String, String)>>,
}

impl<'a> World<'a> {
    pub async fn new(apps: &'a [&'a TestApp], round: u64, people: usize) -> Self {
        let names = (0..people).map(|number| format!("round{round}-{number}"));
        let signing_up = names.map(|name| async move { apps[0].user(&name).await });
        let people = join_all(signing_up).await;
        Self {
            apps,
            phones: join_all(people.iter().map(Client::sign_in_again)).await,
            people,
            groups: Mutex::default(),
            sent: Mutex::default(),
            added: Mutex::default(),
        }
    }

    /// A person, by way of a server.
    pub fn at(&self, person: usize, server: usize) -> Client {
        let app = self.apps[server % self.apps.len()];
        self.people[person].at(app.url("/graphql"))
    }

    /// A person's other device, by way of a server.
    pub fn phone(&self, person: usize, server: usize) -> Client {
        self.phones[person].at(self.apps[server].url("/graphql"))
    }

    pub fn id(&self, person: usize) -> String {
        self.people[person].id.clone()
    }

    pub fn name(&self, person: usize) -> String {
        self.people[person].username.clone()
    }

    pub fn groups(&self) -> Vec<(String, usize)> {
        self.groups.lock().clone()
    }

    pub fn made(&self, group: &Value, maker: usize) {
        self.groups.lock().push((text(&group["id"]), maker));
    }

    /// The last messages that were sent where someone may be.
    pub fn sent(&self, person: usize) -> Vec<Sent> {
        let own = self.id(person);
        let sent = self.sent.lock();
        let may_see =
            |sent: &&Sent| sent.sender == person || sent.to.as_ref().is_none_or(|to| *to == own);
        sent.iter()
            .rev()
            .filter(may_see)
            .take(20)
            .cloned()
            .collect()
    }

    pub fn says(&self, sender: usize, message: &Value, to: &Value) {
        let sent = Sent {
            id: text(&message["id"]),
            sender,
            to: to["userId"].as_str().map(str::to_owned),
        };
        self.sent.lock().push(sent);
    }

    /// Someone is about to be added to a group.
    pub fn adds(&self, group: &str, person: usize) {
        let name = self.name(person);
        self.added.lock().insert((group.to_owned(), name));
    }

    /// Whether every mark of this member has been told to whoever was there since the beginning.
    pub fn is_marked(&self, conversation: &str, viewer: &str, name: &str) -> bool {
        let added = self.added.lock();
        let was_added = |name: &str| added.contains(&(conversation.to_owned(), name.to_owned()));
        !was_added(viewer) && !was_added(name)
    }

    /// Someone says something more wherever there is anyone.
    pub async fn last_words(&self) {
        let mut said = BTreeSet::new();
        for person in 0..self.people.len() {
            let client = self.at(person, person);
            for conversation in client.listed().await {
                let id = text(&conversation["id"]);
                if said.insert(id.clone()) {
                    client.say_in(&id, "the end").await;
                }
            }
        }
    }

    /// What all servers show to someone, which is the same and agrees with itself.
    pub async fn agreed(&self, person: usize) -> Truth {
        let truth = Truth::of(&self.at(person, 0)).await;
        for server in 1..self.apps.len() {
            assert_eq!(Truth::of(&self.at(person, server)).await, truth);
        }
        let own = self.name(person);
        for (id, (conversation, messages)) in &truth.0 {
            let seqs = messages
                .iter()
                .map(|message| message["seq"].as_u64().expect("a number"));
            assert!(seqs.eq(1..=messages.len() as u64), "{id} has holes");
            if self.added.lock().contains(&(id.clone(), own.clone())) {
                continue;
            }
            let mut members = conversation["members"].as_array().expect("a list").iter();
            let member = members.find(|member| member["user"]["username"] == own.as_str());
            let read = member.expect("it is theirs")["lastRead"]["seq"]
                .as_i64()
                .unwrap_or(0);
            let unread = messages.iter().filter(|message| {
                message["sender"]["username"] != own.as_str()
                    && message["seq"].as_i64() > Some(read)
            });
            assert_eq!(
                conversation["unreadCount"],
                unread.count(),
                "{id}: {own} read {read}"
            );
        }
        truth
    }

    /// Where something that was said is gone to, for who may look.
    pub fn whereabouts(&self, turn: usize) -> Value {
        let groups = self.groups();
        match groups.get(turn % (groups.len() + 1)) {
            Some((group, _)) => in_group(group),
            None => json!({ "userId": self.id(turn % self.people.len()) }),
        }
    }
}
