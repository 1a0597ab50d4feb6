//! Signing in and out.

use reqwest::header;
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{LOGIN, SIGNUP, me, signup};
use crate::{
    on_both_stores,
    support::{TestApp, eventually, json as at, store::StoreKind},
};

on_both_stores!(
    login_finds_a_username_in_any_case,
    login_does_not_tell_who_exists,
    logout_ends_this_session_or_all,
    a_session_ends_when_its_time_is_over,
    tokens_survive_a_new_secret_until_the_old_one_is_dropped,
    the_secret_is_kept_with_the_data,
);

async fn login_finds_a_username_in_any_case(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("Ann").await;
    let nobody = app.anonymous();
    for name in ["Ann", "ann", "ANN"] {
        let back = nobody.ok(LOGIN, signup(name, "password1")).await["login"].clone();
        assert_eq!(back["user"], json!({ "id": ann.id, "username": "Ann" }));
        assert_ne!(back["token"], json!(ann.token), "a session of its own");
    }
    for name in ["Ann", "ann", "aNN"] {
        let error = nobody
            .fails("CONFLICT", SIGNUP, signup(name, "password2"))
            .await;
        assert_eq!(error["extensions"]["field"], "input.username");
    }
    nobody
        .fails("UNAUTHENTICATED", LOGIN, signup("ann", "password2"))
        .await;
    app.stop().await;
}

async fn login_does_not_tell_who_exists(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    app.user("ann").await;
    let nobody = app.anonymous();
    let wrong = nobody.run(LOGIN, signup("ann", "password2")).await;
    assert_eq!(at(&wrong, "errors.0.extensions.code"), "UNAUTHENTICATED");
    assert_eq!(wrong["data"], Value::Null);
    for (name, password) in [
        ("nobody", "password1"),
        ("nobody", ""),
        ("ann", ""),
        ("ann", "PASSWORD1"),
        ("ann", "password1 "),
        (" ann", "password1"),
        ("", "password1"),
        ("ann\u{0}", "password1"),
        ("{\"$ne\":null}", "password1"),
        (".*", "password1"),
    ] {
        assert_eq!(
            nobody.run(LOGIN, signup(name, password)).await,
            wrong,
            "{name:?} {password:?}"
        );
    }
    for password in [
        "x".repeat(72),
        "password1\u{0}".to_owned(),
        "p\u{0}".to_owned(),
    ] {
        for name in ["ann", "nobody"] {
            let error = nobody
                .fails("BAD_USER_INPUT", LOGIN, signup(name, &password))
                .await;
            assert_eq!(error["extensions"]["field"], "input.password");
        }
    }
    app.stop().await;
}

async fn logout_ends_this_session_or_all(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let first = app.user("ann").await;
    let (second, third) = (first.sign_in_again().await, first.sign_in_again().await);
    let bob = app.user("bob").await;

    assert_eq!(
        first.ok("mutation { logout }", json!({})).await,
        json!({ "logout": true })
    );
    assert_eq!(me(&first).await, Value::Null);
    first
        .fails("UNAUTHENTICATED", "{ onlineUsers { id } }", json!({}))
        .await;
    assert_eq!(
        (me(&second).await, me(&third).await),
        (json!("ann"), json!("ann"))
    );

    let everywhere = "mutation { logout(everywhere: true) }";
    second.ok(everywhere, json!({})).await;
    for session in [&first, &second, &third] {
        assert_eq!(me(session).await, Value::Null);
    }
    assert_eq!(me(&bob).await, "bob");
    assert_eq!(
        me(&first.sign_in_again().await).await,
        "ann",
        "the account is still there"
    );

    second.ok("mutation { logout }", json!({})).await;
    app.anonymous()
        .fails("UNAUTHENTICATED", "mutation { logout }", json!({}))
        .await;
    app.anonymous()
        .fails("UNAUTHENTICATED", everywhere, json!({}))
        .await;
    if let StoreKind::Mongo = kind {
        let other = app.beside(|_| {}).await;
        let here = first.sign_in_again().await;
        let there = here.at(other.url("/graphql"));
        assert_eq!(me(&there).await, "ann");
        here.ok("mutation { logout }", json!({})).await;
        eventually("the other process knows", async || {
            me(&there).await == Value::Null
        })
        .await;
        other.stop().await;
    }
    app.stop().await;
}

async fn a_session_ends_when_its_time_is_over(kind: StoreKind) {
    let app = TestApp::with(kind, |config| {
        config.session_ttl = std::time::Duration::from_secs(4);
    })
    .await;
    let ann = app.user("ann").await;
    assert_eq!(me(&ann).await, "ann");
    eventually("the session is over", async || {
        me(&ann).await == Value::Null
    })
    .await;
    ann.fails("UNAUTHENTICATED", "{ onlineUsers { id } }", json!({}))
        .await;
    assert_eq!(me(&ann.sign_in_again().await).await, "ann");
    app.stop().await;
}

async fn tokens_survive_a_new_secret_until_the_old_one_is_dropped(kind: StoreKind) {
    const OLD: &str = "an old secret of at least thirty-two bytes";
    const NEW: &str = "a new secret of at least thirty-two bytes!";
    let secrets =
        |secrets: &[&str]| Some(secrets.iter().map(|one| SecretString::from(*one)).collect());
    let app = TestApp::with(kind, |config| config.jwt_secrets = secrets(&[OLD])).await;
    let before = app.user("ann").await;
    let app = TestApp::at(app.stop().await, |config| {
        config.jwt_secrets = secrets(&[NEW, OLD]);
    })
    .await;
    let before = before.at(app.url("/graphql"));
    assert_eq!(me(&before).await, "ann");
    let after = before.sign_in_again().await;
    let app = TestApp::at(app.stop().await, |config| {
        config.jwt_secrets = secrets(&[NEW]);
    })
    .await;
    assert_eq!(me(&before.at(app.url("/graphql"))).await, Value::Null);
    assert_eq!(me(&after.at(app.url("/graphql"))).await, "ann");
    app.stop().await;
}

async fn the_secret_is_kept_with_the_data(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let app = TestApp::at(app.stop().await, |_| {}).await;
    assert_eq!(me(&ann.at(app.url("/graphql"))).await, "ann");
    app.stop().await;
    let elsewhere = TestApp::start(kind).await;
    assert_eq!(me(&ann.at(elsewhere.url("/graphql"))).await, Value::Null);
    elsewhere.stop().await;
}

#[tokio::test]
async fn usernames_are_one_argument_and_not_a_query() {
    let app = TestApp::start(StoreKind::Embedded).await;
    app.user("ann").await;
    for input in [
        json!({ "username": { "$ne": null }, "password": "password1" }),
        json!({ "username": "ann", "password": { "$gt": "" } }),
        json!({ "username": ["ann"], "password": "password1" }),
        json!({ "username": "ann", "password": "password1", "$where": "1" }),
    ] {
        let response = app
            .anonymous()
            .request(LOGIN, json!({ "input": input }))
            .header(header::ACCEPT, "application/graphql-response+json")
            .send()
            .await
            .expect("an answer");
        assert_eq!(response.status(), 400, "{input}");
    }
}
