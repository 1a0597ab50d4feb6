//! One text with other variables, other operations, other viewers.

use super::*;

const BAD: &str = "BAD_USER_INPUT";
const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";
const TOO_COMPLEX: &str = "QUERY_TOO_COMPLEX";

#[tokio::test]
async fn variables_are_looked_at_each_time() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let (good, bad) = (
        |variables: Value| Ask::good(&ann, variables),
        |variables: Value| Ask::bad(&ann, variables, BAD),
    );
    let user = "query($id: ID!) { user(id: $id) { username } }";
    let asks = [
        good(json!({ "id": ann.id })),
        good(json!({ "id": bob.id })),
        good(json!({ "id": bob.id, "unused": [1] })),
        good(json!({ "id": "nobody" })),
        good(json!({ "id": 7 })),
        bad(json!({})),
        bad(json!({ "id": null })),
        bad(json!({ "id": true })),
        bad(json!({ "id": [bob.id] })),
        bad(json!({ "id": { "$ne": null } })),
    ];
    answers_alike(user, &asks).await;
    assert_eq!(
        asks[1].answer(user).await,
        json!({ "data": { "user": { "username": "bob" } } })
    );

    // Left out is not null, in fragments too.
    let search = "query($s: String, $n: Int! = 2) { ...F }
        fragment F on Query { sidebarUsers(search: $s, first: $n) { nodes { username } } }";
    let asks = [
        good(json!({})),
        good(json!({ "s": "bo" })),
        good(json!({ "s": "x" })),
        good(json!({ "s": null })),
        good(json!({ "n": 1 })),
        good(json!({ "s": "bo", "n": 100 })),
        bad(json!({ "n": 101 })),
        bad(json!({ "n": 0 })),
        bad(json!({ "n": null })),
        good(json!({ "n": 1.0 })),
        good(json!({ "n": 1e1 })),
        bad(json!({ "n": 1.5 })),
        bad(json!({ "n": "1" })),
        bad(json!({ "n": 3_000_000_000_u64 })),
        bad(json!({ "n": 3e9 })),
        bad(json!({ "s": 5 })),
    ];
    answers_alike(search, &asks).await;

    let flags = "query($x: Boolean!, $y: Boolean = false) {
        me { username @include(if: $x) id @skip(if: $y) ...F @include(if: $y) ... @skip(if: $x) { displayName } }
    } fragment F on User { online }";
    let asks = [
        good(json!({ "x": true })),
        good(json!({ "x": false })),
        good(json!({ "x": true, "y": true })),
        good(json!({ "x": false, "y": true })),
        bad(json!({})),
        bad(json!({ "x": null })),
        bad(json!({ "x": "true" })),
        bad(json!({ "x": true, "y": 1 })),
    ];
    answers_alike(flags, &asks).await;
}

#[tokio::test]
async fn the_one_field_of_a_reference_is_looked_at_each_time() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let (good, bad) = (
        |variables: Value| Ask::good(&ann, variables),
        |variables: Value| Ask::bad(&ann, variables, BAD),
    );
    let found = |variables: Value| Ask::bad(&ann, variables, "NOT_FOUND");
    let page = ann.page(&json!({ "userId": bob.id }), json!({})).await;
    let id = at(&page, "nodes.0.conversation.id");

    let whole = "query($in: ConversationRef!) { messages(in: $in) { nodes { body } } }";
    let asks = [
        good(json!({ "in": { "userId": bob.id } })),
        good(json!({ "in": { "conversationId": id } })),
        found(json!({ "in": { "userId": id } })),
        found(json!({ "in": { "conversationId": bob.id } })),
        bad(json!({})),
        bad(json!({ "in": null })),
        bad(json!({ "in": {} })),
        bad(json!({ "in": { "userId": null } })),
        bad(json!({ "in": { "userId": bob.id, "conversationId": id } })),
        bad(json!({ "in": { "userId": bob.id, "conversationId": null } })),
        bad(json!({ "in": { "userId": bob.id, "else": 1 } })),
        bad(json!({ "in": [{ "userId": bob.id }] })),
    ];
    answers_alike(whole, &asks).await;

    let inside = "query($u: ID!) { messages(in: { userId: $u }, last: 1) { nodes { body } } }";
    let asks = [
        good(json!({ "u": bob.id })),
        found(json!({ "u": "nobody" })),
        bad(json!({ "u": ann.id })),
        bad(json!({})),
        bad(json!({ "u": null })),
    ];
    answers_alike(inside, &asks).await;
}

/// What variables that may be null give inside `@oneOf`, whichever way that is refused.
#[tokio::test]
async fn variables_without_a_value_inside_a_reference_are_answered_as_the_first_time() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let documents = [
        "query($u: ID) { messages(in: { userId: $u }, last: 1) { nodes { body } } }",
        "query($u: ID, $c: ID) { messages(in: { userId: $u, conversationId: $c }, last: 1) { nodes { body } } }",
        "query($u: ID) { ...F } fragment F on Query { messages(in: { userId: $u }, last: 1) { nodes { body } } }",
    ];
    let sets = [
        json!({ "u": bob.id }),
        json!({ "u": null }),
        json!({}),
        json!({ "c": bob.id }),
        json!({ "u": bob.id, "c": bob.id }),
        json!({ "u": bob.id, "c": null }),
        json!({ "u": "nobody" }),
        json!({ "u": [] }),
    ];
    for document in documents {
        let mut asks = Vec::new();
        for variables in &sets {
            let answer = ann.run(&unseen(document), variables.clone()).await;
            let code = match at(&answer, "errors.0.extensions.code").as_str() {
                None => None,
                Some("BAD_USER_INPUT") => Some(BAD),
                Some("GRAPHQL_VALIDATION_FAILED") => Some(INVALID),
                Some("NOT_FOUND") => Some("NOT_FOUND"),
                Some(other) => panic!("{other}: {answer}"),
            };
            let without = variables["u"].is_null();
            assert!(
                code.is_some() || !without,
                "{document} {variables}: {answer}"
            );
            asks.push(Ask {
                code,
                ..Ask::good(&ann, variables.clone())
            });
        }
        answers_alike(document, &asks).await;
    }
}

#[tokio::test]
async fn what_does_not_fit_is_told_by_the_argument_that_it_fills() {
    let app = app().await;
    let [ann, _] = two(&app).await;
    for (document, variables, field) in [
        (
            "mutation($i: SignupInput!) { signup(input: $i) { token } }",
            json!({ "i": { "username": 1, "password": "password1" } }),
            "input.username",
        ),
        (
            "mutation($name: String!) { signup(input: { username: $name, password: \"password1\" }) { token } }",
            json!({ "name": 1 }),
            "input.username",
        ),
        (
            "query($one: ID!) { ...F } fragment F on Query { me { id } nodes(ids: [\"a\", $one]) { id } }",
            json!({}),
            "ids.1",
        ),
        (
            "query($last: Int!) { conversations { nodes { ... { messages(last: $last) { nodes { id } } } } } }",
            json!({ "last": "x" }),
            "last",
        ),
        (
            "query($here: Boolean!) { me @include(if: $here) { id } }",
            json!({ "here": 1 }),
            "here",
        ),
    ] {
        let error = ann.fails(BAD, document, variables).await;
        assert_eq!(error["extensions"]["field"], field, "{document}");
    }
}

#[tokio::test]
async fn page_sizes_in_variables_count_each_time() {
    let app = app().await;
    let [ann, _] = two(&app).await;
    let (good, bad) = (
        |variables: Value| Ask::good(&ann, variables),
        |variables: Value, code| Ask::bad(&ann, variables, code),
    );
    let nested = "query($n: Int, $m: Int) {
        conversations(first: $n) { nodes { messages(last: $m) { nodes { body } } } }
    }";
    let asks = [
        good(json!({ "n": 1, "m": 2 })),
        good(json!({ "n": 10, "m": 100 })),
        good(json!({ "n": 100, "m": 10 })),
        bad(json!({ "n": 100, "m": 100 }), TOO_COMPLEX),
        bad(json!({ "n": 1_000_000, "m": 100 }), TOO_COMPLEX),
        bad(json!({ "n": i32::MAX, "m": i32::MAX }), TOO_COMPLEX),
        bad(json!({}), TOO_COMPLEX),
        bad(json!({ "n": 1_000_000, "m": 1 }), BAD),
        bad(json!({ "n": 0, "m": 1 }), BAD),
        bad(json!({ "n": -1, "m": 100 }), BAD),
        bad(json!({ "n": 3_000_000_000_u64, "m": 1 }), BAD),
        bad(json!({ "n": 1, "m": i32::MIN }), BAD),
    ];
    answers_alike(nested, &asks).await;
}

#[tokio::test]
async fn the_operation_is_chosen_each_time() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let document = "query A { me { ...F } } query B($id: ID!) { user(id: $id) { ...F } }
        mutation C($in: ConversationRef!) { setTyping(in: $in) }
        subscription S { ...R } fragment R on Subscription { typing { typing } }
        fragment F on User { username }";
    let unresolved = "OPERATION_RESOLUTION_FAILURE";
    let ask = |name: Value, variables: Value, code| {
        Ask {
            code,
            ..Ask::good(&ann, variables)
        }
        .named(&name)
    };
    let asks = [
        ask(json!("A"), json!({}), None),
        ask(json!("A"), json!({ "id": [] }), None),
        ask(json!("B"), json!({ "id": bob.id }), None),
        ask(json!("B"), json!({}), Some(BAD)),
        ask(json!("C"), json!({ "in": { "userId": bob.id } }), None),
        ask(json!("C"), json!({ "in": {} }), Some(BAD)),
        // Over HTTP, for a client that takes no stream.
        ask(json!("S"), json!({}), Some("BAD_REQUEST")),
        ask(json!("D"), json!({}), Some(unresolved)),
        ask(json!("a"), json!({}), Some(unresolved)),
        ask(json!(""), json!({}), Some(unresolved)),
        ask(Value::Null, json!({}), Some(unresolved)),
        Ask::bad(&ann, json!({}), unresolved),
    ];
    answers_alike(document, &asks).await;

    // A document of one operation, by its name, by none and by another's.
    let asks = [
        ask(json!("A"), json!({}), None),
        ask(Value::Null, json!({}), None),
        ask(json!("B"), json!({}), Some(unresolved)),
    ];
    answers_alike("query A { me { username } }", &asks).await;
}

#[tokio::test]
async fn the_viewer_is_looked_at_each_time() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let (nobody, wrong) = (app.anonymous(), app.anonymous().with_token("wrong"));
    let everyone = [&ann, &bob, &nobody, &wrong];
    let me = "{ me { username directConversation { id } } }";
    answers_alike(me, &everyone.map(|viewer| Ask::good(viewer, json!({})))).await;

    let list = "{ me { username } conversations {
        nodes { id unreadCount lastMessage { body } members { user { username directConversation { id } } } }
    } }";
    let asks = everyone.map(|viewer| Ask {
        code: viewer.id.is_empty().then_some("UNAUTHENTICATED"),
        ..Ask::good(viewer, json!({}))
    });
    answers_alike(list, &asks).await;
    for (viewer, unread) in [(&ann, 0), (&bob, 3), (&ann, 0)] {
        let data = viewer.ok(list, json!({})).await;
        assert_eq!(data["me"]["username"], viewer.username.as_str());
        assert_eq!(at(&data, "conversations.nodes.0.unreadCount"), unread);
    }
    // What was true the last time is not remembered either.
    bob.send(&ann, "fourth").await;
    let data = ann.ok(list, json!({})).await;
    assert_eq!(at(&data, "conversations.nodes.0.unreadCount"), 1);
    let session = bob.sign_in_again().await;
    session.ok("mutation { logout }", json!({})).await;
    assert_eq!(session.ok(me, json!({})).await, json!({ "me": null }));
}

#[tokio::test]
async fn what_is_wrong_with_a_document_is_said_each_time() {
    let app = app().await;
    let [ann, _] = two(&app).await;
    let parse = "GRAPHQL_PARSE_FAILED";
    let deep = "{ me { directConversation { lastMessage { conversation ".repeat(5);
    let too_deep = format!("{deep}{{ id }}{}", "}".repeat(deep.matches('{').count()));
    for (document, code) in [
        ("{ me {", parse),
        ("{ user(id: \"x) { id } }", parse),
        ("", parse),
        ("{ nothing }", INVALID),
        ("{ me }", INVALID),
        ("{ me { id { id } } }", INVALID),
        ("{ user { id } }", INVALID),
        ("{ user(id: $id) { id } }", INVALID),
        ("query($id: ID) { me { id } }", INVALID),
        (
            "query($n: String) { sidebarUsers(first: $n) { nodes { id } } }",
            INVALID,
        ),
        ("query($n: Nothing!) { me { id } }", INVALID),
        (
            "query($n: Int) { messages(in: { userId: $n }) { nodes { id } } }",
            INVALID,
        ),
        ("{ messages(in: {}) { nodes { id } } }", INVALID),
        ("{ me { id ...F } }", INVALID),
        ("{ me { id } } fragment F on User { id }", INVALID),
        ("{ me { a: id a: username } }", INVALID),
        (
            "subscription { typing { typing } newMessage { cursor } }",
            INVALID,
        ),
        ("query A { me { id } } query A { me { id } }", INVALID),
        (too_deep.as_str(), TOO_COMPLEX),
    ] {
        let code_of = async |variables: Value| {
            let answer = ann.run(&unseen(document), variables).await;
            at(&answer, "errors.0.extensions.code")
        };
        // The values of variables may be at fault first.
        let sets = [
            json!({}),
            json!({ "id": "x", "n": "1" }),
            json!({ "id": [], "n": 1 }),
        ];
        let mut asks = Vec::new();
        for variables in sets {
            if code_of(variables.clone()).await == code {
                asks.push(Ask::bad(&ann, variables, code));
            }
        }
        assert!(!asks.is_empty(), "{document} is not {code}");
        answers_alike(document, &asks).await;
    }
}

#[tokio::test]
async fn what_does_not_run_counts_each_time() {
    let app = app().await;
    let [ann, _] = two(&app).await;
    let document = "query A($n: Int) { conversations(first: $n) { nodes { id } } }
        query B($n: Int) { conversations(first: $n) { nodes { messages(last: 100) { nodes { body } } } } }";
    let ask = |n: usize, code| {
        let ask = Ask::good(&ann, json!({ "n": n }));
        Ask { code, ..ask }.named(&json!("A"))
    };
    answers_alike(document, &[ask(1, None), ask(100, Some(TOO_COMPLEX))]).await;
}
