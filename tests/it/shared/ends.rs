//! Who comes, who leaves and who fails among those who listen alike: the others do not notice.

use super::*;
use crate::{
    on_both_stores,
    support::{eventually, store::StoreKind},
};

on_both_stores!(whoever_comes_later_begins_where_they_say);

const DOCUMENT: &str = "subscription { newMessage { cursor message { body clientMessageId } } }";

/// Sends a message and makes sure that it is told to each of these, and to each what is theirs.
async fn goes_on(listeners: &mut [Listener], sender: &Client, receiver: &Client, body: &str) {
    say(sender, receiver, body, body).await;
    for listener in listeners {
        let event = listener.next().await["newMessage"].clone();
        let name = if listener.is(sender) {
            json!(body)
        } else {
            Value::Null
        };
        let message = json!({ "body": body, "clientMessageId": name });
        assert_eq!(event["message"], message, "to {}", listener.viewer.username);
        assert!(event["cursor"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_carry_the_ids_that_their_own_socket_chose() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let [ann, bob, _] = three(&app).await;
    let odd = [
        "1",
        "2",
        "\"",
        "\\",
        "a\"b\\c\n\u{1}",
        "😀",
        "{id}",
        "cursor",
        "\",\"type\":\"complete",
        &"x".repeat(1_000),
    ];
    let mut sockets = Vec::new();
    for (number, viewer) in [&ann, &bob, &ann, &bob].into_iter().enumerate() {
        let mut socket = app.socket(viewer).await;
        // Some have all of them, some every other.
        let ids = odd.iter().step_by(1 + number / 2).copied();
        let ids = ids.collect::<Vec<_>>();
        for id in &ids {
            socket.subscribe(id, DOCUMENT, json!({})).await;
        }
        socket.settle().await;
        sockets.push((viewer, socket, ids));
    }
    for body in ["first", "second"] {
        say(&ann, &bob, body, body).await;
        for (viewer, socket, ids) in &mut sockets {
            let mut came = Vec::new();
            for _ in ids.iter() {
                let (id, data) = data(&socket.next().await);
                let name = if viewer.id == ann.id {
                    json!(body)
                } else {
                    Value::Null
                };
                let message = json!({ "body": body, "clientMessageId": name });
                assert_eq!(data["newMessage"]["message"], message);
                came.push(id);
            }
            came.sort_unstable();
            let mut expected = ids.clone();
            expected.sort_unstable();
            assert_eq!(came, expected);
        }
        // From now on each has one less, and one has it again.
        for (_, socket, ids) in &mut sockets {
            let id = ids.remove(0);
            socket.send(json!({ "id": id, "type": "complete" })).await;
            socket.settle().await;
        }
        let (_, socket, ids) = &mut sockets[0];
        socket.subscribe(body, DOCUMENT, json!({})).await;
        socket.settle().await;
        ids.push(body);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_listened_first_may_leave_in_any_way() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let [ann, bob, _] = three(&app).await;
    let all = [payload(DOCUMENT)];
    let phone = ann.sign_in_again().await;
    let mut leaving = Vec::new();
    for viewer in [&phone, &ann, &bob, &bob] {
        leaving.push(Listener::open(&app, viewer, &all).await);
    }
    let mut staying = audience(&app, &[&bob, &ann], &all).await;
    goes_on(&mut leaving, &ann, &bob, "all are here").await;
    goes_on_for(&mut staying, &ann, "all are here").await;

    phone.ok("mutation { logout }", json!({})).await;
    let mut first = leaving.remove(0);
    assert_eq!(first.socket.closed().await, Some(4403));
    goes_on(&mut staying, &bob, &ann, "after a logout").await;
    goes_on_for(&mut leaving, &bob, "after a logout").await;

    let mut second = leaving.remove(0);
    second
        .socket
        .send(json!({ "id": ID, "type": "complete" }))
        .await;
    second.socket.settle().await;
    goes_on(&mut staying, &ann, &bob, "after a complete").await;
    goes_on_for(&mut leaving, &ann, "after a complete").await;
    assert_eq!(second.socket.until_settled().await, [] as [Value; 0]);

    let mut third = leaving.remove(0);
    third.socket.0.close(None).await.expect("it can be closed");
    goes_on(&mut staying, &ann, &bob, "after a close").await;
    goes_on_for(&mut leaving, &ann, "after a close").await;
    drop(leaving);
    goes_on(&mut staying, &bob, &ann, "after a cut").await;
    // Down to the last one, and up again.
    staying.truncate(1);
    goes_on(&mut staying, &ann, &bob, "one is left").await;
    staying.clear();
    app.metric_becomes("chinwag_subscriptions", 0.0).await;
    say(&ann, &bob, "nobody is here", "nobody is here").await;
    let mut back = audience(&app, &[&ann, &bob], &all).await;
    goes_on(&mut back, &ann, &bob, "they are back").await;
}

/// The same message, told to these as well.
async fn goes_on_for(listeners: &mut [Listener], sender: &Client, body: &str) {
    for listener in listeners {
        let name = if listener.is(sender) {
            json!(body)
        } else {
            Value::Null
        };
        let message = json!({ "body": body, "clientMessageId": name });
        assert_eq!(listener.next().await["newMessage"]["message"], message);
    }
}

async fn whoever_comes_later_begins_where_they_say(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, _] = three(&app).await;
    let document =
        "subscription($after: String) { newMessage(after: $after) { cursor message { body } } }";
    let from = |after: &Value| json!({ "query": document, "variables": { "after": after } });
    let people = [&ann, &bob];
    // Where each one's stream stood before each message.
    let mut starts = Vec::new();
    let bodies = (0..8).map(|number| format!("message {number}"));
    let bodies = bodies.collect::<Vec<_>>();
    // Who listens, and what comes to them next.
    let mut listeners = Vec::<(Listener, usize)>::new();
    for (number, body) in bodies.iter().enumerate() {
        let mut cursors = Vec::new();
        for viewer in people {
            let data = viewer.ok("{ streamCursor }", json!({})).await;
            cursors.push(data["streamCursor"].clone());
        }
        starts.push(cursors);
        // Some join those who listen already from now on, some from three messages ago.
        let behind = number.saturating_sub(3);
        for (viewer, after) in people.into_iter().zip(&starts[behind]) {
            let now = Listener::open(&app, viewer, &[from(&Value::Null)]).await;
            listeners.push((now, number));
            let late = Listener::begin(&app, viewer, &from(after)).await;
            listeners.push((late, behind));
        }
        ann.send(&bob, body).await;
        for (listener, next) in &mut listeners {
            for body in &bodies[*next..=number] {
                let event = listener.next().await["newMessage"].clone();
                let viewer = &listener.viewer.username;
                assert_eq!(event["message"]["body"], *body, "to {viewer}");
            }
            *next = number + 1;
        }
    }
    drop(listeners);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriber_whose_document_fails_gets_the_error_alone() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let [ann, bob, _] = three(&app).await;
    let document =
        "subscription($n: Int!, $in: ConversationRef, $after: String) { newMessage(in: $in) { cursor message {
        body conversation { messages(last: $n, after: $after) { nodes { body conversation { messages(last: $n) { nodes { body } } } } } }
    } } }";
    let payload =
        |n: Value, only: Value| json!({ "query": document, "variables": { "n": n, "in": only } });
    let mut well = audience(&app, &[&ann, &bob], &[payload(json!(1), Value::Null)]).await;
    // What is refused at once, with documents that others run.
    let mut socket = app.socket(&bob).await;
    for (id, (variables, code)) in [
        (json!({ "n": "1" }), "BAD_USER_INPUT"),
        (json!({}), "BAD_USER_INPUT"),
        (json!({ "n": null }), "BAD_USER_INPUT"),
        (json!({ "n": 0 }), "BAD_USER_INPUT"),
        (json!({ "n": 100 }), "QUERY_TOO_COMPLEX"),
        (json!({ "n": 1_000_000 }), "QUERY_TOO_COMPLEX"),
        (json!({ "n": 1, "in": { "userId": "nobody" } }), "NOT_FOUND"),
        (json!({ "n": 1, "in": {} }), "BAD_USER_INPUT"),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("{id}");
        socket.subscribe(&id, document, variables).await;
        socket.refused(&id, code).await;
    }
    let mut nobody = Ws::open(app.address).await;
    nobody.init(json!({})).await;
    nobody.subscribe(ID, document, json!({ "n": 1 })).await;
    nobody.refused(ID, "UNAUTHENTICATED").await;
    // What fails with the first event.
    let mut no_cursor = payload(json!(1), Value::Null);
    no_cursor["variables"]["after"] = json!("x");
    let mut failing = audience(&app, &[&bob, &ann], &[no_cursor]).await;
    let more = audience(&app, &[&ann, &bob], &[payload(json!(1), Value::Null)]).await;
    well.extend(more);
    for number in 0..3 {
        let body = format!("message {number}");
        ann.send(&bob, &body).await;
        for listener in &mut well {
            let event = listener.next().await["newMessage"]["message"].clone();
            let page = |node| json!({ "messages": { "nodes": [node] } });
            let page = page(json!({ "body": body, "conversation": page(json!({ "body": body })) }));
            assert_eq!(event, json!({ "body": body, "conversation": page }));
        }
        for listener in &mut failing {
            if number == 0 {
                let error = listener.socket.refused(ID, "BAD_USER_INPUT").await;
                assert_eq!(error["extensions"]["field"], "after");
                assert_eq!(error["path"][0], "newMessage");
            }
            assert_eq!(listener.socket.until_settled().await, [] as [Value; 0]);
        }
    }
    let count = f64::from(u32::try_from(well.len()).expect("a few"));
    eventually("those that failed are over", async || {
        (app.metric("chinwag_subscriptions").await - count).abs() < f64::EPSILON
    })
    .await;
}
