//! Which web pages may open a socket.

use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{TestApp, store::StoreKind, ws::Ws};

/// Opens a socket as a page of this origin does: the status when that is refused.
async fn open(app: &TestApp, origin: &str) -> Result<Ws, u16> {
    let headers = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("origin", origin),
    ];
    match Ws::open_with(app.address, &headers).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{origin}: {other}"),
    }
}

#[tokio::test]
async fn foreign_pages_are_refused_before_anything_is_said() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        let allowed = "https://app.example.org".parse().expect("an origin");
        config.http.allowed_origins = vec![allowed];
    })
    .await;
    let own = format!("http://{}", app.address);
    let port = app.address.port();
    for origin in [
        "null",
        "",
        "https://evil.example",
        "https://app.example.org.evil.example",
        "https://evil-app.example.org",
        "https://app.example.org:8443",
        "https://app.example.org/",
        "https://app.example.org@evil.example",
        "http://app.example.org",
        "http://127.0.0.1",
        "app.example.org",
        "*",
        &format!("https://127.0.0.1:{port}"),
        &format!("http://localhost:{port}"),
        &format!("http://127.0.0.1:{port}.evil.example"),
        &format!("{own}0"),
        &format!("{own} https://evil.example"),
        &format!("https://evil.example {own}"),
    ] {
        assert_eq!(open(&app, origin).await.err(), Some(403), "{origin:?}");
    }
    for origin in [own.as_str(), "https://app.example.org"] {
        let mut socket = open(&app, origin).await.expect("let in");
        socket.init(json!({})).await;
    }
    // A program is no page.
    Ws::open(app.address).await.init(json!({})).await;
}

#[tokio::test]
async fn without_a_setting_only_the_servers_own_page_is_let_in() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let refused = open(&app, "https://app.example.org").await;
    assert_eq!(refused.err(), Some(403));
    let own = format!("http://{}", app.address);
    open(&app, &own)
        .await
        .expect("let in")
        .init(json!({}))
        .await;
}
