//! What of a block is kept.

use chinwag::domain::{Happening, Progress, Record, Timestamp, UserId};

use super::*;
use crate::support::store;

on_both_stores!(
    a_block_is_written_once_and_lasts,
    a_block_of_before_it_was_written_to_the_log_holds_as_well,
);

/// How many blocks the log tells of.
async fn told(place: &chinwag::app::StoreConfig) -> usize {
    let store = store::at(place).await;
    let log = store.log_after(&Progress::default(), 1_000).await;
    let is_block = |record: &Record| match record {
        Record::Entry(entry) => matches!(entry.what, Happening::Estranged(_)),
        Record::Seal(_) => false,
    };
    let blocks = log
        .expect("answers")
        .iter()
        .filter(|record| is_block(record))
        .count();
    store.close().await;
    blocks
}

async fn a_block_is_written_once_and_lasts(kind: StoreKind) {
    let servers = Servers::start(kind).await;
    let (pairs, blocks) = ([servers.pair(0).await, servers.pair(1).await], 2);
    let [ann, bob] = &pairs[0];
    says(&ann.here, &bob.here, "hello").await.done();
    for [ann, bob] in &pairs {
        for _ in 0..2 {
            ann.here.block(&bob.here).await;
            ann.there.block(&bob.there).await;
        }
    }
    let place = servers.stop().await;
    assert_eq!(told(&place.store).await, blocks);

    let servers = Servers::at(place, kind).await;
    for [ann, bob] in &pairs {
        let (ann, bob) = (ann.again(&servers), bob.again(&servers));
        says(&bob.there, &ann.there, "no")
            .await
            .refused("FORBIDDEN");
        ann.there.block(&bob.there).await;
        says(&ann.here, &bob.here, "no").await.refused("FORBIDDEN");
        unblock(&ann.here, &bob.here).await;
        says(&bob.there, &ann.there, "yes").await.done();
        says(&ann.there, &bob.there, "yes").await.done();
        ann.there.block(&bob.there).await;
        says(&bob.here, &ann.here, "no").await.refused("FORBIDDEN");
        assert_eq!(
            bodies(&bob.there, &ann.there)
                .await
                .last()
                .map(String::as_str),
            Some("yes")
        );
    }
    let place = servers.stop().await;
    assert_eq!(told(&place.store).await, 2 * blocks);
}

async fn a_block_of_before_it_was_written_to_the_log_holds_as_well(kind: StoreKind) {
    let servers = Servers::start(kind).await;
    let [ann, bob] = servers.pair(0).await;
    says(&ann.here, &bob.here, "hello").await.done();
    let place = servers.stop().await;
    let store = store::at(&place.store).await;
    let [blocker, blocked] = [&ann, &bob].map(|who| UserId::parse(&who.here.id).expect("an id"));
    let block = store.block(blocker, blocked, Timestamp::now()).await;
    assert!(!block.expect("answers").told);
    store.close().await;

    let app = TestApp::at(place, |_| {}).await;
    let (ann, bob) = [ann, bob]
        .map(|person| person.here.at(app.url("/graphql")))
        .into();
    says(&bob, &ann, "no").await.refused("FORBIDDEN");
    says(&ann, &bob, "no").await.refused("FORBIDDEN");
    // Blocking again makes sure of it.
    ann.block(&bob).await;
    says(&bob, &ann, "no").await.refused("FORBIDDEN");
    unblock(&ann, &bob).await;
    says(&bob, &ann, "yes").await.done();
    let place = app.stop().await;
    assert_eq!(told(&place.store).await, 1);
}
