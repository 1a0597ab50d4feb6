//! What befalls the databases of a replica set.

use rand::{RngExt, rngs::StdRng};
use tokio::time::{Instant, sleep};

use super::fleet::millis;
use crate::support::replicas::{End, Replicas};

/// Takes one primary after the other away until then, and leaves all of them running; how many.
pub async fn suffer(replicas: &mut Replicas, until: Instant, mut random: StdRng) -> usize {
    let mut ends = 0;
    loop {
        sleep(millis(&mut random, 1_000, 6_000)).await;
        if Instant::now() >= until {
            return ends;
        }
        let end = End::ALL[random.random_range(0..End::ALL.len())];
        replicas.all_there().await;
        let primary = replicas.primary().await;
        println!("the primary {end:?}");
        replicas.end(primary, end).await;
        ends += 1;
        replicas.primary_but(Some(primary)).await;
        sleep(millis(&mut random, 0, 3_000)).await;
        replicas.bring_back(primary, end).await;
    }
}
