//! A send that is repeated after its message was changed.

use super::*;
use crate::support::acts::text;

on_both_stores!(
    a_repeated_send_gets_its_message_in_its_newest_state_also_after_a_restart,
    another_text_is_a_conflict_also_when_it_is_what_the_message_says_now,
    a_repeated_send_is_told_to_nobody,
);

fn named(to: &Client, body: &str, name: &str) -> Value {
    json!({ "to": with(to), "body": body, "clientMessageId": name })
}

/// An edited, a deleted, an edited and deleted message, and one that others reacted to, by what they were called.
async fn changed(ann: &Client, bob: &Client) -> [(&'static str, Value); 4] {
    let mut sent = Vec::new();
    for name in ["edited", "deleted", "both", "reacted"] {
        sent.push(text(
            &ann.sends(named(bob, "first", name)).await.done()["id"],
        ));
    }
    ann.edit(&sent[0], "second").await.done();
    ann.delete(&sent[1]).await.done();
    ann.edit(&sent[2], "second").await.done();
    ann.delete(&sent[2]).await.done();
    bob.react(&sent[3], "👍").await.done();
    let mut states = Vec::new();
    for id in &sent {
        states.push(ann.message(id).await);
    }
    let [edited, deleted, both, reacted] = states.try_into().expect("four");
    assert_eq!(state(&edited), "second (edited)");
    assert_eq!(state(&deleted), "(deleted)");
    assert_eq!(state(&both), "(deleted)");
    assert_eq!(state(&reacted), "first 👍×1");
    [
        ("edited", edited),
        ("deleted", deleted),
        ("both", both),
        ("reacted", reacted),
    ]
}

async fn a_repeated_send_gets_its_message_in_its_newest_state_also_after_a_restart(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let changed = changed(&ann, &bob).await;
    for (name, newest) in &changed {
        let again = ann.sends(named(&bob, "first", name)).await.done();
        assert_eq!(again, *newest, "{name}");
    }
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let there = ann.at(app.url("/graphql"));
    for (name, newest) in &changed {
        let again = there.sends(named(&bob, "first", name)).await.done();
        assert_eq!(again, *newest, "{name}");
    }
    assert_eq!(there.shown(&with(&bob)).await.len(), 4);
    app.stop().await;
}

async fn another_text_is_a_conflict_also_when_it_is_what_the_message_says_now(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let changed = changed(&ann, &bob).await;
    let conflicts = async |ann: &Client| {
        for (name, _) in &changed {
            for input in [
                named(&bob, "second", name),
                named(&bob, "third", name),
                named(&bob, "First", name),
                named(&eve, "first", name),
            ] {
                let refused = ann.sends(input).await;
                assert_eq!(
                    refused.refused("CONFLICT"),
                    "input.clientMessageId",
                    "{name}"
                );
            }
        }
    };
    conflicts(&ann).await;
    let app = TestApp::at(app.stop().await, |_| {}).await;
    conflicts(&ann.at(app.url("/graphql"))).await;
    app.stop().await;
}

async fn a_repeated_send_is_told_to_nobody(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let changed = changed(&ann, &bob).await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &bob).await,
    ];
    for (name, _) in &changed {
        ann.sends(named(&bob, "first", name)).await.done();
        ann.sends(named(&bob, "second", name))
            .await
            .refused("CONFLICT");
    }
    say(&bob, &ann, "so").await;
    for feed in &mut feeds {
        feed.tells(&["new so"]).await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_send_that_is_repeated_at_another_server_gets_the_newest_state_there() {
    let Some([app, beside]) = two_servers().await else {
        return;
    };
    let (ann, bob, _) = three(&app).await;
    let there = ann.at(beside.url("/graphql"));
    let first = there.sends(named(&bob, "first", "mine")).await.done();
    let id = text(&first["id"]);
    let edited = ann.edit(&id, "second").await.done();
    assert_eq!(
        there.sends(named(&bob, "first", "mine")).await.done(),
        edited
    );
    there
        .sends(named(&bob, "second", "mine"))
        .await
        .refused("CONFLICT");
    let deleted = ann.delete(&id).await.done();
    assert_eq!(
        there.sends(named(&bob, "first", "mine")).await.done(),
        deleted
    );
    there
        .sends(named(&bob, "second", "mine"))
        .await
        .refused("CONFLICT");
    tokio::join!(app.stop(), beside.stop());
}
