//! The chat page and GraphiQL in a real browser: the scripts in `tests/browser`, run by node with Chromium from the
//! `PATH`. Pictures of the pages go to `target/browser-screenshots`.

use std::{
    env, fs,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use chinwag::app::Config;
use tokio::{sync::Mutex, task::spawn_blocking};

use crate::support::{TestApp, store::StoreKind};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_meet_on_the_page_and_talk() {
    run("two-people.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_the_network_gets_everything_afterwards() {
    run("network.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_missed_too_much_gets_the_screen_anew() {
    run("resync.mjs", |config| config.limits.replay = 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_begin_and_end_in_all_tabs() {
    run("session.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_shows_one_pane_at_a_time() {
    run("phone.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_by_keyboard_and_by_ear() {
    run("access.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_runs_a_query_a_mutation_and_a_live_subscription() {
    run("graphiql.mjs", |_| {}).await;
}

/// Runs a script against a server of its own.
async fn run(script: &'static str, set_up: impl FnOnce(&mut Config)) {
    // A browser takes a machine's memory and cores: one at a time.
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    let tools = match spawn_blocking(Tools::find).await.expect("no panic") {
        Ok(tools) => tools,
        Err(reason) if env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: there is no browser to test with: {reason}");
            return;
        }
        Err(reason) => panic!("there is no browser to test with: {reason}"),
    };
    let app = TestApp::with(StoreKind::Embedded, set_up).await;
    let server = app.url("");
    let output = spawn_blocking(move || tools.run(script, &server));
    let Output { status, stderr, .. } = output.await.expect("no panic").expect("node runs");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    app.stop().await;
}

/// What the scripts need.
struct Tools {
    chromium: PathBuf,
    /// Holds the scripts and their packages.
    folder: PathBuf,
}

impl Tools {
    /// The error says what is missing.
    fn find() -> Result<Self, String> {
        let chromium = ["chromium", "chromium-browser"]
            .into_iter()
            .find_map(on_path)
            .ok_or("chromium is not on the PATH")?;
        for tool in ["node", "npm"] {
            on_path(tool).ok_or(format!("{tool} is not on the PATH"))?;
        }
        let folder = installed().map_err(|error| error.to_string())?;
        Ok(Self { chromium, folder })
    }

    fn run(&self, script: &str, server: &str) -> io::Result<Output> {
        let pictures = target().join("browser-screenshots");
        Command::new("node")
            .arg(script)
            .current_dir(&self.folder)
            .env("SERVER", server)
            .env("CHROMIUM", &self.chromium)
            .env("PICTURES", pictures)
            .stdin(Stdio::null())
            .output()
    }
}

fn target() -> &'static Path {
    let tests = Path::new(env!("CARGO_TARGET_TMPDIR"));
    tests.parent().unwrap_or(tests)
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// A folder below `target` with the scripts as they are now, and with what the lock file names, installed once.
fn installed() -> io::Result<PathBuf> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
    let mut hasher = DefaultHasher::new();
    fs::read(sources.join("package-lock.json"))?.hash(&mut hasher);
    let folder = target().join(format!("browser-tests-{:016x}", hasher.finish()));
    fs::create_dir_all(&folder)?;
    for source in fs::read_dir(sources)? {
        let source = source?;
        fs::copy(source.path(), folder.join(source.file_name()))?;
    }
    let finished = folder.join("node_modules/.installed");
    if !finished.exists() {
        let arguments =
            "ci --ignore-scripts --no-audit --no-fund --prefer-offline --fetch-retries=1";
        let npm = Command::new("npm")
            .args(arguments.split(' '))
            .current_dir(&folder)
            .output()?;
        if !npm.status.success() {
            let told = String::from_utf8_lossy(&npm.stderr);
            return Err(io::Error::other(format!("npm failed: {told}")));
        }
        fs::write(finished, "")?;
    }
    Ok(folder)
}
