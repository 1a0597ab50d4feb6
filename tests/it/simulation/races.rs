//! Processes that write into one conversation back to back.

use std::{collections::HashMap, time::Duration};

use chinwag::domain::ConversationRef;
use tokio::time::{Instant, sleep};

use super::{
    people::message,
    simulated,
    world::{Plan, make},
};

/// Everyone gets at least a tenth of what there is to get, and nobody waits for longer than a send may take.
#[test]
fn nobody_is_kept_out_of_a_conversation() {
    for seed in 1..=6 {
        let counts = simulated(async {
            let processes = if seed % 2 == 0 { 2 } else { 4 };
            let world = make(&Plan {
                processes,
                ..Plan::calm(seed)
            });
            for place in 0..processes {
                world.processes.start(place).await;
            }
            let until = Instant::now() + Duration::from_secs(8);
            let sending = (0..processes).map(|place| {
                let world = world.clone();
                tokio::spawn(async move {
                    let chat = world.processes.at(place).expect("runs").chat;
                    let mut count = 0;
                    while Instant::now() < until {
                        count += 1;
                        let to = ConversationRef::User(world.people[1]);
                        let new = message(to, &format!("{place}.{count}"), false);
                        let deadline = Instant::now() + Duration::from_secs(8);
                        let sent = chat.send(world.people[0], new, deadline).await;
                        sent.unwrap_or_else(|error| panic!("{place}.{count}: {error:?}"));
                    }
                    (place, count)
                })
            });
            let sending: Vec<_> = sending.collect();
            let mut counts = HashMap::new();
            for one in sending {
                let (place, count) = one.await.expect("ends");
                counts.insert(place, count);
            }
            sleep(Duration::from_secs(1)).await;
            assert_eq!(
                *world.processes.shared.broken.lock(),
                [""; 0],
                "seed {seed}"
            );
            counts
        });
        let all: usize = counts.values().sum();
        let least = counts.values().min().copied().unwrap_or(0);
        assert!(least * 10 >= all, "seed {seed}: {counts:?}");
    }
}
