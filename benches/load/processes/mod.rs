//! Several processes on one MongoDB: what a message, a replay and a list of conversations cost there, beside what they
//! cost where one process does all the work.

mod hearing;
mod lists;
mod measured;
mod replay;
mod sending;

use measured::Measured;

use crate::{
    Bench, Result, Store,
    place::Place,
    process::{Meter, Server},
};

/// What processes hear of each other.
pub async fn hear(bench: &Bench) -> Result<()> {
    if bench.store == Store::Embedded {
        return Ok(());
    }
    hearing::hearing(bench).await
}

/// All of it.
pub async fn processes(bench: &Bench) -> Result<()> {
    if bench.store == Store::Embedded {
        return Ok(());
    }
    sending::sending(bench).await?;
    replay::replay(bench).await?;
    lists::lists(bench).await?;
    hearing::hearing(bench).await
}

/// So many servers on one place, all of them ready.
pub async fn start(place: &Place, count: usize) -> Result<Vec<Server>> {
    let mut servers = Vec::with_capacity(count);
    for _ in 0..count {
        let server = Server::start(place).await?;
        server.ready().await?;
        servers.push(server);
    }
    Ok(servers)
}

/// For all of these servers together.
pub fn meter(bench: &Bench, servers: &[Server]) -> Result<Meter> {
    Meter::start_all(servers.iter().map(|server| server.process), bench.database)
}
