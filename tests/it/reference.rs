//! What the server says of documents held against graphql-js, the reference implementation: runs the scripts in
//! `tests/reference` with Node. `SEED` and `COUNT` choose the random ones.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use tokio::{sync::OnceCell, task::spawn_blocking};

use crate::support::{TestApp, npm, store::StoreKind};

/// More than any of the documents has of anything.
const PLENTY: usize = 1_000_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_documents_are_answered_as_by_graphql_js() {
    run("random-requests.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_are_answered_as_sections_of_the_specification_say() {
    run("written-requests.mjs").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn graphql_js_agrees_with_itself_and_differences_are_found() {
    if let Some(scripts) = scripts().await {
        node(scripts, "itself.mjs", None).await;
    }
}

/// Runs a script against a fresh server that finds nothing too large.
async fn run(script: &'static str) {
    let Some(scripts) = scripts().await else {
        return;
    };
    let app = TestApp::with(StoreKind::Embedded, |config| {
        let limits = &mut config.limits;
        limits.document_bytes = limits.request_bytes;
        limits.depth = PLENTY;
        limits.complexity = PLENTY;
        limits.root_fields = PLENTY;
        limits.aliases = PLENTY;
        limits.directives = PLENTY;
    })
    .await;
    node(scripts, script, Some(app.url("/graphql"))).await;
    app.stop().await;
}

/// Runs a script to its end, and fails with all that it printed when it finds something.
async fn node(scripts: &Path, script: &str, endpoint: Option<String>) {
    let mut node = Command::new("node");
    node.arg(script)
        .current_dir(scripts)
        .env(
            "SCHEMA",
            concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql"),
        )
        .envs(endpoint.map(|endpoint| ("CHINWAG_ENDPOINT", endpoint)));
    let output = spawn_blocking(move || npm::output(&mut node));
    match output.await.expect("no panic") {
        Ok(printed) => eprintln!("{printed}"),
        Err(report) => panic!("{report}"),
    }
}

/// The folder with the scripts and graphql-js. Without Node and npm CI fails, and elsewhere it is said aloud.
async fn scripts() -> Option<&'static Path> {
    static SCRIPTS: OnceCell<Result<PathBuf, String>> = OnceCell::const_new();
    let find = || async {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
        let found = spawn_blocking(move || npm::with_scripts(&sources));
        found.await.expect("no panic")
    };
    match SCRIPTS.get_or_init(find).await {
        Ok(folder) => Some(folder),
        Err(reason) if env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: nothing is held against graphql-js: {reason}");
            None
        }
        Err(reason) => panic!("{reason}"),
    }
}
