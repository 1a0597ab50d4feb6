//! Blocks against everything that is under way when they are made.

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::task::yield_now;

use super::*;

on_both_stores!(
    no_message_stands_behind_a_block_that_was_answered,
    of_a_block_and_its_end_at_once_one_outcome_holds_everywhere,
);

fn random() -> StdRng {
    let seed = rand::random();
    println!("seed {seed}");
    StdRng::seed_from_u64(seed)
}

/// Sends until that is forbidden; gives what was taken.
async fn talk(from: &Client, to: &Client, name: &str, taken: &AtomicUsize) -> Vec<(Value, Value)> {
    let mut said = Vec::new();
    loop {
        let body = format!("{name} {}", said.len());
        let input = named(to, &body, &body);
        let answer = from.sends(input.clone()).await;
        match answer.code() {
            None => said.push((input, answer.done())),
            Some("FORBIDDEN") => return said,
            Some(other) => panic!("{other}: {answer:?}"),
        }
        taken.fetch_add(1, Ordering::Relaxed);
    }
}

async fn no_message_stands_behind_a_block_that_was_answered(kind: StoreKind) {
    let (servers, mut random) = (Servers::start(kind).await, random());
    for number in 0..9 {
        let [ann, bob] = servers.pair(number).await;
        let (ann, bob) = (&ann, &bob);
        look(&ann.there, &bob.there).await;
        look(&bob.there, &ann.there).await;
        // From none, so that first messages race as well.
        let enough = [0, 1, random.random_range(2..30)][number % 3];
        let yields = random.random_range(0..20);
        let taken = AtomicUsize::new(0);
        let talks = join_all((0..4).map(|talk_number| {
            let name = format!("{number} {talk_number}");
            let taken = &taken;
            async move {
                match talk_number % 2 {
                    0 => talk(&bob.there, &ann.there, &name, taken).await,
                    _ => talk(&ann.there, &bob.there, &name, taken).await,
                }
            }
        }));
        let block = async {
            while taken.load(Ordering::Relaxed) < enough {
                yield_now().await;
            }
            for _ in 0..yields {
                yield_now().await;
            }
            ann.here.block(&bob.here).await;
            tokio::join!(bodies(&ann.here, &bob.here), bodies(&bob.there, &ann.there))
        };
        let (said, (here, there)) = tokio::join!(talks, block);
        let end = bodies(&bob.there, &ann.there).await;
        assert_eq!(here, end, "a message came behind the block");
        assert_eq!(there, end, "a message came behind the block");
        let mut known: Vec<_> = said.iter().flatten().collect();
        known.sort_by_key(|(_, message)| message["seq"].as_i64());
        let known_bodies = known.iter().map(|(_, message)| text(&message["body"]));
        assert_eq!(known_bodies.collect::<Vec<_>>(), end);
        for (input, message) in known {
            let sender = if message["sender"]["id"] == bob.here.id.as_str() {
                bob
            } else {
                ann
            };
            for sender in [&sender.here, &sender.there] {
                assert_eq!(sender.sends(input.clone()).await.done(), *message);
            }
        }
        let listed = bob.here.listed().await;
        assert_eq!(listed.len(), usize::from(!end.is_empty()));
    }
    servers.stop().await;
}

async fn of_a_block_and_its_end_at_once_one_outcome_holds_everywhere(kind: StoreKind) {
    let (servers, mut random) = (Servers::start(kind).await, random());
    for number in 0..16 {
        let [ann, bob] = servers.pair(number).await;
        look(&bob.there, &ann.there).await;
        if random.random() {
            says(&bob.there, &ann.there, "hello").await.done();
        }
        ann.here.block(&bob.here).await;
        let yields = random.random_range(0..20);
        tokio::join!(unblock(&ann.here, &bob.here), async {
            for _ in 0..yields {
                yield_now().await;
            }
            ann.there.block(&bob.there).await;
        });
        let blocked = "{ blockedUsers { id } }";
        let blocked = ann.here.ok(blocked, json!({})).await["blockedUsers"].clone();
        let blocked = blocked != json!([]);
        let code = blocked.then_some("FORBIDDEN");
        for (from, to) in [
            (&bob.there, &ann.there),
            (&ann.there, &bob.there),
            (&bob.here, &ann.here),
        ] {
            assert_eq!(says(from, to, "hello").await.code(), code, "{number}");
        }
    }
    servers.stop().await;
}
