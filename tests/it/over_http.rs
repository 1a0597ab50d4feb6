//! GraphQL over HTTP, after the specification of that name.

mod answers;
mod errors;
mod requests;

use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::Value;

use crate::support::{TestApp, json as at, store::StoreKind};

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
