//! What the parts below the server cost by themselves, and what others build from the same parts costs.

use std::process::Command;

use chinwag::domain::UserId;

use crate::{
    Bench, Result, Store,
    audience::Audience,
    delivery::check,
    http::Http,
    inserts::Inserts,
    place::Person,
    process::{Meter, Process, Server},
    report::Line,
    stand_in::StandIn,
    talk::{LISTEN, body, read},
    work::Work,
};

/// Sockets that a frame is broadcast to.
const SOCKETS: u32 = 1_000;
/// Inserts at once.
const AT_ONCE: u32 = 64;
/// Inserts before any is measured.
const WARM_UP: u32 = 256;
/// Connections that the driver opens when it is not told otherwise.
const CONNECTIONS: u32 = 10;

/// All of them.
pub async fn floors(bench: &Bench) -> Result<()> {
    if bench.store == Store::Mongo {
        inserts(bench).await?;
    }
    broadcast(
        bench,
        StandIn::Bare,
        "floor: axum's frame to one of 1,000 sockets",
    )
    .await?;
    broadcast(bench, StandIn::Stock, "stock async-graphql-axum: the same").await
}

/// The driver alone, inserting one message an operation.
async fn inserts(bench: &Bench) -> Result<()> {
    let inserts = Inserts::new(&bench.place(), CONNECTIONS).await?;
    let count = bench.count(20_000);
    inserts.insert(&Work::of(0..WARM_UP), AT_ONCE).await?;
    let work = Work::of(WARM_UP..WARM_UP + count);
    let meter = Meter::start(Process::own(), bench.database)?;
    inserts.insert(&work, AT_ONCE).await?;
    let cost = meter.stop()?;
    Line::new(
        format!("floor: the driver's insertOne, {AT_ONCE} at once"),
        count,
    )
    .cost(cost)
    .note("server CPU is the driver's own")
    .print(bench);
    inserts.close().await;
    Ok(())
}

/// A stand-in sends frames as large as the server's to many sockets, one after the other.
async fn broadcast(bench: &Bench, stand_in: StandIn, what: &str) -> Result<()> {
    let mut command = Command::new(std::env::current_exe()?);
    let server = Server::spawn(command.args(["--stand-in", stand_in.name()])).await?;
    let someone = Person {
        id: UserId::new(),
        username: "someone".into(),
        token: "none".into(),
    };
    let people = |count| std::iter::repeat_n(&someone, count);
    Audience::gather(&server, people(10), LISTEN, read)
        .await?
        .dismiss()
        .await?;
    server.subscriptions(0).await?;
    let before = server.process.memory()?;
    let mut audience =
        Audience::gather(&server, people(usize::try_from(SOCKETS)?), LISTEN, read).await?;
    let memory = server.process.memory()? - before;
    let mut http = Http::open(server.address).await?;
    let count = bench.count(100);
    let meter = Meter::start(server.process, None)?;
    for number in 0..count {
        http.post("/broadcast", "", &body(number)).await?;
        audience.hear(SOCKETS).await?;
    }
    let cost = meter.stop()?;
    check(&audience.dismiss().await?, &(0..count))?;
    Line::new(what, count * SOCKETS).cost(cost).print(bench);
    Line::new("  and an idle socket of it", SOCKETS)
        .memory(memory)
        .print(bench);
    Ok(())
}
