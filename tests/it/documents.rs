//! The same document again and again: what it is answered depends on what comes with it, never on what came before.
//!
//! A server may remember a text that it has seen. Whoever sends it must not notice: each answer here is held against
//! the answer to a text that says the same and was never seen.

mod everywhere;
mod requests;
mod servers;
mod texts;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Client, TestApp, json as at, store::StoreKind, ws::Ws};

/// What comes with a document.
#[derive(Clone)]
struct Ask {
    viewer: Client,
    /// `variables` and `operationName`.
    with: Value,
    /// The code of its first error; none when it goes well.
    code: Option<&'static str>,
}

impl Ask {
    /// Variables that go well.
    fn good(viewer: &Client, variables: Value) -> Self {
        Self {
            viewer: viewer.clone(),
            with: json!({ "variables": variables }),
            code: None,
        }
    }

    /// Variables that are answered by an error with this code.
    fn bad(viewer: &Client, variables: Value, code: &'static str) -> Self {
        Self {
            code: Some(code),
            ..Self::good(viewer, variables)
        }
    }

    /// The same for one of several operations.
    fn named(mut self, operation: &Value) -> Self {
        self.with["operationName"] = operation.clone();
        self
    }

    fn payload(&self, document: &str) -> Value {
        let mut payload = self.with.clone();
        payload["query"] = json!(document);
        payload
    }

    /// The whole answer over HTTP.
    async fn answer(&self, document: &str) -> Value {
        let request = self.viewer.request("", Value::Null);
        let response = request.json(&self.payload(document)).send().await;
        let answer = response.expect("an answer").json().await.expect("JSON");
        self.is_meant(document, &answer);
        answer
    }

    /// What the answer over a socket of the viewer's is: the type and the payload of its first message.
    async fn answer_over(&self, socket: &mut Ws, document: &str) -> Value {
        let id = Uuid::new_v4().to_string();
        let payload = self.payload(document);
        socket
            .send(json!({ "id": id, "type": "subscribe", "payload": payload }))
            .await;
        let mut answer = socket.message_of(&id).await;
        if answer["type"] == "next" {
            assert_eq!(socket.message_of(&id).await["type"], "complete");
        }
        answer["id"].take();
        answer
    }

    fn is_meant(&self, document: &str, answer: &Value) {
        let code = at(answer, "errors.0.extensions.code");
        assert_eq!(
            code.as_str(),
            self.code,
            "{document} {}: {answer}",
            self.with
        );
    }
}

/// A text that says the same and that the server has not seen.
fn unseen(document: &str) -> String {
    format!("{document}\n# {}", Uuid::new_v4())
}

/// Each two of these asked one after the other, and the first one once more, get what each gets of a new text.
async fn answers_alike(document: &str, asks: &[Ask]) {
    let mut first = Vec::new();
    for ask in asks {
        first.push(ask.answer(&unseen(document)).await);
    }
    for (one, expected) in asks.iter().zip(&first) {
        for (other, other_expected) in asks.iter().zip(&first) {
            let text = unseen(document);
            assert_eq!(one.answer(&text).await, *expected, "{}", one.with);
            let second = other.answer(&text).await;
            assert_eq!(second, *other_expected, "{} and {}", one.with, other.with);
            assert_eq!(one.answer(&text).await, *expected, "{}, again", one.with);
        }
    }
    // All of them by one text, forth and back.
    let text = unseen(document);
    let all = || asks.iter().zip(&first);
    for (ask, expected) in all().chain(all().rev()) {
        assert_eq!(ask.answer(&text).await, *expected, "{}", ask.with);
    }
}

async fn app() -> TestApp {
    TestApp::start(StoreKind::Embedded).await
}

/// Two people; one said three things to the other.
async fn two(app: &TestApp) -> [Client; 2] {
    let (ann, bob) = tokio::join!(app.user("ann"), app.user("bob"));
    for body in ["first", "second", "third"] {
        ann.send(&bob, body).await;
    }
    [ann, bob]
}
