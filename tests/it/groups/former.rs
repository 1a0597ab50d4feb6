//! Those who are not in a group any more: for them it does not exist.

use super::*;
use crate::support::ws::Ws;

on_both_stores!(
    open_subscriptions_to_a_group_end_for_who_is_removed_and_for_who_leaves,
    nothing_more_is_told_after_that,
    a_subscription_to_a_group_one_was_in_begins_as_to_one_that_never_was,
    who_comes_back_is_a_member_like_any_other,
    other_subscriptions_of_a_former_member_go_on,
);

const TYPING: &str =
    "subscription($in: ConversationRef) { typing(in: $in) { typing user { username } } }";

/// A subscription to a group through every window, and to typing in it.
struct Open {
    feeds: Vec<Feed>,
    typing: Ws,
}

impl Open {
    async fn by(app: &TestApp, viewer: &Client, group: &str) -> Self {
        let mut feeds = Vec::new();
        for window in Window::ALL {
            let scope = Scope::all(window).only(in_group(group));
            feeds.push(Feed::open(app.address, viewer, scope).await);
        }
        let mut typing = app.socket(viewer).await;
        let only = json!({ "in": in_group(group) });
        typing.subscribe("typing", TYPING, only).await;
        typing.settle().await;
        Self { feeds, typing }
    }

    /// All of them end as they should, and say nothing before, but that the viewer left.
    async fn end(mut self) {
        for feed in &mut self.feeds {
            let (told, code) = feed.ended().await;
            assert_eq!(code, "NOT_FOUND");
            let may_tell = feed.scope.window == Window::Events && told == ["left"];
            assert!(told.is_empty() || may_tell, "{told:?}");
        }
        self.typing.refused("typing", "NOT_FOUND").await;
    }
}

async fn open_subscriptions_to_a_group_end_for_who_is_removed_and_for_who_leaves(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo, &dora]).await;
    ann.say_in(&group, "hello").await;
    let bobs = Open::by(&app, &bob, &group).await;
    let mut doras = Open::by(&app, &dora, &group).await;
    ann.remove(&group, &bob).await.done();
    bobs.end().await;
    let cleos = Open::by(&app, &cleo, &group).await;
    cleo.leave(&group).await;
    cleos.end().await;
    // Those who stay hear of it and what comes then.
    let (events, others) = doras.feeds.split_first_mut().expect("three");
    events
        .tells(&[
            "conversation tea: ann* cleo dora",
            "conversation tea: ann* dora",
        ])
        .await;
    let said = ann.say_in(&group, "still here").await;
    events.tells(&["new still here"]).await;
    others[0].tells(&["new still here"]).await;
    ann.react(&said.id, "👍").await.done();
    events.tells(&["changed still here 👍×1"]).await;
    others[1].tells(&["changed still here 👍×1"]).await;
    app.stop().await;
}

async fn nothing_more_is_told_after_that(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let said = bob.say_in(&group, "hello").await;
    let mut feeds = Vec::new();
    for window in Window::ALL {
        feeds.push(Feed::open(app.address, &bob, Scope::all(window)).await);
    }
    ann.remove(&group, &bob).await.done();
    ann.say_in(&group, "he is gone").await;
    ann.delete(&said.id).await.done();
    cleo.react(&ann.say_in(&group, "finally").await.id, "👍")
        .await
        .done();
    ann.rename(&group, "without bob").await.done();
    let hello = cleo.send(&bob, "hello").await;
    cleo.react(&text(&hello["id"]), "👍").await.done();
    let before: [&[&str]; 3] = [&["left", "conversation direct: bob cleo"], &[], &[]];
    for (feed, before) in feeds.iter_mut().zip(before) {
        feed.tells(before).await;
        // What was changed a moment after it was said may come as said, in its newest state.
        let told = feed.told().await;
        let newest = ["new hello", "new hello 👍×1", "changed hello 👍×1"];
        assert!(newest.contains(&told.as_str()), "{told}");
    }
    app.stop().await;
}

async fn a_subscription_to_a_group_one_was_in_begins_as_to_one_that_never_was(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, ..] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let start = bob.stands().await;
    let scope = Scope::all(Window::NewMessage).only(in_group(&group));
    let mut feed = Feed::open(app.address, &bob, scope).await;
    ann.say_in(&group, "hello").await;
    feed.tells(&["new hello"]).await;
    let scoped = feed.cursor.clone();
    ann.remove(&group, &bob).await.done();
    ann.say_in(&group, "he is gone").await;
    let answer = async |document: &str, id: &str, after: &Value| {
        let mut socket = app.socket(&bob).await;
        let variables = json!({ "in": in_group(id), "after": after });
        socket.subscribe("1", document, variables).await;
        let answer = socket.message_of("1").await;
        assert_eq!(answer["type"], "error", "{answer}");
        assert_eq!(answer["payload"][0]["extensions"]["code"], "NOT_FOUND");
        answer
    };
    for window in Window::ALL {
        for after in [&Value::Null, &start] {
            let document = window.document();
            let made_up = answer(&document, NO_CONVERSATION, after).await;
            assert_eq!(
                answer(&document, &group, after).await,
                made_up,
                "{window:?}"
            );
        }
    }
    let made_up = answer(TYPING, NO_CONVERSATION, &Value::Null).await;
    assert_eq!(answer(TYPING, &group, &Value::Null).await, made_up);
    // A cursor of that group alone is of no use, whatever is said of it.
    let mut socket = app.socket(&bob).await;
    let variables = json!({ "in": in_group(&group), "after": scoped });
    let document = Window::NewMessage.document();
    socket.subscribe("1", &document, variables).await;
    assert_eq!(socket.message_of("1").await["type"], "error");
    app.stop().await;
}

async fn who_comes_back_is_a_member_like_any_other(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, ..] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let mut all = Feed::live(app.address, &bob).await;
    for round in 0..3 {
        let open = Open::by(&app, &bob, &group).await;
        ann.remove(&group, &bob).await.done();
        open.end().await;
        all.tells(&["left"]).await;
        ann.say_in(&group, &format!("without {round}")).await;
        ann.add(&group, &[&bob]).await.done();
        all.tells(&["conversation tea: ann* bob"]).await;
        let scope = Scope::all(Window::Events).only(in_group(&group));
        let mut there = Feed::open(app.address, &bob, scope).await;
        let with = format!("with {round}");
        bob.say_in(&group, &with).await;
        for feed in [&mut all, &mut there] {
            feed.tells(&[format!("new {with}")]).await;
        }
        bob.rename(&group, "bob's").await.refused("FORBIDDEN");
    }
    assert_eq!(states(&bob, &group).await.len(), 6);
    app.stop().await;
}

async fn other_subscriptions_of_a_former_member_go_on(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, ..] = four(&app).await;
    let tea = ann.group("tea", &[&bob]).await;
    let cake = ann.group("cake", &[&bob]).await;
    let mut in_cake = Open::by(&app, &bob, &cake).await;
    let in_tea = Open::by(&app, &bob, &tea).await;
    let changed = "subscription { conversationChanged { title } }";
    let mut socket = app.socket(&bob).await;
    socket.subscribe("changed", changed, json!({})).await;
    socket.settle().await;
    ann.remove(&tea, &bob).await.done();
    in_tea.end().await;
    ann.say_in(&cake, "hello").await;
    for feed in &mut in_cake.feeds[..2] {
        feed.tells(&["new hello"]).await;
    }
    let typing = "mutation($in: ConversationRef!) { setTyping(in: $in) }";
    ann.ok(typing, json!({ "in": in_group(&cake) })).await;
    let event = in_cake.typing.event("typing").await;
    assert_eq!(event["typing"]["user"]["username"], "ann");
    ann.rename(&tea, "tea without bob").await.done();
    ann.rename(&cake, "cake with bob").await.done();
    let event = socket.event("changed").await;
    assert_eq!(event["conversationChanged"]["title"], "cake with bob");
    app.stop().await;
}
