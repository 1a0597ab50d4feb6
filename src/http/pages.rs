//! The web pages that the server brings along, embedded by `build.rs` from the folders beside this file.
//!
//! A page's `index.html` is served where the router says; its other files live under `/assets/<page>/`.

use std::io::{self, Read};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::read::GzDecoder;

use crate::domain::AvatarHosts;

include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// One file of a page.
struct Asset {
    /// `<page>/<file>`.
    path: &'static str,
    content_type: &'static str,
    /// Whether `body` is gzipped.
    gzipped: bool,
    /// Whether the name changes with the content, so that a browser may keep it for good.
    immutable: bool,
    etag: &'static str,
    body: &'static [u8],
}

impl Asset {
    fn is_html(&self) -> bool {
        self.content_type.starts_with("text/html")
    }
}

/// Serves what the pages load: `/assets/<page>/<file>`.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{*path}", get(serve))
}

/// GraphiQL, or the small page of our own when the build was without npm.
///
/// Belongs at `/graphql`, which both pages talk to. Neither shows pictures, so neither may load any from elsewhere.
#[must_use]
pub fn graphiql() -> Response {
    let name = if GRAPHIQL_BUNDLED {
        "graphiql"
    } else {
        "fallback"
    };
    let index = find(&format!("{name}/index.html")).map_or(&[][..], |index| index.body);
    // GraphiQL's editor sets styles inline.
    let more = "style-src 'self' 'unsafe-inline'; img-src 'self' data:";
    page(Bytes::from_static(index), more)
}

/// The chat page, for `/`.
pub struct ChatPage {
    html: Bytes,
    policy: String,
}

/// Where the page reads whose pictures it may show.
const AVATAR_HOSTS: &str = r#"<meta name="avatar-hosts" content="" />"#;

impl ChatPage {
    /// The page, which shows pictures from these hosts. To load one tells its host who looks, and when.
    #[must_use]
    pub fn new(avatar_hosts: &AvatarHosts) -> Self {
        let index = find("chat/index.html").map_or(&[][..], |index| index.body);
        let told = AVATAR_HOSTS.replace("\"\"", &format!("\"{avatar_hosts}\""));
        let html = String::from_utf8_lossy(index).replace(AVATAR_HOSTS, &told);
        let sources = if avatar_hosts.are_any() {
            "http: https:".to_owned()
        } else {
            avatar_hosts.to_string()
        };
        Self {
            html: html.into(),
            policy: format!("style-src 'self'; img-src 'self' {sources}"),
        }
    }

    /// The answer to a request for it.
    pub fn serve(&self) -> Response {
        page(self.html.clone(), &self.policy)
    }
}

/// A page's HTML, allowed to run its own files and to talk to this server, and what `more` allows (directives of a
/// Content-Security-Policy), and nothing else. No script is inline.
fn page(html: Bytes, more: &str) -> Response {
    let policy = format!(
        "default-src 'self'; {more}; object-src 'none'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy.as_str()),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept"),
    ];
    (headers, html).into_response()
}

async fn serve(Path(path): Path<String>, request: HeaderMap) -> Response {
    // A page's HTML only goes out with its policy.
    let Some(asset) = find(&path).filter(|asset| !asset.is_html()) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keep = if asset.immutable {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = [
        (header::CONTENT_TYPE, asset.content_type),
        (header::CACHE_CONTROL, keep),
        (header::ETAG, asset.etag),
        (header::VARY, "accept-encoding"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    if request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known == asset.etag)
    {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    if !asset.gzipped {
        return (headers, asset.body).into_response();
    }
    if accepts_gzip(&request) {
        return (headers, [(header::CONTENT_ENCODING, "gzip")], asset.body).into_response();
    }
    match tokio::task::spawn_blocking(|| unzip(asset.body)).await {
        Ok(Ok(body)) => (headers, body).into_response(),
        _ => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

/// Every browser does; a plain `curl` does not.
fn accepts_gzip(request: &HeaderMap) -> bool {
    request
        .get_all(header::ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused = weight
                .trim()
                .strip_prefix("q=")
                .and_then(|q| q.parse().ok())
                == Some(0.0);
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
}

fn unzip(gzipped: &[u8]) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    GzDecoder::new(gzipped).read_to_end(&mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, header};
    use tower::ServiceExt;

    use super::*;

    async fn get(path: &str, coding: &str) -> Response {
        let request = Request::get(format!("/assets/{path}"))
            .header(header::ACCEPT_ENCODING, coding)
            .body(Body::empty())
            .expect("a valid request");
        let Ok(response) = router().with_state(()).oneshot(request).await;
        response
    }

    #[test]
    fn ci_builds_the_real_graphiql() {
        // Elsewhere a build without npm is a build all the same.
        assert!(GRAPHIQL_BUNDLED || std::env::var_os("CI").is_none());
    }

    #[tokio::test]
    async fn every_asset_reaches_clients_with_and_without_gzip() {
        for asset in ASSETS.iter().filter(|asset| !asset.is_html()) {
            let zipped = get(asset.path, "br, GZIP;q=0.5").await;
            let plain = get(asset.path, "br, gzip;q=0").await;
            let coding = zipped.headers().get(header::CONTENT_ENCODING);
            assert_eq!(coding.is_some_and(|coding| coding == "gzip"), asset.gzipped);
            assert!(plain.headers().get(header::CONTENT_ENCODING).is_none());
            let zipped = to_bytes(zipped.into_body(), usize::MAX)
                .await
                .expect("a body");
            let plain = to_bytes(plain.into_body(), usize::MAX)
                .await
                .expect("a body");
            if asset.gzipped {
                assert_eq!(unzip(&zipped).expect("gzip"), plain);
            } else {
                assert_eq!(zipped, plain);
            }
        }
    }

    #[tokio::test]
    async fn html_goes_out_with_its_policy_only() {
        assert_eq!(
            get("fallback/index.html", "gzip").await.status(),
            StatusCode::NOT_FOUND
        );
        for page in [graphiql(), ChatPage::new(&AvatarHosts::default()).serve()] {
            assert_eq!(page.status(), StatusCode::OK);
            let policy = &page.headers()[header::CONTENT_SECURITY_POLICY];
            let policy = policy.to_str().expect("ASCII");
            assert!(
                policy.starts_with("default-src 'self';") && !policy.contains("script-src"),
                "{policy}"
            );
        }
    }

    #[test]
    fn pages_name_only_addresses_of_this_server_and_assets_that_exist() {
        for page in ASSETS.iter().filter(|asset| asset.is_html()) {
            let html = std::str::from_utf8(page.body).expect("UTF-8");
            let addresses = html
                .split([' ', '>'])
                .filter_map(|word| word.strip_prefix("href=\"").or(word.strip_prefix("src=\"")))
                .filter(|address| !address.starts_with("data:") && !address.starts_with('#'));
            for address in addresses {
                let address = address.trim_end_matches('"');
                let path = address.strip_prefix("/assets/");
                let here = address.starts_with('/') && !address.starts_with("//");
                assert!(
                    here && path.is_none_or(|path| find(path).is_some()),
                    "{}: {address}",
                    page.path
                );
            }
        }
    }
}
