//! Deleted messages: what is left of them, everywhere and for good.

use super::*;
use crate::support::acts::text;

on_both_stores!(
    a_deleted_message_is_a_tombstone_everywhere,
    a_deleted_message_still_counts_as_unread_where_it_was,
    the_sender_and_the_owner_of_a_group_delete_and_nobody_else,
    deleting_again_changes_nothing_and_tells_nobody,
    a_tombstone_is_told_to_all_who_read,
    a_deleted_body_is_in_no_stream_that_is_resumed,
    strangers_delete_nothing_and_learn_nothing,
);

/// The state of a tombstone: its place stays, what was in it is gone.
fn is_tombstone(message: &Value, seq: i64) {
    assert_eq!(message["body"], "", "{message}");
    assert_eq!(message["seq"], seq, "{message}");
    assert!(message["deletedAt"].is_string(), "{message}");
    assert_eq!(message["reactions"], json!([]), "{message}");
}

async fn a_deleted_message_is_a_tombstone_everywhere(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "a secret").await;
    let reply = json!({ "to": with(&ann), "body": "oh", "replyToId": said.id });
    let reply = bob.sends(reply).await.done();
    let last = say(&ann, &bob, "another secret").await;
    for emoji in ["👍", "🎉"] {
        bob.react(&said.id, emoji).await.done();
        ann.react(&said.id, emoji).await.done();
    }
    let sent_at = bob.message(&said.id).await["sentAt"].clone();
    let deleted = ann.delete(&said.id).await.done();
    is_tombstone(&deleted, 1);
    assert!(deleted["deletedAt"].as_str() >= sent_at.as_str());
    is_tombstone(&ann.delete(&last.id).await.done(), 3);
    for (viewer, peer) in [(&ann, &bob), (&bob, &ann)] {
        let shown = viewer.shown(&with(peer)).await;
        is_tombstone(&shown[0], 1);
        assert_eq!(shown[0]["sentAt"], sent_at);
        assert_eq!(shown[0]["sender"]["username"], "ann");
        assert_eq!(shown[0]["deletedAt"], deleted["deletedAt"]);
        let preview = json!({ "id": said.id, "body": "", "deletedAt": deleted["deletedAt"] });
        assert_eq!(shown[1]["replyTo"], preview);
        is_tombstone(&shown[2], 3);
        is_tombstone(&viewer.message(&said.id).await, 1);
        let by_id = viewer.message(&text(&reply["id"])).await;
        assert_eq!(by_id["replyTo"], preview);
        let listed = viewer.listed().await;
        let last = json!({ "id": last.id, "seq": 3, "body": "" });
        assert_eq!(listed[0]["lastMessage"], last);
    }
    let next = say(&bob, &ann, "next").await;
    assert_eq!(next.seq, 4);
    app.stop().await;
}

async fn a_deleted_message_still_counts_as_unread_where_it_was(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let mut said = Vec::new();
    for number in 0..4 {
        said.push(say(&ann, &bob, &number.to_string()).await);
    }
    for deleted in [&said[1], &said[3]] {
        ann.delete(&deleted.id).await.done();
        assert_eq!(bob.listed().await[0]["unreadCount"], 4);
        assert_eq!(ann.listed().await[0]["unreadCount"], 0);
    }
    let activity = bob.listed().await[0]["lastActivityAt"].clone();
    assert_eq!(activity, bob.message(&said[3].id).await["sentAt"]);
    for (message, unread) in said.iter().zip([3, 2, 1, 0]) {
        assert_eq!(bob.mark(&message.id).await.done()["unreadCount"], unread);
    }
    // Neither does deleting what was read make it unread.
    ann.delete(&said[0].id).await.done();
    assert_eq!(bob.listed().await[0]["unreadCount"], 0);
    app.stop().await;
}

async fn the_sender_and_the_owner_of_a_group_delete_and_nobody_else(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let said = say(&ann, &bob, "mine").await;
    bob.delete(&said.id).await.refused("FORBIDDEN");
    let group = ann.group("tea", &[&bob, &eve]).await;
    let mut bobs = Vec::new();
    for number in 0..3 {
        bobs.push(bob.say_in(&group, &number.to_string()).await);
    }
    let anns = ann.say_in(&group, "ann's").await;
    for message in &bobs {
        eve.delete(&message.id).await.refused("FORBIDDEN");
    }
    bob.delete(&anns.id).await.refused("FORBIDDEN");
    is_tombstone(&bob.delete(&bobs[0].id).await.done(), 1);
    is_tombstone(&ann.delete(&bobs[1].id).await.done(), 2);
    // What was deleted is forbidden to the same people.
    eve.delete(&bobs[1].id).await.refused("FORBIDDEN");
    let here = in_group(&group);
    assert_eq!(
        states(&eve, &here).await,
        ["(deleted)", "(deleted)", "2", "ann's"]
    );
    // Whoever becomes owner deletes, also what someone wrote who left.
    ann.leave(&group).await;
    is_tombstone(&bob.delete(&anns.id).await.done(), 4);
    ann.delete(&bobs[2].id).await.refused("NOT_FOUND");
    assert_eq!(states(&eve, &here).await[2..], ["2", "(deleted)"]);
    app.stop().await;
}

async fn deleting_again_changes_nothing_and_tells_nobody(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let group = ann.group("tea", &[&bob, &eve]).await;
    let said = bob.say_in(&group, "hello").await;
    let mut feeds = [
        Feed::live(app.address, &eve).await,
        Feed::live(app.address, &bob).await,
    ];
    let deleted = bob.delete(&said.id).await.done();
    for feed in &mut feeds {
        feed.tells(&["changed (deleted)"]).await;
    }
    for who in [&bob, &ann, &bob] {
        let again = who.delete(&said.id).await.done();
        assert_eq!(again["deletedAt"], deleted["deletedAt"]);
        is_tombstone(&again, 1);
    }
    ann.say_in(&group, "so").await;
    for feed in &mut feeds {
        feed.tells(&["new so"]).await;
    }
    app.stop().await;
}

async fn a_tombstone_is_told_to_all_who_read(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    bob.react(&said.id, "👍").await.done();
    let mut feeds = Vec::new();
    for (viewer, peer) in [(&ann, &bob), (&bob, &ann)] {
        for window in [Window::Events, Window::MessageChanged] {
            let scope = Scope::all(window);
            feeds.push(Feed::open(app.address, viewer, scope.clone()).await);
            feeds.push(Feed::open(app.address, viewer, scope.only(with(peer))).await);
        }
    }
    ann.delete(&said.id).await.done();
    for feed in &mut feeds {
        feed.tells(&["changed (deleted)"]).await;
        is_tombstone(&feed.last["message"], 1);
    }
    app.stop().await;
}

async fn a_deleted_body_is_in_no_stream_that_is_resumed(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let start = bob.stands().await;
    let said = say(&ann, &bob, "a secret").await;
    let reply = json!({ "to": with(&ann), "body": "oh", "replyToId": said.id });
    bob.sends(reply).await.done();
    ann.delete(&said.id).await.done();
    for window in [Window::Events, Window::NewMessage] {
        for only in [Value::Null, with(&ann)] {
            let scope = Scope::all(window).only(only).after(start.clone());
            let mut feed = Feed::open(app.address, &bob, scope).await;
            let mut seen = Vec::new();
            while seen.last().is_none_or(|told| told != "new oh") {
                seen.push(feed.told().await);
                assert!(!feed.last.to_string().contains("a secret"), "{}", feed.last);
            }
            let place = seen.iter().position(|told| told == "new (deleted)");
            assert_eq!(place, Some(seen.len() - 2), "{seen:?}");
            assert_eq!(feed.last["message"]["replyTo"]["body"], "");
        }
    }
    app.stop().await;
}

async fn strangers_delete_nothing_and_learn_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let said = say(&ann, &bob, "between us").await;
    let deleted = say(&ann, &bob, "between us, once").await;
    ann.delete(&deleted.id).await.done();
    let made_up = eve.delete(NO_MESSAGE).await;
    made_up.refused("NOT_FOUND");
    for id in [&said.id, &deleted.id, "x", &said.conversation] {
        assert_eq!(eve.delete(id).await, made_up, "{id}");
    }
    let nobody = app.anonymous();
    nobody.delete(&said.id).await.refused("UNAUTHENTICATED");
    assert_eq!(states(&bob, &with(&ann)).await, ["between us", "(deleted)"]);
    app.stop().await;
}
