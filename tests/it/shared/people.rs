//! What is another thing to each viewer, or another thing a moment later: unread counts, conversations with someone,
//! who is online.

use std::time::Duration;

use super::*;
use crate::{
    on_both_stores,
    support::{eventually, store::StoreKind},
};

on_both_stores!(
    counts_and_conversations_are_those_of_each_viewer,
    who_is_online_is_told_as_of_now,
    changed_conversations_are_told_to_each_member_as_they_see_them,
);

async fn counts_and_conversations_are_those_of_each_viewer(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, eve] = three(&app).await;
    let document = "subscription { newMessage { message {
        body
        conversation {
            id kind title unreadCount lastMessage { body }
            members { role user { username directConversation { id unreadCount } } }
        }
        sender { username displayName directConversation { id unreadCount } }
    } } }";
    let mut audience = audience(&app, &[&ann, &bob, &eve], &[payload(document)]).await;
    let mut unread = HashMap::<(String, String), usize>::new();
    let turns = [
        (&ann, &bob),
        (&ann, &bob),
        (&eve, &ann),
        (&bob, &ann),
        (&bob, &eve),
        (&eve, &ann),
        (&ann, &bob),
        (&ann, &eve),
    ];
    for (number, (sender, receiver)) in turns.into_iter().enumerate() {
        let sent = sender.send(receiver, &format!("message {number}")).await;
        let conversation = sent["conversation"]["id"].clone();
        // Sending reads.
        let of = |viewer: &Client| (conversation.to_string(), viewer.id.clone());
        *unread.entry(of(receiver)).or_default() += 1;
        unread.insert(of(sender), 0);
        for listener in &mut audience {
            let peer = match () {
                () if listener.is(sender) => receiver,
                () if listener.is(receiver) => sender,
                () => continue,
            };
            let count = unread[&of(&listener.viewer)];
            let direct = json!({ "id": conversation, "unreadCount": count });
            let seen = |someone: &Client| {
                if someone.id == peer.id {
                    direct.clone()
                } else {
                    Value::Null
                }
            };
            let event = listener.next().await["newMessage"]["message"].clone();
            let members = event["conversation"]["members"].as_array().expect("a list");
            let mut names = Vec::new();
            for member in members {
                let user = &member["user"];
                names.push(user["username"].as_str().expect("a name"));
                let someone = if user["username"] == peer.username.as_str() {
                    peer
                } else {
                    &listener.viewer
                };
                assert_eq!(user["directConversation"], seen(someone), "{event}");
            }
            names.sort_unstable();
            let mut both = [sender.username.as_str(), receiver.username.as_str()];
            both.sort_unstable();
            assert_eq!(names, both);
            let mut rest = event.clone();
            rest["conversation"]["members"] = Value::Null;
            let expected = json!({
                "body": format!("message {number}"),
                "conversation": {
                    "id": conversation, "kind": "DIRECT", "title": null, "unreadCount": count,
                    "lastMessage": { "body": format!("message {number}") }, "members": null,
                },
                "sender": {
                    "username": sender.username, "displayName": sender.username,
                    "directConversation": seen(sender),
                },
            });
            assert_eq!(rest, expected, "to {}", listener.viewer.username);
        }
    }
    drop(audience);
    app.stop().await;
}

async fn who_is_online_is_told_as_of_now(kind: StoreKind) {
    let app = TestApp::with(kind, |config| config.limits.presence_grace = Duration::ZERO).await;
    let [ann, bob, eve] = three(&app).await;
    let document = "subscription { newMessage { message {
        sender { username online lastSeenAt } conversation { members { user { username online } } }
    } } }";
    let mut audience = audience(&app, &[&ann, &bob], &[payload(document)]).await;
    // Eve's own socket comes and goes; she writes over HTTP meanwhile.
    let seen = async || {
        let question = "query($id: ID!) { user(id: $id) { username online lastSeenAt } }";
        ann.ok(question, json!({ "id": eve.id })).await["user"].clone()
    };
    let mut eves = None;
    for online in [false, true, false, true] {
        if online {
            eves = Some(app.socket(&eve).await);
        } else {
            drop(eves.take());
        }
        eventually("her presence is known", async || {
            seen().await["online"] == online
        })
        .await;
        for receiver in [&ann, &bob] {
            eve.send(receiver, "hello").await;
            let expected = seen().await;
            for listener in audience.iter_mut().filter(|listener| listener.is(receiver)) {
                let message = listener.next().await["newMessage"]["message"].clone();
                assert_eq!(message["sender"], expected);
                let members = &message["conversation"]["members"];
                for member in members.as_array().expect("a list") {
                    let here = member["user"]["username"] != "eve" || online;
                    assert_eq!(member["user"]["online"], here, "{message}");
                }
            }
        }
    }
    assert!(seen().await["lastSeenAt"].is_null());
    drop((audience, eves));
    app.stop().await;
}

async fn changed_conversations_are_told_to_each_member_as_they_see_them(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, eve] = three(&app).await;
    let mut sent = Vec::new();
    for number in 0..4 {
        sent.push(say(&ann, &bob, "hello", &format!("name {number}")).await);
    }
    ann.send(&eve, "hello").await;
    let document = "subscription { conversationChanged {
        id unreadCount lastMessage { seq clientMessageId } members { user { id directConversation { id } } }
    } }";
    let mut audience = audience(&app, &[&ann, &bob, &eve], &[payload(document)]).await;
    for read in 1..=4 {
        let mark = "mutation($id: ID!) { markRead(messageId: $id) { id } }";
        let changed = bob.ok(mark, json!({ "id": sent[read - 1]["id"] })).await["markRead"].clone();
        for listener in &mut audience {
            if listener.is(&eve) {
                continue;
            }
            let (unread, name) = if listener.is(&ann) {
                (0, json!("name 3"))
            } else {
                (4 - read, Value::Null)
            };
            let viewer = listener.viewer.clone();
            let event = listener.next().await["conversationChanged"].clone();
            assert_eq!(event["id"], changed["id"]);
            assert_eq!(event["unreadCount"], unread, "to {}", viewer.username);
            let last = json!({ "seq": 4, "clientMessageId": name });
            assert_eq!(event["lastMessage"], last, "to {}", viewer.username);
            for member in event["members"].as_array().expect("a list") {
                let user = &member["user"];
                let own = user["id"] == viewer.id;
                let direct = if own {
                    Value::Null
                } else {
                    json!({ "id": changed["id"] })
                };
                assert_eq!(user["directConversation"], direct);
            }
        }
    }
    for listener in &mut audience {
        assert_eq!(listener.socket.until_settled().await, [] as [Value; 0]);
    }
    drop(audience);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_types_is_told_with_each_readers_own_conversation() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.typing_fade = Duration::from_hours(1);
    })
    .await;
    let [ann, bob, eve] = three(&app).await;
    let document = "subscription { typing {
        typing user { username directConversation { id unreadCount } } conversation { id unreadCount }
    } }";
    for receiver in [&bob, &eve] {
        ann.send(receiver, "hello").await;
    }
    ann.send(&eve, "and again").await;
    let mut audience = audience(&app, &[&ann, &bob, &eve], &[payload(document)]).await;
    for typing in [true, false, true] {
        for (reader, unread) in [(&bob, 1), (&eve, 2)] {
            let set = "mutation($in: ConversationRef!, $typing: Boolean!) { setTyping(in: $in, typing: $typing) }";
            ann.ok(set, json!({ "in": with(reader), "typing": typing }))
                .await;
            let question =
                "query($id: ID!) { user(id: $id) { directConversation { id unreadCount } } }";
            let direct = reader.ok(question, json!({ "id": ann.id })).await["user"].clone();
            let direct = direct["directConversation"].clone();
            assert_eq!(direct["unreadCount"], unread);
            for listener in audience.iter_mut().filter(|listener| listener.is(reader)) {
                let user = json!({ "username": "ann", "directConversation": direct });
                let expected = json!({ "typing": typing, "user": user, "conversation": direct });
                assert_eq!(listener.next().await, json!({ "typing": expected }));
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_comes_online_is_told_with_each_watchers_own_conversation() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.presence_grace = Duration::from_millis(50);
    })
    .await;
    let [ann, bob, eve] = three(&app).await;
    let dan = app.user("dan").await;
    dan.send(&ann, "hello").await;
    for _ in 0..2 {
        dan.send(&bob, "hello").await;
    }
    let fields = "username online directConversation { unreadCount members { user { username } } }";
    let document = format!(
        "subscription($among: [ID!]) {{ onlineUsersChanged(among: $among) {{
            joined {{ {fields} }} left {{ {fields} }}
        }} }}"
    );
    let variables = json!({ "among": [dan.id] });
    let payload = json!({ "query": document, "variables": variables });
    let mut watchers = Vec::new();
    for viewer in [&ann, &bob, &eve, &ann, &bob, &eve] {
        let mut watcher = Listener::begin(&app, viewer, &payload).await;
        let first = json!({ "onlineUsersChanged": { "joined": [], "left": [] } });
        assert_eq!(watcher.next().await, first);
        watchers.push(watcher);
    }
    for unread in 1..=2 {
        let dans = app.socket(&dan).await;
        for watcher in &mut watchers {
            is_told(watcher, true, unread).await;
        }
        drop(dans);
        for watcher in &mut watchers {
            is_told(watcher, false, unread).await;
        }
        dan.send(&ann, "hello again").await;
        dan.send(&bob, "hello again").await;
    }
}

/// The next event says that dan came, or left, and what is unread from him, who said one thing more to bob.
async fn is_told(watcher: &mut Listener, joined: bool, unread: usize) {
    let event = watcher.next().await["onlineUsersChanged"].clone();
    let (news, other) = if joined {
        (&event["joined"], &event["left"])
    } else {
        (&event["left"], &event["joined"])
    };
    assert_eq!(*other, json!([]), "{event}");
    let [dan] = news.as_array().expect("a list").as_slice() else {
        panic!("not one: {event}")
    };
    assert_eq!(dan["username"], "dan");
    assert_eq!(dan["online"], joined);
    let viewer = watcher.viewer.username.as_str();
    let direct = &dan["directConversation"];
    let count = match viewer {
        "ann" => json!(unread),
        "bob" => json!(unread + 1),
        _ => Value::Null,
    };
    assert_eq!(direct["unreadCount"], count, "to {viewer}: {event}");
    if viewer != "eve" {
        let members = direct["members"].to_string();
        assert!(members.contains(viewer), "{event}");
    }
}
