//! Which cursors are good for what, and where a subscription begins.

use super::*;

on_both_stores!(
    a_cursor_of_events_is_good_for_all_windows_and_one_of_a_window_for_its_own,
    a_cursor_of_one_conversation_is_good_there_only,
    the_first_event_names_where_the_subscription_began,
    of_several_cursors_to_resume_each_window_takes_the_latest_that_is_good_for_it,
    resume_holds_for_every_window,
    a_cursor_has_at_most_200_characters,
    more_missed_than_is_replayed_is_an_error_that_counts_every_kind,
    changes_since_a_cursor_of_changes_come_once,
);

/// The cursor of the next event of a window that is open, after something that every window tells.
async fn cursors(
    app: &TestApp,
    ann: &Client,
    bob: &Client,
    only: &Value,
    said: &Said,
) -> [Value; 3] {
    let mut feeds = Vec::new();
    for window in Window::ALL {
        let scope = Scope::all(window).only(only.clone());
        feeds.push(Feed::open(app.address, bob, scope).await);
    }
    let mut cursors = Vec::new();
    ann.say(json!({ "to": in_group(&said.conversation), "body": "for a cursor" }))
        .await;
    for feed in &mut feeds[..2] {
        feed.tells(&["new for a cursor"]).await;
        cursors.push(feed.cursor.clone());
    }
    ann.react(&said.id, "👍").await.done();
    feeds[2].next().await;
    cursors.push(feeds[2].cursor.clone());
    ann.unreact(&said.id, "👍").await.done();
    cursors.try_into().expect("three")
}

async fn a_cursor_of_events_is_good_for_all_windows_and_one_of_a_window_for_its_own(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    for only in [Value::Null, with(&ann), in_group(&said.conversation)] {
        let stands = bob.stands().await;
        let [events, messages, changes] = cursors(&app, &ann, &bob, &only, &said).await;
        for (cursor, good) in [
            (&stands, [true, true, true]),
            (&events, [true, true, true]),
            (&messages, [false, true, false]),
            (&changes, [false, false, true]),
        ] {
            for (window, good) in Window::ALL.into_iter().zip(good) {
                for by_resume in [false, true] {
                    let mut scope = Scope::all(window).only(only.clone());
                    let mut resume = Value::Null;
                    if by_resume {
                        resume = cursor.clone();
                    } else {
                        scope = scope.after(cursor.clone());
                    }
                    let feed = Feed::greeted(app.address, &bob, scope, resume).await;
                    is_good(feed, &ann, &said, good, by_resume).await;
                }
            }
        }
    }
    app.stop().await;
}

/// Makes sure that a subscription is live, or that it was refused for its cursor.
async fn is_good(mut feed: Feed, ann: &Client, said: &Said, good: bool, by_resume: bool) {
    let window = feed.scope.window;
    if !good {
        let field = if by_resume { "resume" } else { "after" };
        assert_eq!(
            feed.refused().await,
            (json!("BAD_USER_INPUT"), json!(field)),
            "{window:?}"
        );
        return;
    }
    let body = uuid::Uuid::new_v4().to_string();
    let new = ann
        .say(json!({ "to": in_group(&said.conversation), "body": body }))
        .await;
    if window == Window::MessageChanged {
        // One from before any of these cursors.
        ann.edit(&said.id, &body).await.done();
    }
    loop {
        let event = feed.next().await;
        let told = &event["message"];
        if told["body"] == body.as_str() && (told["id"] == new.id || told["id"] == said.id) {
            return;
        }
    }
}

async fn a_cursor_of_one_conversation_is_good_there_only(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    say(&cleo, &bob, "elsewhere").await;
    let group = ann.group("tea", &[&bob]).await;
    let scoped = cursors(&app, &ann, &bob, &with(&ann), &said).await;
    for (window, cursor) in Window::ALL.into_iter().zip(&scoped) {
        for only in [Value::Null, with(&cleo), in_group(&group)] {
            let scope = Scope::all(window).only(only.clone()).after(cursor.clone());
            let mut feed = Feed::open(app.address, &bob, scope).await;
            let refused = (json!("BAD_USER_INPUT"), json!("after"));
            assert_eq!(feed.refused().await, refused, "{window:?} {only}");
        }
        // Its other name is the same conversation.
        let only = in_group(&said.conversation);
        let scope = Scope::all(window).only(only).after(cursor.clone());
        let feed = Feed::open(app.address, &bob, scope).await;
        is_good(feed, &ann, &said, true, false).await;
        // It is nobody else's.
        let scope = Scope::all(window).only(with(&bob)).after(cursor.clone());
        let mut feed = Feed::open(app.address, &ann, scope).await;
        assert_eq!(
            feed.refused().await,
            (json!("BAD_USER_INPUT"), json!("after"))
        );
    }
    app.stop().await;
}

async fn the_first_event_names_where_the_subscription_began(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let said = ann.say_in(&group, "hello").await;
    let start = bob.stands().await;
    ann.edit(&said.id, "hello!").await.done();
    ann.say_in(&group, "missed").await;
    for (window, emoji) in Window::ALL.into_iter().zip(["👍", "🎉", "😀"]) {
        let scope = Scope::all(window);
        let mut by_after = Feed::open(app.address, &bob, scope.clone().after(start.clone())).await;
        let mut by_resume = Feed::greeted(app.address, &bob, scope.clone(), start.clone()).await;
        for feed in [&mut by_after, &mut by_resume] {
            assert_eq!(feed.next().await["previous"], start, "{window:?}");
        }
        // Without either it is a cursor like any other, from which the same comes once more.
        let mut live = Feed::open(app.address, &bob, scope.clone()).await;
        ann.say_in(&group, &format!("for {window:?}")).await;
        if window == Window::MessageChanged {
            ann.react(&said.id, emoji).await.done();
        }
        let first = live.next().await;
        let began = scope.after(first["previous"].clone());
        let again = Feed::open(app.address, &bob, began).await.next().await;
        assert_eq!(again["message"], first["message"]);
        assert_eq!(again["previous"], first["previous"]);
    }
    app.stop().await;
}

async fn of_several_cursors_to_resume_each_window_takes_the_latest_that_is_good_for_it(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let old = bob.stands().await;
    say(&ann, &bob, "one").await;
    ann.edit(&said.id, "hello 1").await.done();
    let [events, messages, changes] = cursors(&app, &ann, &bob, &Value::Null, &said).await;
    say(&ann, &bob, "two").await;
    ann.edit(&said.id, "hello 2").await.done();
    let resume = json!([changes, old, "x", messages]);
    for (window, began, told) in [
        (Window::Events, &old, "new one"),
        (Window::NewMessage, &messages, "new two"),
        (Window::MessageChanged, &changes, "changed hello 2 (edited)"),
    ] {
        let mut feed = Feed::greeted(app.address, &bob, Scope::all(window), resume.clone()).await;
        feed.tells(&[told]).await;
        assert_eq!(feed.last["previous"], *began, "{window:?}");
    }
    // One of everything serves all of them.
    let resume = json!([old, events]);
    for (window, told) in [
        (Window::NewMessage, "new two"),
        (Window::MessageChanged, "changed hello 2 (edited)"),
    ] {
        let mut feed = Feed::greeted(app.address, &bob, Scope::all(window), resume.clone()).await;
        feed.tells(&[told]).await;
        assert_eq!(feed.last["previous"], events, "{window:?}");
    }
    // None of them is good for this one.
    let resume = json!([messages, changes]);
    let mut feed = Feed::greeted(app.address, &bob, Scope::all(Window::Events), resume).await;
    assert_eq!(
        feed.refused().await,
        (json!("BAD_USER_INPUT"), json!("resume"))
    );
    app.stop().await;
}

async fn resume_holds_for_every_window(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let start = bob.stands().await;
    ann.edit(&said.id, "hello!").await.done();
    say(&ann, &bob, "missed").await;
    // All on one socket: what is replayed to one leaves the others where they begin.
    let mut socket = Ws::open(app.address).await;
    let init = json!({ "token": bob.token, "resume": start });
    socket.init(init).await;
    for (id, window) in ["1", "2", "3"].into_iter().zip(Window::ALL) {
        socket.subscribe(id, &window.document(), json!({})).await;
        let event = socket.event(id).await;
        let event = event.as_object().and_then(|data| data.values().next());
        let event = event.expect("an event");
        let expected = if window == Window::NewMessage {
            "missed"
        } else {
            "hello!"
        };
        assert_eq!(event["message"]["body"], expected, "{window:?}");
        assert_eq!(event["previous"], start, "{window:?}");
    }
    app.stop().await;
}

async fn a_cursor_has_at_most_200_characters(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let mut feed = Feed::live(app.address, &bob).await;
    let mut groups = Vec::new();
    for number in 0..20 {
        groups.push(ann.group(&number.to_string(), &[&bob, &cleo]).await);
    }
    // Many conversations at once, so that a cursor has much to remember.
    let saying = groups.iter().flat_map(|group| {
        [&ann, &bob, &cleo].map(|who| async move {
            let said = who.say_in(group, "hello").await;
            who.react(&said.id, "👍").await.done();
        })
    });
    futures_util::future::join_all(saying).await;
    ann.say_in(&groups[0], "end").await;
    loop {
        let event = feed.next().await;
        assert!(text(&event["cursor"]).chars().count() <= 200, "{event}");
        assert!(text(&bob.stands().await).chars().count() <= 200);
        if event["message"]["body"] == "end" {
            break;
        }
    }
    app.stop().await;
}

async fn more_missed_than_is_replayed_is_an_error_that_counts_every_kind(kind: StoreKind) {
    let app = TestApp::with(kind, |config| config.limits.replay = 20).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let strange = ann.group("strange", &[&cleo]).await;
    let said = ann.say_in(&group, "hello").await;
    let start = bob.stands().await;
    for number in 0..20 {
        ann.rename(&strange, &format!("strange {number}"))
            .await
            .done();
        match number % 4 {
            0 => drop(ann.say_in(&group, &number.to_string()).await),
            1 => drop(ann.edit(&said.id, &number.to_string()).await.done()),
            2 => drop(ann.rename(&group, &number.to_string()).await.done()),
            _ => drop(
                bob.react(&said.id, ["😀", "😁", "😂", "😃", "😄"][number / 4])
                    .await
                    .done(),
            ),
        }
    }
    let scope = Scope::all(Window::Events).after(start.clone());
    let mut feed = Feed::open(app.address, &bob, scope.clone()).await;
    feed.tells(&["new 0", "new 4", "new 8", "new 12", "new 16"])
        .await;
    feed.tells(&["conversation 18: ann* bob"]).await;
    assert!(feed.told().await.starts_with("changed 17 (edited)"));
    ann.rename(&group, "one too many").await.done();
    let mut feed = Feed::open(app.address, &bob, scope).await;
    assert_eq!(feed.refused().await.0, "RESYNC_REQUIRED");
    let scope = Scope::all(Window::Events);
    let mut feed = Feed::greeted(app.address, &bob, scope, start).await;
    assert_eq!(feed.refused().await.0, "RESYNC_REQUIRED");
    app.stop().await;
}

async fn changes_since_a_cursor_of_changes_come_once(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let [one, other] = [
        ann.say_in(&group, "one").await,
        ann.say_in(&group, "other").await,
    ];
    for only in [Value::Null, in_group(&group)] {
        let scope = Scope::all(Window::MessageChanged).only(only);
        let mut feed = Feed::open(app.address, &bob, scope).await;
        ann.react(&one.id, "👍").await.done();
        feed.tells(&["changed one 👍×1"]).await;
        feed.resume(app.address).await;
        ann.say_in(&group, "so").await;
        ann.react(&other.id, "👍").await.done();
        feed.tells(&["changed other 👍×1"]).await;
        ann.unreact(&one.id, "👍").await.done();
        ann.unreact(&other.id, "👍").await.done();
        ann.react(&one.id, "🎉").await.done();
        feed.resume(app.address).await;
        feed.tells(&["changed other", "changed one 🎉×1"]).await;
        ann.unreact(&one.id, "🎉").await.done();
        feed.tells(&["changed one"]).await;
    }
    app.stop().await;
}
