//! Coming and going, as the stream tells it to who was there and to who was away.

use super::*;

on_both_stores!(
    joining_comes_before_anything_else_of_the_conversation,
    a_missed_leaving_and_coming_back_is_told_as_both,
    who_missed_leaving_and_coming_back_goes_on_with_what_is_told_of_the_group_alone,
    of_a_group_that_one_is_out_of_only_the_leaving_is_told,
    a_group_that_one_was_in_while_away_tells_nothing_of_itself,
    a_cursor_from_before_one_joined_replays_nothing_from_before,
    leaving_is_told_on_ones_other_devices,
);

async fn joining_comes_before_anything_else_of_the_conversation(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let old = ann.say_in(&group, "before").await;
    let start = cleo.stands().await;
    ann.edit(&old.id, "before!").await.done();
    ann.add(&group, &[&cleo]).await.done();
    ann.say_in(&group, "one").await;
    ann.rename(&group, "cake").await.done();
    ann.edit(&old.id, "before!!").await.done();
    ann.say_in(&group, "two").await;
    for only in [Value::Null, in_group(&group)] {
        let scope = Scope::all(Window::Events).only(only).after(start.clone());
        let mut feed = Feed::open(app.address, &cleo, scope).await;
        let mut told = until(&mut feed, "new two").await;
        let joined = "conversation cake: ann* bob cleo";
        assert_eq!(told[0], joined, "{told:?}");
        // The new name may be told again at its place.
        if told[2] == joined {
            told.remove(2);
        }
        let expected = [joined, "new one", "changed before!! (edited)", "new two"];
        assert_eq!(told, expected);
    }
    app.stop().await;
}

async fn a_missed_leaving_and_coming_back_is_told_as_both(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut feed = Feed::live(app.address, &cleo).await;
    ann.say_in(&group, "hello").await;
    feed.tells(&["new hello"]).await;
    let start = feed.cursor.clone();
    ann.remove(&group, &cleo).await.done();
    let meanwhile = ann.say_in(&group, "she is gone").await;
    ann.react(&meanwhile.id, "👍").await.done();
    ann.add(&group, &[&cleo]).await.done();
    ann.say_in(&group, "welcome back").await;
    let expected = [
        "left",
        "conversation tea: ann* bob cleo",
        "new welcome back",
    ];
    feed.resume(app.address).await;
    feed.tells(&expected).await;
    // Whoever asks later from the same place is told the same.
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let scope = Scope::all(Window::Events).after(start);
    let mut again = Feed::open(app.address, &cleo, scope).await;
    again.tells(&expected).await;
    app.stop().await;
}

async fn who_missed_leaving_and_coming_back_goes_on_with_what_is_told_of_the_group_alone(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut feeds = Vec::new();
    for window in Window::ALL {
        let scope = Scope::all(window).only(in_group(&group));
        feeds.push(Feed::open(app.address, &cleo, scope).await);
    }
    let said = ann.say_in(&group, "hello").await;
    ann.edit(&said.id, "hello!").await.done();
    let mut starts = Vec::new();
    for mut feed in feeds {
        let told: &[&str] = match feed.scope.window {
            Window::Events => &["new hello", "changed hello! (edited)"],
            Window::NewMessage => &["new hello"],
            Window::MessageChanged => &["changed hello! (edited)"],
        };
        feed.tells(told).await;
        starts.push((feed.scope.window, feed.cursor));
    }
    ann.remove(&group, &cleo).await.done();
    ann.say_in(&group, "she is gone").await;
    ann.add(&group, &[&cleo]).await.done();
    let go_on = async |app: &TestApp| {
        let mut feeds = Vec::new();
        for (window, start) in &starts {
            for by_resume in [false, true] {
                let scope = Scope::all(*window).only(in_group(&group));
                let mut feed = if by_resume {
                    Feed::greeted(app.address, &cleo, scope, json!([start])).await
                } else {
                    Feed::open(app.address, &cleo, scope.after(start.clone())).await
                };
                if *window == Window::Events {
                    feed.tells(&["left", "conversation tea: ann* bob cleo"])
                        .await;
                }
                feeds.push(feed);
            }
        }
        feeds
    };
    // Nothing was said to who has come back.
    let mut feeds = go_on(&app).await;
    for feed in &mut feeds {
        feed.socket.settle().await;
    }
    let back = ann.say_in(&group, "welcome back").await;
    ann.edit(&back.id, "welcome").await.done();
    for feed in &mut feeds {
        let told: &[&str] = match feed.scope.window {
            Window::Events => &["new welcome back", "changed welcome (edited)"],
            Window::NewMessage => &["new welcome back"],
            Window::MessageChanged => &["changed welcome (edited)"],
        };
        feed.tells(told).await;
    }
    // Something was, also where all of it comes from the store.
    let app = TestApp::at(app.stop().await, |_| {}).await;
    for _ in 0..2 {
        for mut feed in go_on(&app).await {
            let told = match feed.scope.window {
                Window::MessageChanged => "changed welcome (edited)",
                _ => "new welcome (edited)",
            };
            feed.tells(&[told]).await;
        }
    }
    app.stop().await;
}

async fn of_a_group_that_one_is_out_of_only_the_leaving_is_told(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let said = cleo.say_in(&group, "hello").await;
    let older = say(&bob, &cleo, "older").await;
    let start = cleo.stands().await;
    ann.say_in(&group, "not for her").await;
    ann.react(&said.id, "👍").await.done();
    ann.rename(&group, "cake").await.done();
    ann.remove(&group, &cleo).await.done();
    ann.say_in(&group, "not for her either").await;
    ann.delete(&said.id).await.done();
    say(&bob, &cleo, "for her").await;
    let scope = Scope::all(Window::Events).after(start.clone());
    let mut feed = Feed::open(app.address, &cleo, scope).await;
    let mut told = until(&mut feed, "new for her").await;
    if !told.contains(&"left".to_owned()) {
        told.push(feed.told().await);
    }
    told.sort();
    assert_eq!(told, ["left", "new for her"]);
    let scope = Scope::all(Window::NewMessage).after(start.clone());
    let mut feed = Feed::open(app.address, &cleo, scope).await;
    feed.tells(&["new for her"]).await;
    let scope = Scope::all(Window::MessageChanged).after(start);
    let mut feed = Feed::open(app.address, &cleo, scope).await;
    bob.react(&older.id, "👍").await.done();
    feed.tells(&["changed older 👍×1"]).await;
    app.stop().await;
}

async fn a_group_that_one_was_in_while_away_tells_nothing_of_itself(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let start = cleo.stands().await;
    let group = ann.group("tea", &[&bob]).await;
    ann.add(&group, &[&cleo]).await.done();
    ann.say_in(&group, "a secret").await;
    ann.remove(&group, &cleo).await.done();
    say(&bob, &cleo, "for her").await;
    let scope = Scope::all(Window::Events).after(start);
    let mut feed = Feed::open(app.address, &cleo, scope).await;
    let mut told = until(&mut feed, "new for her").await;
    // That one was in it and is not any more may be said or not.
    told.retain(|told| told != "left");
    assert_eq!(told, ["conversation direct: bob cleo", "new for her"]);
    app.stop().await;
}

async fn a_cursor_from_before_one_joined_replays_nothing_from_before(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let start = cleo.stands().await;
    let group = ann.group("tea", &[&bob]).await;
    let old = ann.say_in(&group, "before").await;
    ann.add(&group, &[&cleo]).await.done();
    let new = ann.say_in(&group, "after").await;
    ann.edit(&new.id, "after!").await.done();
    ann.edit(&old.id, "before!").await.done();
    ann.say_in(&group, "end").await;
    for only in [Value::Null, in_group(&group)] {
        let scope = Scope::all(Window::NewMessage)
            .only(only.clone())
            .after(start.clone());
        let mut feed = Feed::open(app.address, &cleo, scope).await;
        feed.tells(&["new after! (edited)", "new end"]).await;
        let scope = Scope::all(Window::MessageChanged)
            .only(only)
            .after(start.clone());
        let mut feed = Feed::open(app.address, &cleo, scope).await;
        let mut told = until(&mut feed, "changed before! (edited)").await;
        // What was sent and changed while she was away needs not come here as changed.
        told.retain(|told| told != "changed after! (edited)");
        assert_eq!(told, ["changed before! (edited)"]);
    }
    app.stop().await;
}

async fn leaving_is_told_on_ones_other_devices(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let phone = bob.sign_in_again().await;
    let mut feeds = [
        Feed::live(app.address, &bob).await,
        Feed::live(app.address, &phone).await,
    ];
    phone.leave(&group).await;
    for feed in &mut feeds {
        feed.tells(&["left"]).await;
        assert_eq!(feed.last["conversationId"], group.as_str());
    }
    ann.add(&group, &[&bob]).await.done();
    for feed in &mut feeds {
        feed.tells(&["conversation tea: ann* bob cleo"]).await;
    }
    app.stop().await;
}
