//! What is found stays found, and what is gone is gone: over restarts, deaths, other servers and older data.

use std::{fs, path::Path, time::Duration};

use chinwag::{
    app::StoreConfig,
    domain::{
        Body, ConversationId, Entry, Happening, Message, MessageChange, MessageId, MessageState,
        NewEntry, Pen, Tail, Timestamp, UserId,
    },
    store::DynStore,
};
use mongodb::bson::{RawDocumentBuf, doc};
use secrecy::ExposeSecret;

use super::*;
use crate::support::{app::Place, program::Program, store};

on_both_stores!(
    what_was_said_is_found_after_a_restart_and_after_a_kill,
    what_an_earlier_version_left_is_found_in_the_background,
    what_was_deleted_or_edited_away_is_found_no_more_and_its_words_are_gone,
);

async fn what_was_said_is_found_after_a_restart_and_after_a_kill(kind: StoreKind) {
    let place = Place::fresh(kind).await;
    let mut program = Program::start(&place).await;
    let (ann, bob) = (program.anonymous(), program.anonymous());
    let (ann, bob) = tokio::join!(ann.sign_up("ann"), bob.sign_up("bob"));
    ann.send(&bob, "an early apple").await;
    ann.will_find("apple", &["an early apple"]).await;
    // Nobody has indexed this one yet.
    ann.send(&bob, "a late apple").await;
    program.kill();
    let mut program = Program::start(&place).await;
    let ann = program.knows(&ann);
    ann.will_find("apple", &["a late apple", "an early apple"])
        .await;
    ann.send(&bob, "the last apple").await;
    program.signal("-TERM");
    drop(program);
    let program = Program::start(&place).await;
    let all = ["the last apple", "a late apple", "an early apple"];
    program.knows(&ann).will_find("apple", &all).await;
}

/// Writes in one conversation, behind what stands there.
async fn write(store: &DynStore, id: ConversationId, what: Vec<(MessageId, Happening)>) {
    let seal = store.begin_term(None).await.expect("a lane is free");
    let mut pen = Pen::new(seal.position, seal.rank);
    let tails = store.tails(&[id]).await.expect("answers");
    let mut tail = tails.first().map_or(Tail::NOTHING, |(_, tail)| *tail);
    let number = |(new, what): (MessageId, Happening)| {
        let new = NewEntry {
            id: new.0,
            conversation_id: id,
            what,
        };
        pen.write(new, &mut tail, Timestamp::now().0 * 1_000)
    };
    let entries: Vec<Entry> = what.into_iter().map(number).collect();
    let appended = store.append(&entries).await.expect("answers");
    assert_eq!(appended.written, entries.len());
}

fn message(id: ConversationId, sender: UserId, body: &str) -> (MessageId, Happening) {
    let message = Message::new(id, sender, Body::stored(body), Timestamp::now());
    (message.id, Happening::Sent(std::sync::Arc::new(message)))
}

async fn what_an_earlier_version_left_is_found_in_the_background(kind: StoreKind) {
    const OLD: usize = 1_234;
    let app = TestApp::with(kind, |_| {}).await;
    let (ann, bob, _) = three(&app).await;
    let first = ann.send(&bob, "the very first").await;
    let place = app.stop().await;
    let old = store::at(&place.store).await;
    let id = first["conversation"]["id"].as_str().expect("an id");
    let id = ConversationId::parse(id).expect("an id");
    let sender = UserId::parse(&ann.id).expect("an id");
    let said = (0..OLD).map(|number| message(id, sender, &format!("old story {number}")));
    write(&old, id, said.collect()).await;
    old.close().await;
    forget_index(&place.store).await;

    let app = TestApp::at(place, |_| {}).await;
    let ann = ann.at(app.url("/graphql"));
    ann.will_find("story 1233", &["old story 1233"]).await;
    ann.will_find("very first", &["the very first"]).await;
    eventually("all is found", async || {
        let mut after = Value::Null;
        let mut count = 0;
        loop {
            let page = ann
                .search(json!({ "first": 100, "after": after }), "story")
                .await;
            count += page["nodes"].as_array().expect("a list").len();
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                return count == OLD;
            }
        }
    })
    .await;
    ann.send(&bob, "a new story").await;
    ann.will_find("new story", &["a new story"]).await;
}

/// Takes the index away, as before there was one.
async fn forget_index(place: &StoreConfig) {
    match place {
        StoreConfig::Embedded { dir } => {
            let db = rusqlite::Connection::open(dir.join("chinwag.db")).expect("opens");
            db.execute_batch("DELETE FROM search_catalogue; DELETE FROM search_parts;")
                .expect("answers");
        }
        StoreConfig::Mongo { uri } => {
            let db = database(uri.expose_secret()).await;
            let parts = db.collection::<RawDocumentBuf>("searchParts");
            parts.drop().await.expect("answers");
            let meta = db.collection::<RawDocumentBuf>("meta");
            meta.delete_one(doc! { "_id": "search" })
                .await
                .expect("answers");
        }
    }
}

async fn database(uri: &str) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(uri).await.expect("a client");
    client.default_database().expect("a name")
}

/// Whether a text stands anywhere in what a store keeps: in the files, or in the documents of all collections.
async fn stands_anywhere(place: &StoreConfig, text: &str) -> bool {
    let holds = |bytes: &[u8]| {
        let mut windows = bytes.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    };
    match place {
        StoreConfig::Embedded { dir } => {
            let files = ["chinwag.db", "chinwag.db-wal"];
            let bytes = |name: &&str| fs::read(Path::new(dir).join(name)).unwrap_or_default();
            files.iter().map(bytes).any(|bytes| holds(&bytes))
        }
        StoreConfig::Mongo { uri } => {
            let db = database(uri.expose_secret()).await;
            for name in db.list_collection_names().await.expect("answers") {
                let collection = db.collection::<RawDocumentBuf>(&name);
                let mut all = collection.find(doc! {}).await.expect("answers");
                while all.advance().await.expect("answers") {
                    if holds(all.current().as_bytes()) {
                        return true;
                    }
                }
            }
            false
        }
    }
}

async fn what_was_deleted_or_edited_away_is_found_no_more_and_its_words_are_gone(kind: StoreKind) {
    // Nothing in the index begins as these do, so that it has them in one piece.
    let (deleted, edited) = ("zqdeletedword", "xqeditedword");
    let often = |config: &mut chinwag::app::Config| {
        config.limits.tidy_interval = Duration::from_millis(100);
    };
    let app = TestApp::with(kind, often).await;
    let (ann, bob, _) = three(&app).await;
    let gone = ann.send(&bob, &format!("apple {deleted}")).await;
    let other = ann.send(&bob, &format!("apple {edited}")).await;
    for number in 0..30 {
        ann.send(&bob, &format!("apple {number}")).await;
    }
    eventually("all are found", async || {
        ann.finds("apple").await.len() == 32 && ann.finds(deleted).await.len() == 1
    })
    .await;
    let place = app.stop().await;
    for word in [deleted, edited] {
        assert!(stands_anywhere(&place.store, word).await, "{word}");
    }

    let changed = |message: &Value, body: &str, deleted_at| {
        let id = message["id"].as_str().and_then(MessageId::parse);
        let state = MessageState {
            body: Body::stored(body),
            edited_at: Some(Timestamp::now()),
            deleted_at,
            first: None,
        };
        let change = MessageChange {
            message_id: id.expect("an id"),
            state: Some(state),
        };
        (MessageId::new(), Happening::MessageChanged(change))
    };
    let id = gone["conversation"]["id"].as_str().expect("an id");
    let id = ConversationId::parse(id).expect("an id");
    let changes = vec![
        changed(&gone, "", Some(Timestamp::now())),
        changed(&other, "apple renewed", None),
    ];
    let direct = store::at(&place.store).await;
    write(&direct, id, changes).await;
    direct.close().await;

    let app = TestApp::at(place, often).await;
    let ann = ann.at(app.url("/graphql"));
    for word in [deleted, edited] {
        assert_eq!(ann.finds(word).await, [""; 0], "{word}");
    }
    ann.will_find("renewed", &["apple renewed"]).await;
    eventually("the words are gone", async || {
        !stands_anywhere(&app.place.store, deleted).await
            && !stands_anywhere(&app.place.store, edited).await
    })
    .await;
    assert_eq!(ann.finds("apple").await.len(), 31);
    assert_eq!(ann.finds("renewed").await, ["apple renewed"]);
}
