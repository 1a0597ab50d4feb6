//! Pages: a part of a long history, and of the list of users.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use chinwag::domain::{Body, Conversation, Draft, MessageId, Pair, Timestamp};
use serde_json::{Value, json};

use crate::{
    Bench, Result, ensure,
    http::Http,
    place::{Person, Place},
    process::{Meter, Server},
    report::Line,
    talk::{body, number},
};

const HISTORY: &str = "query($in: ConversationRef!) { messages(in: $in, last: 50) {
    nodes { id body sender { id username displayName } sentAt seq } pageInfo { hasPreviousPage startCursor }
} }";
const SIDEBAR: &str = "{ sidebarUsers(first: 50) {
    nodes { id username displayName avatarUrl online } pageInfo { hasNextPage endCursor }
} }";
const MESSAGES: u32 = 5_000;
const USERS: u32 = 2_000;
/// Messages seeded as one write.
const BATCH: usize = 250;
/// Requests at once.
const AT_ONCE: u32 = 8;

/// The newest 50 of 5,000 messages.
pub async fn history(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let people = place.people(2, "-").await?;
    converse(&place, &people).await?;
    let server = Server::start(&place).await?;
    let variables = json!({ "in": { "userId": people[1].id.to_string() } });
    let request = json!({ "query": HISTORY, "variables": variables }).to_string();
    let page = first_answer(&server, &people[0], &request).await?;
    let nodes = page["data"]["messages"]["nodes"]
        .as_array()
        .ok_or("no page")?;
    let newest = MESSAGES - 50..MESSAGES;
    ensure(nodes.len() == newest.len(), || {
        format!("{} messages", nodes.len())
    })?;
    for (node, expected) in nodes.iter().zip(newest) {
        let there = number(&node["body"])? == expected && node["seq"] == expected + 1;
        ensure(there, || format!("not message {expected}: {node}"))?;
    }
    measure(
        bench,
        &server,
        &people[0],
        &request,
        "page of 50 of 5,000 messages",
    )
    .await
}

/// The first 50 of 2,000 users.
pub async fn sidebar(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let people = place.people(USERS, "-").await?;
    let server = Server::start(&place).await?;
    let request = json!({ "query": SIDEBAR }).to_string();
    let page = first_answer(&server, &people[0], &request).await?;
    let nodes = page["data"]["sidebarUsers"]["nodes"]
        .as_array()
        .ok_or("no page")?;
    let names = nodes.iter().filter_map(|node| node["username"].as_str());
    let others = people[1..=50].iter().map(|person| person.username.as_str());
    ensure(names.eq(others), || "not the first 50 users".into())?;
    measure(
        bench,
        &server,
        &people[0],
        &request,
        "sidebar page of 50 of 2,000 users",
    )
    .await
}

/// Two people's conversation, straight into the store.
async fn converse(place: &Place, people: &[Person]) -> Result<()> {
    let store = place.open().await?;
    let pair = Pair::new(people[0].id, people[1].id).ok_or("not two people")?;
    let conversation = Conversation::direct(pair, Timestamp::now());
    let conversation = store.create_direct(&conversation).await?;
    let drafts = (0..MESSAGES)
        .zip(people.iter().cycle())
        .map(|(number, sender)| Draft {
            id: MessageId::new(),
            conversation_id: conversation.id,
            sender_id: sender.id,
            body: Body::stored(&body(number)),
            client_message_id: None,
            sent_at: Timestamp::now(),
            reply_to: None,
        });
    for batch in drafts.collect::<Vec<_>>().chunks(BATCH) {
        store.append(batch).await?;
    }
    store.close().await;
    Ok(())
}

async fn first_answer(server: &Server, viewer: &Person, request: &str) -> Result<Value> {
    let mut http = Http::open(server.address).await?;
    Ok(serde_json::from_str(
        http.graphql(&viewer.token, request).await?,
    )?)
}

/// Asks the same again and again, over kept connections; every answer must be the first one.
async fn measure(
    bench: &Bench,
    server: &Server,
    viewer: &Person,
    request: &str,
    what: &str,
) -> Result<()> {
    let mut http = Http::open(server.address).await?;
    let expected = Arc::<str>::from(http.graphql(&viewer.token, request).await?);
    let request = Arc::<str>::from(request);
    let count = bench.count(5_000);
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
