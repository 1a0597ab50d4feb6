//! Starting the program: what it says, and that a bad start leaves nothing behind.

use serde_json::json;
use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Stdio},
};

use crate::support::{
    launch::Launch,
    mongod,
    store::{TempDir, mongo_is_there},
};

#[tokio::test]
async fn it_prints_where_it_serves() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path()).serves().await;
    assert_ne!(serving.address.port(), 0);
    let reply = serving.anonymous().ok("{ __typename }", json!({})).await;
    assert_eq!(reply, json!({ "__typename": "Query" }));
    let address = serving.address;
    serving.signal("-TERM");
    let ended = serving.ended().await;
    for line in [
        format!("chinwag serves on http://{address}"),
        format!("http://{address}/\n"),
        format!("GraphiQL   http://{address}/graphql\n"),
        format!("endpoint   http://{address}/graphql"),
    ] {
        assert!(ended.stdout.contains(&line), "{line}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_had_is_named() {
    let root = TempDir::new();
    fs::create_dir_all(root.path()).expect("a folder");
    let file = root.path().join("file");
    fs::write(&file, "x").expect("a file");
    let ended = Launch::over(&file.join("data")).ends().await;
    ended.refused(&["data directory", file.to_str().expect("UTF-8")]);
    let ended = Launch::over(&file).ends().await;
    ended.refused(&["data directory", file.to_str().expect("UTF-8")]);
    let ended = Launch::over(Path::new("/proc/chinwag")).ends().await;
    ended.refused(&["data directory", "/proc/chinwag"]);
    let dir = root.path().join("rubbish");
    fs::create_dir_all(&dir).expect("a folder");
    fs::write(
        dir.join("chinwag.db"),
        "this is no database, and long enough to show it".repeat(100),
    )
    .expect("a file");
    let ended = Launch::over(&dir).ends().await;
    ended.refused(&["chinwag.db", "not a database"]);
}

#[tokio::test]
async fn a_data_directory_has_one_process_at_a_time() {
    let dir = TempDir::new();
    let first = Launch::over(dir.path()).serves().await;
    Launch::over(dir.path())
        .ends()
        .await
        .refused(&["in use", dir.path().to_str().expect("UTF-8")]);
    first.anonymous().sign_up("ann").await;
    first.signal("-KILL");
    first.ended().await;
    let second = Launch::over(dir.path()).serves().await;
    second.anonymous().sign_up("bob").await;
}

#[tokio::test]
async fn data_of_a_newer_version_is_left_alone() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path()).serves().await;
    serving.signal("-TERM");
    serving.ended().await;
    let path = dir.path().join("chinwag.db");
    let db = rusqlite::Connection::open(&path).expect("a database");
    db.pragma_update(None, "user_version", 9_999)
        .expect("it can be set");
    drop(db);
    let before = fs::read(&path).expect("a file");
    Launch::over(dir.path())
        .ends()
        .await
        .refused(&["newer", "9999"]);
    assert_eq!(fs::read(&path).expect("a file"), before);

    if mongo_is_there().await {
        let uri = mongod::shared()
            .await
            .expect("a mongod")
            .uri_for(&mongod::fresh_database());
        let serving = Launch::bare()
            .env("PORT", "0")
            .env("MONGODB_URI", &uri)
            .serves()
            .await;
        serving.signal("-TERM");
        serving.ended().await;
        let client = mongodb::Client::with_uri_str(&uri).await.expect("a client");
        let meta = client
            .default_database()
            .expect("named")
            .collection::<mongodb::bson::Document>("meta");
        let newer = mongodb::bson::doc! { "$set": { "version": 9_999 } };
        meta.update_one(mongodb::bson::doc! { "_id": "schema" }, newer)
            .await
            .expect("it can be set");
        let ended = Launch::bare()
            .env("PORT", "0")
            .env("MONGODB_URI", &uri)
            .ends()
            .await;
        ended.refused(&["newer", "9999"]);
    }
}

#[tokio::test]
async fn a_mongodb_that_is_not_there_is_named_without_the_password() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("an address");
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let dir = TempDir::new();
    let starts = [
        (
            closed.to_string(),
            format!("mongodb://ann:canary@{closed}/db"),
        ),
        (
            silent.to_string(),
            format!(
                "mongodb://ann:canary@{silent}/db?connectTimeoutMS=60000&serverSelectionTimeoutMS=60000"
            ),
        ),
        (
            "nowhere.invalid".into(),
            "mongodb://ann:canary@nowhere.invalid/db".into(),
        ),
        (
            "nowhere.invalid".into(),
            "mongodb+srv://ann:canary@nowhere.invalid/db".into(),
        ),
    ];
    let starts = starts.map(|(address, uri)| {
        let launch = Launch::over(dir.path()).env("MONGODB_URI", &uri);
        async move { (address, launch.ends().await) }
    });
    for (address, ended) in futures_util::future::join_all(starts).await {
        ended.refused(&["MongoDB", &address]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    assert!(
        !dir.path().exists(),
        "the embedded store is not used instead"
    );
    if mongo_is_there().await {
        let uri = mongod::shared().await.expect("a mongod").uri_for("db");
        let uri = uri.replace("mongodb://", "mongodb://ann:canary@");
        let ended = Launch::over(dir.path())
            .env("MONGODB_URI", &uri)
            .ends()
            .await;
        ended.refused(&["MongoDB", "user name and password"]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_before_the_store_is_touched() {
    let dir = TempDir::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let port = address.port().to_string();
    let ended = Launch::over(dir.path())
        .args(&["--port", &port])
        .ends()
        .await;
    ended.refused(&["cannot listen", &address.to_string()]);
    let ended = Launch::over(dir.path())
        .args(&["--host", "192.0.2.1"])
        .ends()
        .await;
    ended.refused(&["cannot listen", "192.0.2.1"]);
    assert!(!dir.path().exists());
}

#[tokio::test]
async fn the_schema_can_be_printed() {
    let ended = Launch::bare().args(&["schema"]).ends().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let kept =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).expect("a file");
    assert!(
        ended.stdout == kept,
        "schema.graphql is not current: `cargo run -- schema > schema.graphql`"
    );
}

#[test]
fn what_it_prints_may_go_nowhere() {
    for argument in ["schema", "--help"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_chinwag"))
            .arg(argument)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{argument}: {output:?}");
        assert!(output.stderr.is_empty(), "{argument}: {output:?}");
    }
}
