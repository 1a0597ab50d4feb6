//! What two people of whom one has blocked the other may still do in their conversation.

use super::*;

on_both_stores!(
    a_block_forbids_edits_reactions_and_replies_from_both_sides_and_deleting_goes_on,
    an_unblocked_pair_may_do_all_of_it_again,
);

async fn a_block_forbids_edits_reactions_and_replies_from_both_sides_and_deleting_goes_on(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let anns = say(&ann, &bob, "ann's").await;
    let bobs = say(&bob, &ann, "bob's").await;
    ann.block(&bob).await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &bob).await,
    ];
    for (who, peer, own, other) in [(&ann, &bob, &anns, &bobs), (&bob, &ann, &bobs, &anns)] {
        who.edit(&own.id, "changed").await.refused("FORBIDDEN");
        who.edit(&other.id, "changed").await.refused("FORBIDDEN");
        for message in [own, other] {
            who.react(&message.id, "👍").await.refused("FORBIDDEN");
            let reply = json!({ "to": with(peer), "body": "no", "replyToId": message.id });
            who.sends(reply).await.refused("FORBIDDEN");
        }
        who.delete(&other.id).await.refused("FORBIDDEN");
    }
    assert_eq!(states(&ann, &with(&bob)).await, ["ann's", "bob's"]);
    // Nobody was told of any of it.
    for own in [&anns, &bobs] {
        let who = if own.sender == ann.id { &ann } else { &bob };
        who.delete(&own.id).await.done();
        for feed in &mut feeds {
            feed.tells(&["changed (deleted)"]).await;
            assert_eq!(feed.last["message"]["id"], own.id);
        }
    }
    assert_eq!(states(&bob, &with(&ann)).await, ["(deleted)", "(deleted)"]);
    app.stop().await;
}

async fn an_unblocked_pair_may_do_all_of_it_again(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&bob, &ann, "hello").await;
    ann.block(&bob).await;
    bob.edit(&said.id, "hello!").await.refused("FORBIDDEN");
    let unblock = "mutation($id: ID!) { unblockUser(userId: $id) { id } }";
    ann.ok(unblock, json!({ "id": bob.id })).await;
    bob.edit(&said.id, "hello!").await.done();
    ann.react(&said.id, "👍").await.done();
    let reply = json!({ "to": with(&bob), "body": "oh", "replyToId": said.id });
    ann.sends(reply).await.done();
    assert_eq!(
        states(&bob, &with(&ann)).await,
        ["hello! (edited) 👍×1", "oh"]
    );
    app.stop().await;
}
