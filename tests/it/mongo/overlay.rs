//! What follows from entries shows as soon as a process was given them, whoever wrote them.

use chinwag::{
    domain::{Member, MemberRole, Window},
    store::{Marks, Messages, Upkeep},
};
use mongodb::bson::{Document, doc};

use super::{
    writer::{deletion, told},
    *,
};
use crate::support::mongod::{self, fresh_database};

/// Gives a store what is new of the log.
async fn give(store: &MongoStore, had: &mut Progress) {
    for record in store.log_after(had, 10_000).await.expect("answers") {
        had.advance(record.position());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_process_wrote_the_other_lists_once_it_was_given_it() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let viewer = UserId::new();
    let mut conversations = Vec::new();
    let mut writer = Writer::begin(&here).await;
    for _ in 0..6 {
        let pair = Pair::new(viewer, UserId::new()).expect("two people");
        let conversation = Conversation::direct(pair, Timestamp::now());
        let conversation = here.create_direct(&conversation).await.expect("answers");
        conversations.push(conversation);
    }
    let mut had = Progress::default();
    // Round by round another one is the newest; nothing waits for anything to be followed.
    for round in 0..20 {
        let conversation = conversations[(round * 5) % 6].clone();
        let written = writer.send(&conversation, 2).await;
        let before = had;
        give(&elsewhere, &mut had).await;
        let last = written[1].clone();
        let member = conversation.members[0].user_id;
        for store in [&here, &elsewhere] {
            let list = store
                .conversations_of(viewer, None, 10)
                .await
                .expect("answers");
            assert_eq!(list.len(), (round + 1).min(6), "each once");
            assert_eq!(list[0].0.id, conversation.id);
            assert_eq!((list[0].1.last_seq, list[0].1.rank), (last.seq, last.rank));
            assert!(list.is_sorted_by(|a, b| (a.1.rank, a.0.id) > (b.1.rank, b.0.id)));
            let mut paged = Vec::new();
            let mut after = None;
            while let Some((last, activity)) = store
                .conversations_of(viewer, after, 1)
                .await
                .expect("answers")
                .pop()
            {
                after = Some((activity.rank, last.id));
                paged.push((last, activity));
            }
            assert_eq!(paged, list);
            let activity = store.activities(&[conversation.id]).await.expect("answers");
            assert_eq!(activity[0], list[0].1);
            let marks = store.read_marks(&[conversation.id]).await.expect("answers");
            let mark = marks.iter().find(|mark| mark.user_id == member);
            assert_eq!(mark.map(|mark| mark.seq), Some(last.seq));
            let news = store.unseen(viewer, None, &before).await.expect("answers");
            let news = news
                .iter()
                .map(|unseen| (unseen.conversation_id, unseen.tail));
            assert_eq!(news.collect::<Vec<_>>(), [(conversation.id, last.tail())]);
            assert_eq!(store.unseen(viewer, None, &had).await, Ok(vec![]));
            assert_eq!(store.unseen(UserId::new(), None, &before).await, Ok(vec![]));
        }
    }
    here.close().await;
    elsewhere.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_shows_everywhere_although_what_follows_from_it_cannot_be_written() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let conversation = direct(&here).await;
    let [ann, ben] = [0, 1].map(|at| conversation.members[at].user_id);
    let mut writer = Writer::begin(&here).await;
    let written = writer.send(&conversation, 2).await;
    // The documents refuse every change from here on.
    let db = database(&uri).await;
    let refuse = |name: &str, validator: Document| {
        let command = doc! { "collMod": name, "validator": validator, "validationLevel": "strict" };
        db.run_command(command)
    };
    let unchanged = doc! { "changed": { "$exists": false } };
    refuse("messages", unchanged.clone())
        .await
        .expect("it refuses");
    refuse("conversations", unchanged)
        .await
        .expect("it refuses");

    let mut other = conversation.clone();
    let cem = Member {
        user_id: UserId::new(),
        role: MemberRole::Member,
        joined_at: Timestamp::now(),
        since: 4,
    };
    other.title = Some("$title".to_owned());
    other.members = vec![conversation.members[0].clone(), cem.clone()];
    other.members[0].since = 1;
    let changes = writer
        .write(vec![deletion(&written[0]), told(&other)])
        .await;
    other.changed = changes[1].step;
    let mut had = Progress::default();
    give(&elsewhere, &mut had).await;
    for store in [&here, &elsewhere] {
        let found = store
            .messages(&[MessageId(written[0].id)])
            .await
            .expect("answers");
        assert_eq!(found[0].body.as_str(), "");
        let window = Window {
            after: None,
            before: None,
            limit: 10,
            from_end: false,
        };
        let page = store
            .history(conversation.id, &window)
            .await
            .expect("answers");
        assert_eq!((page.items.len(), page.items[0].body.as_str()), (2, ""));
        assert_eq!(
            store.conversations(&[other.id]).await,
            Ok(vec![other.clone()])
        );
        for (viewer, count) in [(ann, 1), (ben, 0), (cem.user_id, 1)] {
            let list = store
                .conversations_of(viewer, None, 10)
                .await
                .expect("answers");
            assert_eq!(list.len(), count);
            let news = store.unseen(viewer, None, &Progress::default()).await;
            assert_eq!(news.expect("answers").len(), count);
        }
        let moved = store.mark_read(other.id, cem.user_id, 1).await;
        assert!(moved.is_ok(), "a member as the change has it: {moved:?}");
        assert_eq!(store.mark_read(other.id, ben, 2).await, Ok(false));
    }
    // Once they take it again, it is followed, and the body is nowhere any more.
    for name in ["messages", "conversations"] {
        let command = doc! { "collMod": name, "validator": {}, "validationLevel": "strict" };
        db.run_command(command).await.expect("it takes it");
    }
    here.tidy().await.expect("answers");
    let stored = db
        .collection::<Document>("conversations")
        .find_one(doc! {})
        .await;
    let stored = stored.expect("answers").expect("is there");
    assert_eq!(stored.get_str("title").ok(), Some("$title"));
    assert_eq!(stored.get_i64("lastStep").ok(), Some(changes[1].step));
    let told = doc! { "state": { "$exists": true } };
    let told = db
        .collection::<Document>("messages")
        .count_documents(told)
        .await;
    assert_eq!(told.expect("answers"), 0);
    here.close().await;
    elsewhere.close().await;
}
