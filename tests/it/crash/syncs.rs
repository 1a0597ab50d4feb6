//! A process that is killed loses nothing that the system holds for it, so killing says nothing about a power cut.
//! What does: how often the disk is told to keep what was written, as strace sees it.

use futures_util::future::join_all;

use super::*;
use crate::support::{app::Place, program::Program, store::StoreKind, strace};

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
        .find_map(|line| line.strip_prefix("chinwag_batch_entries_count "));
    count.expect("it is counted").parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_message_is_acknowledged_before_a_sync_and_those_who_wait_share_one() {
    let place = Place::fresh(StoreKind::Embedded).await;
    let started = strace::start("fsync,fdatasync,sync_file_range", &place).await;
    let Some((program, syncs)) = started else {
        return;
    };
    let ann = program.anonymous().sign_up("ann").await;
    let bob = program.anonymous().sign_up("bob").await;

    // One after the other, each has a sync of its own between its request and its answer.
    for number in 0..40 {
        let before = syncs.calls();
        ann.send(&bob, &number.to_string()).await;
        assert!(syncs.calls() > before, "message {number} was not synced");
    }
    // Many at once share them: no fewer than there are groups, and far fewer than there are messages.
    let (groups_before, syncs_before) = (groups(&program, &ann).await, syncs.calls());
    for _ in 0..5 {
        join_all((0..100).map(|number| {
            let (ann, bob) = (&ann, &bob);
            async move { ann.send(bob, &number.to_string()).await }
        }))
        .await;
    }
    let groups = groups(&program, &ann).await - groups_before;
    let syncs = syncs.calls() - syncs_before;
    println!("500 messages in {groups} groups with {syncs} syncs");
    assert!(groups <= syncs, "{groups} groups, {syncs} syncs");
    assert!(syncs < 250, "{syncs} syncs for 500 messages");
}
