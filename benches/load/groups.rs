//! Groups: what a message to many costs beside one to few, and the list of a large group's members.

use serde_json::{Value, json};

use crate::{
    Bench, Result, Store,
    audience::Audience,
    delivery::{SOCKETS_PER_USER, check},
    ensure,
    http::Http,
    pages::{first_answer, measure},
    place::Person,
    process::{Cost, Server},
    processes,
    report::{Line, times},
    talk::{LISTEN, SEND, body, read},
};

/// As many as a group may have.
const MOST: u32 = 250;
/// Servers among whose sockets a large group is spread.
const SERVERS: usize = 4;
const MESSAGES: u32 = 200;
/// Requests for the list of members.
const PAGES: u32 = 1_000;

const MAKE: &str = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id } }";
const MEMBERS: &str = "query($id: ID!) { conversation(id: $id) {
    members { user { id username displayName avatarUrl online } role joinedAt }
} }";

/// All of it.
pub async fn groups(bench: &Bench) -> Result<()> {
    let few = MOST / u32::try_from(SOCKETS_PER_USER)?;
    deliveries(bench, 2, 1, 1, None).await?;
    let base = deliveries(bench, few, SOCKETS_PER_USER, 1, None).await?;
    deliveries(bench, MOST, 1, 1, Some(base)).await?;
    if bench.store == Store::Mongo {
        deliveries(bench, MOST, 1, SERVERS, Some(base)).await?;
    }
    members(bench).await
}

/// Messages to a group whose members all listen, on so many sockets each, at so many servers; beside `base`, what a
/// delivery elsewhere cost. Gives what all of these cost.
async fn deliveries(
    bench: &Bench,
    members: u32,
    sockets: usize,
    servers: usize,
    base: Option<Cost>,
) -> Result<Cost> {
    let place = bench.place();
    let people = place.people(members, "-").await?;
    let servers = processes::start(&place, servers).await?;
    let group = Group::make(&servers[0], &people).await?;
    let count = bench.count(MESSAGES);
    let (unheard, heard) = (10..10 + count, 10 + count..10 + 2 * count);
    let mut http = Http::open(servers[0].address).await?;
    for number in 0..10 {
        group.send(&mut http, &people[0], number).await?;
    }
    let meter = processes::meter(bench, &servers)?;
    for number in unheard {
        group.send(&mut http, &people[0], number).await?;
    }
    let alone = meter.stop()?;

    let mut audiences = Vec::new();
    let mut listeners = 0;
    for (at, server) in servers.iter().enumerate() {
        let here = people.iter().skip(at).step_by(servers.len());
        let here: Vec<_> = here.flat_map(|one| vec![one; sockets]).collect();
        let count = u32::try_from(here.len())?;
        audiences.push((Audience::gather(server, here, LISTEN, read).await?, count));
        listeners += count;
    }
    let meter = processes::meter(bench, &servers)?;
    for number in heard.clone() {
        group.send(&mut http, &people[0], number).await?;
        for (audience, count) in &mut audiences {
            audience.hear(*count).await?;
        }
    }
    let cost = meter.stop()?;
    for (audience, _) in audiences {
        check(&audience.dismiss().await?, &heard)?;
    }
    let beyond = cost.beyond(alone);
    let servers = match servers.len() {
        1 => String::new(),
        several => format!(" at {several} servers"),
    };
    Line::new(
        format!("message to a group of {members}, {listeners} sockets listening{servers}"),
        count,
    )
    .cost(cost)
    .print(bench);
    let line = Line::new(
        format!("delivery to one of these {listeners} sockets{servers}"),
        count * listeners,
    );
    let note = match base {
        Some(base) => format!(
            "beyond the same unheard; {} that to as many of fewer people",
            times(beyond.server, base.server)
        ),
        None => "beyond the same unheard".to_owned(),
    };
    line.cost(beyond).note(note).print(bench);
    Ok(beyond)
}

/// Everyone in a group as large as it may be, in one answer.
async fn members(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let people = place.people(MOST, "-").await?;
    let server = Server::start(&place).await?;
    let group = Group::make(&server, &people).await?;
    let request = json!({ "query": MEMBERS, "variables": { "id": group.id } }).to_string();
    let answer = first_answer(&server, &people[1], &request).await?;
    let listed = answer["data"]["conversation"]["members"].as_array();
    let listed = listed.ok_or_else(|| answer.to_string())?;
    ensure(listed.len() == people.len(), || {
        format!("{} members", listed.len())
    })?;
    let what = format!("members of a group of {MOST}");
    measure(bench, &server, &people[1], &request, PAGES, &what).await
}

/// A group that is there.
struct Group {
    id: String,
}

impl Group {
    /// Of all these, the first of whom is its owner.
    async fn make(server: &Server, people: &[Person]) -> Result<Self> {
        let others: Vec<_> = people[1..].iter().map(|one| one.id.to_string()).collect();
        let input = json!({ "title": "A group", "userIds": others });
        let request = json!({ "query": MAKE, "variables": { "input": input } }).to_string();
        let answer = first_answer(server, &people[0], &request).await?;
        let id = answer["data"]["createGroup"]["id"].as_str();
        let id = id.ok_or_else(|| answer.to_string())?.to_owned();
        Ok(Self { id })
    }

    async fn send(&self, http: &mut Http, sender: &Person, number: u32) -> Result<()> {
        let input = json!({ "to": { "conversationId": self.id }, "body": body(number) });
        let request = json!({ "query": SEND, "variables": { "input": input } }).to_string();
        let reply = http.graphql(&sender.token, &request).await?;
        let reply = serde_json::from_str::<Value>(reply)?;
        ensure(reply["data"]["sendMessage"]["seq"].is_i64(), || {
            reply.to_string()
        })
    }
}
