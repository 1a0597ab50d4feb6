//! The program is killed at random moments while it takes messages, and started again.

use std::{env, sync::Arc, time::Duration};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::sync::Notify;

use super::*;
use crate::{
    on_both_stores,
    support::{app::Place, program::Program, store::StoreKind},
};

on_both_stores!(a_program_killed_while_it_takes_messages_keeps_what_it_acknowledged);

/// How often it is killed, and what the moments come from.
fn rounds_and_seed() -> (u64, u64) {
    let number = |name: &str, default| match env::var(name) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{name} is no number")),
        Err(_) => default,
    };
    (number("CRASH_ROUNDS", 5), number("CRASH_SEED", 1))
}

async fn a_program_killed_while_it_takes_messages_keeps_what_it_acknowledged(kind: StoreKind) {
    let (rounds, seed) = rounds_and_seed();
    println!("CRASH_ROUNDS={rounds} CRASH_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let place = Place::fresh(kind).await;
    let mut program = Program::start(&place).await;
    let ann = program.anonymous().sign_up("ann").await;
    let bob = program.anonymous().sign_up("bob").await;
    let cat = program.anonymous().sign_up("cat").await;
    let mut talks = [Talk::new(&ann, &bob), Talk::new(&cat, &ann)];
    let mut reader = Reader::open(program.address, &ann, json!({})).await;
    let start = ann.ok("{ streamCursor }", json!({})).await;
    reader.cursor = start["streamCursor"].as_str().map(str::to_owned);

    for round in 0..rounds {
        let under_way = Arc::new(Notify::new());
        let writing = talks.iter().flat_map(|talk| {
            let both = talk.directions();
            [both, both].concat().into_iter().map(|(sender, receiver)| {
                let under_way = under_way.clone();
                attempts(sender.clone(), receiver.clone(), move || {
                    under_way.notify_one();
                })
            })
        });
        let killing = async {
            under_way.notified().await;
            let moment = Duration::from_micros(random.random_range(0..200_000));
            tokio::time::sleep(moment).await;
            program.kill();
        };
        let (tried, (), ()) = tokio::join!(join_all(writing), killing, reader.read_to_end());
        // Two senders for each direction of each talk.
        for (number, tried) in tried.into_iter().enumerate() {
            talks[number / 4].attempts.extend(tried);
        }

        program = Program::start(&place).await;
        let url = program.url("/graphql");
        for talk in &mut talks {
            talk.move_to(&url);
            talk.check().await;
            talk.retry(|| random.random_bool(0.5)).await;
            talk.check().await;
        }
        reader
            .resume(program.address, &ann, round % 2 == 0, &Value::Null)
            .await;
    }
    let histories = [talks[0].check().await, talks[1].check().await];
    let unknown = |talk: &Talk| {
        talk.attempts
            .iter()
            .filter(|attempt| attempt.answers.is_empty())
            .count()
    };
    println!(
        "{} messages kept; nobody knows of {} attempts",
        histories.iter().map(Vec::len).sum::<usize>(),
        talks.iter().map(unknown).sum::<usize>(),
    );
    reader.read_to(histories.iter().map(Vec::len).sum()).await;
    let got = reader.has_all().await;
    for history in histories {
        let delivered = within(&history[0].conversation, &got);
        assert_eq!(delivery_faults(&history, &delivered), []);
    }
}
