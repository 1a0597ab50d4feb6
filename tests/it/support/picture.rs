//! What a reader knows of conversations by folding what it is told, and whether that is what queries say.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    acts::{in_group, members, text},
    client::Client,
    feed::{Feed, state},
    ws::PATIENCE,
};

/// A reader's conversations, by their ids.
#[derive(Debug, Default)]
pub struct Picture {
    conversations: BTreeMap<String, Talk>,
    /// Events that were taken in.
    pub events: usize,
}

/// A conversation as far as a reader was told of it.
#[derive(Debug, Default)]
struct Talk {
    title: Value,
    members: String,
    messages: BTreeMap<i64, Shown>,
    /// How far members have read, by their names.
    marks: BTreeMap<String, i64>,
    /// The newest message that was told as new.
    newest: Option<i64>,
}

/// A message in the newest state that was told.
#[derive(Debug)]
struct Shown {
    id: String,
    state: String,
    deleted: bool,
}

/// Everything that queries show to someone: each conversation and its messages.
#[derive(Debug, PartialEq)]
pub struct Truth(pub BTreeMap<String, (Value, Vec<Value>)>);

impl Truth {
    pub async fn of(viewer: &Client) -> Self {
        let mut all = BTreeMap::new();
        for conversation in viewer.listed().await {
            let id = text(&conversation["id"]);
            let messages = viewer.shown(&in_group(&id)).await;
            all.insert(id, (conversation, messages));
        }
        Self(all)
    }
}

impl Picture {
    /// What someone knows who has just asked for everything.
    pub fn of(truth: &Truth) -> Self {
        let talks = truth.0.iter().map(|(id, (conversation, messages))| {
            let mut talk = Talk {
                title: conversation["title"].clone(),
                members: members(conversation),
                ..Talk::default()
            };
            for message in messages {
                talk.newest = message["seq"].as_i64();
                talk.show(message, message);
            }
            for member in conversation["members"].as_array().expect("a list") {
                if let Some(seq) = member["lastRead"]["seq"].as_i64() {
                    let name = text(&member["user"]["username"]);
                    talk.marks.insert(name, seq);
                }
            }
            (id.clone(), talk)
        });
        Self {
            conversations: talks.collect(),
            events: 0,
        }
    }

    /// Takes in an event of a subscription to everything, which must fit what was told before.
    pub fn take(&mut self, event: &Value) {
        self.events += 1;
        match event["__typename"].as_str().expect("a type") {
            "NewMessage" => {
                let message = &event["message"];
                let talk = self.told_of(&message["conversation"]["id"], event);
                let seq = message["seq"].as_i64().expect("a number");
                if let Some(newest) = talk.newest {
                    assert_eq!(seq, newest + 1, "each message once and in order: {event}");
                }
                talk.newest = Some(seq);
                let sender = text(&message["sender"]["username"]);
                let mark = talk.marks.entry(sender).or_default();
                *mark = seq.max(*mark);
                talk.show(message, event);
            }
            "MessageChanged" => {
                let message = &event["message"];
                let talk = self.told_of(&message["conversation"]["id"], event);
                talk.show(message, event);
            }
            "ConversationChanged" => {
                let conversation = &event["conversation"];
                let id = text(&conversation["id"]);
                let talk = self.conversations.entry(id).or_default();
                talk.title = conversation["title"].clone();
                talk.members = members(conversation);
                let names: Vec<_> = talk.names().map(str::to_owned).collect();
                talk.marks.retain(|name, _| names.contains(name));
            }
            "ConversationLeft" => {
                let id = text(&event["conversationId"]);
                self.conversations.remove(&id);
            }
            "ConversationRead" => {
                let talk = self.told_of(&event["conversation"]["id"], event);
                let seq = event["lastRead"]["seq"].as_i64().expect("a number");
                let reader = text(&event["reader"]["username"]);
                let mark = talk.marks.entry(reader).or_default();
                assert!(seq >= *mark, "a mark went back from {mark}: {event}");
                *mark = seq;
            }
            other => panic!("what is {other}?"),
        }
    }

    /// A conversation that was told before anything in it.
    fn told_of(&mut self, id: &Value, event: &Value) -> &mut Talk {
        let found = self.conversations.get_mut(id.as_str().expect("an id"));
        found.unwrap_or_else(|| panic!("of a conversation that was not told: {event}"))
    }

    /// Where this is not what queries say, when the last thing said in each conversation was said after all who are in
    /// it had joined. `is_marked` says of which members of a conversation every mark must have been told.
    pub fn fault(&self, truth: &Truth, is_marked: &impl Fn(&str, &str) -> bool) -> Option<String> {
        let known: Vec<_> = self.conversations.keys().collect();
        let there: Vec<_> = truth.0.keys().collect();
        if known != there {
            return Some(format!("it knows {known:?}, there are {there:?}"));
        }
        let mut pairs = self.conversations.iter().zip(truth.0.values());
        pairs.find_map(|((id, talk), (conversation, messages))| {
            let fault = talk.fault(conversation, messages, |name| is_marked(id, name))?;
            Some(format!("{id}: {fault}"))
        })
    }

    /// Reads on until this is what queries say.
    pub async fn complete(
        &mut self,
        feed: &mut Feed,
        truth: &Truth,
        is_marked: &impl Fn(&str, &str) -> bool,
    ) {
        while let Some(fault) = self.fault(truth, is_marked) {
            let next = tokio::time::timeout(PATIENCE / 2, feed.next()).await;
            let event = next.unwrap_or_else(|_| panic!("nothing more comes, and yet {fault}"));
            self.take(&event);
        }
    }
}

impl Talk {
    fn show(&mut self, message: &Value, event: &Value) {
        let seq = message["seq"].as_i64().expect("a number");
        let shown = Shown {
            id: text(&message["id"]),
            state: state(message),
            deleted: message["deletedAt"].is_string(),
        };
        if let Some(before) = self.messages.insert(seq, shown) {
            let now = &self.messages[&seq];
            assert_eq!(before.id, now.id, "{event}");
            assert!(!before.deleted || now.deleted, "it is there again: {event}");
        }
    }

    /// The members' names.
    fn names(&self) -> impl Iterator<Item = &str> {
        self.members
            .split(' ')
            .map(|name| name.strip_suffix('*').unwrap_or(name))
    }

    fn fault(
        &self,
        conversation: &Value,
        messages: &[Value],
        is_marked: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let known = (&self.title, self.members.as_str());
        let there = (&conversation["title"], members(conversation));
        if known != (there.0, there.1.as_str()) {
            return Some(format!("it is {known:?}, not {there:?}"));
        }
        let last = messages.last().map(|message| message["seq"].clone());
        if last != self.newest.map(|newest| json!(newest)) {
            return Some(format!("it ends at {:?}, not at {last:?}", self.newest));
        }
        for message in messages {
            let seq = message["seq"].as_i64().expect("a number");
            let Some(shown) = self.messages.get(&seq) else {
                continue;
            };
            let there = (text(&message["id"]), state(message));
            if (&shown.id, &shown.state) != (&there.0, &there.1) {
                return Some(format!("{seq} is {shown:?}, not {there:?}"));
            }
        }
        let members = conversation["members"].as_array().expect("a list").iter();
        for member in members {
            let name = member["user"]["username"].as_str().expect("a name");
            let read = member["lastRead"]["seq"].as_i64().unwrap_or(0);
            let told = self.marks.get(name).copied();
            if is_marked(name) && told.unwrap_or(0) != read {
                return Some(format!("{name} read {told:?}, not {read}"));
            }
        }
        None
    }
}
