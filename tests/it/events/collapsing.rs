//! What is told of things that changed several times while a reader was away: the newest state, at its place.

use super::*;

on_both_stores!(
    of_several_edits_only_the_newest_comes_at_the_place_of_the_newest,
    of_changes_of_every_kind_only_the_newest_state_of_a_message_comes,
    a_message_that_was_sent_and_changed_comes_as_new_in_its_newest_state,
    of_several_changes_of_a_conversation_only_the_newest_comes,
    what_was_told_is_not_told_again_until_something_newer_happens,
    a_reader_that_comes_back_often_ends_with_the_newest_state,
);

async fn of_several_edits_only_the_newest_comes_at_the_place_of_the_newest(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let [one, other] = [
        ann.say_in(&group, "one").await,
        ann.say_in(&group, "other").await,
    ];
    let mut feed = Feed::live(app.address, &bob).await;
    let mut changes = Feed::open(app.address, &bob, Scope::all(Window::MessageChanged)).await;
    ann.edit(&one.id, "one 1").await.done();
    for feed in [&mut feed, &mut changes] {
        feed.tells(&["changed one 1 (edited)"]).await;
    }
    let (here, both) = (feed.cursor.clone(), changes.cursor.clone());
    ann.edit(&one.id, "one 2").await.done();
    ann.say_in(&group, "between").await;
    ann.edit(&other.id, "other 1").await.done();
    ann.edit(&one.id, "one 3").await.done();
    ann.edit(&other.id, "other 2").await.done();
    ann.edit(&one.id, "one 4").await.done();
    ann.say_in(&group, "end").await;
    let scope = Scope::all(Window::Events).after(here);
    Feed::open(app.address, &bob, scope)
        .await
        .tells(&[
            "new between",
            "changed other 2 (edited)",
            "changed one 4 (edited)",
            "new end",
        ])
        .await;
    let scope = Scope::all(Window::MessageChanged).after(both);
    Feed::open(app.address, &bob, scope)
        .await
        .tells(&["changed other 2 (edited)", "changed one 4 (edited)"])
        .await;
    app.stop().await;
}

async fn of_changes_of_every_kind_only_the_newest_state_of_a_message_comes(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let [gone, liked] = [
        ann.say_in(&group, "gone").await,
        ann.say_in(&group, "liked").await,
    ];
    let start = bob.stands().await;
    ann.react(&gone.id, "👍").await.done();
    ann.react(&liked.id, "👍").await.done();
    ann.edit(&gone.id, "gone!").await.done();
    bob.react(&liked.id, "👍").await.done();
    ann.delete(&gone.id).await.done();
    ann.edit(&liked.id, "liked!").await.done();
    ann.unreact(&liked.id, "👍").await.done();
    ann.say_in(&group, "end").await;
    let scope = Scope::all(Window::Events).after(start);
    let mut feed = Feed::open(app.address, &bob, scope).await;
    feed.tells(&[
        "changed (deleted)",
        "changed liked! (edited) 👍×1",
        "new end",
    ])
    .await;
    app.stop().await;
}

async fn a_message_that_was_sent_and_changed_comes_as_new_in_its_newest_state(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let start = bob.stands().await;
    let said = ann.say_in(&group, "one").await;
    let gone = ann.say_in(&group, "a secret").await;
    ann.say_in(&group, "three").await;
    ann.edit(&said.id, "uno").await.done();
    ann.delete(&gone.id).await.done();
    bob.react(&said.id, "👍").await.done();
    ann.say_in(&group, "end").await;
    let newest = ["uno (edited) 👍×1", "(deleted)"];
    let scope = Scope::all(Window::Events).after(start.clone());
    let mut feed = Feed::open(app.address, &bob, scope).await;
    let mut told = until(&mut feed, "new end").await;
    for state in newest {
        let as_changed = format!("changed {state}");
        let again = told.iter().filter(|told| **told == as_changed).count();
        assert!(again <= 1, "{told:?}");
        told.retain(|told| *told != as_changed);
    }
    let expected = [newest[0], newest[1], "three", "end"];
    assert_eq!(told, expected.map(|state| format!("new {state}")));
    let scope = Scope::all(Window::NewMessage).after(start);
    let mut feed = Feed::open(app.address, &bob, scope).await;
    feed.tells(&expected.map(|state| format!("new {state}")))
        .await;
    app.stop().await;
}

async fn of_several_changes_of_a_conversation_only_the_newest_comes(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let other = ann.group("coffee", &[&bob]).await;
    let start = bob.stands().await;
    ann.rename(&group, "tea 1").await.done();
    ann.say_in(&group, "between").await;
    ann.add(&group, &[&cleo]).await.done();
    ann.rename(&other, "coffee 1").await.done();
    ann.rename(&group, "tea 2").await.done();
    ann.say_in(&group, "end").await;
    let only = Scope::all(Window::Events).only(in_group(&group));
    let mut feed = Feed::open(app.address, &bob, only.after(start.clone())).await;
    feed.tells(&[
        "new between",
        "conversation tea 2: ann* bob cleo",
        "new end",
    ])
    .await;
    let all = Scope::all(Window::Events).after(start);
    let mut feed = Feed::open(app.address, &bob, all).await;
    let mut told = until(&mut feed, "new end").await;
    if !told.iter().any(|told| told.contains("coffee")) {
        // Between conversations no order is promised.
        told.push(feed.told().await);
    }
    let of_other = told.iter().filter(|told| told.contains("coffee")).count();
    assert_eq!(of_other, 1, "{told:?}");
    told.retain(|told| *told != "conversation coffee 1: ann* bob");
    assert_eq!(
        told,
        [
            "new between",
            "conversation tea 2: ann* bob cleo",
            "new end"
        ]
    );
    app.stop().await;
}

async fn what_was_told_is_not_told_again_until_something_newer_happens(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let said = ann.say_in(&group, "hello").await;
    let mut feed = Feed::live(app.address, &bob).await;
    ann.edit(&said.id, "hello 0").await.done();
    feed.tells(&["changed hello 0 (edited)"]).await;
    for round in 1..=5 {
        // Nothing happened meanwhile, then something new did.
        feed.resume(app.address).await;
        ann.say_in(&group, &format!("so {round}")).await;
        feed.tells(&[format!("new so {round}")]).await;
        ann.edit(&said.id, &format!("hello {round}")).await.done();
        ann.rename(&group, &format!("tea {round}")).await.done();
        feed.resume(app.address).await;
        feed.tells(&[
            format!("changed hello {round} (edited)"),
            format!("conversation tea {round}: ann* bob"),
        ])
        .await;
    }
    app.stop().await;
}

async fn a_reader_that_comes_back_often_ends_with_the_newest_state(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let mut said = Vec::new();
    for number in 0..5 {
        said.push(ann.say_in(&group, &number.to_string()).await);
    }
    let mut feed = Feed::live(app.address, &bob).await;
    ann.say_in(&group, "begin").await;
    feed.tells(&["new begin"]).await;
    let mut seen = std::collections::HashMap::new();
    for round in 0..40 {
        let message = &said[round % 5].id;
        ann.edit(message, &format!("round {round}")).await.done();
        bob.react(message, ["👍", "🎉", "❤️"][round % 3])
            .await
            .done();
        if round % 3 == 2 {
            let event = feed.next().await;
            seen.insert(text(&event["message"]["id"]), state(&event["message"]));
            feed.resume(app.address).await;
        }
    }
    ann.say_in(&group, "end").await;
    loop {
        let event = feed.next().await;
        if event["message"]["body"] == "end" {
            break;
        }
        seen.insert(text(&event["message"]["id"]), state(&event["message"]));
    }
    for message in &said {
        let newest = state(&bob.message(&message.id).await);
        assert_eq!(seen[&message.id], newest);
    }
    app.stop().await;
}
