//! A subscriber who moves between processes and takes the cursor along.

use std::{collections::HashMap, net::SocketAddr, time::Duration};

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::{Goal, Scene, fleet::millis};
use crate::support::{
    record::{SAID, Said},
    ws::Ws,
};

/// How long a process may take to greet before another one is tried.
pub const GREETED_WITHIN: Duration = Duration::from_secs(3);

/// How long is waited for the last message once all is well.
const FINISHED_WITHIN: Duration = Duration::from_secs(20);

/// What a client library never connects again after.
const FINAL_CODES: [u16; 7] = [1002, 1011, 4400, 4401, 4403, 4409, 4429];

/// Which subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Events,
    NewMessage,
}

impl Kind {
    pub fn document(self) -> String {
        let (field, message) = match self {
            Self::Events => (
                "events",
                format!(
                    "... on NewMessage {{ message {{ {SAID} }} }}
                     ... on ConversationRead {{ conversation {{ id }} reader {{ id }} lastRead {{ seq }} }}"
                ),
            ),
            Self::NewMessage => ("newMessage", format!("message {{ {SAID} }}")),
        };
        format!(
            "subscription($in: ConversationRef, $after: String) {{
                event: {field}(in: $in, after: $after) {{ cursor previous {message} }}
            }}"
        )
    }
}

/// Which message of each conversation has to come next.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The newest that a page showed already: what comes may begin before it but not leave out what follows it.
    pub shown: HashMap<String, i64>,
    /// The last that came.
    pub heard: HashMap<String, i64>,
}

impl Order {
    /// Takes note of a message; the error says what it should have been.
    fn take(&mut self, said: &Said) -> Result<(), String> {
        let before = self.heard.insert(said.conversation.clone(), said.seq);
        let shown = self.shown.get(&said.conversation).copied().unwrap_or(0);
        match before {
            Some(before) if said.seq != before + 1 => Err(format!("{said:?} came after {before}")),
            None if said.seq > shown + 1 => Err(format!("{said:?} came, {shown} was shown")),
            _ => Ok(()),
        }
    }
}

/// Where a listener stood after a message.
#[derive(Clone)]
pub struct Mark {
    pub said: Said,
    pub cursor: String,
}

pub struct Listener<'a> {
    scene: &'a Scene,
    pub person: usize,
    /// The other one of the only conversation that it listens to.
    pub peer: Option<usize>,
    pub kind: Kind,
    random: StdRng,
    socket: Option<Ws>,
    place: String,
    pub cursor: String,
    pub order: Order,
    pub got: Vec<Mark>,
    /// Up to where each has read in each conversation, by their ids, as far as that was told, and how often it was.
    read: HashMap<(String, String), (i64, usize)>,
    /// What was not as promised.
    pub faults: Vec<String>,
    /// How often it went on from its cursor.
    pub resumes: usize,
}

impl<'a> Listener<'a> {
    /// One who goes on from this cursor.
    pub fn new(
        scene: &'a Scene,
        (person, peer): (usize, Option<usize>),
        kind: Kind,
        cursor: String,
        random: StdRng,
    ) -> Self {
        Self {
            scene,
            person,
            peer,
            kind,
            random,
            socket: None,
            place: String::new(),
            cursor,
            order: Order::default(),
            got: Vec::new(),
            read: HashMap::new(),
            faults: Vec::new(),
            resumes: 0,
        }
    }

    /// Listens until then, now here and now there.
    pub async fn wander(&mut self, until: Instant) {
        while Instant::now() < until {
            // Some sit out a process that is stopped.
            let longest = if self.random.random_bool(0.1) {
                25_000
            } else {
                6_000
            };
            let leave = Instant::now() + millis(&mut self.random, 200, longest);
            let listening = async {
                loop {
                    self.next().await;
                }
            };
            // It ends only so.
            let _ = timeout_at(leave.min(until), listening).await;
            if leave < until {
                self.socket = None;
            }
        }
    }

    /// Listens until all is there, and makes sure that nothing comes twice behind it.
    pub async fn finish(&mut self, goal: &Goal) {
        let reading = async {
            while !self.has_all(goal) {
                self.next().await;
            }
        };
        if timeout(FINISHED_WITHIN, reading).await.is_err() {
            let (heard, read) = (&self.order.heard, &self.read);
            let fault = format!("still waits, heard {heard:?}, marks {read:?}, of {goal:?}");
            self.complain(&fault);
        } else if let Some(mut socket) = self.socket.take() {
            for message in socket.until_settled().await {
                self.keep(&message);
            }
        }
    }

    /// Whether this conversation comes to it.
    pub fn hears(&self, pair: [usize; 2]) -> bool {
        pair.contains(&self.person) && self.peer.is_none_or(|peer| pair.contains(&peer))
    }

    fn has_all(&self, goal: &Goal) -> bool {
        let mut heard = goal.iter().filter(|(pair, _)| self.hears(*pair));
        heard.all(|(pair, last)| {
            let is_there = |seq: Option<&i64>| seq.is_some_and(|seq| *seq >= last.seq);
            is_there(self.order.heard.get(&last.conversation))
                && pair.iter().all(|reader| {
                    let reader = &self.scene.people[*reader].id;
                    let mark = (last.conversation.clone(), reader.clone());
                    // Who said it has read it, which goes without saying.
                    self.kind != Kind::Events
                        || *reader == last.sender
                        || is_there(self.read.get(&mark).map(|(seq, _)| seq))
                })
        })
    }

    /// Takes in the next event; without a link makes one.
    async fn next(&mut self) {
        let Some(socket) = &mut self.socket else {
            self.socket = self.resume().await;
            return;
        };
        match socket.next_or_close().await {
            Ok(message) if self.keep(&message) => {}
            Ok(_) => self.socket = None,
            Err(code) => {
                if code.is_some_and(|code| FINAL_CODES.contains(&code)) {
                    self.complain(&format!("closed with {code:?}"));
                }
                self.socket = None;
            }
        }
    }

    /// Goes on from the cursor at some process; nothing when that is not there.
    async fn resume(&mut self) -> Option<Ws> {
        let process = self.random.random_range(0..self.scene.addresses.len());
        let by_init = self.random.random_bool(0.5);
        self.place = format!("process {process}, by init: {by_init}");
        let mut init = json!({ "token": self.scene.people[self.person].token });
        let peer = self.peer.map(|peer| self.scene.with(peer));
        let mut variables = json!({ "in": peer });
        if by_init {
            init["resume"] = json!(self.cursor);
        } else {
            variables["after"] = json!(self.cursor);
        }
        let greeting = greeted(self.scene.addresses[process], init);
        let Ok(Some(mut socket)) = timeout(GREETED_WITHIN, greeting).await else {
            // A port where nobody listens says so at once.
            sleep(millis(&mut self.random, 10, 100)).await;
            return None;
        };
        let payload = json!({ "query": self.kind.document(), "variables": variables });
        let subscribe = json!({ "id": "listener", "type": "subscribe", "payload": payload });
        send(&mut socket, subscribe).await?;
        self.resumes += 1;
        Some(socket)
    }

    /// Takes note of a message from the server; whether the subscription goes on.
    fn keep(&mut self, message: &Value) -> bool {
        let event = &message["payload"]["data"]["event"];
        if message["type"] != "next" || event.is_null() {
            let errors = match &message["payload"] {
                payload @ Value::Array(_) => payload,
                payload => &payload["errors"],
            };
            // As long as it comes back, the process may say that it is not there.
            if errors[0]["extensions"]["code"] != "SERVICE_UNAVAILABLE" {
                self.complain(&message.to_string());
            }
            return false;
        }
        if event["previous"] != self.cursor.as_str() {
            self.complain(&format!("does not follow {}: {event}", self.cursor));
        }
        match event["cursor"].as_str() {
            Some(cursor) => cursor.clone_into(&mut self.cursor),
            None => self.complain(&format!("without a cursor: {event}")),
        }
        if event["message"].is_object() {
            let said = Said::read(&event["message"]);
            if let Err(fault) = self.order.take(&said) {
                self.complain(&fault);
            }
            let cursor = self.cursor.clone();
            self.got.push(Mark { said, cursor });
        }
        if let Some(seq) = event["lastRead"]["seq"].as_i64() {
            let [conversation, reader] = ["conversation", "reader"]
                .map(|field| event[field]["id"].as_str().expect("an id").to_owned());
            let told = self.read.entry((conversation, reader)).or_default();
            let before = told.0;
            *told = (seq, if seq == before { told.1 + 1 } else { 1 });
            let times = told.1;
            if seq < before {
                self.complain(&format!("a mark moves back from {before}: {event}"));
            } else if times > 2 {
                self.complain(&format!("a mark is told {times} times: {event}"));
            }
        }
        true
    }

    fn complain(&mut self, fault: &str) {
        let Self {
            person,
            peer,
            kind,
            place,
            ..
        } = self;
        let who = format!(
            "{kind:?} of {person} with {peer:?}, {place}, resume {}",
            self.resumes
        );
        self.faults.push(format!("{who}: {fault}"));
    }
}

/// A socket that was greeted; nothing when there is nobody to greet.
pub async fn greeted(address: SocketAddr, init: Value) -> Option<Ws> {
    let protocol = [("sec-websocket-protocol", "graphql-transport-ws")];
    let (mut socket, _) = Ws::open_with(address, &protocol).await.ok()?;
    send(
        &mut socket,
        json!({ "type": "connection_init", "payload": init }),
    )
    .await?;
    let answer = socket.next_or_close().await.ok()?;
    assert_eq!(answer["type"], "connection_ack", "{answer}");
    Some(socket)
}

/// Sends a message; nothing when the link is cut.
pub async fn send(socket: &mut Ws, message: Value) -> Option<()> {
    socket.try_send(message).await.ok()
}

/// The check is only worth something if it finds what it is for.
mod tests {
    use super::*;

    /// Whether each of these is as it should be, behind a page that showed the second one.
    fn taken(seqs: &[i64]) -> Vec<bool> {
        let mut order = Order::default();
        order.shown.insert("chat".to_owned(), 2);
        let take = seqs.iter().map(|seq| {
            let said = Said {
                id: format!("id {seq}"),
                seq: *seq,
                body: String::new(),
                sender: String::new(),
                conversation: "chat".to_owned(),
            };
            order.take(&said).is_ok()
        });
        take.collect()
    }

    #[test]
    fn what_follows_a_page_may_begin_before_its_end() {
        assert_eq!(taken(&[1, 2, 3]), [true; 3]);
        assert_eq!(taken(&[3, 4]), [true; 2]);
    }

    #[test]
    fn what_is_left_out_told_twice_or_too_early_is_found() {
        assert_eq!(taken(&[4]), [false]);
        assert_eq!(taken(&[3, 5]), [true, false]);
        assert_eq!(taken(&[3, 3]), [true, false]);
        assert_eq!(taken(&[3, 4, 3]), [true, true, false]);
    }
}
