//! Many processes, one log.

use std::sync::atomic::{AtomicIsize, Ordering};

use chinwag::{
    domain::{ClientMessageId, Happening, Lane, Seal, log::LANES},
    store::{Appended, Marks, Messages, Presence, Stopped, Upkeep},
};
use futures_util::future::join_all;
use mongodb::bson::{Document, doc};

use super::{
    link::Link,
    writer::{deletion, sent, told},
    *,
};
use crate::support::{
    eventually,
    mongod::{self, fresh_database},
};

#[tokio::test(flavor = "multi_thread")]
async fn processes_write_side_by_side_and_race_only_for_a_conversations_steps() {
    let server = server_or_skip!(mongod::own());
    let name = fresh_database();
    let uri = server.uri_for(&name);
    let link = Link::to(server.address(), Duration::from_millis(5)).await;
    let stores = [
        open(&uri).await,
        open(&uri).await,
        open(&link.uri_for(&name)).await,
    ];
    let shared = direct(&stores[0]).await;
    let behind = Arc::new(AtomicIsize::new(3));
    let writers = stores.iter().cloned().map(|store| {
        let (behind, shared) = (Arc::clone(&behind), shared.clone());
        tokio::spawn(async move {
            let own = direct(&store).await;
            let mut writer = Writer::begin(&store).await;
            let lane = writer.lane();
            let mut written = Vec::new();
            for _ in 0..10 {
                let batch = [messages(&own, 3), messages(&shared, 2), messages(&own, 1)].concat();
                written.extend(writer.write(batch).await);
            }
            behind.fetch_sub(1, Ordering::Relaxed);
            (lane, written)
        })
    });
    let (mut lanes, mut written) = (HashSet::new(), Vec::new());
    for writer in join_all(writers).await {
        let (lane, entries) = writer.expect("ends");
        lanes.insert(lane);
        written.extend(entries);
    }
    assert_eq!(
        lanes,
        Lane::all().take(3).collect(),
        "each has a lane of its own"
    );
    written.sort_unstable_by_key(|entry| entry.position);
    for store in &stores {
        let log = whole_log(store).await;
        assert_contiguous(&log);
        assert_eq!(entries(store).await, written);
        let activity = store.activities(&[shared.id]).await.expect("answers");
        assert_eq!(activity[0].last_seq, 60);
    }
    for store in &stores {
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_process_left_is_made_up_for_and_its_lane_is_let_go() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let killed = open_with(&uri, SHORT).await.expect("the store opens");
    let conversation = direct(&killed).await;
    let sender = conversation.members[0].user_id;
    let mut writer = Writer::begin(&killed).await;
    writer.write(vec![told(&conversation)]).await;
    let sent = writer.send(&conversation, 3).await;
    // As a process that is killed before it has followed what it wrote.
    drop(writer);
    drop(killed);

    let alive = open_with(&uri, SHORT).await.expect("the store opens");
    let list = alive.conversations_of(sender, None, 10).await;
    assert_eq!(
        list.expect("answers").len(),
        1,
        "before anything is followed"
    );
    let db = database(&uri).await;
    let stored = async || {
        alive.renew_lease().await.expect("answers");
        let conversations = db.collection::<Document>("conversations");
        let found = conversations.find_one(doc! {}).await.expect("answers");
        let lanes = db.collection::<Document>("lanes");
        let held = doc! { "holder": { "$exists": true } };
        let held = lanes.count_documents(held).await.expect("answers");
        found.expect("is there").get_i64("lastSeq").ok() == Some(3) && held == 0
    };
    eventually("the dead process's lane is followed and let go", stored).await;
    let marks = alive.read_marks(&[conversation.id]).await.expect("answers");
    let mark = marks.iter().find(|mark| mark.user_id == sender);
    assert_eq!(mark.map(|mark| mark.seq), Some(3));
    let log = whole_log(&alive).await;
    assert_contiguous(&log);
    assert!(matches!(log.last(), Some(Record::Seal(_))), "it is sealed");
    let tails = alive.tails(&[conversation.id]).await.expect("answers");
    assert_eq!(tails[0].1, sent[2].tail());
    alive.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stopped_process_had_under_way_is_written_before_the_seal_or_never() {
    let server = server_or_skip!(mongod::own());
    let name = fresh_database();
    let link = Link::to(server.address(), Duration::ZERO).await;
    let stopped = open_with(&link.uri_for(&name), SHORT)
        .await
        .expect("the store opens");
    let alive = open_with(&server.uri_for(&name), SHORT)
        .await
        .expect("the store opens");
    let conversation = direct(&alive).await;
    let mut writer = Writer::begin(&stopped).await;
    let lane = writer.lane();
    writer.send(&conversation, 2).await;
    let late = writer.number(&messages(&conversation, 3)).await;

    link.hold.send(true).expect("the link is there");
    let outcome = writer.append(&late).await;
    assert!(matches!(outcome, Err(Error::Unavailable(_))), "{outcome:?}");
    let sealed = async || {
        alive.renew_lease().await.expect("answers");
        alive.seals().await.expect("answers").len() == 2
    };
    eventually("its lane is sealed", sealed).await;
    let mut other = Writer::begin(&alive).await;
    assert_eq!(other.lane(), lane, "the lowest lane that nobody holds");
    let instead = other.send(&conversation, 1).await;
    assert_eq!(instead[0].step, 3);

    link.hold.send(false).expect("the link is there");
    writer.again().await;
    assert_ne!(writer.lane(), lane, "somebody else has it by now");
    assert_eq!(writer.send(&conversation, 1).await[0].step, 4);
    let log = whole_log(&stopped).await;
    assert_contiguous(&log);
    let written = ids(&entries(&alive).await);
    assert!(late.iter().all(|late| !written.contains(&late.id)));
    assert_eq!(log, whole_log(&alive).await);
    stopped.close().await;
    alive.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_was_closed_is_free_at_once_and_goes_on_behind_a_new_seal() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let mut seals: Vec<Seal> = Vec::new();
    for _ in 0..3 {
        let store = open(&uri).await;
        let conversation = direct(&store).await;
        let mut writer = Writer::begin(&store).await;
        assert_eq!(writer.lane(), Lane::FIRST);
        writer.send(&conversation, 2).await;
        seals.push(writer.seal);
        assert_eq!(store.seals().await.expect("answers"), seals);
        store.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_more_than_there_are_lanes_says_so() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = open(&uri).await;
    let db = database(&uri).await;
    let holder = mongodb::bson::Uuid::new();
    let alive = doc! { "_id": holder, "aliveAt": mongodb::bson::DateTime::now() };
    let processes = db.collection::<Document>("processes");
    processes.insert_one(alive).await.expect("is registered");
    for lane in Lane::all() {
        let number = i64::try_from(lane.number()).expect("is small");
        let held = doc! { "$set": { "holder": holder, "followed": lane.start().0 } };
        db.collection::<Document>("lanes")
            .update_one(doc! { "_id": number }, held)
            .upsert(true)
            .await
            .expect("is held");
    }
    let refused = store.begin_term(None).await;
    let Err(Error::Internal(line)) = refused else {
        panic!("{refused:?}");
    };
    assert!(
        line.contains(&LANES.to_string()) && !line.contains('\n'),
        "{line}"
    );
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_knows_when_nobody_else_can_have_written() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let here = open(&uri).await;
    let told = async |store: &MongoStore| {
        let log = whole_log(store).await;
        let had: Progress = log.iter().map(Record::position).collect();
        store.log_after(&had, 1).await.expect("answers");
    };
    let mut writer = Writer::begin(&here).await;
    let conversation = direct(&here).await;
    writer.send(&conversation, 1).await;
    told(&here).await;
    eventually("it has seen that it is alone", async || here.is_alone()).await;

    let elsewhere = open(&uri).await;
    assert!(!elsewhere.is_alone());
    let mut other = Writer::begin(&elsewhere).await;
    assert!(
        !here.is_alone(),
        "whoever writes has let others see that it is there"
    );
    other.send(&conversation, 1).await;
    elsewhere.close().await;
    let looks = async || {
        told(&here).await;
        here.is_alone()
    };
    eventually("it has seen that it is alone again", looks).await;
    here.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_known_is_named_also_when_somebody_else_wrote_it() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let conversation = direct(&here).await;
    let named = |name: usize| {
        let mut new = message(&conversation, "hello");
        if let Happening::Sent(message) = &mut new.what {
            let name = ClientMessageId::parse("id", &name.to_string()).expect("fits");
            Arc::make_mut(message).client_message_id = Some(name);
        }
        new
    };
    let mut writer = Writer::begin(&here).await;
    let mut other = Writer::begin(&elsewhere).await;
    let first = writer.write((0..200).map(named).collect()).await;
    let again = other.number(&(0..200).map(named).collect::<Vec<_>>()).await;
    let known = first
        .iter()
        .filter_map(Entry::message)
        .map(|message| Message::clone(message));
    let stopped = Appended {
        written: 0,
        stopped: Some(Stopped::Known(known.enumerate().collect())),
    };
    assert_eq!(other.append(&again).await, Ok(stopped));
    here.close().await;
    elsewhere.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_put_back_ends_the_store() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = open(&uri).await;
    let conversation = direct(&store).await;
    let mut writer = Writer::begin(&store).await;
    let written = writer.send(&conversation, 3).await;
    let messages = database(&uri).await.collection::<Document>("messages");
    let last = doc! { "position": written[2].position.0 };
    messages.delete_one(last).await.expect("is gone");
    let line = timeout(Duration::from_secs(30), store.failed()).await;
    let line = line.expect("it is noticed");
    assert!(line.contains("put back") && !line.contains('\n'), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_for_turns_reaches_the_others_until_it_is_over() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let (here, elsewhere) = (open(&uri).await, open(&uri).await);
    let conversation = direct(&here).await;
    here.call_for_turns(&[conversation.id])
        .await
        .expect("answers");
    let first = elsewhere.called_for().await.expect("answers");
    assert_eq!(
        first.iter().map(|(id, _)| *id).collect::<Vec<_>>(),
        [conversation.id]
    );
    assert_eq!(here.called_for().await, Ok(vec![]));
    here.call_for_turns(&[conversation.id])
        .await
        .expect("answers");
    let second = elsewhere.called_for().await.expect("answers");
    assert_ne!(first[0].1, second[0].1, "another call");
    here.call_for_turns(&[]).await.expect("answers");
    assert_eq!(elsewhere.called_for().await, Ok(vec![]));
    here.close().await;
    elsewhere.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_is_larger_than_a_command_goes_in_parts() {
    let server = server_or_skip!(mongod::shared());
    let uri = server.uri_for(&fresh_database());
    let store = open(&uri).await;
    let conversation = direct(&store).await;
    let mut writer = Writer::begin(&store).await;
    let long = "\u{1F468}".repeat(4_000);
    let batch: Vec<_> = (0..1_200).map(|_| message(&conversation, &long)).collect();
    let new = batch.into_iter().map(|new| match new.what {
        Happening::Sent(message) => sent(Message::clone(&message)),
        _ => new,
    });
    let written = writer.write(new.collect()).await;
    assert_eq!(written.len(), 1_200);
    let deleted = writer.write(vec![deletion(&written[0])]).await;
    let found = store
        .messages_at(&[(conversation.id, 1)])
        .await
        .expect("answers");
    assert_eq!(
        (found[0].body.as_str(), found[0].changed),
        ("", deleted[0].step)
    );
    store.close().await;
}
