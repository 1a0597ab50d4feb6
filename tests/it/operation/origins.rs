//! What those learn whose pages are refused: their developers by the answer, the operator by the log.

use reqwest::{Method, header};
use tokio_tungstenite::tungstenite::Error;

use super::Home;
use crate::support::{launch::Serving, store::StoreKind, ws::Ws};

const EVIL: &str = "https://evil.example";

/// Asks as a browser does before a page of this origin may post.
pub(super) async fn preflight(serving: &Serving, origin: &[u8]) -> (u16, String) {
    let answer = serving
        .anonymous()
        .raw(Method::OPTIONS, &serving.url("/graphql"))
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .send()
        .await
        .expect("an answer");
    let allowed = answer
        .headers()
        .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN);
    let status = answer.status().as_u16();
    assert_eq!(allowed, status == 200);
    (status, answer.text().await.expect("text"))
}

#[tokio::test]
async fn a_refused_origin_is_told_with_the_settings_name() {
    for allowed in [None, Some("https://app.example.org")] {
        let home = Home::new(StoreKind::Embedded).await;
        let launch = home.launch();
        let serving = match allowed {
            Some(origin) => launch.env("ALLOWED_ORIGINS", origin).serves().await,
            None => launch.serves().await,
        };
        let long = format!("https://{}.example", "x".repeat(5_000));
        for origin in [EVIL.as_bytes(), b"bad\t\"\xff", long.as_bytes()] {
            let (status, sentence) = preflight(&serving, origin).await;
            assert_eq!(status, 403);
            assert!(sentence.contains("ALLOWED_ORIGINS"), "{sentence}");
        }
        let headers = [
            ("sec-websocket-protocol", "graphql-transport-ws"),
            ("origin", EVIL),
        ];
        let Err(Error::Http(refused)) = Ws::open_with(serving.address, &headers).await else {
            panic!("let in");
        };
        let sentence = String::from_utf8_lossy(refused.body().as_deref().unwrap_or_default());
        assert!(sentence.contains("ALLOWED_ORIGINS"), "{sentence}");
        if let Some(origin) = allowed {
            assert_eq!(preflight(&serving, origin.as_bytes()).await.0, 200);
        }
        serving.signal("-TERM");
        let log = serving.ended().await.stderr;
        let about = |what: &str, origin: &str| {
            let lines = log.lines().filter(|line| {
                line.contains(&format!("refused a {what}: the setting ALLOWED_ORIGINS"))
                    && line.contains(&format!("origin=\"{origin}"))
            });
            lines.count()
        };
        assert_eq!(
            about("CORS preflight", "https://evil.example\""),
            1,
            "{log}"
        );
        assert_eq!(about("WebSocket", "https://evil.example\""), 1, "{log}");
        assert_eq!(about("CORS preflight", "https://xxx"), 1, "{log}");
        assert_eq!(about("CORS preflight", r"bad\t"), 1, "{log}");
        assert!(!log.contains('\u{1b}'), "{log}");
        assert!(log.lines().all(|line| line.len() < 1_000), "{log}");
        let friend = about("CORS preflight", "https://app.example.org\"");
        assert_eq!(friend, 0, "{log}");
    }
}
