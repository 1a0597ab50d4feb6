//! A thousand people come within ten seconds, before more and more watchers of presence.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{interval, sleep},
};

use crate::{
    Bench, Result,
    audience::Audience,
    ensure,
    place::Person,
    presence::{WATCH, arrived},
    process::{Cost, Meter, Process, Server},
    report::{Line, span},
    ws::Ws,
};

const WATCHERS: [u32; 3] = [100, 1_000, 5_000];
/// Users who watch, each on as many sockets as it takes: their first event, everyone online, stays small.
const USERS: u32 = 100;
const ARRIVALS: u32 = 1_000;
/// Between two arrivals.
const PAUSE: Duration = Duration::from_millis(10);
/// Until the watchers know of each other.
const SETTLE: Duration = Duration::from_secs(2);

/// The cost of a frame by how many watch.
pub async fn watchers(bench: &Bench) -> Result<()> {
    let arrivals = bench.count(ARRIVALS);
    let place = bench.place();
    let visitors = place.people(arrivals, "-").await?;
    let server = Server::start(&place).await?;
    let meter = Meter::start(server.process, bench.database)?;
    let sockets = arrive(&server, &visitors).await?;
    let base = meter.stop()?;
    drop((sockets, server));
    for watchers in WATCHERS.map(|count| bench.count(count)) {
        watched(bench, watchers, arrivals, base).await?;
    }
    Ok(())
}

/// The same before an audience, every one of which must see every arrival, once. `base` is what it costs unwatched.
async fn watched(bench: &Bench, watchers: u32, arrivals: u32, base: Cost) -> Result<()> {
    let users = watchers.min(USERS);
    let place = bench.place();
    let mut people = place.people(users + arrivals, "-").await?;
    let visitors = people.split_off(usize::try_from(users)?);
    let server = Server::start(&place).await?;
    let owners = people.iter().cycle().take(usize::try_from(watchers)?);
    let read = move |frame: &str| arrived(frame, users);
    let mut audience = Audience::gather(&server, owners, WATCH, read).await?;
    sleep(SETTLE).await;

    let before = audience.frames();
    let own = Meter::start(Process::own(), None)?;
    let meter = Meter::start(server.process, bench.database)?;
    let sockets = arrive(&server, &visitors).await?;
    let all_there = meter.elapsed();
    audience.hear(watchers * arrivals).await?;
    let cost = meter.stop()?;
    let own = own.stop()?;
    let frames = audience.frames() - before;
    for mut seen in audience.dismiss().await? {
        seen.sort_unstable();
        ensure(seen.into_iter().eq(users..users + arrivals), || {
            "a watcher did not see everyone come, once".into()
        })?;
    }
    drop(sockets);
    let what = format!("presence frame to one of {watchers} watchers, {arrivals} arrive");
    let note = format!(
        "beyond the same unwatched; all knew {} after the last came; the load itself {} each",
        span(cost.took.saturating_sub(all_there)),
        span(own.server / frames.max(1)),
    );
    Line::new(what, frames)
        .cost(cost.beyond(base))
        .note(note)
        .print(bench);
    Ok(())
}

/// Everyone comes, one every [`PAUSE`], and stays until the sockets are dropped.
async fn arrive(server: &Server, visitors: &[Person]) -> Result<Vec<Ws>> {
    let mut tick = interval(PAUSE);
    let mut arriving = JoinSet::new();
    for visitor in visitors {
        tick.tick().await;
        let (address, token) = (server.address, visitor.token.clone());
        arriving.spawn(async move { Ws::open(address, 0, &token).await });
    }
    arriving.join_all().await.into_iter().collect()
}
