//! Who types and who is online, told with what is between them and each reader.

use std::time::Duration;

use super::*;
use crate::support::store::StoreKind;

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
    let mut conversations = HashMap::new();
    for viewer in [&ann, &bob, &bob] {
        let id = dan.send(viewer, "hello").await["conversation"]["id"].clone();
        conversations.insert(viewer.id.clone(), json!({ "id": id }));
    }
    let of = |fields: &str| {
        payload(&format!(
            "subscription {{ onlineUsersChanged {{
                joined {{ username {fields} }} left {{ username {fields} }}
            }} }}"
        ))
    };
    // One thing of the viewer's, or of the moment, in each.
    let payloads = [
        "directConversation { unreadCount }",
        "online",
        "directConversation { id }",
    ]
    .map(of);
    // Those who watch are online before anyone watches.
    let mut here = Vec::new();
    for viewer in [&ann, &bob, &eve] {
        here.push(app.socket(viewer).await);
    }
    let mut watchers = Vec::new();
    for viewer in [&ann, &bob, &eve, &ann, &bob, &eve] {
        let mut watcher = Listener {
            viewer: viewer.clone(),
            socket: app.socket(viewer).await,
            subscriptions: payloads.len(),
        };
        for (id, payload) in (1..).zip(&payloads) {
            let message = json!({ "id": format!("{id}"), "type": "subscribe", "payload": payload });
            watcher.socket.send(message).await;
        }
        for first in watcher.round().await.values() {
            let first = &first["onlineUsersChanged"];
            assert_eq!(first["joined"].as_array().map(Vec::len), Some(3), "{first}");
            assert_eq!(first["left"], json!([]));
        }
        watchers.push(watcher);
    }
    for unread in 1..=2 {
        let dans = app.socket(&dan).await;
        for watcher in &mut watchers {
            is_told(watcher, true, unread, &conversations).await;
        }
        drop(dans);
        for watcher in &mut watchers {
            is_told(watcher, false, unread, &conversations).await;
        }
        dan.send(&ann, "hello again").await;
        dan.send(&bob, "hello again").await;
    }
}

/// The next events say that dan came, or left, in which conversation with each, and what is unread there: one thing
/// more for bob.
async fn is_told(
    watcher: &mut Listener,
    joined: bool,
    unread: usize,
    conversations: &HashMap<String, Value>,
) {
    let viewer = watcher.viewer.username.clone();
    let events = watcher.round().await;
    let dan = |id: &str| {
        let event = &events[id]["onlineUsersChanged"];
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
        dan.clone()
    };
    let direct = match viewer.as_str() {
        "ann" => json!({ "unreadCount": unread }),
        "bob" => json!({ "unreadCount": unread + 1 }),
        _ => Value::Null,
    };
    assert_eq!(dan("1")["directConversation"], direct, "to {viewer}");
    assert_eq!(dan("2")["online"], joined, "to {viewer}");
    let id = conversations
        .get(&watcher.viewer.id)
        .unwrap_or(&Value::Null);
    assert_eq!(dan("3")["directConversation"], *id, "to {viewer}");
}
