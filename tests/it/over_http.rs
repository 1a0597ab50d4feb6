//! GraphQL over HTTP, after the specification of that name.

use std::collections::HashSet;

use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::{Value, json};

use crate::support::{TestApp, json as at, raw, store::StoreKind};

const RESPONSE: &str = "application/graphql-response+json";
const JSON: &str = "application/json";

async fn app() -> TestApp {
    TestApp::start(StoreKind::Embedded).await
}

/// A POST of a body as it is, for an answer of a media type.
fn post(app: &TestApp, accept: &str, body: &str) -> RequestBuilder {
    app.anonymous()
        .raw(Method::POST, &app.url("/graphql"))
        .header(header::CONTENT_TYPE, JSON)
        .header(header::ACCEPT, accept)
        .body(body.to_owned())
}

/// The status, the media type and the JSON of an answer.
async fn answer(request: RequestBuilder) -> (StatusCode, String, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let media_type = response.headers()[header::CONTENT_TYPE]
        .to_str()
        .expect("text")
        .to_owned();
    (status, media_type, response.json().await.expect("JSON"))
}

/// Both media types: the status of the older one says only that it was GraphQL, that of the newer one how it went.
async fn is_refused(app: &TestApp, body: Value, code: &str) -> Value {
    let (status, media_type, reply) = answer(post(app, RESPONSE, &body.to_string())).await;
    assert_eq!(status, 400, "{body}: {reply}");
    assert_eq!(media_type, format!("{RESPONSE}; charset=utf-8"));
    let (status, media_type, same) = answer(post(app, JSON, &body.to_string())).await;
    assert_eq!(status, 200, "{body}: {reply}");
    assert_eq!(media_type, format!("{JSON}; charset=utf-8"));
    assert_eq!(reply, same);
    assert!(reply.get("data").is_none(), "nothing ran: {reply}");
    let error = at(&reply, "errors.0");
    assert_eq!(error["extensions"]["code"], code, "{body}: {reply}");
    assert!(error["message"].as_str().is_some_and(|text| text.len() > 9));
    error
}

#[tokio::test]
async fn the_answers_media_type_is_what_the_client_accepts() {
    let app = app().await;
    let body = json!({ "query": "{ __typename }" }).to_string();
    for (accept, expected) in [
        (RESPONSE, RESPONSE),
        (JSON, JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        (
            "application/graphql-response+json, application/json;q=0.9",
            RESPONSE,
        ),
        (
            "application/json;q=0.9, application/graphql-response+json",
            RESPONSE,
        ),
        (
            "application/json, application/graphql-response+json;q=0.1",
            JSON,
        ),
        ("application/json;charset=utf-8", JSON),
        ("APPLICATION/JSON", JSON),
        ("text/html, */*;q=0.1", JSON),
    ] {
        let (status, media_type, reply) = answer(post(&app, accept, &body)).await;
        assert_eq!(status, 200, "{accept}");
        assert_eq!(media_type, format!("{expected}; charset=utf-8"), "{accept}");
        assert_eq!(reply, json!({ "data": { "__typename": "Query" } }));
    }
    for accept in ["text/html", "image/*", "application/json;q=0"] {
        let (status, _, reply) = answer(post(&app, accept, &body)).await;
        assert_eq!(status, 406, "{accept}");
        assert_eq!(at(&reply, "errors.0.extensions.code"), "BAD_REQUEST");
        assert!(reply.get("data").is_none());
    }
    let plain = raw::exchange(
        app.address,
        &format!(
            "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        ),
    )
    .await;
    assert!(
        plain.starts_with("HTTP/1.1 200"),
        "no Accept at all: {plain}"
    );
    assert!(plain.contains("content-type: application/json; charset=utf-8\r\n"));
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
            "GRAPHQL_PARSE_FAILED",
        ),
        (json!({ "query": "{ a(b: \"x" }), "GRAPHQL_PARSE_FAILED"),
        (
            json!({ "query": "query A { me { id } } query A { me { id } }" }),
            "GRAPHQL_PARSE_FAILED",
        ),
        (
            json!({ "query": "type X { id: ID }" }),
            "GRAPHQL_PARSE_FAILED",
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
            json!({ "query": "mutation { logout logout }" }),
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
        (page, json!({ "n": "5" }), "n"),
        (page, json!({ "n": 1.5 }), "n"),
        (page, json!({ "n": 3_000_000_000_u64 }), "n"),
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
async fn fields_answer_in_the_order_of_the_query() {
    let app = app().await;
    let ann = app.user("ann").await;
    let document =
        "{ z: me { username a: id ...F id } __typename me { displayName } ... { b: __typename } }
                    fragment F on User { online createdAt }";
    let response = ann
        .request(document, json!({}))
        .send()
        .await
        .expect("an answer");
    let text = response.text().await.expect("text");
    let places = [
        "\"z\"",
        "username",
        "\"a\"",
        "online",
        "createdAt",
        "\"id\"",
        "__typename",
        "\"me\"",
        "displayName",
        "\"b\"",
    ]
    .map(|name| text.find(name).expect(name));
    assert!(places.is_sorted(), "{text}");
}

#[tokio::test]
async fn queries_go_by_get_and_mutations_do_not() {
    let app = app().await;
    let get = |parameters: &[(&str, &str)], accept: &str| {
        let mut url = reqwest::Url::parse(&app.url("/graphql")).expect("a URL");
        url.query_pairs_mut().extend_pairs(parameters);
        app.anonymous()
            .raw(Method::GET, url.as_str())
            .header(header::ACCEPT, accept)
    };
    let typename = json!({ "data": { "__typename": "Query" } });
    for parameters in [
        vec![("query", "{ __typename }")],
        vec![("query", "{ __typename }"), ("variables", "")],
        vec![
            ("query", "{ __typename }"),
            ("variables", "null"),
            ("operationName", ""),
        ],
        vec![
            ("query", "query A { __typename } query B { me { id } }"),
            ("operationName", "A"),
        ],
        vec![
            (
                "query",
                "query($no: Boolean!) { __typename me @include(if: $no) { id } }",
            ),
            ("variables", r#"{"no":false}"#),
            ("extensions", "{}"),
        ],
    ] {
        let (status, _, reply) = answer(get(&parameters, RESPONSE)).await;
        assert_eq!(
            (status, reply),
            (StatusCode::OK, typename.clone()),
            "{parameters:?}"
        );
    }
    for parameters in [
        vec![],
        vec![("operationName", "A")],
        vec![("query", "{ __typename }"), ("variables", "{")],
        vec![("query", "{ __typename }"), ("variables", "[]")],
        vec![("query", "{ __typename }"), ("variables", "\"x\"")],
        vec![("query", "{ __typename }"), ("query", "{ __typename }")],
        vec![("query", "{ __typename }"), ("extensions", "[]")],
    ] {
        let (status, _, reply) = answer(get(&parameters, JSON)).await;
        assert_eq!(status, 400, "{parameters:?}");
        assert_eq!(
            at(&reply, "errors.0.extensions.code"),
            "BAD_REQUEST",
            "{parameters:?}"
        );
    }
    let (status, _, reply) = answer(get(&[("query", "{ nothing }")], JSON)).await;
    assert_eq!(
        (status, at(&reply, "errors.0.extensions.code")),
        (StatusCode::OK, json!("GRAPHQL_VALIDATION_FAILED"))
    );

    let signup =
        r#"mutation { signup(input: { username: "ann", password: "password1" }) { token } }"#;
    for accept in [JSON, RESPONSE, "*/*"] {
        let response = get(&[("query", signup)], accept)
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()[header::ALLOW], "POST");
        let reply = response.json::<Value>().await.expect("JSON");
        assert_eq!(at(&reply, "errors.0.extensions.code"), "BAD_REQUEST");
        assert!(reply.get("data").is_none());
    }
    let chosen = format!(
        "query A {{ __typename }} {}",
        signup.replace("mutation", "mutation B")
    );
    let response = get(&[("query", &chosen), ("operationName", "B")], JSON)
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 405);
    let (status, ..) = answer(get(&[("query", &chosen), ("operationName", "A")], JSON)).await;
    assert_eq!(status, 200, "the mutation of the document is not what runs");
    app.user("ann").await;
}

#[tokio::test]
async fn a_body_that_is_no_request_is_refused() {
    let app = app().await;
    let batch = r#"[{"query":"mutation { logout }"},{"query":"{ __typename }"}]"#;
    for body in [
        "",
        "{",
        "null",
        "1",
        "\"x\"",
        "nonsense",
        "{}",
        "[]",
        " \n[]",
        batch,
        r#"{"query":null}"#,
        r#"{"query":1}"#,
        r#"{"query":["{ __typename }"]}"#,
        r#"{"query":{}}"#,
        r#"{"Query":"{ __typename }"}"#,
        r#"{"query":"{ __typename }","operationName":1}"#,
        r#"{"query":"{ __typename }","operationName":{}}"#,
        r#"{"query":"{ __typename }","variables":"{}"}"#,
        r#"{"query":"{ __typename }","variables":[]}"#,
        r#"{"query":"{ __typename }","extensions":"x"}"#,
        r#"{"query":"{ __typename }","query":"{ __typename }"}"#,
        r#"{"query":"{ __typename }"} trailing"#,
        &format!(
            r#"{{"query":"{{ __typename }}","variables":{{"x":{}1{}}}}}"#,
            "[".repeat(5_000),
            "]".repeat(5_000)
        ),
    ] {
        for accept in [JSON, RESPONSE] {
            let (status, _, reply) = answer(post(&app, accept, body)).await;
            assert_eq!(status, 400, "{body}: {reply}");
            assert_eq!(
                at(&reply, "errors.0.extensions.code"),
                "BAD_REQUEST",
                "{body}"
            );
            assert!(reply.get("data").is_none(), "{reply}");
        }
    }
    let not_utf8 = post(&app, JSON, "").body(b"{\"query\":\"{ __typename } # \xff\"}".to_vec());
    assert_eq!(answer(not_utf8).await.0, 400);
    for body in [
        r#"{"query":"{ __typename }"}"#,
        r#"{"query":"{ __typename }","operationName":null,"variables":null,"extensions":null}"#,
        r#"{"query":"{ __typename }","operationName":"","variables":{},"extensions":{"x":1},"id":"more"}"#,
        "\n {\"query\":\"{ __typename }\"}\n",
    ] {
        assert_eq!(answer(post(&app, JSON, body)).await.0, 200, "{body}");
    }
}

#[tokio::test]
async fn a_body_must_say_that_it_is_json() {
    let app = app().await;
    let body = json!({ "query": "{ __typename }" }).to_string();
    let send = |name: &'static str, value: &'static str| {
        app.anonymous()
            .raw(Method::POST, &app.url("/graphql"))
            .header(name, value)
            .body(body.clone())
    };
    for media_type in [
        "application/json",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "Application/JSON",
    ] {
        assert_eq!(
            answer(send("content-type", media_type)).await.0,
            200,
            "{media_type}"
        );
    }
    for media_type in [
        "text/plain",
        "text/json",
        "application/graphql",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
        "application/jsonp",
        "",
    ] {
        let (status, _, reply) = answer(send("content-type", media_type)).await;
        assert_eq!(status, 415, "{media_type}");
        assert_eq!(at(&reply, "errors.0.extensions.code"), "BAD_REQUEST");
    }
    assert_eq!(answer(send("x-nothing", "no type")).await.0, 415);
    let zipped = send("content-type", JSON).header(header::CONTENT_ENCODING, "gzip");
    assert_eq!(answer(zipped).await.0, 415);
}

#[tokio::test]
async fn a_body_over_the_limit_is_not_read_and_does_nothing() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.request_bytes = 2_000;
    })
    .await;
    let signup = json!({
        "query": r#"mutation { signup(input: { username: "ann", password: "password1" }) { token } }"#,
        "extensions": { "padding": "x".repeat(1_900) },
    })
    .to_string();
    let (status, _, reply) = answer(post(&app, JSON, &signup)).await;
    assert_eq!(status, 413);
    assert_eq!(at(&reply, "errors.0.extensions.code"), "BAD_REQUEST");
    let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let (first, second) = signup.split_at(1_000);
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let reply = raw::exchange(app.address, &chunked).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
    // Known from the head alone: the body is never sent.
    let reply = raw::exchange(app.address, &format!("{head}Content-Length: 2001\r\n\r\n")).await;
    assert!(reply.starts_with("HTTP/1.1 413"), "{reply}");
    app.user("ann").await;
}

#[tokio::test]
async fn other_methods_are_refused() {
    let app = app().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::OPTIONS] {
        let response = app
            .anonymous()
            .raw(method.clone(), &app.url("/graphql"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 405, "{method}");
        assert_eq!(response.headers()[header::ALLOW], "GET, POST");
        let reply = response.json::<Value>().await.expect("JSON");
        assert_eq!(at(&reply, "errors.0.extensions.code"), "BAD_REQUEST");
    }
    let response = app
        .anonymous()
        .raw(Method::HEAD, &app.url("/graphql?query={__typename}"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.expect("text"), "");
    let signup = "mutation{signup(input:{username:\"ann\",password:\"password1\"}){token}}";
    let mut url = reqwest::Url::parse(&app.url("/graphql")).expect("a URL");
    url.query_pairs_mut().append_pair("query", signup);
    let response = app
        .anonymous()
        .raw(Method::HEAD, url.as_str())
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 405);
    app.user("ann").await;
}

#[tokio::test]
async fn every_answer_has_an_id_and_is_neither_kept_nor_guessed_at() {
    let app = app().await;
    let nobody = app.anonymous();
    let body = json!({ "query": "{ __typename }" }).to_string();
    let mut ids = HashSet::new();
    let requests = [
        post(&app, JSON, &body),
        post(&app, JSON, &body),
        post(&app, JSON, "{"),
        post(&app, JSON, &body).header("x-request-id", "mine"),
        nobody.raw(Method::GET, &app.url("/graphql")),
        nobody.raw(Method::PUT, &app.url("/graphql")),
        nobody.raw(Method::GET, &app.url("/healthz")),
        nobody.raw(Method::GET, &app.url("/readyz")),
        nobody.raw(Method::GET, &app.url("/metrics")),
        nobody.raw(Method::POST, &app.url("/healthz")),
        nobody.raw(Method::GET, &app.url("/nothing")),
        nobody.raw(Method::GET, &app.url("/assets/nothing.js")),
    ];
    let many = requests.len();
    for request in requests {
        let response = request.send().await.expect("an answer");
        let headers = response.headers();
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(
            headers[header::CACHE_CONTROL],
            "no-store",
            "{}",
            response.url()
        );
        ids.insert(headers["x-request-id"].to_str().expect("text").to_owned());
    }
    assert_eq!(ids.len(), many);
    assert!(!ids.contains("mine"));
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
