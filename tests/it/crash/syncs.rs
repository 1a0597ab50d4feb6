//! A process that is killed loses nothing that the system holds for it, so killing says nothing about a power cut.
//! What does: how often the disk is told to keep what was written, as strace sees it.

use std::{env, fs, path::PathBuf};

use futures_util::future::join_all;

use super::*;
use crate::support::{
    app::Place,
    program::Program,
    store::{StoreKind, TempDir},
};

/// Whether there is an strace that may trace. Without one CI fails, and elsewhere it is said aloud.
#[expect(clippy::print_stderr, reason = "what is left out says so")]
fn strace_is_there() -> bool {
    let tried = std::process::Command::new("strace")
        .args(["-o", "/dev/null", "true"])
        .status();
    if tried.is_ok_and(|status| status.success()) {
        return true;
    }
    assert!(
        env::var_os("CI").is_none(),
        "there is no strace that may trace"
    );
    eprintln!("SKIPPED: there is no strace that may trace");
    false
}

/// Syncs that have ended, by the trace.
fn syncs(trace: &PathBuf) -> usize {
    let trace = fs::read_to_string(trace).expect("a trace");
    trace.lines().filter(|line| line.ends_with("= 0")).count()
}

/// Groups of messages that were written as one.
async fn groups(program: &Program, client: &Client) -> usize {
    let page = client.raw(reqwest::Method::GET, &program.url("/metrics"));
    let page = page
        .send()
        .await
        .expect("an answer")
        .text()
        .await
        .expect("a text");
    let count = page
        .lines()
        .find_map(|line| line.strip_prefix("chinwag_batch_size_count "));
    count.expect("it is counted").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_acknowledged_before_a_sync_and_those_who_wait_share_one() {
    if !strace_is_there() {
        return;
    }
    let traces = TempDir::new();
    fs::create_dir_all(traces.path()).expect("a folder");
    let trace = traces.path().join("trace");
    let place = Place::fresh(StoreKind::Embedded).await;
    let output = trace.to_str().expect("a text");
    let calls = "trace=fsync,fdatasync,sync_file_range";
    let strace = ["strace", "-D", "-f", "-o", output, "-e", calls];
    let program = Program::start_under(&strace, &place).await;
    let ann = program.anonymous().sign_up("ann").await;
    let bob = program.anonymous().sign_up("bob").await;

    // One after the other, each has a sync of its own between its request and its answer.
    for number in 0..40 {
        let before = syncs(&trace);
        ann.send(&bob, &number.to_string()).await;
        assert!(syncs(&trace) > before, "message {number} was not synced");
    }
    // Many at once share them: no fewer than there are groups, and far fewer than there are messages.
    let (groups_before, syncs_before) = (groups(&program, &ann).await, syncs(&trace));
    for _ in 0..5 {
        join_all((0..100).map(|number| {
            let (ann, bob) = (&ann, &bob);
            async move { ann.send(bob, &number.to_string()).await }
        }))
        .await;
    }
    let groups = groups(&program, &ann).await - groups_before;
    let syncs = syncs(&trace) - syncs_before;
    println!("500 messages in {groups} groups with {syncs} syncs");
    assert!(groups <= syncs, "{groups} groups, {syncs} syncs");
    assert!(syncs < 250, "{syncs} syncs for 500 messages");
}
