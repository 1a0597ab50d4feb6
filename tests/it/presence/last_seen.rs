//! When someone was last online.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Watcher, close, online_users, patient, quick, seen};
use crate::{
    on_both_stores,
    support::{TestApp, store::StoreKind},
};

/// Now, as exactly as the server tells times.
fn now() -> Timestamp {
    Timestamp::from_millisecond(Timestamp::now().as_millisecond()).expect("a time")
}

/// A time that a field gave.
fn time(value: &Value) -> Timestamp {
    let text = value.as_str().unwrap_or_else(|| panic!("no time: {value}"));
    text.parse().expect("a time")
}

on_both_stores!(
    last_seen_is_when_the_last_socket_closed,
    logging_out_takes_offline_at_once,
    last_seen_outlives_the_server,
);

async fn last_seen_is_when_the_last_socket_closed(kind: StoreKind) {
    let app = quick(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut watcher = Watcher::on(app.socket(&bob).await, None).await;
    assert_eq!(seen(&bob, &ann).await, (false, Value::Null), "never was");
    let (first, second) = (app.socket(&ann).await, app.socket(&ann).await);
    assert_eq!(watcher.next().await, (vec!["ann".into()], vec![]));
    assert_eq!(seen(&bob, &ann).await, (true, Value::Null), "is now");
    close(first).await;
    assert_eq!(
        seen(&bob, &ann).await,
        (true, Value::Null),
        "another is open"
    );
    let before = now();
    close(second).await;
    assert_eq!(watcher.next().await, (vec![], vec!["ann".into()]));
    let after = now();
    let (online, last_seen) = seen(&bob, &ann).await;
    assert!(!online);
    // Closed, and then the grace went by.
    let grace = jiff::SignedDuration::from_millis(200);
    let at = time(&last_seen);
    assert!(before <= at && at + grace <= after, "{before} {at} {after}");
    let _back = app.socket(&ann).await;
    assert_eq!(watcher.next().await, (vec!["ann".into()], vec![]));
    assert_eq!(seen(&bob, &ann).await, (true, Value::Null));
}

async fn logging_out_takes_offline_at_once(kind: StoreKind) {
    // Whoever only closes its sockets stays online for an hour.
    let app = patient(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let phone = ann.sign_in_again().await;
    let (first, second) = (app.socket(&ann).await, app.socket(&ann).await);
    let phones = app.socket(&phone).await;
    let mut watcher = Watcher::on(app.socket(&bob).await, None).await;
    ann.ok("mutation { logout }", json!({})).await;
    for mut socket in [first, second] {
        assert_eq!(socket.closed().await, Some(4403));
    }
    assert!(seen(&bob, &ann).await.0, "the phone is still there");
    let before = now();
    phone.ok("mutation { logout }", json!({})).await;
    assert_eq!(watcher.next().await, (vec![], vec!["ann".into()]));
    let (online, last_seen) = seen(&bob, &ann).await;
    assert!(!online && before <= time(&last_seen));
    drop(phones);
    // Over a socket as well.
    let back = ann.sign_in_again().await;
    let mut socket = app.socket(&back).await;
    assert_eq!(watcher.next().await, (vec!["ann".into()], vec![]));
    socket.ask("1", "mutation { logout }", json!({})).await;
    assert_eq!(watcher.next().await, (vec![], vec!["ann".into()]));
    assert_eq!(online_users(&bob).await, ["bob"]);
}

async fn last_seen_outlives_the_server(kind: StoreKind) {
    let app = patient(kind).await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let open = app.socket(&ann).await;
    let before = now();
    // Cleo is gone, but within the grace.
    close(app.socket(&cleo).await).await;
    app.metric_becomes("chinwag_sockets", 1.0).await;
    let between = now();
    let place = app.stop().await;
    drop(open);
    let after = now();
    let app = TestApp::at(place, |_| {}).await;
    let bob = bob.at(app.url("/graphql"));
    let (online, anns) = seen(&bob, &ann).await;
    assert!(!online && between <= time(&anns) && time(&anns) <= after);
    let (online, cleos) = seen(&bob, &cleo).await;
    assert!(!online && before <= time(&cleos) && time(&cleos) <= between);
    assert_eq!(seen(&bob, &bob).await, (false, Value::Null), "never was");
}
