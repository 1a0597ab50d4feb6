//! Someone who loads the screen and listens from the cursor that came with it, each at another process.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{
    Scene,
    fleet::{PROCESSES, millis},
    listener::{Kind, Listener},
};

const SCREEN: &str = "{
    conversations { nodes { id unreadCount lastMessage { id seq } } }
    streamCursor
}";

/// How long a process may take to answer before another one is asked.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// What came of loading screens.
#[derive(Default)]
pub struct Loaded {
    pub screens: usize,
    /// Messages that came behind them.
    pub messages: usize,
    pub faults: Vec<String>,
}

/// Loads screens until then.
pub async fn load(scene: &Scene, until: Instant, mut random: StdRng) -> Loaded {
    let mut loaded = Loaded::default();
    while Instant::now() < until {
        let person = random.random_range(0..scene.people.len());
        let process = random.random_range(0..PROCESSES);
        let client = scene.at(person, process);
        let asking = async {
            let answer = client.request(SCREEN, json!({})).send().await.ok()?;
            answer.json::<Value>().await.ok()
        };
        let Ok(Some(screen)) = timeout(ANSWERED_WITHIN, asking).await else {
            tokio::time::sleep(millis(&mut random, 10, 100)).await;
            continue;
        };
        if let Some(errors) = screen.get("errors") {
            if errors[0]["extensions"]["code"] != "SERVICE_UNAVAILABLE" {
                loaded.faults.push(screen.to_string());
            }
            continue;
        }
        let nodes = screen["data"]["conversations"]["nodes"].as_array();
        let cursor = screen["data"]["streamCursor"].as_str().expect("a cursor");
        let kind = [Kind::Events, Kind::NewMessage][random.random_range(0..2)];
        let seed = StdRng::seed_from_u64(random.random());
        let mut listener = Listener::new(scene, (person, None), kind, cursor.to_owned(), seed);
        for node in nodes.expect("a list") {
            let seq = node["lastMessage"]["seq"].as_i64().unwrap_or(0);
            let unread = node["unreadCount"].as_i64();
            if unread.is_none_or(|unread| unread < 0 || unread > seq) {
                loaded
                    .faults
                    .push(format!("unread of person {person} at {process}: {node}"));
            }
            let id = node["id"].as_str().expect("an id").to_owned();
            listener.order.shown.insert(id, seq);
        }
        let leave = Instant::now() + millis(&mut random, 500, 4_000);
        listener.wander(leave.min(until)).await;
        loaded.screens += 1;
        loaded.messages += listener.got.len();
        let from = |fault| format!("behind a screen of process {process}: {fault}");
        loaded.faults.extend(listener.faults.into_iter().map(from));
    }
    loaded
}
