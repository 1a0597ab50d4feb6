//! What the log tells of those who sign up and of those who fail to log in.

use regex::Regex;
use serde_json::{Value, json};

use super::Home;
use crate::{
    on_both_stores,
    readme::blocks,
    support::{launch::Serving, store::StoreKind, ws::Ws},
};

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";
const SIGNUP: &str = "mutation($input: SignupInput!) { signup(input: $input) { token } }";

/// A username that would be a line of the log if it were shown.
const FORGED: &str =
    "ann\n2026-01-01T00:00:00.000000Z  INFO login failed address=6.6.6.6 username=bob";

fn input(username: &str, password: &str) -> Value {
    json!({ "input": { "username": username, "password": password } })
}

/// Behind a proxy that says who asks; gives the code of the first error, if any.
async fn tried(serving: &Serving, document: &str, from: &str, username: &str) -> Value {
    let reply = serving
        .anonymous()
        .request(document, input(username, "password2"))
        .header("x-forwarded-for", from)
        .send()
        .await
        .expect("an answer");
    let reply = reply.json::<Value>().await.expect("JSON");
    reply["errors"][0]["extensions"]["code"].clone()
}

/// Tries what there is to be told, and gives the log.
async fn attempts(home: &Home, format: &str) -> String {
    let serving = home
        .launch()
        .env("TRUSTED_PROXIES", "127.0.0.1")
        .env("LOG_FORMAT", format)
        .serves()
        .await;
    serving.anonymous().sign_up("Ann").await;
    for (from, username) in [
        ("203.0.113.7", "ANN"),
        ("2001:db8::7", "nobody"),
        ("203.0.113.8", FORGED),
    ] {
        let code = tried(&serving, LOGIN, from, username).await;
        assert_eq!(code, "UNAUTHENTICATED");
    }
    let mut socket = Ws::open(serving.address).await;
    socket.init(json!({})).await;
    socket
        .subscribe("1", LOGIN, input("socket", "password2"))
        .await;
    let refused = socket.next().await;
    assert!(refused.to_string().contains("UNAUTHENTICATED"), "{refused}");
    // More than are let through while this runs.
    for (document, from) in [(LOGIN, "203.0.113.9"), (SIGNUP, "203.0.113.10")] {
        let mut tries = 0;
        while tried(&serving, document, from, &format!("user{tries}")).await != "RATE_LIMITED" {
            tries += 1;
            assert!(tries < 100, "no limit");
        }
    }
    serving.signal("-TERM");
    serving.ended().await.stderr
}

on_both_stores!(sign_ups_and_failed_logins_are_lines_of_one_form,);

async fn sign_ups_and_failed_logins_are_lines_of_one_form(kind: StoreKind) {
    let home = Home::new(kind).await;
    let log = attempts(&home, "text").await;
    for (count, line) in [
        (1, "signed up address=127.0.0.1 username=ann"),
        (1, "login failed address=203.0.113.7 username=ann"),
        (1, "login failed address=2001:db8::7 username=nobody"),
        (1, r"login failed address=203.0.113.8 username=\(invalid\)"),
        (1, "login failed address=127.0.0.1 username=socket"),
        (1, r"login limited address=203.0.113.9 username=user\d+"),
        (1, r"signup limited address=203.0.113.10 username=user\d+"),
        (0, r".*6\.6\.6\.6.*"),
    ] {
        let form = format!(
            r"(?m)^\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{{6}}Z  INFO request\{{id=[0-9a-f]{{32}}\}}: {line}$"
        );
        let lines = Regex::new(&form).expect("a regular expression");
        assert_eq!(lines.find_iter(&log).count(), count, "{line}: {log}");
    }
    assert!(!log.contains("6.6.6.6"), "{log}");
    assert!(!log.contains("password2"), "{log}");

    // The filter that the documentation gives finds those that failed, and nothing else.
    let [filter] = blocks("docs/running.md", "ini")
        .try_into()
        .expect("one filter is shown");
    let filter = filter.split_once("failregex = ").expect("a filter").1;
    let filter = filter.trim().replace("<ADDR>", "(?<address>[0-9a-f.:]+)");
    let filter = Regex::new(&filter).expect("a regular expression");
    // fail2ban takes the time out of a line before it looks.
    let banned = log.lines().filter_map(|line| {
        let (_time, rest) = line.split_once('Z')?;
        Some(filter.captures(rest)?["address"].to_owned())
    });
    let mut banned = banned.collect::<Vec<_>>();
    banned.sort_unstable();
    banned.dedup();
    let failed = ["127.0.0.1", "2001:db8::7", "203.0.113.7", "203.0.113.8"];
    assert_eq!(banned, [failed.as_slice(), &["203.0.113.9"]].concat());
}

#[tokio::test]
async fn the_same_is_told_in_json() {
    let home = Home::new(StoreKind::Embedded).await;
    let log = attempts(&home, "json").await;
    let told = log.lines().filter_map(|line| {
        let line = serde_json::from_str::<Value>(line).expect("JSON");
        let fields = &line["fields"];
        (fields["message"] == "login failed")
            .then(|| (fields["address"].clone(), fields["username"].clone()))
    });
    let told = told.collect::<Vec<_>>();
    for (address, username) in [
        ("203.0.113.7", "ann"),
        ("2001:db8::7", "nobody"),
        ("203.0.113.8", "(invalid)"),
        ("127.0.0.1", "socket"),
    ] {
        assert!(
            told.contains(&(json!(address), json!(username))),
            "{told:?}"
        );
    }
}
