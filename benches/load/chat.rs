//! Sending: a hundred pairs who talk over HTTP.

use std::{ops::Range, time::Duration};

use crate::{
    Bench, Result, Store,
    process::{Meter, Server},
    report::Line,
    talk::Talk,
};

/// People, in pairs.
pub const PEOPLE: u32 = 200;
/// Messages that are sent before anything is measured: each pair's first ones.
pub const WARM_UP: Range<u32> = 0..2 * PEOPLE;
/// How long the store may take for what it writes behind the messages.
pub const SETTLE: Duration = Duration::from_millis(300);

/// The cost of a message by how many are sent at once.
pub async fn chat(bench: &Bench) -> Result<()> {
    let most = match bench.store {
        Store::Embedded => &[16, 64, 256][..],
        Store::Mongo => &[16, 64][..],
    };
    for at_once in most {
        let place = bench.place();
        let people = place.people(PEOPLE, "-").await?;
        let server = Server::start(&place).await?;
        let talk = Talk::new(&server, &people);
        talk.send(WARM_UP, *at_once).await?;
        let count = bench.count(20_000);
        let writes = Writes::until_now(bench, &server).await?;
        let meter = Meter::start(server.process, bench.database)?;
        let latencies = talk
            .send(WARM_UP.end..WARM_UP.end + count, *at_once)
            .await?;
        let took = meter.elapsed();
        tokio::time::sleep(SETTLE).await;
        let cost = meter.stop()?.within(took);
        let writes = Writes::until_now(bench, &server).await?.since(&writes);
        talk.check_history().await?;
        Line::new(format!("message, {at_once} at once"), count)
            .cost(cost)
            .latencies(latencies)
            .note(writes)
            .print(bench);
    }
    Ok(())
}

/// How a server has written messages.
struct Writes {
    messages: u32,
    batches: u32,
    /// What the embedded store synced to disk, whatever it held.
    commits: Option<u32>,
}

impl Writes {
    async fn until_now(bench: &Bench, server: &Server) -> Result<Self> {
        const COMMITS: &str = r#"chinwag_store_call_duration_seconds_count{call="sqlite.write"}"#;
        Ok(Self {
            messages: server.metric("chinwag_batch_entries_sum").await?,
            batches: server.metric("chinwag_batch_entries_count").await?,
            commits: match bench.store {
                Store::Embedded => Some(server.metric(COMMITS).await?),
                Store::Mongo => None,
            },
        })
    }

    /// What there is to say of those since `before`.
    fn since(&self, before: &Self) -> String {
        let messages = f64::from((self.messages - before.messages).max(1));
        let batches = f64::from((self.batches - before.batches).max(1));
        let batches = format!("{:.1} messages a batch", messages / batches);
        match self.commits.zip(before.commits) {
            Some((now, then)) => {
                let commits = f64::from(now - then) / messages;
                format!("{batches}, {commits:.3} commits a message")
            }
            None => batches,
        }
    }
}
