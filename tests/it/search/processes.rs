//! Several servers on one MongoDB: one indexes for all, and another goes on when it is gone.

use futures_util::future::join_all;

use super::*;
use crate::support::{app::Place, mongod, or_skipped, program::Program};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_on_one_server_is_found_on_all_also_when_some_are_killed() {
    let Some(server) = or_skipped("MongoDB", mongod::shared().await) else {
        return;
    };
    let place = Place::mongo(&server.uri_for(&mongod::fresh_database()));
    let mut one = Program::start(&place).await;
    let other = Program::start(&place).await;
    let (ann, bob) = (one.anonymous(), other.anonymous());
    let (ann, bob) = tokio::join!(ann.sign_up("ann"), bob.sign_up("bob"));
    let say = async |from: &Client, to: &Client, number: usize| {
        let body = format!("apple {number}");
        from.send(to, &body).await;
    };
    let both = (0..40).map(|number| {
        let (from, to) = if number % 2 == 0 {
            (&ann, &bob)
        } else {
            (&bob, &ann)
        };
        say(from, to, number)
    });
    join_all(both).await;
    for person in [&ann, &bob, &other.knows(&ann), &one.knows(&bob)] {
        eventually("all are found", async || {
            person.finds("apple").await.len() == 40
        })
        .await;
        assert_eq!(person.finds("apple 7").await, ["apple 7"]);
    }
    let last = [(&ann, &bob), (&bob, &ann)].map(|(from, to)| from.send(to, "a last apple"));
    join_all(last).await;
    one.kill();
    bob.will_find("last apple", &["a last apple", "a last apple"])
        .await;
    bob.send(&ann, "apple pie").await;
    bob.will_find("pie", &["apple pie"]).await;
    let third = Program::start(&place).await;
    let ann = third.knows(&ann);
    ann.send(&bob, "cold pie").await;
    ann.will_find("pie", &["cold pie", "apple pie"]).await;
    bob.will_find("pie", &["cold pie", "apple pie"]).await;
    drop(other);
    ann.send(&bob, "warm pie").await;
    ann.will_find("pie", &["warm pie", "cold pie", "apple pie"])
        .await;
}
