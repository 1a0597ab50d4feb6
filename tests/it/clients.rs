//! The clients that frontends use, Apollo, urql, graphql-ws, graphql-sse and others, against the real server: compiles
//! `tests/clients` and runs its tests with Node.

mod python;
mod relay;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use tokio::{sync::OnceCell, task::spawn_blocking};

use crate::support::{
    TestApp, npm, or_skipped,
    store::{StoreKind, mongo_is_there},
};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients");
const SCHEMA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");

/// Where a page of another origin is served from, as the tests have it.
const OTHER_ORIGIN: &str = "http://localhost:5173";

/// Makes each test run one file of `tests/clients/src/tests`, whole and over the embedded store.
macro_rules! files {
    ($($name:ident: $file:literal),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                run(StoreKind::Embedded, &[concat!("dist/tests/", $file, ".test.js")]).await;
            }
        )+
    };
}

files! {
    apollo_works: "apollo",
    urql_works_with_both_its_caches: "urql",
    what_happens_comes_into_every_cache_from_one_stream: "events",
    graphql_ws_reconnects_without_loss_and_faults_are_found: "graphql-ws",
    the_state_of_a_link_is_told_and_it_comes_back_at_once_when_asked: "links",
    a_send_on_a_bad_network_makes_one_message: "sending",
    a_page_does_nothing_for_who_signed_in_beside_it: "viewer",
    subscriptions_over_http_work: "over-http",
    pages_are_those_of_the_cursor_connections_specification: "paging",
    pages_of_other_origins_get_in_where_they_are_allowed: "origins",
    the_checker_of_deliveries_finds_what_is_wrong: "delivery",
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn apollo_and_graphql_ws_work_on_mongodb() {
    if mongo_is_there().await {
        run(StoreKind::Mongo, &["dist/tests/apollo.test.js"]).await;
        let arguments = [
            "--test-name-pattern=nothing is lost",
            "dist/tests/graphql-ws.test.js",
        ];
        run(StoreKind::Mongo, &arguments).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_passes_the_rules_for_schemas() {
    if let Some(folder) = compiled().await {
        let linted = in_folder(folder, "npm", &["run", "lint"], None).await;
        linted.unwrap_or_else(|report| panic!("{report}"));
    }
}

/// Runs `node --test` with these arguments against a fresh server.
async fn run(kind: StoreKind, arguments: &[&str]) {
    let Some(folder) = compiled().await else {
        return;
    };
    let app = TestApp::with(kind, |config| {
        config.http.allowed_origins = vec![OTHER_ORIGIN.parse().expect("an origin")];
    })
    .await;
    let mut whole = vec!["--test", "--test-reporter=spec", "--test-timeout=300000"];
    whole.extend(arguments);
    let tested = in_folder(folder, "node", &whole, Some(app.url("/graphql"))).await;
    tested.unwrap_or_else(|report| panic!("{report}"));
    app.stop().await;
}

/// The folder with everything compiled. Without Node and npm CI fails, and elsewhere it is said aloud.
async fn compiled() -> Option<&'static Path> {
    static COMPILED: OnceCell<Result<PathBuf, Failure>> = OnceCell::const_new();
    let compile = || async { spawn_blocking(compile).await.expect("no panic") };
    match COMPILED.get_or_init(compile).await {
        Ok(folder) => Some(folder),
        Err(Failure::NoTools(reason)) => or_skipped("Node", Err(reason.clone())),
        Err(Failure::Broken(reason)) => panic!("{reason}"),
    }
}

/// Why there is nothing compiled.
enum Failure {
    /// This machine lacks something.
    NoTools(String),
    /// What is to be tested does not compile.
    Broken(String),
}

/// Installs the packages, makes types from the schema, and compiles; once for the same sources.
fn compile() -> Result<PathBuf, Failure> {
    let sources = Path::new(SOURCES);
    let installed = npm::installed(sources).map_err(Failure::NoTools)?;
    let mut files = files_in(sources);
    files.push(SCHEMA.into());
    let folder = installed.join(npm::hash(&files));
    let lock = File::create(installed.join("compiling")).expect("a file");
    lock.lock().expect("a lock");
    if !folder.join("dist").exists() {
        for file in &files {
            let name = file.strip_prefix(sources);
            let copy = folder.join(name.unwrap_or(Path::new("schema.graphql")));
            fs::create_dir_all(copy.parent().expect("a folder")).expect("a folder");
            fs::copy(file, copy).expect("a copy");
        }
        let mut build = Command::new("npm");
        let built = npm::output(build.args(["run", "build"]).current_dir(&folder));
        built.map_err(|report| {
            // tsc writes even what does not fit; whoever comes next must not take it for compiled.
            let _ = fs::remove_dir_all(&folder);
            Failure::Broken(report)
        })?;
    }
    Ok(folder)
}

/// Runs a program to its end in the folder. The error is all that it printed.
async fn in_folder(
    folder: &'static Path,
    program: &'static str,
    arguments: &[&str],
    endpoint: Option<String>,
) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder);
    command.envs(endpoint.map(|endpoint| ("CHINWAG_ENDPOINT", endpoint)));
    spawn_blocking(move || npm::output(&mut command))
        .await
        .expect("no panic")
}

/// All files below a folder that concern Node, but for what working in it leaves.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    let left = ["node_modules", "dist", "gql", "python", "relay"];
    paths.retain(|path| !left.iter().any(|name| path.ends_with(name)));
    let below = |path: PathBuf| {
        if path.is_dir() {
            files_in(&path)
        } else {
            vec![path]
        }
    };
    paths.into_iter().flat_map(below).collect()
}
