//! Two people talk.

use serde_json::json;

use crate::{
    on_both_stores,
    support::{TestApp, store::StoreKind},
};

on_both_stores!(a_message_arrives_live_at_everyone_concerned);

async fn a_message_arrives_live_at_everyone_concerned(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let document = "subscription { newMessage { cursor message { body seq sender { username } clientMessageId } } }";
    let mut sockets = Vec::new();
    for person in [&ann, &bob, &eve] {
        let mut socket = app.socket(person).await;
        socket.subscribe("1", document, json!({})).await;
        socket.settle().await;
        sockets.push(socket);
    }
    ann.send(&bob, "hello").await;
    bob.send(&eve, "psst").await;
    let expected = [("hello", "ann"), ("psst", "bob")];
    for (socket, range) in sockets.iter_mut().zip([0..1, 0..2, 1..2]) {
        for (body, sender) in &expected[range] {
            let message = socket.event("1").await["newMessage"]["message"].clone();
            let wanted = json!({ "body": body, "seq": 1, "sender": { "username": sender }, "clientMessageId": null });
            assert_eq!(message, wanted);
        }
    }
    app.stop().await;
}
