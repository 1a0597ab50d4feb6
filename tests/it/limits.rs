//! Documents that would cost too much are refused before anything of them runs; sensible ones are not.

mod costs;
mod documents;
mod introspection;
mod pages;

use serde_json::{Value, json};

use crate::support::{TestApp, json as at, store::StoreKind};

async fn app() -> TestApp {
    TestApp::start(StoreKind::Embedded).await
}

/// The answer to a request body.
async fn answer(app: &TestApp, body: &Value) -> Value {
    let client = app.anonymous();
    let request = client
        .raw(reqwest::Method::POST, &app.url("/graphql"))
        .json(body);
    request
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON")
}

/// The code of the error that refuses a document before it runs; none when it runs.
async fn code(app: &TestApp, document: &str, variables: Value) -> Option<String> {
    let body =
        json!({ "query": document, "variables": variables, "operationName": chosen(document) });
    let reply = answer(app, &body).await;
    let refused = reply.get("data").is_none();
    refused.then(|| {
        at(&reply, "errors.0.extensions.code")
            .as_str()
            .expect("a code")
            .to_owned()
    })
}

/// The operation to run of a document that has several.
fn chosen(document: &str) -> Option<&str> {
    document.contains("query A0{").then_some("A0")
}

async fn is_too_complex(app: &TestApp, document: &str) -> bool {
    match code(app, document, json!({})).await.as_deref() {
        None => false,
        Some("QUERY_TOO_COMPLEX") => true,
        Some(other) => panic!("{other}: {}", &document[..document.len().min(200)]),
    }
}

/// The largest size that runs; the next one is refused.
async fn is_the_limit(app: &TestApp, most: usize, document: impl Fn(usize) -> String) {
    assert!(
        !is_too_complex(app, &document(most)).await,
        "{most}: {}",
        document(most)
    );
    assert!(
        is_too_complex(app, &document(most + 1)).await,
        "{}: {}",
        most + 1,
        document(most + 1)
    );
}

/// As often as `n` says, numbered.
fn each(n: usize, one: impl Fn(usize) -> String) -> String {
    (0..n).map(one).collect()
}
