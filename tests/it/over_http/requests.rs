//! What is a request and what is none.

use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{JSON, RESPONSE, answer, app, post};
use crate::support::{TestApp, json as at, raw, store::StoreKind};

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
async fn who_sends_all_of_a_body_that_is_too_large_before_looking_for_an_answer_gets_one() {
    let app = TestApp::start(StoreKind::Embedded).await;
    // More than lies in the buffers between the two.
    let body = vec![b'x'; 16 * 1024 * 1024];
    for framing in ["Content-Length: 16777216", "Transfer-Encoding: chunked"] {
        let mut link = TcpStream::connect(app.address).await.expect("connected");
        let head = format!(
            "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{framing}\r\n\r\n"
        );
        link.write_all(head.as_bytes()).await.expect("taken");
        if framing.ends_with("chunked") {
            link.write_all(b"1000000\r\n").await.expect("taken");
        }
        link.write_all(&body).await.expect("taken");
        if framing.ends_with("chunked") {
            link.write_all(b"\r\n0\r\n\r\n").await.expect("taken");
        }
        let mut status = [0; 12];
        link.read_exact(&mut status).await.expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 413");
    }
    app.stop().await;
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
async fn whoever_does_not_get_on_with_it_is_cut_off() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.request_head = Duration::from_millis(200);
        config.limits.request_body = Duration::from_millis(200);
    })
    .await;
    let silent = raw::exchange(app.address, "").await;
    assert!(!silent.contains("200 OK"), "{silent}");
    let half_a_head = raw::exchange(app.address, "POST /graphql HTTP/1.1\r\nHost: x\r\n").await;
    assert!(!half_a_head.contains("200 OK"), "{half_a_head}");
    let head = "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n";
    let half_a_body = raw::exchange(
        app.address,
        &format!("{head}Content-Length: 30\r\n\r\n{{\"query\":"),
    )
    .await;
    assert!(half_a_body.starts_with("HTTP/1.1 408"), "{half_a_body}");
    assert!(half_a_body.contains("BAD_REQUEST"), "{half_a_body}");
    let endless = format!("{head}X-Much: {}\r\n\r\n", "x".repeat(1_000_000));
    let endless = raw::exchange(app.address, &endless).await;
    assert!(
        endless.is_empty() || endless.starts_with("HTTP/1.1 431"),
        "{endless}"
    );
}
