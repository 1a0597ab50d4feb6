//! What is wrong with a document, and what goes wrong in it.

use serde_json::{Value, json};

use super::{JSON, RESPONSE, answer, app, is_refused, post};
use crate::support::json as at;

#[tokio::test]
async fn a_name_that_is_nearly_right_is_met_with_the_right_one() {
    let app = app().await;
    for (document, hint) in [
        ("{ me { usernme } }", "Did you mean \"username\""),
        (
            "{ sidebarUser { nodes { id } } }",
            "Did you mean \"sidebarUsers\"",
        ),
        (
            "{ sidebarUsers(firs: 1) { nodes { id } } }",
            "Did you mean \"first\"",
        ),
    ] {
        let body = json!({ "query": document });
        let error = is_refused(&app, body, "GRAPHQL_VALIDATION_FAILED").await;
        let message = error["message"].as_str().expect("a sentence");
        assert!(message.contains(hint), "{message}");
    }
}

#[tokio::test]
async fn a_text_that_breaks_off_is_told_what_it_lacks_in_signs_of_graphql() {
    let app = app().await;
    for (document, wrong) in [
        ("{ me { id }", "expected \"}\" before its end."),
        (
            "{ user(id: \"a\" { id } }",
            "a \")\" is missing before this.",
        ),
        (
            "{ user(id: [\"a\") { id } }",
            "this closes no bracket, or another than the last one.",
        ),
        ("{ user(id: \"a\" 2) { id } }", "expected \")\", got \"2\"."),
        ("", "unexpected end of the text."),
    ] {
        let body = json!({ "query": document });
        let error = is_refused(&app, body, "GRAPHQL_PARSE_FAILED").await;
        let message = format!("This is not a GraphQL document: {wrong}");
        assert_eq!(error["message"], message, "{document}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said_before_anything_runs() {
    let app = app().await;
    for (body, code) in [
        (json!({ "query": "{" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "" }), "GRAPHQL_PARSE_FAILED"),
        (json!({ "query": "# nothing" }), "GRAPHQL_PARSE_FAILED"),
        (
            json!({ "query": "fragment F on Query { me { id } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (json!({ "query": "{ a(b: \"x" }), "GRAPHQL_PARSE_FAILED"),
        (
            json!({ "query": "query A { me { id } } query A { me { id } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "type X { id: ID }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ nothing }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (json!({ "query": "{ me }" }), "GRAPHQL_VALIDATION_FAILED"),
        (
            json!({ "query": "{ me { id { x } } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ me { ...F } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ user { id } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ user(id: 1, x: 2) { id } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ user(id: [1]) { id } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ sidebarUsers(first: \"5\") { nodes { id } } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ user(id: $id) { id } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "query($id: ID!) { me { id } }", "variables": { "id": 1 } }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "query($id: ID) { user(id: $id) { id } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "query($id: User) { me { id } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ me { id @nothing } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ me { id id: username } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ me { id } } fragment F on User { id }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ me { ...F } } fragment F on User { ...F }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "{ messages(in: { userId: 1, conversationId: 2 }) { nodes { id } } }" }),
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (
            json!({ "query": "query A { me { id } } query B { me { id } }" }),
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({ "query": "query A { me { id } }", "operationName": "B" }),
            "OPERATION_RESOLUTION_FAILURE",
        ),
        (
            json!({ "query": "{ me { id } }", "operationName": "A" }),
            "OPERATION_RESOLUTION_FAILURE",
        ),
    ] {
        is_refused(&app, body, code).await;
    }
    let error = is_refused(
        &app,
        json!({ "query": "{\n  me { nothing }\n}" }),
        "GRAPHQL_VALIDATION_FAILED",
    )
    .await;
    assert_eq!(error["locations"], json!([{ "line": 2, "column": 8 }]));
    let error = is_refused(
        &app,
        json!({ "query": "{\n  me { " }),
        "GRAPHQL_PARSE_FAILED",
    )
    .await;
    assert_eq!(error["locations"][0]["line"], 2, "{error}");
}

#[tokio::test]
async fn a_variable_that_does_not_fit_its_type_is_refused_by_its_path() {
    let app = app().await;
    let user = "query($id: ID!) { user(id: $id) { id } }";
    let signup = "mutation($input: SignupInput!) { signup(input: $input) { token } }";
    let page = "query($n: Int!) { sidebarUsers(first: $n) { nodes { id } } }";
    let history = "query($in: ConversationRef!) { messages(in: $in) { nodes { id } } }";
    for (query, variables, field) in [
        (user, json!({}), "id"),
        (user, json!(null), "id"),
        (user, json!({ "id": null }), "id"),
        (user, json!({ "id": { "$ne": null } }), "id"),
        (user, json!({ "id": ["x"] }), "id"),
        (user, json!({ "id": true }), "id"),
        (page, json!({ "n": "5" }), "first"),
        (page, json!({ "n": 1.5 }), "first"),
        (page, json!({ "n": 3_000_000_000_u64 }), "first"),
        (signup, json!({ "input": "ann" }), "input"),
        (
            signup,
            json!({ "input": { "username": "ann" } }),
            "input.password",
        ),
        (
            signup,
            json!({ "input": { "username": { "$gt": "" }, "password": "password1" } }),
            "input.username",
        ),
        (
            signup,
            json!({ "input": { "username": "ann", "password": ["password1"] } }),
            "input.password",
        ),
        (
            signup,
            json!({ "input": { "username": "ann", "password": "password1", "admin": true } }),
            "input.admin",
        ),
        (history, json!({ "in": {} }), "in"),
        (
            history,
            json!({ "in": { "userId": "1", "conversationId": null } }),
            "in",
        ),
    ] {
        let body = json!({ "query": query, "variables": variables });
        let error = is_refused(&app, body, "BAD_USER_INPUT").await;
        assert_eq!(error["extensions"]["field"], field, "{error}");
    }
    let nobody = app.anonymous();
    nobody
        .fails(
            "UNAUTHENTICATED",
            user,
            json!({ "id": 7, "undeclared": {}, "un declared": 1 }),
        )
        .await;
    nobody
        .ok(
            "query($x: Boolean! = true) { me @skip(if: $x) { id } }",
            json!({}),
        )
        .await;
}

#[tokio::test]
async fn a_variable_with_a_default_may_be_null_and_then_fails_where_null_may_not_stand() {
    let app = app().await;
    for query in [
        "query($x: Boolean = true) { me @include(if: $x) { id } }",
        "query($x: Boolean = true) { me { ...F } } fragment F on User { id @skip(if: $x) }",
        "query($x: Boolean = true) { __schema @include(if: $x) { queryType { name } } }",
    ] {
        let body = json!({ "query": query, "variables": { "x": null } });
        let error = is_refused(&app, body, "BAD_USER_INPUT").await;
        assert_eq!(error["extensions"]["field"], "x", "{error}");
        app.anonymous().ok(query, json!({})).await;
    }
    for query in [
        "query($x: String = \"User\") { __type(name: $x) { name } }",
        "query($x: Boolean = true) { __schema { types { name @include(if: $x) } } }",
    ] {
        let reply = app.anonymous().run(query, json!({ "x": null })).await;
        assert_eq!(at(&reply, "errors.0.extensions.code"), "BAD_USER_INPUT");
        assert_eq!(reply["data"], Value::Null, "{reply}");
        app.anonymous().ok(query, json!({})).await;
    }
}

#[tokio::test]
async fn a_variable_that_is_left_out_leaves_its_argument_out() {
    let app = app().await;
    let ann = app.user("ann").await;
    app.user("bob").await;
    let page = "query($first: Int, $search: String, $after: String) {
        sidebarUsers(first: $first, search: $search, after: $after) { nodes { username } }
    }";
    let both = json!({ "sidebarUsers": { "nodes": [{ "username": "bob" }] } });
    assert_eq!(ann.ok(page, json!({})).await, both);
    assert_eq!(
        ann.ok(page, json!({ "search": null, "after": null, "first": 1 }))
            .await,
        both
    );
    let signup = "mutation($name: String!, $displayName: String) {
        signup(input: { username: $name, password: \"password1\", displayName: $displayName }) { user { displayName } }
    }";
    let made = app.anonymous().ok(signup, json!({ "name": "carol" })).await;
    assert_eq!(made["signup"]["user"]["displayName"], "carol");
    let typing =
        "mutation($in: ConversationRef!, $typing: Boolean) { setTyping(in: $in, typing: $typing) }";
    ann.ok(
        typing,
        json!({ "in": { "userId": app.user("dave").await.id } }),
    )
    .await;
    let in_fragment = "query($first: Int) { ...F } fragment F on Query { conversations(first: $first) { nodes { id } } }";
    ann.ok(in_fragment, json!({})).await;
    ann.ok(
        "mutation($everywhere: Boolean) { logout(everywhere: $everywhere) }",
        json!({}),
    )
    .await;
}

#[tokio::test]
async fn a_field_that_fails_leaves_null_and_says_where() {
    let app = app().await;
    let body =
        json!({ "query": "{ me { id } who: user(id: \"x\") { id } __typename }" }).to_string();
    for accept in [RESPONSE, JSON] {
        let (status, _, reply) = answer(post(&app, accept, &body)).await;
        assert_eq!(status, 200, "{reply}");
        assert_eq!(at(&reply, "errors.0.path"), json!(["who"]));
        assert_eq!(at(&reply, "errors.0.locations.0.column"), 13);
        assert_eq!(at(&reply, "errors.0.extensions.code"), "UNAUTHENTICATED");
    }
    let body = json!({ "query": "{ me { id } all: onlineUsers { id } }" }).to_string();
    let (status, _, reply) = answer(post(&app, RESPONSE, &body)).await;
    assert_eq!(status, 200, "it ran: {reply}");
    assert_eq!(
        reply.get("data"),
        Some(&Value::Null),
        "a list that must not be null"
    );
    assert_eq!(at(&reply, "errors.0.path"), json!(["all"]));
}

#[tokio::test]
async fn no_error_tells_of_what_is_inside() {
    let app = app().await;
    for body in [
        json!({ "query": "{" }),
        json!({ "query": "{ nothing }" }),
        json!({ "query": "query($a: ID!) { user(id: $a) { id } }" }),
        json!({ "query": "{ messages(in: {}) { nodes { id } } }" }),
    ] {
        let (_, _, reply) = answer(post(&app, JSON, &body.to_string())).await;
        let text = reply.to_string();
        for word in [
            "src/",
            ".rs",
            "async_graphql",
            "async-graphql",
            "panicked",
            "pest",
            "-->",
            "\\n",
        ] {
            assert!(!text.contains(word), "{text}");
        }
    }
}
