//! What the server reads for what is asked.

use chinwag::{
    domain::{Stretch, Window},
    store::{Messages, Sessions, Upkeep},
};
use mongodb::bson::{Bson, Document, doc};

use super::*;
use crate::support::mongod::{self, fresh_database};

/// What the server says about the queries since profiling began: (plan, keys and documents examined, returned).
pub(super) async fn profiled(db: &Database, collection: &str) -> Vec<(String, i64, i64, i64)> {
    let number = |entry: &Document, key: &str| match entry.get(key) {
        Some(Bson::Int32(number)) => i64::from(*number),
        Some(Bson::Int64(number)) => *number,
        other => panic!("{key} is {other:?}"),
    };
    let profile = db.collection::<Document>("system.profile");
    let queries = doc! {
        "ns": format!("{}.{collection}", db.name()),
        "$or": [{ "op": "query" }, { "op": "command", "command.aggregate": collection }],
    };
    let mut entries = profile.find(queries).await.expect("a profile");
    let mut found = Vec::new();
    while entries.advance().await.expect("a profile") {
        let entry = entries.deserialize_current().expect("an entry");
        let plan = entry.get_str("planSummary").expect("a plan").to_owned();
        found.push((
            plan,
            number(&entry, "keysExamined"),
            number(&entry, "docsExamined"),
            number(&entry, "nreturned"),
        ));
    }
    found
}

pub(super) async fn profile(db: &Database, level: i32) {
    db.run_command(doc! { "profile": level })
        .await
        .expect("profiling");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_again_and_again_costs_the_same_in_ten_thousand_messages() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    // It looks around seldom, so that the profile holds little else.
    let store = StoreLimits {
        alone: Duration::from_hours(1),
        ..limits()
    };
    let store = open_with(&uri, store).await.expect("the store opens");
    let (long, other) = (direct(&store).await, direct(&store).await);
    let mut writer = Writer::begin(&store).await;
    for _ in 0..10 {
        writer.send(&long, 1_000).await;
        writer.send(&other, 50).await;
    }
    store.tidy().await.expect("answers");
    let db = database(&uri).await;
    profile(&db, 2).await;
    let window = |after, before, from_end| Window {
        after,
        before,
        limit: 50,
        from_end,
    };
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
    let heads = store.heads().await.expect("answers");
    let last = heads.positions().next().expect("an end");
    let near: Progress = [Position(last.0 - 40)].into_iter().collect();
    let middle: Progress = [Position(last.0 / 2)].into_iter().collect();
    assert_eq!(store.log_after(&near, 50).await.expect("answers").len(), 40);
    assert_eq!(store.log_after(&heads, 50).await.expect("answers").len(), 0);
    assert_eq!(
        store.log_after(&middle, 50).await.expect("answers").len(),
        50
    );
    assert_eq!(
        store
            .tails(&[long.id, other.id])
            .await
            .expect("answers")
            .len(),
        2
    );
    assert_eq!(store.seals().await.expect("answers").len(), 1);
    let stretch = Stretch {
        conversation_id: long.id,
        first: 4_000,
        last: 4_009,
    };
    assert_eq!(store.entries(&[stretch]).await.expect("answers").len(), 10);
    let places = [1, 9_000].map(|seq| (long.id, seq));
    assert_eq!(store.messages_at(&places).await.expect("answers").len(), 2);
    profile(&db, 0).await;
    let queries = profiled(&db, "messages").await;
    assert!(queries.len() >= 13, "{queries:?}");
    for query in queries {
        let (plan, keys, documents, returned) = &query;
        assert!(!plan.contains("COLLSCAN"), "{query:?}");
        assert!(
            *keys <= 110 && *documents <= 51 && *returned <= 51,
            "{query:?}"
        );
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_lists_read_only_what_they_give() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = StoreLimits {
        alone: Duration::from_hours(1),
        ..limits()
    };
    let store = open_with(&uri, store).await.expect("the store opens");
    let viewer = UserId::new();
    let mut writer = Writer::begin(&store).await;
    let mut new = Vec::new();
    for _ in 0..100 {
        let pair = Pair::new(viewer, UserId::new()).expect("two people");
        let conversation = Conversation::direct(pair, Timestamp::now());
        let conversation = store.create_direct(&conversation).await.expect("answers");
        new.extend(messages(&conversation, 1));
    }
    let written = writer.write(new).await;
    store.tidy().await.expect("answers");
    let db = database(&uri).await;
    profile(&db, 2).await;
    let list = store
        .conversations_of(viewer, None, 10)
        .await
        .expect("answers");
    assert_eq!(list.len(), 10);
    let after = list.last().map(|(last, activity)| (activity.rank, last.id));
    let next = store
        .conversations_of(viewer, after, 10)
        .await
        .expect("answers");
    assert_eq!(next.len(), 10);
    let after = [written[96].position].into_iter().collect();
    let news = store.unseen(viewer, None, &after).await.expect("answers");
    assert_eq!(news.len(), 3);
    profile(&db, 0).await;
    let queries = profiled(&db, "conversations").await;
    assert_eq!(queries.len(), 4, "{queries:?}");
    for query in queries {
        let (plan, keys, documents, _) = &query;
        assert!(plan.starts_with("IXSCAN"), "{query:?}");
        assert!(*keys <= 101 && *documents <= 11, "{query:?}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn which_sessions_ended_lately_is_found_among_those_alone() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let now = Timestamp::now();
    for number in 0..50 {
        let session = chinwag::domain::Session {
            id: chinwag::domain::SessionId::new(),
            user_id: UserId::new(),
            created_at: now,
            device: None,
            last_used_at: now,
            expires_at: now.after(Duration::from_mins(1)),
        };
        here.create_session(&session).await.expect("answers");
        if number < 5 {
            assert_eq!(here.end_session(session.id).await, Ok(true));
        }
    }
    // One that ended long ago.
    let db = database(&uri).await;
    let long_ago = doc! { "$set": { "endedAt": mongodb::bson::DateTime::from_millis(1) } };
    let ended = doc! { "endedAt": { "$exists": true } };
    let sessions = db.collection::<Document>("sessions");
    sessions.update_one(ended, long_ago).await.expect("updated");
    profile(&db, 2).await;
    assert_eq!(
        elsewhere
            .sessions_ended_elsewhere()
            .await
            .expect("answers")
            .len(),
        4
    );
    profile(&db, 0).await;
    let queries = profiled(&db, "sessions").await;
    assert_eq!(queries.len(), 1, "{queries:?}");
    let (plan, keys, documents, _) = &queries[0];
    assert!(plan.contains("endedAt"), "{queries:?}");
    assert!(*keys <= 5 && *documents <= 4, "{queries:?}");
    here.close().await;
    elsewhere.close().await;
}
