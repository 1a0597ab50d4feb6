//! Reactions: counted, ordered, bounded, told.

use futures_util::future::join_all;

use super::*;

on_both_stores!(
    a_reaction_shows_to_everyone_and_whose_it_is,
    kinds_stand_in_the_order_in_which_the_first_of_each_came,
    adding_again_and_removing_what_is_not_there_change_nothing_and_tell_nobody,
    a_message_has_at_most_twenty_kinds,
    the_first_who_reacted_are_listed_up_to_fifty,
    each_reader_sees_their_own_reaction_also_in_events,
    reactions_change_nothing_else,
    a_deleted_message_takes_no_reactions,
    strangers_react_to_nothing_and_learn_nothing,
);

/// Twenty kinds, and one more.
const KINDS: [&str; 21] = [
    "😀", "😁", "😂", "😃", "😄", "😅", "😆", "😇", "😈", "😉", "😊", "😋", "😌", "😍", "😎", "😏",
    "😐", "😑", "😒", "😓", "😔",
];

async fn a_reaction_shows_to_everyone_and_whose_it_is(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let group = ann.group("tea", &[&bob, &eve]).await;
    let said = ann.say_in(&group, "hello").await;
    bob.react(&said.id, "👍").await.done();
    eve.react(&said.id, "👍").await.done();
    // One's own message, too.
    let answer = ann.react(&said.id, "🎉").await.done();
    let expected = |thumb: bool, party: bool| {
        json!([
            {
                "emoji": "👍", "count": 2, "viewerReacted": thumb,
                "users": [{ "username": "bob" }, { "username": "eve" }],
            },
            {
                "emoji": "🎉", "count": 1, "viewerReacted": party,
                "users": [{ "username": "ann" }],
            },
        ])
    };
    assert_eq!(answer["reactions"], expected(false, true));
    for (viewer, thumb, party) in [
        (&ann, false, true),
        (&bob, true, false),
        (&eve, true, false),
    ] {
        let by_id = viewer.message(&said.id).await;
        assert_eq!(by_id["reactions"], expected(thumb, party));
        let shown = viewer.shown(&in_group(&group)).await;
        assert_eq!(shown[0]["reactions"], expected(thumb, party));
    }
    let answer = bob.unreact(&said.id, "👍").await.done();
    assert_eq!(state(&answer), "hello 👍×1 🎉×1");
    assert_eq!(
        answer["reactions"][0]["users"],
        json!([{ "username": "eve" }])
    );
    assert_eq!(answer["reactions"][0]["viewerReacted"], false);
    app.stop().await;
}

async fn kinds_stand_in_the_order_in_which_the_first_of_each_came(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    for (who, emoji) in [(&ann, "🎉"), (&bob, "👍"), (&bob, "😀"), (&bob, "🎉")] {
        who.react(&said.id, emoji).await.done();
    }
    assert_eq!(state(&bob.message(&said.id).await), "hello 🎉×2 👍×1 😀×1");
    // When all of a kind are gone, the next one is its first.
    ann.unreact(&said.id, "🎉").await.done();
    bob.unreact(&said.id, "🎉").await.done();
    ann.react(&said.id, "👍").await.done();
    let last = bob.react(&said.id, "🎉").await.done();
    assert_eq!(state(&last), "hello 👍×2 😀×1 🎉×1");
    assert_eq!(state(&ann.message(&said.id).await), "hello 👍×2 😀×1 🎉×1");
    app.stop().await;
}

async fn adding_again_and_removing_what_is_not_there_change_nothing_and_tell_nobody(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let mut feeds = [
        Feed::live(app.address, &ann).await,
        Feed::live(app.address, &bob).await,
    ];
    let none = bob.unreact(&said.id, "👍").await.done();
    assert_eq!(state(&none), "hello");
    let one = bob.react(&said.id, "👍").await.done();
    for feed in &mut feeds {
        feed.tells(&["changed hello 👍×1"]).await;
    }
    assert_eq!(bob.react(&said.id, "👍").await.done(), one);
    assert_eq!(bob.unreact(&said.id, "🎉").await.done(), one);
    // There is one, but not hers.
    let hers = ann.unreact(&said.id, "👍").await.done();
    assert_eq!(state(&hers), "hello 👍×1");
    say(&ann, &bob, "so").await;
    for feed in &mut feeds {
        feed.tells(&["new so"]).await;
    }
    bob.unreact(&said.id, "👍").await.done();
    for feed in &mut feeds {
        feed.tells(&["changed hello"]).await;
    }
    app.stop().await;
}

async fn a_message_has_at_most_twenty_kinds(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    for (number, emoji) in KINDS[..20].iter().enumerate() {
        let who = if number % 2 == 0 { &ann } else { &bob };
        who.react(&said.id, emoji).await.done();
    }
    for who in [&ann, &bob] {
        let field = who
            .react(&said.id, KINDS[20])
            .await
            .refused("BAD_USER_INPUT");
        assert_eq!(field, "emoji");
    }
    let kinds = |message: &Value| {
        let reactions = message["reactions"].as_array().expect("a list").iter();
        let emoji =
            reactions.map(|reaction| reaction["emoji"].as_str().expect("an emoji").to_owned());
        emoji.collect::<Vec<_>>()
    };
    assert_eq!(kinds(&ann.message(&said.id).await), KINDS[..20]);
    // More of a kind that is there are welcome, and what is taken back makes room.
    ann.react(&said.id, KINDS[1]).await.done();
    ann.unreact(&said.id, KINDS[0]).await.done();
    let last = bob.react(&said.id, KINDS[20]).await.done();
    assert_eq!(kinds(&last), KINDS[1..]);
    ann.react(&said.id, KINDS[0])
        .await
        .refused("BAD_USER_INPUT");
    app.stop().await;
}

async fn the_first_who_reacted_are_listed_up_to_fifty(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let names: Vec<_> = (0..55).map(|number| format!("user{number:02}")).collect();
    let people = join_all(names.iter().map(|name| app.user(name))).await;
    let others: Vec<_> = people[1..].iter().collect();
    let group = people[0].group("many", &others).await;
    let said = people[0].say_in(&group, "hello").await;
    for one in &people {
        one.react(&said.id, "👍").await.done();
    }
    let listed = async |first: Value| {
        let document = "query($id: ID!, $first: Int! = 10) { node(id: $id) { ... on Message {
            reactions { count users(first: $first) { username } }
        } } }";
        let mut variables = json!({ "id": said.id });
        if !first.is_null() {
            variables["first"] = first;
        }
        people[3].asks(document, variables).await
    };
    for (first, count) in [(Value::Null, 10), (json!(1), 1), (json!(50), 50)] {
        let reaction = listed(first).await.done()["reactions"][0].clone();
        assert_eq!(reaction["count"], 55);
        let users = reaction["users"].as_array().expect("a list").iter();
        assert!(
            users
                .map(|user| user["username"].as_str().expect("a name"))
                .eq(&names[..count])
        );
    }
    for first in [0, -1, 51, i32::MAX, i32::MIN] {
        let refused = listed(json!(first)).await;
        assert_eq!(refused.refused("BAD_USER_INPUT"), "first", "{first}");
    }
    app.stop().await;
}

async fn each_reader_sees_their_own_reaction_also_in_events(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let group = ann.group("tea", &[&bob, &eve]).await;
    let said = ann.say_in(&group, "hello").await;
    let readers = [&ann, &bob, &eve];
    let mut feeds = Vec::new();
    for reader in readers {
        for window in [Window::Events, Window::MessageChanged] {
            // Two of each, so that what is made for one could be handed to the other.
            for _ in 0..2 {
                feeds.push((
                    reader,
                    Feed::open(app.address, reader, Scope::all(window)).await,
                ));
            }
        }
    }
    for (count, reactor) in readers.iter().enumerate() {
        reactor.react(&said.id, "👍").await.done();
        for (reader, feed) in &mut feeds {
            feed.tells(&[format!("changed hello 👍×{}", count + 1)])
                .await;
            let reacted = readers[..=count].iter().any(|one| one.id == reader.id);
            let told = &feed.last["message"]["reactions"][0]["viewerReacted"];
            assert_eq!(*told, reacted, "{} of {count}", reader.username);
        }
    }
    app.stop().await;
}

async fn reactions_change_nothing_else(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    say(&eve, &bob, "later").await;
    let (message, listed) = (bob.message(&said.id).await, bob.listed().await);
    let mut reacted = bob.react(&said.id, "👍").await.done();
    assert_eq!(bob.listed().await, listed, "nothing is read, nothing moves");
    reacted["reactions"] = json!([]);
    assert_eq!(reacted, message);
    app.stop().await;
}

async fn a_deleted_message_takes_no_reactions(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    bob.react(&said.id, "👍").await.done();
    ann.delete(&said.id).await.done();
    for who in [&ann, &bob] {
        for emoji in ["👍", "🎉"] {
            who.react(&said.id, emoji).await.refused("NOT_FOUND");
        }
    }
    assert_eq!(bob.message(&said.id).await["reactions"], json!([]));
    app.stop().await;
}

async fn strangers_react_to_nothing_and_learn_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let said = say(&ann, &bob, "between us").await;
    let deleted = say(&ann, &bob, "once").await;
    ann.delete(&deleted.id).await.done();
    ann.react(&said.id, "👍").await.done();
    for emoji in ["👍", "🎉", "no emoji", ""] {
        let made_up = [
            eve.react(NO_MESSAGE, emoji).await,
            eve.unreact(NO_MESSAGE, emoji).await,
        ];
        for id in [&said.id, &deleted.id, "x", &said.conversation] {
            let real = [eve.react(id, emoji).await, eve.unreact(id, emoji).await];
            assert_eq!(real, made_up, "{id} {emoji}");
        }
    }
    eve.react(NO_MESSAGE, "👍").await.refused("NOT_FOUND");
    eve.unreact(NO_MESSAGE, "👍").await.refused("NOT_FOUND");
    let nobody = app.anonymous();
    nobody
        .react(&said.id, "👍")
        .await
        .refused("UNAUTHENTICATED");
    nobody
        .unreact(&said.id, "👍")
        .await
        .refused("UNAUTHENTICATED");
    assert_eq!(state(&bob.message(&said.id).await), "between us 👍×1");
    app.stop().await;
}
