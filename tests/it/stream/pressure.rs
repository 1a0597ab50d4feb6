//! Readers that are too slow, and clients that do not wait for their answers.

use std::time::Duration;

use chinwag::app::Config;
use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::*;
use crate::support::ws::{PATIENCE, Ws};

on_both_stores!(
    a_reader_that_falls_behind_gets_everything_in_order_and_holds_up_nobody,
    a_reader_that_always_lags_a_little_is_not_sent_away,
    a_reader_that_fell_too_far_behind_is_told_to_load_again,
    what_was_sent_live_makes_resume_out_of_date_also_when_it_was_read_from_the_store,
    a_burst_larger_than_a_channel_arrives_whole,
    a_client_that_hangs_up_does_not_stop_a_send_half_way,
);

/// A greeted socket whose client holds back little, so that not reading is felt at the other end.
async fn narrow(app: &TestApp, init: Value) -> Ws {
    let mut socket = Ws::open_narrow(app.address).await;
    socket.init(init).await;
    socket
}

/// Lets a reader be stuck for as long as the test takes.
fn patient(config: &mut Config) {
    config.limits.write_stall = PATIENCE * 10;
}

/// Sends so many long messages, several at a time.
async fn flood(sender: &Client, receiver: &Client, name: &str, count: usize) {
    for part in (0..count).collect::<Vec<_>>().chunks(50) {
        join_all(part.iter().map(|number| {
            let body = format!("{name} {number} {}", "😀".repeat(3_900));
            sender.say(json!({ "to": with(receiver), "body": body }))
        }))
        .await;
    }
}

async fn a_reader_that_falls_behind_gets_everything_in_order_and_holds_up_nobody(kind: StoreKind) {
    let app = TestApp::with(kind, patient).await;
    let (ann, bob, eve) = three(&app).await;
    let mut slow = Reader::over(narrow(&app, json!({ "token": bob.token })).await, json!({})).await;
    let mut scoped = Reader::over(
        narrow(&app, json!({ "token": bob.token })).await,
        json!({ "in": with(&ann) }),
    )
    .await;
    let mut quick = Reader::open(app.address, &bob, json!({})).await;
    let reading = async {
        quick.read_to(330).await;
        quick
    };
    let writing = async {
        flood(&ann, &bob, "ann", 150).await;
        talk(&eve, &bob, 30).await;
        flood(&ann, &bob, "again", 150).await;
    };
    // While the slow ones read nothing at all, everyone else goes on.
    let (mut quick, ()) = tokio::join!(reading, writing);
    let ann_said = bob.history(&with(&ann)).await;
    assert_eq!(ann_said.len(), 300);
    slow.read_to(330).await;
    scoped.read_to(300).await;
    assert!(app.metric("chinwag_subscription_lags_total").await >= 2.0);
    let last = talk(&ann, &bob, 1).await;
    slow.read_to(331).await;
    scoped.read_to(301).await;
    quick.read_to(331).await;
    assert_eq!(slow.got, quick.has_all().await, "in the order of the log");
    let whole = [ann_said, last].concat();
    let scoped = scoped.has_all().await;
    assert_eq!(delivery_faults(&whole, &scoped), []);
    assert_eq!(
        delivery_faults(
            &whole,
            &within(&whole[0].conversation, &slow.has_all().await)
        ),
        []
    );
    app.stop().await;
}

async fn a_reader_that_always_lags_a_little_is_not_sent_away(kind: StoreKind) {
    // Never so far behind as this, but behind many times.
    let app = TestApp::with(kind, |config| {
        patient(config);
        config.limits.replay = 200;
    })
    .await;
    let (ann, bob, _) = three(&app).await;
    let mut slow = Reader::over(narrow(&app, json!({ "token": bob.token })).await, json!({})).await;
    flood(&ann, &bob, "begin", 200).await;
    for round in 1..=8 {
        slow.read_to(round * 40).await;
        flood(&ann, &bob, &format!("round {round}"), 40).await;
    }
    slow.read_to(520).await;
    let history = bob.history(&with(&ann)).await;
    assert_eq!(delivery_faults(&history, &slow.has_all().await), []);
    app.stop().await;
}

async fn a_reader_that_fell_too_far_behind_is_told_to_load_again(kind: StoreKind) {
    let app = TestApp::with(kind, |config| {
        patient(config);
        config.limits.replay = 40;
    })
    .await;
    let (ann, bob, _) = three(&app).await;
    let mut slow = Reader::over(narrow(&app, json!({ "token": bob.token })).await, json!({})).await;
    flood(&ann, &bob, "flood", 300).await;
    let end = loop {
        let message = slow.socket.next().await;
        if message["type"] != "next" {
            break message;
        }
        slow.keep(&message);
    };
    assert_eq!(end["type"], "error", "{end}");
    assert_eq!(end["payload"][0]["extensions"]["code"], "RESYNC_REQUIRED");
    // What it got up to there was whole; the rest is history.
    let history = bob.history(&with(&ann)).await;
    let got = slow.got.len();
    assert!(got < 300, "{got}");
    assert_eq!(slow.got, history[..got]);
    slow.socket.subscribe("again", &document(), json!({})).await;
    slow.socket.settle().await;
    talk(&ann, &bob, 1).await;
    let event = slow.socket.event("again").await;
    assert_eq!(event["newMessage"]["message"]["seq"], 301);
    app.stop().await;
}

async fn what_was_sent_live_makes_resume_out_of_date_also_when_it_was_read_from_the_store(
    kind: StoreKind,
) {
    let app = TestApp::with(kind, patient).await;
    let (ann, bob, _) = three(&app).await;
    let start = stream_cursor(&bob).await;
    flood(&ann, &bob, "missed", 200).await;
    let init = json!({ "token": bob.token, "resume": start });
    let mut slow = Reader::over(narrow(&app, init).await, json!({})).await;
    // It is still busy with what it missed, so that it has to read these again.
    flood(&ann, &bob, "live", 50).await;
    slow.read_to(250).await;
    slow.socket.subscribe("again", &document(), json!({})).await;
    slow.socket.settle().await;
    talk(&ann, &bob, 1).await;
    let event = slow.socket.event("again").await;
    assert_eq!(event["newMessage"]["message"]["seq"], 251);
    app.stop().await;
}

async fn a_burst_larger_than_a_channel_arrives_whole(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let mut reader = Reader::open(app.address, &bob, json!({})).await;
    let mut own = Reader::open(app.address, &ann, json!({})).await;
    let burst = (0..400)
        .map(|number| ann.say(json!({ "to": with(&bob), "body": format!("message {number}") })));
    let (_, (), ()) = tokio::join!(join_all(burst), reader.read_to(400), own.read_to(400));
    let history = bob.history(&with(&ann)).await;
    assert_eq!(delivery_faults(&history, &reader.has_all().await), []);
    assert_eq!(delivery_faults(&history, &own.has_all().await), []);
    app.stop().await;
}

async fn a_client_that_hangs_up_does_not_stop_a_send_half_way(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let mut reader = Reader::open(app.address, &bob, json!({})).await;
    let mut random = StdRng::seed_from_u64(23);
    let mut attempts = Vec::new();
    for number in 0..150 {
        let body = format!("message {number}");
        let input = json!({ "to": with(&bob), "body": body, "clientMessageId": body });
        let patience = Duration::from_micros(random.random_range(0..20_000));
        // Dropping the request closes its connection.
        let answer = tokio::time::timeout(patience, ann.say(input.clone())).await;
        attempts.push((input, answer.ok()));
    }
    assert!(attempts.iter().any(|(_, answer)| answer.is_none()));
    // Whatever became of each, a retry gets it or makes it.
    let mut said = Vec::new();
    for (input, answer) in attempts {
        let again = ann.say(input).await;
        assert!(answer.is_none_or(|answer| answer == again));
        said.push(again);
    }
    let history = bob.history(&with(&ann)).await;
    assert_eq!(history.len(), 150);
    assert!(said.iter().all(|said| history.contains(said)));
    assert!(history.iter().map(|said| said.seq).eq(1..=150));
    reader.read_to(150).await;
    assert_eq!(delivery_faults(&history, &reader.has_all().await), []);
    let list = "{ conversations { nodes { unreadCount lastMessage { id } } } }";
    let list = bob.ok(list, json!({})).await;
    let expected = json!([{ "unreadCount": 150, "lastMessage": { "id": history[149].id } }]);
    assert_eq!(list["conversations"]["nodes"], expected);
    app.stop().await;
}
