//! Replay: what was missed, from the memory of the process that is asked and from the store.

use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use super::{Measured, start};
use crate::{
    Bench, Result, ensure,
    http::Http,
    pages::first_answer,
    place::Person,
    process::{Meter, Server},
    report::times,
    talk::{Talk, read},
    ws::Ws,
};

const LISTEN_AFTER: &str = "subscription($after: String) { newMessage(after: $after) {
    cursor message { id body sender { id username } sentAt }
} }";
const PROCESSES: usize = 4;
/// Conversations of the viewers who miss messages.
const CONVERSATIONS: [u32; 2] = [10, 1_000];
/// Conversations of each viewer in which messages are missed.
const BUSY: u32 = 10;
/// The numbers of the messages that each viewer missed, behind the first of each conversation.
const MISSED: Range<u32> = BUSY..BUSY + 50;
/// Messages of other people behind those, at each process: together more than a process keeps at hand, and fewer than
/// what may not be missed.
const PUSHED: u32 = 1_000;
/// People who send those.
const OTHERS: u32 = 200;
const AT_ONCE: u32 = 16;
/// Both viewers, one after the other, so often, so that a noisy moment hits both.
const ROUNDS: u32 = 3;
/// How long a viewer's replays are measured in a round.
const SPAN: Duration = Duration::from_secs(1);
const WARM_UP: Duration = Duration::from_millis(300);
/// How long a replay may take before what is missing counts as lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// The cost of a replay by how many conversations its viewer has, from memory and from the store.
pub async fn replay(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let acquaintances = CONVERSATIONS.into_iter().max().unwrap_or_default();
    let viewers = u32::try_from(CONVERSATIONS.len())?;
    let mut people = place.people(viewers + acquaintances + OTHERS, "-").await?;
    let others = people.split_off(usize::try_from(viewers + acquaintances)?);
    let acquaintances = people.split_off(usize::try_from(viewers)?);
    let servers = start(&place, PROCESSES).await?;
    let mut viewers = Vec::new();
    for (person, conversations) in people.iter().zip(CONVERSATIONS) {
        let known = &acquaintances[..usize::try_from(conversations)?];
        viewers.push(Viewer::new(&servers[0], person, known).await?);
    }
    for viewer in &mut viewers {
        viewer.leave(&servers[0]).await?;
    }
    for viewer in &viewers {
        viewer.miss(&servers).await?;
    }
    measure(bench, &servers[0], &mut viewers, "at hand").await?;
    push(&servers, &others).await?;
    measure(bench, &servers[0], &mut viewers, "from the store").await?;
    try_join_all(viewers.iter().map(|viewer| viewer.busy.check_history())).await?;
    Ok(())
}

/// Has other people send messages through all processes.
async fn push(servers: &[Server], others: &[Person]) -> Result<()> {
    let talks = servers
        .iter()
        .zip(others.chunks(others.len() / servers.len()))
        .map(|(server, people)| Talk::new(server, people))
        .collect::<Vec<_>>();
    let all = talks.iter().map(|talk| talk.send(0..PUSHED, AT_ONCE));
    try_join_all(all).await?;
    Ok(())
}

/// Replays at one server for each viewer in turn.
async fn measure(bench: &Bench, server: &Server, viewers: &mut [Viewer], from: &str) -> Result<()> {
    let mut measured = viewers
        .iter()
        .map(|_| Measured::default())
        .collect::<Vec<_>>();
    for viewer in &mut *viewers {
        viewer.replay_for(bench.span(WARM_UP)).await?;
    }
    for _ in 0..ROUNDS {
        for (viewer, measured) in viewers.iter_mut().zip(&mut measured) {
            let meter = Meter::start(server.process, bench.database)?;
            let latencies = viewer.replay_for(bench.span(SPAN)).await?;
            measured.add(meter.stop()?, latencies)?;
        }
    }
    let meter = Meter::start(server.process, bench.database)?;
    sleep(bench.span(SPAN) * ROUNDS).await;
    let rest = meter.stop()?;
    let measured = measured
        .into_iter()
        .map(|one| one.beyond(rest))
        .collect::<Vec<_>>();
    let missed = MISSED.len();
    for (one, conversations) in measured.iter().zip(CONVERSATIONS) {
        let mut note = "CPU beyond the same time at rest".to_owned();
        if conversations > CONVERSATIONS[0] {
            let base = &measured[0];
            let time = times(one.percentile(50), base.percentile(50));
            let cpu = times(
                one.server() + one.database(),
                base.server() + base.database(),
            );
            let few = CONVERSATIONS[0];
            note = format!(
                "{note}; beside {few} conversations: p50 {time}, server and mongod CPU {cpu}"
            );
        }
        one.line(format!(
            "replay of {missed} messages {from}, of {conversations} conversations"
        ))
        .note(note)
        .print(bench);
    }
    Ok(())
}

/// Someone who misses messages.
struct Viewer {
    person: Person,
    /// The conversations in which messages are missed, but for the first of each.
    busy: Arc<Talk>,
    /// From before those messages.
    cursor: Value,
    socket: Ws,
    replays: u32,
}

impl Viewer {
    /// Has `person` write once to everyone whom they know.
    async fn new(server: &Server, person: &Person, known: &[Person]) -> Result<Self> {
        let pairs = known.iter().flat_map(|one| [person.clone(), one.clone()]);
        let pairs = pairs.collect::<Vec<_>>();
        let (busy, quiet) = pairs.split_at(usize::try_from(2 * BUSY)?);
        let quiet_ones = u32::try_from(quiet.len() / 2)?;
        let (busy, quiet) = (Talk::new(server, busy), Talk::new(server, quiet));
        busy.send(0..BUSY, AT_ONCE).await?;
        quiet.send(0..quiet_ones, AT_ONCE).await?;
        Ok(Self {
            person: person.clone(),
            busy,
            cursor: Value::Null,
            socket: Ws::open(server.address, 0, &person.token).await?,
            replays: 0,
        })
    }

    /// Notes where the stream stands.
    async fn leave(&mut self, server: &Server) -> Result<()> {
        let request = json!({ "query": "{ streamCursor }" }).to_string();
        let answer = first_answer(server, &self.person, &request).await?;
        self.cursor = answer["data"]["streamCursor"].clone();
        ensure(self.cursor.is_string(), || answer.to_string())
    }

    /// Has messages sent, each through another process than the one before.
    async fn miss(&self, servers: &[Server]) -> Result<()> {
        let clients = servers.iter().map(|server| Http::open(server.address));
        let mut clients = try_join_all(clients).await?;
        for (number, turn) in MISSED.zip(0..) {
            let turn = turn % clients.len();
            self.busy.send_one(&mut clients[turn], number).await?;
        }
        Ok(())
    }

    /// Replays again and again for so long, and gives how long each replay took.
    async fn replay_for(&mut self, span: Duration) -> Result<Vec<Duration>> {
        let until = Instant::now() + span;
        let mut latencies = Vec::new();
        while Instant::now() < until {
            latencies.push(self.replay().await?);
        }
        Ok(latencies)
    }

    /// Subscribes after the cursor and takes in all that was missed, which must be all and in order.
    async fn replay(&mut self) -> Result<Duration> {
        self.replays += 1;
        let id = self.replays.to_string();
        let variables = json!({ "after": self.cursor });
        let mut frames = Vec::with_capacity(MISSED.len());
        let began = Instant::now();
        self.socket
            .subscribe_as(&id, LISTEN_AFTER, &variables)
            .await?;
        while frames.len() < MISSED.len() {
            let frame = timeout(PATIENCE, self.socket.next()).await;
            let frame = frame.map_err(|_| format!("lost: {} messages came", frames.len()))??;
            ensure(frame.contains(r#""newMessage":{"#), || {
                format!("not a message: {frame}")
            })?;
            frames.push(frame);
        }
        let took = began.elapsed();
        self.socket.complete(&id).await?;
        let mut heard = Vec::with_capacity(frames.len());
        for frame in frames {
            heard.extend(read(&frame)?);
        }
        check(&heard)?;
        Ok(took)
    }
}

/// Whether these are the missed messages, each once and those of a conversation in order.
fn check(heard: &[u32]) -> Result<()> {
    let in_order = |conversation: u32| {
        let here = |number: &u32| number % BUSY == conversation;
        let heard = heard.iter().copied().filter(here);
        heard.eq(MISSED.filter(here))
    };
    ensure((0..BUSY).all(in_order), || {
        "a replay brought other messages than were missed, or in another order".into()
    })
}
