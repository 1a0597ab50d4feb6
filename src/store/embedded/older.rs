//! What an older release left, as this one takes it up.

use std::{fs, sync::Arc};

use rusqlite::{Connection, params};

use super::{EmbeddedStore, schema::STEPS};
use crate::{
    domain::{
        Body, Conversation, ConversationId, Happening, Message, MessageId, NewEntry, Pair, Pen,
        Position, Progress, ReadMark, Record, Stretch, Tail, Timestamp, UserId, Window,
    },
    error::Result,
    store::{Appended, Conversations, Log, Marks, Messages, StoreLimits, Upkeep},
};

/// A file as the first release left it: of three conversations of the first person, the first two with messages,
/// at the positions 1, 2, 4 and 3.
fn first_release(
    db: &Connection,
    talks: &[Conversation],
    sent: &[Message],
) -> rusqlite::Result<()> {
    db.execute_batch(STEPS[0])?;
    db.pragma_update(None, "user_version", 1)?;
    for (number, talk) in talks.iter().enumerate() {
        let pair = talk.pair().expect("two people");
        let pair = [pair.low().0.into_bytes(), pair.high().0.into_bytes()].concat();
        let last = sent
            .iter()
            .zip(1..)
            .filter(|(message, _)| message.conversation_id == talk.id)
            .last();
        db.execute(
            "INSERT INTO conversations VALUES (?1, 'direct', NULL, ?2, ?3, ?4, ?5, ?6)",
            params![
                talk.id,
                pair,
                talk.created_at,
                last.map_or(0, |(message, _)| message.seq),
                last.map_or(0, |(_, position)| position),
                last.map_or(talk.created_at, |(message, _)| message.sent_at)
            ],
        )?;
        for (member, place) in talk.members.iter().zip(1..) {
            db.execute(
                "INSERT INTO members VALUES (?1, ?2, ?3, 'member', ?4, ?5)",
                params![
                    talk.id,
                    member.user_id,
                    place,
                    talk.created_at,
                    i64::from(number == 0)
                ],
            )?;
        }
    }
    for (message, position) in sent.iter().zip(1..) {
        db.execute(
            "INSERT INTO messages VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, ?7, NULL)",
            params![
                position,
                message.id,
                message.conversation_id,
                message.seq,
                message.sender_id,
                message.body,
                message.sent_at
            ],
        )?;
    }
    Ok(())
}

fn message(talk: &Conversation, seq: i64) -> Message {
    Message {
        seq,
        ..Message::new(
            talk.id,
            talk.members[0].user_id,
            Body::stored(&format!("number {seq}")),
            Timestamp(2_000 + seq),
        )
    }
}

fn sent(message: &Message) -> NewEntry {
    NewEntry {
        id: message.id.0,
        conversation_id: message.conversation_id,
        what: Happening::Sent(Arc::new(message.clone())),
    }
}

#[tokio::test]
async fn what_the_first_release_left_reads_right_and_goes_on() -> Result<()> {
    let ann = UserId::new();
    let talk = |_| Conversation::direct(Pair::new(ann, UserId::new()).expect("two"), Timestamp(9));
    let talks: Vec<Conversation> = (0..3).map(talk).collect();
    let (first, second) = (&talks[0], &talks[1]);
    let old = [
        message(first, 1),
        message(first, 2),
        message(second, 1),
        message(first, 3),
    ];
    let dir = std::env::temp_dir().join(format!("chinwag-{}", UserId::new()));
    fs::create_dir_all(&dir).expect("is made");
    let db = Connection::open(dir.join("chinwag.db"))?;
    first_release(&db, &talks, &old)?;
    drop(db);
    let store = EmbeddedStore::open(&dir, StoreLimits::default(), Arc::new(|_, _| {})).await;
    let store = store.expect("opens");

    let ids: Vec<ConversationId> = talks.iter().map(|talk| talk.id).collect();
    let end = |step, position| Tail {
        step,
        seq: step,
        position: Position(position),
        rank: position,
    };
    let mut tails = store.tails(&ids).await?;
    tails.sort_by_key(|(_, tail)| tail.step);
    assert_eq!(tails, [(second.id, end(1, 3)), (first.id, end(3, 4))]);
    let listed = store.conversations_of(ann, None, 9).await?;
    let listed: Vec<_> = listed
        .iter()
        .map(|(talk, activity)| (talk, activity.rank))
        .collect();
    assert_eq!(listed, [(first, 4), (second, 3)]);
    assert_eq!(store.seals().await?, []);
    let log = store.log_after(&Progress::default(), 9).await?;
    let places: Vec<_> = log
        .iter()
        .map(|record| match record {
            Record::Seal(_) => panic!("there was none"),
            Record::Entry(entry) => (entry.step, entry.before.0, entry.message().cloned()),
        })
        .collect();
    let expected = [(1, 0), (2, 1), (1, 0), (3, 2)];
    let expected = expected.iter().zip(&old);
    let expected: Vec<_> = expected
        .map(|((step, before), message)| (*step, *before, Some(Arc::new(message.clone()))))
        .collect();
    assert_eq!(places, expected);

    let seal = store.begin_term(None).await?;
    assert_eq!((seal.position, seal.rank), (Position(5), 5));
    let mut pen = Pen::new(seal.position, seal.rank);
    let made = NewEntry {
        id: MessageId::new().0,
        conversation_id: ids[2],
        what: Happening::ConversationChanged(talks[2].state()),
    };
    let mut new = vec![
        pen.write(sent(&message(first, 0)), &mut tails[1].1, 0),
        pen.write(made, &mut Tail::NOTHING.clone(), 0),
    ];
    let mut tail = new[1].tail();
    new.push(pen.write(sent(&message(&talks[2], 0)), &mut tail, 0));
    assert_eq!(
        (new[0].position, new[0].step, new[0].seq),
        (Position(6), 4, 4)
    );
    let all = Appended {
        written: 3,
        stopped: None,
    };
    assert_eq!(store.append(&new).await?, all);
    let log = store
        .log_after(&Progress::from_iter([seal.position]), 9)
        .await?;
    assert_eq!(
        log,
        new.iter().cloned().map(Record::Entry).collect::<Vec<_>>()
    );
    let whole = |conversation_id| Stretch {
        conversation_id,
        first: 1,
        last: 9,
    };
    let entries = store.entries(&[whole(ids[0]), whole(ids[2])]).await?;
    let steps: Vec<_> = entries
        .iter()
        .map(|entry| (entry.step, entry.seq))
        .collect();
    assert_eq!(steps, [(1, 1), (2, 2), (3, 3), (4, 4), (1, 0), (2, 1)]);
    let window = Window {
        after: Some(2),
        before: None,
        limit: 9,
        from_end: false,
    };
    let page = store.history(first.id, &window).await?.items;
    assert_eq!(page[..1], old[3..]);
    assert_eq!(page.len(), 2);
    let listed = store.conversations_of(ann, None, 9).await?;
    let ranks: Vec<_> = listed.iter().map(|(_, activity)| activity.rank).collect();
    assert_eq!(ranks, [8, 6, 3]);
    let marks = store.read_marks(&ids[..1]).await?;
    let mark = |user_id, seq| ReadMark {
        conversation_id: first.id,
        user_id,
        seq,
    };
    let [sender, reader] = [&first.members[0], &first.members[1]].map(|member| member.user_id);
    assert!(
        marks.contains(&mark(sender, 4)) && marks.contains(&mark(reader, 1)),
        "{marks:?}"
    );
    store.close().await;
    fs::remove_dir_all(dir).expect("is there");
    Ok(())
}
