//! A server that was cut off from the database does not tell what has become someone else's meanwhile.

use std::time::Duration;

use serde_json::json;

use super::{change, hears_only, moved, watch};
use crate::support::{
    Reader, TestApp, acts::with, app::Place, eventually, feed::Feed, json as at, link::Link,
    mongod::own, or_skipped,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ended_meanwhile_is_told_nothing_more() {
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let link = Link::to(mongod.address()).await;
    let app = TestApp::at(Place::mongo(&mongod.uri_for("chat")), hears_only).await;
    let short = |config: &mut chinwag::app::Config| {
        hears_only(config);
        config.limits.hearing_lasts = Duration::from_millis(800);
    };
    let cut_off = TestApp::at(Place::mongo(&link.uri_for("chat")), short).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let other = bob.sign_in_again().await;
    let mut ended = Feed::live(cut_off.address, &other).await;
    let mut lasting = Feed::live(cut_off.address, &bob).await;
    ann.send(&bob, "before").await;
    for feed in [&mut ended, &mut lasting] {
        while !feed.told().await.contains("before") {}
    }
    link.hold();
    other.ok("mutation { logout }", json!({})).await;
    ann.send(&bob, "not for who has left").await;
    // Trust in what is in memory has run out by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    link.release();
    assert_eq!(ended.closed().await, (vec![], Some(4403)));
    while !lasting.told().await.contains("not for who has left") {}
    let history = moved(&bob, &cut_off).history(&with(&ann)).await;
    assert_eq!(history.len(), 2);
    app.stop().await;
    cut_off.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_go_dead_are_left_behind() {
    const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let link = Link::to(mongod.address()).await;
    let app = TestApp::at(Place::mongo(&mongod.uri_for("chat")), hears_only).await;
    let stranded = TestApp::at(Place::mongo(&link.uri_for("chat")), hears_only).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "before").await;
    let mut reader = Reader::open(stranded.address, &bob, json!({})).await;
    let there = moved(&bob, &stranded);
    there.send(&ann, "there").await;
    link.strand();
    let input = json!({ "input": {
        "to": with(&ann), "body": "again", "clientMessageId": "again",
    } });
    eventually("sends go on over other connections", async || {
        let reply = there.run(SEND, input.clone()).await;
        let code = at(&reply, "errors.0.extensions.code");
        assert!(code.is_null() || code == "SERVICE_UNAVAILABLE", "{reply}");
        code.is_null()
    })
    .await;
    ann.send(&bob, "heard").await;
    for body in ["there", "again", "heard"] {
        assert_eq!(reader.next().await.body, body);
    }
    app.stop().await;
    stranded.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_taken_for_dead_and_comes_back_has_its_people_online_again() {
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let link = Link::to(mongod.address()).await;
    let short_lease = |config: &mut chinwag::app::Config| {
        hears_only(config);
        config.limits.lease_renewal = Duration::from_millis(200);
        config.store_limits.lease = Duration::from_secs(3);
    };
    let app = TestApp::at(Place::mongo(&mongod.uri_for("chat")), short_lease).await;
    let away = TestApp::at(Place::mongo(&link.uri_for("chat")), short_lease).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let (mut here, _) = watch(&app, &ann).await;
    let (mut there, mut joined) = watch(&away, &bob).await;
    while joined.len() < 2 {
        joined.extend(change(&mut there).await.0);
    }
    assert_eq!(change(&mut here).await, (vec!["bob".to_owned()], vec![]));
    link.hold();
    assert_eq!(change(&mut here).await, (vec![], vec!["bob".to_owned()]));
    // Nobody signals this to a process that is dead.
    let cem = app.user("cem").await;
    let _cems = app.socket(&cem).await;
    assert_eq!(change(&mut here).await, (vec!["cem".to_owned()], vec![]));
    link.release();
    assert_eq!(change(&mut here).await, (vec!["bob".to_owned()], vec![]));
    while !change(&mut there).await.0.contains(&"cem".to_owned()) {}
    app.stop().await;
    away.stop().await;
}
