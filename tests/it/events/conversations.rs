//! `conversationChanged`: the state of a conversation that was made, renamed, read, or changed members.

use super::*;
use crate::support::acts::{CONVERSATION, members, read_by};

on_both_stores!(
    whatever_changes_a_conversation_is_told_to_its_members_in_its_newest_state,
    what_changes_messages_changes_no_conversation,
    a_former_member_is_told_nothing,
);

async fn listener(app: &TestApp, viewer: &Client) -> Ws {
    let mut socket = app.socket(viewer).await;
    let document = format!("subscription {{ conversationChanged {{ {CONVERSATION} }} }}");
    socket.subscribe("1", &document, json!({})).await;
    socket.settle().await;
    socket
}

async fn next(socket: &mut Ws) -> Value {
    socket.event("1").await["conversationChanged"].clone()
}

async fn whatever_changes_a_conversation_is_told_to_its_members_in_its_newest_state(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let phone = bob.sign_in_again().await;
    let mut sockets = [
        listener(&app, &ann).await,
        listener(&app, &phone).await,
        listener(&app, &cleo).await,
    ];
    let group = ann.group("tea", &[&bob]).await;
    for socket in &mut sockets[..2] {
        let told = next(socket).await;
        assert_eq!(
            (&told["id"], &told["title"]),
            (&json!(group), &json!("tea"))
        );
        assert_eq!(members(&told), "ann* bob");
    }
    ann.rename(&group, "cake").await.done();
    for socket in &mut sockets[..2] {
        assert_eq!(next(socket).await["title"], "cake");
    }
    ann.add(&group, &[&cleo]).await.done();
    for socket in &mut sockets {
        let told = next(socket).await;
        assert_eq!(members(&told), "ann* bob cleo");
        assert_eq!(told["memberCount"], 3);
    }
    let said = ann.say_in(&group, "hello").await;
    bob.mark(&said.id).await.done();
    for (socket, unread) in sockets.iter_mut().zip([0, 0, 1]) {
        let told = next(socket).await;
        assert_eq!(read_by(&told, "bob"), 1);
        assert_eq!(told["unreadCount"], unread);
        assert_eq!(told["lastMessage"]["id"], said.id);
    }
    bob.leave(&group).await;
    for socket in [0, 2] {
        assert_eq!(members(&next(&mut sockets[socket]).await), "ann* cleo");
    }
    ann.leave(&group).await;
    assert_eq!(members(&next(&mut sockets[2]).await), "cleo*");
    app.stop().await;
}

async fn what_changes_messages_changes_no_conversation(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let mut sockets = [listener(&app, &ann).await, listener(&app, &bob).await];
    let said = ann.say_in(&group, "hello").await;
    ann.edit(&said.id, "hello!").await.done();
    bob.react(&said.id, "👍").await.done();
    ann.delete(&said.id).await.done();
    // Neither do changes that change nothing.
    ann.add(&group, &[&bob]).await.done();
    ann.mark(&said.id).await.done();
    ann.rename(&group, "cake").await.done();
    for socket in &mut sockets {
        let told = next(socket).await;
        assert_eq!(told["title"], "cake");
        assert_eq!(told["lastMessage"]["body"], "");
    }
    app.stop().await;
}

async fn a_former_member_is_told_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut bobs = listener(&app, &bob).await;
    ann.remove(&group, &bob).await.done();
    ann.rename(&group, "without bob").await.done();
    let said = ann.say_in(&group, "hello").await;
    cleo.mark(&said.id).await.done();
    say(&ann, &bob, "to bob").await;
    assert_eq!(next(&mut bobs).await["kind"], "DIRECT");
    ann.add(&group, &[&bob]).await.done();
    let told = next(&mut bobs).await;
    assert_eq!(
        (&told["title"], &told["unreadCount"]),
        (&json!("without bob"), &json!(0))
    );
    app.stop().await;
}
