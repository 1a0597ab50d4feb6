use std::collections::BTreeSet;

use chinwag::domain::{ClientMessageId, Stretch, Window};

use super::*;

on_every_store!(
    a_client_message_id_makes_one_message_however_often_it_comes,
    a_message_that_comes_again_stands_in_the_log_once,
    texts_come_back_as_they_were_whatever_they_hold,
    messages_are_found_by_id_and_by_place_each_once,
    every_read_shows_a_write_that_has_returned,
);

fn named(draft: Message, client_message_id: &str) -> Message {
    Message {
        client_message_id: Some(ClientMessageId::stored(client_message_id)),
        ..draft
    }
}

/// A message at its place.
fn placed(draft: &Message, seq: i64) -> Message {
    Message {
        seq,
        ..draft.clone()
    }
}

/// The messages of the whole log.
async fn all_messages(store: &DynStore) -> Vec<Message> {
    let log = all_entries(store).await.into_iter();
    log.filter_map(|entry| entry.message().map(|message| (**message).clone()))
        .collect()
}

async fn a_client_message_id_makes_one_message_however_often_it_comes(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let (ann, ben) = (UserId::new(), UserId::new());
    let here = add_direct(&store, ann, ben).await.id;
    let there = add_direct(&store, ann, UserId::new()).await.id;
    let first = writer.say(&named(draft(here, ann, "one"), "a")).await;

    let drafts = [
        draft(here, ann, "two"),
        named(draft(here, ann, "one again"), "a"),
        named(draft(here, ben, "one of ben's"), "a"),
        named(draft(there, ann, "three"), "A"),
        draft(here, ann, "four"),
    ];
    let expected = [
        placed(&drafts[0], 2),
        first.clone(),
        placed(&drafts[2], 3),
        placed(&drafts[3], 1),
        placed(&drafts[4], 4),
    ];
    assert_eq!(writer.send(&drafts).await, expected);

    let elsewhere = named(draft(there, ann, "with another target"), "a");
    assert_eq!(writer.say(&elsewhere).await, first);
    assert_eq!(writer.say(&draft(there, ann, "five")).await.seq, 2);
    let messages = all_messages(&store).await;
    let bodies: Vec<&str> = messages
        .iter()
        .map(|message| message.body.as_str())
        .collect();
    let once = ["one", "two", "one of ben's", "three", "four", "five"];
    assert_eq!(bodies, once);
}

async fn a_message_that_comes_again_stands_in_the_log_once(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let sender = conversation.members[0].user_id;
    let drafts = [
        draft(conversation.id, sender, "one"),
        draft(conversation.id, sender, "two"),
    ];
    let written = writer.send(&drafts).await;
    let more = draft(conversation.id, sender, "three");
    let again = [drafts[1].clone(), more.clone(), drafts[0].clone()];
    let answered = writer.send(&again).await;
    let expected = [written[1].clone(), placed(&more, 3), written[0].clone()];
    assert_eq!(answered, expected);
    assert_eq!(count(&all_messages(&store).await), 3);
}

async fn texts_come_back_as_they_were_whatever_they_hold(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let sender = conversation.members[0].user_id;
    let long = "\u{1F468}\u{200D}\u{1F469}".repeat(1_333);
    let texts = [
        "'; DROP TABLE messages; --",
        "{\"$where\": \"sleep(1)\"}",
        "$set",
        "a\0b",
        "\0",
        " \t\r\n x \u{FEFF}",
        "e\u{301} is not \u{e9}",
        "\u{10FFFF}\u{202E}abc",
        "?1 :name @name $1 %s {}",
        &long,
    ];
    let mut drafts = texts.map(|text| draft(conversation.id, sender, text));
    drafts[9].reply_to = Some(drafts[0].id);
    let names = texts.map(|text| text.chars().take(64).collect::<String>());
    let drafts: Vec<Message> = drafts
        .into_iter()
        .zip(&names)
        .map(|(draft, name)| named(draft, name))
        .collect();
    let expected: Vec<Message> = drafts
        .iter()
        .zip(1..)
        .map(|(draft, seq)| placed(draft, seq))
        .collect();
    assert_eq!(writer.send(&drafts).await, expected);
    assert_eq!(all_messages(&store).await, expected);

    let again = |draft: &Message| Message {
        id: MessageId::new(),
        ..draft.clone()
    };
    let retries: Vec<Message> = drafts.iter().map(again).collect();
    assert_eq!(writer.send(&retries).await, expected);
}

async fn messages_are_found_by_id_and_by_place_each_once(store: DynStore) {
    let log = RandomLog::write(Writer::begin(&store).await, &mut random(), 60).await;
    let wanted: Vec<&Message> = log.messages.iter().step_by(3).collect();
    let place_in_log = |found: &Message| log.messages.iter().position(|sent| sent.id == found.id);
    let sorted = |mut found: Vec<Message>| {
        found.sort_by_key(place_in_log);
        found
    };

    let mut ids: Vec<MessageId> = wanted.iter().rev().map(|message| message.id).collect();
    ids.extend([MessageId::new(), wanted[0].id]);
    let found = sorted(store.messages(&ids).await.expect("answers"));
    assert_eq!(found.iter().collect::<Vec<_>>(), wanted);

    let place = |message: &&Message| (message.conversation_id, message.seq);
    let mut places: Vec<_> = wanted.iter().map(place).collect();
    let somewhere = wanted[0].conversation_id;
    places.extend([0, -1, i64::MIN, i64::MAX, 1_000].map(|seq| (somewhere, seq)));
    places.extend([(ConversationId::new(), 1), place(&wanted[0])]);
    let found = sorted(store.messages_at(&places).await.expect("answers"));
    assert_eq!(found.iter().collect::<Vec<_>>(), wanted);

    assert_eq!(store.messages(&[]).await.expect("answers"), []);
    assert_eq!(store.messages_at(&[]).await.expect("answers"), []);
}

async fn every_read_shows_a_write_that_has_returned(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let (ann, ben) = (UserId::new(), UserId::new());
    let conversation = add_direct(&store, ann, ben).await;
    let here = [conversation.id];
    let window = Window {
        after: None,
        before: None,
        limit: 1,
        from_end: true,
    };
    for seq in 1..=50 {
        let had = store.heads().await.expect("answers");
        let message = writer.say(&draft(conversation.id, ann, "hi")).await;
        let (id, place, newest) = ([message.id], [(conversation.id, seq)], [message]);
        // Behind the entry that makes the conversation.
        let step = seq + 1;
        let stretch = [Stretch {
            conversation_id: conversation.id,
            first: step,
            last: step,
        }];
        let (log, news, tails, entries, page, by_id, by_place, activities, listed, marks) = tokio::join!(
            store.log_after(&had, 10),
            store.unseen(ben, None, &had),
            store.tails(&here),
            store.entries(&stretch),
            store.history(conversation.id, &window),
            store.messages(&id),
            store.messages_at(&place),
            store.activities(&here),
            store.conversations_of(ben, None, 10),
            store.read_marks(&here),
        );
        let (log, tails, entries) = (
            log.expect("answers"),
            tails.expect("answers"),
            entries.expect("answers"),
        );
        assert_eq!(
            log.last(),
            entries.last().cloned().map(Record::Entry).as_ref()
        );
        assert_eq!(entries.len(), 1);
        assert_eq!(
            entries[0]
                .message()
                .map(|message| (**message).clone())
                .as_slice(),
            newest
        );
        assert_eq!(tails, [(conversation.id, entries[0].tail())]);
        let news = news.expect("answers").into_iter();
        let news = news.map(|unseen| (unseen.conversation_id, unseen.tail));
        assert_eq!(news.collect::<Vec<_>>(), tails);
        assert_eq!(page.expect("answers").items, newest);
        assert_eq!(by_id.expect("answers"), newest);
        assert_eq!(by_place.expect("answers"), newest);
        assert_eq!(activities.expect("answers")[0].last_seq, seq);
        assert_eq!(listed.expect("answers")[0].1.last_seq, seq);
        let read: BTreeSet<_> = marks
            .expect("answers")
            .iter()
            .map(|mark| mark.seq)
            .collect();
        assert_eq!(read, BTreeSet::from([0, seq]));
    }
}
