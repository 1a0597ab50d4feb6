//! Instructions of the hot paths, on the embedded store, one operation at a time.

use std::{ops::Range, time::Duration};

use serde_json::json;
use tokio::time::sleep;

use crate::{
    Result,
    audience::Audience,
    callgrind::{Counted, folder},
    delivery::{SOCKETS_PER_USER, check},
    ensure,
    http::Http,
    pages::{SIDEBAR, check_messages, check_users, first_answer, newest},
    place::{Person, Place},
    presence::{WATCH, arrived},
    talk::{LISTEN, Talk, read},
    ws::Ws,
};

/// Operations before any is counted.
const WARM_UP: u32 = 50;
/// How often the same work is counted, to see how far a figure can be trusted.
const ROUNDS: usize = 5;
/// Between two visitors whom nobody watches; longer than the server gathers changes.
const PAUSE: Duration = Duration::from_millis(120);

/// At most 100.
const EVERYONE: &str = "{ sidebarUsers(first: 100) { nodes { username } } }";

/// Prints all of them; `quick` does a tenth of the work.
pub async fn instructions(quick: bool) -> Result<()> {
    let count = |full: u32| if quick { (full / 10).max(1) } else { full };
    print(["what", "operations", "instructions each", "spread"].map(str::to_owned));
    print(["-"; 4].map(str::to_owned));
    message(count(200)).await?;
    history(count(60)).await?;
    sidebar(count(60)).await?;
    delivery(count(40)).await?;
    presence(count(8)).await?;
    println!();
    let folder = folder();
    println!("Where they went: callgrind_annotate {}/*", folder.display());
    Ok(())
}

/// Two people talk over one connection; each message waits for the last.
async fn message(count: u32) -> Result<()> {
    let place = Place::folder();
    let people = place.people(2, "-").await?;
    let mut counted = Counted::start(&place, "message").await?;
    let talk = Talk::new(&counted.server, &people);
    let mut http = Http::open(counted.server.address).await?;
    send(&talk, &mut http, 0..WARM_UP).await?;
    let sending = rounds(&mut counted, async |round| {
        let first = WARM_UP + round * count;
        send(&talk, &mut http, first..first + count).await
    });
    let sending = sending.await?;
    talk.check_history().await?;
    line("sendMessage over HTTP", count, sending);
    Ok(())
}

async fn send(talk: &Talk, http: &mut Http, numbers: Range<u32>) -> Result<()> {
    for number in numbers {
        talk.send_one(http, number).await?;
    }
    Ok(())
}

async fn history(count: u32) -> Result<()> {
    const MESSAGES: u32 = 5_000;
    let place = Place::folder();
    let people = place.people(2, "-").await?;
    place.conversation(&people, MESSAGES).await?;
    let mut counted = Counted::start(&place, "history").await?;
    let request = newest(&people[1]);
    let page = first_answer(&counted.server, &people[0], &request).await?;
    check_messages(&page, MESSAGES - 50..MESSAGES)?;
    let what = "history page of 50 of 5,000 messages";
    pages(&mut counted, &people[0], &request, count, what).await
}

async fn sidebar(count: u32) -> Result<()> {
    let place = Place::folder();
    let people = place.people(2_000, "-").await?;
    let mut counted = Counted::start(&place, "sidebar").await?;
    let request = json!({ "query": SIDEBAR }).to_string();
    let page = first_answer(&counted.server, &people[0], &request).await?;
    check_users(&page, &people[1..=50])?;
    let what = "sidebar page of 50 of 2,000 users";
    pages(&mut counted, &people[0], &request, count, what).await
}

/// Asks the same again and again; every answer must be the first one.
async fn pages(
    counted: &mut Counted,
    viewer: &Person,
    request: &str,
    count: u32,
    what: &str,
) -> Result<()> {
    let mut http = Http::open(counted.server.address).await?;
    let expected = http.graphql(&viewer.token, request).await?.to_owned();
    let mut ask = async |times: u32| {
        for _ in 0..times {
            let answer = http.graphql(&viewer.token, request).await?;
            ensure(answer == expected, || format!("another answer: {answer}"))?;
        }
        Ok(())
    };
    ask(WARM_UP).await?;
    let asking = rounds(counted, async |_| ask(count).await).await?;
    line(what, count, asking);
    Ok(())
}

/// Two people talk, first unheard, then heard on as many sockets as they may have.
async fn delivery(count: u32) -> Result<()> {
    let place = Place::folder();
    let people = place.people(2, "-").await?;
    let mut counted = Counted::start(&place, "delivery").await?;
    let talk = Talk::new(&counted.server, &people);
    let mut http = Http::open(counted.server.address).await?;
    send(&talk, &mut http, 0..WARM_UP).await?;
    let unheard = rounds(&mut counted, async |round| {
        let first = WARM_UP + round * count;
        send(&talk, &mut http, first..first + count).await
    });
    let unheard = unheard.await?;

    let sockets = people.iter().flat_map(|one| [one; SOCKETS_PER_USER]);
    let mut audience = Audience::gather(&counted.server, sockets, LISTEN, read).await?;
    let listeners = 2 * u32::try_from(SOCKETS_PER_USER)?;
    let first = WARM_UP + u32::try_from(ROUNDS)? * count;
    let mut next = first..;
    let mut tell = async |times: usize| {
        for number in next.by_ref().take(times) {
            talk.send_one(&mut http, number).await?;
            audience.hear(listeners).await?;
        }
        Ok(())
    };
    tell(5).await?;
    let times = usize::try_from(count)?;
    let heard = rounds(&mut counted, async |_| tell(times).await).await?;
    check(&audience.dismiss().await?, &(first..next.start))?;
    let frames = count * listeners;
    let what = format!("newMessage frame to one of {listeners} sockets");
    line(&what, frames, beyond(heard, unheard));
    Ok(())
}

/// People come, one after the other, first unwatched, then watched.
async fn presence(count: u32) -> Result<()> {
    let place = Place::folder();
    let unwatched_ones = count * u32::try_from(ROUNDS)?;
    let mut people = place.people(2 + 2 * unwatched_ones + count, "-").await?;
    let mut counted = Counted::start(&place, "presence").await?;
    let address = counted.server.address;
    // Has the server know everyone: how often it asks the store for the same person is a matter of time.
    let request = json!({ "query": EVERYONE }).to_string();
    let page = first_answer(&counted.server, &people[0], &request).await?;
    check_users(&page, &people[1..])?;
    let visitors = people.split_off(2);
    let mut visitors = visitors.chunks(usize::try_from(count)?);
    // Who closes a socket is told of as well.
    let mut here = Vec::new();
    let unwatched = rounds(&mut counted, async |_| {
        for visitor in visitors.next().ok_or("nobody is left")? {
            here.push(Ws::open(address, 0, &visitor.token).await?);
            sleep(PAUSE).await;
        }
        Ok(())
    });
    let unwatched = unwatched.await?;

    let sockets = people.iter().flat_map(|one| [one; SOCKETS_PER_USER]);
    let read = move |frame: &str| arrived(frame, 2 + unwatched_ones);
    let mut audience = Audience::gather(&counted.server, sockets, WATCH, read).await?;
    let watchers = 2 * u32::try_from(SOCKETS_PER_USER)?;
    let mut come = async || {
        for visitor in visitors.next().ok_or("nobody is left")? {
            here.push(Ws::open(address, 0, &visitor.token).await?);
            audience.hear(watchers).await?;
        }
        Ok(())
    };
    come().await?;
    let watched = rounds(&mut counted, async |_| come().await).await?;
    audience.dismiss().await?;
    let frames = count * watchers;
    let what = format!("presence frame to one of {watchers} watchers");
    line(&what, frames, beyond(watched, unwatched));
    Ok(())
}

/// The instructions of the same work, time after time.
async fn rounds(
    counted: &mut Counted,
    mut work: impl AsyncFnMut(u32) -> Result<()>,
) -> Result<[u64; ROUNDS]> {
    let mut counts = [0; ROUNDS];
    for (count, round) in counts.iter_mut().zip(0..) {
        counted.begin()?;
        work(round).await?;
        *count = counted.end()?;
    }
    counts.sort_unstable();
    Ok(counts)
}

/// What something took more than what did the same but for one thing.
fn beyond(this: [u64; ROUNDS], base: [u64; ROUNDS]) -> [u64; ROUNDS] {
    this.map(|this| this.saturating_sub(base[ROUNDS / 2]))
}

/// The middle round, and how far the others lie apart.
fn line(what: &str, count: u32, rounds: [u64; ROUNDS]) {
    let [least, .., most] = rounds;
    let middle = rounds[ROUNDS / 2];
    let tenths = (1_000 * (most - least)).checked_div(middle).unwrap_or(0);
    print([
        what.to_owned(),
        count.to_string(),
        (middle / u64::from(count)).to_string(),
        format!("{}.{} %", tenths / 10, tenths % 10),
    ]);
}

fn print(cells: [String; 4]) {
    let widths = [44, 10, 17, 12];
    let padded = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:width$}"));
    println!("| {} |", padded.collect::<Vec<_>>().join(" | "));
}
