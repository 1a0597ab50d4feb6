//! Sockets end with the session that opened them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{Client, TestApp, store::StoreKind, ws::Ws},
};

const LOGOUT: &str = "mutation { logout }";
const LOGOUT_EVERYWHERE: &str = "mutation { logout(everywhere: true) }";

/// Says hello with this person's token and gives what comes of it.
async fn greeting_of(app: &TestApp, client: &Client) -> Result<Value, Option<u16>> {
    let mut socket = Ws::open(app.address).await;
    let greeting = json!({ "type": "connection_init", "payload": { "token": client.token } });
    socket.send(greeting).await;
    socket.next_or_close().await
}

on_both_stores!(
    logging_out_closes_the_sockets_of_the_session_after_the_answer,
    logging_out_everywhere_closes_all_of_the_users_sockets,
    logging_out_over_http_closes_sockets,
    an_ended_session_opens_no_socket,
    a_socket_is_closed_when_its_session_expires,
);

async fn logging_out_closes_the_sockets_of_the_session_after_the_answer(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let phone = ann.sign_in_again().await;
    let mut own = app.socket(&ann).await;
    let mut tab = app.socket(&ann).await;
    let mut other_session = app.socket(&phone).await;
    let mut other_user = app.socket(&bob).await;
    own.subscribe("1", super::NEW_MESSAGE, json!({})).await;
    tab.subscribe("1", super::NEW_MESSAGE, json!({})).await;
    let answer = own.ask("2", LOGOUT, json!({})).await;
    assert_eq!(answer, json!({ "data": { "logout": true } }));
    for socket in [&mut own, &mut tab] {
        assert_eq!(socket.closed_with().await, (4403, "Forbidden".to_owned()));
    }
    other_session.settle().await;
    other_user.settle().await;
}

async fn logging_out_everywhere_closes_all_of_the_users_sockets(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let phone = ann.sign_in_again().await;
    let (mut first, mut second) = (app.socket(&ann).await, app.socket(&phone).await);
    let mut other_user = app.socket(&bob).await;
    let answer = first.ask("1", LOGOUT_EVERYWHERE, json!({})).await;
    assert_eq!(answer, json!({ "data": { "logout": true } }));
    assert_eq!(first.closed().await, Some(4403));
    assert_eq!(second.closed().await, Some(4403));
    other_user.settle().await;
    assert_eq!(greeting_of(&app, &phone).await, Err(Some(4403)));
    // It ends what there was, not what comes.
    let back = ann.sign_in_again().await;
    app.socket(&back).await.settle().await;
}

async fn logging_out_over_http_closes_sockets(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let (phone, tablet) = (ann.sign_in_again().await, ann.sign_in_again().await);
    let mut sockets = Vec::new();
    for client in [&ann, &phone, &tablet] {
        sockets.push(app.socket(client).await);
    }
    ann.ok(LOGOUT, json!({})).await;
    assert_eq!(sockets[0].closed().await, Some(4403));
    sockets[1].settle().await;
    phone.ok(LOGOUT_EVERYWHERE, json!({})).await;
    assert_eq!(sockets[1].closed().await, Some(4403));
    assert_eq!(sockets[2].closed().await, Some(4403));
}

async fn an_ended_session_opens_no_socket(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let ann = app.user("ann").await;
    let ack = json!({ "type": "connection_ack" });
    assert_eq!(greeting_of(&app, &ann).await, Ok(ack));
    ann.ok(LOGOUT, json!({})).await;
    assert_eq!(greeting_of(&app, &ann).await, Err(Some(4403)));
}

async fn a_socket_is_closed_when_its_session_expires(kind: StoreKind) {
    let app = TestApp::with(kind, |config| config.session_ttl = Duration::from_secs(2)).await;
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    socket.subscribe("1", super::NEW_MESSAGE, json!({})).await;
    assert_eq!(socket.closed_with().await, (4403, "Forbidden".to_owned()));
    assert_eq!(greeting_of(&app, &ann).await, Err(Some(4403)));
    let me = ann.ok("{ me { id } }", json!({})).await;
    assert_eq!(me, json!({ "me": null }));
}

mod beside_another_process {
    use super::*;
    use crate::support::store::mongo_is_there;

    #[tokio::test]
    async fn logging_out_closes_sockets_there_too() {
        if !mongo_is_there().await {
            return;
        }
        let sweep_often = |config: &mut chinwag::app::Config| {
            config.limits.sweep_interval = Duration::from_millis(100);
        };
        let here = TestApp::with(StoreKind::Mongo, sweep_often).await;
        let there = here.beside(sweep_often).await;
        let ann = here.user("ann").await;
        let (phone, tablet) = (ann.sign_in_again().await, ann.sign_in_again().await);
        let mut ends = there.socket(&ann).await;
        let mut stays = there.socket(&phone).await;
        ann.ok(LOGOUT, json!({})).await;
        assert_eq!(ends.closed().await, Some(4403));
        assert_eq!(greeting_of(&there, &ann).await, Err(Some(4403)));
        stays.settle().await;
        tablet.ok(LOGOUT_EVERYWHERE, json!({})).await;
        assert_eq!(stays.closed().await, Some(4403));
        assert_eq!(greeting_of(&there, &phone).await, Err(Some(4403)));
    }
}
