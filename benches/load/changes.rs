//! What becomes of messages: edited, reacted to, deleted, beside their sending.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Bench, Result,
    chat::{PEOPLE, SETTLE},
    ensure,
    http::Http,
    place::Person,
    process::{Cost, Meter, Server},
    report::{Line, times},
    talk::body,
    work::Work,
};

const MESSAGES: u32 = 5_000;
const AT_ONCE: u32 = 16;

const SEND: &str =
    "mutation($input: SendMessageInput!) { done: sendMessage(input: $input) { id } }";
const EDIT: &str =
    "mutation($id: ID!, $body: String!) { done: editMessage(messageId: $id, body: $body) { id } }";
const REACT: &str =
    "mutation($id: ID!) { done: addReaction(messageId: $id, emoji: \"👍\") { id } }";
const DELETE: &str = "mutation($id: ID!) { done: deleteMessage(messageId: $id) { id } }";

/// What someone asks for.
struct Request {
    by: Person,
    text: String,
}

/// The cost of each, beside that of a send.
pub async fn changes(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let people = place.people(PEOPLE, "-").await?;
    let server = Server::start(&place).await?;
    let pairs: Vec<&[Person; 2]> = people.as_chunks().0.iter().collect();
    let pair = |number: u32| pairs[number as usize % pairs.len()];
    let send = |number: u32| {
        let [sender, receiver] = pair(number);
        let input = json!({ "to": { "userId": receiver.id.to_string() }, "body": body(number) });
        request(sender, SEND, &json!({ "input": input }))
    };
    let count = bench.count(MESSAGES);
    let first = u32::try_from(pairs.len())?;
    run(&server, (0..first).map(send).collect()).await?;
    let sends = (first..first + count).map(send).collect();
    let (ids, sent) = measured(bench, &server, "message sent", sends, None).await?;
    let each = |by: usize, document: &str, body: Option<u32>| {
        let requests = ids.iter().zip(first..).map(|(id, number)| {
            let mut variables = json!({ "id": id });
            if let Some(other) = body {
                variables["body"] = json!(self::body(number + other));
            }
            request(&pair(number)[by], document, &variables)
        });
        requests.collect::<Vec<_>>()
    };
    for (what, requests) in [
        ("message edited", each(0, EDIT, Some(count))),
        ("message reacted to", each(1, REACT, None)),
        ("message deleted", each(0, DELETE, None)),
    ] {
        measured(bench, &server, what, requests, Some(sent)).await?;
    }
    Ok(())
}

fn request(by: &Person, document: &str, variables: &Value) -> Request {
    Request {
        by: by.clone(),
        text: json!({ "query": document, "variables": variables }).to_string(),
    }
}

/// Runs all of these and prints what they cost, beside `base`; gives the ids of the messages.
async fn measured(
    bench: &Bench,
    server: &Server,
    what: &str,
    requests: Vec<Request>,
    base: Option<Cost>,
) -> Result<(Vec<String>, Cost)> {
    let count = u32::try_from(requests.len())?;
    let meter = Meter::start(server.process, bench.database)?;
    let (ids, latencies) = run(server, requests).await?;
    let took = meter.elapsed();
    tokio::time::sleep(SETTLE).await;
    let cost = meter.stop()?.within(took);
    let note = base.map(|base| format!("{} a send", times(cost.server, base.server)));
    Line::new(format!("{what}, {AT_ONCE} at once"), count)
        .cost(cost)
        .latencies(latencies)
        .note(note.unwrap_or_default())
        .print(bench);
    Ok((ids, cost))
}

/// Asks for all of these, so many at once; gives the ids of the messages in the order of the requests, and how long each
/// took.
async fn run(server: &Server, requests: Vec<Request>) -> Result<(Vec<String>, Vec<Duration>)> {
    let work = Work::of(0..requests.len().try_into()?);
    let requests = Arc::new(requests);
    let workers = (0..AT_ONCE).map(|_| {
        let (address, work, requests) = (server.address, work.clone(), requests.clone());
        tokio::spawn(async move {
            let mut http = Http::open(address).await?;
            let mut done = Vec::new();
            while let Some(number) = work.next() {
                let Request { by, text } = &requests[usize::try_from(number)?];
                let began = Instant::now();
                let reply = http.graphql(&by.token, text).await?;
                let took = began.elapsed();
                let reply = serde_json::from_str::<Value>(reply)?;
                let id = reply["data"]["done"]["id"].as_str();
                let id = id.ok_or_else(|| reply.to_string())?.to_owned();
                done.push((number, id, took));
            }
            Result::<_>::Ok(done)
        })
    });
    let mut done = Vec::new();
    for worker in workers.collect::<Vec<_>>() {
        done.extend(worker.await??);
    }
    done.sort_unstable();
    ensure(done.len() == requests.len(), || "some were not done".into())?;
    Ok(done.into_iter().map(|(_, id, took)| (id, took)).unzip())
}
