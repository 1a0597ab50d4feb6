//! The order of events, and what each window shows of it.

use super::*;

on_both_stores!(
    all_that_happens_in_a_conversation_is_told_in_order,
    a_new_direct_conversation_is_told_before_its_first_message,
    each_window_tells_its_own_kinds,
    what_was_acknowledged_before_a_subscription_does_not_come_as_new,
    a_message_is_told_before_what_happened_to_it,
    what_was_missed_comes_in_the_order_in_which_it_was_written,
);

async fn all_that_happens_in_a_conversation_is_told_in_order(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let phone = bob.sign_in_again().await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &phone).await,
    ];
    let group = ann.group("tea", &[&bob]).await;
    let tell = async |feeds: &mut [Feed; 2], expected: &str| {
        for feed in feeds {
            feed.tells(&[expected]).await;
        }
    };
    tell(&mut feeds, "conversation tea: ann* bob").await;
    let said = ann.say_in(&group, "one").await;
    tell(&mut feeds, "new one").await;
    bob.mark(&said.id).await.done();
    tell(&mut feeds, "bob read 1").await;
    ann.edit(&said.id, "uno").await.done();
    tell(&mut feeds, "changed uno (edited)").await;
    bob.react(&said.id, "👍").await.done();
    tell(&mut feeds, "changed uno (edited) 👍×1").await;
    ann.rename(&group, "cake").await.done();
    tell(&mut feeds, "conversation cake: ann* bob").await;
    ann.add(&group, &[&cleo]).await.done();
    tell(&mut feeds, "conversation cake: ann* bob cleo").await;
    bob.unreact(&said.id, "👍").await.done();
    tell(&mut feeds, "changed uno (edited)").await;
    let reply = json!({ "to": in_group(&group), "body": "two", "replyToId": said.id });
    cleo.sends(reply).await.done();
    tell(&mut feeds, "new two").await;
    ann.delete(&said.id).await.done();
    tell(&mut feeds, "changed (deleted)").await;
    ann.remove(&group, &cleo).await.done();
    tell(&mut feeds, "conversation cake: ann* bob").await;
    ann.leave(&group).await;
    feeds[0].tells(&["left"]).await;
    feeds[1].tells(&["conversation cake: bob*"]).await;
    app.stop().await;
}

async fn a_new_direct_conversation_is_told_before_its_first_message(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let start = bob.stands().await;
    let mut feeds = Vec::new();
    for (viewer, peer) in [(&ann, &bob), (&bob, &ann)] {
        feeds.push(Feed::live(app.address, viewer).await);
        let scope = Scope::all(Window::Events).only(with(peer));
        feeds.push(Feed::open(app.address, viewer, scope).await);
    }
    say(&cleo, &bob, "elsewhere").await;
    feeds[2]
        .tells(&["conversation direct: bob cleo", "new elsewhere"])
        .await;
    let said = say(&ann, &bob, "hello").await;
    for feed in &mut feeds {
        feed.tells(&["conversation direct: ann bob"]).await;
        assert_eq!(feed.last["conversation"]["id"], said.conversation);
        feed.tells(&["new hello"]).await;
    }
    say(&bob, &ann, "again").await;
    for feed in &mut feeds {
        feed.tells(&["new again"]).await;
    }
    for only in [Value::Null, with(&ann), in_group(&said.conversation)] {
        let all = only.is_null();
        let scope = Scope::all(Window::Events).only(only).after(start.clone());
        let mut missed = Feed::open(app.address, &bob, scope).await;
        if all {
            missed
                .tells(&["conversation direct: bob cleo", "new elsewhere"])
                .await;
        }
        missed
            .tells(&["conversation direct: ann bob", "new hello", "new again"])
            .await;
    }
    app.stop().await;
}

async fn each_window_tells_its_own_kinds(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let here = in_group(&group);
    let [
        mut messages,
        mut messages_here,
        mut changes,
        mut changes_here,
    ] = [
        Feed::open(app.address, &bob, Scope::all(Window::NewMessage)).await,
        Feed::open(
            app.address,
            &bob,
            Scope::all(Window::NewMessage).only(here.clone()),
        )
        .await,
        Feed::open(app.address, &bob, Scope::all(Window::MessageChanged)).await,
        Feed::open(
            app.address,
            &bob,
            Scope::all(Window::MessageChanged).only(here.clone()),
        )
        .await,
    ];
    let phone = bob.sign_in_again().await;
    let scope = Scope::all(Window::Events).only(here);
    let mut events_here = Feed::open(app.address, &phone, scope).await;
    let elsewhere = say(&cleo, &bob, "elsewhere").await;
    let said = ann.say_in(&group, "here").await;
    ann.rename(&group, "cake").await.done();
    events_here
        .tells(&["new here", "conversation cake: ann* bob"])
        .await;
    cleo.edit(&elsewhere.id, "Elsewhere").await.done();
    ann.edit(&said.id, "Here").await.done();
    events_here.tells(&["changed Here (edited)"]).await;
    bob.mark(&said.id).await.done();
    events_here.tells(&["bob read 1"]).await;
    // What was said and changed before it was read may come in its newest state at once.
    for (feed, expected) in [
        (&mut messages, ["new elsewhere", "new here"].as_slice()),
        (&mut messages_here, ["new here"].as_slice()),
    ] {
        for expected in expected {
            let told = feed.told().await.to_lowercase();
            assert_eq!(told.trim_end_matches(" (edited)"), *expected);
        }
    }
    changes
        .tells(&["changed Elsewhere (edited)", "changed Here (edited)"])
        .await;
    changes_here.tells(&["changed Here (edited)"]).await;
    let last = ann.say_in(&group, "so").await;
    for feed in [&mut messages, &mut messages_here, &mut events_here] {
        feed.tells(&["new so"]).await;
    }
    ann.react(&last.id, "👍").await.done();
    for feed in [&mut changes, &mut changes_here, &mut events_here] {
        feed.tells(&["changed so 👍×1"]).await;
    }
    app.stop().await;
}

async fn what_was_acknowledged_before_a_subscription_does_not_come_as_new(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    for round in 0..20 {
        let said = ann.say_in(&group, &format!("before {round}")).await;
        ann.react(&said.id, "👍").await.done();
        ann.rename(&group, &format!("tea {round}")).await.done();
        bob.mark(&said.id).await.done();
        let mut feeds = [
            Feed::live(app.address, &bob).await,
            Feed::open(
                app.address,
                &bob,
                Scope::all(Window::Events).after(bob.stands().await),
            )
            .await,
        ];
        let after = format!("after {round}");
        ann.say_in(&group, &after).await;
        for feed in &mut feeds {
            feed.tells(&[format!("new {after}")]).await;
        }
    }
    app.stop().await;
}

async fn a_message_is_told_before_what_happened_to_it(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &bob).await,
    ];
    for round in 0..30 {
        let said = ann.say_in(&group, &format!("said {round}")).await;
        ann.edit(&said.id, &format!("edited {round}")).await.done();
        bob.react(&said.id, "👍").await.done();
    }
    ann.say_in(&group, "end").await;
    for feed in &mut feeds {
        let mut known = Vec::new();
        loop {
            let event = feed.next().await;
            let id = text(&event["message"]["id"]);
            match event["__typename"].as_str() {
                Some("NewMessage") => {
                    assert!(!known.contains(&id), "twice: {event}");
                    assert_eq!(event["message"]["seq"], known.len() + 1, "{event}");
                    known.push(id);
                }
                Some("MessageChanged") => assert!(known.contains(&id), "too early: {event}"),
                _ => panic!("{event}"),
            }
            if event["message"]["body"] == "end" {
                break;
            }
        }
        assert_eq!(known.len(), 31);
    }
    app.stop().await;
}

async fn what_was_missed_comes_in_the_order_in_which_it_was_written(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let said = ann.say_in(&group, "zero").await;
    let start = bob.stands().await;
    ann.say_in(&group, "one").await;
    ann.rename(&group, "cake").await.done();
    ann.say_in(&group, "two").await;
    ann.edit(&said.id, "zero!").await.done();
    ann.say_in(&group, "three").await;
    let scope = Scope::all(Window::Events).after(start.clone());
    let mut missed = Feed::open(app.address, &bob, scope).await;
    missed
        .tells(&[
            "new one",
            "conversation cake: ann* bob",
            "new two",
            "changed zero! (edited)",
            "new three",
        ])
        .await;
    let scope = Scope::all(Window::MessageChanged).after(start.clone());
    let mut changes = Feed::open(app.address, &bob, scope).await;
    changes.tells(&["changed zero! (edited)"]).await;
    let scope = Scope::all(Window::NewMessage).after(start);
    let mut messages = Feed::open(app.address, &bob, scope).await;
    messages.tells(&["new one", "new two", "new three"]).await;
    // And then live, with nothing again.
    let last = cleo.send(&bob, "live").await;
    missed
        .tells(&["conversation direct: bob cleo", "new live"])
        .await;
    messages.tells(&["new live"]).await;
    cleo.react(&text(&last["id"]), "👍").await.done();
    changes.tells(&["changed live 👍×1"]).await;
    app.stop().await;
}
