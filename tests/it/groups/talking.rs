//! Talking in groups: what is unread, who types, and that blocking changes nothing.

use super::*;

on_both_stores!(
    unread_counts_the_messages_of_all_others,
    typing_is_told_to_all_other_members,
    blocking_changes_nothing_in_groups,
);

const TYPING: &str = "subscription($in: ConversationRef) {
    typing(in: $in) { typing user { username } conversation { id } }
}";
const SET: &str =
    "mutation($in: ConversationRef!, $typing: Boolean!) { setTyping(in: $in, typing: $typing) }";

async fn unread_counts_the_messages_of_all_others(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let unread = async |viewer: &Client| viewer.conversation(&group).await["unreadCount"].clone();
    let mut said = Vec::new();
    for (sender, expected) in [
        (&ann, [0, 1, 1]),
        (&ann, [0, 2, 2]),
        (&bob, [1, 0, 3]),
        (&ann, [0, 1, 4]),
        (&cleo, [1, 2, 0]),
    ] {
        said.push(sender.say_in(&group, "hello").await);
        for (viewer, expected) in [&ann, &bob, &cleo].into_iter().zip(expected) {
            assert_eq!(
                unread(viewer).await,
                expected,
                "{} of {said:?}",
                viewer.username
            );
        }
    }
    assert_eq!(bob.mark(&said[3].id).await.done()["unreadCount"], 1);
    assert_eq!(
        bob.mark(&said[0].id).await.done()["unreadCount"],
        1,
        "only forward"
    );
    assert_eq!(ann.mark(&said[4].id).await.done()["unreadCount"], 0);
    assert_eq!(unread(&bob).await, 1);
    app.stop().await;
}

async fn typing_is_told_to_all_other_members(kind: StoreKind) {
    let app = TestApp::with(kind, |config| {
        config.limits.typing_fade = std::time::Duration::from_hours(1);
    })
    .await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let tea = ann.group("tea", &[&bob, &cleo]).await;
    let cake = ann.group("cake", &[&bob, &cleo, &dora]).await;
    let mut sockets = Vec::new();
    for viewer in [&ann, &bob, &cleo, &dora] {
        let mut socket = app.socket(viewer).await;
        socket.subscribe("typing", TYPING, json!({})).await;
        socket.settle().await;
        sockets.push(socket);
    }
    let mut only_tea = app.socket(&bob).await;
    only_tea
        .subscribe("typing", TYPING, json!({ "in": in_group(&tea) }))
        .await;
    only_tea.settle().await;
    let set = async |who: &Client, group: &str, typing: bool| {
        let variables = json!({ "in": in_group(group), "typing": typing });
        assert_eq!(who.ok(SET, variables).await, json!({ "setTyping": true }));
    };
    let event = |who: &Client, group: &str, typing: bool| {
        json!({ "typing": {
            "typing": typing, "user": { "username": who.username }, "conversation": { "id": group },
        } })
    };
    set(&ann, &tea, true).await;
    for socket in sockets[1..3].iter_mut().chain([&mut only_tea]) {
        assert_eq!(socket.event("typing").await, event(&ann, &tea, true));
    }
    // In another one, of which a stranger to the first hears, and whoever types does not.
    set(&bob, &cake, true).await;
    for socket in [0, 2, 3] {
        let told = sockets[socket].event("typing").await;
        assert_eq!(told, event(&bob, &cake, true));
    }
    ann.say_in(&tea, "said").await;
    for socket in sockets[1..3].iter_mut().chain([&mut only_tea]) {
        assert_eq!(socket.event("typing").await, event(&ann, &tea, false));
    }
    app.stop().await;
}

async fn blocking_changes_nothing_in_groups(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    bob.block(&ann).await;
    ann.block(&cleo).await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &bob).await,
        Feed::live(app.address, &cleo).await,
    ];
    let mut typing = app.socket(&bob).await;
    typing.subscribe("typing", TYPING, json!({})).await;
    typing.settle().await;
    let variables = json!({ "in": in_group(&group), "typing": true });
    ann.ok(SET, variables).await;
    let event = typing.event("typing").await;
    assert_eq!(event["typing"]["user"]["username"], "ann");
    let said = ann.say_in(&group, "hello").await;
    for feed in &mut feeds {
        feed.tells(&["new hello"]).await;
    }
    assert_eq!(bob.conversation(&group).await["unreadCount"], 1);
    bob.react(&said.id, "👍").await.done();
    cleo.react(&said.id, "👍").await.done();
    let reply = json!({ "to": in_group(&group), "body": "hi", "replyToId": said.id });
    bob.sends(reply).await.done();
    ann.edit(&said.id, "hello!").await.done();
    assert_eq!(states(&cleo, &group).await, ["hello! (edited) 👍×2", "hi"]);
    bob.mark(&said.id).await.done();
    // Whoever was blocked is added by the blocker, and the other way round.
    let cake = bob.group("cake", &[&ann]).await;
    bob.add(&cake, &[&cleo, &dora]).await.done();
    assert_eq!(who(&ann, &cake).await, "ann bob* cleo dora");
    cleo.block(&dora).await;
    let coffee = dora.group("coffee", &[&cleo]).await;
    cleo.say_in(&coffee, "oh no").await;
    assert_eq!(states(&dora, &coffee).await, ["oh no"]);
    // Among themselves they still do not write to each other.
    let refused = ann.sends(json!({ "to": with(&bob), "body": "psst" })).await;
    refused.refused("FORBIDDEN");
    app.stop().await;
}
