use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use chinwag::app::StoreConfig;
use mongodb::bson::{Document, doc};
use rusqlite::Connection;
use secrecy::ExposeSecret;
use serde_json::json;

use super::{does, launch, own::lively, text, tries};
use crate::{
    on_both_stores,
    support::{
        TestApp,
        acts::with,
        app::Place,
        eventually,
        launch::Launch,
        mongod, or_skipped,
        store::{StoreKind, TempDir},
    },
};

on_both_stores!(
    a_check_finds_what_does_not_follow_from_the_log,
    a_check_finds_what_search_does_not,
);

async fn a_check_finds_what_does_not_follow_from_the_log(kind: StoreKind) {
    let (app, _) = lively(kind).await;
    let place = app.stop().await;
    let said = does(launch(&place), &["check"]).await;
    assert!(
        said.starts_with("3 users, 5 conversations, ") && said.ends_with(" 1 lane: all is well\n"),
        "{said}"
    );
    tamper(
        &place,
        "UPDATE conversations SET last_seq = last_seq + 1 WHERE kind = 'group';
         DELETE FROM reactions;",
        &[
            doc! { "update": "conversations", "updates": [
                { "q": { "kind": "group" }, "u": { "$inc": { "lastSeq": 1_i64 } } },
            ] },
            doc! { "delete": "reactions", "deletes": [{ "q": {}, "limit": 0 }] },
        ],
    )
    .await;
    let ended = tries(launch(&place), &["check"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    for fault in ["listed by another message", "other reactions"] {
        assert!(ended.stdout.contains(fault), "{fault}: {ended:?}");
    }
    assert!(
        ended.stderr.lines().count() == 1 && ended.stderr.contains("found"),
        "{ended:?}"
    );
}

/// Changes a store behind the program's back: by statements, or by commands.
async fn tamper(place: &Place, statements: &str, commands: &[Document]) {
    match &place.store {
        StoreConfig::Embedded { dir } => {
            let db = Connection::open(dir.join("chinwag.db")).expect("opens");
            db.execute_batch(statements).expect("is done");
        }
        StoreConfig::Mongo { uri } => {
            let client = mongodb::Client::with_uri_str(uri.expose_secret())
                .await
                .expect("a client");
            let db = client.default_database().expect("a name");
            for command in commands {
                db.run_command(command.clone()).await.expect("is done");
            }
        }
    }
}

async fn a_check_finds_what_search_does_not(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    for number in 0..20 {
        ann.send(&bob, &format!("apple {number}")).await;
    }
    let found = "{ searchMessages(text: \"apple\", first: 50) { nodes { id } } }";
    eventually("all are found", async || {
        let page = ann.ok(found, json!({})).await;
        page["searchMessages"]["nodes"].as_array().map(Vec::len) == Some(20)
    })
    .await;
    let place = app.stop().await;
    does(launch(&place), &["check"]).await;

    tamper(
        &place,
        "UPDATE messages SET body = 'pear' WHERE seq = 7",
        &[doc! { "update": "messages", "updates": [
            { "q": { "seq": 7_i64 }, "u": { "$set": { "body": "pear" } } },
        ] }],
    )
    .await;
    let ended = tries(launch(&place), &["check"]).await;
    let line = ended.stdout.lines().next().unwrap_or_default();
    assert!(
        line.starts_with("message 7 of ") && line.ends_with("is not found by its words"),
        "{ended:?}"
    );
    assert!(
        ended.code == Some(1) && ended.stderr.contains("1 fault found"),
        "{ended:?}"
    );

    tamper(
        &place,
        "DELETE FROM search_parts",
        &[doc! { "delete": "searchParts", "deletes": [{ "q": {}, "limit": 0 }] }],
    )
    .await;
    let ended = tries(launch(&place), &["check"]).await;
    assert!(
        ended.code == Some(1) && ended.stdout.contains("the search's index lacks parts"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_mongodb_itself_finds_damaged_is_told() {
    let Some(server) = or_skipped("MongoDB", mongod::with_fail_points().await) else {
        return;
    };
    let app = TestApp::at(Place::mongo(&server.uri_for("chat")), |_| {}).await;
    app.user("ann").await;
    let place = app.stop().await;
    does(launch(&place), &["check"]).await;
    let client = mongodb::Client::with_uri_str(server.uri_for("chat")).await;
    let client = client.expect("a client");
    // What is deleted meanwhile stays in the index.
    let admin = client.database("admin");
    for mode in ["alwaysOn", "off"] {
        let skip = doc! {
            "configureFailPoint": "skipUnindexingDocumentWhenDeleted",
            "mode": mode,
            "data": { "indexName": "_id_" },
        };
        admin.run_command(skip).await.expect("is done");
        let delete = doc! { "delete": "sessions", "deletes": [{ "q": {}, "limit": 0 }] };
        client
            .database("chat")
            .run_command(delete)
            .await
            .expect("is done");
    }
    let ended = tries(launch(&place), &["check"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(
        ended.stdout.contains("collection sessions is not valid\n"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn a_damaged_file_is_found() {
    let app = TestApp::start(StoreKind::Embedded).await;
    app.user("ann").await;
    let place = app.stop().await;
    let StoreConfig::Embedded { dir } = &place.store else {
        unreachable!("it is embedded");
    };
    let db = Connection::open(dir.join("chinwag.db")).expect("opens");
    // From now on the index should have everyone.
    db.execute_batch(
        "PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET sql = replace(sql, 'leaving = 1', 'leaving = 0')
         WHERE name = 'users_leaving';",
    )
    .expect("is done");
    drop(db);
    let ended = tries(launch(&place), &["check"]).await;
    assert!(
        ended.code == Some(1) && ended.stdout.contains("users_leaving"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_senders_holds_all_that_was_acknowledged_before_it() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let ann = app.user("ann").await;
    let mut people = Vec::new();
    for number in 0..16 {
        people.push(app.user(&format!("sender{number}")).await);
    }
    let over = AtomicBool::new(false);
    let sending = futures_util::future::join_all(people.iter().map(async |person| {
        let mut said = 0;
        while !over.load(Ordering::SeqCst) {
            person.send(&ann, &format!("number {said}")).await;
            said += 1;
        }
    }));
    let backing_up = async {
        let mut known = Vec::new();
        for number in 0..3 {
            let mut acknowledged = Vec::new();
            for person in &people {
                acknowledged.push(person.history(&with(&ann)).await.len());
            }
            known.push(acknowledged);
            let file = files.path().join(format!("{number}.db"));
            let said = does(launch(&app.place), &["backup", text(&file)]).await;
            assert_eq!(said, format!("backed up to {}\n", text(&file)));
        }
        over.store(true, Ordering::SeqCst);
        known
    };
    let (_, known) = tokio::join!(sending, backing_up);
    for (number, acknowledged) in known.iter().enumerate() {
        let file = files.path().join(format!("{number}.db"));
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let dir = files.path().join(format!("restored{number}"));
        let restored = Launch::over(&dir)
            .args(&["restore", text(&file)])
            .ends()
            .await;
        assert_eq!(
            restored.stdout,
            format!("restored 17 users to {}\n", text(&dir))
        );
        let again = Launch::over(&dir)
            .args(&["restore", text(&file)])
            .ends()
            .await;
        again.refused(&["empty"]);
        let checked = does(Launch::bare().env("DATA_DIR", text(&dir)), &["check"]).await;
        assert!(checked.ends_with("all is well\n"), "{checked}");
        let place = Place::from(StoreConfig::Embedded { dir });
        let copy = TestApp::at(place, |_| {}).await;
        for (person, count) in people.iter().zip(acknowledged) {
            let person = person.at(copy.url("/graphql"));
            assert!(
                person.history(&with(&ann)).await.len() >= *count,
                "of backup {number}"
            );
        }
        copy.stop().await;
    }
    assert_eq!(fs::read_dir(files.path()).expect("a folder").count(), 6);
    app.stop().await;
}

#[tokio::test]
async fn a_backup_that_is_killed_leaves_no_file_and_what_is_none_is_not_restored() {
    let place = TestApp::start(StoreKind::Embedded).await.stop().await;
    let StoreConfig::Embedded { dir } = &place.store else {
        unreachable!("it is embedded");
    };
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let file = files.path().join("copy.db");
    for milliseconds in [0, 5, 10, 15, 20, 40] {
        let backup = launch(&place).args(&["backup", text(&file)]);
        backup
            .killed_after(Duration::from_millis(milliseconds))
            .await;
        if file.exists() {
            let db = Connection::open(&file).expect("opens");
            let whole: String = db
                .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                .expect("is read");
            assert_eq!(whole, "ok");
            fs::remove_file(&file).expect("is there");
        }
    }
    does(launch(&place), &["backup", text(&file)]).await;
    let other = files.path().join("other");
    fs::write(&other, "no database").expect("is written");
    let fresh = files.path().join("fresh");
    for (dir, args, says) in [
        (dir.as_path(), ["backup", text(&file)], "there already"),
        (dir.as_path(), ["backup", "/nowhere/copy"], "/nowhere/copy"),
        (
            fresh.as_path(),
            ["backup", text(&files.path().join("b"))],
            "no store in",
        ),
        (fresh.as_path(), ["restore", text(&other)], "no backup"),
        (
            fresh.as_path(),
            ["restore", "/nowhere/copy"],
            "/nowhere/copy",
        ),
        (dir.as_path(), ["restore", text(&file)], "empty"),
    ] {
        let ended = tries(Launch::bare().env("DATA_DIR", text(dir)), &args).await;
        ended.refused(&[says]);
        assert!(!fresh.exists());
    }
    let on_mongodb = Launch::bare().env("MONGODB_URI", "mongodb://127.0.0.1:1/db");
    tries(on_mongodb, &["backup", text(&other)])
        .await
        .refused(&["mongodump"]);
}
