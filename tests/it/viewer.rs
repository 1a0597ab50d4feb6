//! All tabs of a browser share its newest cookie: a request that was made for someone else changes nothing.

use reqwest::{RequestBuilder, header};
use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{Client, TestApp, json as at, store::StoreKind, ws::Ws},
};

const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { user { id } } }";
const ME: &str = "{ me { id } }";
const LISTEN: &str = "subscription { newMessage { message { body } } }";

fn cookie(client: &Client) -> String {
    format!(
        "chinwag_session={}",
        client.token.as_deref().expect("a token")
    )
}

/// A request of a page that believes this id to be signed in, in the browser that `signed_in` has logged in last.
fn request(app: &TestApp, signed_in: &Client, believed: &str, document: &str) -> RequestBuilder {
    with_input(app, signed_in, believed, document, json!(null))
}

fn with_input(
    app: &TestApp,
    signed_in: &Client,
    believed: &str,
    document: &str,
    input: Value,
) -> RequestBuilder {
    let variables = json!({ "input": input });
    app.anonymous()
        .request(document, variables)
        .header(header::COOKIE, cookie(signed_in))
        .header("viewer", believed)
}

/// Sends it: the status and the answer.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response = request.send().await.expect("an answer");
    assert!(
        response.headers().get(header::SET_COOKIE).is_none(),
        "no cookie comes of it"
    );
    let status = response.status().as_u16();
    (status, response.json().await.expect("JSON"))
}

/// That nothing ran, since someone else is signed in.
fn assert_refused(reply: &Value) {
    assert_eq!(at(reply, "errors.0.extensions.code"), "VIEWER_CHANGED");
    assert!(reply.get("data").is_none(), "{reply}");
}

on_both_stores!(a_page_that_another_has_logged_in_beside_changes_nothing);

async fn a_page_that_another_has_logged_in_beside_changes_nothing(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, carla) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("carla").await,
    );
    let to_ann = json!({ "to": { "userId": ann.id }, "body": "Hello" });
    let (status, reply) = answer(with_input(&app, &carla, &bob.id, SEND, to_ann.clone())).await;
    assert_eq!(status, 200);
    assert_refused(&reply);
    let login = json!({ "username": "ann", "password": "password1" });
    assert_refused(
        &answer(with_input(&app, &carla, &bob.id, LOGIN, login))
            .await
            .1,
    );
    assert_refused(&answer(request(&app, &carla, &bob.id, ME)).await.1);
    assert_refused(
        &answer(request(&app, &carla, &bob.id, "mutation { logout }"))
            .await
            .1,
    );

    let lists = "{ conversations { nodes { id } } }";
    for person in [&ann, &bob, &carla] {
        let listed = person.ok(lists, json!({})).await;
        assert_eq!(listed["conversations"]["nodes"], json!([]));
    }
    let (_, sent) = answer(with_input(&app, &carla, &carla.id, SEND, to_ann)).await;
    assert!(sent.get("errors").is_none(), "{sent}");
    let listed = ann.ok(lists, json!({})).await;
    assert_eq!(
        listed["conversations"]["nodes"].as_array().map(Vec::len),
        Some(1)
    );
}

#[tokio::test]
async fn it_is_a_request_error_in_every_way_to_ask() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (bob, carla) = (app.user("bob").await, app.user("carla").await);
    let accepting = |document, media_type: &'static str| {
        request(&app, &carla, &bob.id, document).header(header::ACCEPT, media_type)
    };
    let graphql = "application/graphql-response+json";
    for (document, media_type) in [
        (ME, graphql),
        (LISTEN, "text/event-stream"),
        (LISTEN, "multipart/mixed;subscriptionSpec=1.0"),
    ] {
        let (status, reply) = answer(accepting(document, media_type)).await;
        assert_eq!(status, 400, "{media_type}");
        assert_refused(&reply);
    }
    let mut url = reqwest::Url::parse(&app.url("/graphql")).expect("a URL");
    url.query_pairs_mut().append_pair("query", ME);
    let get = app
        .anonymous()
        .raw(reqwest::Method::GET, url.as_str())
        .header(header::COOKIE, cookie(&carla))
        .header("viewer", &bob.id);
    assert_refused(&answer(get).await.1);
    // A token says who is signed in just as a cookie does.
    let by_token = carla.request(ME, json!({})).header("viewer", &bob.id);
    assert_refused(&answer(by_token).await.1);
    for strange in ["bob", "nobody at all", &"x".repeat(1_000)] {
        assert_refused(&answer(request(&app, &carla, strange, ME)).await.1);
    }
    let bytes = header::HeaderValue::from_bytes(b"\xff").expect("a header");
    let not_text = carla.request(ME, json!({})).header("viewer", bytes);
    assert_refused(&answer(not_text).await.1);
}

#[tokio::test]
async fn whoever_is_right_or_says_nothing_or_meets_nobody_is_answered_as_ever() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (bob, carla) = (app.user("bob").await, app.user("carla").await);
    for believed in [carla.id.as_str(), ""] {
        let (_, reply) = answer(request(&app, &carla, believed, ME)).await;
        assert_eq!(at(&reply, "data.me.id"), carla.id.as_str());
    }
    carla.ok("mutation { logout }", json!({})).await;
    let (_, nobody) = answer(request(&app, &carla, &bob.id, ME)).await;
    assert_eq!(nobody, json!({ "data": { "me": null } }));
    let (_, nobody) = answer(request(&app, &carla, &bob.id, "{ streamCursor }")).await;
    assert_eq!(at(&nobody, "errors.0.extensions.code"), "UNAUTHENTICATED");
    let login = json!({ "username": "carla", "password": "password1" });
    let back = app
        .anonymous()
        .request(LOGIN, json!({ "input": login }))
        .header("viewer", &bob.id);
    let back = back.send().await.expect("an answer").json::<Value>().await;
    assert_eq!(
        at(&back.expect("JSON"), "data.login.user.id"),
        carla.id.as_str()
    );
}

#[tokio::test]
async fn a_socket_of_the_wrong_person_is_closed_before_it_tells_anything() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let (bob, carla) = (app.user("bob").await, app.user("carla").await);
    let greeting = |viewer: Value, token: &Option<String>| json!({ "type": "connection_init", "payload": { "viewer": viewer, "token": token } });
    for viewer in [json!(bob.id), json!(7), json!({ "id": carla.id })] {
        let mut socket = Ws::open(app.address).await;
        socket.send(greeting(viewer, &carla.token)).await;
        let closed = (4403, "VIEWER_CHANGED".to_owned());
        assert_eq!(socket.closed_with().await, closed);
    }
    // The cookie of the upgrade is what a reconnecting page finds changed.
    let cookie = cookie(&carla);
    let with_cookie = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("cookie", cookie.as_str()),
    ];
    let opened = Ws::open_with(app.address, &with_cookie).await;
    let (mut socket, _) = opened.expect("a socket");
    socket.send(greeting(json!(bob.id), &None)).await;
    let closed = (4403, "VIEWER_CHANGED".to_owned());
    assert_eq!(socket.closed_with().await, closed);

    for viewer in [json!(carla.id), json!(""), json!(null)] {
        let mut socket = Ws::open(app.address).await;
        socket
            .init(json!({ "viewer": viewer, "token": carla.token }))
            .await;
        let me = socket.ask("1", ME, json!({})).await;
        assert_eq!(at(&me, "data.me.id"), carla.id.as_str());
    }
    let mut nobody = Ws::open(app.address).await;
    nobody.init(json!({ "viewer": bob.id })).await;
    let me = nobody.ask("1", ME, json!({})).await;
    assert_eq!(me, json!({ "data": { "me": null } }));
}

#[tokio::test]
async fn pages_of_other_origins_may_say_it_too() {
    let friend = "https://app.example.org";
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.http.allowed_origins = vec![friend.parse().expect("an origin")];
    })
    .await;
    let preflight = app
        .anonymous()
        .raw(reqwest::Method::OPTIONS, &app.url("/graphql"))
        .header(header::ORIGIN, friend)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST")
        .header(
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            "content-type,viewer",
        );
    let allowed = preflight.send().await.expect("an answer");
    let headers = &allowed.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS];
    assert!(headers.to_str().expect("text").contains("viewer"));
}
