//! What log lines look like, and what happens when nobody takes them.

use std::{fs::OpenOptions, process::Command};

use serde_json::json;

use super::Home;
use crate::support::{eventually, launch::Launch, store::StoreKind};

const FAILING_LOGIN: &str =
    "mutation { login(input: { username: \"ann\", password: \"password1\" }) { token } }";

const ESCAPE: char = '\u{1b}';

#[tokio::test]
async fn what_goes_into_a_pipe_has_no_colours() {
    let home = Home::new(StoreKind::Embedded).await;
    for launch in [home.launch(), home.launch().env("TERM", "xterm-256color")] {
        let serving = launch.env("LOG", "debug").serves().await;
        let fails = serving.anonymous();
        fails
            .fails("UNAUTHENTICATED", FAILING_LOGIN, json!({}))
            .await;
        serving.signal("-TERM");
        let ended = serving.ended().await;
        assert!(ended.stderr.contains("login failed"), "{}", ended.stderr);
        let all = ended.stdout + &ended.stderr;
        assert!(!all.contains(ESCAPE), "{all}");
    }
}

/// On a terminal, that of `script`, which shows what it gets there.
async fn on_a_terminal(home: &Home, set_up: impl FnOnce(Launch) -> Launch) -> String {
    let launch = home.launch().env("PATH", "/usr/bin:/bin");
    let launch = set_up(launch).by(&["script", "-q", "-e", "/dev/null", "-c"]);
    let serving = launch.serves().await;
    eventually("a line is logged", async || {
        serving.stdout().contains("settings=") || serving.stdout().contains(ESCAPE)
    })
    .await;
    serving.stdout()
}

#[tokio::test]
async fn a_terminal_gets_colours_unless_its_user_wants_none() {
    if Command::new("script").arg("--version").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "there is no script");
        eprintln!("SKIPPED: there is no script to make a terminal");
        return;
    }
    let home = Home::new(StoreKind::Embedded).await;
    let coloured = on_a_terminal(&home, |launch| launch).await;
    assert!(coloured.contains(ESCAPE), "{coloured}");
    // The first one may not have let go of its folder yet, as its terminal went away under it.
    let home = Home::new(StoreKind::Embedded).await;
    let plain = on_a_terminal(&home, |launch| launch.env("NO_COLOR", "1")).await;
    assert!(plain.contains("serving"), "{plain}");
    assert!(!plain.contains(ESCAPE), "{plain}");
}

#[tokio::test]
async fn a_log_that_cannot_be_written_stops_nothing() {
    let home = Home::new(StoreKind::Embedded).await;
    for format in ["text", "json"] {
        let full = OpenOptions::new().write(true).open("/dev/full");
        let serving = home
            .launch()
            .env("LOG_FORMAT", format)
            .stderr(full.expect("is there"))
            .serves()
            .await;
        let nobody = serving.anonymous();
        nobody
            .fails("UNAUTHENTICATED", FAILING_LOGIN, json!({}))
            .await;
        serving.signal("-TERM");
        assert_eq!(serving.ended().await.code, Some(0));
    }
    // Nor does it change what a failed start exits with.
    let full = OpenOptions::new().write(true).open("/dev/full");
    let ended = Launch::bare()
        .args(&["--port", "nonsense"])
        .stderr(full.expect("is there"))
        .ends()
        .await;
    assert_eq!(ended.code, Some(1));
}
