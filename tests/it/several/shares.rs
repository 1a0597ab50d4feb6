//! Limits hold over all servers together.

use chinwag::app::Config;
use serde_json::json;

use super::{moved, stop, two};
use crate::support::{eventually, json as at, ws::Ws};

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_through_one_counts_on_the_other() {
    const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let limited = |config: &mut Config| {
        config.rate_limits = true;
        config.limits.sends_per_second = 1;
        config.limits.send_burst = 40;
    };
    let Some(apps) = two(limited).await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let there = moved(&ann, &apps[1]);
    let send = |number: usize| json!({ "input": { "to": { "userId": bob.id }, "body": format!("{number}") } });
    for number in 0..40 {
        ann.ok(SEND, send(number)).await;
    }
    let mut taken = 0;
    eventually("what was sent is known", async || {
        let reply = there.run(SEND, send(40)).await;
        let refused = at(&reply, "errors.0.extensions.code") == "RATE_LIMITED";
        taken += usize::from(!refused);
        refused
    })
    .await;
    assert!(taken <= 40, "{taken}");
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
    for _ in 0..10 {
        let reply = apps[0].anonymous().run(LOGIN, wrong.clone()).await;
        assert_eq!(at(&reply, "errors.0.extensions.code"), "UNAUTHENTICATED");
    }
    let mut taken = 0;
    eventually("the logins are known", async || {
        let reply = apps[1].anonymous().run(LOGIN, wrong.clone()).await;
        let refused = at(&reply, "errors.0.extensions.code") == "RATE_LIMITED";
        taken += usize::from(!refused);
        refused
    })
    .await;
    assert!(taken <= 10, "{taken}");
    stop(apps).await;
}
