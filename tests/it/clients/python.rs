//! Python's gql over HTTP and over both its WebSockets: runs `tests/clients/python`.

use std::{path::Path, process::Command};

use tokio::task::spawn_blocking;

use crate::support::{TestApp, npm::output, or_skipped, pip, store::StoreKind};

const REQUIREMENTS: &str = include_str!("../../clients/python/requirements.txt");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gql_works_over_each_of_its_transports() {
    let installed = spawn_blocking(|| pip::installed("gql", REQUIREMENTS));
    let installed = installed.await.expect("no panic");
    let Some(environment) = or_skipped("Python with gql", installed) else {
        return;
    };
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut python = Command::new(environment.join("bin/python"));
    python
        .arg(Path::new(super::SOURCES).join("python/test_gql.py"))
        .env("CHINWAG_ENDPOINT", app.url("/graphql"));
    let tested = spawn_blocking(move || output(&mut python)).await;
    tested
        .expect("no panic")
        .unwrap_or_else(|report| panic!("{report}"));
    app.stop().await;
}
