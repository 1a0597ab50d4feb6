//! Groups: what a message to many costs beside one to few, and the list of a large group's members.

use std::{ops::Range, time::Duration};

use futures_util::future::try_join_all;
use serde_json::{Value, json};

use crate::{
    Bench, Result, Store,
    audience::Audience,
    delivery::SOCKETS_PER_USER,
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
/// Until all who listen are live.
const SETTLE: Duration = Duration::from_millis(500);
/// Messages that are sent at the same time.
const AT_ONCE: [u32; 2] = [1, 16];
/// Requests for the list of members.
const PAGES: u32 = 1_000;

const MAKE: &str = "mutation($input: CreateGroupInput!) { createGroup(input: $input) { id } }";
const MEMBERS: &str = "query($id: ID!) { conversation(id: $id) {
    members { user { id username displayName avatarUrl online } role joinedAt }
} }";

/// All of it.
pub async fn groups(bench: &Bench) -> Result<()> {
    let few = MOST / u32::try_from(SOCKETS_PER_USER)?;
    let pair = Meeting {
        members: 2,
        sockets: 1,
        servers: 1,
        at_once: 1,
    };
    pair.deliveries(bench, None).await?;
    for at_once in AT_ONCE {
        let of_few = Meeting {
            members: few,
            sockets: SOCKETS_PER_USER,
            servers: 1,
            at_once,
        };
        let of_many = Meeting {
            members: MOST,
            sockets: 1,
            ..of_few
        };
        let spread = |meeting| Meeting {
            servers: SERVERS,
            ..meeting
        };
        let base = of_few.deliveries(bench, None).await?;
        of_many.deliveries(bench, Some(base)).await?;
        if bench.store == Store::Mongo {
            let base = spread(of_few).deliveries(bench, Some(base)).await?;
            spread(of_many).deliveries(bench, Some(base)).await?;
        }
    }
    members(bench).await
}

/// A group whose members all listen.
#[derive(Clone, Copy)]
struct Meeting {
    members: u32,
    /// Of each member.
    sockets: usize,
    servers: usize,
    /// How many messages are sent at the same time; when all have heard them, as many more.
    at_once: u32,
}

impl Meeting {
    /// What messages cost, unheard and heard; beside `base`, what a delivery elsewhere cost. Gives what all deliveries cost.
    async fn deliveries(self, bench: &Bench, base: Option<Cost>) -> Result<Cost> {
        let place = bench.place();
        let people = place.people(self.members, "-").await?;
        let servers = processes::start(&place, self.servers).await?;
        let group = Group::make(&servers[0], &people).await?;
        let rounds = bench.count(MESSAGES).div_ceil(self.at_once);
        let count = rounds * self.at_once;
        let warm_up = 10 * self.at_once;
        let (unheard, heard) = (
            warm_up..warm_up + count,
            warm_up + count..warm_up + 2 * count,
        );
        let mut lines = Vec::new();
        for _ in 0..self.at_once {
            lines.push(Http::open(servers[0].address).await?);
        }
        group.send(&mut lines, 0..warm_up, &mut []).await?;
        let meter = processes::meter(bench, &servers)?;
        group.send(&mut lines, unheard, &mut []).await?;
        let alone = meter.stop()?;

        let mut audiences = Vec::new();
        let mut listeners = 0;
        for (at, server) in servers.iter().enumerate() {
            let here = people.iter().skip(at).step_by(servers.len());
            let here: Vec<_> = here.flat_map(|one| vec![one; self.sockets]).collect();
            let count = u32::try_from(here.len())?;
            audiences.push((Audience::gather(server, here, LISTEN, read).await?, count));
            listeners += count;
        }
        // At several servers a subscription counts as begun before it has taken effect.
        tokio::time::sleep(SETTLE).await;
        let meter = processes::meter(bench, &servers)?;
        group
            .send(&mut lines, heard.clone(), &mut audiences)
            .await?;
        let cost = meter.stop()?;
        let mut all = Vec::new();
        for (audience, _) in audiences {
            all.extend(audience.dismiss().await?);
        }
        check(&all, &heard)?;
        let beyond = cost.beyond(alone);
        let spread = match (servers.len(), self.at_once) {
            (1, 1) => String::new(),
            (several, 1) => format!(" at {several} servers"),
            (1, at_once) => format!(", {at_once} at once"),
            (several, at_once) => format!(" at {several} servers, {at_once} at once"),
        };
        Line::new(
            format!(
                "message to a group of {}, {listeners} sockets listening{spread}",
                self.members
            ),
            count,
        )
        .cost(cost)
        .print(bench);
        let line = Line::new(
            format!("delivery to one of these {listeners} sockets{spread}"),
            count * listeners,
        );
        let note = match base {
            Some(base) => format!(
                "beyond the same unheard; {} that to as many {}",
                times(beyond.server, base.server),
                if self.sockets == 1 {
                    "of fewer people"
                } else {
                    "at one server"
                },
            ),
            None => "beyond the same unheard".to_owned(),
        };
        line.cost(beyond).note(note).print(bench);
        Ok(beyond)
    }
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
    owner: Person,
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
        let owner = people[0].clone();
        Ok(Self { id, owner })
    }

    /// Sends messages of these numbers, as many at once as there are lines; those that listen have heard them before the
    /// next are sent.
    async fn send(
        &self,
        lines: &mut [Http],
        numbers: Range<u32>,
        audiences: &mut [(Audience<u32>, u32)],
    ) -> Result<()> {
        let at_once = u32::try_from(lines.len())?;
        for first in numbers.step_by(lines.len()) {
            let sends = lines.iter_mut().zip(first..);
            try_join_all(sends.map(|(http, number)| self.send_one(http, number))).await?;
            for (audience, listeners) in audiences.iter_mut() {
                audience.hear(*listeners * at_once).await?;
            }
        }
        Ok(())
    }

    async fn send_one(&self, http: &mut Http, number: u32) -> Result<()> {
        let input = json!({ "to": { "conversationId": self.id }, "body": body(number) });
        let request = json!({ "query": SEND, "variables": { "input": input } }).to_string();
        let reply = http.graphql(&self.owner.token, &request).await?;
        let reply = serde_json::from_str::<Value>(reply)?;
        ensure(reply["data"]["sendMessage"]["seq"].is_i64(), || {
            reply.to_string()
        })
    }
}

/// Whether every socket heard all of it, in one order.
fn check(heard: &[Vec<u32>], numbers: &Range<u32>) -> Result<()> {
    let mut sorted = heard.first().cloned().unwrap_or_default();
    sorted.sort_unstable();
    let is_all = sorted.into_iter().eq(numbers.clone());
    ensure(is_all && heard.iter().all(|one| *one == heard[0]), || {
        "a socket heard other messages than were sent, or in another order".into()
    })
}
