//! What one process hears of another: how late, and what it costs those whom it does not concern.

use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use tokio::{
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep},
};

use super::{Measured, meter, start};
use crate::{
    Bench, Result,
    audience::Audience,
    http::Http,
    place::Person,
    presence::{WATCH, arrived},
    process::{Meter, Process, Server},
    report::{Line, span, times},
    talk::{LISTEN, Talk, read},
    ws::Ws,
};

/// Messages, each of which is heard before the next is sent, and the pause between two.
const MESSAGES: u32 = 300;
const PAUSE: Duration = Duration::from_millis(20);
/// Senders of what concerns nobody at the other processes.
const SENDERS: u32 = 16;
const PEOPLE_PER_SENDER: u32 = 4;
const WARM_UP: Duration = Duration::from_secs(1);
/// How long a load, and the quiet, is measured.
const SPAN: Duration = Duration::from_secs(8);
const PROCESSES: usize = 4;
/// Both, one after the other, so often.
const ROUNDS: u32 = 2;
/// Watchers of presence at each process, and people who come.
const WATCHERS: u32 = 500;
const ARRIVALS: u32 = 1_000;
/// Users who watch, each on as many sockets as it takes.
const USERS: u32 = 100;
/// Until all is quiet.
const SETTLE: Duration = Duration::from_secs(3);

/// All of it.
pub async fn hearing(bench: &Bench) -> Result<()> {
    lateness(bench).await?;
    others(bench).await?;
    quiet(bench).await?;
    crowd(bench).await
}

/// From the answer on one process to the frame on the other, while nothing else happens.
async fn lateness(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let people = place.people(2, "-").await?;
    let servers = start(&place, 2).await?;
    let talk = Talk::new(&servers[0], &people);
    let mut ws = Ws::open(servers[1].address, 0, &people[1].token).await?;
    ws.subscribe(LISTEN).await?;
    servers[1].subscriptions(1).await?;
    let (heard, mut hear) = mpsc::channel(1);
    let listening = tokio::spawn(async move {
        loop {
            let Ok(frame) = ws.next().await else { return };
            let told = (Instant::now(), read(&frame).unwrap_or_default());
            if heard.send(told).await.is_err() {
                return;
            }
        }
    });
    let mut http = Http::open(servers[0].address).await?;
    let mut latencies = Vec::new();
    for number in 0..bench.count(MESSAGES) {
        sleep(PAUSE).await;
        talk.send_one(&mut http, number).await?;
        let answered = Instant::now();
        let (at, told) = hear.recv().await.ok_or("the listener is gone")?;
        crate::ensure(told == [number], || format!("{told:?} instead of {number}"))?;
        latencies.push(at.saturating_duration_since(answered));
    }
    listening.abort();
    talk.check_history().await?;
    let what = "from the answer on one process to the frame on another, idle";
    let count = u32::try_from(latencies.len())?;
    Line::new(what, count).latencies(latencies).print(bench);
    Ok(())
}

/// What messages cost other processes, where nobody is whom they concern.
async fn others(bench: &Bench) -> Result<()> {
    let (mut alone, mut beside) = (Measured::default(), Measured::default());
    let mut followers = Duration::ZERO;
    for _ in 0..ROUNDS {
        talk_beside(bench, 1, &mut alone).await?;
        followers += talk_beside(bench, PROCESSES, &mut beside).await?;
    }
    let count = beside.count().max(1);
    let others = u32::try_from(PROCESSES - 1)?;
    let database = beside.database().saturating_sub(alone.database()) / others;
    alone
        .line(format!("message, {SENDERS} senders at the only process"))
        .print(bench);
    beside
        .line(format!(
            "message, {SENDERS} senders at one of {PROCESSES} processes"
        ))
        .note(format!(
            "each process that it does not concern: {} of its own, {} of mongod",
            span(followers / others / count),
            span(database),
        ))
        .print(bench);
    Ok(())
}

/// Messages at the first of so many processes; gives what the others used.
async fn talk_beside(bench: &Bench, processes: usize, measured: &mut Measured) -> Result<Duration> {
    let place = bench.place();
    let people = place.people(SENDERS * PEOPLE_PER_SENDER, "-").await?;
    let servers = start(&place, processes).await?;
    let talk = Talk::new(&servers[0], &people);
    let warm_up = talk.send_for(bench.span(WARM_UP), 0, SENDERS).await?;
    let first = u32::try_from(warm_up.len())?;
    let others = meter(bench, &servers[1..])?;
    let meter = Meter::start(servers[0].process, bench.database)?;
    let latencies = talk.send_for(bench.span(SPAN), first, SENDERS).await?;
    measured.add(meter.stop()?, latencies)?;
    Ok(others.stop()?.server)
}

/// What processes cost while nothing happens.
async fn quiet(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let servers = start(&place, PROCESSES).await?;
    sleep(SETTLE).await;
    let meter = meter(bench, &servers)?;
    sleep(bench.span(SPAN)).await;
    let cost = meter.stop()?;
    let load = |used: Duration| 100.0 * used.as_secs_f64() / cost.took.as_secs_f64();
    let each = cost.server / u32::try_from(PROCESSES)?;
    let note = format!(
        "each process {:.2} % of a core, mongod {:.2} %",
        load(each),
        load(cost.database.unwrap_or_default())
    );
    Line::new(format!("{PROCESSES} processes, idle"), 1)
        .cost(cost)
        .note(note)
        .print(bench);
    Ok(())
}

/// A thousand people come at once, before watchers at all processes and as many at one.
async fn crowd(bench: &Bench) -> Result<()> {
    let mut costs = Vec::new();
    for processes in [1, PROCESSES] {
        let watchers = WATCHERS * u32::try_from(PROCESSES)?;
        let place = bench.place();
        let mut people = place.people(USERS + ARRIVALS, "-").await?;
        let visitors = people.split_off(usize::try_from(USERS)?);
        let servers = start(&place, processes).await?;
        let each = usize::try_from(watchers)? / processes;
        let gather = servers.iter().map(|server| {
            let owners = people.iter().cycle().take(each);
            Audience::gather(server, owners, WATCH, |frame| arrived(frame, USERS))
        });
        let mut audiences = try_join_all(gather).await?;
        sleep(SETTLE).await;
        let own = Meter::start(Process::own(), None)?;
        let meter = meter(bench, &servers)?;
        let sockets = arrive(&servers, &visitors).await?;
        let each = u32::try_from(each)?;
        try_join_all(
            audiences
                .iter_mut()
                .map(|audience| audience.hear(each * ARRIVALS)),
        )
        .await?;
        let cost = meter.stop()?;
        let own = own.stop()?;
        drop(sockets);
        join_all(audiences.into_iter().map(Audience::dismiss)).await;
        let first = costs.first().copied().unwrap_or(cost.server);
        costs.push(cost.server);
        let note = format!(
            "{} those of 1 process; the load itself {}",
            times(cost.server, first),
            span(own.server)
        );
        let what =
            format!("{ARRIVALS} people come before {watchers} watchers at {processes} processes");
        Line::new(what, 1).cost(cost).note(note).print(bench);
    }
    Ok(())
}

/// Everyone comes at once, to one server after the other in turn.
async fn arrive(servers: &[Server], visitors: &[Person]) -> Result<Vec<Ws>> {
    let mut arriving = JoinSet::new();
    for (visitor, server) in visitors.iter().zip(servers.iter().cycle()) {
        let (address, token) = (server.address, visitor.token.clone());
        arriving.spawn(async move { Ws::open(address, 0, &token).await });
    }
    arriving.join_all().await.into_iter().collect()
}
