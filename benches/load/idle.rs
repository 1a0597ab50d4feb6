//! Sockets that are open, subscribed and quiet.

use std::time::Duration;

use tokio::time::sleep;

use crate::{
    Bench, Result,
    audience::Audience,
    delivery::SOCKETS_PER_USER,
    place::Person,
    process::{Meter, Server},
    report::Line,
    talk::{LISTEN, Talk, read},
};

const SOCKETS: u32 = 5_000;
/// Sockets that are opened and closed before anything is measured.
const WARM_UP: usize = 50;
/// Until all is quiet.
const SETTLE: Duration = Duration::from_secs(4);
/// How long the quiet is measured, in seconds: the server pings every 20.
const QUIET: u32 = 20;

/// Connecting and staying, for people with one socket each and for people with many.
pub async fn idle(bench: &Bench) -> Result<()> {
    let sockets = bench.count(SOCKETS);
    stay(bench, sockets, 1, "one for each user", "").await?;
    stay(bench, sockets, SOCKETS_PER_USER, "50 for each user", "").await
}

/// So many sockets connect, subscribe and stay, `per_user` of each user.
pub async fn stay(
    bench: &Bench,
    sockets: u32,
    per_user: usize,
    of: &str,
    note: &str,
) -> Result<()> {
    let place = bench.place();
    let users = sockets / u32::try_from(per_user)?;
    let people = place.people(users, "-").await?;
    let server = Server::start(&place).await?;
    let owners = || {
        let times = move |person| std::iter::repeat_n(person, per_user);
        people.iter().flat_map(times)
    };
    listen(&server, owners().take(WARM_UP))
        .await?
        .dismiss()
        .await?;
    sleep(SETTLE).await;

    let before = server.process.memory()?;
    let meter = Meter::start(server.process, bench.database)?;
    let mut audience = listen(&server, owners()).await?;
    let connecting = meter.stop()?;
    sleep(SETTLE).await;
    let memory = server.process.memory()? - before;
    let quiet = bench.count(QUIET);
    let meter = Meter::start(server.process, bench.database)?;
    sleep(Duration::from_secs(quiet.into())).await;
    let staying = meter.stop()?;

    // They are live: a message for some of them arrives.
    let talk = Talk::new(&server, &people);
    let count = 50;
    talk.send(0..count, 8).await?;
    audience.hear(2 * count * u32::try_from(per_user)?).await?;
    audience.dismiss().await?;
    Line::new(format!("connect and subscribe, {of}"), sockets)
        .cost(connecting)
        .note(note)
        .print(bench);
    Line::new(format!("idle subscribed socket, {of}"), sockets)
        .cost(staying)
        .memory(memory)
        .note(format!("CPU in {quiet} s"))
        .print(bench);
    Ok(())
}

async fn listen<'a>(
    server: &Server,
    people: impl Iterator<Item = &'a Person>,
) -> Result<Audience<u32>> {
    Audience::gather(server, people, LISTEN, read).await
}
