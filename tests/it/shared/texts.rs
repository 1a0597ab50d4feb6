//! Texts come through as they were written, by whichever way, and spelling a document otherwise changes nothing.

use super::*;
use crate::{on_both_stores, support::store::StoreKind};

on_both_stores!(
    every_text_comes_through_unchanged_to_everyone,
    what_is_replayed_looks_like_what_came_live,
);

/// Documents with what is filled in for each subscriber between what people write, once with what only each one's
/// own answer can have.
const DOCUMENTS: [&str; 2] = [
    "subscription { newMessage {
        cursor message { clientMessageId body sender { displayName username } } again: cursor
    } }",
    "subscription { newMessage {
        cursor
        message {
            clientMessageId body sender { displayName username } conversation { members { user { displayName } } }
        }
        again: cursor
    } }",
];

/// Texts that JSON, or a server that fills in what is a subscriber's own, could take for something else.
fn odd_texts(cursor: &str, client_id: &str) -> Vec<String> {
    let mut texts = [
        "\"",
        "\\",
        "\\\"",
        "\\\\\"}",
        "\\u0000 \\n",
        "\"cursor\":\"\"",
        "\",\"cursor\":\"x\",\"clientMessageId\":\"y",
        "}}}}],\"errors\":[",
        "{}",
        "{0}",
        "{cursor}",
        "{{cursor}}",
        "${cursor}",
        "$cursor $1 \\1",
        "%s%d%%",
        "<cursor>",
        "@@cursor@@ __cursor__ ##ID##",
        "cursor",
        "clientMessageId",
        "null",
        "\u{1}\u{2}\u{1f}\u{7f}\u{80}",
        "a\u{0}b",
        "\u{0}",
        "a\nb\r\nc\td\u{8}\u{c}",
        "\ndata: x\n\nevent: complete\n\n",
        "\u{2028}\u{2029}\u{feff}",
        "😀🏳️‍🌈👩‍👩‍👧‍👦𝕏\u{10ffff}",
        "\u{e000}\u{f8ff}\u{fdd0}\u{fffd}\u{fffe}\u{ffff}\u{f0000}",
        "e\u{301}é \u{202e}abc\u{202c}",
        "A",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push(cursor.to_owned());
    texts.push(format!("\"{cursor}\""));
    texts.push(format!("{{\"cursor\":\"{cursor}\"}}"));
    texts.push(client_id.to_owned());
    texts
}

async fn every_text_comes_through_unchanged_to_everyone(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let display_name = "\"A\\n{cursor}😀\\u0000\" </script>";
    let signup = "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";
    let input = json!({ "username": "ann", "password": "password1", "displayName": display_name });
    let reply = app.anonymous().ok(signup, json!({ "input": input })).await["signup"].clone();
    let token = reply["token"].as_str().expect("a token");
    let mut ann = app.anonymous().with_token(token);
    ann.id = reply["user"]["id"].as_str().expect("an id").to_owned();
    "ann".clone_into(&mut ann.username);
    let bob = app.user("bob").await;
    let mut audience = audience(&app, &[&ann, &bob], &DOCUMENTS.map(payload)).await;

    // Cursors of both, which the texts then hold.
    say(&ann, &bob, "first", "first").await;
    let mut cursors = Vec::new();
    for listener in &mut audience {
        let event = listener.round().await["1"].clone();
        let cursor = event["newMessage"]["cursor"].as_str().expect("a cursor");
        cursors.push(cursor.to_owned());
    }
    let mut texts = odd_texts(&cursors[0], "first");
    texts.push(cursors[1].clone());
    for (number, text) in texts.iter().enumerate() {
        // A name is at most 64 characters, and no other message's.
        let mark = format!("{number}.");
        let rest = text.chars().take(64 - mark.len());
        let name = rest.chain(mark.chars()).collect::<String>();
        let body = format!("{text}{number}{text}");
        say(&ann, &bob, &body, &name).await;
        for listener in &mut audience {
            let viewer = listener.viewer.username.clone();
            let name = if listener.is(&ann) {
                json!(name)
            } else {
                Value::Null
            };
            let events = listener.round().await;
            for event in events.values().map(|event| &event["newMessage"]) {
                let message = &event["message"];
                assert_eq!(message["body"], body, "to {viewer}: {event}");
                assert_eq!(message["clientMessageId"], name, "to {viewer}: {event}");
                let sender = json!({ "displayName": display_name, "username": "ann" });
                assert_eq!(message["sender"], sender, "to {viewer}");
                assert_eq!(event["cursor"], event["again"], "to {viewer}");
                let cursor = event["cursor"].as_str().expect("a cursor");
                assert!(!cursors.iter().any(|earlier| earlier == cursor));
            }
            let members = &events["2"]["newMessage"]["message"]["conversation"]["members"];
            let members = members.as_array().expect("a list").iter();
            let mut names = members
                .map(|member| member["user"]["displayName"].as_str().expect("a name"))
                .collect::<Vec<_>>();
            names.sort_unstable();
            assert_eq!(names, [display_name, "bob"], "to {viewer}");
        }
    }
    drop(audience);
    app.stop().await;
}

async fn what_is_replayed_looks_like_what_came_live(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, eve] = three(&app).await;
    let mut starts = Vec::new();
    for viewer in [&ann, &bob] {
        let data = viewer.ok("{ streamCursor }", json!({})).await;
        starts.push((viewer, data["streamCursor"].clone()));
    }
    // All that does not change afterwards: what all may share, and what not.
    let documents = [
        "__typename id body seq clientMessageId sentAt sender { id username displayName avatarUrl createdAt }
        conversation { id kind createdAt }",
        "body editedAt deletedAt replyTo { body clientMessageId sender { username } } reactions { emoji }
        sender { id directConversation { id } } conversation { title members { role joinedAt user { username } } }",
    ]
    .map(|fields| {
        format!(
            "subscription($after: String) {{ newMessage(after: $after) {{
                cursor message {{ {fields} }} __typename again: cursor
            }} }}"
        )
    });
    let mut live = Vec::new();
    for document in &documents {
        live.push(audience(&app, &[&ann, &bob], &[payload(document)]).await);
    }
    let mut answered = Value::Null;
    for number in 0..5 {
        let (sender, receiver) = if number % 2 == 0 {
            (&ann, &bob)
        } else {
            (&bob, &ann)
        };
        let body = format!("\"{number}\" \\ 😀 \u{1}");
        let input = json!({
            "to": with(receiver), "body": body, "clientMessageId": format!("{number}\""), "replyToId": answered,
        });
        answered = sender.post(input).await["data"]["sendMessage"]["id"].clone();
        assert!(answered.is_string());
        // What is passed over for these two.
        eve.send(&app.user(&format!("other{number}")).await, "hello")
            .await;
    }
    for (document, listeners) in documents.iter().zip(&mut live) {
        let mut came = HashMap::<String, Vec<String>>::new();
        for listener in listeners {
            let mut frames = Vec::new();
            for _ in 0..5 {
                frames.push(listener.frame().await);
            }
            let id = listener.viewer.id.clone();
            let before = came.entry(id).or_insert(frames.clone());
            assert_eq!(*before, frames, "sockets of one person differ");
        }
        for (viewer, start) in &starts {
            let payload = json!({ "query": document, "variables": { "after": start } });
            let mut late = Listener::begin(&app, viewer, &payload).await;
            for frame in &came[&viewer.id] {
                assert_eq!(late.frame().await, *frame);
            }
            assert_eq!(late.socket.until_settled().await, [] as [Value; 0]);
        }
    }
    drop(live);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_white_space_is_the_same_question() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let [ann, bob, _] = three(&app).await;
    let spellings = [
        "subscription{newMessage{cursor message{body clientMessageId sender{username}}}}",
        "subscription { newMessage { cursor message { body clientMessageId sender { username } } } }",
        "  subscription {\n\tnewMessage {\r\n cursor,,,message { body, clientMessageId, sender { username } }\n}\n}\n",
        "\u{feff}# a remark { \"\nsubscription { # another\n newMessage { cursor message { body clientMessageId sender { username } } } } # end",
        "subscription Named { newMessage { cursor message { body clientMessageId sender { username } } } }",
    ];
    let payloads = spellings.map(payload);
    let mut audience = audience(&app, &[&ann, &bob], &payloads).await;
    for (number, (sender, receiver)) in [(&ann, &bob), (&bob, &ann)].into_iter().enumerate() {
        let name = format!("name {number}");
        say(sender, receiver, "hello", &name).await;
        for listener in &mut audience {
            let own = if listener.is(sender) {
                json!(name)
            } else {
                Value::Null
            };
            let mut frames = Vec::new();
            for _ in 0..spellings.len() {
                let frame = listener.frame().await;
                let (id, data) = data(&serde_json::from_str(&frame).expect("JSON"));
                let sender = json!({ "username": sender.username });
                let message = json!({ "body": "hello", "clientMessageId": own, "sender": sender });
                assert_eq!(data["newMessage"]["message"], message);
                frames.push(frame.replacen(&format!("\"id\":\"{id}\""), "", 1));
            }
            frames.dedup();
            assert_eq!(frames.len(), 1, "they differ: {frames:?}");
        }
    }
}
