//! Logging in, beside the password's hash alone.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{
    Bench, Result, ensure,
    http::Http,
    process::{Cost, Meter, Process, Server},
    report::Line,
};

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token user { id } } }";
const PASSWORD: &str = "a long password";
const COST: u32 = 10;
/// Logins, then hashes, in turn, so that a noisy moment hits both.
const ROUNDS: u32 = 6;

/// The cost of a login, and of one bcrypt verification.
pub async fn login(bench: &Bench) -> Result<()> {
    let place = bench.place();
    let hash = bcrypt::non_truncating_hash(PASSWORD, COST)?;
    let people = place.people(1, &hash).await?;
    let server = Server::start(&place).await?;
    let mut http = Http::open(server.address).await?;
    let input = json!({ "username": people[0].username, "password": PASSWORD });
    let request = json!({ "query": LOGIN, "variables": { "input": input } }).to_string();
    let each = bench.count(10);
    let mut latencies = Vec::new();
    let mut hashing = Vec::<Cost>::new();
    let meter = Meter::start(server.process, bench.database)?;
    for _ in 0..ROUNDS {
        for _ in 0..each {
            let began = Instant::now();
            let reply = http
                .post("/graphql", "content-type: application/json\r\n", &request)
                .await?;
            latencies.push(began.elapsed());
            let reply = serde_json::from_str::<Value>(reply)?;
            let id = &reply["data"]["login"]["user"]["id"];
            ensure(*id == people[0].id.to_string(), || reply.to_string())?;
        }
        let meter = Meter::start(Process::own(), None)?;
        for _ in 0..each {
            let same = bcrypt::non_truncating_verify(PASSWORD, &hash)?;
            ensure(same, || "bcrypt knows its hash no more".into())?;
        }
        hashing.push(meter.stop()?);
    }
    let took = latencies.iter().sum();
    let cost = meter.stop()?.within(took);
    let total = |of: fn(&Cost) -> Duration| hashing.iter().map(of).sum();
    let floor = Cost {
        server: total(|round| round.server),
        database: None,
        took: total(|round| round.took),
    };
    let count = ROUNDS * each;
    Line::new("floor: bcrypt's verification at cost 10", count)
        .cost(floor)
        .print(bench);
    Line::new("login at bcrypt cost 10", count)
        .cost(cost)
        .latencies(latencies)
        .print(bench);
    Ok(())
}
