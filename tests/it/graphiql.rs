//! GraphiQL as the server hands it out.

use reqwest::{Method, Response, header};

use crate::support::{TestApp, store::StoreKind};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

async fn get(app: &TestApp, path: &str, accept: &str) -> Response {
    let request = app.anonymous().raw(Method::GET, &app.url(path));
    request
        .header(header::ACCEPT, accept)
        .send()
        .await
        .expect("an answer")
}

fn header_of(response: &Response, name: header::HeaderName) -> &str {
    response
        .headers()
        .get(&name)
        .map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn a_browser_gets_a_page_that_runs_nothing_from_elsewhere() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let page = get(&app, "/graphql", BROWSER).await;
    assert_eq!(page.status(), 200);
    assert_eq!(
        header_of(&page, header::CONTENT_TYPE),
        "text/html; charset=utf-8"
    );
    assert_eq!(header_of(&page, header::X_FRAME_OPTIONS), "DENY");
    assert_eq!(header_of(&page, header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert!(
        header_of(&page, header::VARY)
            .to_lowercase()
            .contains("accept")
    );
    let policy = header_of(&page, header::CONTENT_SECURITY_POLICY).to_owned();
    for rule in [
        "default-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(rule), "{rule}: {policy}");
    }
    for rule in ["script-src", "'unsafe-eval'", "http:", "https:", "*"] {
        assert!(!policy.contains(rule), "{rule}: {policy}");
    }
    let html = page.text().await.expect("text");
    let mut assets = 0;
    for address in html
        .split(['"', '\''])
        .filter(|word| word.starts_with("/assets/"))
    {
        let asset = get(&app, address, "*/*").await;
        assert_eq!(asset.status(), 200, "{address}");
        assert_eq!(
            header_of(&asset, header::X_CONTENT_TYPE_OPTIONS),
            "nosniff",
            "{address}"
        );
        let expected = match address.rsplit('.').next() {
            Some("js") => "text/javascript",
            Some("css") => "text/css",
            _ => "text/",
        };
        assert!(
            header_of(&asset, header::CONTENT_TYPE).starts_with(expected),
            "{address}"
        );
        assets += 1;
    }
    assert!(assets >= 2, "a script and a style: {html}");
}

#[tokio::test]
async fn only_a_browser_that_asks_nothing_gets_the_page() {
    let app = TestApp::start(StoreKind::Embedded).await;
    for accept in [
        "*/*",
        "application/json",
        "application/graphql-response+json, application/json;q=0.9",
        "application/json, text/html;q=0.5",
    ] {
        let answer = get(&app, "/graphql", accept).await;
        assert_eq!(answer.status(), 400, "{accept}");
        assert!(
            header_of(&answer, header::CONTENT_TYPE).contains("json"),
            "{accept}"
        );
    }
    let answer = get(&app, "/graphql?query=%7B__typename%7D", BROWSER).await;
    assert_eq!(
        answer.text().await.expect("text"),
        r#"{"data":{"__typename":"Query"}}"#
    );
    for path in [
        "/assets/",
        "/assets/nothing",
        "/assets/graphiql/index.html",
        "/assets/../Cargo.toml",
        "/assets/%2e%2e/Cargo.toml",
        "/assets/graphiql/..%2f..%2fmod.rs",
    ] {
        assert_eq!(get(&app, path, "*/*").await.status(), 404, "{path}");
    }
}
