//! Leaving, who becomes owner then, and the end of a group.

use super::*;

on_both_stores!(
    who_leaves_gets_null_and_is_a_stranger,
    the_owner_is_followed_in_the_order_of_joining_and_of_the_ids_of_those_who_joined_together,
    who_comes_back_has_joined_last,
    the_last_one_to_leave_ends_the_group,
    the_new_owner_may_do_what_the_old_one_could,
    succession_is_told,
);

async fn who_leaves_gets_null_and_is_a_stranger(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    bob.leave(&group).await;
    assert_eq!(bob.conversation(&group).await, Value::Null);
    assert_eq!(who(&cleo, &group).await, "ann* cleo");
    // Leaving again is leaving what one is not in.
    let again = bob.remove(&group, &bob).await;
    assert_eq!(again, bob.remove(NO_CONVERSATION, &bob).await);
    again.refused("NOT_FOUND");
    app.stop().await;
}

async fn the_owner_is_followed_in_the_order_of_joining_and_of_the_ids_of_those_who_joined_together(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let (eve, fred) = (app.user("eve").await, app.user("fred").await);
    let group = bob.group("tea", &[&cleo, &ann, &cleo]).await;
    bob.add(&group, &[&fred, &cleo, &dora]).await.done();
    bob.add(&group, &[&eve]).await.done();
    let mut owners = Vec::new();
    for leaving in [&bob, &cleo, &ann, &fred, &dora] {
        assert_eq!(owner(leaving, &group).await, leaving.username);
        leaving.leave(&group).await;
        owners.push(owner(&eve, &group).await);
    }
    assert_eq!(owners, ["cleo", "ann", "fred", "dora", "eve"]);
    // A member who leaves changes nothing of that.
    let group = ann.group("cake", &[&bob, &cleo, &dora]).await;
    bob.leave(&group).await;
    assert_eq!(owner(&dora, &group).await, "ann");
    ann.leave(&group).await;
    assert_eq!(owner(&dora, &group).await, "cleo");
    app.stop().await;
}

/// Who owns a group.
async fn owner(viewer: &Client, group: &str) -> String {
    let members = who(viewer, group).await;
    let owners: Vec<_> = members
        .split(' ')
        .filter_map(|name| name.strip_suffix('*'))
        .collect();
    assert_eq!(owners.len(), 1, "{members}");
    owners[0].to_owned()
}

async fn who_comes_back_has_joined_last(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    bob.leave(&group).await;
    ann.add(&group, &[&dora]).await.done();
    ann.add(&group, &[&bob]).await.done();
    ann.leave(&group).await;
    assert_eq!(owner(&bob, &group).await, "cleo");
    cleo.add(&group, &[&ann]).await.done();
    assert_eq!(
        who(&ann, &group).await,
        "ann bob cleo* dora",
        "no longer the owner"
    );
    for (leaving, next) in [(&cleo, "dora"), (&dora, "bob"), (&bob, "ann")] {
        leaving.leave(&group).await;
        assert_eq!(owner(&ann, &group).await, next);
    }
    app.stop().await;
}

async fn the_last_one_to_leave_ends_the_group(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, ..] = four(&app).await;
    let group = ann.group("tea", &[&bob]).await;
    let said = ann.say_in(&group, "hello").await;
    bob.leave(&group).await;
    // One alone is still a group.
    assert_eq!(who(&ann, &group).await, "ann*");
    assert_eq!(ann.say_in(&group, "anyone?").await.seq, 2);
    let mut feed = Feed::live(app.address, &ann).await;
    let mut there = Feed::open(
        app.address,
        &ann,
        Scope::all(Window::NewMessage).only(in_group(&group)),
    )
    .await;
    ann.leave(&group).await;
    feed.tells(&["left"]).await;
    assert_eq!(there.ended().await, (vec![], json!("NOT_FOUND")));
    let nobody = ann.add(NO_CONVERSATION, &[&bob]).await;
    for viewer in [&ann, &bob] {
        assert_eq!(viewer.conversation(&group).await, Value::Null);
        assert_eq!(viewer.message(&said.id).await, Value::Null);
        assert_eq!(viewer.listed().await, [] as [Value; 0]);
        assert_eq!(viewer.add(&group, &[&bob]).await, nobody);
    }
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let ann = ann.at(app.url("/graphql"));
    assert_eq!(ann.conversation(&group).await, Value::Null);
    assert_eq!(ann.add(&group, &[&bob]).await, nobody);
    app.stop().await;
}

async fn the_new_owner_may_do_what_the_old_one_could(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, dora] = four(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    bob.rename(&group, "cake").await.refused("FORBIDDEN");
    ann.leave(&group).await;
    assert_eq!(bob.rename(&group, "cake").await.done()["title"], "cake");
    bob.add(&group, &[&dora, &ann]).await.done();
    ann.rename(&group, "tea").await.refused("FORBIDDEN");
    ann.remove(&group, &cleo).await.refused("FORBIDDEN");
    bob.remove(&group, &cleo).await.done();
    assert_eq!(who(&ann, &group).await, "ann bob* dora");
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let (ann, bob) = (ann.at(app.url("/graphql")), bob.at(app.url("/graphql")));
    assert_eq!(who(&ann, &group).await, "ann bob* dora");
    ann.rename(&group, "tea").await.refused("FORBIDDEN");
    bob.rename(&group, "coffee").await.done();
    app.stop().await;
}

async fn succession_is_told(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let group = ann.group("tea", &[&cleo, &bob]).await;
    let mut feeds = [
        Feed::live(app.address, &bob).await,
        Feed::live(app.address, &cleo).await,
    ];
    ann.leave(&group).await;
    for feed in &mut feeds {
        feed.tells(&["conversation tea: bob cleo*"]).await;
    }
    app.stop().await;
}
