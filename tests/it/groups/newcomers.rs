//! Those who join later: they read all of it, and nothing of it is unread.

use super::*;
use crate::support::acts::read_by;

on_both_stores!(
    a_newcomer_reads_the_whole_history_with_nothing_unread,
    what_a_newcomer_missed_is_history_and_not_told,
    who_comes_back_reads_what_was_said_meanwhile_with_nothing_unread,
    a_newcomer_may_answer_what_was_said_before,
);

async fn a_newcomer_reads_the_whole_history_with_nothing_unread(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    for number in 1..=5 {
        bob.say_in(&group, &number.to_string()).await;
    }
    assert_eq!(ann.conversation(&group).await["unreadCount"], 5);
    ann.add(&group, &[&cleo]).await.done();
    let seen = cleo.conversation(&group).await;
    assert_eq!(seen["unreadCount"], 0);
    assert_eq!(seen["lastMessage"]["body"], "5");
    assert_eq!(cleo.listed().await, [seen]);
    assert_eq!(states(&cleo, &group).await, ["1", "2", "3", "4", "5"]);
    assert_eq!(ann.conversation(&group).await["unreadCount"], 5);
    let said = bob.say_in(&group, "6").await;
    assert_eq!(cleo.conversation(&group).await["unreadCount"], 1);
    // Those of another newcomer are counted on their own.
    ann.add(&group, &[&dora]).await.done();
    bob.say_in(&group, "7").await;
    assert_eq!(cleo.conversation(&group).await["unreadCount"], 2);
    assert_eq!(dora.conversation(&group).await["unreadCount"], 1);
    let read = cleo.mark(&said.id).await.done();
    assert_eq!(
        (&read["unreadCount"], read_by(&read, "cleo")),
        (&json!(1), json!(6))
    );
    let app = TestApp::at(app.stop().await, |_| {}).await;
    for (viewer, unread) in [(&ann, 7), (&bob, 0), (&cleo, 1), (&dora, 1)] {
        let viewer = viewer.at(app.url("/graphql"));
        assert_eq!(viewer.conversation(&group).await["unreadCount"], unread);
    }
    app.stop().await;
}

async fn what_a_newcomer_missed_is_history_and_not_told(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let start = cleo.stands().await;
    let mut live = Feed::live(app.address, &cleo).await;
    let group = ann.group("tea", &[&bob]).await;
    let said = bob.say_in(&group, "before").await;
    bob.edit(&said.id, "before!").await.done();
    ann.rename(&group, "cake").await.done();
    ann.add(&group, &[&cleo]).await.done();
    live.tells(&["conversation cake: ann* bob cleo"]).await;
    bob.say_in(&group, "after").await;
    live.tells(&["new after"]).await;
    let scope = Scope::all(Window::Events).after(start.clone());
    let mut missed = Feed::open(app.address, &cleo, scope).await;
    missed
        .tells(&["conversation cake: ann* bob cleo", "new after"])
        .await;
    let scope = Scope::all(Window::NewMessage).after(start);
    let mut missed = Feed::open(app.address, &cleo, scope).await;
    missed.tells(&["new after"]).await;
    // What was said before changes from now on.
    ann.react(&said.id, "👍").await.done();
    live.tells(&["changed before! (edited) 👍×1"]).await;
    app.stop().await;
}

async fn who_comes_back_reads_what_was_said_meanwhile_with_nothing_unread(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mine = cleo.say_in(&group, "1").await;
    bob.say_in(&group, "2").await;
    let first = cleo.conversation(&group).await;
    assert_eq!(first["unreadCount"], 1);
    ann.remove(&group, &cleo).await.done();
    bob.say_in(&group, "3").await;
    let gone = bob.say_in(&group, "4").await;
    bob.delete(&gone.id).await.done();
    let back = ann.add(&group, &[&cleo]).await.done();
    let seen = cleo.conversation(&group).await;
    assert_eq!(seen["unreadCount"], 0);
    assert_eq!(members(&seen), "ann* bob cleo");
    let joined = |conversation: &Value| {
        let mut members = conversation["members"].as_array().expect("a list").iter();
        let member = members.find(|member| member["user"]["username"] == "cleo");
        text(&member.expect("a member")["joinedAt"])
    };
    assert!(joined(&back) >= joined(&first));
    assert_eq!(states(&cleo, &group).await, ["1", "2", "3", "(deleted)"]);
    // What was one's own still is.
    assert_eq!(
        state(&cleo.edit(&mine.id, "one").await.done()),
        "one (edited)"
    );
    bob.say_in(&group, "5").await;
    assert_eq!(cleo.conversation(&group).await["unreadCount"], 1);
    app.stop().await;
}

async fn a_newcomer_may_answer_what_was_said_before(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let said = bob.say_in(&group, "before").await;
    ann.add(&group, &[&cleo]).await.done();
    cleo.react(&said.id, "👍").await.done();
    let reply = json!({ "to": in_group(&group), "body": "late", "replyToId": said.id });
    let reply = cleo.sends(reply).await.done();
    assert_eq!(reply["replyTo"]["id"], said.id);
    cleo.edit(&said.id, "no").await.refused("FORBIDDEN");
    cleo.delete(&said.id).await.refused("FORBIDDEN");
    assert_eq!(states(&bob, &group).await, ["before 👍×1", "late"]);
    app.stop().await;
}
