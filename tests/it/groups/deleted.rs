//! What becomes of the groups of someone who deletes their account.

use chinwag::domain::{ConversationId, Timestamp, UserId};

use super::*;
use crate::{
    store::writer::{Writer, told},
    support::{eventually, store},
};

on_both_stores!(
    a_deleted_account_leaves_its_groups_and_what_it_wrote_stays,
    a_deleted_owner_is_followed_and_a_group_of_one_ends,
    a_deleted_account_is_out_of_many_groups_by_the_answer_and_types_in_none,
    a_deleted_account_cannot_be_added,
    who_is_added_by_a_server_that_dies_before_it_sees_the_deletion_does_not_stay,
);

async fn delete(client: &Client) {
    let document = "mutation { deleteAccount(password: \"password1\") }";
    assert_eq!(client.ok(document, json!({})).await["deleteAccount"], true);
}

async fn a_deleted_account_leaves_its_groups_and_what_it_wrote_stays(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let tea = ann.group("tea", &[&bob, &cleo]).await;
    let cake = cleo.group("cake", &[&bob]).await;
    let said = bob.say_in(&tea, "bob was here").await;
    let anns = ann.say_in(&tea, "hello").await;
    bob.react(&anns.id, "👍").await.done();
    let mut anns_feed = Feed::live(app.address, &ann).await;
    let mut bobs_socket = app.socket(&bob).await;
    delete(&bob).await;
    assert_eq!(bobs_socket.closed().await, Some(4403));
    assert_eq!(who(&ann, &tea).await, "ann* cleo");
    assert_eq!(who(&cleo, &cake).await, "cleo*");
    assert_eq!(ann.conversation(&tea).await["memberCount"], 2);
    anns_feed.tells(&["conversation tea: ann* cleo"]).await;
    assert_eq!(states(&cleo, &tea).await, ["bob was here", "hello 👍×1"]);
    let shown = cleo.message(&said.id).await;
    assert_eq!(shown["sender"], json!({ "id": bob.id, "username": "" }));
    let reaction = cleo.message(&anns.id).await["reactions"][0].clone();
    assert_eq!(reaction["users"], json!([{ "username": "" }]));
    // The owner still deletes what is left.
    ann.delete(&said.id).await.done();
    cleo.say_in(&tea, "gone").await;
    anns_feed.tells(&["changed (deleted)", "new gone"]).await;
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let ann = ann.at(app.url("/graphql"));
    assert_eq!(who(&ann, &tea).await, "ann* cleo");
    app.stop().await;
}

async fn a_deleted_owner_is_followed_and_a_group_of_one_ends(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let tea = ann.group("tea", &[&cleo, &bob]).await;
    let cake = ann.group("cake", &[&bob]).await;
    let said = bob.say_in(&cake, "hello").await;
    bob.leave(&cake).await;
    let mut feed = Feed::live(app.address, &bob).await;
    delete(&ann).await;
    feed.tells(&["conversation tea: bob cleo*"]).await;
    assert_eq!(who(&bob, &tea).await, "bob cleo*");
    assert_eq!(cleo.rename(&tea, "cleo's").await.done()["title"], "cleo's");
    assert_eq!(bob.conversation(&cake).await, Value::Null);
    assert_eq!(bob.message(&said.id).await, Value::Null);
    app.stop().await;
}

async fn a_deleted_account_is_out_of_many_groups_by_the_answer_and_types_in_none(kind: StoreKind) {
    const TYPE: &str = "mutation($in: ConversationRef!) { setTyping(in: $in, typing: true) }";
    let app = TestApp::with(kind, |config| {
        config.limits.typing_fade = std::time::Duration::from_hours(1);
    })
    .await;
    let [ann, bob, ..] = four(&app).await;
    let mut socket = app.socket(&ann).await;
    let document = "subscription { typing { typing conversation { id } } }";
    socket.subscribe("typing", document, json!({})).await;
    socket.settle().await;
    let mut groups = Vec::new();
    for number in 0..60 {
        groups.push(ann.group(&number.to_string(), &[&bob]).await);
    }
    let told = |group: &str, typing: bool| json!({ "typing": { "typing": typing, "conversation": { "id": group } } });
    for group in [&groups[0], &groups[59]] {
        bob.ok(TYPE, json!({ "in": in_group(group) })).await;
        assert_eq!(socket.event("typing").await, told(group, true));
    }
    delete(&bob).await;
    for group in &groups {
        assert_eq!(who(&ann, group).await, "ann*");
    }
    let mut stopped = [socket.event("typing").await, socket.event("typing").await];
    let mut expected = [told(&groups[0], false), told(&groups[59], false)];
    for events in [&mut stopped, &mut expected] {
        events.sort_by_key(ToString::to_string);
    }
    assert_eq!(stopped, expected);
    app.stop().await;
}

async fn a_deleted_account_cannot_be_added(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    delete(&bob).await;
    delete(&cleo).await;
    for deleted in [&bob, &cleo] {
        let refused = ann.add(&group, &[deleted]).await;
        let made_up = ann.add_ids(&group, &[NO_USER.to_owned()]).await;
        assert_eq!(refused.refused("NOT_FOUND"), "userIds");
        assert_eq!(refused, made_up);
        let refused = ann.create_group("cake", &ids(&[deleted])).await;
        assert_eq!(refused.refused("NOT_FOUND"), "input.userIds");
    }
    assert_eq!(who(&ann, &group).await, "ann*");
    app.stop().await;
}

async fn who_is_added_by_a_server_that_dies_before_it_sees_the_deletion_does_not_stay(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let tea = ann.group("tea", &[&cleo]).await;
    delete(&bob).await;
    let place = app.stop().await;
    // It saw bob before the deletion.
    let store = store::at(&place.store).await;
    let id = ConversationId::parse(&tea).expect("an id");
    let mut group = store.conversations(&[id]).await.expect("answers").remove(0);
    let bobs_id = UserId::parse(&bob.id).expect("an id");
    let joined = group.with(&[bobs_id], Timestamp::now());
    group.change(&joined, group.changed + 1);
    Writer::begin(&store).await.write(vec![told(&group)]).await;
    store.close().await;
    drop(store);
    let app = TestApp::at(place, |_| {}).await;
    let ann = ann.at(app.url("/graphql"));
    eventually("bob is out of the group", async || {
        who(&ann, &tea).await == "ann* cleo"
    })
    .await;
    app.stop().await;
}
