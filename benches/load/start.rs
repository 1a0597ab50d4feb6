//! Starting.

use std::{fs, time::Duration};

use crate::{
    Bench, Result,
    process::{BINARY, Server},
    report::{Line, span},
};

/// How often.
const STARTS: usize = 5;

/// The time from the spawn to the first answer, on an empty store and on one that was used before.
pub async fn start(bench: &Bench) -> Result<()> {
    let (mut first, mut again) = (Vec::new(), Vec::new());
    let mut memory = 0;
    for _ in 0..STARTS {
        let place = bench.place();
        first.push(Server::start(&place).await?.started_in);
        let server = Server::start(&place).await?;
        again.push(server.started_in);
        memory = server.process.memory()?;
    }
    let binary = fs::metadata(BINARY)?.len() / 1_024;
    let note = format!(
        "median {} to the first answer on an empty store, {} again; the binary has {binary} KB",
        span(median(first)),
        span(median(again)),
    );
    Line::new("start", 1).memory(memory).note(note).print(bench);
    Ok(())
}

fn median(mut spans: Vec<Duration>) -> Duration {
    spans.sort_unstable();
    spans[spans.len() / 2]
}
