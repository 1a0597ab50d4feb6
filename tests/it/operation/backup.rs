//! Copies of the data that the documentation tells of, taken beside the running server.

use std::{fs, process::Command};

use serde_json::json;

use super::Home;
use crate::{
    readme::blocks,
    support::{
        launch::Launch,
        store::{StoreKind, TempDir},
    },
};

/// Whether there is SQLite's own tool. Without it CI fails, and elsewhere it is said aloud.
fn sqlite3_is_there() -> bool {
    let there = Command::new("sqlite3").arg("--version").output().is_ok();
    if !there {
        assert!(std::env::var_os("CI").is_none(), "there is no sqlite3");
        eprintln!("SKIPPED: there is no sqlite3 to make a backup with");
    }
    there
}

#[tokio::test]
async fn sqlites_backup_beside_the_running_server_holds_all_that_was_sent() {
    if !sqlite3_is_there() {
        return;
    }
    let home = Home::new(StoreKind::Embedded).await;
    let serving = home.launch().env("RATE_LIMITS", "off").serves().await;
    let ann = serving.anonymous().sign_up("ann").await;
    let bob = serving.anonymous().sign_up("bob").await;
    for number in 0..50 {
        ann.send(&bob, &number.to_string()).await;
    }
    let shell = blocks("docs/running.md", "sh");
    let told = shell.iter().find(|block| block.contains("sqlite3"));
    let told = told.expect("it tells how");
    // It speaks of a server that was started beside its folder `data`.
    let beside = TempDir::new();
    fs::create_dir_all(beside.path()).expect("a folder");
    std::os::unix::fs::symlink(home.dir.path(), beside.path().join("data")).expect("a link");
    let copied = Command::new("sh")
        .args(["-ec", told])
        .current_dir(beside.path())
        .output()
        .expect("a shell");
    assert!(
        copied.status.success() && copied.stderr.is_empty(),
        "{copied:?}"
    );
    ann.send(&bob, "the server was not disturbed").await;

    let restored = TempDir::new();
    fs::create_dir_all(restored.path()).expect("a folder");
    fs::copy(
        beside.path().join("copy.db"),
        restored.path().join("chinwag.db"),
    )
    .expect("a copy");
    let restored = Launch::over(restored.path()).serves().await;
    let bob = bob.at(restored.url("/graphql"));
    let history =
        "query($in: ConversationRef!) { messages(in: $in, last: 100) { nodes { body } } }";
    let seen = bob.ok(history, json!({ "in": { "userId": ann.id } })).await;
    let bodies = seen["messages"]["nodes"].as_array().expect("a list");
    assert_eq!(bodies.len(), 50);
    assert_eq!(bodies[49]["body"], "49");
}
