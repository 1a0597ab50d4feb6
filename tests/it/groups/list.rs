//! Where groups stand among someone's conversations.

use super::*;

on_both_stores!(
    a_new_group_stands_first_at_once_and_messages_move_it,
    what_is_no_message_moves_nothing,
    a_group_one_is_added_to_stands_at_its_last_message,
    pages_of_a_list_meet_groups_and_direct_conversations_once,
);

/// The list is in the order that it promises.
async fn sorted_titles(viewer: &Client) -> Vec<Value> {
    let listed = viewer.listed().await;
    let at = |one: &Value| text(&one["lastActivityAt"]);
    assert!(listed.is_sorted_by(|a, b| at(a) >= at(b)), "{listed:?}");
    titles(viewer).await
}

/// Waits until the clock of whoever stamps messages shows another millisecond than `instant`.
async fn past(viewer: &Client, group: &str, instant: &Value) -> Value {
    loop {
        let said = viewer.say_in(group, "tick").await;
        let sent_at = viewer.message(&said.id).await["sentAt"].clone();
        if sent_at.as_str() > instant.as_str() {
            return sent_at;
        }
    }
}

async fn a_new_group_stands_first_at_once_and_messages_move_it(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, ..] = four(&app).await;
    let hello = text(&ann.send(&bob, "hello").await["id"]);
    let clock = ann.group("clock", &[&bob]).await;
    let hello = ann.message(&hello).await;
    let mut now = past(&ann, &clock, &hello["sentAt"]).await;
    for title in ["tea", "cake"] {
        let made = ann.create_group(title, &ids(&[&bob])).await.done();
        assert_eq!(made["lastActivityAt"], made["createdAt"]);
        for viewer in [&ann, &bob] {
            let listed = viewer.listed().await;
            let group = listed.iter().find(|one| one["title"] == title);
            assert_eq!(group, Some(&made), "{}", viewer.username);
            let at = text(&made["lastActivityAt"]);
            assert!(listed.iter().all(|one| text(&one["lastActivityAt"]) <= at));
        }
        now = past(&ann, &clock, &made["createdAt"]).await;
        for viewer in [&ann, &bob] {
            let titles = sorted_titles(viewer).await;
            assert_eq!(titles[..2], [json!("clock"), json!(title)]);
        }
    }
    // An older one comes first with its next message.
    let tea = ann
        .listed()
        .await
        .iter()
        .find(|one| one["title"] == "tea")
        .cloned();
    let tea = text(&tea.expect("listed")["id"]);
    let sent_at = past(&bob, &tea, &now).await;
    for viewer in [&ann, &bob] {
        let titles = sorted_titles(viewer).await;
        assert_eq!(
            titles,
            [json!("tea"), json!("clock"), json!("cake"), Value::Null]
        );
        assert_eq!(viewer.conversation(&tea).await["lastActivityAt"], sent_at);
    }
    app.stop().await;
}

async fn what_is_no_message_moves_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let tea = ann.group("tea", &[&bob]).await;
    let said = ann.say_in(&tea, "hello").await;
    let cake = ann.group("cake", &[&bob]).await;
    past(&ann, &cake, &ann.message(&said.id).await["sentAt"]).await;
    let activity = ann.conversation(&tea).await["lastActivityAt"].clone();
    ann.edit(&said.id, "hello!").await.done();
    bob.react(&said.id, "👍").await.done();
    bob.mark(&said.id).await.done();
    ann.rename(&tea, "coffee").await.done();
    ann.add(&tea, &[&cleo]).await.done();
    ann.remove(&tea, &cleo).await.done();
    ann.delete(&said.id).await.done();
    for viewer in [&ann, &bob] {
        assert_eq!(titles(viewer).await, [json!("cake"), json!("coffee")]);
        assert_eq!(viewer.conversation(&tea).await["lastActivityAt"], activity);
    }
    app.stop().await;
}

async fn a_group_one_is_added_to_stands_at_its_last_message(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let old = ann.group("old", &[&bob]).await;
    let said = ann.say_in(&old, "hello").await;
    let new = ann.group("new", &[&cleo]).await;
    past(&ann, &new, &ann.message(&said.id).await["sentAt"]).await;
    ann.add(&old, &[&cleo]).await.done();
    assert_eq!(sorted_titles(&cleo).await, [json!("new"), json!("old")]);
    ann.remove(&new, &cleo).await.done();
    assert_eq!(titles(&cleo).await, [json!("old")]);
    let now = ann.conversation(&new).await["lastActivityAt"].clone();
    past(&ann, &old, &now).await;
    ann.add(&new, &[&cleo]).await.done();
    assert_eq!(sorted_titles(&cleo).await, [json!("old"), json!("new")]);
    app.stop().await;
}

async fn pages_of_a_list_meet_groups_and_direct_conversations_once(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo, _] = four(&app).await;
    let mut expected = Vec::new();
    for number in 0..9 {
        let group = ann.group(&number.to_string(), &[&bob]).await;
        if number % 3 == 0 {
            bob.say_in(&group, "hello").await;
        }
        expected.push(group);
    }
    for peer in [&bob, &cleo] {
        let sent = ann.send(peer, "hello").await;
        expected.push(text(&sent["conversation"]["id"]));
    }
    expected.sort();
    for size in [1, 2, 5, 11, 12] {
        let document = "query($first: Int!, $after: String) {
            conversations(first: $first, after: $after) {
                nodes { id } pageInfo { hasNextPage endCursor }
            }
        }";
        let (mut met, mut after) = (Vec::new(), Value::Null);
        loop {
            let variables = json!({ "first": size, "after": after });
            let page = ann.ok(document, variables).await["conversations"].clone();
            let nodes = page["nodes"].as_array().expect("a list").iter();
            met.extend(nodes.map(|node| text(&node["id"])));
            if page["pageInfo"]["hasNextPage"] != true {
                break;
            }
            after = page["pageInfo"]["endCursor"].clone();
        }
        met.sort();
        assert_eq!(met, expected, "{size}");
    }
    app.stop().await;
}
