//! What is counted is what happened.

use futures_util::future::join_all;
use serde_json::json;

use super::{Rise, page, sum};
use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        acts::in_group,
        eventually,
        store::{StoreKind, mongo_is_there},
        ws::Ws,
    },
};

const NEW_MESSAGE: &str = "subscription { newMessage { message { id body } } }";

on_both_stores!(
    sends_and_deliveries_count_exactly,
    logins_and_signups_count_one_by_one,
    what_limits_refuse_counts_by_the_limit,
);

async fn three(app: &TestApp) -> [Client; 3] {
    let [ann, bob, cleo] = ["ann", "bob", "cleo"].map(|name| app.user(name));
    tokio::join!(ann, bob, cleo).into()
}

async fn listening(app: &TestApp, client: &Client) -> Ws {
    let mut socket = app.socket(client).await;
    socket.subscribe("1", NEW_MESSAGE, json!({})).await;
    socket.settle().await;
    socket
}

async fn sends_and_deliveries_count_exactly(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cleo] = three(&app).await;
    let group = ann.group("three", &[&bob, &cleo]).await;
    let mut sockets = Vec::new();
    for client in [&ann, &ann, &bob, &bob, &cleo, &cleo] {
        sockets.push(listening(&app, client).await);
    }
    let before = page(&app).await;
    for (name, count) in [
        ("chinwag_sockets", 6.0),
        ("chinwag_subscriptions", 6.0),
        ("chinwag_users_online", 3.0),
        ("chinwag_users_online_here", 3.0),
        ("chinwag_channels", 3.0),
        ("chinwag_servers", 1.0),
        ("chinwag_build_info", 1.0),
    ] {
        let found = sum(&before, name);
        assert!((found - count).abs() < f64::EPSILON, "{name} {found}");
    }
    let sending = (0..10).map(|number| {
        let sender = [&ann, &bob, &cleo][number % 3];
        let body = number.to_string();
        let group = &group;
        async move { sender.say_in(group, &body).await.id }
    });
    let ids = join_all(sending).await;
    for socket in &mut sockets {
        for _ in 0..10 {
            socket.event("1").await;
        }
    }
    ann.edit(&ids[0], "changed").await;
    ann.react(&ids[0], "👍").await;
    // Sent again by a client that has not heard of it.
    let again = json!({ "to": in_group(&group), "body": "once", "clientMessageId": "1" });
    for _ in 0..2 {
        bob.say(again.clone()).await;
    }
    for socket in &mut sockets {
        assert_eq!(
            socket.event("1").await["newMessage"]["message"]["body"],
            "once"
        );
    }
    let rise = Rise {
        before,
        after: page(&app).await,
    };
    rise.is("chinwag_messages_sent_total", 11.0);
    rise.is("chinwag_deliveries_total", 66.0);
    rise.is("chinwag_changes_total{of=\"message\"}", 1.0);
    rise.is("chinwag_changes_total{of=\"reaction\"}", 1.0);
    rise.is("chinwag_changes_total{of=\"conversation\"}", 0.0);
    rise.is("chinwag_entry_delay_seconds_count", 13.0);
    rise.is("chinwag_batch_entries_sum", 13.0);
    rise.is("chinwag_subscription_lags_total", 0.0);
    rise.is("chinwag_slow_readers_cut_total", 0.0);
    rise.is("chinwag_store_call_failures_total", 0.0);
    drop(sockets);
    app.metric_becomes("chinwag_sockets", 0.0).await;
    assert!((sum(&page(&app).await, "chinwag_sockets_closed_total") - 6.0).abs() < f64::EPSILON);
    app.stop().await;
}

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";

async fn log_in(app: &TestApp, username: &str, password: &str) -> serde_json::Value {
    let input = json!({ "input": { "username": username, "password": password } });
    app.anonymous().run(LOGIN, input).await
}

async fn logins_and_signups_count_one_by_one(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let mut before = page(&app).await;
    app.user("ann").await;
    for (username, password, signups, logins, failures) in [
        ("ann", "password1", 1.0, 1.0, 0.0),
        ("ann", "wrong-password", 0.0, 0.0, 1.0),
        ("nobody", "password1", 0.0, 0.0, 1.0),
        ("no name at all", "password1", 0.0, 0.0, 1.0),
    ] {
        log_in(&app, username, password).await;
        let after = page(&app).await;
        let rise = Rise { before, after };
        rise.is("chinwag_signups_total", signups);
        rise.is("chinwag_logins_total", logins);
        rise.is("chinwag_login_failures_total", failures);
        before = rise.after;
    }
    app.stop().await;
}

async fn what_limits_refuse_counts_by_the_limit(kind: StoreKind) {
    let app = TestApp::with(kind, |config| {
        config.rate_limits = true;
        config.limits.sign_ins_per_minute = 5;
        config.limits.sockets_per_user = 1;
    })
    .await;
    let ann = app.user("ann").await;
    let before = page(&app).await;
    let mut refused = 0.0;
    for _ in 0..12 {
        let reply = log_in(&app, "ann", "wrong-password").await;
        if reply["errors"][0]["extensions"]["code"] == "RATE_LIMITED" {
            refused += 1.0;
        }
    }
    assert!(refused > 0.0);
    let _first = app.socket(&ann).await;
    let mut second = Ws::open(app.address).await;
    second
        .send(json!({ "type": "connection_init", "payload": { "token": ann.token } }))
        .await;
    assert_eq!(second.closed().await, Some(1013));
    let rise = Rise {
        before,
        after: page(&app).await,
    };
    rise.is(
        "chinwag_refusals_total{limit=\"login_from_address\"}",
        refused,
    );
    rise.is("chinwag_refusals_total{limit=\"sockets_of_user\"}", 1.0);
    rise.is("chinwag_refusals_total", refused + 1.0);
    rise.is("chinwag_login_failures_total", 12.0 - refused);
    rise.is("chinwag_sockets_closed_total{reason=\"1013\"}", 1.0);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_servers_say_how_they_stand_with_each_other() {
    if !mongo_is_there().await {
        return;
    }
    let app = TestApp::start(StoreKind::Mongo).await;
    let beside = app.beside(|_| {}).await;
    let ann = app.user("ann").await;
    let bob = app.user("bob").await.at(beside.url("/graphql"));
    let _online = (listening(&app, &ann).await, listening(&beside, &bob).await);
    for server in [&app, &beside] {
        for (name, value) in [
            ("chinwag_servers", 2.0),
            ("chinwag_hearing", 1.0),
            ("chinwag_lanes", 1.0),
            ("chinwag_users_online", 2.0),
            ("chinwag_users_online_here", 1.0),
        ] {
            server.metric_becomes(name, value).await;
        }
    }
    let before = [page(&app).await, page(&beside).await];
    ann.send(&bob, "hello").await;
    eventually("it was heard of and told", async || {
        let heard = page(&beside).await;
        let rise = |name| sum(&heard, name) - sum(&before[1], name);
        rise("chinwag_signals_total") > 0.0 && rise("chinwag_deliveries_total") > 0.0
    })
    .await;
    let [here, there] = before;
    let rise = Rise {
        before: here,
        after: page(&app).await,
    };
    rise.is("chinwag_messages_sent_total", 1.0);
    rise.is("chinwag_terms_total", 0.0);
    let rise = Rise {
        before: there,
        after: page(&beside).await,
    };
    rise.is("chinwag_messages_sent_total", 0.0);
    rise.is("chinwag_deliveries_total", 1.0);
    beside.stop().await;
    app.stop().await;
}
