//! What answers look like.

use reqwest::{Method, header};
use serde_json::json;
use std::collections::HashSet;

use super::{JSON, RESPONSE, answer, app, post};
use crate::support::{json as at, raw};

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
async fn what_is_selected_twice_in_a_page_is_one_field() {
    let app = app().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let to_bob = json!({ "to": { "userId": bob.id }, "body": "hello" });
    ann.say(to_bob).await;
    let document = "query($in: ConversationRef!, $no: Boolean!) {
            messages(in: $in) {
                nodes { sender { id } ...Body t: __typename seq sender { username online } ... @skip(if: $no) { sentAt } body }
                edges { node { replyTo { id } ... on Message { conversation { unreadCount } } } node { seq } cursor }
                pageInfo { hasNextPage }
            }
        }
        fragment Body on Message { body sender { a: displayName } }";
    let variables = json!({ "in": { "userId": bob.id }, "no": true });
    let page = ann.ok(document, variables).await["messages"].clone();
    assert_eq!(
        page["nodes"],
        json!([{
            "sender": { "id": ann.id, "a": "ann", "username": "ann", "online": false },
            "body": "hello",
            "t": "Message",
            "seq": 1,
        }])
    );
    let edge = &page["edges"][0];
    assert_eq!(
        edge["node"],
        json!({ "replyTo": null, "conversation": { "unreadCount": 0 }, "seq": 1 })
    );
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
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
