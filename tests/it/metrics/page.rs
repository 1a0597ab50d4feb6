//! The page is what Prometheus reads, and all that is on it is looked at somewhere: `tests/metrics/check.py` reads it
//! with the parser of Prometheus' own Python client, and holds the dashboard, the alerts and the documentation against it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use tokio::task::spawn_blocking;

use super::page;
use crate::support::{
    TestApp,
    npm::output,
    or_skipped, pip,
    store::{StoreKind, TempDir, mongo_is_there},
    ws::Ws,
};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

const REQUIREMENTS: &str = include_str!("../../metrics/requirements.txt");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_the_dashboard_the_alerts_and_the_documentation_agree() {
    let installed = spawn_blocking(|| pip::installed("metrics", REQUIREMENTS));
    let installed = installed.await.expect("no panic");
    let Some(environment) = or_skipped("Python with parsers", installed) else {
        return;
    };
    // Some of it is about one store only.
    if !mongo_is_there().await {
        return;
    }
    let dir = TempDir::new();
    fs::create_dir_all(dir.path()).expect("a folder");
    let mut pages = Vec::new();
    for kind in [StoreKind::Embedded, StoreKind::Mongo] {
        let page = page_of_a_day(kind).await;
        let file = dir.path().join(format!("{kind:?}.txt"));
        fs::write(&file, page).expect("it can be written");
        pages.push(file);
    }
    let checked = spawn_blocking(move || check(&environment, &pages)).await;
    checked
        .expect("no panic")
        .unwrap_or_else(|report| panic!("{report}"));
}

fn check(environment: &Path, pages: &[PathBuf]) -> Result<String, String> {
    let mut python = Command::new(environment.join("bin/python"));
    python
        .arg(Path::new(REPOSITORY).join("tests/metrics/check.py"))
        .arg(REPOSITORY)
        .args(pages);
    output(&mut python)
}

/// What a server shows at which a bit of everything has happened.
async fn page_of_a_day(kind: StoreKind) -> String {
    let app = TestApp::with(kind, |config| {
        config.rate_limits = true;
        config.limits.sockets_per_user = 1;
    })
    .await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let group = ann.group("all", &[&bob]).await;
    let mut socket = app.socket(&bob).await;
    let every = "subscription { newMessage { message { id } } }";
    socket.subscribe("1", every, json!({})).await;
    socket.settle().await;
    let behind = "subscription { newMessage(after: \"none\") { message { id } } }";
    socket.subscribe("2", behind, json!({})).await;
    assert_eq!(socket.message_of("2").await["type"], "error");
    let said = ann.say_in(&group, "hello").await;
    socket.event("1").await;
    ann.edit(&said.id, "hallo").await;
    ann.react(&said.id, "👍").await;
    ann.block(&bob).await;
    ann.run("{ nothing }", json!({})).await;
    let login = "mutation { login(input: { username: \"ann\", password: \"wrong\" }) { token } }";
    app.anonymous().run(login, json!({})).await;
    let mut second = Ws::open(app.address).await;
    let greeting = json!({ "type": "connection_init", "payload": { "token": bob.token } });
    second.send(greeting).await;
    assert_eq!(second.closed().await, Some(1013));
    let page = page(&app).await;
    app.stop().await;
    page
}
