//! Sending through one process, and through several at a time.

use std::time::Duration;

use futures_util::future::try_join_all;

use super::{Measured, meter, start};
use crate::{
    Bench, Result,
    chat::SETTLE,
    inserts::Inserts,
    process::{Meter, Process},
    report::times,
    talk::Talk,
    work::Work,
};

/// Processes, and senders at each of them.
const LOADS: [(usize, u32); 4] = [(1, 16), (1, 64), (2, 32), (4, 16)];
/// Inserts at once: as many as the senders of the first load.
const INSERTS: u32 = LOADS[0].1;
/// As many as the server opens.
const CONNECTIONS: u32 = 64;
/// People for each sender, so that hardly two send in one conversation at a time.
const PEOPLE_PER_SENDER: u32 = 4;
/// All loads, one after the other, so often, so that a noisy moment hits all.
const ROUNDS: u32 = 2;
/// How long is sent before anything is measured.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long a load is measured in each round.
const SPAN: Duration = Duration::from_secs(4);

/// The cost of a message by how many processes share the senders, and what a send takes beside a plain insert.
pub async fn sending(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let inserts = Inserts::new(&place, CONNECTIONS).await?;
    let (mut inserted, mut next) = (Measured::default(), 0);
    let mut sent = LOADS.map(|_| Measured::default());
    for _ in 0..ROUNDS {
        next = insert(bench, &inserts, next, &mut inserted).await?;
        for ((processes, senders), measured) in LOADS.into_iter().zip(&mut sent) {
            send(bench, processes, senders, measured).await?;
        }
    }
    inserts.close().await;
    print(bench, &inserted, &sent);
    Ok(())
}

/// Inserts messages that are numbered from `first` on, and gives the next number.
async fn insert(
    bench: &Bench,
    inserts: &Inserts,
    first: u32,
    measured: &mut Measured,
) -> Result<u32> {
    let work = Work::lasting(bench.span(WARM_UP), first);
    let warm_up = inserts.insert(&work, INSERTS).await?;
    let first = first + u32::try_from(warm_up.len())?;
    let work = Work::lasting(bench.span(SPAN), first);
    let meter = Meter::start(Process::own(), bench.database)?;
    let latencies = inserts.insert(&work, INSERTS).await?;
    let next = first + u32::try_from(latencies.len())?;
    measured.add(meter.stop()?, latencies)?;
    Ok(next)
}

/// So many processes on an empty database, each with senders and conversations of its own.
async fn send(
    bench: &Bench,
    processes: usize,
    senders: u32,
    measured: &mut Measured,
) -> Result<()> {
    let place = bench.place();
    let people_each = senders * PEOPLE_PER_SENDER;
    let people = people_each * u32::try_from(processes)?;
    let people = place.people(people, "-").await?;
    let servers = start(&place, processes).await?;
    let people = people.chunks(usize::try_from(people_each)?);
    let talks = servers.iter().zip(people);
    let talks = talks.map(|(server, people)| Talk::new(server, people));
    let talks = talks.collect::<Vec<_>>();
    let warm_up = talks
        .iter()
        .map(|talk| talk.send_for(bench.span(WARM_UP), 0, senders));
    let warm_up = try_join_all(warm_up).await?;

    let meter = meter(bench, &servers)?;
    let all = talks.iter().zip(&warm_up).map(async |(talk, before)| {
        let first = u32::try_from(before.len())?;
        talk.send_for(bench.span(SPAN), first, senders).await
    });
    let latencies = try_join_all(all).await?.concat();
    let took = meter.elapsed();
    tokio::time::sleep(SETTLE).await;
    measured.add(meter.stop()?.within(took), latencies)?;
    try_join_all(talks.iter().map(|talk| talk.check_history())).await?;
    Ok(())
}

fn print(bench: &Bench, inserted: &Measured, sent: &[Measured; LOADS.len()]) {
    let [few, many, two, four] = sent;
    let beside_many = |this: &Measured| {
        format!(
            "beside 1 process with 64: server CPU {}, mongod CPU {}, a second {}, p99 {}",
            times(this.server(), many.server()),
            times(this.database(), many.database()),
            times(many.apart(), this.apart()),
            times(this.percentile(99), many.percentile(99)),
        )
    };
    let beside_few = format!(
        "beside 1 process with 16: server CPU {}, mongod CPU {}",
        times(four.server(), few.server()),
        times(four.database(), few.database()),
    );
    let p50 = times(few.percentile(50), inserted.percentile(50));
    let notes = [
        format!("p50 {p50} the floor's"),
        String::new(),
        beside_many(two),
        format!("{}; {beside_few}", beside_many(four)),
    ];
    inserted
        .line(format!("floor: the driver's insertOne, {INSERTS} at once"))
        .note("server CPU is the driver's own")
        .print(bench);
    for (((processes, senders), measured), note) in LOADS.into_iter().zip(sent).zip(notes) {
        let what = match processes {
            1 => format!("message, 1 process with {senders} senders"),
            _ => format!("message, {processes} processes with {senders} senders each"),
        };
        measured.line(what).note(note).print(bench);
    }
}
