//! Lists of conversations on one process, while messages are sent through another.

use std::{cell::Cell, net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::{try_join, try_join_all};
use serde_json::json;
use tokio::time::{Instant, interval_at};

use super::{Measured, meter, start};
use crate::{
    Bench, Result, ensure, growth::CONVERSATIONS, http::Http, place::Person, process::Server,
    talk::Talk,
};

/// Everyone writes to everyone, so that all have a page of ten conversations.
const PEOPLE: u32 = 11;
const PER_PAGE: usize = 10;
const LISTS_A_SECOND: u32 = 1_000;
/// Clients that ask for lists, in turn.
const READERS: u32 = 16;
const MESSAGES_A_SECOND: u32 = 100;
const SENDERS: u32 = 4;
/// Both, one after the other, so often, so that a noisy moment hits both.
const ROUNDS: u32 = 2;
const WARM_UP: Duration = Duration::from_secs(1);
/// How long each is measured in a round.
const SPAN: Duration = Duration::from_secs(4);

/// What lists cost mongod where another process may have news, beyond what they cost where none can.
pub async fn lists(bench: &Bench) -> Result<()> {
    let (mut alone, mut beside) = (Measured::default(), Measured::default());
    for _ in 0..ROUNDS {
        let place = bench.place();
        let people = place.people(PEOPLE, "-").await?;
        let mut servers = start(&place, 1).await?;
        let load = Load::new(&servers[0], people).await?;
        load.measure(bench, &servers, &mut alone).await?;
        servers.extend(start(&place, 1).await?);
        load.measure(bench, &servers, &mut beside).await?;
        load.talk.check_history().await?;
    }
    let (base, load) = (alone.database_load(), beside.database_load());
    let beyond = load - base;
    alone
        .line("conversation list, 1 process, messages there too")
        .note(format!("mongod {base:.1} % of a core{}", shortfall(&alone)))
        .print(bench);
    beside
        .line("conversation list, 2 processes, messages at the other")
        .note(format!(
            "mongod {load:.1} % of a core, {beyond:.1} % beyond the same on 1 process{}",
            shortfall(&beside)
        ))
        .print(bench);
    Ok(())
}

/// What to say when the machine was too busy for as many lists as were to be asked for: the loads do not compare then.
fn shortfall(measured: &Measured) -> String {
    let wanted = Duration::from_secs(1) / LISTS_A_SECOND;
    if measured.apart() > wanted * 21 / 20 {
        format!("; but not the {LISTS_A_SECOND} lists a second that were wanted")
    } else {
        String::new()
    }
}

/// Lists and messages of the same people.
struct Load {
    people: Vec<Person>,
    talk: Arc<Talk>,
    next: Cell<u32>,
}

impl Load {
    /// Starts all conversations.
    async fn new(server: &Server, people: Vec<Person>) -> Result<Self> {
        let mut pairs = Vec::new();
        for (place, one) in people.iter().enumerate() {
            for other in &people[..place] {
                pairs.extend([one.clone(), other.clone()]);
            }
        }
        let talk = Talk::new(server, &pairs);
        let conversations = u32::try_from(pairs.len() / 2)?;
        talk.send(0..conversations, SENDERS).await?;
        Ok(Self {
            people,
            talk,
            next: Cell::new(conversations),
        })
    }

    /// Lists on the first of the servers, messages on the last.
    async fn measure(
        &self,
        bench: &Bench,
        servers: &[Server],
        measured: &mut Measured,
    ) -> Result<()> {
        let (lists, messages) = servers.first().zip(servers.last()).ok_or("no server")?;
        let request = json!({ "query": CONVERSATIONS }).to_string();
        let list = async |http: &mut Http, reader: usize| {
            let person = &self.people[reader % self.people.len()];
            let page = http.graphql(&person.token, &request).await?;
            // Counted without reading the JSON, or the load would cost more than the server.
            let count = page.matches(r#""unreadCount":"#).count();
            ensure(count == PER_PAGE, || format!("not a page: {page}"))
        };
        let send = async |http: &mut Http, _: usize| {
            let number = self.next.replace(self.next.get() + 1);
            self.talk.send_one(http, number).await
        };
        let both = async |span| {
            let until = Instant::now() + span;
            let lists = pace(lists.address, READERS, LISTS_A_SECOND, until, &list);
            let sends = pace(messages.address, SENDERS, MESSAGES_A_SECOND, until, &send);
            let (lists, _) = try_join(lists, sends).await?;
            Result::<_>::Ok(lists)
        };
        both(bench.span(WARM_UP)).await?;
        let meter = meter(bench, servers)?;
        let latencies = both(bench.span(SPAN)).await?;
        measured.add(meter.stop()?, latencies)
    }
}

/// Has so many clients of a server do something again and again until then, all together so many times a second, and
/// gives how long each time took. Whoever is late makes up for it.
async fn pace(
    server: SocketAddr,
    clients: u32,
    a_second: u32,
    until: Instant,
    act: &impl AsyncFn(&mut Http, usize) -> Result<()>,
) -> Result<Vec<Duration>> {
    let period = Duration::from_secs(1) * clients / a_second;
    let all = (0..clients).map(async |client| {
        let mut http = Http::open(server).await?;
        let mut tick = interval_at(Instant::now() + period * client / clients, period);
        let mut latencies = Vec::new();
        while Instant::now() < until {
            tick.tick().await;
            let began = Instant::now();
            act(&mut http, usize::try_from(client)?).await?;
            latencies.push(began.elapsed());
        }
        Result::<_>::Ok(latencies)
    });
    Ok(try_join_all(all).await?.concat())
}
