//! Who is online, whichever server holds their sockets; and who has nothing to do with whom.

use std::time::Duration;

use chinwag::app::StoreConfig;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{change, hears_only, moved, stop, two, watch};
use crate::support::{
    Client, TestApp,
    app::Mortal,
    eventually,
    mongod::{fresh_database, standalone},
    store::{StoreKind, mongo_is_there},
    ws::Ws,
};

const SEEN: &str =
    "query($id: ID!) { user(id: $id) { online lastSeenAt } onlineUsers { username } }";

/// Whether someone is online, and was when not, as another one sees it.
async fn seen(viewer: &Client, other: &Client) -> Value {
    viewer.ok(SEEN, json!({ "id": other.id })).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_and_goes_on_one_is_seen_on_the_other() {
    let quick = |config: &mut chinwag::app::Config| config.limits.presence_grace = Duration::ZERO;
    let Some(apps) = two(quick).await else { return };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let (mut watcher, joined) = watch(&apps[1], &bob).await;
    assert_eq!(joined, ["bob"]);
    let there = moved(&bob, &apps[1]);
    for _ in 0..3 {
        let socket = apps[0].socket(&ann).await;
        assert_eq!(change(&mut watcher).await, (vec!["ann".to_owned()], vec![]));
        let shown = seen(&there, &ann).await;
        assert_eq!(shown["user"], json!({ "online": true, "lastSeenAt": null }));
        let everyone = json!([{ "username": "ann" }, { "username": "bob" }]);
        assert_eq!(shown["onlineUsers"], everyone);
        drop(socket);
        assert_eq!(change(&mut watcher).await, (vec![], vec!["ann".to_owned()]));
        let shown = seen(&there, &ann).await;
        assert_eq!(shown["user"]["online"], false);
        assert!(shown["user"]["lastSeenAt"].is_string(), "{shown}");
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_moves_from_one_to_the_other_never_goes_offline() {
    let grace =
        |config: &mut chinwag::app::Config| config.limits.presence_grace = Duration::from_secs(2);
    let Some(apps) = two(grace).await else { return };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let cem = apps[0].user("cem").await;
    let mut anns = apps[0].socket(&ann).await;
    let mut watchers = Vec::new();
    for app in &apps {
        let (mut watcher, mut joined) = watch(app, &bob).await;
        while !joined.contains(&"ann".to_owned()) {
            joined.extend(change(&mut watcher).await.0);
        }
        watchers.push(watcher);
    }
    for number in 1..4 {
        anns = apps[number % 2].socket(&ann).await;
    }
    // Someone else's coming, told behind all that.
    let grace_is_over = tokio::time::Instant::now() + Duration::from_secs(3);
    tokio::time::sleep_until(grace_is_over).await;
    let _cems = apps[0].socket(&cem).await;
    for watcher in &mut watchers {
        loop {
            let (joined, left) = change(watcher).await;
            assert_eq!(left, [""; 0]);
            if joined == ["cem"] {
                break;
            }
            assert_eq!(joined, ["bob"]);
        }
    }
    drop(anns);
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_back_elsewhere_when_a_server_stops_never_goes_offline() {
    let grace =
        |config: &mut chinwag::app::Config| config.limits.presence_grace = Duration::from_hours(1);
    let Some([stays, stops]) = two(grace).await else {
        return;
    };
    let (ann, bob) = (stays.user("ann").await, stays.user("bob").await);
    let cem = stays.user("cem").await;
    let _anns = stops.socket(&ann).await;
    let (mut watcher, mut joined) = watch(&stays, &bob).await;
    while !joined.contains(&"ann".to_owned()) {
        joined.extend(change(&mut watcher).await.0);
    }
    stops.stop().await;
    let _again = stays.socket(&ann).await;
    let _cems = stays.socket(&cem).await;
    // What was told when the other one stopped comes before that, as it was heard before.
    let (mut joined, mut left) = (joined, Vec::new());
    while !joined.contains(&"cem".to_owned()) {
        let change = change(&mut watcher).await;
        joined.extend(change.0);
        left.extend(change.1);
    }
    assert_eq!(left, [""; 0]);
    stays.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_begins_knows_at_once_who_is_online_at_others() {
    if !mongo_is_there().await {
        return;
    }
    let app = TestApp::with(StoreKind::Mongo, hears_only).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (mut watcher, _) = watch(&app, &bob).await;
    let _anns = app.socket(&ann).await;
    change(&mut watcher).await;
    let beside = app.beside(hears_only).await;
    let shown = seen(&moved(&bob, &beside), &ann).await;
    assert_eq!(shown["user"]["online"], true);
    // One that ends takes its people along.
    let cem = beside.user("cem").await;
    let _cems = beside.socket(&cem).await;
    assert_eq!(change(&mut watcher).await, (vec!["cem".to_owned()], vec![]));
    beside.stop().await;
    assert_eq!(change(&mut watcher).await, (vec![], vec!["cem".to_owned()]));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_people_of_one_that_dies_go_offline_unless_they_are_elsewhere() {
    if !mongo_is_there().await {
        return;
    }
    let short_lease = |config: &mut chinwag::app::Config| {
        hears_only(config);
        config.limits.lease_renewal = Duration::from_millis(200);
        config.store_limits.lease = Duration::from_secs(2);
    };
    let app = TestApp::with(StoreKind::Mongo, short_lease).await;
    let dying = Mortal::start(app.place.store.clone(), short_lease).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let cem = app.user("cem").await;
    let (mut watcher, mut joined) = watch(&app, &cem).await;
    let _anns = dying.app.socket(&ann).await;
    let _bobs = (dying.app.socket(&bob).await, app.socket(&bob).await);
    while joined.len() < 3 {
        joined.extend(change(&mut watcher).await.0);
    }
    dying.kill();
    assert_eq!(change(&mut watcher).await, (vec![], vec!["ann".to_owned()]));
    let shown = seen(&cem, &ann).await;
    assert!(shown["user"]["lastSeenAt"].is_string(), "{shown}");
    assert_eq!(seen(&cem, &bob).await["user"]["online"], true);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_on_one_shows_on_the_other() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let _anns = apps[0].socket(&ann).await;
    let (mut watcher, mut joined) = watch(&apps[1], &bob).await;
    while joined.len() < 2 {
        joined.extend(change(&mut watcher).await.0);
    }
    blocks_and_unblocks(&ann, &bob, &moved(&bob, &apps[1]), &mut watcher).await;
    stop(apps).await;
}

/// Someone blocks another one, who watches on another server, and takes it back.
async fn blocks_and_unblocks(ann: &Client, bob: &Client, there: &Client, watcher: &mut Ws) {
    ann.block(bob).await;
    assert_eq!(change(watcher).await, (vec![], vec!["ann".to_owned()]));
    let shown = seen(there, ann).await;
    assert_eq!(
        shown["user"],
        json!({ "online": false, "lastSeenAt": null })
    );
    let unblock = "mutation($id: ID!) { unblockUser(userId: $id) { id } }";
    ann.ok(unblock, json!({ "id": bob.id })).await;
    assert_eq!(change(watcher).await, (vec!["ann".to_owned()], vec![]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_change_streams_a_second_one_sees_by_sweeping() {
    if !mongo_is_there().await {
        return;
    }
    let mongod = standalone(&[]).await.expect("a mongod");
    let uri = SecretString::from(mongod.uri_for(&fresh_database()));
    let store = StoreConfig::Mongo { uri };
    let app = TestApp::at(store.clone().into(), |_| {}).await;
    let beside = TestApp::at(store.into(), |_| {}).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let _anns = app.socket(&ann).await;
    let there = moved(&bob, &beside);
    eventually("ann is seen", async || {
        seen(&there, &ann).await["user"]["online"] == true
    })
    .await;
    let (mut watcher, mut joined) = watch(&beside, &bob).await;
    while joined.len() < 2 {
        joined.extend(change(&mut watcher).await.0);
    }
    blocks_and_unblocks(&ann, &bob, &there, &mut watcher).await;
    let mut socket = beside.socket(&bob).await;
    let ended = "mutation { logout }";
    bob.ok(ended, json!({})).await;
    assert_eq!(socket.closed().await, Some(4403));
    app.stop().await;
    beside.stop().await;
}
