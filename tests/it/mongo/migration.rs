//! From the data of the version before.

use chinwag::{
    domain::{Seq, Stretch, Window},
    store::{Messages, Transfer, Upkeep},
};
use mongodb::bson::{Binary, Bson, DateTime, Document, doc, spec::BinarySubtype};
use uuid::Uuid;

use super::*;
use crate::support::{
    eventually,
    mongod::{self, fresh_database},
};

fn id(id: Uuid) -> Bson {
    let bytes = id.as_bytes().to_vec();
    let subtype = BinarySubtype::Uuid;
    Binary { subtype, bytes }.into()
}

fn date(at: Timestamp) -> Bson {
    DateTime::from_millis(at.0).into()
}

/// Conversations and messages as the version before keeps them.
struct Old {
    conversations: Vec<Conversation>,
    messages: Vec<(i64, Message)>,
}

impl Old {
    fn of(size: usize) -> Self {
        let person = UserId::new();
        let conversations: Vec<Conversation> = (0..4)
            .map(|_| {
                let pair = Pair::new(person, UserId::new()).expect("two people");
                Conversation::direct(pair, Timestamp(1_700_000_000_000))
            })
            .collect();
        let mut seqs = HashMap::new();
        let messages = (1..).take(size).map(|position: i64| {
            // The last one stays silent.
            let of = usize::try_from(position * 7 % 3).expect("is small");
            let conversation = &conversations[of];
            let seq: &mut Seq = seqs.entry(conversation.id).or_default();
            *seq += 1;
            let message = Message {
                seq: *seq,
                ..Message::new(
                    conversation.id,
                    conversation.members[usize::try_from(position % 2).expect("is small")].user_id,
                    Body::stored(&format!("message {position}")),
                    Timestamp(1_700_000_000_000 + position),
                )
            };
            (position, message)
        });
        let messages = messages.collect();
        Self {
            conversations,
            messages,
        }
    }

    fn newest(&self, conversation: &Conversation) -> Option<&(i64, Message)> {
        let mut messages = self.messages.iter();
        messages.rfind(|(_, message)| message.conversation_id == conversation.id)
    }

    fn document((position, message): &(i64, Message)) -> Document {
        doc! {
            "_id": id(message.id.0),
            "position": *position,
            "conversation": id(message.conversation_id.0),
            "seq": message.seq,
            "sender": id(message.sender_id.0),
            "body": message.body.as_str(),
            "sentAt": date(message.sent_at),
        }
    }

    async fn write(&self, db: &Database) {
        for (name, keys, unique) in [
            ("position", doc! { "position": 1 }, true),
            (
                "conversation_seq",
                doc! { "conversation": 1, "seq": 1 },
                true,
            ),
            (
                "conversation_position",
                doc! { "conversation": 1, "position": 1 },
                false,
            ),
        ] {
            let index = doc! { "name": name, "key": keys, "unique": unique };
            let command = doc! { "createIndexes": "messages", "indexes": [index] };
            db.run_command(command).await.expect("an index");
        }
        for messages in self.messages.chunks(5_000) {
            let documents = messages.iter().map(Self::document);
            let messages = db.collection::<Document>("messages");
            messages.insert_many(documents).await.expect("inserted");
        }
        for conversation in &self.conversations {
            let member = |user: UserId| {
                doc! { "user": id(user.0), "role": "member", "joinedAt": date(conversation.created_at) }
            };
            let members = &conversation.members;
            let pair = [
                members[0].user_id.0.into_bytes(),
                members[1].user_id.0.into_bytes(),
            ];
            let pair = Binary {
                subtype: BinarySubtype::Generic,
                bytes: pair.concat(),
            };
            let mut document = doc! {
                "_id": id(conversation.id.0),
                "kind": "direct",
                "members": [member(members[0].user_id), member(members[1].user_id)],
                "lastSeq": 0_i64,
                "createdAt": date(conversation.created_at),
                "pair": pair,
            };
            // The newest message of all is not bumped yet.
            let bumped = self.messages.iter().rev().skip(1);
            let newest = bumped
                .filter(|(_, message)| message.conversation_id == conversation.id)
                .max_by_key(|(position, _)| *position);
            if let Some((position, message)) = newest {
                document.insert("lastSeq", message.seq);
                document.insert("lastPosition", *position);
                document.insert("lastActivityAt", date(message.sent_at));
            }
            let conversations = db.collection::<Document>("conversations");
            conversations.insert_one(document).await.expect("inserted");
        }
        let meta = db.collection::<Document>("meta");
        let size = i64::try_from(self.messages.len()).expect("is small");
        let kept = [
            doc! { "_id": "schema", "version": 1_i64 },
            doc! { "_id": "bumped", "position": size - 1 },
        ];
        meta.insert_many(kept).await.expect("inserted");
    }

    async fn assert_shown(&self, store: &MongoStore) {
        let log = entries(store).await;
        let old: Vec<&Entry> = log.iter().filter(|entry| entry.rank < 1_000_000).collect();
        assert_eq!(old.len(), self.messages.len());
        for (entry, (position, message)) in old.iter().zip(&self.messages) {
            assert_eq!(
                (entry.position, entry.rank),
                (Position(*position), *position)
            );
            assert_eq!((entry.step, entry.seq), (message.seq, message.seq));
            assert_eq!(entry.message().map(|message| &**message), Some(message));
        }
        let person = self.conversations[0]
            .members
            .iter()
            .map(|member| member.user_id);
        let viewer = person
            .into_iter()
            .find(|user| self.conversations.iter().all(|of| of.has_member(*user)))
            .expect("somebody is in all of them");
        let list = store
            .conversations_of(viewer, None, 10)
            .await
            .expect("answers");
        let mut expected: Vec<_> = self
            .conversations
            .iter()
            .filter_map(|conversation| Some((self.newest(conversation)?, conversation)))
            .collect();
        expected.sort_by_key(|((position, _), _)| std::cmp::Reverse(*position));
        assert_eq!(list.len(), expected.len());
        for ((found, activity), ((position, newest), conversation)) in list.iter().zip(expected) {
            assert_eq!(found, conversation);
            assert_eq!((activity.rank, activity.last_seq), (*position, newest.seq));
            assert_eq!(activity.last_activity_at, newest.sent_at);
            let tails = store.tails(&[found.id]).await.expect("answers");
            let tail = tails[0].1;
            assert_eq!(
                (tail.step, tail.position),
                (newest.seq, Position(*position))
            );
            let window = Window {
                after: None,
                before: None,
                limit: 3,
                from_end: true,
            };
            let page = store.history(found.id, &window).await.expect("answers");
            assert_eq!(page.items.last(), Some(newest));
            assert!(page.has_previous && !page.has_next);
            let stretch = Stretch {
                conversation_id: found.id,
                first: 2,
                last: 4,
            };
            assert_eq!(store.entries(&[stretch]).await.expect("answers").len(), 3);
        }
        let after = [Position(self.messages[self.messages.len() - 2].0)]
            .into_iter()
            .collect();
        let news = store.unseen(viewer, None, &after).await.expect("answers");
        assert_eq!(news.len(), 1, "an old position is a cursor still");
    }
}

async fn version(db: &Database) -> i64 {
    let meta = db.collection::<Document>("meta");
    let schema = meta.find_one(doc! { "_id": "schema" }).await;
    let schema = schema.expect("answers").expect("is there");
    schema.get_i64("version").expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn data_of_the_version_before_is_brought_up_to_date_also_from_half_way() {
    let server = server_or_skip!(mongod::shared());
    for is_half_done in [false, true] {
        let uri = server.uri_for(&fresh_database());
        let db = database(&uri).await;
        let old = Old::of(25_000);
        old.write(&db).await;
        if is_half_done {
            // What a process that was killed in the middle has done.
            let done = doc! { "position": { "$lte": 13_000 } };
            let give = vec![doc! { "$set": { "step": "$seq" } }];
            let messages = db.collection::<Document>("messages");
            messages.update_many(done, give).await.expect("updated");
            let migrated = doc! { "_id": "migrated", "position": 10_000_i64 };
            let meta = db.collection::<Document>("meta");
            meta.insert_one(migrated).await.expect("inserted");
        }
        // Two at once.
        let (store, other) = tokio::join!(open(&uri), open(&uri));
        assert_eq!(version(&db).await, 3);
        old.assert_shown(&store).await;
        old.assert_shown(&other).await;

        let late = (25_001, old.messages[0].1.clone());
        let mut late = Old::document(&late);
        late.insert("_id", id(Uuid::new_v4()));
        late.insert("seq", 1_000_000_i64);
        let refused = db.collection::<Document>("messages").insert_one(late).await;
        assert!(refused.is_err(), "the version before writes no more");

        let mut writer = Writer::begin(&store).await;
        let conversation = &old.conversations[1];
        let before = old.newest(conversation).expect("some").1.seq;
        let next = writer.send(conversation, 2).await;
        assert_eq!((next[0].step, next[1].seq), (before + 1, before + 2));
        let log = whole_log(&store).await;
        let steps = log.iter().map(Record::rank);
        assert!(steps.is_sorted());
        let followed = async || {
            let held = doc! { "_id": 0_i64, "followed": { "$gte": 25_000_i64 } };
            let lanes = db.collection::<Document>("lanes");
            lanes.find_one(held).await.expect("answers").is_some()
        };
        eventually("the old log is followed to its end", followed).await;
        old.assert_bumped(&db).await;
        store.close().await;
        other.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_and_write_brings_it_up_to_date_too_and_a_seal_keeps_the_other_out() {
    let server = server_or_skip!(mongod::standalone(&["--auth"]));
    let root = doc! { "createUser": "root", "pwd": "s3cret", "roles": ["root"] };
    let admin = database(&server.uri_for("admin")).await;
    admin.run_command(root).await.expect("the first user");
    let uri = |user: &str| {
        format!(
            "mongodb://{user}:s3cret@{}/chat?authSource=admin",
            server.address()
        )
    };
    let db = database(&uri("root")).await;
    let role = doc! { "role": "readWrite", "db": "chat" };
    let writer = doc! { "createUser": "writer", "pwd": "s3cret", "roles": [role] };
    let admin = db.client().database("admin");
    admin.run_command(writer).await.expect("a user");
    let old = Old::of(100);
    old.write(&db).await;
    for _ in 0..2 {
        let store = open(&uri("writer")).await;
        old.assert_shown(&store).await;
        store.close().await;
    }
    // What one of them may not look at is no fault.
    for user in ["writer", "root"] {
        let store = open(&uri(user)).await;
        assert_eq!(store.damage(1).await.expect("answers"), [""; 0], "{user}");
        store.close().await;
    }
    let next = Old::document(&(101, old.messages[0].1.clone()));
    let refused = db.collection::<Document>("messages").insert_one(next).await;
    assert!(refused.is_err(), "its next place is taken");
    let sealed = doc! { "position": 101_i64, "conversation": { "$exists": false } };
    let sealed = db.collection::<Document>("messages").find_one(sealed).await;
    assert!(
        sealed.expect("answers").is_some(),
        "by something that it cannot read"
    );
}

impl Old {
    /// That also the last message of the version before is followed.
    async fn assert_bumped(&self, db: &Database) {
        let (_, last) = self.messages.last().expect("some");
        let conversation = doc! { "_id": id(last.conversation_id.0) };
        let conversations = db.collection::<Document>("conversations");
        let found = conversations.find_one(conversation).await.expect("answers");
        let last_seq = found.expect("is there").get_i64("lastSeq");
        assert!(last_seq.is_ok_and(|seq| seq >= last.seq));
    }
}
