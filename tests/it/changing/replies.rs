//! Replies: to what, and what they show of it.

use super::*;
use crate::support::acts::text;

on_both_stores!(
    a_reply_is_to_a_message_of_the_same_conversation_else_it_is_not_found,
    a_reply_shows_the_newest_state_of_what_it_is_to,
    a_deleted_message_takes_no_replies_and_a_retry_of_one_from_before_is_answered,
    a_reply_is_told_with_what_it_is_to,
);

fn reply(to: Value, id: &str) -> Value {
    json!({ "to": to, "body": "a reply", "replyToId": id })
}

async fn a_reply_is_to_a_message_of_the_same_conversation_else_it_is_not_found(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let tea = ann.group("tea", &[&bob]).await;
    let cake = ann.group("cake", &[&bob]).await;
    let [in_tea, in_cake] = [
        ann.say_in(&tea, "tea").await,
        bob.say_in(&cake, "cake").await,
    ];
    let direct = say(&ann, &bob, "direct").await;
    let strange = say(&ann, &eve, "strange").await;
    for sender in [&ann, &bob] {
        let made_up = sender.sends(reply(in_group(&tea), NO_MESSAGE)).await;
        assert_eq!(made_up.refused("NOT_FOUND"), "input.replyToId");
        for id in [&in_cake.id, &direct.id, &strange.id, "x", &tea, ""] {
            let refused = sender.sends(reply(in_group(&tea), id)).await;
            assert_eq!(refused, made_up, "{id}");
        }
        let good = sender.sends(reply(in_group(&tea), &in_tea.id)).await.done();
        let preview = json!({ "id": in_tea.id, "body": "tea", "deletedAt": null });
        assert_eq!(good["replyTo"], preview);
    }
    // Where nothing was said yet there is nothing to reply to.
    let refused = eve.sends(reply(with(&bob), &strange.id)).await;
    assert_eq!(refused.refused("NOT_FOUND"), "input.replyToId");
    assert_eq!(
        states(&ann, &in_group(&tea)).await,
        ["tea", "a reply", "a reply"]
    );
    assert_eq!(eve.listed().await.len(), 1, "nothing began");
    app.stop().await;
}

async fn a_reply_shows_the_newest_state_of_what_it_is_to(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let first = bob.sends(reply(with(&ann), &said.id)).await.done();
    let first = text(&first["id"]);
    let second = ann.sends(reply(with(&bob), &first)).await.done();
    let second = text(&second["id"]);
    ann.edit(&said.id, "hello!").await.done();
    for viewer in [&ann, &bob] {
        let shown = viewer.message(&first).await;
        let preview = json!({ "id": said.id, "body": "hello!", "deletedAt": null });
        assert_eq!(shown["replyTo"], preview);
    }
    let gone = bob.delete(&first).await.done();
    for viewer in [&ann, &bob] {
        let preview = json!({ "id": first, "body": "", "deletedAt": gone["deletedAt"] });
        assert_eq!(viewer.message(&second).await["replyTo"], preview);
        let list = "{ conversations { nodes { lastMessage { replyTo { id body deletedAt } } } } }";
        let listed = viewer.ok(list, json!({})).await;
        assert_eq!(
            listed["conversations"]["nodes"][0]["lastMessage"]["replyTo"],
            preview
        );
    }
    app.stop().await;
}

async fn a_deleted_message_takes_no_replies_and_a_retry_of_one_from_before_is_answered(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let mut before = reply(with(&ann), &said.id);
    before["clientMessageId"] = json!("mine");
    let first = bob.sends(before.clone()).await.done();
    ann.delete(&said.id).await.done();
    let made_up = bob.sends(reply(with(&ann), NO_MESSAGE)).await;
    for (sender, peer) in [(&ann, &bob), (&bob, &ann)] {
        let refused = sender.sends(reply(with(peer), &said.id)).await;
        assert_eq!(refused.refused("NOT_FOUND"), "input.replyToId");
        assert_eq!(refused, made_up);
    }
    // It was sent when there was something to reply to.
    let again = bob.sends(before.clone()).await.done();
    assert_eq!(again["id"], first["id"]);
    assert_eq!(again["replyTo"]["body"], "");
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let bob = bob.at(app.url("/graphql"));
    assert_eq!(bob.sends(before).await.done(), again);
    assert_eq!(states(&bob, &with(&ann)).await, ["(deleted)", "a reply"]);
    app.stop().await;
}

async fn a_reply_is_told_with_what_it_is_to(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let mut feed = Feed::live(app.address, &ann).await;
    bob.sends(reply(with(&ann), &said.id)).await.done();
    feed.tells(&["new a reply"]).await;
    let preview = json!({ "id": said.id, "body": "hello", "deletedAt": null });
    assert_eq!(feed.last["message"]["replyTo"], preview);
    // The reply is not what changed.
    ann.edit(&said.id, "hello!").await.done();
    feed.tells(&["changed hello! (edited)"]).await;
    say(&ann, &bob, "so").await;
    feed.tells(&["new so"]).await;
    app.stop().await;
}
