//! More and more sockets that are open, subscribed and quiet.

use super::descriptors;
use crate::{Bench, Result, idle};

const SOCKETS: [u32; 3] = [1_000, 5_000, 20_000];
/// Descriptors that either process has open besides: files, listeners, the database's connections.
const OTHERS: u32 = 250;

/// Connecting and staying, one socket for each user; as many as fit where not all do.
pub async fn sockets(bench: &Bench) -> Result<()> {
    let limit = descriptors::raise()?;
    for wanted in SOCKETS.map(|count| bench.count(count)) {
        let sockets = wanted.min(limit.saturating_sub(OTHERS));
        let note = if sockets < wanted {
            format!("not {wanted}: a process here may have {limit} files open (ulimit -Hn)")
        } else {
            String::new()
        };
        idle::stay(bench, sockets, 1, &format!("{sockets} sockets"), &note).await?;
    }
    Ok(())
}
