//! Read marks never move back, however long a server takes to tell of them.

use chinwag::app::StoreConfig;
use mongodb::bson::{Document, doc};
use secrecy::SecretString;

use super::*;
use crate::support::{mongod, or_skipped};

/// The name by which the slow server's connections are known.
const SLOW: &str = "slow";

async fn start(uri: String) -> TestApp {
    let uri = SecretString::from(uri);
    TestApp::at(StoreConfig::Mongo { uri }.into(), hears_only).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_is_told_at_most_once_too_often_however_often_its_reader_comes_back() {
    let Some(server) = or_skipped("MongoDB", mongod::with_fail_points().await) else {
        return;
    };
    let uri = server.uri_for("chat");
    let servers = [start(uri.clone()).await, start(uri).await];
    let (ann, bob) = (servers[0].user("ann").await, servers[0].user("bob").await);
    let mut feed = Feed::live(servers[0].address, &ann).await;
    let sent = ann.send(&bob, "0").await;
    feed.tells(&["conversation direct: ann bob", "new 0"]).await;
    bob.mark(sent["id"].as_str().expect("an id")).await.done();
    feed.tells(&["bob read 1"]).await;
    // What says that nothing else was told before it; where the reader has had it when it leaves, and where not.
    let mut all = Vec::new();
    for round in 1..=6 {
        feed.resume(servers[round % 2].address).await;
        ann.send(&bob, &round.to_string()).await;
        let end = format!("new {round}");
        while all.last() != Some(&end) {
            all.push(feed.told().await);
        }
    }
    let again = all.iter().filter(|told| *told == "bob read 1").count();
    assert!(again <= 1 && all.len() == 6 + again, "{all:?}");
    // What one sends one has read, which the message says.
    let sent = ann.send(&bob, "7").await;
    feed.tells(&["new 7"]).await;
    bob.mark(sent["id"].as_str().expect("an id")).await.done();
    feed.tells(&["bob read 8"]).await;
    bob.send(&ann, "8").await;
    feed.tells(&["new 8"]).await;
    for round in 9..=12 {
        feed.resume(servers[round % 2].address).await;
        ann.send(&bob, &round.to_string()).await;
        feed.tells(&[format!("new {round}")]).await;
    }
    for app in servers {
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_is_told_at_most_once_too_often_while_others_move() {
    let Some(server) = or_skipped("MongoDB", mongod::with_fail_points().await) else {
        return;
    };
    let uri = server.uri_for("chat");
    let servers = [start(uri.clone()).await, start(uri).await];
    let ann = servers[0].user("ann").await;
    let (bob, cleo) = (servers[0].user("bob").await, servers[0].user("cleo").await);
    let read = async |reader: &Client| {
        let sent = ann.send(reader, "hello").await;
        reader
            .mark(sent["id"].as_str().expect("an id"))
            .await
            .done();
        format!("{} read {}", reader.username, sent["seq"])
    };
    let mut feed = Feed::live(servers[0].address, &ann).await;
    let cleo_read = read(&cleo).await;
    while feed.told().await != cleo_read {}
    let mut all = vec![cleo_read];
    for round in 1..=6 {
        let bob_read = read(&bob).await;
        feed.resume(servers[round % 2].address).await;
        while all.last() != Some(&bob_read) {
            all.push(feed.told().await);
        }
    }
    all.retain(|told| told.contains("read"));
    for mark in &all {
        let times = all.iter().filter(|told| *told == mark).count();
        assert!(times <= 2, "{mark:?}: {all:?}");
    }
    all.retain(|told| told.starts_with("bob"));
    assert!(all.is_sorted(), "{all:?}");
    for app in servers {
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_is_told_at_most_once_too_often_by_a_server_that_comes_in_place_of_another() {
    let Some(server) = or_skipped("MongoDB", mongod::with_fail_points().await) else {
        return;
    };
    let uri = server.uri_for("chat");
    let first = start(uri.clone()).await;
    let (ann, bob) = (first.user("ann").await, first.user("bob").await);
    let sent = ann.send(&bob, "0").await;
    let mut feed = Feed::live(first.address, &ann).await;
    bob.mark(sent["id"].as_str().expect("an id")).await.done();
    feed.tells(&["bob read 1"]).await;
    first.stop().await;
    let second = start(uri).await;
    let ann = moved(&ann, &second);
    let mut all = Vec::new();
    for round in 1..=3 {
        feed.resume(second.address).await;
        ann.send(&bob, &round.to_string()).await;
        let end = format!("new {round}");
        while all.last() != Some(&end) {
            all.push(feed.told().await);
        }
    }
    let again = all.iter().filter(|told| *told == "bob read 1").count();
    assert!(again <= 1 && all.len() == 3 + again, "{all:?}");
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_that_is_told_late_tells_nothing_older_than_what_was_told() {
    let Some(server) = or_skipped("MongoDB", mongod::with_fail_points().await) else {
        return;
    };
    let uri = server.uri_for("chat");
    let quick = start(uri.clone()).await;
    let slow = start(format!("{uri}&appName={SLOW}")).await;
    let (ann, bob) = (quick.user("ann").await, quick.user("bob").await);
    let mut said = Vec::new();
    for number in 1..=4 {
        said.push(ann.send(&bob, &number.to_string()).await["id"].clone());
    }
    let read = async |number: usize| {
        let id = said[number - 1].as_str().expect("an id");
        bob.mark(id).await.done();
    };
    let mut feed = Feed::live(quick.address, &ann).await;
    let mut there = Feed::live(slow.address, &ann).await;
    read(1).await;
    feed.tells(&["bob read 1"]).await;
    there.tells(&["bob read 1"]).await;

    // Which message a mark is at is the last that a server asks for before it tells.
    let admin = mongodb::Client::with_uri_str(&uri).await.expect("a client");
    let admin = admin.database("admin");
    let run = async |command: Document| admin.run_command(command).await.expect("is done");
    let delay = doc! {
        "configureFailPoint": "failCommand",
        "mode": { "times": 1 },
        "data": {
            "failCommands": ["find"], "namespace": "chat.messages", "appName": SLOW,
            "blockConnection": true, "blockTimeMS": 3_000,
        },
    };
    let before = run(delay).await.get_i32("count").expect("a count");
    read(2).await;
    let is_delayed = doc! {
        "waitForFailPoint": "failCommand", "timesEntered": i64::from(before) + 1, "maxTimeMS": 60_000,
    };
    run(is_delayed).await;
    read(3).await;
    while feed.told().await != "bob read 3" {}
    feed.resume(slow.address).await;
    read(4).await;
    let mut all = Vec::new();
    while all.last().is_none_or(|last| last != "bob read 4") {
        all.push(feed.told().await);
    }
    // Told at most once too often; what the slow server had begun to tell before is older.
    all.dedup();
    let older = all.iter().any(|told| told == "bob read 2");
    assert!(!older && all.len() <= 2, "{all:?}");
    for app in [quick, slow] {
        app.stop().await;
    }
}
