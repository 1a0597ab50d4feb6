//! Edits: whose, of what, and where they show.

use super::*;

on_both_stores!(
    an_edit_shows_everywhere_at_once_and_moves_nothing,
    the_same_body_again_changes_nothing_and_tells_nobody,
    an_edit_follows_the_rules_of_sending,
    only_the_sender_edits_also_in_a_group,
    strangers_are_answered_as_for_a_message_that_does_not_exist,
    a_deleted_message_takes_no_edit,
    an_edit_is_told_to_all_who_read_and_is_no_new_message,
    edits_outlive_a_restart,
);

async fn an_edit_shows_everywhere_at_once_and_moves_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let first = say(&ann, &bob, "first").await;
    let last = say(&ann, &bob, "lst").await;
    say(&eve, &bob, "elsewhere").await;
    let before = bob.message(&last.id).await;
    let listed = bob.listed().await;
    let edited = ann.edit(&last.id, "last").await.done();
    assert_eq!(edited["body"], "last");
    assert!(edited["editedAt"].as_str() >= edited["sentAt"].as_str());
    assert_eq!(edited["deletedAt"], Value::Null);
    for field in ["id", "seq", "sentAt", "sender", "conversation", "replyTo"] {
        assert_eq!(edited[field], before[field], "{field}");
    }
    ann.edit(&first.id, "First").await.done();
    for (viewer, peer) in [(&ann, &bob), (&bob, &ann)] {
        let shown = states(viewer, &with(peer)).await;
        assert_eq!(shown, ["First (edited)", "last (edited)"]);
        let by_id = viewer.message(&last.id).await;
        assert_eq!(by_id["editedAt"], edited["editedAt"]);
        assert_eq!(by_id["body"], "last");
    }
    // Only the text of the last message is another one in the list.
    let mut expected = listed.clone();
    assert_eq!(listed[1]["lastMessage"]["body"], "lst");
    expected[1]["lastMessage"]["body"] = json!("last");
    assert_eq!(bob.listed().await, expected);
    app.stop().await;
}

async fn the_same_body_again_changes_nothing_and_tells_nobody(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let mut feeds = [
        Feed::live(app.address, &bob).await,
        Feed::live(app.address, &ann).await,
    ];
    let same = ann.edit(&said.id, "hello").await.done();
    assert_eq!(same["editedAt"], Value::Null);
    assert_eq!(bob.message(&said.id).await["editedAt"], Value::Null);
    let edited = ann.edit(&said.id, "hello!").await.done();
    for feed in &mut feeds {
        feed.tells(&["changed hello! (edited)"]).await;
    }
    for _ in 0..2 {
        let same = ann.edit(&said.id, "hello!").await.done();
        assert_eq!(same, edited);
    }
    say(&ann, &bob, "so").await;
    for feed in &mut feeds {
        feed.tells(&["new so"]).await;
    }
    // Back to what it was is a change like any other.
    let back = ann.edit(&said.id, "hello").await.done();
    assert!(back["editedAt"].as_str() >= edited["editedAt"].as_str());
    for feed in &mut feeds {
        feed.tells(&["changed hello (edited)"]).await;
    }
    app.stop().await;
}

async fn an_edit_follows_the_rules_of_sending(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let (long, long_emoji) = ("x".repeat(4_001), "😀".repeat(4_001));
    for body in [
        "",
        " ",
        "\n\t\r",
        "\u{3000}\u{a0}\u{2028}",
        &long,
        &long_emoji,
    ] {
        let field = ann.edit(&said.id, body).await.refused("BAD_USER_INPUT");
        assert_eq!(field, "body", "{body:.10?}");
    }
    let unchanged = bob.message(&said.id).await;
    assert_eq!(
        (&unchanged["body"], &unchanged["editedAt"]),
        (&json!("hello"), &Value::Null)
    );
    let most = "😀".repeat(4_000);
    for body in ["x", " around \n", "a NUL \0 inside", &most] {
        assert_eq!(ann.edit(&said.id, body).await.done()["body"], body);
        assert_eq!(bob.message(&said.id).await["body"], body);
    }
    app.stop().await;
}

async fn only_the_sender_edits_also_in_a_group(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let said = say(&ann, &bob, "mine").await;
    bob.edit(&said.id, "no").await.refused("FORBIDDEN");
    bob.edit(&said.id, "mine").await.refused("FORBIDDEN");
    let group = ann.group("tea", &[&bob, &eve]).await;
    let bobs = bob.say_in(&group, "bob's").await;
    for other in [&ann, &eve] {
        other.edit(&bobs.id, "no").await.refused("FORBIDDEN");
    }
    assert_eq!(
        bob.edit(&bobs.id, "still bob's").await.done()["body"],
        "still bob's"
    );
    assert_eq!(states(&bob, &with(&ann)).await, ["mine"]);
    app.stop().await;
}

async fn strangers_are_answered_as_for_a_message_that_does_not_exist(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let said = say(&ann, &bob, "between us").await;
    let deleted = say(&ann, &bob, "between us, once").await;
    ann.delete(&deleted.id).await.done();
    for body in ["hello", "between us", "", &"x".repeat(4_001)] {
        let made_up = eve.edit(NO_MESSAGE, body).await;
        for id in [&said.id, &deleted.id, "x", &said.conversation] {
            assert_eq!(eve.edit(id, body).await, made_up, "{id} {body:.10}");
        }
    }
    eve.edit(NO_MESSAGE, "hello").await.refused("NOT_FOUND");
    let nobody = app.anonymous();
    nobody
        .edit(&said.id, "hello")
        .await
        .refused("UNAUTHENTICATED");
    assert_eq!(states(&bob, &with(&ann)).await, ["between us", "(deleted)"]);
    app.stop().await;
}

async fn a_deleted_message_takes_no_edit(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let deleted = ann.delete(&said.id).await.done();
    for body in ["hello", "something else"] {
        ann.edit(&said.id, body).await.refused("NOT_FOUND");
    }
    assert_eq!(ann.message(&said.id).await, deleted);
    assert_eq!(states(&bob, &with(&ann)).await, ["(deleted)"]);
    app.stop().await;
}

async fn an_edit_is_told_to_all_who_read_and_is_no_new_message(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let said = ann.say_in(&group, "hello").await;
    say(&ann, &eve, "elsewhere").await;
    let here = in_group(&group);
    let mut told = Vec::new();
    for viewer in [&ann, &bob] {
        for scope in [
            Scope::all(Window::Events),
            Scope::all(Window::MessageChanged),
            Scope::all(Window::Events).only(here.clone()),
            Scope::all(Window::MessageChanged).only(here.clone()),
        ] {
            told.push(Feed::open(app.address, viewer, scope).await);
        }
    }
    let elsewhere = Scope::all(Window::MessageChanged).only(with(&eve));
    let mut elsewhere = Feed::open(app.address, &ann, elsewhere).await;
    let mut messages = Feed::open(app.address, &bob, Scope::all(Window::NewMessage)).await;
    let mut stranger = Feed::live(app.address, &eve).await;
    let edited = ann.edit(&said.id, "hello!").await.done();
    for feed in &mut told {
        feed.tells(&["changed hello! (edited)"]).await;
        assert_eq!(feed.last["message"]["id"], said.id);
        assert_eq!(feed.last["message"]["editedAt"], edited["editedAt"]);
        assert_eq!(feed.last["message"]["seq"], 1);
    }
    ann.say_in(&group, "so").await;
    messages.tells(&["new so"]).await;
    let to_eve = say(&ann, &eve, "to eve").await;
    stranger.tells(&["new to eve"]).await;
    ann.edit(&to_eve.id, "to eve!").await.done();
    elsewhere.tells(&["changed to eve! (edited)"]).await;
    app.stop().await;
}

async fn edits_outlive_a_restart(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let gone = say(&ann, &bob, "gone").await;
    let edited = ann.edit(&said.id, "hello!").await.done();
    bob.react(&said.id, "👍").await.done();
    ann.delete(&gone.id).await.done();
    let before = ann.shown(&with(&bob)).await;
    assert_eq!(before[0]["editedAt"], edited["editedAt"]);
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let ann = ann.at(app.url("/graphql"));
    assert_eq!(ann.shown(&with(&bob)).await, before);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_taken_by_one_server_shows_at_the_other_from_its_answer_on() {
    let Some([app, beside]) = two_servers().await else {
        return;
    };
    let (ann, bob, _) = three(&app).await;
    let there = bob.at(beside.url("/graphql"));
    let mut said = say(&ann, &bob, "round 0").await;
    for round in 1..=20 {
        // It has been read there, so that an older state may be remembered.
        let before = there.message(&said.id).await;
        assert_eq!(before["deletedAt"], Value::Null);
        let body = format!("round {round}");
        ann.edit(&said.id, &body).await.done();
        assert_eq!(there.message(&said.id).await["body"], body);
        ann.react(&said.id, "👍").await.done();
        let shown = states(&there, &with(&ann)).await;
        assert_eq!(shown.last(), Some(&format!("{body} (edited) 👍×1")));
        ann.delete(&said.id).await.done();
        let listed = there.listed().await;
        assert_eq!(listed[0]["lastMessage"]["body"], "");
        said = say(&ann, &bob, &body).await;
    }
    tokio::join!(app.stop(), beside.stop());
}
