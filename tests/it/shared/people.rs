//! What a message comes with is another thing to each viewer, or another thing a moment later: unread counts, the
//! conversation with someone, who is online.

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
    // One thing of the viewer's in each, and all of them together.
    let parts = [
        "conversation { unreadCount }",
        "conversation { id kind } sender { username directConversation { id } }",
        "sender { directConversation { unreadCount } }",
        "conversation { title lastMessage { body } }",
        "conversation { members { user { username directConversation { id unreadCount } } } }",
    ];
    let of = |fields: &str| format!("subscription {{ newMessage {{ message {{ {fields} }} }} }}");
    let mut payloads = parts.map(|part| payload(&of(part))).to_vec();
    payloads.push(payload(&of(&parts.join(" "))));
    let mut audience = audience(&app, &[&ann, &bob, &eve], &payloads).await;
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
        let body = format!("message {number}");
        let id = sender.send(receiver, &body).await["conversation"]["id"].clone();
        // Sending reads.
        let of = |viewer: &Client| (id.to_string(), viewer.id.clone());
        *unread.entry(of(receiver)).or_default() += 1;
        unread.insert(of(sender), 0);
        for listener in &mut audience {
            let peer = match () {
                () if listener.is(sender) => receiver,
                () if listener.is(receiver) => sender,
                () => continue,
            };
            let viewer = listener.viewer.clone();
            let count = unread[&of(&viewer)];
            let direct = |someone: &Client, shown: Value| {
                if someone.id == peer.id {
                    shown
                } else {
                    Value::Null
                }
            };
            let mut members = [&viewer, peer].map(|member| {
                let shown = json!({ "id": id, "unreadCount": count });
                json!({ "user": { "username": member.username, "directConversation": direct(member, shown) } })
            });
            members.sort_by_key(|member| member["user"]["username"].to_string());
            let name = &sender.username;
            let expected = [
                json!({ "conversation": { "unreadCount": count } }),
                json!({
                    "conversation": { "id": id, "kind": "DIRECT" },
                    "sender": { "username": name, "directConversation": direct(sender, json!({ "id": id })) },
                }),
                json!({ "sender": { "directConversation": direct(sender, json!({ "unreadCount": count })) } }),
                json!({ "conversation": { "title": null, "lastMessage": { "body": body } } }),
                json!({ "conversation": { "members": members } }),
            ];
            let mut events = listener.round().await;
            for event in events.values_mut() {
                in_order(&mut event["newMessage"]["message"]);
            }
            for (id, expected) in (1..).zip(&expected) {
                let event = &events[&format!("{id}")];
                assert_eq!(*event, told(expected), "to {}", viewer.username);
            }
            let mut whole = json!({});
            for part in expected {
                merge(&mut whole, part);
            }
            assert_eq!(events["6"], told(&whole), "to {}", viewer.username);
        }
    }
    drop(audience);
    app.stop().await;
}

/// Sorts a message's members by name.
fn in_order(message: &mut Value) {
    if let Some(members) = message.pointer_mut("/conversation/members") {
        let members = members.as_array_mut().expect("a list");
        members.sort_by_key(|member| member["user"]["username"].to_string());
    }
}

/// Puts the fields of two selections together.
fn merge(one: &mut Value, other: Value) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            for (key, value) in other {
                merge(one.entry(key).or_insert(Value::Null), value);
            }
        }
        (one, other) => *one = other,
    }
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
    // One thing of the viewer's in each.
    let payloads = [
        "id unreadCount",
        "lastMessage { seq clientMessageId }",
        "members { user { id directConversation { id } } }",
    ]
    .map(|fields| {
        payload(&format!(
            "subscription {{ conversationChanged {{ {fields} }} }}"
        ))
    });
    let mut audience = audience(&app, &[&ann, &bob, &eve], &payloads).await;
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
            let events = listener.round().await;
            let event = |id: &str| events[id]["conversationChanged"].clone();
            let counted = json!({ "id": changed["id"], "unreadCount": unread });
            assert_eq!(event("1"), counted, "to {}", viewer.username);
            let last = json!({ "lastMessage": { "seq": 4, "clientMessageId": name } });
            assert_eq!(event("2"), last, "to {}", viewer.username);
            for member in event("3")["members"].as_array().expect("a list") {
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
