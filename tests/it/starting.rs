//! Starting the program: what it says, and that a bad start leaves nothing behind.

use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::support::{
    launch::{Ended, Launch},
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
        format!("GraphiQL   http://{address}/graphql"),
        format!("endpoint   http://{address}/graphql"),
        format!("store      embedded store in {}\n", dir.path().display()),
    ] {
        assert!(ended.stdout.contains(&line), "{line}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn it_says_what_to_do_next_until_someone_has_an_account() {
    let dir = TempDir::new();
    let steps = |said: &str, address| {
        let (_, next) = said.split_once("What to do next:\n")?;
        let here = format!("http://{address}/");
        Some(next.lines().filter(|step| step.contains(&here)).count())
    };
    let serving = Launch::over(dir.path()).serves().await;
    let address = serving.address;
    serving.anonymous().sign_up("ann").await;
    serving.signal("-TERM");
    let said = serving.ended().await.stdout;
    assert_eq!(steps(&said, address), Some(3), "{said}");
    let serving = Launch::over(dir.path()).serves().await;
    let address = serving.address;
    serving.signal("-TERM");
    let said = serving.ended().await.stdout;
    assert_eq!(steps(&said, address), None, "{said}");
}

#[tokio::test]
async fn it_says_that_graphiql_is_off_or_stood_in_for() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path())
        .env("INTROSPECTION", "off")
        .serves()
        .await;
    let (address, said) = (serving.address, serving.stdout());
    assert!(said.contains("GraphiQL   off"), "{said}");
    assert!(!said.contains(&format!("GraphiQL   http://{address}")));
    drop(serving);
    let said = Launch::over(dir.path()).serves().await.stdout();
    let stood_in_for = said.contains("built without npm");
    assert_eq!(stood_in_for, !chinwag::http::GRAPHIQL_BUNDLED, "{said}");
}

#[tokio::test]
async fn what_it_prints_is_json_when_the_log_is() {
    let dir = TempDir::new();
    let launch = || Launch::over(dir.path()).env("LOG_FORMAT", "json");
    let serving = launch().serves().await;
    let address = serving.address;
    let refused = launch().ends().await;
    serving.signal("-TERM");
    let ended = serving.ended().await;
    let banner = serde_json::from_str::<Value>(&ended.stdout).expect("one JSON object");
    assert_eq!(banner["chatPage"], format!("http://{address}/"));
    assert_eq!(banner["endpoint"], format!("http://{address}/graphql"));
    assert_eq!(banner["webSocket"], format!("ws://{address}/graphql"));
    let store = format!("embedded store in {}", dir.path().display());
    assert_eq!(banner["store"], store);
    for line in ended.stderr.lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    }
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    let line = serde_json::from_str::<Value>(&refused.stderr).expect("one JSON object");
    assert_eq!(line["level"], "ERROR");
    let message = line["fields"]["message"].as_str().expect("a text");
    assert!(message.contains("in use"), "{message}");
    let json = || Launch::bare().args(&["--log-format", "json"]);
    for unreadable in [
        launch().env("PORT", "nonsense"),
        launch().args(&["--nonsense"]),
        json().args(&["--port", "70000"]),
        json().env("LOG", "loud"),
    ] {
        let ended = unreadable.ends().await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
        let line = serde_json::from_str::<Value>(&ended.stderr);
        let line = line.unwrap_or_else(|_| panic!("no JSON: {}", ended.stderr));
        assert_eq!(line["level"], "ERROR");
    }
}

/// Starts on MongoDB beside a folder, and gives what it said and logged, secrets looked for.
async fn on_mongodb_beside(dir: &Path, database: &str) -> Ended {
    let uri = mongod::shared().await.expect("a mongod").uri_for(database);
    let serving = Launch::over(dir)
        .env("MONGODB_URI", &format!("{uri}&appName=canary"))
        .env("LOG", "debug")
        .serves()
        .await;
    serving.anonymous().sign_up("zoe").await;
    serving.signal("-TERM");
    let ended = serving.ended().await;
    let all = format!("{}{}", ended.stdout, ended.stderr);
    assert!(!all.contains("canary"), "{all}");
    let first = ended.stderr.lines().find(|line| line.contains("serving"));
    let first = first.expect("the first line");
    assert!(first.contains("MONGODB_URI=(set)"), "{first}");
    assert!(first.contains("store=\"MongoDB at "), "{first}");
    ended
}

#[tokio::test]
async fn those_whom_mongodb_leaves_behind_in_the_folder_are_told_of() {
    if !mongo_is_there().await {
        return;
    }
    let dir = TempDir::new();
    let database = mongod::fresh_database();
    let ended = on_mongodb_beside(dir.path(), &database).await;
    let told = "not served";
    assert!(!ended.stderr.contains(told), "{}", ended.stderr);
    assert!(!dir.path().exists(), "nothing is made");
    let place = format!(", database {database}\n");
    assert!(
        ended.stdout.contains("store      MongoDB at ") && ended.stdout.contains(&place),
        "{}",
        ended.stdout
    );

    let serving = Launch::over(dir.path()).serves().await;
    serving.signal("-TERM");
    serving.ended().await;
    let ended = on_mongodb_beside(dir.path(), &mongod::fresh_database()).await;
    assert!(!ended.stderr.contains(told), "nobody is in there");

    let serving = Launch::over(dir.path()).serves().await;
    for name in ["ann", "bob"] {
        serving.anonymous().sign_up(name).await;
    }
    serving.signal("-TERM");
    serving.ended().await;
    let before = contents(dir.path());
    let database = mongod::fresh_database();
    let ended = on_mongodb_beside(dir.path(), &database).await;
    assert_eq!(contents(dir.path()), before, "the folder is left as it is");
    let warnings = ended.stderr.lines().filter(|line| line.contains(told));
    let [warning] = warnings.collect::<Vec<_>>()[..] else {
        panic!("not one warning: {}", ended.stderr);
    };
    let folder = dir.path().to_str().expect("UTF-8");
    for part in [
        "WARN",
        folder,
        "users there: 2;",
        &database,
        "which serves: 0.",
        "unset MONGODB_URI",
        "chinwag export",
    ] {
        assert!(warning.contains(part), "{part}: {warning}");
    }
    let again = Launch::over(dir.path()).serves().await;
    again.anonymous().sign_up("cem").await;
    let ended = on_mongodb_beside(dir.path(), &mongod::fresh_database()).await;
    assert!(
        ended.stderr.contains("users there: 2 or more;")
            || ended.stderr.contains("users there: 3 or more;"),
        "while another serves it: {}",
        ended.stderr
    );
    again.anonymous().sign_up("dan").await;
}

#[tokio::test]
async fn those_whom_a_killed_server_left_in_its_log_are_told_of_too() {
    if !mongo_is_there().await {
        return;
    }
    let dir = TempDir::new();
    let serving = Launch::over(dir.path()).serves().await;
    serving.anonymous().sign_up("ann").await;
    serving.signal("-KILL");
    serving.ended().await;
    let before = contents(dir.path());
    let ended = on_mongodb_beside(dir.path(), &mongod::fresh_database()).await;
    assert!(ended.stderr.contains(" or more;"), "{}", ended.stderr);
    assert_eq!(contents(dir.path()), before, "the folder is left as it is");
    let again = Launch::over(dir.path()).serves().await;
    let signup =
        "mutation { signup(input: { username: \"ann\", password: \"password1\" }) { token } }";
    again.anonymous().fails("CONFLICT", signup, json!({})).await;
}

/// The names and bytes of all that a folder holds.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(dir).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    // A server that is killed leaves the socket file, too, of which nothing can be read.
    paths
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), fs::read(path).expect("a file")))
        .collect()
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_does_not_trouble_mongodb() {
    if !mongo_is_there().await {
        return;
    }
    let dir = TempDir::new();
    fs::create_dir_all(dir.path()).expect("a folder");
    let file = dir.path().join("chinwag.db");
    for rubbish in [String::new(), "no database ".repeat(1_000)] {
        fs::write(&file, &rubbish).expect("a file");
        let ended = on_mongodb_beside(dir.path(), &mongod::fresh_database()).await;
        assert!(!ended.stderr.contains("WARN"), "{}", ended.stderr);
        assert_eq!(fs::read_to_string(&file).expect("a text"), rubbish);
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
            "the connection was refused",
            format!("mongodb://ann:canary@{closed}/db"),
        ),
        (
            silent.to_string(),
            "nothing answered",
            format!(
                "mongodb://ann:canary@{silent}/db?connectTimeoutMS=60000&serverSelectionTimeoutMS=60000"
            ),
        ),
        (
            "nowhere.invalid".into(),
            "the name does not resolve",
            "mongodb://ann:canary@nowhere.invalid/db".into(),
        ),
        (
            "nowhere.invalid".into(),
            "the name does not resolve",
            "mongodb+srv://ann:canary@nowhere.invalid/db".into(),
        ),
    ];
    let starts = starts.map(|(address, why, uri)| {
        let launch = Launch::over(dir.path()).env("MONGODB_URI", &uri);
        async move { (address, why, launch.ends().await) }
    });
    for (address, why, ended) in futures_util::future::join_all(starts).await {
        ended.refused(&["MongoDB", &address, why]);
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
