//! Servers that freeze, die and come back.

use std::sync::atomic::{AtomicBool, Ordering};

use chinwag::store::Upkeep;
use futures_util::future::join_all;

use super::{link::Link, *};
use crate::support::{eventually, mongod};

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_server_makes_calls_unavailable_and_all_works_again_when_it_goes_on() {
    let server = server_or_skip!(mongod::own());
    let store = open_with(&server.uri_for("chat"), SHORT)
        .await
        .expect("the store opens");
    let conversation = direct(&store).await;
    let mut writer = Writer::begin(&store).await;
    let first = writer.send(&conversation, 3).await;
    let second = messages(&conversation, 3);
    let numbered = writer.number(&second).await;

    server.stop();
    let late = writer.append(&numbered).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    let over = timeout(SHORT.operation * 2, store.begin_term(Some(writer.lane()))).await;
    let over = over.expect("it answers in bounded time");
    assert!(matches!(over, Err(Error::Unavailable(_))), "{over:?}");
    let readers = (0..200).map(|_| timeout(SHORT.operation * 3, store.ping()));
    for answer in join_all(readers).await {
        let answer = answer.expect("every call answers in bounded time");
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }

    server.cont();
    eventually("it answers again", async || store.ping().await.is_ok()).await;
    writer.again().await;
    // What became of the second batch was not known; the term being over, it is.
    let there = ids(&entries(&store).await);
    let (mut open, mut expected) = (second, ids(&first));
    expected.extend(open.iter().map(|new| new.id));
    open.retain(|new| !there.contains(&new.id));
    writer.write(open).await;
    writer.send(&conversation, 3).await;
    let log = whole_log(&store).await;
    assert_contiguous(&log);
    assert!(expected.is_subset(&ids(&entries(&store).await)));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_keeps_what_was_acknowledged_and_is_found_again() {
    let mut server = server_or_skip!(mongod::own());
    let store = open_with(&server.uri_for("chat"), SHORT)
        .await
        .expect("the store opens");
    let conversation = direct(&store).await;
    let stop = Arc::new(AtomicBool::new(false));
    let task = tokio::spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let mut writer = Writer::begin(&store).await;
            let mut written = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                written.extend(writer.send(&conversation, 5).await);
            }
            (written, conversation)
        }
    });
    let enough = async || {
        let heads = soon(|| store.heads()).await;
        heads.positions().any(|head| head.number() >= 50)
    };
    eventually("the log holds enough messages", enough).await;
    server.kill();
    server.restart().await.expect("it starts again");
    soon(|| store.ping()).await;
    stop.store(true, Ordering::Relaxed);
    let (written, _) = task.await.expect("ends");
    let log = whole_log(&store).await;
    assert_contiguous(&log);
    assert_eq!(ids(&entries(&store).await), ids(&written));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_went_silent_are_given_up_and_replaced() {
    let server = server_or_skip!(mongod::own());
    let link = Link::to(server.address(), Duration::ZERO).await;
    let store = open_with(&link.uri_for("chat"), SHORT)
        .await
        .expect("the store opens");
    let conversation = direct(&store).await;
    let mut writer = Writer::begin(&store).await;
    let first = writer.send(&conversation, 3).await;
    let second = messages(&conversation, 3);
    let numbered = writer.number(&second).await;
    link.silence.send(()).expect("connections are there");
    let late = writer.append(&numbered).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    writer.again().await;
    // Every outcome is known from here on.
    let there = ids(&entries(&store).await);
    let open: Vec<_> = second
        .into_iter()
        .filter(|new| !there.contains(&new.id))
        .collect();
    writer.write(open).await;
    let log = whole_log(&store).await;
    assert_contiguous(&log);
    let all = ids(&entries(&store).await);
    assert!(ids(&first).is_subset(&all) && ids(&numbered).is_subset(&all));
    store.close().await;
}
