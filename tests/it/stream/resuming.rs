//! Going on from a cursor over a new socket, as clients do that reconnect by themselves.

use std::collections::HashMap;

use super::*;

on_both_stores!(
    resume_counts_until_the_first_live_event_of_its_socket,
    the_later_of_resume_and_after_is_where_it_begins,
    a_resume_that_is_no_cursor_is_an_error_of_the_subscription_alone,
    messages_from_ones_other_devices_come_too,
    a_cursor_from_before_a_restart_goes_on_after_it,
);

async fn greeted(app: &TestApp, viewer: &Client, resume: &Value) -> Ws {
    let mut socket = Ws::open(app.address).await;
    socket
        .init(json!({ "token": viewer.token, "resume": resume }))
        .await;
    socket
}

/// The bodies of the next events of a subscription.
async fn bodies(socket: &mut Ws, id: &str, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        let event = socket.event(id).await;
        let body = event["newMessage"]["message"]["body"].as_str();
        bodies.push(body.expect("a text").to_owned());
    }
    bodies
}

fn bodies_of(said: &[Said]) -> Vec<String> {
    said.iter().map(|said| said.body.clone()).collect()
}

async fn resume_counts_until_the_first_live_event_of_its_socket(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let start = stream_cursor(&bob).await;
    let missed = bodies_of(&talk(&ann, &bob, 3).await);
    let mut socket = greeted(&app, &bob, &start).await;
    // Each subscription before the first live event begins there, whatever was replayed to others.
    for id in ["1", "2"] {
        socket.subscribe(id, &document(), json!({})).await;
        assert_eq!(bodies(&mut socket, id, 3).await, missed);
    }
    socket
        .subscribe("3", &document(), json!({ "in": with(&eve) }))
        .await;
    socket.settle().await;
    let live = bodies_of(&talk(&ann, &bob, 1).await);
    assert_eq!(bodies(&mut socket, "1", 1).await, live);
    // From now on it is out of date.
    socket.subscribe("4", &document(), json!({})).await;
    socket.settle().await;
    let next = bodies_of(&talk(&eve, &bob, 1).await);
    let mut got = HashMap::new();
    while got.len() < 2 {
        let event = socket.next().await;
        if event["id"] == "3" || event["id"] == "4" {
            let body = event["payload"]["data"]["newMessage"]["message"]["body"].clone();
            got.insert(event["id"].to_string(), body);
        }
    }
    assert!(got.values().all(|body| *body == next[0]), "{got:?}");
    app.stop().await;
}

async fn the_later_of_resume_and_after_is_where_it_begins(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let early = stream_cursor(&bob).await;
    talk(&ann, &bob, 2).await;
    let late = stream_cursor(&bob).await;
    let expected = talk(&ann, &bob, 2).await;
    for (resume, after) in [
        (&early, &late),
        (&late, &early),
        (&late, &Value::Null),
        (&Value::Null, &late),
    ] {
        let socket = greeted(&app, &bob, resume).await;
        let mut reader = Reader::over(socket, json!({ "after": after })).await;
        reader.read_to(2).await;
        assert_eq!(reader.has_all().await, expected);
    }
    app.stop().await;
}

async fn a_resume_that_is_no_cursor_is_an_error_of_the_subscription_alone(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let fine = stream_cursor(&bob).await;
    for resume in [
        json!("x"),
        json!(7),
        json!({}),
        json!(false),
        stream_cursor(&ann).await,
    ] {
        let mut socket = greeted(&app, &bob, &resume).await;
        socket
            .subscribe("1", &document(), json!({ "after": fine }))
            .await;
        let answer = socket.next().await;
        assert_eq!(answer["type"], "error", "{resume}: {answer}");
        let extensions = &answer["payload"][0]["extensions"];
        assert_eq!(extensions["code"], "BAD_USER_INPUT");
        assert_eq!(extensions["field"], "resume");
        // The socket is fine.
        socket
            .subscribe("2", "{ me { username } }", json!({}))
            .await;
        assert_eq!(socket.event("2").await["me"]["username"], "bob");
        let typing = "subscription { typing { typing } }";
        socket.subscribe("3", typing, json!({})).await;
        socket.settle().await;
    }
    for none in [Value::Null, json!(""), json!([])] {
        let socket = greeted(&app, &bob, &none).await;
        Reader::over(socket, json!({})).await;
    }
    app.stop().await;
}

async fn messages_from_ones_other_devices_come_too(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let phone = ann.sign_in_again().await;
    let mut readers = [
        Reader::open(app.address, &ann, json!({})).await,
        Reader::open(app.address, &phone, json!({})).await,
        Reader::open(app.address, &phone, json!({ "in": with(&bob) })).await,
        Reader::open(app.address, &bob, json!({})).await,
    ];
    let expected = [
        talk(&phone, &bob, 1).await,
        talk(&ann, &bob, 1).await,
        talk(&bob, &ann, 1).await,
    ]
    .concat();
    for reader in &mut readers {
        reader.read_to(3).await;
    }
    for reader in readers {
        assert_eq!(reader.has_all().await, expected);
    }
    app.stop().await;
}

async fn a_cursor_from_before_a_restart_goes_on_after_it(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let mut reader = Reader::open(app.address, &bob, json!({})).await;
    let mut expected = talk(&ann, &bob, 3).await;
    reader.read_to(3).await;
    // Missed: its socket is not read any more.
    expected.extend(talk(&ann, &bob, 2).await);
    let app = TestApp::at(app.stop().await, |_| {}).await;
    let (ann, bob) = (ann.at(app.url("/graphql")), bob.at(app.url("/graphql")));
    expected.extend(talk(&ann, &bob, 2).await);
    reader.resume(app.address, &bob, true, &Value::Null).await;
    reader.read_to(7).await;
    expected.extend(talk(&ann, &bob, 1).await);
    reader.read_to(8).await;
    assert_eq!(reader.has_all().await, expected);
    app.stop().await;
}
