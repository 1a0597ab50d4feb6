//! A user that may not open change streams.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use mongodb::{
    Client, Database,
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

/// Makes someone who may do everything in the database but open change streams.
async fn create_user(admin: &Database) {
    let all = doc! { "db": "chat", "collection": "" };
    let actions = [
        "find",
        "insert",
        "update",
        "remove",
        "createCollection",
        "convertToCapped",
        "createIndex",
        "dropIndex",
        "listIndexes",
        "listCollections",
        "collMod",
    ];
    let privileges = vec![doc! { "resource": all, "actions": actions.to_vec() }];
    let roles: Vec<Document> = Vec::new();
    let commands = [
        doc! { "createRole": NAME, "privileges": privileges, "roles": roles },
        doc! { "createUser": NAME, "pwd": PASSWORD, "roles": [NAME] },
    ];
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
    let admin = Client::with_uri_str(server.uri_for("")).await;
    create_user(&admin.expect("a client").database("admin")).await;
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
    let right = "the right to changeStream on the collection signals";
    assert_eq!(said.matches(right).count(), 1, "{said}");
    assert!(!said.contains(PASSWORD), "{said}");
    fs::remove_dir_all(folder).expect("removed");
}
