//! Making and renaming groups.

use super::*;

on_both_stores!(
    who_makes_a_group_owns_it_and_the_others_are_members,
    oneself_and_repeated_ids_count_once,
    an_unknown_id_makes_no_group,
    a_group_has_two_members_at_least,
    a_title_has_1_to_100_characters,
    groups_of_the_same_name_and_people_are_different_ones,
    a_new_group_is_told_to_all_its_members,
    only_the_owner_renames,
    a_new_name_shows_to_all_and_is_told_to_all,
);

async fn who_makes_a_group_owns_it_and_the_others_are_members(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let made = bob.create_group("tea", &ids(&[&ann, &cleo])).await.done();
    assert_eq!(made["kind"], "GROUP");
    assert_eq!(made["title"], "tea");
    assert_eq!(members(&made), "ann bob* cleo");
    assert_eq!(made["memberCount"], 3);
    assert_eq!(made["unreadCount"], 0);
    assert_eq!(made["lastMessage"], Value::Null);
    assert_eq!(made["lastActivityAt"], made["createdAt"]);
    for member in made["members"].as_array().expect("a list") {
        assert_eq!(member["lastRead"], Value::Null);
        assert_eq!(member["joinedAt"], made["members"][0]["joinedAt"]);
    }
    let id = text(&made["id"]);
    assert!(id.starts_with("conv_"), "{id}");
    for viewer in [&ann, &bob, &cleo] {
        assert_eq!(viewer.conversation(&id).await, made);
        assert_eq!(viewer.listed().await, std::slice::from_ref(&made));
        let user = "query($id: ID!) { user(id: $id) { directConversation { id } } }";
        let direct = viewer.ok(user, json!({ "id": ann.id })).await;
        assert_eq!(direct["user"]["directConversation"], Value::Null);
    }
    assert_eq!(ann.say_in(&id, "first").await.seq, 1);
    app.stop().await;
}

async fn oneself_and_repeated_ids_count_once(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let twice = ids(&[&bob, &ann, &bob, &cleo, &bob, &ann]);
    let made = ann.create_group("tea", &twice).await.done();
    assert_eq!(members(&made), "ann* bob cleo");
    assert_eq!(made["memberCount"], 3);
    let many: Vec<_> = (0..300).map(|_| bob.id.clone()).collect();
    let made = ann.create_group("tea", &many).await.done();
    assert_eq!(members(&made), "ann* bob");
    app.stop().await;
}

async fn an_unknown_id_makes_no_group(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let delete = "mutation { deleteAccount(password: \"password1\") }";
    cleo.ok(delete, json!({})).await;
    for unknown in [NO_USER, NO_CONVERSATION, "", "x", &cleo.id] {
        for list in [
            vec![unknown.to_owned()],
            vec![bob.id.clone(), unknown.to_owned()],
            vec![unknown.to_owned(), bob.id.clone()],
        ] {
            let refused = ann.create_group("tea", &list).await;
            assert_eq!(refused.refused("NOT_FOUND"), "input.userIds", "{list:?}");
        }
    }
    for viewer in [&ann, &bob] {
        assert_eq!(viewer.listed().await, [] as [Value; 0]);
    }
    app.stop().await;
}

async fn a_group_has_two_members_at_least(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, ..] = four(&app).await;
    for list in [vec![], ids(&[&ann]), ids(&[&ann, &ann])] {
        let refused = ann.create_group("tea", &list).await;
        assert_eq!(
            refused.refused("BAD_USER_INPUT"),
            "input.userIds",
            "{list:?}"
        );
    }
    assert_eq!(ann.listed().await, [] as [Value; 0]);
    let nobody = app.anonymous();
    let refused = nobody.create_group("tea", &ids(&[&ann, &bob])).await;
    refused.refused("UNAUTHENTICATED");
    app.stop().await;
}

async fn a_title_has_1_to_100_characters(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, ..] = four(&app).await;
    let group = ann.group("first", &[&bob]).await;
    let (most, most_emoji) = ("x".repeat(100), "😀".repeat(100));
    for title in ["t", "tea", "Tee & Gebäck 🍰", &most, &most_emoji] {
        let made = ann.create_group(title, &ids(&[&bob])).await.done();
        assert_eq!(made["title"], title);
        assert_eq!(ann.rename(&group, title).await.done()["title"], title);
        assert_eq!(bob.conversation(&group).await["title"], title);
    }
    let (long, long_emoji) = ("x".repeat(101), "😀".repeat(101));
    for title in ["", &long, &long_emoji] {
        let refused = ann.create_group(title, &ids(&[&bob])).await;
        assert_eq!(refused.refused("BAD_USER_INPUT"), "input.title");
        let refused = ann.rename(&group, title).await;
        assert_eq!(refused.refused("BAD_USER_INPUT"), "title");
    }
    assert_eq!(bob.conversation(&group).await["title"], most_emoji.as_str());
    assert_eq!(ann.listed().await.len(), 6);
    app.stop().await;
}

async fn groups_of_the_same_name_and_people_are_different_ones(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, ..] = four(&app).await;
    let (one, other) = (
        ann.group("tea", &[&bob]).await,
        ann.group("tea", &[&bob]).await,
    );
    assert_ne!(one, other);
    ann.say_in(&one, "in one").await;
    ann.say_in(&other, "in the other").await;
    assert_eq!(states(&bob, &one).await, ["in one"]);
    assert_eq!(states(&bob, &other).await, ["in the other"]);
    assert_eq!(bob.listed().await.len(), 2);
    app.stop().await;
}

async fn a_new_group_is_told_to_all_its_members(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &bob).await,
        Feed::live(app.address, &cleo).await,
    ];
    let mut stranger = Feed::live(app.address, &dora).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    for feed in &mut feeds {
        feed.tells(&["conversation tea: ann* bob cleo"]).await;
        let told = &feed.last["conversation"];
        assert_eq!(
            (&told["id"], &told["kind"]),
            (&json!(group), &json!("GROUP"))
        );
        assert_eq!(told["memberCount"], 3);
    }
    bob.say_in(&group, "hello").await;
    for feed in &mut feeds {
        feed.tells(&["new hello"]).await;
    }
    dora.group("cake", &[&bob]).await;
    stranger.tells(&["conversation cake: bob dora*"]).await;
    feeds[1].tells(&["conversation cake: bob dora*"]).await;
    app.stop().await;
}

async fn only_the_owner_renames(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    bob.rename(&group, "cake").await.refused("FORBIDDEN");
    for title in ["cake", "", &"x".repeat(101)] {
        let made_up = cleo.rename(NO_CONVERSATION, title).await;
        for id in [&group, "x", &cleo.id] {
            assert_eq!(cleo.rename(id, title).await, made_up, "{id} {title:.5}");
        }
    }
    cleo.rename(&group, "cake").await.refused("NOT_FOUND");
    app.anonymous()
        .rename(&group, "cake")
        .await
        .refused("UNAUTHENTICATED");
    assert_eq!(ann.conversation(&group).await["title"], "tea");
    app.stop().await;
}

async fn a_new_name_shows_to_all_and_is_told_to_all(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let mut feeds = Vec::new();
    for viewer in [&ann, &bob, &cleo] {
        let scope = Scope::all(Window::Events);
        feeds.push(Feed::open(app.address, viewer, scope.clone()).await);
        feeds.push(Feed::open(app.address, viewer, scope.only(in_group(&group))).await);
    }
    for title in ["coffee", "cake", "tea"] {
        let renamed = ann.rename(&group, title).await.done();
        assert_eq!(renamed["title"], title);
        for viewer in [&ann, &bob, &cleo] {
            assert_eq!(viewer.conversation(&group).await, renamed);
            assert_eq!(titles(viewer).await, [json!(title)]);
        }
        for feed in &mut feeds {
            feed.tells(&[format!("conversation {title}: ann* bob cleo")])
                .await;
        }
    }
    app.stop().await;
}
