//! How often one may do what costs.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{Client, TestApp, json as at, store::StoreKind},
};

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";
const SIGNUP: &str =
    "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";

/// With the limits on as they are by default, behind a proxy that says who asks.
async fn app(kind: StoreKind) -> TestApp {
    TestApp::with(kind, |config| {
        config.rate_limits = true;
        config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
    })
    .await
}

/// Signs in or up from an address.
async fn sign_in(app: &TestApp, document: &str, address: &str, username: &str) -> Value {
    let input = json!({ "input": { "username": username, "password": "password1" } });
    let request = app
        .anonymous()
        .request(document, input)
        .header("x-forwarded-for", address);
    request
        .send()
        .await
        .expect("an answer")
        .json()
        .await
        .expect("JSON")
}

/// How long an answer says to wait, when it is that something was tried too often.
fn limited(reply: &Value) -> bool {
    let extensions = at(reply, "errors.0.extensions");
    let limited = extensions["code"] == "RATE_LIMITED";
    if limited {
        let wait = extensions["retryAfterMs"].as_u64().expect("a time to wait");
        assert!((1..=60_000).contains(&wait), "{reply}");
    }
    limited
}

/// Ten go through, and then, sooner or later, as one more is let through every six seconds, one does not.
async fn ten_go_through(attempt: impl AsyncFn(usize) -> Value) {
    for n in 0..10 {
        let reply = attempt(n).await;
        assert!(!limited(&reply), "the {n}th: {reply}");
    }
    for n in 10..30 {
        if limited(&attempt(n).await) {
            return;
        }
    }
    panic!("no limit");
}

on_both_stores!(
    logins_are_limited_by_address,
    logins_are_limited_by_username_from_anywhere,
    signups_are_limited_by_address_and_by_username,
    sends_are_limited_for_each_user,
    repeats_of_one_message_count_once,
);

async fn logins_are_limited_by_address(kind: StoreKind) {
    let app = app(kind).await;
    sign_in(&app, SIGNUP, "10.9.9.9", "ann").await;
    ten_go_through(async |n| sign_in(&app, LOGIN, "10.0.0.1", &format!("user{n}")).await).await;
    assert!(
        limited(&sign_in(&app, LOGIN, "10.0.0.1", "ann").await),
        "whoever it is"
    );
    assert!(
        limited(&sign_in(&app, LOGIN, "6.6.6.6, 10.0.0.1", "ann").await),
        "what the client claims is not believed"
    );
    let elsewhere = sign_in(&app, LOGIN, "10.0.0.2", "ann").await;
    assert!(
        at(&elsewhere, "data.login.token").is_string(),
        "{elsewhere}"
    );
    ten_go_through(async |n| {
        sign_in(
            &app,
            LOGIN,
            &format!("2001:db8::{n:x}"),
            &format!("user-{n}"),
        )
        .await
    })
    .await;
    app.stop().await;
}

async fn logins_are_limited_by_username_from_anywhere(kind: StoreKind) {
    let app = app(kind).await;
    sign_in(&app, SIGNUP, "10.9.9.9", "ann").await;
    sign_in(&app, SIGNUP, "10.9.9.9", "bob").await;
    let names = ["ann", "ANN", "Ann"];
    ten_go_through(async |n| sign_in(&app, LOGIN, &format!("10.0.1.{n}"), names[n % 3]).await)
        .await;
    assert!(limited(&sign_in(&app, LOGIN, "10.0.2.1", "aNN").await));
    let other = sign_in(&app, LOGIN, "10.0.2.1", "bob").await;
    assert!(at(&other, "data.login.token").is_string(), "{other}");
    app.stop().await;
}

async fn signups_are_limited_by_address_and_by_username(kind: StoreKind) {
    let app = app(kind).await;
    ten_go_through(async |n| sign_in(&app, SIGNUP, "10.0.0.1", &format!("user{n}")).await).await;
    ten_go_through(async |n| {
        sign_in(&app, SIGNUP, &format!("10.0.1.{n}"), ["ann", "ANN"][n % 2]).await
    })
    .await;
    let other = sign_in(&app, SIGNUP, "10.0.2.1", "bob").await;
    assert!(at(&other, "data.signup.token").is_string(), "{other}");
    app.stop().await;
}

async fn sends_are_limited_for_each_user(kind: StoreKind) {
    let app = app(kind).await;
    let mut people = Vec::<Client>::new();
    for name in ["ann", "bob"] {
        let made = sign_in(&app, SIGNUP, "10.0.0.1", name).await;
        let mut person = app
            .anonymous()
            .with_token(at(&made, "data.signup.token").as_str().expect("a token"));
        person.id = at(&made, "data.signup.user.id")
            .as_str()
            .expect("an id")
            .to_owned();
        people.push(person);
    }
    let (ann, bob) = (&people[0], &people[1]);
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let to_bob = |n: usize| json!({ "input": { "to": { "userId": bob.id }, "body": format!("message {n}") } });
    let answers = join_all((0..200).map(|n| ann.run(send, to_bob(n)))).await;
    let (refused, sent) = answers
        .iter()
        .partition::<Vec<_>, _>(|answer| limited(answer));
    assert!(
        sent.iter().all(|answer| answer.get("errors").is_none()),
        "{sent:?}"
    );
    assert!(
        sent.len() >= 40 && !refused.is_empty(),
        "{} of 200",
        sent.len()
    );
    bob.send(ann, "not me").await;
    let history = "query($in: ConversationRef!) { messages(in: $in, last: 1) { nodes { seq } } }";
    let history = ann.ok(history, json!({ "in": { "userId": bob.id } })).await;
    assert_eq!(
        history["messages"]["nodes"][0]["seq"],
        sent.len() + 1,
        "what was refused was not sent"
    );
    app.stop().await;
}

async fn repeats_of_one_message_count_once(kind: StoreKind) {
    let app = app(kind).await;
    let made = sign_in(&app, SIGNUP, "10.0.0.1", "ann").await;
    let ann = app
        .anonymous()
        .with_token(at(&made, "data.signup.token").as_str().expect("a token"));
    let bob = sign_in(&app, SIGNUP, "10.0.0.1", "bob").await;
    let send = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let input = json!({
        "to": { "userId": at(&bob, "data.signup.user.id") }, "body": "hello", "clientMessageId": "once",
    });
    let input = json!({ "input": input });
    let at_once = join_all((0..100).map(|_| ann.run(send, input.clone()))).await;
    let later = join_all((0..100).map(|_| ann.run(send, input.clone()))).await;
    let ids = at_once
        .iter()
        .chain(&later)
        .map(|reply| at(reply, "data.sendMessage.id"));
    let ids = ids
        .map(|id| id.to_string())
        .collect::<std::collections::HashSet<_>>();
    assert_eq!(ids.len(), 1, "{ids:?}");
    // What only takes the name of another is none.
    let others = (0..100).map(|n| {
        let mut other = input.clone();
        other["input"]["body"] = json!(format!("{n}"));
        let (ann, other) = (&ann, other);
        async move { ann.run(send, other).await }
    });
    let answers = join_all(others).await;
    let refused = answers.iter().filter(|answer| limited(answer)).count();
    assert!(refused > 0, "{answers:?}");
    app.stop().await;
}

#[tokio::test]
async fn the_limits_can_be_switched_off() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    for _ in 0..30 {
        ann.sign_in_again().await;
    }
}
