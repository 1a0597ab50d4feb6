use std::collections::BTreeSet;

use chinwag::domain::{ClientMessageId, Window};

use super::*;

on_every_store!(
    places_have_no_holes_in_the_log_and_in_every_conversation,
    a_client_message_id_makes_one_message_however_often_it_comes,
    a_draft_that_comes_again_stands_in_the_log_once,
    texts_come_back_as_they_were_whatever_they_hold,
    messages_are_found_by_id_and_by_place_each_once,
    every_read_shows_a_write_that_has_returned,
    an_empty_log_has_no_messages,
);

fn named(draft: Draft, client_message_id: &str) -> Draft {
    Draft {
        client_message_id: Some(ClientMessageId::stored(client_message_id)),
        ..draft
    }
}

async fn places_have_no_holes_in_the_log_and_in_every_conversation(store: DynStore) {
    let log = RandomLog::write(&store, &mut StdRng::seed_from_u64(1), 120).await;
    let positions = log.messages.iter().map(|message| message.position);
    assert!(positions.eq(1..=count(&log.messages)));
    for conversation in &log.conversations {
        let messages = log.of(conversation.id);
        assert!(
            messages
                .iter()
                .map(|message| message.seq)
                .eq(1..=count(&messages))
        );
    }
    assert_eq!(whole_log(&store).await, log.messages);
    assert_eq!(store.head().await.expect("answers"), count(&log.messages));
}

async fn a_client_message_id_makes_one_message_however_often_it_comes(store: DynStore) {
    let (ann, ben) = (UserId::new(), UserId::new());
    let here = add_direct(&store, ann, ben).await.id;
    let there = add_direct(&store, ann, UserId::new()).await.id;
    let first = say(&store, &named(draft(here, ann, "one"), "a")).await;

    let drafts = [
        draft(here, ann, "two"),
        named(draft(here, ann, "one again"), "a"),
        named(draft(here, ben, "one of ben's"), "a"),
        named(draft(there, ann, "three"), "A"),
        draft(here, ann, "four"),
    ];
    let written = store.append(&drafts).await.expect("answers");
    let expected = [
        drafts[0].placed(2, 2),
        first.clone(),
        drafts[2].placed(3, 3),
        drafts[3].placed(4, 1),
        drafts[4].placed(5, 4),
    ];
    assert_eq!(written, expected);

    let elsewhere = say(
        &store,
        &named(draft(there, ann, "with another target"), "a"),
    )
    .await;
    assert_eq!(elsewhere, first);
    assert_eq!(store.head().await.expect("answers"), 5);
    assert_eq!(say(&store, &draft(there, ann, "five")).await.seq, 2);
    let bodies: Vec<String> = whole_log(&store)
        .await
        .iter()
        .map(|message| message.body.as_str().to_owned())
        .collect();
    assert_eq!(
        bodies,
        ["one", "two", "one of ben's", "three", "four", "five"]
    );
}

async fn a_draft_that_comes_again_stands_in_the_log_once(store: DynStore) {
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let sender = conversation.members[0].user_id;
    let drafts = [
        draft(conversation.id, sender, "one"),
        draft(conversation.id, sender, "two"),
    ];
    let written = store.append(&drafts).await.expect("answers");
    let more = draft(conversation.id, sender, "three");
    let again = [drafts[1].clone(), more.clone(), drafts[0].clone()];
    let answered = store.append(&again).await.expect("answers");
    assert_eq!(
        answered,
        [written[1].clone(), more.placed(3, 3), written[0].clone()]
    );
    assert_eq!(store.head().await.expect("answers"), 3);
}

async fn texts_come_back_as_they_were_whatever_they_hold(store: DynStore) {
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
    let drafts: Vec<Draft> = drafts
        .into_iter()
        .zip(&names)
        .map(|(draft, name)| named(draft, name))
        .collect();
    let written = store.append(&drafts).await.expect("answers");
    let expected: Vec<Message> = drafts
        .iter()
        .zip(1..)
        .map(|(draft, place)| draft.placed(place, place))
        .collect();
    assert_eq!(written, expected);
    assert_eq!(whole_log(&store).await, expected);

    let retries: Vec<Draft> = drafts
        .iter()
        .map(|draft| Draft {
            id: MessageId::new(),
            ..draft.clone()
        })
        .collect();
    assert_eq!(store.append(&retries).await.expect("answers"), expected);
}

async fn messages_are_found_by_id_and_by_place_each_once(store: DynStore) {
    let log = RandomLog::write(&store, &mut StdRng::seed_from_u64(2), 40).await;
    let wanted: Vec<&Message> = log.messages.iter().step_by(3).collect();
    let sorted = |mut found: Vec<Message>| {
        found.sort_by_key(|message| message.position);
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
    let (ann, ben) = (UserId::new(), UserId::new());
    let conversation = add_direct(&store, ann, ben).await;
    let window = Window {
        after: None,
        before: None,
        limit: 1,
        from_end: true,
    };
    for seq in 1..=50 {
        let message = say(&store, &draft(conversation.id, ann, "hi")).await;
        let (here, place, newest) = ([conversation.id], [(conversation.id, seq)], [message]);
        let id = newest.clone().map(|message| message.id);
        let (head, log, missed, page, by_id, by_place, activities, listed, marks) = tokio::join!(
            store.head(),
            store.log_after(seq - 1, 10),
            store.missed(ben, None, seq - 1, seq, 10),
            store.history(conversation.id, &window),
            store.messages(&id),
            store.messages_at(&place),
            store.activities(&here),
            store.conversations_of(ben, None, 10),
            store.read_marks(&here),
        );
        assert_eq!(head.expect("answers"), seq);
        assert_eq!(log.expect("answers"), newest);
        assert_eq!(missed.expect("answers"), newest);
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

async fn an_empty_log_has_no_messages(store: DynStore) {
    assert_eq!(store.append(&[]).await.expect("answers"), []);
    assert_eq!(store.head().await.expect("answers"), 0);
    assert_eq!(store.log_after(0, 10).await.expect("answers"), []);
    assert_eq!(
        store
            .missed(UserId::new(), None, 0, i64::MAX, 10)
            .await
            .expect("answers"),
        []
    );
}
