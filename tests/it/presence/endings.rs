//! Servers that die with people online.

use std::time::Duration;

use serde_json::Value;

use super::{close, online_users, seen};
use crate::support::{
    TestApp,
    app::{Mortal, Place},
    eventually,
    program::Program,
    store::{StoreKind, mongo_is_there},
    ws::Ws,
};

#[tokio::test]
async fn a_program_that_was_killed_says_at_its_next_start_who_was_last_seen() {
    let place = Place::fresh(StoreKind::Embedded).await;
    let mut program = Program::start(&place).await;
    let [ann, bob, cleo] = [
        program.anonymous().sign_up("ann").await,
        program.anonymous().sign_up("bob").await,
        program.anonymous().sign_up("cleo").await,
    ];
    let mut watching = Ws::open(program.address).await;
    watching
        .init(serde_json::json!({ "token": bob.token }))
        .await;
    let mut watcher = super::Watcher::on(watching, None).await;
    let mut anns = Ws::open(program.address).await;
    anns.init(serde_json::json!({ "token": ann.token })).await;
    assert_eq!(watcher.next().await, (vec!["ann".into()], vec![]));
    // The store writes in the order in which it is told: after this, it has written that ann is online.
    bob.send(&cleo, "hello").await;
    program.kill();
    assert_eq!(anns.closed().await, None);
    let program = Program::start(&place).await;
    let cleo = program.knows(&cleo);
    assert_eq!(online_users(&cleo).await, [""; 0]);
    for someone in [&ann, &bob] {
        let (online, last_seen) = seen(&cleo, someone).await;
        assert!(!online && last_seen.is_string(), "{last_seen}");
    }
    assert_eq!(seen(&cleo, &cleo).await, (false, Value::Null), "never was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_says_who_was_last_seen_when_one_dies() {
    if !mongo_is_there().await {
        return;
    }
    let short_lease = |config: &mut chinwag::app::Config| {
        config.store_limits.lease = Duration::from_secs(4);
        config.limits.lease_renewal = Duration::from_millis(200);
        config.limits.presence_grace = Duration::from_millis(200);
    };
    let lives = TestApp::with(StoreKind::Mongo, short_lease).await;
    let (ann, bob) = (lives.user("ann").await, lives.user("bob").await);
    let dies = Mortal::start(lives.place.store.clone(), short_lease).await;
    let anns = dies.app.socket(&ann).await;
    let cleo = dies.app.user("cleo").await;
    let cleos = dies.app.socket(&cleo).await;
    eventually("cleo is online", async || seen(&bob, &cleo).await.0).await;
    close(cleos).await;
    let bob_there = bob.at(dies.app.url("/graphql"));
    let mut cleos = (true, Value::Null);
    eventually(
        "cleo is offline, and both servers agree since when",
        async || {
            cleos = seen(&bob, &cleo).await;
            !cleos.0 && cleos.1 != Value::Null && cleos == seen(&bob_there, &cleo).await
        },
    )
    .await;
    dies.kill();
    drop(anns);
    eventually("ann was seen", async || {
        seen(&bob, &ann).await.1 != Value::Null
    })
    .await;
    assert_eq!(seen(&bob, &cleo).await, cleos, "who was offline stays so");
    // The one that lives keeps its own.
    let _bobs = lives.socket(&bob).await;
    assert_eq!(seen(&ann, &bob).await, (true, Value::Null));
}
