//! Who finds what, and what is refused.

use std::collections::HashSet;

use super::*;

on_both_stores!(
    only_members_find_what_was_said,
    one_conversation_is_searched_alone,
    a_text_that_is_no_search_is_refused_by_its_fault,
);

async fn only_members_find_what_was_said(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    ann.send(&bob, "a secret plan").await;
    bob.send(&eve, "another plan").await;
    bob.will_find("plan", &["another plan", "a secret plan"])
        .await;
    assert_eq!(ann.finds("plan").await, ["a secret plan"]);
    assert_eq!(eve.finds("plan").await, ["another plan"]);
    assert_eq!(app.user("joe").await.finds("plan").await, [""; 0]);
    let nobody = app.anonymous();
    nobody
        .fails("UNAUTHENTICATED", SEARCH, json!({ "text": "plan" }))
        .await;
}

async fn one_conversation_is_searched_alone(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let first = ann.send(&bob, "plan A").await;
    ann.send(&eve, "plan B").await;
    ann.will_find("plan", &["plan B", "plan A"]).await;
    let only =
        async |reference: Value| texts(&ann.search(json!({ "in": reference }), "plan").await);
    assert_eq!(only(with(&bob)).await, ["plan A"]);
    let id = &first["conversation"]["id"];
    assert_eq!(only(json!({ "conversationId": id })).await, ["plan A"]);
    let unstarted = bob.search(json!({ "in": with(&eve) }), "plan").await;
    assert_eq!(unstarted["nodes"], json!([]));
    assert_eq!(unstarted["pageInfo"]["hasNextPage"], false);
    for (reference, field) in [
        (json!({ "conversationId": id }), "in.conversationId"),
        (
            json!({ "conversationId": "conv_nothing" }),
            "in.conversationId",
        ),
        (json!({ "userId": "user_nothing" }), "in.userId"),
    ] {
        let variables = json!({ "text": "plan", "in": reference });
        let error = eve.fails("NOT_FOUND", SEARCH, variables).await;
        assert_eq!(error["extensions"]["field"], field);
    }
    let oneself = json!({ "text": "plan", "in": with(&eve) });
    eve.fails("BAD_USER_INPUT", SEARCH, oneself).await;
}

async fn a_text_that_is_no_search_is_refused_by_its_fault(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let mut sentences = HashSet::new();
    for text in ["", "…", &"a".repeat(201), "a b c d e f g h i j k"] {
        let error = ann
            .fails("BAD_USER_INPUT", SEARCH, json!({ "text": text }))
            .await;
        assert_eq!(error["extensions"]["field"], "text");
        sentences.insert(error["message"].as_str().expect("a sentence").to_owned());
    }
    // The first two have the same fault.
    assert_eq!(sentences.len(), 3, "{sentences:?}");
    for first in [0, -1, 101] {
        let variables = json!({ "text": "fine", "first": first });
        let error = ann.fails("BAD_USER_INPUT", SEARCH, variables).await;
        assert_eq!(error["extensions"]["field"], "first");
    }
    ann.send(&app.user("bob").await, "fine").await;
    ann.will_find("fine", &["fine"]).await;
    // The last one is of a history.
    for after in ["", "x", "bQAAAAAAAAAB"] {
        let variables = json!({ "text": "fine", "after": after });
        let error = ann.fails("BAD_USER_INPUT", SEARCH, variables).await;
        assert_eq!(error["extensions"]["field"], "after");
    }
}
