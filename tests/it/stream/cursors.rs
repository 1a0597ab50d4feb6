//! Where a subscription begins, and which cursors it takes.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

on_both_stores!(
    nothing_falls_between_the_screen_and_the_subscription_after_its_stream_cursor,
    without_a_cursor_it_begins_with_what_is_sent_after_the_subscription,
    a_cursor_is_for_its_viewer_and_its_conversation_only,
    in_one_conversation_only_its_messages_come,
    a_subscription_to_a_conversation_that_has_not_begun_gets_its_first_message,
    more_missed_than_is_replayed_is_an_error_and_exactly_as_many_is_not,
);

async fn nothing_falls_between_the_screen_and_the_subscription_after_its_stream_cursor(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    ann.send(&bob, "first").await;
    let over = AtomicBool::new(false);
    let writing = async {
        while !over.load(Ordering::Relaxed) {
            talk(&ann, &bob, 1).await;
        }
    };
    let screen = format!(
        "query($in: ConversationRef!) {{ messages(in: $in, last: 100) {{ nodes {{ {SAID} }} }} streamCursor }}"
    );
    let reading = async {
        for round in 0..25 {
            let screen = bob.ok(&screen, json!({ "in": with(&ann) })).await;
            let nodes = screen["messages"]["nodes"].as_array().expect("a list");
            let mut seen: Vec<_> = nodes.iter().map(Said::read).collect();
            let newest = seen.last().expect("a message").seq;
            let only = if round % 2 == 0 {
                Value::Null
            } else {
                with(&ann)
            };
            let variables = json!({ "after": screen["streamCursor"], "in": only });
            let mut reader = Reader::open(app.address, &bob, variables).await;
            // What the screen shows may come once more; what is sent from now on is in any case behind it.
            let last = ann
                .say(json!({ "to": with(&bob), "body": format!("end of round {round}") }))
                .await;
            while reader.got.last() != Some(&last) {
                reader.next().await;
            }
            let seqs: Vec<_> = reader.got.iter().map(|said| said.seq).collect();
            assert!(seqs.is_sorted_by(|a, b| a + 1 == *b), "{seqs:?}");
            assert!(seqs[0] <= newest + 1, "{} and then {}", newest, seqs[0]);
            seen.retain(|said| said.seq < seqs[0]);
            assert!(seen.last().is_none_or(|said| said.seq + 1 == seqs[0]));
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(writing, reading);
    app.stop().await;
}

async fn without_a_cursor_it_begins_with_what_is_sent_after_the_subscription(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    talk(&ann, &bob, 3).await;
    // The subscription is live before whatever the socket sends next takes effect.
    let mut socket = app.socket(&ann).await;
    socket.subscribe("reader", &document(), json!({})).await;
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let input = json!({ "to": with(&bob), "body": "by the same socket" });
    socket.subscribe("2", send, json!({ "input": input })).await;
    let event = socket.event("reader").await;
    assert_eq!(event["newMessage"]["message"]["seq"], 4);
    let mut reader = Reader::open(app.address, &bob, json!({ "after": null })).await;
    let next = talk(&ann, &bob, 2).await;
    reader.read_to(2).await;
    assert_eq!(reader.has_all().await, next);
    app.stop().await;
}

async fn a_cursor_is_for_its_viewer_and_its_conversation_only(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let start = stream_cursor(&bob).await;
    let said = talk(&ann, &bob, 2).await;
    talk(&eve, &bob, 2).await;
    // The cursor of the first event of a subscription to one conversation.
    let scoped = async |only: Value| {
        let mut socket = app.socket(&bob).await;
        let variables = json!({ "after": start, "in": only });
        socket.subscribe("1", &document(), variables).await;
        socket.event("1").await["newMessage"]["cursor"].clone()
    };
    let by_user = scoped(with(&ann)).await;
    let by_id = scoped(json!({ "conversationId": said[0].conversation })).await;
    let list = bob
        .ok("{ conversations { pageInfo { endCursor } } }", json!({}))
        .await;
    let tampered = start.as_str().expect("a text").replace('A', "B");
    let wrong = [
        (&bob, json!(""), Value::Null),
        (&bob, json!("x"), Value::Null),
        (&bob, json!("A".repeat(27)), Value::Null),
        (&bob, json!("A".repeat(50_000)), Value::Null),
        (&bob, json!("ÿ"), Value::Null),
        (&bob, json!(tampered), Value::Null),
        (
            &bob,
            list["conversations"]["pageInfo"]["endCursor"].clone(),
            Value::Null,
        ),
        // Someone else's.
        (&ann, start.clone(), Value::Null),
        (&eve, start.clone(), with(&bob)),
        (&ann, by_user.clone(), with(&bob)),
        // One of a conversation claims nothing about another, nor about all.
        (&bob, by_user.clone(), Value::Null),
        (&bob, by_user.clone(), with(&eve)),
        (&bob, by_id.clone(), with(&eve)),
    ];
    for (viewer, cursor, only) in wrong {
        let variables = json!({ "after": cursor, "in": only });
        let error = refusal(&app, viewer, json!({}), variables.clone()).await;
        assert_eq!(
            error["extensions"]["code"], "BAD_USER_INPUT",
            "{variables}: {error}"
        );
        assert_eq!(error["extensions"]["field"], "after", "{variables}");
        let error = refusal(
            &app,
            viewer,
            json!({ "resume": if cursor == "" { json!(" ") } else { cursor } }),
            json!({ "in": only }),
        )
        .await;
        assert_eq!(
            error["extensions"]["code"], "BAD_USER_INPUT",
            "{variables}: {error}"
        );
        assert_eq!(error["extensions"]["field"], "resume", "{variables}");
    }
    // The two names of a conversation are one, and a cursor for everything holds for a part.
    let by_id_ref = json!({ "conversationId": said[0].conversation });
    for (cursor, only, expected) in [
        (&by_user, by_id_ref.clone(), &said[1..]),
        (&by_id, with(&ann), &said[1..]),
        (&start, with(&ann), &said[..]),
        (&start, by_id_ref, &said[..]),
    ] {
        let variables = json!({ "after": cursor, "in": only });
        let mut reader = Reader::open(app.address, &bob, variables).await;
        reader.read_to(expected.len()).await;
        assert_eq!(reader.has_all().await, expected);
    }
    app.stop().await;
}

async fn in_one_conversation_only_its_messages_come(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let start = stream_cursor(&bob).await;
    let mut expected = Vec::new();
    for _ in 0..5 {
        talk(&eve, &bob, 2).await;
        expected.extend(talk(&ann, &bob, 1).await);
        talk(&ann, &eve, 1).await;
    }
    let mut reader = Reader::open(
        app.address,
        &bob,
        json!({ "after": start, "in": with(&ann) }),
    )
    .await;
    reader.read_to(5).await;
    for _ in 0..5 {
        talk(&eve, &bob, 2).await;
        expected.extend(talk(&bob, &ann, 1).await);
    }
    reader.read_to(10).await;
    // What was passed over is behind its cursor: it goes on after it.
    talk(&eve, &bob, 3).await;
    let more = talk(&ann, &bob, 1).await;
    reader.resume(app.address, &bob, false, &with(&ann)).await;
    reader.read_to(11).await;
    expected.extend(more);
    assert_eq!(reader.has_all().await, expected);
    app.stop().await;
}

async fn a_subscription_to_a_conversation_that_has_not_begun_gets_its_first_message(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    talk(&eve, &bob, 2).await;
    let start = stream_cursor(&bob).await;
    let mut live = Reader::open(app.address, &bob, json!({ "in": with(&ann) })).await;
    let mut after = Reader::open(
        app.address,
        &bob,
        json!({ "in": with(&ann), "after": start }),
    )
    .await;
    let mut senders = Reader::open(app.address, &ann, json!({ "in": with(&bob) })).await;
    // More than its channel holds comes from elsewhere first.
    tokio::join!(talk(&eve, &bob, 20), talk(&eve, &bob, 20));
    let first = talk(&ann, &bob, 1).await;
    let second = talk(&bob, &ann, 1).await;
    let expected = [first, second].concat();
    for reader in [&mut live, &mut after, &mut senders] {
        reader.read_to(2).await;
    }
    for reader in [live, after, senders] {
        assert_eq!(reader.has_all().await, expected);
    }
    // A cursor from before the conversation began holds for it.
    let mut late = Reader::open(
        app.address,
        &bob,
        json!({ "in": with(&ann), "after": start }),
    )
    .await;
    late.read_to(2).await;
    assert_eq!(late.has_all().await, expected);
    app.stop().await;
}

async fn more_missed_than_is_replayed_is_an_error_and_exactly_as_many_is_not(kind: StoreKind) {
    let app = TestApp::with(kind, |config| config.limits.replay = 20).await;
    let (ann, bob, eve) = three(&app).await;
    let start = stream_cursor(&bob).await;
    let mut expected = talk(&ann, &bob, 10).await;
    // What does not concern the viewer does not count.
    talk(&ann, &eve, 30).await;
    expected.extend(talk(&ann, &bob, 10).await);
    let mut reader = Reader::open(app.address, &bob, json!({ "after": start })).await;
    reader.read_to(20).await;
    assert_eq!(reader.has_all().await, expected);

    talk(&eve, &bob, 1).await;
    for (init, variables) in [
        (json!({}), json!({ "after": start })),
        (json!({ "resume": start }), json!({})),
    ] {
        let error = refusal(&app, &bob, init, variables).await;
        assert_eq!(error["extensions"]["code"], "RESYNC_REQUIRED", "{error}");
    }
    // In the one conversation there were not too many.
    let variables = json!({ "after": start, "in": with(&ann) });
    let mut reader = Reader::open(app.address, &bob, variables).await;
    reader.read_to(20).await;
    assert_eq!(reader.has_all().await, expected);
    // The later of two counts.
    let late = stream_cursor(&bob).await;
    let mut socket = Ws::open(app.address).await;
    socket
        .init(json!({ "token": bob.token, "resume": late }))
        .await;
    let mut reader = Reader::over(socket, json!({ "after": start })).await;
    let next = talk(&ann, &bob, 1).await;
    reader.read_to(1).await;
    assert_eq!(reader.has_all().await, next);
    app.stop().await;
}
