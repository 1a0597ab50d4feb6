use std::collections::{BTreeMap, HashMap};

use chinwag::{
    domain::{ClientMessageId, Lane, MessageState, Position, Rank, Step, Stretch, Tail, Window},
    store::Appended,
};

use super::{writer::changed, *};

on_every_store!(
    places_have_no_holes_in_the_lane_and_in_every_conversation,
    ranks_grow_with_the_lane_and_in_every_conversation,
    a_part_of_the_log_is_what_stands_behind_a_reader,
    conversations_end_where_their_newest_entry_is,
    a_viewer_has_news_where_something_happened_that_a_reader_has_not_had,
    entries_are_found_by_their_steps,
    a_change_of_a_message_shows_wherever_it_is_read_and_what_it_was_nowhere,
    an_empty_log_has_nothing,
);

async fn random_log(store: &DynStore, size: usize) -> (RandomLog, StdRng) {
    let mut random = random();
    let writer = Writer::begin(store).await;
    (RandomLog::write(writer, &mut random, size).await, random)
}

/// Tails without their ranks, which are the store's affair.
fn by_conversation(
    tails: impl IntoIterator<Item = (ConversationId, Tail)>,
) -> BTreeMap<ConversationId, Tail> {
    let without_rank = |(id, tail)| (id, Tail { rank: 0, ..tail });
    let tails = tails.into_iter().map(without_rank);
    let mut found = BTreeMap::new();
    for (id, tail) in tails {
        assert_eq!(found.insert(id, tail), None, "each once");
    }
    found
}

async fn places_have_no_holes_in_the_lane_and_in_every_conversation(store: DynStore) {
    let (log, _) = random_log(&store, 150).await;
    let seal = log.seal().position;
    let read = all_entries(&store).await;
    let places = read.iter().map(|entry| entry.position);
    let expected = (1..=count(&log.entries)).map(|n| Position::at(seal.lane(), seal.number() + n));
    assert!(places.eq(expected));
    assert_eq!(lasting(read.clone()), lasting(log.entries.clone()));
    for conversation in &log.conversations {
        let mut last = Tail::NOTHING;
        for entry in read
            .iter()
            .filter(|entry| entry.conversation_id == conversation.id)
        {
            assert_eq!((entry.step, entry.before), (last.step + 1, last.position));
            let said = i64::from(entry.message().is_some());
            assert_eq!(entry.seq, last.seq + said);
            assert!(
                entry
                    .message()
                    .is_none_or(|message| message.seq == entry.seq)
            );
            last = entry.tail();
        }
    }
    assert_eq!(store.heads().await.expect("answers"), log.up_to(log.end()));
    let ids: Vec<_> = log.messages.iter().map(|message| message.id).collect();
    let mut messages = store.messages(&ids).await.expect("answers");
    messages.sort_by_key(|message| ids.iter().position(|id| *id == message.id));
    assert_eq!(messages, log.messages);
    let ids: Vec<_> = log
        .conversations
        .iter()
        .map(|conversation| conversation.id)
        .collect();
    let mut conversations = store.conversations(&ids).await.expect("answers");
    conversations.sort_by_key(|conversation| ids.iter().position(|id| *id == conversation.id));
    assert_eq!(conversations, log.conversations);
}

async fn ranks_grow_with_the_lane_and_in_every_conversation(store: DynStore) {
    let (log, _) = random_log(&store, 60).await;
    let ids: Vec<_> = log
        .conversations
        .iter()
        .map(|conversation| conversation.id)
        .collect();
    let mut last: Rank = Rank::MIN;
    let mut of_conversations = HashMap::new();
    for record in whole_log(&store).await {
        assert!(record.rank() > last);
        last = record.rank();
        if let Record::Entry(entry) = record {
            of_conversations.insert(entry.conversation_id, entry.rank);
        }
    }
    // A conversation ends with the rank of its newest entry.
    let tails = store.tails(&ids).await.expect("answers");
    let tails: HashMap<_, _> = tails
        .into_iter()
        .map(|(id, tail)| (id, tail.rank))
        .collect();
    assert_eq!(tails, of_conversations);
}

async fn a_part_of_the_log_is_what_stands_behind_a_reader(store: DynStore) {
    let (log, mut random) = random_log(&store, 80).await;
    let begin = log.seal().position.number();
    for _ in 0..60 {
        let after = random.random_range(begin - 1..=log.end() + 1);
        let limit = [1, 2, 7, 1_000][random.random_range(0..4)];
        let mut reader = log.up_to(after);
        // Other lanes are no matter.
        reader.advance(Position::at(
            Lane::new(9).expect("a lane"),
            random.random_range(0..9),
        ));
        let found = store.log_after(&reader, limit).await.expect("answers");
        let seal = Record::Seal(log.seal());
        let entries = lasting(log.entries.clone()).into_iter().map(Record::Entry);
        let expected: Vec<Record> = std::iter::once(seal)
            .chain(entries)
            .filter(|record| !reader.covers(record.position()))
            .take(limit)
            .collect();
        let found: Vec<Record> = found
            .into_iter()
            .map(|record| match record {
                Record::Entry(entry) => Record::Entry(lasting([entry]).remove(0)),
                seal @ Record::Seal(_) => seal,
            })
            .collect();
        assert_eq!(found, expected, "{limit} after {after}");
    }
}

async fn conversations_end_where_their_newest_entry_is(store: DynStore) {
    let (log, _) = random_log(&store, 80).await;
    let ids = log.conversations.iter().map(|conversation| conversation.id);
    let mut asked: Vec<_> = ids.clone().collect();
    asked.extend([ConversationId::new(), asked[0]]);
    let newest = |id| Some((id, log.in_conversation(id).last()?.tail()));
    let found = store.tails(&asked).await.expect("answers");
    assert_eq!(
        by_conversation(found),
        by_conversation(ids.filter_map(newest))
    );
}

async fn a_viewer_has_news_where_something_happened_that_a_reader_has_not_had(store: DynStore) {
    let (log, mut random) = random_log(&store, 80).await;
    let begin = log.seal().position.number();
    let mut viewers = log.people.clone();
    viewers.push(UserId::new());
    for _ in 0..200 {
        let viewer = viewers[random.random_range(0..viewers.len())];
        let of = random.random_range(0..log.conversations.len());
        let only = (random.random_range(0..3) == 0).then(|| log.conversations[of].id);
        let after = random.random_range(begin - 1..=log.end() + 1);
        let reader = log.up_to(after);
        let expected = log.conversations.iter().filter_map(|conversation| {
            let asked = only.is_none_or(|only| only == conversation.id);
            let newest = log.in_conversation(conversation.id).last()?.tail();
            let is_news = conversation.has_member(viewer) && !reader.covers(newest.position);
            (asked && is_news).then_some((conversation.id, newest))
        });
        let found = store.unseen(viewer, only, &reader).await.expect("answers");
        let found = found
            .into_iter()
            .map(|unseen| (unseen.conversation_id, unseen.tail));
        let expected = by_conversation(expected);
        assert_eq!(
            by_conversation(found),
            expected,
            "{viewer} in {only:?} after {after}"
        );
    }
}

async fn entries_are_found_by_their_steps(store: DynStore) {
    let (log, mut random) = random_log(&store, 120).await;
    for _ in 0..100 {
        let mut stretches = Vec::new();
        let mut expected = BTreeMap::new();
        for conversation in &log.conversations {
            let all = lasting(log.in_conversation(conversation.id));
            let end = count(&all);
            let first: Step = random.random_range(0..=end + 2);
            let last =
                [random.random_range(first - 1..=end + 3), Step::MAX][random.random_range(0..2)];
            let stretch = Stretch {
                conversation_id: conversation.id,
                first,
                last,
            };
            let is_in = |entry: &Entry| (first..=last).contains(&entry.step);
            let part: Vec<_> = all.into_iter().filter(is_in).collect();
            if random.random() {
                stretches.push(stretch);
                if !part.is_empty() {
                    expected.insert(conversation.id, part);
                }
            }
        }
        stretches.push(Stretch {
            conversation_id: ConversationId::new(),
            first: 1,
            last: 9,
        });
        let mut found: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in lasting(store.entries(&stretches).await.expect("answers")) {
            found.entry(entry.conversation_id).or_default().push(entry);
        }
        assert_eq!(found, expected, "{stretches:?}");
    }
    assert_eq!(store.entries(&[]).await.expect("answers"), []);
}

async fn a_change_of_a_message_shows_wherever_it_is_read_and_what_it_was_nowhere(store: DynStore) {
    let mut writer = Writer::begin(&store).await;
    let conversation = add_direct(&store, UserId::new(), UserId::new()).await;
    let sender = conversation.members[0].user_id;
    let client_message_id = Some(ClientMessageId::stored("a"));
    let first = Message {
        client_message_id: client_message_id.clone(),
        ..draft(conversation.id, sender, "words that are taken back")
    };
    let second = draft(conversation.id, sender, "another");
    let sent = writer.send(&[first, second]).await;
    let (mut message, other) = (sent[0].clone(), sent[1].clone());
    let state = |text: &str, edited: i64, deleted: Option<i64>| MessageState {
        body: Body::stored(text),
        edited_at: Some(Timestamp(1_795_354_800_000 + edited)),
        deleted_at: deleted.map(Timestamp),
        first: None,
    };
    let changes = [
        vec![state("edited words that are taken back", 1, None)],
        vec![
            state("once more taken back", 9, None),
            state("taken back", 3, None),
            state("", 3, Some(7)),
        ],
    ];
    let window = Window {
        after: None,
        before: None,
        limit: 10,
        from_end: false,
    };
    for states in changes {
        let new = states.iter().map(|state| changed(&message, state.clone()));
        let entries = writer.write(new.collect()).await;
        for (entry, state) in entries.iter().zip(&states) {
            message.change(state, entry.step);
        }
        let last = states.last().expect("some");
        assert_eq!(
            (&message.body, message.deleted_at),
            (&last.body, last.deleted_at)
        );
        let history = store
            .history(conversation.id, &window)
            .await
            .expect("answers")
            .items;
        assert_eq!(history, [message.clone(), other.clone()]);
        let found = store.messages(&[message.id]).await.expect("answers");
        assert_eq!(found, [message.clone()]);
        let place = (conversation.id, message.seq);
        assert_eq!(
            store.messages_at(&[place]).await.expect("answers"),
            [message.clone()]
        );
        let again = Message {
            client_message_id: client_message_id.clone(),
            ..draft(conversation.id, sender, "again")
        };
        assert_eq!(writer.say(&again).await, message);
        assert_eq!(
            store.activities(&[conversation.id]).await.expect("answers")[0].last_seq,
            2
        );
    }
    let whole = Stretch {
        conversation_id: conversation.id,
        first: 1,
        last: 9,
    };
    let told = format!(
        "{:?} {:?}",
        whole_log(&store).await,
        store.entries(&[whole]).await
    );
    assert!(!told.contains("taken back"), "{told}");
}

async fn an_empty_log_has_nothing(store: DynStore) {
    let nothing = Progress::default();
    assert_eq!(store.heads().await.expect("answers"), nothing);
    assert_eq!(store.log_after(&nothing, 10).await.expect("answers"), []);
    assert_eq!(store.seals().await.expect("answers"), []);
    assert_eq!(
        store
            .tails(&[ConversationId::new()])
            .await
            .expect("answers"),
        []
    );
    assert_eq!(
        store
            .unseen(UserId::new(), None, &nothing)
            .await
            .expect("answers"),
        []
    );
    let written = Appended {
        written: 0,
        stopped: None,
    };
    let seal = Writer::begin(&store).await.seal;
    assert_eq!(store.append(&[]).await.expect("answers"), written);
    let log = store.log_after(&nothing, 10).await.expect("answers");
    assert_eq!(log, [Record::Seal(seal)]);
}
