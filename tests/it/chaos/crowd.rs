//! Many write into one conversation through all processes at once.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::{
    Scene,
    fleet::{Fleet, PROCESSES},
};
use crate::support::{
    record::{Attempt, faults},
    store::mongo_is_there,
    ws::PATIENCE,
};

const SENDERS: usize = 50;

/// How long they write at least.
const WRITING: Duration = Duration::from_secs(6);

/// How many messages each of the others gets through meanwhile, one a process.
const OTHERS: usize = 30;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_senders_in_one_conversation_leave_every_process_its_share_and_let_others_write() {
    if !mongo_is_there().await {
        return;
    }
    let fleet = Fleet::start().await;
    let scene = Scene::new(&fleet, 4, &[[0, 1], [2, 3]]).await;
    let until = Instant::now() + WRITING;
    let others_left = AtomicUsize::new(PROCESSES * OTHERS);
    let send = async |process: usize, person: usize, peer: usize| {
        let body = format!("{person} by {process} {}", Uuid::new_v4());
        let input = json!({ "to": scene.with(peer), "body": body });
        let answer = scene.at(person, process).try_say(input).await;
        Attempt {
            body,
            answers: answer.into_iter().collect(),
        }
    };
    let crowd = join_all((0..SENDERS).map(|number| {
        let (send, others_left) = (&send, &others_left);
        async move {
            let mut attempts = Vec::new();
            while Instant::now() < until || others_left.load(Ordering::Relaxed) > 0 {
                attempts.push(
                    send(
                        number % PROCESSES,
                        number / PROCESSES % 2,
                        1 - number / PROCESSES % 2,
                    )
                    .await,
                );
            }
            attempts
        }
    }));
    let others = join_all((0..PROCESSES).map(|process| {
        let (send, others_left) = (&send, &others_left);
        async move {
            let mut attempts = Vec::new();
            for _ in 0..OTHERS {
                attempts.push(send(process, 2 + process % 2, 3 - process % 2).await);
                others_left.fetch_sub(1, Ordering::Relaxed);
            }
            attempts
        }
    }));
    let (crowd, others) = timeout(PATIENCE * 2, async { tokio::join!(crowd, others) })
        .await
        .expect("others get their messages through");

    let mut shares = [0; PROCESSES];
    for (number, attempts) in crowd.iter().enumerate() {
        let answered = attempts
            .iter()
            .filter(|attempt| !attempt.answers.is_empty());
        shares[number % PROCESSES] += answered.count();
    }
    let (crowd, others) = (crowd.concat(), others.concat());
    let all: usize = shares.iter().sum();
    println!(
        "{all} of {} were acknowledged, by process: {shares:?}",
        crowd.len()
    );
    for (attempts, [person, peer]) in [(&crowd, [0, 1]), (&others, [2, 3])] {
        let history = scene.at(person, 0).history(&scene.with(peer)).await;
        assert_eq!(faults(attempts, &history), []);
    }
    let refused = others.iter().filter(|attempt| attempt.answers.is_empty());
    assert_eq!(refused.count(), 0, "others are not refused");
    assert!(shares.iter().all(|share| share * 10 >= all), "{shares:?}");
}
