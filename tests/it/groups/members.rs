//! Adding and removing others.

use super::*;

on_both_stores!(
    only_the_owner_adds_and_removes_others,
    who_is_added_is_in_it_from_the_answer_on,
    adding_who_is_in_it_changes_nothing_and_tells_nobody,
    an_unknown_id_adds_nobody,
    who_is_removed_is_out_of_it_from_the_answer_on,
    who_does_not_exist_cannot_be_removed,
    changes_of_members_are_told_to_all_and_to_who_comes_and_goes,
);

async fn only_the_owner_adds_and_removes_others(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    bob.add(&group, &[&dora]).await.refused("FORBIDDEN");
    bob.add(&group, &[&cleo]).await.refused("FORBIDDEN");
    bob.remove(&group, &cleo).await.refused("FORBIDDEN");
    bob.remove(&group, &ann).await.refused("FORBIDDEN");
    for (real, made_up) in [
        (
            dora.add(&group, &[&dora]).await,
            dora.add(NO_CONVERSATION, &[&dora]).await,
        ),
        (
            dora.add(&group, &[&ann]).await,
            dora.add(NO_CONVERSATION, &[&ann]).await,
        ),
        (
            dora.add_ids(&group, &[NO_USER.to_owned()]).await,
            dora.add_ids(NO_CONVERSATION, &[NO_USER.to_owned()]).await,
        ),
        (
            dora.remove(&group, &bob).await,
            dora.remove(NO_CONVERSATION, &bob).await,
        ),
        (
            dora.remove(&group, &dora).await,
            dora.remove(NO_CONVERSATION, &dora).await,
        ),
        (
            dora.remove_id(&group, NO_USER).await,
            dora.remove_id(NO_CONVERSATION, NO_USER).await,
        ),
    ] {
        real.refused("NOT_FOUND");
        assert_eq!(real, made_up);
    }
    let nobody = app.anonymous();
    nobody
        .add(&group, &[&dora])
        .await
        .refused("UNAUTHENTICATED");
    nobody.remove(&group, &bob).await.refused("UNAUTHENTICATED");
    assert_eq!(who(&ann, &group).await, "ann* bob cleo");
    app.stop().await;
}

async fn who_is_added_is_in_it_from_the_answer_on(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    assert_eq!(dora.conversation(&group).await, Value::Null);
    let added = ann.add(&group, &[&dora, &cleo, &dora]).await.done();
    assert_eq!(members(&added), "ann* bob cleo dora");
    assert_eq!(added["memberCount"], 4);
    for viewer in [&ann, &bob, &cleo, &dora] {
        assert_eq!(viewer.conversation(&group).await, added);
        assert_eq!(titles(viewer).await, [json!("tea")]);
    }
    let joined = |name: &str| {
        let mut members = added["members"].as_array().expect("a list").iter();
        let member = members.find(|member| member["user"]["username"] == name);
        text(&member.expect("a member")["joinedAt"])
    };
    assert_eq!(joined("cleo"), joined("dora"));
    assert!(joined("cleo") >= joined("bob"));
    assert_eq!(dora.say_in(&group, "hello").await.seq, 1);
    assert_eq!(states(&bob, &group).await, ["hello"]);
    app.stop().await;
}

async fn adding_who_is_in_it_changes_nothing_and_tells_nobody(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let before = ann.conversation(&group).await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &bob).await,
    ];
    for again in [vec![&bob], vec![&ann], vec![&cleo, &bob, &ann]] {
        assert_eq!(ann.add(&group, &again).await.done(), before);
    }
    assert_eq!(bob.conversation(&group).await, before);
    cleo.say_in(&group, "so").await;
    for feed in &mut feeds {
        feed.tells(&["new so"]).await;
    }
    // Who is new among them joins, and nothing changes for the others.
    let added = ann.add(&group, &[&bob, &dora]).await.done();
    assert_eq!(members(&added), "ann* bob cleo dora");
    let joined = |conversation: &Value, name: &str| {
        let mut members = conversation["members"].as_array().expect("a list").iter();
        let member = members.find(|member| member["user"]["username"] == name);
        member.expect("a member")["joinedAt"].clone()
    };
    assert_eq!(joined(&added, "bob"), joined(&before, "bob"));
    for feed in &mut feeds {
        feed.tells(&["conversation tea: ann* bob cleo dora"]).await;
    }
    app.stop().await;
}

async fn an_unknown_id_adds_nobody(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    dora.ok(
        "mutation { deleteAccount(password: \"password1\") }",
        json!({}),
    )
    .await;
    for unknown in [NO_USER, NO_CONVERSATION, "", "x", &dora.id] {
        for list in [
            vec![unknown.to_owned()],
            vec![cleo.id.clone(), unknown.to_owned()],
            vec![unknown.to_owned(), bob.id.clone()],
        ] {
            let refused = ann.add_ids(&group, &list).await;
            assert_eq!(refused.refused("NOT_FOUND"), "userIds", "{list:?}");
        }
    }
    assert_eq!(who(&ann, &group).await, "ann* bob");
    assert_eq!(cleo.conversation(&group).await, Value::Null);
    app.stop().await;
}

async fn who_is_removed_is_out_of_it_from_the_answer_on(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let said = bob.say_in(&group, "bob was here").await;
    let removed = ann.remove(&group, &bob).await.done();
    assert_eq!(members(&removed), "ann* cleo");
    assert_eq!(removed["memberCount"], 2);
    assert_eq!(bob.conversation(&group).await, Value::Null);
    assert_eq!(bob.message(&said.id).await, Value::Null);
    assert_eq!(bob.listed().await, [] as [Value; 0]);
    let refused = bob
        .sends(json!({ "to": in_group(&group), "body": "hey" }))
        .await;
    assert_eq!(refused.refused("NOT_FOUND"), "input.to.conversationId");
    // What bob said stays, and it is bob's.
    let shown = cleo.message(&said.id).await;
    assert_eq!(shown["body"], "bob was here");
    assert_eq!(shown["sender"]["username"], "bob");
    assert_eq!(cleo.say_in(&group, "he was").await.seq, 2);
    app.stop().await;
}

async fn who_does_not_exist_cannot_be_removed(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut feed = Feed::live(app.address, &bob).await;
    for unknown in [NO_USER, NO_CONVERSATION, "", "x"] {
        let refused = ann.remove_id(&group, unknown).await;
        assert_eq!(refused.refused("NOT_FOUND"), "userId", "{unknown}");
    }
    // Who is not in it is answered like that or as removed already, and nobody is told.
    ann.remove(&group, &dora).await;
    assert_eq!(who(&ann, &group).await, "ann* bob cleo");
    ann.say_in(&group, "so").await;
    feed.tells(&["new so"]).await;
    app.stop().await;
}

async fn changes_of_members_are_told_to_all_and_to_who_comes_and_goes(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut feeds = Vec::new();
    for viewer in [&ann, &bob, &cleo] {
        feeds.push(Feed::live(app.address, viewer).await);
    }
    let mut doras = Feed::live(app.address, &dora).await;
    ann.add(&group, &[&dora]).await.done();
    doras.tells(&["conversation tea: ann* bob cleo dora"]).await;
    for feed in &mut feeds {
        feed.tells(&["conversation tea: ann* bob cleo dora"]).await;
    }
    ann.remove(&group, &cleo).await.done();
    doras.tells(&["conversation tea: ann* bob dora"]).await;
    for feed in &mut feeds[..2] {
        feed.tells(&["conversation tea: ann* bob dora"]).await;
    }
    feeds[2].tells(&["left"]).await;
    assert_eq!(feeds[2].last["conversationId"], group.as_str());
    bob.leave(&group).await;
    doras.tells(&["conversation tea: ann* dora"]).await;
    feeds[0].tells(&["conversation tea: ann* dora"]).await;
    feeds[1].tells(&["left"]).await;
    // Of what comes then those who left hear nothing.
    ann.say_in(&group, "alone").await;
    ann.send(&bob, "to bob").await;
    ann.send(&cleo, "to cleo").await;
    feeds[1]
        .tells(&["conversation direct: ann bob", "new to bob"])
        .await;
    feeds[2]
        .tells(&["conversation direct: ann cleo", "new to cleo"])
        .await;
    app.stop().await;
}
