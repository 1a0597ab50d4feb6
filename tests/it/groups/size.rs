//! As many members as there may be.

use futures_util::future::join_all;

use super::*;

on_both_stores!(a_group_has_at_most_250_members);

async fn a_group_has_at_most_250_members(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let names: Vec<_> = (0..252).map(|number| format!("user{number:03}")).collect();
    let mut people = Vec::new();
    for some in names.chunks(20) {
        people.extend(join_all(some.iter().map(|name| app.user(name))).await);
    }
    let others: Vec<_> = people[1..].iter().collect();
    let refused = people[0].create_group("crowd", &ids(&others[..250])).await;
    assert_eq!(refused.refused("BAD_USER_INPUT"), "input.userIds");
    assert_eq!(people[0].listed().await, [] as [Value; 0]);

    // Those who are named twice do not count twice.
    let mut named = ids(&others[..249]);
    named.extend(ids(&[&people[0], &people[1], &people[2]]));
    let made = people[0].create_group("crowd", &named).await.done();
    let group = text(&made["id"]);
    assert_eq!(made["memberCount"], 250);
    let everyone = async |viewer: &Client| {
        let shown = viewer.conversation(&group).await;
        let members = shown["members"].as_array().expect("a list").iter();
        let mut ids: Vec<_> = members.map(|member| text(&member["user"]["id"])).collect();
        ids.sort();
        (ids, shown["memberCount"].clone())
    };
    let mut expected = ids(&people.iter().take(250).collect::<Vec<_>>());
    expected.sort();
    let (last, stranger) = (&people[249], &people[250]);
    assert_eq!(everyone(last).await, (expected.clone(), json!(250)));

    for more in [
        vec![stranger],
        vec![last, stranger],
        vec![stranger, &people[251]],
    ] {
        let refused = people[0].add(&group, &more).await;
        assert_eq!(refused.refused("BAD_USER_INPUT"), "userIds");
    }
    assert_eq!(
        people[0].add(&group, &[last, &people[5]]).await.done()["memberCount"],
        250
    );
    assert_eq!(stranger.conversation(&group).await, Value::Null);

    // What is said reaches the first and the last, and whoever leaves makes room for one.
    let mut feeds = [
        Feed::live(app.address, &people[0]).await,
        Feed::live(app.address, last).await,
    ];
    people[100].say_in(&group, "hello").await;
    for feed in &mut feeds {
        feed.tells(&["new hello"]).await;
    }
    assert_eq!(last.conversation(&group).await["unreadCount"], 1);
    people[100].leave(&group).await;
    let refused = people[0].add(&group, &[stranger, &people[251]]).await;
    assert_eq!(refused.refused("BAD_USER_INPUT"), "userIds");
    people[0].add(&group, &[stranger]).await.done();
    expected.retain(|id| *id != people[100].id);
    expected.push(stranger.id.clone());
    expected.sort();
    assert_eq!(everyone(stranger).await, (expected, json!(250)));
    app.stop().await;
}
