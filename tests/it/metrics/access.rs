//! Who may read it.

use chinwag::{app::Config, http::MetricsAccess};
use reqwest::{Method, Response, header};
use secrecy::SecretString;

use crate::support::{
    TestApp,
    launch::Launch,
    store::{StoreKind, TempDir},
};

const TOKEN: &str = "a-token.of~enough+characters/==";

/// A server that a proxy on this machine stands before, and maybe elsewhere.
async fn app(set_up: impl FnOnce(&mut Config)) -> TestApp {
    TestApp::with(StoreKind::Embedded, |config| {
        config.http.trusted_proxies = vec!["127.0.0.1/32".parse().expect("a network")];
        set_up(config);
    })
    .await
}

fn with_token(config: &mut Config) {
    config.http.metrics.token = Some(SecretString::from(TOKEN));
}

/// What is answered to a machine behind the proxy that has this to say for itself.
async fn asked_from(app: &TestApp, address: &str, authorization: &[&str]) -> Response {
    let url = app.url("/metrics");
    let mut request = app.anonymous().raw(Method::GET, &url);
    request = request.header("x-forwarded-for", address);
    for value in authorization {
        request = request.header(header::AUTHORIZATION, *value);
    }
    request.send().await.expect("an answer")
}

const ELSEWHERE: &str = "203.0.113.7";

#[tokio::test]
async fn another_machine_needs_the_token_and_this_one_does_not() {
    let app = app(with_token).await;
    let here = super::page(&app).await;
    assert!(here.ends_with("# EOF\n"));
    assert_eq!(asked_from(&app, "127.0.0.1", &[]).await.status(), 200);
    for right in [format!("Bearer {TOKEN}"), format!("bearer  {TOKEN} ")] {
        let answer = asked_from(&app, ELSEWHERE, &[&right]).await;
        assert_eq!(answer.status(), 200, "{right}");
        assert!(answer.text().await.expect("a text").ends_with("# EOF\n"));
    }
    let (longer, shorter) = (
        format!("Bearer {TOKEN}="),
        format!("Bearer {}", &TOKEN[1..]),
    );
    let (basic, bare) = (format!("Basic {TOKEN}"), TOKEN.to_owned());
    let other = format!("Bearer {}", TOKEN.to_uppercase());
    for wrong in [
        &longer, &shorter, &basic, &bare, &other, "Bearer", "Bearer ", "",
    ] {
        refused(asked_from(&app, ELSEWHERE, &[wrong]).await, wrong).await;
    }
    refused(asked_from(&app, ELSEWHERE, &[]).await, "nothing").await;
    let url = app.url(&format!("/metrics?token={TOKEN}&access_token={TOKEN}"));
    let request = app.anonymous().raw(Method::GET, &url);
    let request = request
        .header("x-forwarded-for", ELSEWHERE)
        .header("cookie", format!("token={TOKEN}; chinwag_session={TOKEN}"));
    refused(request.send().await.expect("an answer"), "elsewhere").await;
    app.stop().await;
}

async fn refused(answer: Response, with: &str) {
    assert_eq!(answer.status(), 401, "{with}");
    assert_eq!(
        answer.headers()[header::WWW_AUTHENTICATE],
        "Bearer",
        "{with}"
    );
    let text = answer.text().await.expect("a text");
    assert!(
        !text.contains("chinwag_") && !text.contains(TOKEN),
        "{text}"
    );
}

#[tokio::test]
async fn without_a_token_no_other_machine_reads_it_whatever_it_says() {
    let app = app(|_| {}).await;
    let says = format!("Bearer {TOKEN}");
    for says in [&[][..], &[says.as_str()], &["Bearer "], &["Bearer null"]] {
        let answer = asked_from(&app, ELSEWHERE, says).await;
        assert_eq!(answer.status(), 403, "{says:?}");
        assert!(!answer.headers().contains_key(header::WWW_AUTHENTICATE));
    }
    assert_eq!(asked_from(&app, "::1", &[]).await.status(), 200);
    app.stop().await;
}

#[tokio::test]
async fn what_is_public_needs_no_token() {
    for token in [None, Some(SecretString::from(TOKEN))] {
        let access = MetricsAccess {
            public: true,
            token,
        };
        let app = app(|config| config.http.metrics = access).await;
        for says in [&[][..], &["Bearer wrong"]] {
            let answer = asked_from(&app, ELSEWHERE, says).await;
            assert_eq!(answer.status(), 200, "{says:?}");
        }
        app.stop().await;
    }
}

#[tokio::test]
async fn whoever_is_relayed_by_an_unknown_proxy_is_another_machine() {
    let app = TestApp::with(StoreKind::Embedded, with_token).await;
    refused(asked_from(&app, "127.0.0.1", &[]).await, "nothing").await;
    let right = format!("Bearer {TOKEN}");
    let answer = asked_from(&app, "127.0.0.1", &[&right]).await;
    assert_eq!(answer.status(), 200);
    app.stop().await;
}

#[tokio::test]
async fn the_token_is_a_setting_that_is_never_logged() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path())
        .env("METRICS_TOKEN", "canary-of-16-characters")
        .env("LOG", "trace")
        .serves()
        .await;
    let ask = |token: &'static str| {
        let url = serving.url("/metrics");
        let request = serving.anonymous().raw(Method::GET, &url);
        let request = request.header("via", "1.1 proxy").bearer_auth(token);
        async move { request.send().await.expect("an answer").status().as_u16() }
    };
    assert_eq!(ask("canary-of-16-characters").await, 200);
    assert_eq!(ask("another-canary-of-more").await, 401);
    serving.signal("-TERM");
    let ended = serving.ended().await;
    assert!(
        ended.stderr.contains("METRICS_TOKEN=(set)"),
        "{}",
        ended.stderr
    );
    let all = ended.stderr + &ended.stdout;
    assert!(!all.contains("canary"), "{all}");
}
