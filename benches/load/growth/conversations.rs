//! Someone with more and more conversations.

use serde_json::json;

use crate::{
    Bench, Result, ensure,
    http::Http,
    pages::{first_answer, measure},
    process::{Meter, Server},
    report::Line,
    talk::{Talk, number},
};

const CONVERSATIONS: [u32; 2] = [10, 1_000];
/// Requests for the first page.
const PAGES: u32 = 2_000;
const MESSAGES: u32 = 5_000;
/// Messages at once.
const AT_ONCE: u32 = 16;
/// How a frontend asks for the first 10 conversations.
pub const PAGE: &str = "{ conversations(first: 10) {
    nodes { id members { user { id username displayName } } lastMessage { id body sentAt } unreadCount }
    pageInfo { hasNextPage endCursor }
} }";

/// The first page of them, and a message in one of them, by how many there are.
pub async fn conversations(bench: &Bench) -> Result<()> {
    for conversations in CONVERSATIONS.map(|count| bench.count(count).max(10)) {
        let place = bench.place();
        let people = place.people(1 + conversations, "-").await?;
        let (viewer, others) = people.split_first().ok_or("nobody")?;
        let server = Server::start(&place).await?;
        let pairs = others
            .iter()
            .flat_map(|other| [viewer.clone(), other.clone()]);
        let talk = Talk::new(&server, &pairs.collect::<Vec<_>>());
        // A message in each, then the one that is to stand first.
        talk.send(0..conversations, AT_ONCE).await?;
        let mut http = Http::open(server.address).await?;
        talk.send_one(&mut http, conversations).await?;

        let request = json!({ "query": PAGE }).to_string();
        let page = first_answer(&server, viewer, &request).await?;
        let nodes = page["data"]["conversations"]["nodes"].as_array();
        let nodes = nodes.ok_or_else(|| page.to_string())?;
        let newest = number(&nodes[0]["lastMessage"]["body"])?;
        ensure(nodes.len() == 10 && newest == conversations, || {
            format!("not the first page: {page}")
        })?;
        let what = format!("first 10 of {conversations} conversations");
        measure(bench, &server, viewer, &request, PAGES, &what).await?;

        let count = bench.count(MESSAGES);
        let first = conversations + 1;
        let meter = Meter::start(server.process, bench.database)?;
        let latencies = talk.send(first..first + count, AT_ONCE).await?;
        let cost = meter.stop()?;
        talk.check_history().await?;
        let what = format!("message in someone's {conversations} conversations, {AT_ONCE} at once");
        Line::new(what, count)
            .cost(cost)
            .latencies(latencies)
            .note("half of them by that one")
            .print(bench);
    }
    Ok(())
}
