//! Limits hold over all servers together.

use chinwag::app::Config;
use serde_json::{Value, json};

use super::{change, moved, stop, two, watch};
use crate::support::{Client, TestApp, eventually, json as at, ws::Ws};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_at_one_count_on_the_other() {
    let few = |config: &mut Config| config.limits.sockets_per_user = 5;
    let Some(apps) = two(few).await else { return };
    let ann = apps[0].user("ann").await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(apps[0].socket(&ann).await);
    }
    open.push(apps[1].socket(&ann).await);
    eventually("the sockets at the one are known", async || {
        let mut socket = Ws::open(apps[1].address).await;
        let init = json!({ "type": "connection_init", "payload": { "token": ann.token } });
        socket.send(init).await;
        match socket.next_or_close().await {
            Ok(_) => false,
            Err(code) => {
                assert_eq!(code, Some(1013));
                true
            }
        }
    })
    .await;
    stop(apps).await;
}

/// Waits until the second server has heard all that the first one told before: someone comes behind it.
async fn is_heard(apps: &[TestApp; 2]) {
    let (cem, dan) = (apps[0].user("cem").await, apps[1].user("dan").await);
    let (mut watcher, mut joined) = watch(&apps[1], &dan).await;
    let _cems = apps[0].socket(&cem).await;
    while !joined.contains(&"cem".to_owned()) {
        joined.extend(change(&mut watcher).await.0);
    }
}

/// How many of so many tries are not turned away for their number.
async fn taken(tries: usize, client: &Client, document: &str, variables: &Value) -> usize {
    let mut taken = 0;
    for _ in 0..tries {
        let reply = client.run(document, variables.clone()).await;
        taken += usize::from(at(&reply, "errors.0.extensions.code") != "RATE_LIMITED");
    }
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_through_one_counts_on_the_other() {
    const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let limited = |config: &mut Config| {
        config.rate_limits = true;
        config.limits.sends_per_second = 1;
        config.limits.send_burst = 60;
    };
    let Some(apps) = two(limited).await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let send = json!({ "input": { "to": { "userId": bob.id }, "body": "again" } });
    assert_eq!(taken(60, &ann, SEND, &send).await, 60);
    is_heard(&apps).await;
    let there = moved(&ann, &apps[1]);
    let more = taken(60, &there, SEND, &send).await;
    assert!(more <= 30, "{more}");
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_at_one_count_on_the_other() {
    const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";
    let limited = |config: &mut Config| {
        config.rate_limits = true;
        config.limits.sign_ins_per_minute = 10;
    };
    let Some(apps) = two(limited).await else {
        return;
    };
    let wrong = json!({ "input": { "username": "nobody", "password": "password1" } });
    assert_eq!(taken(10, &apps[0].anonymous(), LOGIN, &wrong).await, 10);
    is_heard(&apps).await;
    let more = taken(10, &apps[1].anonymous(), LOGIN, &wrong).await;
    assert!(more <= 5, "{more}");
    stop(apps).await;
}
