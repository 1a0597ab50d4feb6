//! Logs that lose something: one that was put back in time, and ones with holes.

use std::{sync::Arc, time::Duration};

use chinwag::{
    chat::News,
    domain::{ConversationId, ConversationRef, Entry, Position},
    error::Error,
};
use tokio::time::{sleep, timeout};

use super::{
    people::{World, send_one},
    process::{Process, viewer},
    reader::said,
    simulated,
    world::{Plan, make},
};

/// Several processes without faults.
async fn calm_world(seed: u64) -> Arc<World> {
    let world = make(&Plan {
        processes: 3,
        ..Plan::calm(seed)
    });
    for place in 0..3 {
        world.processes.start(place).await;
    }
    world
}

fn process(world: &World, place: usize) -> Process {
    world.processes.at(place).expect("runs")
}

/// Sends from the first to the second person, through any process.
async fn talk(world: &World, count: usize, what: &str) {
    for number in 0..count {
        let to = ConversationRef::User(world.people[1]);
        send_one(world, world.people[0], to, format!("{what} {number}")).await;
    }
}

/// What a subscription on a process gets from here on.
struct Following {
    stream: chinwag::chat::LogStream,
}

impl Following {
    async fn begin(world: &World, place: usize, after: Option<&str>) -> Result<Self, Error> {
        let chat = process(world, place).chat;
        let connection = chat.connect(viewer(world.people[1]), Vec::new());
        let connection = Arc::new(connection.expect("one socket"));
        let held = connection.hold_log();
        let stream = chat.stream(connection, held, News::Messages, None, after);
        Ok(Self {
            stream: stream.await?,
        })
    }

    /// The texts and the cursors of what comes within a while.
    async fn rest(&mut self) -> Vec<(String, Arc<str>)> {
        let mut rest = Vec::new();
        while let Ok(Some(next)) = timeout(Duration::from_secs(8), self.stream.next()).await {
            let next = next.expect("no error");
            rest.push((said(&next.event).message.body.as_str().into(), next.cursor));
        }
        rest
    }
}

#[test]
fn a_cursor_of_a_log_that_was_put_back_is_refused() {
    simulated(async {
        let world = calm_world(7).await;
        talk(&world, 5, "before").await;
        let mut early = Following::begin(&world, 0, None).await.expect("begins");
        talk(&world, 5, "kept").await;
        let kept = early.rest().await.pop().expect("something").1;
        let backup = world.processes.shared.log.lock().clone();
        talk(&world, 20, "lost").await;
        let lost: Vec<_> = early.rest().await;
        assert_eq!(lost.len(), 20);
        for place in 0..3 {
            world.processes.kill(place);
        }
        sleep(Duration::from_secs(10)).await;
        *world.processes.shared.log.lock() = backup;
        for place in 0..3 {
            world.processes.start(place).await;
        }
        for (more, times) in [0, 4, 60].into_iter().enumerate() {
            talk(&world, times, &format!("again {more}")).await;
            for (text, cursor) in &lost {
                for place in 0..3 {
                    let stream = Following::begin(&world, place, Some(cursor)).await;
                    let refused = matches!(stream, Err(Error::ResyncRequired));
                    assert!(refused, "{text:?} is not refused after {more}");
                }
            }
        }
        let mut stream = Following::begin(&world, 1, Some(&kept))
            .await
            .expect("kept");
        assert_eq!(stream.rest().await.len(), 64);
        assert_eq!(*world.processes.shared.broken.lock(), [""; 0]);
    });
}

/// Loses the entries of a conversation with these steps.
fn lose(world: &World, id: ConversationId, steps: &[i64]) -> Vec<Position> {
    let mut log = world.processes.shared.log.lock();
    let entries = log.entries(id, log.writes());
    let lost: Vec<_> = entries
        .filter(|entry| steps.contains(&entry.step))
        .map(|entry| entry.position)
        .collect();
    for position in &lost {
        log.lose(*position);
    }
    lost
}

/// The steps of the messages that say this.
fn steps_of(world: &World, id: ConversationId, texts: &[&str]) -> Vec<i64> {
    let log = world.processes.shared.log.lock();
    let entries = log.entries(id, log.writes());
    let says = |entry: &&Entry| {
        let message = entry.message();
        message.is_some_and(|message| texts.contains(&message.body.as_str()))
    };
    entries.filter(says).map(|entry| entry.step).collect()
}

#[test]
fn what_stands_behind_a_hole_is_told_all_the_same() {
    simulated(async {
        for seed in 1..=5 {
            let world = calm_world(seed).await;
            talk(&world, 4, "before").await;
            // One that knows nothing of what is lost, as it is stopped while it is written.
            let mut stream = Following::begin(&world, 0, None).await.expect("begins");
            world.processes.pause(0);
            let id = {
                let log = world.processes.shared.log.lock();
                let pair = chinwag::domain::Pair::new(world.people[0], world.people[1]);
                log.of_pair(pair.expect("two")).expect("started")
            };
            for number in 0..12 {
                let to = ConversationRef::User(world.people[1]);
                let place = 1 + number % 2;
                let new = super::people::message(to, &format!("{number}"), false);
                let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
                let chat = process(&world, place).chat;
                chat.send(world.people[0], new, deadline)
                    .await
                    .expect("sent");
            }
            let lost = lose(&world, id, &steps_of(&world, id, &["2", "5"]));
            assert_eq!(lost.len(), 2);
            world.processes.wake(0);
            let told = stream.rest().await;
            let told: Vec<&str> = told.iter().map(|(text, _)| text.as_str()).collect();
            assert_eq!(told, ["0", "1", "3", "4", "6", "7", "8", "9", "10", "11"]);
            assert_eq!(stream.rest().await.len(), 0);
            talk(&world, 3, "after").await;
            assert_eq!(stream.rest().await.len(), 3);
        }
    });
}
