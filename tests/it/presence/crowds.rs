//! Many who come and go at once.

use std::{collections::HashSet, time::Duration};

use serde_json::json;
use tokio::{task::JoinSet, time::Instant};

use super::{Watcher, online_users};
use crate::support::{Client, TestApp, store::StoreKind, ws::Ws};

/// So many people, who sign up side by side.
async fn people(app: &TestApp, count: usize) -> Vec<Client> {
    let (mut signing_up, mut people) = (JoinSet::new(), Vec::new());
    for n in 0..count {
        let someone = app.anonymous();
        signing_up.spawn(async move { someone.sign_up(&format!("user{n}")).await });
        // Fewer than may wait for their password's hash.
        if signing_up.len() == 50 {
            people.extend(signing_up.join_next().await.map(|one| one.expect("made")));
        }
    }
    people.extend(signing_up.join_all().await);
    people
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_who_come_amid_a_crowd_end_up_knowing_everyone() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let watching = app.user("watching").await;
    let people = people(&app, 200).await;
    let address = app.address;
    let mut joining = JoinSet::new();
    for person in people {
        joining.spawn(async move {
            let mut socket = Ws::open(address).await;
            socket.init(json!({ "token": person.token })).await;
            socket
        });
    }
    let mut watchers = Vec::new();
    let mut here = Vec::new();
    while let Some(socket) = joining.join_next().await {
        here.push(socket.expect("here"));
        if here.len() % 10 == 0 {
            watchers.push(Watcher::on(app.socket(&watching).await, None).await);
        }
    }
    let everyone = HashSet::from_iter(online_users(&watching).await);
    assert_eq!(everyone.len(), 201);
    for watcher in &mut watchers {
        watcher.until(&everyone).await;
        // Nothing is told twice.
        let more = watcher.socket.until_settled().await;
        assert!(more.is_empty(), "{more:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_of_many_comes_in_parts() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.listed_at_once = 3;
        config.limits.online_users = 5;
    })
    .await;
    let mut here = Vec::new();
    for person in people(&app, 7).await {
        here.push(app.socket(&person).await);
    }
    let watching = app.user("watching").await;
    let mut socket = app.socket(&watching).await;
    let document = "subscription { onlineUsersChanged { joined { username } left { username } } }";
    socket.subscribe("1", document, json!({})).await;
    let mut known = HashSet::new();
    for size in [3, 3, 2] {
        let change = socket.event("1").await["onlineUsersChanged"].clone();
        assert_eq!(change["left"], json!([]));
        let joined = change["joined"].as_array().expect("a list");
        assert_eq!(joined.len(), size, "{change}");
        known.extend(joined.iter().map(|user| user["username"].to_string()));
    }
    assert_eq!(known.len(), 8, "each once");
    assert!(socket.until_settled().await.is_empty());
    let listed = online_users(&watching).await;
    let expected = (0..5).map(|n| format!("user{n}")).collect::<Vec<_>>();
    assert_eq!(listed, expected, "as many as fit, by name");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_follow_a_crowd_that_comes_and_goes() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.presence_grace = Duration::ZERO;
        config.limits.presence_gather = Duration::from_millis(20);
    })
    .await;
    let watching = app.user("watching").await;
    let people = people(&app, 40).await;
    let address = app.address;
    let mut moving = JoinSet::new();
    for (n, person) in people.into_iter().enumerate() {
        moving.spawn(async move {
            let mut stays = None;
            for turn in 0..10 {
                let mut socket = Ws::open(address).await;
                socket.init(json!({ "token": person.token })).await;
                // Every other one is gone in the end.
                stays = (n % 2 == 0 || turn < 9).then_some(socket);
            }
            stays
        });
    }
    let mut watchers = Vec::new();
    let mut here = Vec::new();
    while let Some(socket) = moving.join_next().await {
        here.push(socket.expect("here or gone"));
        if here.len() % 5 == 0 {
            watchers.push(Watcher::on(app.socket(&watching).await, None).await);
        }
    }
    app.metric_becomes("chinwag_sockets", 20.0 + 8.0).await;
    app.metric_becomes("chinwag_users_online", 20.0 + 1.0).await;
    let everyone = HashSet::from_iter(online_users(&watching).await);
    for watcher in &mut watchers {
        watcher.until(&everyone).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_who_arrive_at_once_are_told_in_a_few_events() {
    let gather = Duration::from_secs(1);
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.presence_gather = gather;
    })
    .await;
    let watching = app.user("watching").await;
    let people = people(&app, 500).await;
    let mut watcher = Watcher::on(app.socket(&watching).await, None).await;
    let began = Instant::now();
    let mut here = Vec::new();
    for person in &people {
        here.push(app.socket(person).await);
    }
    let everyone = HashSet::from_iter(online_users(&watching).await);
    assert_eq!(everyone.len(), 501);
    watcher.until(&everyone).await;
    let spans = began.elapsed().div_duration_f64(gather);
    let events = u32::try_from(watcher.events).expect("a few");
    // The first event, and one a span in which anyone came.
    assert!(
        f64::from(events) <= spans + 2.0,
        "{events} events in {spans} spans"
    );
    assert!(events < 100, "{events} events");
}
