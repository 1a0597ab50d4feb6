//! A user that may not read what servers signal to each other.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use mongodb::{
    Client,
    bson::{Document, doc},
};
use serde_json::json;

use crate::support::{TestApp, app::Place, eventually, launch::Launch, mongod, or_skipped};

const NAME: &str = "limited";
const PASSWORD: &str = "s3cret";

/// What members of a replica set show each other; it has to be there where users are checked.
fn key_file(folder: &Path) -> String {
    let file = folder.join("key");
    fs::write(&file, "a key that the members share").expect("written");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("set");
    file.display().to_string()
}

/// Makes someone who may do everything in a database but read the signals there.
async fn create_user(server: &Client, database: &str) {
    const FIND: &str = "find";
    const OTHERS: [&str; 10] = [
        "insert",
        "update",
        "remove",
        "createCollection",
        "convertToCapped",
        "createIndex",
        "dropIndex",
        "listIndexes",
        "collMod",
        "listCollections",
    ];
    let mut privileges = vec![doc! {
        "resource": { "db": database, "collection": "" }, "actions": OTHERS.to_vec(),
    }];
    let collections = server.database(database).list_collection_names().await;
    for collection in collections.expect("names") {
        if collection != "signals" {
            let resource = doc! { "db": database, "collection": collection };
            privileges.push(doc! { "resource": resource, "actions": [FIND] });
        }
    }
    let roles: Vec<Document> = Vec::new();
    let commands = [
        doc! { "createRole": NAME, "privileges": privileges, "roles": roles },
        doc! { "createUser": NAME, "pwd": PASSWORD, "roles": [NAME] },
    ];
    let admin = server.database("admin");
    for command in commands {
        admin.run_command(command).await.expect("made");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_a_server_says_so_and_sweeps() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(mongod::fresh_database());
    fs::create_dir_all(&folder).expect("made");
    let key = key_file(&folder);
    let arguments = ["--replSet", "rs0", "--transitionToAuth", "--keyFile", &key];
    let Some(mut server) = or_skipped("mongod", mongod::standalone(&arguments).await) else {
        return;
    };
    // So that all collections are there.
    let first = TestApp::at(Place::mongo(&server.uri_for("chat")), |_| {}).await;
    first.stop().await;
    let client = Client::with_uri_str(server.uri_for("")).await;
    create_user(&client.expect("a client"), "chat").await;
    let arguments = ["--replSet", "rs0", "--auth", "--keyFile", &key];
    server.restart_with(&arguments).await.expect("restarts");
    let uri = format!(
        "mongodb://{NAME}:{PASSWORD}@{}/chat?replicaSet=rs0&authSource=admin",
        server.address()
    );
    let launched = Launch::over(&folder).env("MONGODB_URI", &uri);
    let launched = launched.serves().await;
    let beside = TestApp::at(Place::mongo(&uri), |_| {}).await;
    let ann = beside.user("ann").await;
    let mut socket = beside.socket(&ann).await;
    let there = ann.at(launched.url("/graphql"));
    eventually("ann is seen online", async || {
        let seen = there.ok("{ onlineUsers { username } }", json!({})).await;
        seen["onlineUsers"] == json!([{ "username": "ann" }])
    })
    .await;
    there.ok("mutation { logout }", json!({})).await;
    assert_eq!(socket.closed().await, Some(4403));
    beside.stop().await;
    launched.signal("-TERM");
    let said = launched.ended().await.stderr;
    let right = "the right to find in the collection signals";
    assert_eq!(said.matches(right).count(), 1, "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    fs::remove_dir_all(folder).expect("removed");
}
