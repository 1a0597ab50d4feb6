//! What the log tells.

use serde_json::{Value, json};

use super::Home;
use crate::{
    on_both_stores,
    support::{
        json as at,
        launch::{Launch, Serving},
        mongod,
        store::{StoreKind, TempDir, mongo_is_there},
        ws::Ws,
    },
};

on_both_stores!(no_log_line_tells_what_people_say_or_know,);

const SIGNUP: &str =
    "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";

async fn no_log_line_tells_what_people_say_or_know(kind: StoreKind) {
    let home = Home::new(kind).await;
    let serving = home
        .launch()
        .env("LOG", "trace")
        .env("LOG_FORMAT", "json")
        .env("JWT_SECRET", "canary-secret-of-at-least-32-bytes")
        .serves()
        .await;
    let tokens = talk(&serving).await;
    serving.signal("-TERM");
    let ended = serving.ended().await;
    let mut requests = 0;
    for line in ended.stderr.lines() {
        let entry =
            serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        assert!(
            entry["level"].is_string() && entry["timestamp"].is_string(),
            "{line}"
        );
        requests += usize::from(line.contains("\"request\""));
    }
    assert!(requests > 0, "it logs at all: {}", ended.stderr);
    let log = ended.stderr + &ended.stdout;
    assert!(!log.contains("canary"), "{}", near(&log, "canary"));
    for token in &tokens {
        let signature = token.rsplit('.').next().expect("a signature");
        assert!(!log.contains(signature), "{}", near(&log, signature));
        let claims = token.split('.').nth(1).expect("claims");
        assert!(!log.contains(claims), "{}", near(&log, claims));
    }
}

/// Everything that carries a secret, well and badly; gives the tokens that came of it.
async fn talk(serving: &Serving) -> Vec<String> {
    let nobody = serving.anonymous();
    let input =
        |name: &str, password: &str| json!({ "input": { "username": name, "password": password } });
    let login = "mutation($input: LoginInput!) { login(input: $input) { token user { id } } }";
    let mut people = Vec::new();
    for name in ["ann", "bob"] {
        let made = nobody.ok(SIGNUP, input(name, "canary-password")).await;
        let made = &made["signup"];
        let mut person = nobody.with_token(made["token"].as_str().expect("a token"));
        person.id = made["user"]["id"].as_str().expect("an id").to_owned();
        people.push(person);
    }
    let [ann, bob] = people.as_slice() else {
        unreachable!("two")
    };
    nobody
        .fails("CONFLICT", SIGNUP, input("ann", "canary-password-2"))
        .await;
    nobody
        .fails(
            "BAD_USER_INPUT",
            SIGNUP,
            input("canary name", "canary-password"),
        )
        .await;
    nobody
        .fails("UNAUTHENTICATED", login, input("ann", "canary-wrong"))
        .await;
    nobody
        .fails(
            "BAD_USER_INPUT",
            login,
            json!({ "input": { "username": "ann", "password": ["canary"] } }),
        )
        .await;
    nobody.fails("GRAPHQL_VALIDATION_FAILED", "mutation { login(input: { username: \"ann\", password: \"canary\", canary: 1 }) { token } }", json!({})).await;
    nobody
        .fails(
            "GRAPHQL_PARSE_FAILED",
            "mutation { login(input: { password: \"canary\"",
            json!({}),
        )
        .await;
    let again = nobody.ok(login, input("ann", "canary-password")).await;
    let cookie = format!(
        "chinwag_session={}",
        again["login"]["token"].as_str().expect("a token")
    );
    let by_cookie = nobody
        .request("{ me { id } }", json!({}))
        .header("cookie", &cookie);
    assert_eq!(
        at(
            &by_cookie
                .send()
                .await
                .expect("an answer")
                .json()
                .await
                .expect("JSON"),
            "data.me.id"
        ),
        json!(ann.id)
    );
    for (name, value) in [
        ("cookie", "chinwag_session=canary.canary.canary"),
        ("authorization", "Bearer canary"),
        ("x-canary", "canary"),
    ] {
        nobody
            .request("{ me { id } }", json!({}))
            .header(name, value)
            .send()
            .await
            .expect("an answer");
    }
    for body in [
        "canary",
        "{\"query\":\"canary",
        "{\"query\":[\"canary\"]}",
        "[\"canary\"]",
    ] {
        let url = serving.url("/graphql");
        let request = nobody
            .raw(reqwest::Method::POST, &url)
            .header("content-type", "application/json")
            .body(body);
        assert_eq!(request.send().await.expect("an answer").status(), 400);
    }
    nobody
        .raw(
            reqwest::Method::GET,
            &serving.url("/graphql?query=%7Bcanary%7D"),
        )
        .send()
        .await
        .expect("an answer");
    nobody
        .raw(reqwest::Method::GET, &serving.url("/canary?canary"))
        .send()
        .await
        .expect("an answer");

    let mut socket = Ws::open_with(
        serving.address,
        &[
            ("sec-websocket-protocol", "graphql-transport-ws"),
            ("cookie", &cookie),
        ],
    )
    .await
    .expect("a socket")
    .0;
    socket
        .init(json!({ "token": bob.token, "canary": "canary" }))
        .await;
    socket
        .subscribe(
            "1",
            "subscription { newMessage { message { body } } }",
            json!({}),
        )
        .await;
    socket.settle().await;
    let sent = ann.send(bob, "canary-body").await;
    assert_eq!(
        socket.event("1").await["newMessage"]["message"]["body"],
        "canary-body"
    );
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let to = json!({ "conversationId": sent["conversation"]["id"] });
    socket.subscribe("2", send, json!({ "input": { "to": to, "body": "canary-by-socket", "clientMessageId": "canary-id" } })).await;
    socket.event("2").await;
    bob.fails(
        "CONFLICT",
        send,
        json!({ "input": { "to": to, "body": "canary-other", "clientMessageId": "canary-id" } }),
    )
    .await;
    bob.fails(
        "BAD_USER_INPUT",
        send,
        json!({ "input": { "to": to, "body": "canary".repeat(1_000) } }),
    )
    .await;
    bob.ok(
        "query($s: String) { sidebarUsers(search: $s) { nodes { id } } }",
        json!({ "s": "canary" }),
    )
    .await;
    bob.fails(
        "BAD_USER_INPUT",
        "{ sidebarUsers(after: \"canary\") { nodes { id } } }",
        json!({}),
    )
    .await;
    socket.send_text("{\"type\":\"canary\"}").await;
    assert_eq!(socket.closed().await, Some(4400));
    let mut refused = Ws::open(serving.address).await;
    refused
        .send(json!({ "type": "connection_init", "payload": { "token": "canary" } }))
        .await;
    assert_eq!(refused.closed().await, Some(4403));
    ann.ok("mutation { logout(everywhere: true) }", json!({}))
        .await;
    let token = again["login"]["token"].as_str().map(str::to_owned);
    [ann.token.clone(), bob.token.clone(), token]
        .into_iter()
        .flatten()
        .collect()
}

/// The part of a log around a word.
fn near<'a>(log: &'a str, word: &str) -> &'a str {
    log.lines()
        .find(|line| line.contains(word))
        .unwrap_or_default()
}

#[tokio::test]
async fn what_goes_wrong_inside_is_logged_under_the_requests_id() {
    if !mongo_is_there().await {
        return;
    }
    let mongod = mongod::own().await.expect("a mongod");
    let uri = format!("{}&serverSelectionTimeoutMS=500", mongod.uri_for("chat"));
    let dir = TempDir::new();
    let serving = Launch::over(dir.path())
        .env("MONGODB_URI", &uri)
        .serves()
        .await;
    let ann = serving.anonymous().sign_up("ann").await;
    mongod.stop();
    let response = ann
        .request("{ sidebarUsers { nodes { id } } }", json!({}))
        .send()
        .await
        .expect("an answer");
    let id = response.headers()["x-request-id"]
        .to_str()
        .expect("text")
        .to_owned();
    let reply = response.json::<Value>().await.expect("JSON");
    assert_eq!(
        at(&reply, "errors.0.extensions.code"),
        "SERVICE_UNAVAILABLE",
        "{reply}"
    );
    mongod.cont();
    serving.signal("-TERM");
    let log = serving.ended().await.stderr;
    let line = near(&log, &id);
    assert!(
        line.contains("WARN") && line.contains("unavailable"),
        "{log}"
    );
}
