//! Who a request is from: tokens, the header, the cookie.

use async_graphql::parser::types::OperationType;
use reqwest::{Response, header};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::support::{Client, TestApp, json as at, jwt::signed, schema, store::StoreKind};

const SECRET: &str = "a secret of at least thirty-two bytes!!";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";
const ME: &str = "{ me { username } }";

async fn app() -> TestApp {
    TestApp::with(StoreKind::Embedded, |config| {
        config.jwt_secrets = Some(vec![SecretString::from(SECRET)]);
    })
    .await
}

/// Who the server takes a request with these headers for.
async fn who(app: &TestApp, headers: &[(&str, String)]) -> Value {
    let mut request = app.anonymous().request(ME, json!({}));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let reply = request
        .send()
        .await
        .expect("an answer")
        .json::<Value>()
        .await
        .expect("JSON");
    assert!(reply.get("errors").is_none(), "{reply}");
    at(&reply, "data.me.username")
}

/// The cookie that an answer sets: its name, its value, and its attributes in lower case and order.
fn cookie(response: &Response) -> (String, String, Vec<String>) {
    let mut all = response.headers().get_all(header::SET_COOKIE).iter();
    let text = all
        .next()
        .expect("a cookie")
        .to_str()
        .expect("text")
        .to_owned();
    assert!(all.next().is_none(), "one cookie");
    let mut parts = text.split("; ").map(str::to_owned);
    let (name, value) = parts
        .next()
        .and_then(|pair| {
            pair.split_once('=')
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        })
        .expect("a pair");
    let mut attributes = parts.map(|part| part.to_lowercase()).collect::<Vec<_>>();
    attributes.sort();
    (name, value, attributes)
}

async fn send(client: &Client, document: &str, variables: Value) -> Response {
    client
        .request(document, variables)
        .send()
        .await
        .expect("an answer")
}

#[tokio::test]
async fn whatever_is_not_a_live_token_of_ours_counts_as_none() {
    let app = app().await;
    let ann = app.user("ann").await;
    let token = ann.token.clone().expect("a token");
    let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("{token}")
    };
    let text = |part: &str| String::from_utf8(base64_url(part)).expect("text");
    let payload = serde_json::from_str::<Value>(&text(claims)).expect("JSON");
    assert_eq!(
        serde_json::from_str::<Value>(&text(head)).expect("JSON")["alg"],
        "HS256"
    );
    assert_eq!(
        who(
            &app,
            &[(
                "authorization",
                format!("Bearer {}", signed("HS256", SECRET, &payload))
            )]
        )
        .await,
        "ann"
    );
    let mut expired = payload.clone();
    expired["exp"] = json!(1_000_000_000);
    let mut endless = payload.clone();
    endless.as_object_mut().expect("claims").remove("exp");
    let mut other = payload.clone();
    other["sid"] = json!(uuid::Uuid::new_v4().to_string());
    let none = format!("eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}");
    for bad in [
        signed("HS256", "another secret of thirty-two bytes!!!", &payload),
        signed("HS384", SECRET, &payload),
        signed("HS512", SECRET, &payload),
        signed("HS256", SECRET, &expired),
        signed("HS256", SECRET, &endless),
        signed("HS256", SECRET, &other),
        signed("HS256", SECRET, &json!({ "exp": payload["exp"] })),
        signed(
            "HS256",
            SECRET,
            &json!({ "exp": payload["exp"], "iat": 0, "sid": { "$ne": null } }),
        ),
        signed("HS256", "", &payload),
        format!("{none}."),
        format!("{none}.{signature}"),
        format!("{head}.{claims}"),
        format!("{head}.{claims}."),
        format!("{head}.{}.{signature}", claims.to_uppercase()),
        "x".to_owned(),
        "null".to_owned(),
        "undefined".to_owned(),
        "x".repeat(10_000),
    ] {
        assert_eq!(me(&ann.with_token(&*bad)).await, Value::Null, "{bad}");
        let cookie = format!("chinwag_session={bad}");
        assert_eq!(who(&app, &[("cookie", cookie)]).await, Value::Null, "{bad}");
        let reply = ann
            .with_token(bad)
            .run("{ onlineUsers { id } }", json!({}))
            .await;
        assert_eq!(at(&reply, "errors.0.extensions.code"), "UNAUTHENTICATED");
    }
    for (scheme, expected) in [
        ("Bearer ", json!("ann")),
        ("bearer ", json!("ann")),
        ("BEARER  ", json!("ann")),
        ("", Value::Null),
        ("Basic ", Value::Null),
        ("Token ", Value::Null),
        ("Bearer", Value::Null),
    ] {
        assert_eq!(
            who(&app, &[("authorization", format!("{scheme}{token}"))]).await,
            expected,
            "{scheme:?}"
        );
    }
}

#[tokio::test]
async fn whoever_is_not_signed_in_gets_nothing() {
    let app = app().await;
    let nobody = app.anonymous();
    let mut asked = Vec::new();
    for call in schema::root_calls() {
        let open = matches!(
            (call.kind, call.field.as_str()),
            (OperationType::Query, "me" | "server") | (OperationType::Mutation, "signup" | "login")
        );
        if open {
            continue;
        }
        let error = if call.kind == OperationType::Subscription {
            let mut socket = crate::support::ws::Ws::open(app.address).await;
            socket.init(json!({})).await;
            socket.subscribe("1", &call.document, json!({})).await;
            let message = socket.next().await;
            assert_eq!(message["type"], "error", "{}: {message}", call.document);
            message["payload"][0].clone()
        } else {
            let reply = nobody.run(&call.document, json!({})).await;
            let data = at(&reply, &format!("data.{}", call.field));
            assert_eq!(data, Value::Null, "{}: {reply}", call.document);
            at(&reply, "errors.0")
        };
        assert_eq!(
            error["extensions"]["code"], "UNAUTHENTICATED",
            "{}: {error}",
            call.document
        );
        asked.push(call.field);
    }
    for field in [
        "sidebarUsers",
        "messages",
        "streamCursor",
        "sendMessage",
        "setTyping",
        "logout",
        "newMessage",
        "typing",
    ] {
        assert!(
            asked.iter().any(|asked| asked == field),
            "{field} is not in {asked:?}"
        );
    }
    assert_eq!(who(&app, &[]).await, Value::Null);
}

#[tokio::test]
async fn signing_in_sets_a_cookie_that_scripts_and_other_sites_do_not_get() {
    for secure in [false, true] {
        let app = TestApp::with(StoreKind::Embedded, |config| {
            config.http.secure_cookies = secure;
        })
        .await;
        let nobody = app.anonymous();
        let input = json!({ "input": { "username": "ann", "password": "password1" } });
        for document in [
            "mutation($input: SignupInput!) { signup(input: $input) { token } }",
            LOGIN,
        ] {
            let response = send(&nobody, document, input.clone()).await;
            let (name, value, mut attributes) = cookie(&response);
            let reply = response.json::<Value>().await.expect("JSON");
            let token = reply["data"]
                .as_object()
                .and_then(|data| data.values().next())
                .expect("data")["token"]
                .clone();
            assert_eq!(token, value);
            let age = attributes
                .iter()
                .position(|part| part.starts_with("max-age="))
                .expect("an age");
            let age = attributes.remove(age)["max-age=".len()..]
                .parse::<u64>()
                .expect("seconds");
            assert!((1_295_900..=1_296_000).contains(&age), "{age} is 15 days");
            let (expected_name, expected) = if secure {
                (
                    "__Host-chinwag_session",
                    vec!["httponly", "path=/", "samesite=lax", "secure"],
                )
            } else {
                (
                    "chinwag_session",
                    vec!["httponly", "path=/", "samesite=lax"],
                )
            };
            assert_eq!(
                (name.as_str(), attributes),
                (
                    expected_name,
                    expected.into_iter().map(str::to_owned).collect()
                )
            );
            assert_eq!(
                who(&app, &[("cookie", format!("a=b; {name}={value}; c=d"))]).await,
                "ann"
            );
            let wrong = if secure {
                "chinwag_session"
            } else {
                "__Host-chinwag_session"
            };
            assert_eq!(
                who(&app, &[("cookie", format!("{wrong}={value}"))]).await,
                Value::Null
            );
        }
        let wrong = json!({ "input": { "username": "ann", "password": "password2" } });
        let response = send(&nobody, LOGIN, wrong).await;
        assert!(response.headers().get(header::SET_COOKIE).is_none());
        let response = send(&nobody, ME, json!({})).await;
        assert!(response.headers().get(header::SET_COOKIE).is_none());
    }
}

#[tokio::test]
async fn logging_out_clears_the_cookie_of_a_session_that_is_over_too() {
    let app = app().await;
    let ann = app.user("ann").await;
    let by_cookie = |token: &str| {
        app.anonymous()
            .request("mutation { logout }", json!({}))
            .header(header::COOKIE, format!("chinwag_session={token}"))
    };
    let token = ann.token.clone().expect("a token");
    for _ in 0..2 {
        let response = by_cookie(&token).send().await.expect("an answer");
        let (name, value, attributes) = cookie(&response);
        assert_eq!((name.as_str(), value.as_str()), ("chinwag_session", ""));
        for part in ["max-age=0", "path=/", "httponly", "samesite=lax"] {
            assert!(
                attributes.iter().any(|attribute| attribute == part),
                "{attributes:?}"
            );
        }
        let reply = response.json::<Value>().await.expect("JSON");
        assert_eq!(reply, json!({ "data": { "logout": true } }));
        assert_eq!(me(&ann).await, Value::Null);
    }
}

#[tokio::test]
async fn the_header_wins_over_the_cookie() {
    let app = app().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let bearer = |client: &Client| {
        (
            "authorization",
            format!("Bearer {}", client.token.as_deref().expect("a token")),
        )
    };
    let cookie = |client: &Client| {
        (
            "cookie",
            format!(
                "chinwag_session={}",
                client.token.as_deref().expect("a token")
            ),
        )
    };
    assert_eq!(who(&app, &[cookie(&ann)]).await, "ann");
    assert_eq!(who(&app, &[cookie(&ann), bearer(&bob)]).await, "bob");
    assert_eq!(
        who(
            &app,
            &[cookie(&ann), ("authorization", "Bearer wrong".into())]
        )
        .await,
        Value::Null
    );
    assert_eq!(
        who(
            &app,
            &[cookie(&ann), ("authorization", "Basic YTpi".into())]
        )
        .await,
        "ann",
        "not for us"
    );
    ann.ok("mutation { logout }", json!({})).await;
    assert_eq!(who(&app, &[cookie(&ann)]).await, Value::Null);
    assert_eq!(
        who(&app, &[cookie(&ann), bearer(&bob)]).await,
        "bob",
        "a stale cookie does not matter"
    );
}

#[tokio::test]
async fn nothing_more_of_a_mutation_runs_for_a_session_that_it_ended() {
    let app = app().await;
    let bob = app.user("bob").await;
    let send = format!(
        "sendMessage(input: {{ to: {{ userId: \"{}\" }}, body: \"hello\" }}) {{ id }}",
        bob.id
    );
    let change = "changePassword(input: { currentPassword: \"password1\", newPassword: \"password2\" }) { token }";
    for (name, end) in [
        ("ann", "logout"),
        ("eve", "logout(everywhere: true)"),
        ("joe", change),
        ("kim", "deleteAccount(password: \"password1\")"),
    ] {
        let who = app.user(name).await;
        let reply = who
            .run(&format!("mutation {{ end: {end} {send} }}"), json!({}))
            .await;
        assert_eq!(at(&reply, "errors.0.path.0"), "sendMessage", "{reply}");
        assert_eq!(at(&reply, "errors.0.extensions.code"), "UNAUTHENTICATED");
    }
    let conversations = bob
        .ok("{ conversations { nodes { id } } }", json!({}))
        .await;
    assert_eq!(at(&conversations, "conversations.nodes"), json!([]));
    app.stop().await;
}

async fn me(client: &Client) -> Value {
    client.ok(ME, json!({})).await["me"]["username"].clone()
}

fn base64_url(text: &str) -> Vec<u8> {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64")
}
