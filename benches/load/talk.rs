//! Pairs of people who talk: numbered messages, who acknowledged them where, and whether they are all there.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{Result, ensure, http::Http, place::Person, process::Server, work::Work};

/// How a frontend sends.
pub const SEND: &str =
    "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id seq sentAt } }";
/// How a frontend listens.
pub const LISTEN: &str =
    "subscription { newMessage { cursor message { id body sender { id username } sentAt } } }";
/// How a frontend looks back.
const LOOK_BACK: &str = "query($in: ConversationRef!, $after: String) {
    messages(in: $in, first: 100, after: $after) { nodes { seq body } pageInfo { hasNextPage endCursor } }
}";

/// The text of the `number`th message: 100 bytes.
pub fn body(number: u32) -> String {
    format!(
        "{number:08} is the number of this message, which is as long as people's messages are, more or less.."
    )
}

/// The number of a message with this text.
pub fn number(text: &Value) -> Result<u32> {
    let text = text.as_str().unwrap_or_default();
    let number = text.get(..8).unwrap_or_default().parse();
    ensure(
        number.as_ref().is_ok_and(|number| text == body(*number)),
        || format!("not what was sent: {text}"),
    )?;
    Ok(number?)
}

/// The numbers of the messages that a frame of [`LISTEN`] brings: one.
pub fn read(frame: &str) -> Result<Vec<u32>> {
    let frame = serde_json::from_str::<Value>(frame)?;
    let event = &frame["payload"]["data"]["newMessage"];
    let message = &event["message"];
    let sender = &message["sender"];
    let texts = [
        &event["cursor"],
        &message["id"],
        &message["sentAt"],
        &sender["id"],
        &sender["username"],
    ];
    let whole = texts
        .iter()
        .all(|text| text.as_str().is_some_and(|text| !text.is_empty()));
    ensure(whole, || format!("not a whole event: {frame}"))?;
    Ok(vec![number(&message["body"])?])
}

/// Pairs of people, and the number of the message at each place of their conversations.
pub struct Talk {
    server: SocketAddr,
    pairs: Vec<[Person; 2]>,
    acknowledged: Vec<Mutex<BTreeMap<i64, u32>>>,
}

impl Talk {
    /// Of neighbours among `people`.
    pub fn new(server: &Server, people: &[Person]) -> Arc<Self> {
        let pairs = people.as_chunks().0.to_vec();
        Arc::new(Self {
            server: server.address,
            acknowledged: pairs.iter().map(|_| Mutex::default()).collect(),
            pairs,
        })
    }

    /// Sends messages of these numbers, so many at once, and gives how long each took.
    pub async fn send(
        self: &Arc<Self>,
        numbers: Range<u32>,
        at_once: u32,
    ) -> Result<Vec<Duration>> {
        self.work_off(&Work::of(numbers), at_once).await
    }

    /// Sends messages for so long, numbered from `first` on without holes, so many at once, and gives how long each
    /// took.
    pub async fn send_for(
        self: &Arc<Self>,
        span: Duration,
        first: u32,
        at_once: u32,
    ) -> Result<Vec<Duration>> {
        self.work_off(&Work::lasting(span, first), at_once).await
    }

    async fn work_off(self: &Arc<Self>, work: &Work, at_once: u32) -> Result<Vec<Duration>> {
        let workers = (0..at_once).map(|_| {
            let (talk, work) = (Arc::clone(self), work.clone());
            tokio::spawn(async move {
                let mut http = Http::open(talk.server).await?;
                let mut latencies = Vec::new();
                while let Some(number) = work.next() {
                    let began = Instant::now();
                    talk.send_one(&mut http, number).await?;
                    latencies.push(began.elapsed());
                }
                Result::<_>::Ok(latencies)
            })
        });
        let mut latencies = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            latencies.extend(worker.await??);
        }
        Ok(latencies)
    }

    /// Sends the message of this number; the pairs take turns, and so do the two of each.
    pub async fn send_one(&self, http: &mut Http, number: u32) -> Result<()> {
        let turn = usize::try_from(number)?;
        let pair = turn % self.pairs.len();
        let side = turn / self.pairs.len() % 2;
        let (sender, receiver) = (&self.pairs[pair][side], &self.pairs[pair][1 - side]);
        let input = json!({ "to": { "userId": receiver.id.to_string() }, "body": body(number) });
        let request = json!({ "query": SEND, "variables": { "input": input } }).to_string();
        let reply = http.graphql(&sender.token, &request).await?;
        let reply = serde_json::from_str::<Value>(reply)?;
        let seq = &reply["data"]["sendMessage"]["seq"];
        let seq = seq.as_i64().ok_or_else(|| reply.to_string())?;
        let before = self.acknowledged[pair].lock().insert(seq, number);
        ensure(before.is_none(), || format!("two messages at seq {seq}"))
    }

    /// Whether every member of every pair heard this: of its conversation the messages of these numbers, each once
    /// and in order. `heard` has the pairs' members one after the other.
    pub fn check_heard(&self, heard: &[Vec<u32>], numbers: &Range<u32>) -> Result<()> {
        let members = self.acknowledged.iter().flat_map(|pair| [pair, pair]);
        ensure(members.clone().count() == heard.len(), || {
            "a listener is missing".into()
        })?;
        for (pair, heard) in members.zip(heard) {
            let pair = pair.lock();
            let sent = pair.values().filter(|number| numbers.contains(number));
            ensure(sent.eq(heard), || {
                "a listener heard other messages than were sent, or in another order".into()
            })?;
        }
        Ok(())
    }

    /// Whether the history of every pair has what was acknowledged at its place, without holes, and nothing else.
    pub async fn check_history(&self) -> Result<()> {
        let mut http = Http::open(self.server).await?;
        for ([one, other], acknowledged) in self.pairs.iter().zip(&self.acknowledged) {
            let acknowledged = acknowledged.lock().clone();
            let mut history = BTreeMap::new();
            let mut after = Value::Null;
            loop {
                let variables = json!({ "in": { "userId": other.id.to_string() }, "after": after });
                let request = json!({ "query": LOOK_BACK, "variables": variables }).to_string();
                let reply = http.graphql(&one.token, &request).await?;
                let reply = serde_json::from_str::<Value>(reply)?;
                let page = &reply["data"]["messages"];
                for message in page["nodes"].as_array().ok_or_else(|| reply.to_string())? {
                    let seq = message["seq"].as_i64().ok_or("a message without a seq")?;
                    history.insert(seq, number(&message["body"])?);
                }
                if page["pageInfo"]["hasNextPage"] != true {
                    break;
                }
                after = page["pageInfo"]["endCursor"].clone();
            }
            let contiguous = history.keys().zip(1..).all(|(seq, place)| *seq == place);
            ensure(contiguous && history == acknowledged, || {
                format!(
                    "{} messages of a conversation were acknowledged, {} are in its history",
                    acknowledged.len(),
                    history.len()
                )
            })?;
        }
        Ok(())
    }
}
