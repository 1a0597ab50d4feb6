//! Where someone is signed in.

use reqwest::header;
use serde_json::{Value, json};

use super::{LOGIN, cookie, field, me, signup};
use crate::{
    on_both_stores,
    support::{Client, TestApp, eventually, json as at, store::StoreKind},
};

const SESSIONS: &str =
    "{ sessions { id device createdAt lastUsedAt expiresAt current __typename } }";
const REVOKE: &str = "mutation($id: ID!) { revokeSession(id: $id) }";
const NODE: &str = "query($id: ID!) { node(id: $id) { id ... on Session { device current } } }";

on_both_stores!(
    sessions_are_listed_with_their_devices_the_newest_first,
    a_revoked_session_is_over_at_once,
    revoking_the_current_session_is_a_logout,
    only_ones_own_live_sessions_are_there,
);

/// Signs ann in from a device.
async fn from_device(app: &TestApp, device: &str) -> Client {
    let nobody = app.anonymous();
    let response = nobody
        .request(LOGIN, signup("ann", "password1"))
        .header(header::USER_AGENT, device)
        .send()
        .await
        .expect("an answer");
    let reply = response.json::<Value>().await.expect("JSON");
    let token = at(&reply, "data.login.token");
    nobody.with_token(token.as_str().expect("a token"))
}

async fn sessions(client: &Client) -> Vec<Value> {
    let data = client.ok(SESSIONS, json!({})).await;
    data["sessions"].as_array().expect("a list").clone()
}

/// The id of the session that a client uses.
async fn current(client: &Client) -> Value {
    let sessions = sessions(client).await;
    let current = sessions.iter().filter(|one| one["current"] == true);
    let ids = current.map(|one| one["id"].clone()).collect::<Vec<_>>();
    assert_eq!(ids.len(), 1, "{sessions:?}");
    ids[0].clone()
}

async fn sessions_are_listed_with_their_devices_the_newest_first(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    app.user("bob").await;
    let phone = from_device(&app, "Phone/1.0 (é)").await;
    from_device(&app, &"x".repeat(300)).await;
    let listed = sessions(&phone).await;
    let devices = listed.iter().map(|one| one["device"].clone());
    let expected = [json!("x".repeat(200)), json!("Phone/1.0 (é)"), Value::Null];
    assert_eq!(devices.collect::<Vec<_>>(), expected);
    let is_current = listed.iter().map(|one| one["current"] == true);
    assert_eq!(is_current.collect::<Vec<_>>(), [false, true, false]);
    for session in &listed {
        let instant = |name: &str| session[name].as_str().expect("an instant").to_owned();
        let created = instant("createdAt");
        assert!(instant("lastUsedAt") >= created && instant("expiresAt") > created);
        let id = session["id"].as_str().expect("an id");
        assert!(id.starts_with("sess_") && session["__typename"] == "Session");
        let node = ann.ok(NODE, json!({ "id": id })).await["node"].clone();
        assert_eq!(node["id"], session["id"]);
        assert_eq!(node["device"], session["device"]);
    }
    // A login over a socket is one from the socket's device.
    let headers = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("user-agent", "Tablet/2.0"),
    ];
    let opened = crate::support::ws::Ws::open_with(app.address, &headers).await;
    let (mut socket, _) = opened.expect("a socket");
    socket.init(json!({})).await;
    socket.ask("1", LOGIN, signup("ann", "password1")).await;
    assert_eq!(sessions(&ann).await[0]["device"], "Tablet/2.0");
    app.stop().await;
}

async fn a_revoked_session_is_over_at_once(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (here, there) = (app.user("ann").await, app.user("bob").await);
    let lost = here.sign_in_again().await;
    let (id, mut socket) = (current(&lost).await, app.socket(&lost).await);
    let mut mine = app.socket(&here).await;
    let response = here
        .request(REVOKE, json!({ "id": id }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(cookie(&response), None, "this one goes on");
    let reply = response.json::<Value>().await.expect("JSON");
    assert_eq!(reply, json!({ "data": { "revokeSession": true } }));
    assert_eq!(socket.closed().await, Some(4403));
    assert_eq!(me(&lost).await, Value::Null);
    assert_eq!(me(&here).await, "ann");
    assert_eq!(me(&there).await, "bob");
    mine.settle().await;
    assert_eq!(sessions(&here).await.len(), 1);
    let error = here.fails("NOT_FOUND", REVOKE, json!({ "id": id })).await;
    assert_eq!(field(&error), "id");
    if let StoreKind::Mongo = kind {
        let other = app.beside(|_| {}).await;
        let lost = here.sign_in_again().await;
        let elsewhere = lost.at(other.url("/graphql"));
        let mut socket = other.socket(&lost).await;
        let id = current(&elsewhere).await;
        here.ok(REVOKE, json!({ "id": id })).await;
        assert_eq!(socket.closed().await, Some(4403));
        eventually("the other process knows", async || {
            me(&elsewhere).await == Value::Null
        })
        .await;
        other.stop().await;
    }
    app.stop().await;
}

async fn revoking_the_current_session_is_a_logout(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    let id = current(&ann).await;
    let response = ann
        .request(REVOKE, json!({ "id": id }))
        .send()
        .await
        .expect("an answer");
    assert_eq!(cookie(&response).as_deref(), Some("chinwag_session="));
    let reply = response.json::<Value>().await.expect("JSON");
    assert_eq!(reply, json!({ "data": { "revokeSession": true } }));
    assert_eq!(me(&ann).await, Value::Null);
    assert_eq!(socket.closed().await, Some(4403));

    let ann = ann.sign_in_again().await;
    let (id, mut socket) = (current(&ann).await, app.socket(&ann).await);
    let answer = socket.ask("1", REVOKE, json!({ "id": id })).await;
    assert_eq!(answer, json!({ "data": { "revokeSession": true } }));
    assert_eq!(socket.closed().await, Some(4403));
    app.stop().await;
}

async fn only_ones_own_live_sessions_are_there(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let id = current(&ann).await;
    let text = id.as_str().expect("an id");
    for nothing in [
        text.to_owned(),
        text.replace("sess_", "user_"),
        text.to_uppercase(),
        "sess_01h455vb4pex5vsknk084sn02q".to_owned(),
        bob.id.clone(),
        String::new(),
    ] {
        let variables = json!({ "id": nothing });
        let error = bob.fails("NOT_FOUND", REVOKE, variables.clone()).await;
        assert_eq!(field(&error), "id");
        if nothing != bob.id {
            let node = bob.ok(NODE, variables).await["node"].clone();
            assert_eq!(node, Value::Null, "{nothing}");
        }
    }
    assert_eq!(me(&ann).await, "ann");
    ann.ok("mutation { logout }", json!({})).await;
    let ann = ann.sign_in_again().await;
    assert_eq!(ann.ok(NODE, json!({ "id": id })).await["node"], Value::Null);
    assert_eq!(sessions(&ann).await.len(), 1);
    app.anonymous()
        .fails("UNAUTHENTICATED", SESSIONS, json!({}))
        .await;
    app.stop().await;
}
