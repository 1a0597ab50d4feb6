//! Cursors: each viewer's own.

use super::*;
use crate::{
    on_both_stores,
    support::{Reader, store::StoreKind},
};

on_both_stores!(
    each_viewer_gets_cursors_that_only_they_can_use,
    a_cursor_belongs_to_what_its_own_subscription_listens_to,
);

/// Makes sure that a cursor is good for `viewer`, after which only `next` comes, and for nobody else.
async fn is_only_for(
    app: &TestApp,
    viewer: &Client,
    others: &[&Client],
    cursor: &Value,
    next: &str,
) {
    let variables = json!({ "after": cursor });
    let mut reader = Reader::open(app.address, viewer, variables.clone()).await;
    reader.read_to(1).await;
    let got = reader.has_all().await;
    assert_eq!(got[0].body, next, "{} went on", viewer.username);
    for other in others {
        is_refused(app, other, variables.clone()).await;
    }
}

/// Subscribes with a cursor that is none for this.
async fn is_refused(app: &TestApp, viewer: &Client, variables: Value) {
    let mut socket = app.socket(viewer).await;
    let document = crate::support::reader::document();
    socket.subscribe(ID, &document, variables).await;
    let error = socket.refused(ID, "BAD_USER_INPUT").await;
    assert_eq!(error["extensions"]["field"], "after");
}

async fn each_viewer_gets_cursors_that_only_they_can_use(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, eve] = three(&app).await;
    // Where the cursor stands, as JSON pointers, in the event of a document.
    let documents = [
        ("subscription { newMessage { cursor } }", &["/newMessage/cursor"][..]),
        (
            "subscription { it: newMessage { last: cursor message { seq } } }",
            &["/it/last"],
        ),
        (
            "subscription { newMessage { message { seq } cursor one: cursor two: cursor } }",
            &["/newMessage/cursor", "/newMessage/one", "/newMessage/two"],
        ),
        (
            "subscription { ...R } fragment R on Subscription { newMessage { ...N message { seq } } }
            fragment N on NewMessage { cursor ... { deep: cursor } ... on NewMessage { deeper: cursor } }",
            &["/newMessage/cursor", "/newMessage/deep", "/newMessage/deeper"],
        ),
        (
            "subscription($x: Boolean = false) { newMessage {
                no: cursor @include(if: $x) ... @skip(if: $x) { yes: cursor }
            } }",
            &["/newMessage/yes"],
        ),
        // Names that say something else than they hold.
        (
            "subscription { newMessage { cursor: __typename real: cursor message { cursor: body } } }",
            &["/newMessage/real"],
        ),
    ];
    let payloads = documents.map(|(document, _)| payload(document));
    let mut audience = audience(&app, &[&ann, &bob], &payloads).await;
    say(&ann, &bob, "first", "1").await;
    let mut cursors = HashMap::<String, Vec<Value>>::new();
    for listener in &mut audience {
        let events = listener.round().await;
        let cursors = cursors.entry(listener.viewer.id.clone()).or_default();
        for (id, (document, places)) in (1..).zip(&documents) {
            let event = &events[&format!("{id}")];
            for place in *places {
                let cursor = event.pointer(place).expect("a cursor");
                assert!(cursor.is_string(), "{document}: {event}");
                cursors.push(cursor.clone());
            }
        }
        let odd = &events["6"]["newMessage"];
        assert_eq!(odd["cursor"], "NewMessage");
        assert_eq!(odd["message"]["cursor"], "first");
        assert_eq!(events["5"]["newMessage"].get("no"), None);
    }
    say(&bob, &ann, "second", "2").await;
    for (viewer, others) in [(&ann, [&bob, &eve]), (&bob, [&ann, &eve])] {
        let cursors = &mut cursors.remove(&viewer.id).expect("some");
        assert_eq!(cursors.len(), SOCKETS * 10);
        cursors.sort_by_key(Value::to_string);
        cursors.dedup();
        for cursor in cursors {
            is_only_for(&app, viewer, &others, cursor, "second").await;
        }
    }
    drop(audience);
    app.stop().await;
}

async fn a_cursor_belongs_to_what_its_own_subscription_listens_to(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, eve] = three(&app).await;
    let begun = ann.send(&bob, "begin").await;
    let by_id = json!({ "conversationId": begun["conversation"]["id"] });
    let document =
        "subscription($in: ConversationRef) { newMessage(in: $in) { cursor message { body } } }";
    let scopes = [Value::Null, with(&ann), by_id.clone()];
    let payloads = scopes.map(|scope| json!({ "query": document, "variables": { "in": scope } }));
    let mut bobs = audience(&app, &[&bob], &payloads).await;
    ann.send(&bob, "first").await;
    let mut rounds = Vec::new();
    for listener in &mut bobs {
        rounds.push(listener.round().await);
    }
    ann.send(&bob, "second").await;
    for round in rounds {
        let cursor = |id: &str| round[id]["newMessage"]["cursor"].clone();
        is_only_for(&app, &bob, &[&ann, &eve], &cursor("1"), "second").await;
        for scoped in [cursor("2"), cursor("3")] {
            for scope in [with(&ann), by_id.clone()] {
                let variables = json!({ "after": scoped, "in": scope });
                let mut reader = Reader::open(app.address, &bob, variables).await;
                reader.read_to(1).await;
                assert_eq!(reader.has_all().await[0].body, "second");
            }
            is_refused(&app, &bob, json!({ "after": scoped })).await;
            is_refused(&app, &ann, json!({ "after": scoped, "in": with(&bob) })).await;
        }
    }
    drop(bobs);
    app.stop().await;
}
