//! Servers that freeze, die and come back.

use std::sync::atomic::{AtomicBool, Ordering};

use chinwag::{domain::Position, store::Upkeep};
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
    let first = drafts(&conversation, 3);
    append(&store, &first).await.expect("answers");

    server.stop();
    let second = drafts(&conversation, 3);
    let late = append(&store, &second).await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    let readers = (0..200).map(|_| timeout(SHORT.operation * 3, store.ping()));
    for answer in join_all(readers).await {
        let answer = answer.expect("every call answers in bounded time");
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }

    server.cont();
    assert_eq!(store.ping().await, Ok(()));
    let third = drafts(&conversation, 3);
    append(&store, &third).await.expect("the next call works");
    // What became of the second batch was not known; now each of it is there, once.
    append(&store, &second).await.expect("answers");
    let log = whole_log(&store).await;
    assert_contiguous(&log);
    assert_eq!(ids(&log), draft_ids(&[first, second, third].concat()));
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
    let writer = tokio::spawn({
        let (store, stop) = (store.clone(), Arc::clone(&stop));
        async move {
            let (mut acknowledged, mut tried) = (HashSet::new(), HashSet::new());
            let mut interrupted = false;
            while !stop.load(Ordering::Relaxed) || !interrupted {
                let batch = drafts(&conversation, 5);
                tried.extend(draft_ids(&batch));
                match append(&store, &batch).await {
                    Ok(messages) => acknowledged.extend(ids(&messages)),
                    Err(Error::Unavailable(_)) => interrupted = true,
                    Err(other) => panic!("{other:?}"),
                }
            }
            (acknowledged, tried, conversation)
        }
    });
    wait_for_messages(&store, 50).await;
    server.kill();
    stop.store(true, Ordering::Relaxed);
    let (acknowledged, tried, conversation) = writer.await.expect("ends");
    server.restart().await.expect("it starts again");
    append_soon(&store, &[draft(&conversation, "again")]).await;
    let mut log = whole_log(&store).await;
    assert_contiguous(&log);
    assert_eq!(
        log.pop()
            .map(|message| message.body.as_str().to_owned())
            .as_deref(),
        Some("again")
    );
    let kept = ids(&log);
    assert!(acknowledged.is_subset(&kept) && kept.is_subset(&tried));
    store.close().await;
}

/// Waits until the log holds so many messages.
async fn wait_for_messages(store: &MongoStore, count: Position) {
    let enough = async || store.head().await.expect("answers") >= count;
    eventually("the log holds enough messages", enough).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_went_silent_are_given_up_and_replaced() {
    let server = server_or_skip!(mongod::own());
    let link = Link::to(server.address(), Duration::ZERO).await;
    let uri = format!("mongodb://{}/chat?directConnection=true", link.address);
    let store = open_with(&uri, SHORT).await.expect("the store opens");
    let conversation = direct(&store).await;
    let first = append(&store, &drafts(&conversation, 3))
        .await
        .expect("answers");
    link.silence.send(()).expect("connections are there");
    let second = append_soon(&store, &drafts(&conversation, 3)).await;
    let log = whole_log(&store).await;
    assert_contiguous(&log);
    assert!(
        ids(&first)
            .union(&ids(&second))
            .all(|id| ids(&log).contains(id))
    );
    store.close().await;
}
