//! Many processes, one log.

use std::sync::atomic::{AtomicIsize, Ordering};

use chinwag::{
    domain::{ClientMessageId, Window},
    store::Upkeep,
};
use futures_util::future::join_all;
use mongodb::bson::{Bson, Document, doc};

use super::{link::Link, *};
use crate::support::mongod::{self, fresh_database};

#[tokio::test(flavor = "multi_thread")]
async fn busy_processes_share_the_log_and_none_is_kept_out_not_even_one_that_is_farther_away() {
    let server = server_or_skip!(mongod::own());
    let name = fresh_database();
    let (near, link) = (
        server.uri_for(&name),
        Link::to(server.address(), Duration::from_millis(5)).await,
    );
    let far = format!("mongodb://{}/{name}?directConnection=true", link.address);
    let stores = join_all([open(&near), open(&near), open(&far)]).await;
    let shared = direct(&stores[0]).await;
    // Everyone goes on back to back until the slowest has had its share; an append that is kept out for the time
    // that a method may take fails.
    let behind = Arc::new(AtomicIsize::new(3));
    let writers = stores.iter().cloned().map(|store| {
        let (behind, shared) = (Arc::clone(&behind), shared.clone());
        tokio::spawn(async move {
            let own = direct(&store).await;
            let mut written = Vec::new();
            while behind.load(Ordering::Relaxed) > 0 {
                let batch: Vec<Draft> = [drafts(&shared, 3), drafts(&own, 3)].concat();
                let result = store.append(&batch).await;
                if result.is_err() {
                    behind.store(0, Ordering::Relaxed);
                }
                let messages = result.expect("its turn comes");
                assert_eq!(
                    messages
                        .iter()
                        .map(|message| message.id)
                        .collect::<Vec<_>>(),
                    batch.iter().map(|draft| draft.id).collect::<Vec<_>>()
                );
                written.extend(messages);
                if written.len() == 20 * batch.len() {
                    behind.fetch_sub(1, Ordering::Relaxed);
                }
            }
            written
        })
    });
    let mut written: Vec<Message> = Vec::new();
    for writer in join_all(writers).await {
        written.extend(writer.expect("ends"));
    }
    written.sort_unstable_by_key(|message| message.position);
    assert_contiguous(&written);
    for store in &stores {
        assert_eq!(whole_log(store).await, written);
        let activity = store.activities(&[shared.id]).await.expect("answers");
        let last = written
            .iter()
            .rfind(|message| message.conversation_id == shared.id);
        assert_eq!(Some(activity[0].last_seq), last.map(|message| message.seq));
        store.close().await;
    }
}

#[tokio::test]
async fn what_a_crash_kept_from_being_bumped_is_bumped_by_the_next_start() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = open(&uri).await;
    let conversation = direct(&store).await;
    store
        .append(&drafts(&conversation, 3))
        .await
        .expect("answers");
    let seen_before = store.activities(&[conversation.id]).await.expect("answers");
    store.close().await;

    // As if the process had ended between its insert and its bumps.
    let db = database(&uri).await;
    let unbumped = doc! { "$set": { "lastSeq": 0_i64 }, "$unset": { "lastActivityAt": "", "lastPosition": "" } };
    let conversations = db.collection::<Document>("conversations");
    conversations
        .update_many(doc! {}, unbumped)
        .await
        .expect("set back");
    db.collection::<Document>("readMarks")
        .delete_many(doc! {})
        .await
        .expect("set back");
    let bumped = doc! { "$set": { "position": 0_i64 } };
    db.collection::<Document>("meta")
        .update_one(doc! { "_id": "bumped" }, bumped)
        .await
        .expect("set back");

    let store = open(&uri).await;
    let sender = conversation.members[0].user_id;
    assert_eq!(store.activities(&[conversation.id]).await, Ok(seen_before));
    let listed = store
        .conversations_of(sender, None, 10)
        .await
        .expect("answers");
    assert_eq!(listed.len(), 1);
    let marks = store.read_marks(&[conversation.id]).await.expect("answers");
    let mark = marks.iter().find(|mark| mark.user_id == sender);
    assert_eq!(mark.map(|mark| mark.seq), Some(3));
    store.close().await;
}

#[tokio::test]
async fn a_duplicate_in_the_middle_of_a_batch_stops_nothing_behind_it() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let conversation = direct(&here).await;
    let named = |name: &str| Draft {
        client_message_id: Some(ClientMessageId::parse("id", name).expect("a name")),
        ..draft(&conversation, name)
    };
    let first = here
        .append(&[named("a"), named("b")])
        .await
        .expect("answers");
    let mixed = [
        draft(&conversation, "c"),
        named("b"),
        draft(&conversation, "d"),
        named("a"),
    ];
    let second = elsewhere.append(&mixed).await.expect("answers");
    assert_eq!(
        second.iter().map(|message| message.seq).collect::<Vec<_>>(),
        [3, 2, 4, 1]
    );
    assert_eq!([&second[3], &second[1]], [&first[0], &first[1]]);
    // The very same drafts once more, as after an outcome that was not known.
    assert_eq!(here.append(&mixed).await, Ok(second));
    assert_contiguous(&whole_log(&here).await);
    here.close().await;
    elsewhere.close().await;
}

#[tokio::test]
async fn a_batch_of_which_all_is_known_is_looked_up_as_one() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let here = open(&uri).await;
    let calls = Arc::new(AtomicIsize::new(0));
    let observer = {
        let calls = Arc::clone(&calls);
        Arc::new(move |_, _| {
            calls.fetch_add(1, Ordering::Relaxed);
        })
    };
    let elsewhere = mongo::open(&uri, StoreLimits::default(), observer)
        .await
        .expect("the store opens");
    let conversation = direct(&here).await;
    let named = |number: usize| Draft {
        client_message_id: Some(ClientMessageId::parse("id", &number.to_string()).expect("fits")),
        ..draft(&conversation, "hello")
    };
    let first: Vec<_> = (0..200).map(named).collect();
    let first = here.append(&first).await.expect("answers");
    let again: Vec<_> = (0..200).map(named).collect();
    let db = database(&uri).await;
    db.run_command(doc! { "profile": 2 })
        .await
        .expect("profiling");
    let before = calls.load(Ordering::Relaxed);
    assert_eq!(elsewhere.append(&again).await, Ok(first));
    let calls = calls.load(Ordering::Relaxed) - before;
    assert!(calls < 20, "{calls} calls for 200 messages");
    for (plan, examined, returned) in profiled(&db).await {
        assert!(plan.starts_with("IXSCAN"), "{plan}");
        assert!(examined <= 201, "{plan}: {examined} for {returned}");
    }
    here.close().await;
    elsewhere.close().await;
}

/// What the server says about the queries on messages since profiling began: (plan, documents examined, returned).
async fn profiled(db: &Database) -> Vec<(String, i64, i64)> {
    let number = |entry: &Document, key: &str| match entry.get(key) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{key} is {other:?}"),
    };
    let profile = db.collection::<Document>("system.profile");
    let queries = doc! { "op": "query", "ns": format!("{}.messages", db.name()) };
    let mut entries = profile.find(queries).await.expect("a profile");
    let mut found = Vec::new();
    while entries.advance().await.expect("a profile") {
        let entry = entries.deserialize_current().expect("an entry");
        let plan = entry.get_str("planSummary").expect("a plan").to_owned();
        found.push((
            plan,
            number(&entry, "docsExamined"),
            number(&entry, "nreturned"),
        ));
    }
    found
}

#[tokio::test]
async fn a_page_costs_the_same_wherever_it_lies_in_ten_thousand_messages() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = open(&uri).await;
    let (long, other) = (direct(&store).await, direct(&store).await);
    for _ in 0..10 {
        let batch = [drafts(&long, 1_000), drafts(&other, 50)].concat();
        store.append(&batch).await.expect("answers");
    }
    let db = database(&uri).await;
    db.run_command(doc! { "profile": 2 })
        .await
        .expect("profiling");
    let window = |after, before, from_end| Window {
        after,
        before,
        limit: 50,
        from_end,
    };
    let member = long.members[0].user_id;
    for window in [
        window(None, None, true),
        window(None, None, false),
        window(Some(5_000), None, false),
        window(None, Some(5_000), true),
        window(Some(9_990), None, false),
        window(None, Some(10), true),
    ] {
        let page = store.history(long.id, &window).await.expect("answers");
        assert!(!page.items.is_empty());
    }
    let head = store.head().await.expect("answers");
    for after in [0, 5_000, head - 60] {
        let missed = store
            .missed(member, None, after, head, 50)
            .await
            .expect("answers");
        assert!(!missed.is_empty());
    }
    db.run_command(doc! { "profile": 0 })
        .await
        .expect("profiling ends");
    let queries = profiled(&db).await;
    assert_eq!(queries.len(), 6 + 1 + 3);
    for (plan, examined, returned) in queries {
        assert!(plan.starts_with("IXSCAN"), "{plan}");
        assert!(
            examined <= 51 && returned <= 51,
            "{plan}: {examined} for {returned}"
        );
    }
    store.close().await;
}
