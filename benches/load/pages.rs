//! Pages: a part of a long history, and of the list of users.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Bench, Result, ensure,
    http::Http,
    place::Person,
    process::{Meter, Server},
    report::Line,
    talk::number,
};

const HISTORY: &str = "query($in: ConversationRef!) { messages(in: $in, last: 50) {
    nodes { id body sender { id username displayName } sentAt seq } pageInfo { hasPreviousPage startCursor }
} }";
/// How a frontend asks for the first 50 people.
pub const SIDEBAR: &str = "{ sidebarUsers(first: 50) {
    nodes { id username displayName avatarUrl online } pageInfo { hasNextPage endCursor }
} }";
const MESSAGES: u32 = 5_000;
const USERS: u32 = 2_000;
/// Requests for each figure.
const PAGES: u32 = 5_000;
/// Requests at once.
const AT_ONCE: u32 = 8;

/// The newest 50 of 5,000 messages.
pub async fn history(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let people = place.people(2, "-").await?;
    place.conversation(&people, MESSAGES).await?;
    let server = Server::start(&place).await?;
    let request = newest(&people[1]);
    let page = first_answer(&server, &people[0], &request).await?;
    check_messages(&page, MESSAGES - 50..MESSAGES)?;
    measure(
        bench,
        &server,
        &people[0],
        &request,
        PAGES,
        "page of 50 of 5,000 messages",
    )
    .await
}

/// How a frontend asks for the newest 50 messages with someone.
pub fn newest(other: &Person) -> String {
    let variables = json!({ "in": { "userId": other.id.to_string() } });
    json!({ "query": HISTORY, "variables": variables }).to_string()
}

/// Whether a page of history holds the messages of these numbers, of a conversation that was there before.
pub fn check_messages(page: &Value, numbers: Range<u32>) -> Result<()> {
    let nodes = page["data"]["messages"]["nodes"].as_array();
    let nodes = nodes.ok_or_else(|| page.to_string())?;
    ensure(nodes.len() == numbers.len(), || {
        format!("{} messages", nodes.len())
    })?;
    for (node, expected) in nodes.iter().zip(numbers) {
        let there = number(&node["body"])? == expected && node["seq"] == expected + 1;
        ensure(there, || format!("not message {expected}: {node}"))?;
    }
    Ok(())
}

/// The first 50 of 2,000 users.
pub async fn sidebar(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let people = place.people(USERS, "-").await?;
    let server = Server::start(&place).await?;
    let request = json!({ "query": SIDEBAR }).to_string();
    let page = first_answer(&server, &people[0], &request).await?;
    check_users(&page, &people[1..=50])?;
    measure(
        bench,
        &server,
        &people[0],
        &request,
        PAGES,
        "sidebar page of 50 of 2,000 users",
    )
    .await
}

/// Whether a page of the sidebar holds these people.
pub fn check_users(page: &Value, people: &[Person]) -> Result<()> {
    let nodes = page["data"]["sidebarUsers"]["nodes"].as_array();
    let nodes = nodes.ok_or_else(|| page.to_string())?;
    let names = nodes.iter().filter_map(|node| node["username"].as_str());
    let expected = people.iter().map(|person| person.username.as_str());
    ensure(names.eq(expected), || "not the page's users".into())
}

/// The answer to a request.
pub async fn first_answer(server: &Server, viewer: &Person, request: &str) -> Result<Value> {
    let mut http = Http::open(server.address).await?;
    Ok(serde_json::from_str(
        http.graphql(&viewer.token, request).await?,
    )?)
}

/// Asks the same `count` times, over kept connections; every answer must be the first one.
pub async fn measure(
    bench: &Bench,
    server: &Server,
    viewer: &Person,
    request: &str,
    count: u32,
    what: &str,
) -> Result<()> {
    let mut http = Http::open(server.address).await?;
    let expected = Arc::<str>::from(http.graphql(&viewer.token, request).await?);
    let request = Arc::<str>::from(request);
    let count = bench.count(count);
    let left = Arc::new(AtomicU32::new(count));
    let ask = |_| {
        let (address, token, left) = (server.address, viewer.token.clone(), Arc::clone(&left));
        let (request, expected) = (Arc::clone(&request), Arc::clone(&expected));
        tokio::spawn(async move {
            let mut http = Http::open(address).await?;
            let mut latencies = Vec::<Duration>::new();
            while left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                    left.checked_sub(1)
                })
                .is_ok()
            {
                let began = Instant::now();
                let answer = http.graphql(&token, &request).await?;
                ensure(answer == &*expected, || format!("another answer: {answer}"))?;
                latencies.push(began.elapsed());
            }
            Result::<_>::Ok(latencies)
        })
    };
    let meter = Meter::start(server.process, bench.database)?;
    let mut latencies = Vec::new();
    for asking in (0..AT_ONCE).map(ask).collect::<Vec<_>>() {
        latencies.extend(asking.await??);
    }
    let cost = meter.stop()?;
    Line::new(format!("{what}, {AT_ONCE} at once"), count)
        .cost(cost)
        .latencies(latencies)
        .print(bench);
    Ok(())
}
