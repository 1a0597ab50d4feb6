//! The same texts over sockets, by GET, and for subscriptions.

use reqwest::{Method, header};

use super::*;

/// A socket for each of these people.
async fn sockets(app: &TestApp, asks: &[Ask]) -> Vec<Ws> {
    let mut sockets = Vec::new();
    for ask in asks {
        let mut socket = Ws::open(app.address).await;
        socket.init(json!({ "token": ask.viewer.token })).await;
        sockets.push(socket);
    }
    sockets
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_is_answered_alike_over_sockets_and_over_http() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let nobody = app.anonymous();
    let document = "query($id: ID!) { me { username } user(id: $id) { username } }";
    let asks = [
        Ask::good(&ann, json!({ "id": bob.id })),
        Ask::good(&bob, json!({ "id": bob.id })),
        Ask::good(&ann, json!({ "id": ann.id })),
        Ask::bad(&nobody, json!({ "id": bob.id }), "UNAUTHENTICATED"),
        Ask::bad(&bob, json!({}), "BAD_USER_INPUT"),
        Ask::bad(&ann, json!({ "id": [] }), "BAD_USER_INPUT"),
    ];
    let mut sockets = sockets(&app, &asks).await;
    let mut first = Vec::new();
    for ask in &asks {
        first.push(ask.answer(&unseen(document)).await);
    }
    for from in 0..asks.len() {
        let text = unseen(document);
        for turn in 0..2 * asks.len() {
            let number = (from + turn) % asks.len();
            let (ask, expected) = (&asks[number], &first[number]);
            let answer = ask.answer_over(&mut sockets[number], &text).await;
            let refused = expected.get("data").is_none();
            let expected_over = if refused {
                json!({ "id": null, "type": "error", "payload": expected["errors"] })
            } else {
                json!({ "id": null, "type": "next", "payload": expected })
            };
            assert_eq!(answer, expected_over, "{}", ask.with);
            assert_eq!(ask.answer(&text).await, *expected, "{}", ask.with);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscriptions_text_is_looked_at_each_time() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let eve = app.user("eve").await;
    for document in [
        "subscription($u: ID!, $n: Int = 1) { newMessage(in: { userId: $u }) { message { body conversation { messages(last: $n) { nodes { body conversation { messages(last: $n) { nodes { body } } } } } } } } }",
        "subscription($u: ID!, $n: Int = 1) { ...R } fragment R on Subscription { newMessage(in: { userId: $u }) { message {
            body conversation { messages(last: $n) { nodes { body conversation { messages(last: $n) { nodes { body } } } } } }
        } } }",
    ] {
        // What comes of each: an event, an error, or nothing from this sender.
        let sets = [
            (json!({ "u": bob.id }), "next"),
            (json!({ "u": null }), "error"),
            (json!({}), "error"),
            (json!({ "u": bob.id, "n": 100 }), "error"),
            (json!({ "u": bob.id, "n": 2 }), "next"),
            (json!({ "u": bob.id, "n": "2" }), "error"),
            (json!({ "u": [], "n": 1 }), "error"),
            (json!({ "u": "nobody" }), "error"),
            (json!({ "u": eve.id }), "nothing"),
        ];
        let ask = async |text: &str, (variables, comes): &(Value, &str)| {
            let mut socket = app.socket(&ann).await;
            socket.subscribe("1", text, variables.clone()).await;
            if *comes != "error" {
                assert_eq!(socket.until_settled().await, [] as [Value; 0]);
                bob.send(&ann, "hello").await;
            }
            if *comes == "nothing" {
                assert_eq!(socket.until_settled().await, [] as [Value; 0]);
                return Value::Null;
            }
            let answer = socket.message_of("1").await;
            assert_eq!(answer["type"], *comes, "{variables}: {answer}");
            answer
        };
        let mut first = Vec::new();
        for set in &sets {
            first.push(ask(&unseen(document), set).await);
        }
        for from in 0..sets.len() {
            let text = unseen(document);
            for turn in 0..=sets.len() {
                let at = (from + turn) % sets.len();
                let answer = ask(&text, &sets[at]).await;
                assert_eq!(answer, first[at], "{}", sets[at].0);
            }
        }
    }
}

#[tokio::test]
async fn a_mutations_text_that_a_get_may_not_run_runs_by_post_and_only_then() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let document = "mutation M($in: SendMessageInput!) { sendMessage(input: $in) { seq } }
        query Q { me { username } }";
    let variables = json!({ "in": { "to": { "userId": bob.id }, "body": "hello" } });
    let get = async |name: &str| {
        let query = [
            ("query", document.to_owned()),
            ("operationName", name.to_owned()),
            ("variables", variables.to_string()),
        ];
        let query = query_string(&query);
        let token = ann.token.as_deref().expect("a token");
        let request = ann
            .raw(Method::GET, &app.url(&format!("/graphql?{query}")))
            .bearer_auth(token);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.expect("JSON"))
    };
    let post = Ask::good(&ann, variables.clone()).named(&json!("M"));
    for seq in 4..7 {
        assert_eq!(get("M").await.0, 405);
        let sent = post.answer(document).await;
        assert_eq!(at(&sent, "data.sendMessage.seq"), seq);
        let (status, me) = get("Q").await;
        assert_eq!((status, at(&me, "data.me.username")), (200, json!("ann")));
    }
}

/// A query string.
fn query_string(pairs: &[(&str, String)]) -> String {
    let mut url = url::Url::parse("http://localhost").expect("a URL");
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().expect("pairs").to_owned()
}

/// Validating these has panicked; whatever it does, someone is told.
const IN_NO_TYPE: [&str; 2] = [
    "query($v: [Nope] = false) { me { id } }",
    "subscription($v: [Nope] = false) { newMessage { cursor } }",
];

/// An answer's errors are of the form that all have, and tell nothing of what is inside.
fn is_told(document: &str, errors: &Value) {
    let code = at(errors, "0.extensions.code");
    let codes = ["INTERNAL_SERVER_ERROR", "GRAPHQL_VALIDATION_FAILED"];
    assert!(
        codes.iter().any(|known| code == *known),
        "{document}: {errors}"
    );
    let sentence = at(errors, "0.message");
    let sentence = sentence.as_str().expect("a sentence");
    assert!(!sentence.contains("panic"), "{document}: {sentence}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_on_which_validation_fails_is_answered_over_http() {
    let app = app().await;
    let ann = app.user("ann").await;
    for document in IN_NO_TYPE {
        for (accept, status) in [
            ("application/json", 200),
            ("application/graphql-response+json", 400),
            ("text/event-stream", 400),
            ("multipart/mixed;subscriptionSpec=1.0", 400),
        ] {
            let by_post = ann.request(document, json!({}));
            let url = reqwest::Url::parse_with_params(&app.url("/graphql"), [("query", document)]);
            let by_get = ann.raw(Method::GET, url.expect("an address").as_str());
            for request in [by_post, by_get] {
                let request = request.header(header::ACCEPT, accept);
                let response = request.send().await.expect("an answer");
                assert_eq!(response.status(), status, "{document} {accept}");
                let answer = response.json::<Value>().await.expect("JSON");
                is_told(document, &answer["errors"]);
                assert!(answer.get("data").is_none(), "{document}: {answer}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_on_which_validation_fails_leaves_the_socket_and_its_operations_be() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let mut socket = app.socket(&ann).await;
    let subscription = "subscription { newMessage { message { body } } }";
    socket.subscribe("goes on", subscription, json!({})).await;
    for document in IN_NO_TYPE {
        socket.subscribe("fails", document, json!({})).await;
        let answer = socket.message_of("fails").await;
        assert_eq!(answer["type"], "error", "{document}: {answer}");
        is_told(document, &answer["payload"]);
    }
    bob.send(&ann, "still there").await;
    let event = socket.event("goes on").await;
    assert_eq!(at(&event, "newMessage.message.body"), "still there");
}
