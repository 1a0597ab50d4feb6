//! What the embedded store alone promises: about its directory, its versions and being opened again.

use std::{fs, path::Path, sync::Arc, time::Duration};

use chinwag::{
    domain::{
        Body, Conversation, DisplayName, Entry, Happening, Message, MessageId, NewEntry, Pair, Pen,
        Progress, Record, Session, SessionId, Tail, Timestamp, User, UserId, Username,
    },
    store::{
        Conversations, Log, Marks, OpenError, Presence, Sessions, StoreLimits, Upkeep, Users,
        embedded::EmbeddedStore,
    },
};
use rusqlite::Connection;

use crate::support::{eventually, store::TempDir};

async fn open(dir: &Path) -> Result<EmbeddedStore, OpenError> {
    EmbeddedStore::open(dir, StoreLimits::default(), Arc::new(|_, _| {})).await
}

/// Why a directory is not opened, in the one line that it has to be.
async fn refusal(dir: &Path) -> String {
    let reason = open(dir).await.err().expect("is refused").to_string();
    assert!(!reason.contains('\n'), "{reason}");
    assert!(reason.contains(&*dir.to_string_lossy()), "{reason}");
    reason
}

/// A direct conversation of two people and what is said in it, in a term of its own.
async fn talk(store: &EmbeddedStore, count: usize) -> (Conversation, Vec<Entry>) {
    let pair = Pair::new(UserId::new(), UserId::new()).expect("two people");
    let conversation = Conversation::direct(pair, Timestamp::now());
    store.create_direct(&conversation).await.expect("answers");
    let message = |id| Message {
        id,
        ..Message::new(
            conversation.id,
            pair.low(),
            Body::stored("hi"),
            Timestamp::now(),
        )
    };
    let seal = store.begin_term(None).await.expect("answers");
    let mut pen = Pen::new(seal.position, seal.rank);
    let mut tail = Tail::NOTHING;
    let entries = (0..count).map(|_| {
        let id = MessageId::new();
        let new = NewEntry {
            id: id.0,
            conversation_id: conversation.id,
            what: Happening::Sent(Arc::new(message(id))),
        };
        pen.write(new, &mut tail, 0)
    });
    let entries: Vec<Entry> = entries.collect();
    let appended = store.append(&entries).await.expect("answers");
    assert_eq!((appended.written, appended.stopped), (count, None));
    (conversation, entries)
}

/// The entries of the log.
async fn entries(store: &EmbeddedStore) -> Option<Vec<Entry>> {
    let log = store.log_after(&Progress::default(), 1_000).await.ok()?;
    let entry = |record| match record {
        Record::Entry(entry) => Some(entry),
        Record::Seal(_) => None,
    };
    Some(log.into_iter().filter_map(entry).collect())
}

#[tokio::test]
async fn a_store_that_is_opened_again_has_everything() {
    let dir = TempDir::new();
    let store = open(dir.path()).await.expect("opens");
    let user = User {
        id: UserId::new(),
        username: Username::stored("Ann"),
        display_name: DisplayName::stored("Ann"),
        avatar_url: None,
        created_at: Timestamp::now(),
        deleted_at: None,
    };
    store.create_user(&user, "hash").await.expect("answers");
    let now = Timestamp::now();
    let session = Session {
        id: SessionId::new(),
        user_id: user.id,
        device: None,
        created_at: now,
        last_used_at: now,
        expires_at: Timestamp(now.0 + 3_600_000),
    };
    store.create_session(&session).await.expect("answers");
    let (conversation, said) = talk(&store, 10).await;
    let reader = conversation.members[1].user_id;
    store
        .mark_read(conversation.id, reader, 4)
        .await
        .expect("answers");
    let secret = store.signing_secret("secret").await.expect("answers");
    let marks = store.read_marks(&[conversation.id]).await.expect("answers");
    let listed = store
        .conversations_of(reader, None, 10)
        .await
        .expect("answers");
    store.close().await;

    let store = open(dir.path()).await.expect("opens again");
    assert_eq!(
        store.credentials("ann").await.expect("answers"),
        Some((user.clone(), "hash".to_owned()))
    );
    assert_eq!(
        store
            .sidebar_users(UserId::new(), Some("an"), None, 9)
            .await,
        Ok(vec![user])
    );
    assert_eq!(store.session(session.id).await, Ok(Some(session)));
    assert_eq!(entries(&store).await, Some(said));
    assert_eq!(store.read_marks(&[conversation.id]).await, Ok(marks));
    assert_eq!(store.conversations_of(reader, None, 10).await, Ok(listed));
    assert_eq!(store.signing_secret("another").await, Ok(secret));
    let (_, more) = talk(&store, 1).await;
    // Behind ten messages and two seals.
    assert_eq!(more[0].position.number(), 13);
    store.close().await;
}

#[tokio::test]
async fn the_database_file_alone_soon_holds_what_was_written() {
    let dir = TempDir::new();
    let limits = StoreLimits {
        checkpoint: Duration::from_millis(50),
        ..StoreLimits::default()
    };
    let store = EmbeddedStore::open(dir.path(), limits, Arc::new(|_, _| {}))
        .await
        .expect("opens");
    let (_, mut sent) = talk(&store, 500).await;
    for round in 0..3 {
        eventually("a copy of the file alone holds all", async || {
            let copy = TempDir::new();
            let copy = copy.path();
            fs::create_dir_all(copy).expect("is made");
            fs::copy(dir.path().join("chinwag.db"), copy.join("chinwag.db")).expect("is copied");
            // A copy that is made while the file is written may be half of each.
            let Ok(copied) = open(copy).await else {
                return false;
            };
            let log = entries(&copied).await;
            copied.close().await;
            log.as_ref() == Some(&sent)
        })
        .await;
        sent.extend(talk(&store, 1 + round).await.1);
    }
    store.close().await;
}

#[tokio::test]
async fn a_directory_in_use_is_refused_until_it_is_let_go() {
    let dir = TempDir::new();
    let store = open(dir.path()).await.expect("opens");
    let reason = refusal(dir.path()).await;
    assert!(reason.ends_with("is in use by another chinwag"), "{reason}");
    assert_eq!(store.ping().await, Ok(()), "the first is not disturbed");
    store.close().await;
    open(dir.path())
        .await
        .expect("opens after the first has closed")
        .close()
        .await;
}

#[tokio::test]
async fn whoever_opens_a_directory_that_is_just_let_go_waits_for_it() {
    let dir = TempDir::new();
    let store = open(dir.path()).await.expect("opens");
    let (next, ()) = tokio::join!(open(dir.path()), store.close());
    next.expect("opens").close().await;
}

#[tokio::test]
async fn data_of_a_newer_version_is_refused_and_left_as_it_is() {
    let dir = TempDir::new();
    open(dir.path()).await.expect("opens").close().await;
    let path = dir.path().join("chinwag.db");
    let db = Connection::open(&path).expect("opens");
    let version: u32 = version(&db);
    db.pragma_update(None, "user_version", version + 1)
        .expect("sets");
    drop(db);
    let before = fs::read(&path).expect("reads");

    let reason = refusal(dir.path()).await;
    assert!(
        reason.contains("was written by a newer chinwag"),
        "{reason}"
    );
    assert_eq!(fs::read(&path).expect("reads"), before);
}

fn version(db: &Connection) -> u32 {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
        .expect("is a number")
}

#[tokio::test]
async fn the_file_tells_the_version_of_its_tables() {
    let dir = TempDir::new();
    for _ in 0..2 {
        open(dir.path()).await.expect("opens").close().await;
        let db = Connection::open(dir.path().join("chinwag.db")).expect("opens");
        assert_eq!(version(&db), 6);
        let journal: String = db
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .expect("is a word");
        assert_eq!(journal, "wal");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let dir = TempDir::new();
    fs::create_dir_all(dir.path()).expect("is made");
    let path = dir.path().join("chinwag.db");
    let text = "not a database, and long enough to be one. ".repeat(200);
    fs::write(&path, &text).expect("is written");
    let reason = refusal(dir.path()).await;
    assert!(reason.ends_with("chinwag.db is not a database"), "{reason}");
    assert_eq!(fs::read_to_string(&path).expect("reads"), text);
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_or_written_is_refused() {
    let dir = TempDir::new();
    fs::create_dir_all(dir.path()).expect("is made");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("is written");
    for below in [file.clone(), file.join("below")] {
        let reason = refusal(&below).await;
        assert!(reason.contains("cannot be created"), "{reason}");
    }
    // Even those who may write everything cannot open a directory as a file.
    fs::create_dir(dir.path().join("chinwag.db")).expect("is made");
    let reason = refusal(dir.path()).await;
    assert!(reason.contains("cannot be written"), "{reason}");
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_else_may_read_what_is_stored() {
    use std::os::unix::fs::PermissionsExt;

    let dir = TempDir::new();
    let store = open(&dir.path().join("made")).await.expect("opens");
    talk(&store, 1).await;
    let made = dir.path().join("made");
    let rights = |path: &Path| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
    assert_eq!(rights(&made), 0o700);
    for name in ["chinwag.db", "chinwag.db-wal", "chinwag.db-shm", "lock"] {
        assert_eq!(rights(&made.join(name)), 0o600, "{name}");
    }
    store.close().await;
}

#[tokio::test]
async fn those_online_when_the_process_died_were_last_seen_at_its_last_sign_of_life() {
    let dir = TempDir::new();
    let [ann, ben, cem] = [(); 3].map(|()| UserId::new());
    let store = open(dir.path()).await.expect("opens");
    store.record_online(&[ann, ben]).await.expect("answers");
    store
        .record_offline(&[(ben, Timestamp(5)), (cem, Timestamp(6))])
        .await
        .expect("answers");
    let future = Timestamp(Timestamp::now().0 + 3_600_000);
    store
        .record_offline(&[(cem, future)])
        .await
        .expect("answers");
    store.record_online(&[cem]).await.expect("answers");
    let before = Timestamp::now();
    store.renew_lease().await.expect("answers");
    let after = Timestamp::now();
    store.close().await;

    for _ in 0..2 {
        let store = open(dir.path()).await.expect("opens again");
        let seen = store.last_seen(&[ann]).await.expect("answers");
        assert_eq!(seen.len(), 1);
        assert!(before <= seen[0].1 && seen[0].1 <= after, "{seen:?}");
        assert_eq!(store.last_seen(&[ben]).await, Ok(vec![(ben, Timestamp(5))]));
        assert_eq!(
            store.last_seen(&[cem]).await,
            Ok(vec![(cem, future)]),
            "never moves back"
        );
        store.close().await;
    }
}

#[tokio::test]
async fn a_closed_store_answers_that_it_is_unavailable() {
    let dir = TempDir::new();
    let store = open(dir.path()).await.expect("opens");
    store.close().await;
    store.close().await;
    for refused in [
        store.ping().await.err(),
        store.heads().await.err(),
        store.tidy().await.err(),
    ] {
        assert_eq!(refused.expect("is refused").code(), "SERVICE_UNAVAILABLE");
    }
}
