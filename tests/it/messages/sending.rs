//! What may be sent, and to whom.

use super::*;
use crate::support::{app::Place, json, strace};

on_both_stores!(
    a_body_has_1_to_4000_characters_of_any_script_and_comes_back_as_it_was,
    a_client_message_id_has_1_to_64_characters,
    nobody_writes_to_oneself,
    what_does_not_exist_cannot_be_written_to,
    a_reply_is_to_a_message_of_the_same_conversation,
    only_the_sender_sees_what_its_client_called_a_message,
    a_message_has_all_that_the_schema_says,
);

async fn a_body_has_1_to_4000_characters_of_any_script_and_comes_back_as_it_was(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let good = [
        "x",
        &"x".repeat(4_000),
        &"😀".repeat(4_000),
        " with\n\twhite space around \r\n",
        "a NUL \0 inside",
        "\u{200b}",
        "$where {\"$gt\": \"\"} '; DROP TABLE messages; --",
        "\u{202e}right to left e\u{301}",
    ];
    for body in good {
        let input = json!({ "to": with(&bob), "body": body });
        assert_eq!(ann.say(input).await.body, body);
    }
    let blank = "\u{3000}\u{a0}\u{2028}";
    let long = "x".repeat(4_001);
    let long_emoji = "😀".repeat(4_001);
    for body in ["", " ", "\n\t\r", blank, &long, &long_emoji] {
        let input = json!({ "to": with(&bob), "body": body });
        let error = ann
            .fails("BAD_USER_INPUT", SEND, json!({ "input": input }))
            .await;
        assert_eq!(error["extensions"]["field"], "input.body", "{body:.10?}");
    }
    let history = bob.history(&with(&ann)).await;
    let bodies = history.iter().map(|said| said.body.as_str());
    assert!(bodies.eq(good));
    app.stop().await;
}

async fn a_client_message_id_has_1_to_64_characters(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    for id in ["x", &"x".repeat(64), &"😀".repeat(64), " ", "a\0b"] {
        let input = json!({ "to": with(&bob), "body": "good", "clientMessageId": id });
        let reply = ann.ok(SEND, json!({ "input": input })).await;
        assert_eq!(reply["sendMessage"]["clientMessageId"], id);
    }
    for id in ["", &"x".repeat(65), &"😀".repeat(65)] {
        let input = json!({ "to": with(&bob), "body": "bad", "clientMessageId": id });
        let error = ann
            .fails("BAD_USER_INPUT", SEND, json!({ "input": input }))
            .await;
        assert_eq!(error["extensions"]["field"], "input.clientMessageId");
    }
    let absent = json!({ "to": with(&bob), "body": "good", "clientMessageId": null });
    let reply = ann.ok(SEND, json!({ "input": absent })).await;
    assert_eq!(reply["sendMessage"]["clientMessageId"], Value::Null);
    assert_eq!(ann.history(&with(&bob)).await.len(), 6);
    app.stop().await;
}

async fn nobody_writes_to_oneself(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let input = json!({ "to": with(&ann), "body": "note to self" });
    let error = ann
        .fails("BAD_USER_INPUT", SEND, json!({ "input": input }))
        .await;
    assert_eq!(error["extensions"]["field"], "input.to.userId");
    for document in [
        "query($in: ConversationRef!) { messages(in: $in) { nodes { id } } }",
        "mutation($in: ConversationRef!) { setTyping(in: $in) }",
    ] {
        let error = ann
            .fails("BAD_USER_INPUT", document, json!({ "in": with(&ann) }))
            .await;
        assert_eq!(error["extensions"]["field"], "in.userId", "{document}");
    }
    let list = ann
        .ok("{ conversations { nodes { id } } }", json!({}))
        .await;
    assert_eq!(list["conversations"]["nodes"], json!([]));
    app.stop().await;
}

async fn what_does_not_exist_cannot_be_written_to(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let foreign = bob.send(&eve, "psst").await["conversation"]["id"].clone();
    let loud = eve.id.to_uppercase();
    for id in [
        &made_up(),
        "",
        "x",
        "42",
        &loud,
        &eve.id.replace("user_", ""),
        "00000000-0000-0000-0000-000000000001",
        "not an id, but long enough to be one",
    ] {
        for field in ["userId", "conversationId"] {
            let input = json!({ "to": { field: id }, "body": "hello" });
            let error = ann
                .fails("NOT_FOUND", SEND, json!({ "input": input }))
                .await;
            assert_eq!(error["extensions"]["field"], format!("input.to.{field}"));
        }
    }
    let input = json!({ "to": { "conversationId": foreign }, "body": "hello" });
    let error = ann
        .fails("NOT_FOUND", SEND, json!({ "input": input }))
        .await;
    assert_eq!(error["extensions"]["field"], "input.to.conversationId");
    for to in [
        json!({}),
        json!({ "userId": bob.id, "conversationId": foreign }),
        json!({ "userId": null }),
        Value::Null,
    ] {
        let reply = ann.post(json!({ "to": to, "body": "hello" })).await;
        let code = json(&reply, "errors.0.extensions.code");
        assert!(
            code == "GRAPHQL_VALIDATION_FAILED" || code == "BAD_USER_INPUT",
            "{reply}"
        );
        assert!(reply["data"]["sendMessage"].is_null(), "{reply}");
    }
    let list = ann
        .ok("{ conversations { nodes { id } } }", json!({}))
        .await;
    assert_eq!(list["conversations"]["nodes"], json!([]));
    assert_eq!(eve.history(&with(&bob)).await.len(), 1);
    app.stop().await;
}

async fn a_reply_is_to_a_message_of_the_same_conversation(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let document = "mutation($input: SendMessageInput!) {
        sendMessage(input: $input) { id replyTo { id body sender { username } replyTo { id } } }
    }";
    let question = ann.send(&bob, "how are you?").await["id"].clone();
    let elsewhere = ann.send(&eve, "hi").await["id"].clone();
    let foreign = bob.send(&eve, "psst").await["id"].clone();

    let input = json!({ "to": with(&ann), "body": "fine", "replyToId": question });
    let answer = bob.ok(document, json!({ "input": input })).await["sendMessage"].clone();
    let expected = json!({
        "id": question, "body": "how are you?", "sender": { "username": "ann" }, "replyTo": null,
    });
    assert_eq!(answer["replyTo"], expected);
    let input = json!({ "to": with(&bob), "body": "good", "replyToId": answer["id"] });
    let again = ann.ok(document, json!({ "input": input })).await["sendMessage"].clone();
    assert_eq!(again["replyTo"]["replyTo"]["id"], question);

    for reply_to in [
        elsewhere.clone(),
        foreign,
        json!(made_up()),
        json!("x"),
        json!(""),
    ] {
        let input = json!({ "to": with(&bob), "body": "what?", "replyToId": reply_to });
        let error = ann
            .fails("NOT_FOUND", document, json!({ "input": input }))
            .await;
        assert_eq!(error["extensions"]["field"], "input.replyToId");
    }
    // Before a conversation has begun there is nothing to reply to, and a reply does not begin it.
    let cat = app.user("cat").await;
    let input = json!({ "to": with(&cat), "body": "what?", "replyToId": elsewhere });
    ann.fails("NOT_FOUND", document, json!({ "input": input }))
        .await;
    let list = cat
        .ok("{ conversations { nodes { id } } }", json!({}))
        .await;
    assert_eq!(list["conversations"]["nodes"], json!([]));
    assert_eq!(ann.history(&with(&bob)).await.len(), 3);
    app.stop().await;
}

async fn only_the_sender_sees_what_its_client_called_a_message(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let live =
        "subscription { newMessage { message { clientMessageId replyTo { clientMessageId } } } }";
    let mut sockets = Vec::new();
    for person in [&ann, &bob] {
        let mut socket = app.socket(person).await;
        socket.subscribe("1", live, json!({})).await;
        socket.settle().await;
        sockets.push(socket);
    }
    let input = json!({ "to": with(&bob), "body": "first", "clientMessageId": "one" });
    let first = ann.ok(SEND, json!({ "input": input })).await["sendMessage"].clone();
    assert_eq!(first["clientMessageId"], "one");
    let input = json!({
        "to": with(&ann), "body": "second", "clientMessageId": "two", "replyToId": first["id"],
    });
    let document = "mutation($input: SendMessageInput!) {
        sendMessage(input: $input) { clientMessageId replyTo { clientMessageId } }
    }";
    let second = bob.ok(document, json!({ "input": input })).await["sendMessage"].clone();
    assert_eq!(
        second,
        json!({ "clientMessageId": "two", "replyTo": { "clientMessageId": null } })
    );
    let whole = "query($in: ConversationRef!) {
        messages(in: $in) { nodes { clientMessageId replyTo { clientMessageId } } }
        conversations(first: 1) { nodes { lastMessage { clientMessageId } messages { nodes { clientMessageId } } } }
    }";
    for ((viewer, peer, socket), seen) in [(&ann, &bob, 0), (&bob, &ann, 1)]
        .into_iter()
        .zip([[json!("one"), Value::Null], [Value::Null, json!("two")]])
    {
        let [first, second] = seen;
        for expected in [
            json!({ "clientMessageId": first, "replyTo": null }),
            json!({ "clientMessageId": second, "replyTo": { "clientMessageId": first } }),
        ] {
            let event = sockets[socket].event("1").await;
            assert_eq!(event["newMessage"]["message"], expected);
        }
        let reply = viewer.ok(whole, json!({ "in": with(peer) })).await;
        let nodes = json!([
            { "clientMessageId": first, "replyTo": null },
            { "clientMessageId": second, "replyTo": { "clientMessageId": first } },
        ]);
        assert_eq!(reply["messages"]["nodes"], nodes);
        let listed = json!([{
            "lastMessage": { "clientMessageId": second },
            "messages": { "nodes": [{ "clientMessageId": first }, { "clientMessageId": second }] },
        }]);
        assert_eq!(reply["conversations"]["nodes"], listed);
    }
    app.stop().await;
}

async fn a_message_has_all_that_the_schema_says(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let fields = "id seq body sentAt editedAt deletedAt reactions { emoji } sender { id username }
        conversation { id kind title createdAt lastActivityAt members { user { id } role } }";
    let mutation = format!(
        "mutation($input: SendMessageInput!) {{ sendMessage(input: $input) {{ {fields} }} }}"
    );
    let input = json!({ "to": with(&bob), "body": "hello" });
    let sent = ann.ok(&mutation, json!({ "input": input })).await["sendMessage"].clone();
    assert_eq!(sent["seq"], 1);
    assert_eq!(sent["sender"], json!({ "id": ann.id, "username": "ann" }));
    for null in ["editedAt", "deletedAt"] {
        assert_eq!(sent[null], Value::Null);
    }
    assert_eq!(sent["reactions"], json!([]));
    let conversation = &sent["conversation"];
    assert_eq!(conversation["kind"], "DIRECT");
    assert_eq!(conversation["title"], Value::Null);
    assert_eq!(conversation["lastActivityAt"], sent["sentAt"]);
    let mut members = conversation["members"].as_array().expect("members").clone();
    members.sort_by_key(|member| member["user"]["id"].to_string());
    let mut expected =
        [&ann, &bob].map(|one| json!({ "user": { "id": one.id }, "role": "MEMBER" }));
    expected.sort_by_key(|member| member["user"]["id"].to_string());
    assert_eq!(members, expected);

    let read =
        format!("query($in: ConversationRef!) {{ messages(in: $in) {{ nodes {{ {fields} }} }} }}");
    for target in [with(&ann), json!({ "conversationId": conversation["id"] })] {
        let read = bob.ok(&read, json!({ "in": target })).await;
        assert_eq!(read["messages"]["nodes"], json!([sent]));
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ids_are_drawn_without_asking_the_system_for_each() {
    const MESSAGES: usize = 200;
    let place = Place::fresh(StoreKind::Embedded).await;
    let Some((program, drawn)) = strace::start("getrandom", &place).await else {
        return;
    };
    let ann = program.anonymous().sign_up("ann").await;
    let bob = program.anonymous().sign_up("bob").await;
    let before = drawn.calls();
    assert!(before > 0, "generators are seeded by the system");
    for number in 0..MESSAGES {
        ann.send(&bob, &number.to_string()).await;
    }
    // A thread that is new seeds a generator of its own.
    let calls = drawn.calls() - before;
    assert!(
        calls < MESSAGES / 2,
        "{calls} calls for {MESSAGES} messages"
    );
}
