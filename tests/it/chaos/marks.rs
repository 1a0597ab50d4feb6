//! Someone who reads what is there, now here and now there.

use std::time::Duration;

use futures_util::future::join_all;
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Goal, Scene,
    fleet::{PROCESSES, millis},
};
use crate::support::eventually;

const NEWEST: &str = "{ conversations { nodes { lastMessage { id } } } }";
const MARK: &str = "mutation($id: ID!) { markRead(messageId: $id) { id } }";

/// How long a process may take to answer before another one is asked.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// Reads the newest message of one conversation after the other until then.
pub async fn read(scene: &Scene, person: usize, until: Instant, mut random: StdRng) {
    while Instant::now() < until {
        sleep(millis(&mut random, 100, 1_500)).await;
        let [shown_by, read_at] =
            [(); 2].map(|()| scene.at(person, random.random_range(0..PROCESSES)));
        let reading = async {
            let list = shown_by.try_run(NEWEST, json!({})).await?;
            let nodes = list["conversations"]["nodes"].as_array()?;
            let newest = &nodes.choose(&mut random)?["lastMessage"]["id"];
            read_at.try_run(MARK, json!({ "id": newest })).await
        };
        // Whatever comes of it: what is read in the end is said last.
        let _ = timeout(ANSWERED_WITHIN, reading).await;
    }
}

/// Everyone reads the last words.
pub async fn read_all(scene: &Scene, goal: &Goal) {
    let read = |person: usize, id: String| async move {
        let mut process = person;
        eventually("a mark is answered", async || {
            process = (process + 1) % PROCESSES;
            let client = scene.at(person, process);
            let mark = client.try_run(MARK, json!({ "id": id }));
            matches!(timeout(ANSWERED_WITHIN, mark).await, Ok(Some(_)))
        })
        .await;
    };
    let all = goal.iter().flat_map(|(pair, last)| {
        let read = |person| read(person, last.id.clone());
        pair.map(read)
    });
    join_all(all).await;
}
