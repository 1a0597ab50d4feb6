//! Changing a password.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{CHANGE_PASSWORD, DELETE, LOGIN, cookie, field, me, passwords, signup};
use crate::{
    on_both_stores,
    support::{Client, TestApp, eventually, json as at, store::StoreKind},
};

on_both_stores!(
    a_new_password_ends_every_other_session_and_gives_a_new_one,
    over_a_socket_the_answer_comes_before_the_close,
    what_is_wrong_is_told_for_each_field_and_ends_nothing,
    of_many_changes_at_once_one_is_made,
    no_session_outlives_the_password_that_began_it,
);

async fn a_new_password_ends_every_other_session_and_gives_a_new_one(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let here = app.user("ann").await;
    let there = here.sign_in_again().await;
    let (mut socket, mut other) = (app.socket(&here).await, app.socket(&there).await);
    let change = here.request(CHANGE_PASSWORD, passwords("password1", "password2"));
    let response = change.send().await.expect("an answer");
    let set = cookie(&response).expect("a cookie");
    let reply = response.json::<Value>().await.expect("JSON");
    let changed = &reply["data"]["changePassword"];
    assert_eq!(
        changed["user"],
        json!({ "id": here.id, "username": "ann" }),
        "{reply}"
    );
    let token = changed["token"].as_str().expect("a token");
    assert_eq!(set, format!("chinwag_session={token}"));
    assert_eq!(socket.closed().await, Some(4403));
    assert_eq!(other.closed().await, Some(4403));
    for ended in [&here, &there] {
        assert_eq!(me(ended).await, Value::Null);
    }
    assert_eq!(me(&here.with_token(token)).await, "ann");
    let nobody = app.anonymous();
    nobody
        .fails("UNAUTHENTICATED", LOGIN, signup("ann", "password1"))
        .await;
    nobody.ok(LOGIN, signup("ann", "password2")).await;
    if let StoreKind::Mongo = kind {
        let other = app.beside(|_| {}).await;
        let here = here.with_token(token);
        let there = here.at(other.url("/graphql"));
        let mut socket = other.socket(&here).await;
        assert_eq!(me(&there).await, "ann");
        here.ok(CHANGE_PASSWORD, passwords("password2", "password3"))
            .await;
        assert_eq!(socket.closed().await, Some(4403));
        eventually("the other process knows", async || {
            me(&there).await == Value::Null
        })
        .await;
        other.stop().await;
    }
    app.stop().await;
}

async fn over_a_socket_the_answer_comes_before_the_close(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    let answer = socket
        .ask("1", CHANGE_PASSWORD, passwords("password1", "password2"))
        .await;
    let token = at(&answer, "data.changePassword.token");
    assert_eq!(socket.closed().await, Some(4403));
    let ann = ann.with_token(token.as_str().expect("a token"));
    assert_eq!(me(&ann).await, "ann");
    app.stop().await;
}

async fn what_is_wrong_is_told_for_each_field_and_ends_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let again = ann.sign_in_again().await;
    let (current, new) = ("input.currentPassword", "input.newPassword");
    let (long, nul) = ("x".repeat(72), "password\0");
    for (variables, fields) in [
        (passwords("password2", "password3"), vec![current]),
        (passwords("", "password3"), vec![current]),
        (passwords(&long, "password3"), vec![current]),
        (passwords("password1", "short"), vec![new]),
        (passwords("password1", &long), vec![new]),
        (passwords("password1", nul), vec![new]),
        (passwords(nul, "short"), vec![current, new]),
    ] {
        let response = ann.request(CHANGE_PASSWORD, variables.clone()).send().await;
        let response = response.expect("an answer");
        assert_eq!(cookie(&response), None);
        let reply = response.json::<Value>().await.expect("JSON");
        let errors = reply["errors"].as_array().expect("errors");
        assert!(
            errors
                .iter()
                .all(|error| error["extensions"]["code"] == "BAD_USER_INPUT"),
            "{reply}"
        );
        let told = errors.iter().map(field).collect::<Vec<_>>();
        assert_eq!(told, fields, "{variables}");
    }
    for session in [&ann, &again] {
        assert_eq!(me(session).await, "ann");
    }
    app.anonymous()
        .fails(
            "UNAUTHENTICATED",
            CHANGE_PASSWORD,
            passwords("password1", "password2"),
        )
        .await;
    app.anonymous().ok(LOGIN, signup("ann", "password1")).await;
    app.stop().await;
}

async fn of_many_changes_at_once_one_is_made(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let attempts = (0..6).map(|number| {
        let (ann, new) = (&ann, format!("password-{number}"));
        async move {
            let reply = ann.run(CHANGE_PASSWORD, passwords("password1", &new)).await;
            (new, reply)
        }
    });
    let attempts = join_all(attempts).await;
    let made = attempts
        .iter()
        .filter(|(_, reply)| reply.get("errors").is_none())
        .collect::<Vec<_>>();
    let [(new, reply)] = made[..] else {
        panic!("one is made: {attempts:?}")
    };
    let token = at(reply, "data.changePassword.token");
    let ann = ann.with_token(token.as_str().expect("a token"));
    assert_eq!(me(&ann).await, "ann");
    let nobody = app.anonymous();
    for (tried, _) in &attempts {
        let reply = nobody.run(LOGIN, signup("ann", tried)).await;
        assert_eq!(reply.get("errors").is_none(), tried == new, "{tried}");
    }
    app.stop().await;
}

async fn no_session_outlives_the_password_that_began_it(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let mut ann = app.user("ann").await;
    let nobody = app.anonymous();
    for round in 1..6 {
        let [old, new] = [round, round + 1].map(|number| format!("password{number}"));
        let logins = (0..6).map(|_| nobody.run(LOGIN, signup("ann", &old)));
        let change = ann.ok(CHANGE_PASSWORD, passwords(&old, &new));
        let (logins, changed) = tokio::join!(join_all(logins), change);
        for login in logins {
            if let Some(token) = at(&login, "data.login.token").as_str() {
                assert_eq!(me(&nobody.with_token(token)).await, Value::Null);
            }
        }
        let token = at(&changed, "changePassword.token");
        ann = ann.with_token(token.as_str().expect("a token"));
    }
    app.stop().await;
}

#[tokio::test]
async fn tries_are_limited_for_each_person() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.rate_limits = true;
        config.limits.sign_ins_per_minute = 3;
    })
    .await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let attempt = async |client: &Client| {
        let wrong = passwords("password2", "password3");
        client.fails("BAD_USER_INPUT", CHANGE_PASSWORD, wrong).await;
    };
    attempt(&ann).await;
    ann.fails("BAD_USER_INPUT", DELETE, json!({ "password": "x" }))
        .await;
    attempt(&ann).await;
    for (document, variables) in [
        (CHANGE_PASSWORD, passwords("password1", "password3")),
        (DELETE, json!({ "password": "password1" })),
    ] {
        let error = ann.fails("RATE_LIMITED", document, variables).await;
        let wait = error["extensions"]["retryAfterMs"]
            .as_u64()
            .expect("a time");
        assert!(Duration::from_millis(wait) <= Duration::from_secs(20));
    }
    attempt(&bob).await;
    assert_eq!(me(&ann).await, "ann");
}
