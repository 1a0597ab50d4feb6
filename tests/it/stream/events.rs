//! The stream of everything: what it tells, and how each event names the one before it.

use super::*;

const EVENTS: &str =
    "subscription($after: String, $in: ConversationRef) { events(after: $after, in: $in) {
    __typename cursor previous
    ... on NewMessage { message { body } }
} }";
const MESSAGES: &str =
    "subscription($after: String, $in: ConversationRef) { newMessage(after: $after, in: $in) {
    cursor previous message { body }
} }";

on_both_stores!(
    each_event_names_the_one_before_it,
    a_cursor_of_messages_alone_claims_too_little_for_events,
    of_several_cursors_to_resume_each_subscription_takes_its_own,
);

/// The next event of a subscription to either.
async fn next(socket: &mut Ws, id: &str) -> Value {
    let event = socket.event(id).await;
    let event = event.as_object().and_then(|data| data.values().next());
    event.expect("an event").clone()
}

async fn each_event_names_the_one_before_it(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    ann.send(&bob, "makes the conversation").await;
    for document in [EVENTS, MESSAGES] {
        let start = stream_cursor(&bob).await;
        ann.send(&bob, "missed").await;
        let (mut replayed, mut live) = (app.socket(&bob).await, app.socket(&bob).await);
        replayed
            .subscribe("1", document, json!({ "after": start }))
            .await;
        let missed = next(&mut replayed, "1").await;
        assert_eq!(missed["previous"], start, "as it was given");
        assert_eq!(missed["message"]["body"], "missed");
        live.subscribe("1", document, json!({})).await;
        live.settle().await;
        let mut before = [missed["cursor"].clone(), Value::Null];
        for body in ["one", "two"] {
            ann.send(&bob, body).await;
            for (socket, before) in [&mut replayed, &mut live].into_iter().zip(&mut before) {
                let event = next(socket, "1").await;
                assert_eq!(event["message"]["body"], body);
                assert!(before.is_null() || event["previous"] == *before, "{event}");
                assert_ne!(event["previous"], event["cursor"]);
                *before = event["cursor"].clone();
            }
        }
        // Where a subscription began is a cursor like any other.
        let mut again = app.socket(&bob).await;
        again.subscribe("1", document, json!({})).await;
        again.settle().await;
        let three = ann.send(&bob, "three").await;
        let began = next(&mut again, "1").await["previous"].clone();
        again
            .subscribe("2", document, json!({ "after": began }))
            .await;
        let replayed = next(&mut again, "2").await;
        assert_eq!(
            (&replayed["message"]["body"], &replayed["previous"]),
            (&three["body"], &began)
        );
    }
}

async fn a_cursor_of_messages_alone_claims_too_little_for_events(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    ann.send(&bob, "makes the conversation").await;
    let mut socket = app.socket(&bob).await;
    socket.subscribe("1", EVENTS, json!({})).await;
    socket.subscribe("2", MESSAGES, json!({})).await;
    socket.settle().await;
    ann.send(&bob, "hello").await;
    let of_all = next(&mut socket, "1").await["cursor"].clone();
    let of_messages = next(&mut socket, "2").await["cursor"].clone();
    for (document, after, fits) in [
        (EVENTS, &of_all, true),
        (MESSAGES, &of_all, true),
        (MESSAGES, &of_messages, true),
        (EVENTS, &of_messages, false),
    ] {
        socket
            .subscribe("3", document, json!({ "after": after }))
            .await;
        if fits {
            socket.settle().await;
            socket.send(json!({ "id": "3", "type": "complete" })).await;
        } else {
            let error = socket.refused("3", "BAD_USER_INPUT").await;
            assert_eq!(error["extensions"]["field"], "after");
        }
    }
}

async fn of_several_cursors_to_resume_each_subscription_takes_its_own(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let older = stream_cursor(&bob).await;
    ann.send(&bob, "one").await;
    let newer = stream_cursor(&bob).await;
    ann.send(&bob, "two").await;
    let foreign = stream_cursor(&eve).await;
    let open = async |resume: Value| {
        let mut socket = Ws::open(app.address).await;
        socket
            .init(json!({ "token": bob.token, "resume": resume }))
            .await;
        socket
    };
    let mut socket = open(json!([older, foreign, newer, "x"])).await;
    socket.subscribe("1", EVENTS, json!({})).await;
    let event = next(&mut socket, "1").await;
    assert_eq!(event["message"]["body"], "two", "the latest that fits");
    assert_eq!(event["previous"], newer);
    let late = |place: usize| {
        let mut cursors = vec![json!("x"); place];
        cursors.push(newer.clone());
        json!(cursors)
    };
    let mut socket = open(late(99)).await;
    socket.subscribe("1", EVENTS, json!({})).await;
    assert_eq!(next(&mut socket, "1").await["previous"], newer);
    for nothing in [json!([]), json!([null])] {
        let mut socket = open(nothing).await;
        socket.subscribe("1", EVENTS, json!({})).await;
        socket.settle().await;
    }
    for none in [json!([foreign, "x"]), json!([7]), late(100)] {
        let mut socket = open(none).await;
        socket.subscribe("1", EVENTS, json!({})).await;
        let error = socket.refused("1", "BAD_USER_INPUT").await;
        assert_eq!(error["extensions"]["field"], "resume");
    }
}
