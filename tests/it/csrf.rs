//! What pages of other sites can make a browser do here: nothing.

use reqwest::{Method, RequestBuilder, Response, header};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Client, TestApp, json as at, raw, store::StoreKind, ws::Ws};

const EVIL: &str = "https://evil.example";
const FRIEND: &str = "https://app.example.org";

async fn app() -> TestApp {
    TestApp::with(StoreKind::Embedded, |config| {
        config.http.allowed_origins = vec![FRIEND.parse().expect("an origin")];
    })
    .await
}

fn cookie(client: &Client) -> String {
    format!(
        "chinwag_session={}",
        client.token.as_deref().expect("a token")
    )
}

/// A query by GET with the cookie, as a link or an image on another page makes a browser send it.
fn get(app: &TestApp, client: &Client) -> RequestBuilder {
    let mut url = reqwest::Url::parse(&app.url("/graphql")).expect("a URL");
    url.query_pairs_mut()
        .append_pair("query", "{ me { username } }");
    app.anonymous()
        .raw(Method::GET, url.as_str())
        .header(header::COOKIE, cookie(client))
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn who(request: RequestBuilder) -> Value {
    let response = send(request).await;
    assert_eq!(response.status(), 200);
    at(&response.json().await.expect("JSON"), "data.me.username")
}

fn header_of<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test]
async fn forms_cannot_post() {
    let app = app().await;
    let ann = app.user("ann").await;
    let body = json!({ "query": "mutation { logout }" }).to_string();
    let form = "query=mutation+%7B+logout+%7D";
    let multipart = format!(
        "--x\r\nContent-Disposition: form-data; name=\"operations\"\r\n\r\n{body}\r\n\
         --x\r\nContent-Disposition: form-data; name=\"map\"\r\n\r\n{{}}\r\n--x--\r\n"
    );
    for (media_type, body) in [
        (Some("text/plain"), body.as_str()),
        (Some("text/plain; application/json"), body.as_str()),
        (Some("application/x-www-form-urlencoded"), form),
        (Some("application/x-www-form-urlencoded"), body.as_str()),
        (Some("multipart/form-data; boundary=x"), multipart.as_str()),
        (None, body.as_str()),
    ] {
        let mut request = app
            .anonymous()
            .raw(Method::POST, &app.url("/graphql"))
            .header(header::COOKIE, cookie(&ann))
            .header(header::ORIGIN, EVIL)
            .body(body.to_owned());
        if let Some(media_type) = media_type {
            request = request.header(header::CONTENT_TYPE, media_type);
        }
        let response = send(request).await;
        assert_eq!(response.status(), 415, "{media_type:?}");
        assert!(response.headers().get(header::SET_COOKIE).is_none());
    }
    let query = "/graphql?query=mutation+%7B+logout+%7D";
    let request = app.anonymous().raw(Method::GET, &app.url(query));
    assert_eq!(
        send(request.header(header::COOKIE, cookie(&ann)))
            .await
            .status(),
        405
    );
    assert_eq!(
        ann.ok("{ me { username } }", json!({})).await["me"]["username"],
        "ann",
        "nothing was done"
    );
}

#[tokio::test]
async fn links_of_other_sites_read_nothing() {
    let app = app().await;
    let ann = app.user("ann").await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("origin", EVIL),
        ("origin", "null"),
        ("origin", "http://localhost.evil.example"),
        ("origin", "https://app.example.org.evil.example"),
        ("origin", "http://app.example.org"),
    ] {
        let response = send(get(&app, &ann).header(name, value)).await;
        assert_eq!(response.status(), 403, "{name}: {value}");
        let reply = response.json::<Value>().await.expect("JSON");
        assert_eq!(at(&reply, "errors.0.extensions.code"), "BAD_REQUEST");
        assert!(reply.get("data").is_none());
    }
    for harmless in [
        "accept-language",
        "x-forwarded-for",
        "x-request-id",
        "dnt",
        "sec-gpc",
    ] {
        let request = get(&app, &ann)
            .header("sec-fetch-site", "cross-site")
            .header(harmless, "1");
        assert_eq!(
            send(request).await.status(),
            403,
            "{harmless} is no page's own"
        );
    }
}

#[tokio::test]
async fn whoever_a_browser_asked_first_or_who_is_no_browser_reads() {
    let app = app().await;
    let ann = app.user("ann").await;
    assert_eq!(who(get(&app, &ann)).await, "ann");
    let own = format!("http://{}", app.address);
    for (name, value) in [
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "none"),
        ("origin", FRIEND),
        ("origin", own.as_str()),
    ] {
        assert_eq!(
            who(get(&app, &ann).header(name, value)).await,
            "ann",
            "{name}: {value}"
        );
    }
    for (name, value) in [
        ("apollo-require-preflight", "true"),
        ("x-apollo-operation-name", "Me"),
        ("x-requested-with", "fetch"),
        ("graphql-preflight", "1"),
    ] {
        let request = get(&app, &ann)
            .header("sec-fetch-site", "cross-site")
            .header(header::ORIGIN, EVIL);
        assert_eq!(
            who(request.header(name, value)).await,
            "ann",
            "{name} takes a preflight"
        );
    }
    let bearer = format!("Bearer {}", ann.token.as_deref().expect("a token"));
    let request = get(&app, &ann)
        .header("sec-fetch-site", "cross-site")
        .header(header::AUTHORIZATION, bearer);
    assert_eq!(
        who(request).await,
        "ann",
        "the cookie is not what lets it in"
    );
    let nobody = app.anonymous().raw(
        Method::GET,
        &app.url("/graphql?query=%7Bme%7Busername%7D%7D"),
    );
    let nobody = nobody
        .header("sec-fetch-site", "cross-site")
        .header(header::ORIGIN, EVIL);
    assert_eq!(who(nobody).await, Value::Null, "there is nothing to steal");
}

#[tokio::test]
async fn preflights_let_allowed_origins_in_and_no_others() {
    let app = app().await;
    let preflight = |origin: &str| {
        app.anonymous()
            .raw(Method::OPTIONS, &app.url("/graphql"))
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
            .header(
                header::ACCESS_CONTROL_REQUEST_HEADERS,
                "content-type,authorization,x-mine",
            )
    };
    let response = send(preflight(FRIEND)).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header_of(&response, "access-control-allow-origin"), FRIEND);
    assert_eq!(
        header_of(&response, "access-control-allow-credentials"),
        "true"
    );
    assert!(header_of(&response, "access-control-allow-methods").contains("POST"));
    assert_eq!(
        header_of(&response, "access-control-allow-headers"),
        "content-type,authorization,x-mine"
    );
    assert!(
        header_of(&response, "vary")
            .to_lowercase()
            .contains("origin")
    );
    for origin in [
        EVIL,
        "null",
        "http://app.example.org",
        "https://app.example.org:444",
        "https://app.example.org.evil.example",
    ] {
        let response = send(preflight(origin)).await;
        assert_eq!(
            header_of(&response, "access-control-allow-origin"),
            "",
            "{origin}"
        );
        assert!(
            header_of(&response, "vary")
                .to_lowercase()
                .contains("origin"),
            "{origin}"
        );
    }
    let ann = app.user("ann").await;
    for (origin, allowed) in [(FRIEND, FRIEND), (EVIL, "")] {
        let response = send(
            ann.request("{ me { id } }", json!({}))
                .header(header::ORIGIN, origin),
        )
        .await;
        assert_eq!(response.status(), 200);
        assert_eq!(header_of(&response, "access-control-allow-origin"), allowed);
        assert!(
            header_of(&response, "vary")
                .to_lowercase()
                .contains("origin")
        );
    }
    let response = send(
        ann.request("{ me { id } }", json!({}))
            .header(header::ORIGIN, FRIEND),
    )
    .await;
    assert_eq!(
        header_of(&response, "access-control-allow-credentials"),
        "true"
    );
    assert!(header_of(&response, "access-control-expose-headers").contains("x-request-id"));

    let alone = TestApp::start(StoreKind::Embedded).await;
    let response = send(
        alone
            .anonymous()
            .request("{ me { id } }", json!({}))
            .header(header::ORIGIN, FRIEND),
    )
    .await;
    assert!(
        response
            .headers()
            .keys()
            .all(|name| !name.as_str().starts_with("access-control"))
    );
}

#[tokio::test]
async fn sockets_of_other_sites_are_refused_at_the_upgrade() {
    let app = app().await;
    let ann = app.user("ann").await;
    let open = |origin: &str| {
        let (origin, cookie, address) = (origin.to_owned(), cookie(&ann), app.address);
        async move {
            let protocol = ("sec-websocket-protocol", "graphql-transport-ws");
            let headers = [
                protocol,
                ("cookie", cookie.as_str()),
                ("origin", origin.as_str()),
            ];
            Ws::open_with(address, &headers).await
        }
    };
    for origin in [
        EVIL,
        "null",
        "http://localhost",
        "https://127.0.0.1",
        "http://app.example.org",
    ] {
        let Err(Error::Http(response)) = open(origin).await else {
            panic!("{origin} got in")
        };
        assert_eq!(response.status(), 403, "{origin}");
    }
    let own = format!("http://{}", app.address);
    for origin in [FRIEND, own.as_str()] {
        let (mut socket, _) = open(origin).await.expect("a socket");
        socket.init(json!({})).await;
        socket
            .subscribe("1", "{ me { username } }", json!({}))
            .await;
        assert_eq!(
            socket.event("1").await["me"]["username"],
            "ann",
            "by the cookie"
        );
    }
}

#[tokio::test]
async fn only_trusted_proxies_say_what_the_page_was_loaded_by() {
    for (trusted, expected) in [
        (vec!["127.0.0.1/32"], 200),
        (vec!["10.0.0.0/8"], 403),
        (vec![], 403),
    ] {
        let app = TestApp::with(StoreKind::Embedded, |config| {
            config.http.trusted_proxies = trusted
                .iter()
                .map(|one| one.parse().expect("a network"))
                .collect();
        })
        .await;
        let ann = app.user("ann").await;
        let request = |proto: &str, origin: &str| {
            format!(
                "GET /graphql?query=%7Bme%7Bid%7D%7D HTTP/1.1\r\nHost: chat.example.org\r\nConnection: close\r\n\
                 Cookie: {}\r\nOrigin: {origin}\r\nX-Forwarded-Proto: {proto}\r\n\r\n",
                cookie(&ann)
            )
        };
        let status = |text: String| text[9..12].parse::<u16>().expect("a status");
        let by_proxy =
            raw::exchange(app.address, &request("https", "https://chat.example.org")).await;
        assert_eq!(status(by_proxy), expected, "{trusted:?}");
        let plain = raw::exchange(app.address, &request("http", "http://chat.example.org")).await;
        assert_eq!(status(plain), 200, "{trusted:?}");
        let evil = raw::exchange(app.address, &request("https", EVIL)).await;
        assert_eq!(status(evil), 403, "{trusted:?}");
    }
}
