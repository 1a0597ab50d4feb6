//! Sending again with the same clientMessageId.

use futures_util::future::join_all;

use super::*;
use crate::support::{Reader, json, store::mongo_is_there};

on_both_stores!(
    a_retry_gets_the_first_message_at_once_and_later_and_after_a_restart,
    the_same_client_message_id_for_something_else_is_a_conflict_also_after_a_restart,
    racing_copies_that_differ_make_one_message,
    two_senders_may_use_the_same_client_message_id,
);

fn named(to: Value, body: &str) -> Value {
    json!({ "to": to, "body": body, "clientMessageId": "mine" })
}

async fn a_retry_gets_the_first_message_at_once_and_later_and_after_a_restart(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let reader = Reader::open(app.address, &bob, json!({})).await;
    let first = ann.say(named(with(&bob), "hello")).await;
    assert_eq!(ann.say(named(with(&bob), "hello")).await, first);
    let by_id = json!({ "conversationId": first.conversation });
    assert_eq!(
        ann.say(named(by_id.clone(), "hello")).await,
        first,
        "the same target by its other name"
    );
    for number in 0..100 {
        ann.send(&bob, &number.to_string()).await;
    }
    assert_eq!(ann.say(named(with(&bob), "hello")).await, first);
    let mut reader = reader;
    reader.read_to(101).await;
    assert_eq!(reader.has_all().await[0], first, "a retry is no event");

    let app = TestApp::at(app.stop().await, |_| {}).await;
    let ann = ann.at(app.url("/graphql"));
    assert_eq!(ann.say(named(by_id, "hello")).await, first);
    assert_eq!(ann.say(named(with(&bob), "hello")).await, first);
    assert_eq!(ann.history(&with(&bob)).await.len(), 101);
    app.stop().await;
}

async fn the_same_client_message_id_for_something_else_is_a_conflict_also_after_a_restart(
    kind: StoreKind,
) {
    let mut app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let before = ann.send(&bob, "before").await["id"].clone();
    let first = ann.say(named(with(&bob), "hello")).await;
    let mut reply = named(with(&bob), "hello");
    reply["replyToId"] = before;
    let refused = async |ann: &Client| {
        for other in [
            reply.clone(),
            named(with(&bob), "hello!"),
            named(with(&bob), "hello "),
            named(with(&eve), "hello"),
        ] {
            let error = ann.fails("CONFLICT", SEND, json!({ "input": other })).await;
            assert_eq!(error["extensions"]["field"], "input.clientMessageId");
        }
    };
    refused(&ann).await;
    app = TestApp::at(app.stop().await, |_| {}).await;
    let (ann, eve) = (ann.at(app.url("/graphql")), eve.at(app.url("/graphql")));
    refused(&ann).await;
    assert_eq!(ann.say(named(with(&bob), "hello")).await, first);
    assert_eq!(ann.history(&with(&bob)).await.len(), 2);
    let list =
        "{ conversations { nodes { id } } sidebarUsers { nodes { directConversation { id } } } }";
    let empty = json!({
        "conversations": { "nodes": [] },
        "sidebarUsers": { "nodes": [{ "directConversation": null }, { "directConversation": null }] },
    });
    assert_eq!(eve.ok(list, json!({})).await, empty, "nothing began");
    assert_eq!(ann.history(&with(&eve)).await, []);
    app.stop().await;
}

async fn racing_copies_that_differ_make_one_message(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let copies = (0..40).map(|number| {
        let body = if number % 2 == 0 { "tea" } else { "coffee" };
        ann.post(named(with(&bob), body))
    });
    let replies = join_all(copies).await;
    let history = bob.history(&with(&ann)).await;
    assert_eq!(history.len(), 1);
    let winner = usize::from(history[0].body == "coffee");
    for (number, reply) in replies.into_iter().enumerate() {
        if number % 2 == winner {
            assert_eq!(
                json(&reply, "data.sendMessage.id"),
                history[0].id,
                "{reply}"
            );
        } else {
            assert_eq!(json(&reply, "errors.0.extensions.code"), "CONFLICT");
        }
    }
    app.stop().await;
}

async fn two_senders_may_use_the_same_client_message_id(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let said = [
        ann.say(named(with(&bob), "hello")).await,
        bob.say(named(with(&ann), "hello")).await,
        eve.say(named(with(&ann), "hello")).await,
    ];
    assert_eq!(said.each_ref().map(|said| said.seq), [1, 2, 1]);
    for (sender, peer, said) in [
        (&ann, &bob, &said[0]),
        (&bob, &ann, &said[1]),
        (&eve, &ann, &said[2]),
    ] {
        assert_eq!(sender.say(named(with(peer), "hello")).await, *said);
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_over_another_server_gets_the_first_message() {
    if !mongo_is_there().await {
        return;
    }
    let app = TestApp::start(StoreKind::Mongo).await;
    let beside = app.beside(|_| {}).await;
    let (ann, bob, eve) = three(&app).await;
    let there = ann.at(beside.url("/graphql"));
    let first = ann.say(named(with(&bob), "hello")).await;
    assert_eq!(there.say(named(with(&bob), "hello")).await, first);
    for other in [named(with(&bob), "hello!"), named(with(&eve), "hello")] {
        let error = there
            .fails("CONFLICT", SEND, json!({ "input": other }))
            .await;
        assert_eq!(error["extensions"]["field"], "input.clientMessageId");
    }
    assert_eq!(there.history(&with(&bob)).await, [first]);
    app.stop().await;
    beside.stop().await;
}
