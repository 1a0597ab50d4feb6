//! What depends on who looks is each reader's own, also where an event is made once for many.

use std::collections::HashSet;

use super::*;

on_both_stores!(
    what_a_client_called_its_message_is_its_senders_alone_in_every_kind_of_event,
    unread_counts_in_events_are_each_readers_own,
    who_is_online_in_events_is_as_each_reader_may_see_it,
    direct_conversations_in_events_are_each_readers_own,
);

/// Two feeds of each of these people, so that what is made for one could be handed to another.
async fn feeds<'a>(app: &TestApp, people: &[&'a Client]) -> Vec<(&'a Client, Feed)> {
    let mut feeds = Vec::new();
    for viewer in people {
        for _ in 0..2 {
            feeds.push((*viewer, Feed::live(app.address, viewer).await));
        }
    }
    feeds
}

/// A subscription to everything by a document of a test's own.
async fn asking(app: &TestApp, viewer: &Client, selection: &str) -> Ws {
    let mut socket = app.socket(viewer).await;
    let document = format!("subscription {{ events {{ __typename {selection} }} }}");
    socket.subscribe("1", &document, json!({})).await;
    socket.settle().await;
    socket
}

async fn what_a_client_called_its_message_is_its_senders_alone_in_every_kind_of_event(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let people = [&ann, &bob, &cleo];
    let mut named = feeds(&app, &people).await;
    for window in [Window::NewMessage, Window::MessageChanged] {
        for viewer in people {
            let feed = Feed::open(app.address, viewer, Scope::all(window)).await;
            named.push((viewer, feed));
        }
    }
    let selection = "
        ... on NewMessage { message { replyTo { clientMessageId } conversation { lastMessage { clientMessageId } } } }
        ... on MessageChanged { message { conversation { lastMessage { clientMessageId } } } }
        ... on ConversationChanged { conversation { lastMessage { clientMessageId } } }
        ... on ConversationRead { lastRead { clientMessageId } conversation { lastMessage { clientMessageId } } }";
    let mut deep = Vec::new();
    for viewer in people {
        for _ in 0..2 {
            deep.push((viewer, asking(&app, viewer, selection).await));
        }
    }
    let input = json!({ "to": in_group(&group), "body": "hello", "clientMessageId": "ann's own" });
    let said = ann.sends(input).await.done();
    let id = text(&said["id"]);
    let own = |viewer: &Client| {
        let is_hers = viewer.id == ann.id;
        json!(is_hers.then_some("ann's own"))
    };
    for (viewer, feed) in &mut named {
        if feed.scope.window != Window::MessageChanged {
            feed.tells(&["new hello"]).await;
            assert_eq!(feed.last["message"]["clientMessageId"], own(viewer));
        }
    }
    bob.react(&id, "👍").await.done();
    for (viewer, feed) in &mut named {
        if feed.scope.window != Window::NewMessage {
            feed.tells(&["changed hello 👍×1"]).await;
            assert_eq!(feed.last["message"]["clientMessageId"], own(viewer));
        }
    }
    ann.rename(&group, "cake").await.done();
    cleo.mark(&id).await.done();
    let reply = json!({ "to": in_group(&group), "body": "oh", "replyToId": id, "clientMessageId": "bob's own" });
    bob.sends(reply).await.done();
    for (viewer, socket) in &mut deep {
        // Whatever is shown of a message in any place is shown by the name that its sender gave it, or by none.
        let (mut kinds, mut replied) = (HashSet::new(), false);
        let is_told = ["MessageChanged", "ConversationChanged", "ConversationRead"];
        let is_told = is_told.iter().filter(|kind| {
            // One's own mark comes to one's other devices, which this is not.
            viewer.id != cleo.id || **kind != "ConversationRead"
        });
        while !replied || !is_told.clone().all(|kind| kinds.contains(*kind)) {
            let event = socket.event("1").await["events"].clone();
            let shown = event.to_string();
            let (anns, bobs) = (shown.contains("ann's own"), shown.contains("bob's own"));
            assert!(!anns || viewer.id == ann.id, "{} {event}", viewer.username);
            assert!(!bobs || viewer.id == bob.id, "{} {event}", viewer.username);
            if event["__typename"] == "ConversationRead" {
                assert_eq!(event["lastRead"]["clientMessageId"], own(viewer));
            }
            if event["message"]["replyTo"].is_object() {
                let to = &event["message"]["replyTo"]["clientMessageId"];
                assert_eq!(*to, own(viewer));
                replied = true;
            }
            kinds.insert(text(&event["__typename"]));
        }
    }
    app.stop().await;
}

async fn unread_counts_in_events_are_each_readers_own(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    for who in [&ann, &ann, &bob, &ann] {
        who.say_in(&group, "hello").await;
    }
    let people = [&ann, &bob, &cleo];
    let mut feeds = feeds(&app, &people).await;
    let selection = "
        ... on NewMessage { message { conversation { unreadCount } } }
        ... on MessageChanged { message { conversation { unreadCount } } }";
    let mut deep = Vec::new();
    for viewer in people {
        deep.push((viewer, asking(&app, viewer, selection).await));
    }
    let unread = |viewer: &Client, [anns, bobs, cleos]: [i32; 3]| match viewer.username.as_str() {
        "ann" => anns,
        "bob" => bobs,
        _ => cleos,
    };
    ann.rename(&group, "cake").await.done();
    for (viewer, feed) in &mut feeds {
        feed.tells(&["conversation cake: ann* bob cleo"]).await;
        let told = &feed.last["conversation"]["unreadCount"];
        assert_eq!(*told, unread(viewer, [0, 1, 4]), "{}", viewer.username);
    }
    for (_, socket) in &mut deep {
        socket.event("1").await;
    }
    let said = bob.say_in(&group, "more").await;
    for (viewer, socket) in &mut deep {
        let event = socket.event("1").await["events"]["message"].clone();
        let told = &event["conversation"]["unreadCount"];
        assert_eq!(*told, unread(viewer, [1, 0, 5]), "{}", viewer.username);
    }
    cleo.react(&said.id, "👍").await.done();
    for (viewer, socket) in &mut deep {
        let event = socket.event("1").await["events"]["message"].clone();
        let told = &event["conversation"]["unreadCount"];
        assert_eq!(*told, unread(viewer, [1, 0, 5]), "{}", viewer.username);
    }
    app.stop().await;
}

/// Everyone in an event, and whether they are shown as online.
fn people(event: &Value, found: &mut Vec<(String, bool)>) {
    match event {
        Value::Object(fields) => {
            if let (Some(name), Some(online)) = (fields.get("username"), fields.get("online")) {
                found.push((text(name), *online == json!(true)));
            }
            fields.values().for_each(|value| people(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| people(item, found)),
        _ => {}
    }
}

async fn who_is_online_in_events_is_as_each_reader_may_see_it(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    bob.block(&ann).await;
    let selection = "
        ... on NewMessage { message { sender { username online } } }
        ... on MessageChanged { message { sender { username online } reactions { users { username online } } } }
        ... on ConversationChanged { conversation { members { user { username online } } } }
        ... on ConversationRead { reader { username online } }";
    let mut sockets = Vec::new();
    for viewer in [&ann, &bob, &cleo] {
        for _ in 0..2 {
            sockets.push((viewer, asking(&app, viewer, selection).await));
        }
    }
    let said = ann.say_in(&group, "hello").await;
    cleo.react(&said.id, "👍").await.done();
    ann.react(&said.id, "👍").await.done();
    cleo.mark(&said.id).await.done();
    ann.rename(&group, "cake").await.done();
    for (viewer, socket) in &mut sockets {
        let mut seen = Vec::new();
        while seen.last().is_none_or(|kind| kind != "ConversationChanged") {
            let event = socket.event("1").await["events"].clone();
            let mut found = Vec::new();
            people(&event, &mut found);
            assert!(!found.is_empty(), "{event}");
            for (name, online) in found {
                let pair = [viewer.username.as_str(), name.as_str()];
                let apart = pair == ["ann", "bob"] || pair == ["bob", "ann"];
                assert_eq!(
                    online, !apart,
                    "{name} as {} sees it: {event}",
                    viewer.username
                );
            }
            seen.push(text(&event["__typename"]));
        }
    }
    app.stop().await;
}

async fn direct_conversations_in_events_are_each_readers_own(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, cleo) = three(&app).await;
    let group = ann.group("tea", &[&bob, &cleo]).await;
    let with_bob = say(&ann, &bob, "hello").await.conversation;
    let with_cleo = say(&ann, &cleo, "hello").await.conversation;
    let selection = "
        ... on NewMessage { message { sender { directConversation { id lastMessage { body } } } } }
        ... on MessageChanged { message { sender { directConversation { id } } } }";
    let mut sockets = Vec::new();
    for (viewer, direct) in [
        (&ann, Value::Null),
        (&bob, json!(with_bob)),
        (&cleo, json!(with_cleo)),
    ] {
        for _ in 0..2 {
            sockets.push((asking(&app, viewer, selection).await, direct.clone()));
        }
    }
    let said = ann.say_in(&group, "hello").await;
    for (socket, direct) in &mut sockets {
        let event = socket.event("1").await["events"].clone();
        assert_eq!(
            event["message"]["sender"]["directConversation"]["id"],
            *direct
        );
    }
    bob.react(&said.id, "👍").await.done();
    for (socket, direct) in &mut sockets {
        let event = socket.event("1").await["events"].clone();
        assert_eq!(
            event["message"]["sender"]["directConversation"]["id"],
            *direct
        );
    }
    app.stop().await;
}
