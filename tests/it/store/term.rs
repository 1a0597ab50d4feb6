use chinwag::{
    domain::{ClientMessageId, MessageState, Pen},
    store::{Appended, Stopped},
};

use super::{
    writer::{changed, clock, sent, told},
    *,
};

on_every_store!(
    a_step_that_is_taken_stops_what_is_behind_it,
    a_place_that_is_taken_is_the_end_of_the_term,
    what_was_sent_before_stops_what_is_behind_it_and_all_of_it_is_named,
    every_term_begins_with_a_seal_of_its_own,
);

async fn a_step_that_is_taken_stops_what_is_behind_it(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let [ann, ben, cem] = [(); 3].map(|()| UserId::new());
    let here = add_direct(&store, ann, ben).await;
    let there = add_direct(&store, ann, cem).await;
    let message = writer.say(&draft(here.id, ann, "one")).await;
    writer.say(&draft(there.id, ann, "one")).await;
    let before = writer.tails(&[here.id, there.id]).await;
    writer.say(&draft(here.id, ben, "somebody was first")).await;
    let state = MessageState {
        body: Body::stored("edited"),
        edited_at: Some(Timestamp::now()),
        deleted_at: None,
        first: None,
    };
    let late = [
        sent(draft(here.id, ann, "late")),
        changed(&message, state),
        told(&Conversation {
            title: Some("late".to_owned()),
            ..here.clone()
        }),
    ];
    let had = lasting(all_entries(&store).await);
    let mut expected = had.clone();
    let mut there_ends = before[&there.id];
    for late in late {
        let mut tails = before.clone();
        tails.insert(there.id, there_ends);
        let new = [
            sent(draft(there.id, ann, "in time")),
            late,
            sent(draft(there.id, cem, "not written")),
        ];
        let mut pen = writer.pen();
        let entries = new.map(|new| {
            let tail = tails.get_mut(&new.conversation_id).expect("is known");
            pen.write(new, tail, clock())
        });
        let lost = Appended {
            written: 1,
            stopped: Some(Stopped::Lost),
        };
        assert_eq!(writer.append(&entries).await, lost);
        there_ends = entries[0].tail();
        expected.extend(lasting([entries[0].clone()]));
        assert_eq!(lasting(all_entries(&store).await), expected);
    }
    assert_eq!(
        store.messages(&[message.id]).await.expect("answers"),
        [message]
    );
    let found = store.conversations(&[here.id]).await.expect("answers");
    assert_eq!(found[0].title, None);
    assert_eq!(writer.say(&draft(here.id, ann, "now")).await.seq, 3);
    assert_eq!(writer.say(&draft(there.id, ann, "now")).await.seq, 5);
}

async fn a_place_that_is_taken_is_the_end_of_the_term(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let sender = conversation.members[0].user_id;
    writer.say(&draft(conversation.id, sender, "one")).await;
    let late = writer
        .number(vec![sent(draft(conversation.id, sender, "two"))])
        .await;

    let lane = writer.seal.position.lane();
    let seal = store.begin_term(Some(lane)).await.expect("begins");
    let over = Appended {
        written: 0,
        stopped: Some(Stopped::Over),
    };
    assert_eq!(seal.position, late[0].position, "the same lane");
    assert_eq!(writer.append(&late).await, over);

    let tail = &mut writer.tails(&[conversation.id]).await[&conversation.id].clone();
    let mut pen = Pen::new(seal.position, seal.rank);
    let again = pen.write(sent(draft(conversation.id, sender, "two")), tail, clock());
    let all = Appended {
        written: 1,
        stopped: None,
    };
    assert_eq!(store.append(std::slice::from_ref(&again)).await, Ok(all));
    assert_eq!(lasting(all_entries(&store).await)[2..], lasting([again]));
}

async fn what_was_sent_before_stops_what_is_behind_it_and_all_of_it_is_named(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let [ann, ben] = [(); 2].map(|()| UserId::new());
    let here = add_direct(&store, ann, ben).await.id;
    let there = add_direct(&store, ann, UserId::new()).await.id;
    let named = |conversation, sender, body: &str, name: &str| Message {
        client_message_id: Some(ClientMessageId::stored(name)),
        ..draft(conversation, sender, body)
    };
    let drafts = [
        named(here, ann, "one", "a"),
        named(here, ben, "two", "a"),
        named(there, ann, "three", "b"),
    ];
    let earlier = writer.send(&drafts).await;
    let new = [
        named(here, ann, "four", "c"),
        named(here, ben, "two again", "a"),
        named(there, ann, "five", "d"),
        named(here, ann, "three again, elsewhere", "b"),
        draft(there, ann, "six"),
        drafts[0].clone(),
    ];
    let entries = writer.number(new.map(sent).to_vec()).await;
    let stopped = Appended {
        written: 1,
        stopped: Some(Stopped::Known(vec![
            (1, earlier[1].clone()),
            (3, earlier[2].clone()),
            (5, earlier[0].clone()),
        ])),
    };
    assert_eq!(writer.append(&entries).await, stopped);
    let written: Vec<_> = all_entries(&store)
        .await
        .iter()
        .map(|entry| entry.id)
        .collect();
    let bodies = store
        .messages(&written.into_iter().map(MessageId).collect::<Vec<_>>())
        .await;
    assert_eq!(bodies.expect("answers").len(), 4);
}

async fn every_term_begins_with_a_seal_of_its_own(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let mut expected = vec![writer.seal];
    for _ in 0..3 {
        let sender = conversation.members[0].user_id;
        writer.say(&draft(conversation.id, sender, "hi")).await;
        let lane = writer.seal.position.lane();
        let seal = store.begin_term(Some(lane)).await.expect("begins");
        assert!(store.heads().await.expect("answers").covers(seal.position));
        expected.push(seal);
        writer = Writer::holding(&store, seal);
    }
    assert_eq!(store.seals().await.expect("answers"), expected);
    let in_log = whole_log(&store)
        .await
        .into_iter()
        .filter_map(|record| match record {
            Record::Seal(seal) => Some(seal),
            Record::Entry(_) => None,
        });
    assert_eq!(in_log.collect::<Vec<_>>(), expected);
    let mut marks: Vec<_> = expected.iter().map(|seal| seal.mark).collect();
    marks.sort_unstable();
    marks.dedup();
    assert_eq!(marks.len(), expected.len(), "each has its own mark");
}
