//! The chat page and GraphiQL in a real browser: the scripts in `tests/browser`, run by node with Chromium from the
//! `PATH`. Pictures of the pages go to `target/browser-screenshots`.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use chinwag::app::Config;
use tokio::task::spawn_blocking;

use crate::support::{TestApp, npm, or_skipped, store::StoreKind, turns};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_meet_on_the_page_and_talk() {
    run("two-people.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_the_network_gets_everything_afterwards() {
    run("network.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_the_network_passes_nothing_unseen() {
    run("outage.mjs", |_| {}).await;
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
async fn who_may_not_sign_up_is_not_offered_to() {
    run("signup-closed.mjs", |config| config.signup_open = false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_never_acts_for_another_person_than_the_one_it_shows() {
    run("viewer.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_of_the_same_name_are_told_apart() {
    run("namesakes.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_in_messages_are_links_and_all_else_is_text() {
    run("links.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_seen_is_read() {
    run("unread.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_stays_in_its_place() {
    run("place.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_edited_deleted_reacted_and_replied_to() {
    run("changing.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_made_joined_and_left() {
    run("groups.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_changed_protected_and_ended() {
    run("account.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_found_and_gone_to() {
    run("found.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_on_the_way_is_told_again() {
    run("lost.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_scroll_smoothly() {
    run("thousand.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_come_from_named_hosts_only() {
    run("pictures.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn drafts_are_kept_for_their_writer() {
    run("drafts.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_ends_with_a_choice() {
    run("search.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_in_doubt_is_looked_after_at_once() {
    run("doubt.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_shows_one_pane_at_a_time() {
    run("phone.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_long_finds_room() {
    run("long.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_from_right_to_left_is_shown_in_its_order() {
    run("directions.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_works_by_keyboard_and_by_ear() {
    run("access.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn graphiql_runs_a_query_a_mutation_and_a_live_subscription() {
    run("graphiql.mjs", |_| {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_conversation_of_the_readme_goes_as_it_says() {
    run("first-conversation.mjs", |_| {}).await;
}

/// Runs a script against a server of its own.
async fn run(script: &'static str, set_up: impl FnOnce(&mut Config)) {
    let _turn = turns::one_of_three().await;
    let tools = spawn_blocking(Tools::find).await.expect("no panic");
    let Some(tools) = or_skipped("browser", tools) else {
        return;
    };
    let app = TestApp::with(StoreKind::Embedded, set_up).await;
    let server = app.url("");
    let output = spawn_blocking(move || tools.run(script, &server));
    output
        .await
        .expect("no panic")
        .unwrap_or_else(|report| panic!("{report}"));
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
        // The same engine without a desktop's browser around it takes half the time.
        let chromium = ["chromium-headless-shell", "chromium", "chromium-browser"]
            .into_iter()
            .find_map(on_path)
            .ok_or("chromium is not on the PATH")?;
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser");
        let folder = npm::with_scripts(&sources)?;
        Ok(Self { chromium, folder })
    }

    fn run(&self, script: &str, server: &str) -> Result<String, String> {
        let tests = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let pictures = tests.with_file_name("browser-screenshots");
        let mut node = Command::new("node");
        node.arg(script)
            .current_dir(&self.folder)
            .env("SERVER", server)
            .env("CHROMIUM", &self.chromium)
            .env("PICTURES", pictures)
            .env("README", concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
        npm::output(&mut node)
    }
}

fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}
