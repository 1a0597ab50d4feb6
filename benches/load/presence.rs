//! Presence: many watch, others come and go.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::{
    Bench, Result,
    audience::Audience,
    ensure,
    place::Person,
    process::{Meter, Server},
    report::Line,
    ws::Ws,
};

/// How a frontend watches.
pub const WATCH: &str =
    "subscription { onlineUsersChanged { joined { id username displayName } left { id } } }";
const WATCHERS: u32 = 500;
/// Between two visitors; longer than the server gathers changes, so that most make a frame of their own.
const PAUSE: Duration = Duration::from_millis(120);
/// Until whoever left is gone: the grace, and then some.
const GONE: Duration = Duration::from_secs(3);

/// Someone came (true) or went.
type Change = (String, bool);

/// The cost of a frame to one of many watchers.
pub async fn presence(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let mut people = place.people(WATCHERS + bench.count(50), "-").await?;
    let visitors = people.split_off(usize::try_from(WATCHERS)?);
    let server = Server::start(&place).await?;
    // Unwatched, for what the visitors themselves cost; the pause until they are gone is part of both.
    let meter = Meter::start(server.process, bench.database)?;
    visit(&server, &visitors).await?;
    sleep(GONE).await;
    let base = meter.stop()?;

    let names = visitors.iter().map(|visitor| visitor.id.to_string());
    let names = Arc::<HashSet<String>>::new(names.collect());
    let read = move |frame: &str| read(frame, &names);
    let mut audience = Audience::gather(&server, &people, WATCH, read).await?;
    sleep(GONE).await;
    let (frames, meter) = (
        audience.frames(),
        Meter::start(server.process, bench.database)?,
    );
    visit(&server, &visitors).await?;
    sleep(GONE).await;
    let cost = meter.stop()?;
    let frames = audience.frames() - frames;
    let visits = u32::try_from(visitors.len())?;
    audience.hear(2 * visits * WATCHERS).await?;
    check(audience.dismiss().await?, &visitors)?;
    Line::new(
        format!("presence frame to one of {WATCHERS} watchers"),
        frames,
    )
    .cost(cost.beyond(base))
    .note("beyond the same unwatched")
    .print(bench);
    Ok(())
}

/// Everyone comes, one after the other, and then goes.
async fn visit(server: &Server, visitors: &[Person]) -> Result<()> {
    let mut tick = interval(PAUSE);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sockets = Vec::with_capacity(visitors.len());
    for visitor in visitors {
        tick.tick().await;
        sockets.push(Ws::open(server.address, 0, &visitor.token).await?);
    }
    for socket in sockets {
        tick.tick().await;
        drop(socket);
    }
    Ok(())
}

/// The changes of the people with these ids that a frame tells of.
fn read(frame: &str, of: &HashSet<String>) -> Result<Vec<Change>> {
    let frame = serde_json::from_str::<Value>(frame)?;
    let told = &frame["payload"]["data"]["onlineUsersChanged"];
    let mut changes = Vec::new();
    for (list, came) in [("joined", true), ("left", false)] {
        for user in told[list].as_array().ok_or_else(|| frame.to_string())? {
            let id = user["id"].as_str().ok_or("someone without an id")?;
            let named = user["username"].is_string() && user["displayName"].is_string();
            ensure(named || !came, || "someone without a name".into())?;
            if of.contains(id) {
                changes.push((id.to_owned(), came));
            }
        }
    }
    Ok(changes)
}

/// The numbers, in their usernames, of those who came by a frame, but for the first `users`. Found without reading
/// the JSON, or the load would cost more than the server.
pub fn arrived(frame: &str, users: u32) -> Result<Vec<u32>> {
    ensure(frame.contains(r#""onlineUsersChanged":{"#), || {
        format!("not presence: {frame}")
    })?;
    let mut numbers = Vec::new();
    for rest in frame.split(r#""username":"person"#).skip(1) {
        let number = rest.split('"').next().unwrap_or_default().parse()?;
        if number >= users {
            numbers.push(number);
        }
    }
    Ok(numbers)
}

/// Whether every watcher saw everyone come once and then go once.
fn check(seen: Vec<Vec<Change>>, visitors: &[Person]) -> Result<()> {
    for changes in seen {
        let mut of = HashMap::<_, Vec<_>>::new();
        for (id, came) in changes {
            of.entry(id).or_default().push(came);
        }
        let came_and_went = |visitor: &Person| {
            of.get(&visitor.id.to_string())
                .is_some_and(|changes| changes == &[true, false])
        };
        ensure(visitors.iter().all(came_and_went), || {
            "a watcher did not see someone come and go, once".into()
        })?;
    }
    Ok(())
}
