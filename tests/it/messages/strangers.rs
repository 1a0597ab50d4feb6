//! A third person gets exactly what one gets who makes an id up.

use super::*;

on_both_stores!(
    a_stranger_cannot_tell_what_is_not_theirs_from_what_does_not_exist,
    a_stranger_over_a_socket_cannot_tell_either,
);

/// A–B's conversation and message as C names them, and names that C made up.
struct Names {
    conversation: [String; 2],
    message: [String; 2],
}

async fn names(ann: &Client, bob: &Client) -> Names {
    let message = ann.send(bob, "between us").await;
    let text = |value: &Value| value.as_str().expect("an id").to_owned();
    Names {
        conversation: [text(&message["conversation"]["id"]), made_up()],
        message: [text(&message["id"]), made_up()],
    }
}

/// Every field that takes a conversation's id, and what it gives for these.
fn with_conversations() -> [(&'static str, bool); 5] {
    [
        (
            "query($id: ID!) { conversation(id: $id) { id unreadCount members { user { username } } } }",
            true,
        ),
        (
            "query($id: ID!) { messages(in: { conversationId: $id }) { nodes { body } } }",
            false,
        ),
        (
            "query($id: ID!) { messages(in: { conversationId: $id }, first: 1, after: \"x\") { nodes { body } } }",
            false,
        ),
        (
            "mutation($id: ID!) { sendMessage(input: { to: { conversationId: $id }, body: \"hi\" }) { id } }",
            false,
        ),
        (
            "mutation($id: ID!) { setTyping(in: { conversationId: $id }) }",
            false,
        ),
    ]
}

/// Every field that takes a message's id.
const WITH_MESSAGES: [&str; 2] = [
    "mutation($id: ID!) { markRead(messageId: $id) { id } }",
    "mutation($id: ID!, $peer: ID!) {
        sendMessage(input: { to: { userId: $peer }, body: \"hi\", replyToId: $id }) { id }
    }",
];

async fn a_stranger_cannot_tell_what_is_not_theirs_from_what_does_not_exist(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let names = names(&ann, &bob).await;
    eve.send(&ann, "hi").await;
    for (document, is_null) in with_conversations() {
        let [real, invented] = names
            .conversation
            .each_ref()
            .map(|id| eve.run(document, json!({ "id": id })));
        let (real, invented) = (real.await, invented.await);
        assert_eq!(real, invented, "{document}");
        assert_eq!(real.get("errors").is_none(), is_null, "{real}");
        if !is_null {
            assert_eq!(
                real["errors"][0]["extensions"]["code"], "NOT_FOUND",
                "{real}"
            );
        }
        let malformed = eve.run(document, json!({ "id": "x" })).await;
        assert_eq!(malformed, invented, "{document}");
    }
    for document in WITH_MESSAGES {
        let [real, invented] = names
            .message
            .each_ref()
            .map(|id| eve.run(document, json!({ "id": id, "peer": ann.id })));
        let (real, invented) = (real.await, invented.await);
        assert_eq!(real, invented, "{document}");
        assert_eq!(
            real["errors"][0]["extensions"]["code"], "NOT_FOUND",
            "{real}"
        );
        let malformed = eve
            .run(document, json!({ "id": "x", "peer": ann.id }))
            .await;
        assert_eq!(malformed, invented, "{document}");
    }
    let listed = eve
        .ok(
            "{ conversations { nodes { lastMessage { body } } } }",
            json!({}),
        )
        .await;
    assert_eq!(
        listed["conversations"]["nodes"],
        json!([{ "lastMessage": { "body": "hi" } }])
    );
    assert_eq!(
        ann.history(&with(&bob)).await.len(),
        1,
        "nothing was written"
    );
    let unread = bob
        .ok("{ conversations { nodes { unreadCount } } }", json!({}))
        .await;
    assert_eq!(
        unread["conversations"]["nodes"],
        json!([{ "unreadCount": 1 }])
    );
    // A member gets something from each of these: they are not refused to everyone.
    for (document, _) in with_conversations() {
        let own = ann
            .run(document, json!({ "id": names.conversation[0] }))
            .await;
        let bad_cursor = document.contains("after");
        assert_eq!(own.get("errors").is_some(), bad_cursor, "{own}");
    }
    for document in WITH_MESSAGES {
        let own = json!({ "id": names.message[0], "peer": bob.id });
        ann.ok(document, own).await;
    }
    app.stop().await;
}

async fn a_stranger_over_a_socket_cannot_tell_either(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let names = names(&ann, &bob).await;
    let mut socket = app.socket(&eve).await;
    for field in ["newMessage", "typing"] {
        let document = format!(
            "subscription($id: ID!) {{ {field}(in: {{ conversationId: $id }}) {{ __typename }} }}"
        );
        let mut answers = Vec::new();
        for id in [&names.conversation[0], &names.conversation[1], "x"] {
            socket.subscribe("1", &document, json!({ "id": id })).await;
            let answer = socket.next().await;
            assert_eq!(answer["type"], "error", "{answer}");
            assert_eq!(answer["payload"][0]["extensions"]["code"], "NOT_FOUND");
            answers.push(answer);
        }
        assert_eq!(answers[0], answers[1]);
        assert_eq!(answers[2], answers[1]);
        let mut members = app.socket(&ann).await;
        members
            .subscribe("1", &document, json!({ "id": names.conversation[0] }))
            .await;
        members.settle().await;
    }
    app.stop().await;
}
