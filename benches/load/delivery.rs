//! Delivering: what a message costs beyond its sending.

use std::ops::Range;

use crate::{
    Bench, Result,
    audience::Audience,
    chat::{PEOPLE, WARM_UP},
    ensure,
    http::Http,
    process::{Meter, Server},
    report::Line,
    talk::{LISTEN, Talk, read},
};

/// Sockets that one user may have.
pub const SOCKETS_PER_USER: usize = 50;

/// The cost of a delivery, to both members of a conversation and to many sockets.
pub async fn delivery(bench: &Bench) -> Result<()> {
    to_both(bench).await?;
    to_many(bench, LISTEN, "").await?;
    to_many(bench, PAGE, ", by the chat page's document").await
}

/// What the chat page selects of a new message.
const PAGE: &str = "subscription NewMessage { newMessage { cursor message { ...ArrivalParts } } }
    fragment ArrivalParts on Message { ...MessageParts conversation { id kind title members { user { ...UserParts } } } }
    fragment MessageParts on Message { id seq body sentAt clientMessageId sender { id username } }
    fragment UserParts on User { id username displayName avatarUrl }";

/// A hundred pairs talk, first unheard, then both members listen.
async fn to_both(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let people = place.people(PEOPLE, "-").await?;
    let server = Server::start(&place).await?;
    let talk = Talk::new(&server, &people);
    talk.send(WARM_UP, 64).await?;
    let count = bench.count(10_000);
    let unheard = WARM_UP.end..WARM_UP.end + count;
    let heard = unheard.end..unheard.end + count;
    let meter = Meter::start(server.process, bench.database)?;
    talk.send(unheard, 64).await?;
    let base = meter.stop()?;

    let mut audience = Audience::gather(&server, &people, LISTEN, read).await?;
    let meter = Meter::start(server.process, bench.database)?;
    talk.send(heard.clone(), 64).await?;
    audience.hear(2 * count).await?;
    let cost = meter.stop()?;
    talk.check_heard(&audience.dismiss().await?, &heard)?;
    talk.check_history().await?;
    Line::new("message sent, 64 at once, both members listening", count)
        .cost(cost)
        .print(bench);
    Line::new("its delivery to one of the members", 2 * count)
        .cost(cost.beyond(base))
        .note("beyond the same unheard")
        .print(bench);
    Ok(())
}

/// Two people talk, one message at a time, first unheard, then heard on as many sockets as they may have.
async fn to_many(bench: &Bench, document: &'static str, by: &str) -> Result<()> {
    let place = bench.place();
    let people = place.people(2, "-").await?;
    let server = Server::start(&place).await?;
    let talk = Talk::new(&server, &people);
    let mut http = Http::open(server.address).await?;
    let count = bench.count(500);
    for number in 0..10 {
        talk.send_one(&mut http, number).await?;
    }
    let (unheard, heard) = (10..10 + count, 10 + count..10 + 2 * count);
    let meter = Meter::start(server.process, bench.database)?;
    for number in unheard {
        talk.send_one(&mut http, number).await?;
    }
    let base = meter.stop()?;

    let sockets = people.iter().flat_map(|one| [one; SOCKETS_PER_USER]);
    let mut audience = Audience::gather(&server, sockets, document, read).await?;
    let listeners = 2 * u32::try_from(SOCKETS_PER_USER)?;
    let meter = Meter::start(server.process, bench.database)?;
    for number in heard.clone() {
        talk.send_one(&mut http, number).await?;
        audience.hear(listeners).await?;
    }
    let cost = meter.stop()?;
    check(&audience.dismiss().await?, &heard)?;
    Line::new(
        format!("delivery to one of {listeners} sockets of two users{by}"),
        count * listeners,
    )
    .cost(cost.beyond(base))
    .note("beyond the same unheard")
    .print(bench);
    Ok(())
}

/// Whether every socket heard all of it in order.
pub fn check(heard: &[Vec<u32>], numbers: &Range<u32>) -> Result<()> {
    let all = |heard: &Vec<u32>| heard.iter().copied().eq(numbers.clone());
    ensure(heard.iter().all(all), || {
        "a socket heard other messages than were sent, or in another order".into()
    })
}
