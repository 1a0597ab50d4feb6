//! Links that are slow, dead, torn, or speak WebSocket badly.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;

use super::NEW_MESSAGE;
use crate::support::{
    TestApp,
    frames::{self, CLOSE, PING, PONG, TEXT, close_code, frame, unmasked, write},
    store::StoreKind,
    ws::{PATIENCE, Ws},
};

const SOCKETS: &str = "chinwag_sockets";

/// A server that pings often and gives up soon.
async fn impatient() -> TestApp {
    TestApp::with(StoreKind::Embedded, |config| {
        config.limits.ping_interval = Duration::from_millis(100);
        config.limits.silence = Duration::from_millis(600);
    })
    .await
}

/// Waits for a ping of the server's; the library answers it when it is asked for more.
async fn pinged(socket: &mut Ws) {
    let frame = tokio::time::timeout(PATIENCE, socket.0.next()).await;
    let frame = frame.expect("a frame in time").expect("no end");
    assert!(matches!(frame, Ok(Message::Ping(_))), "{frame:?}");
}

#[tokio::test]
async fn a_client_that_answers_pings_stays_and_a_mute_one_is_cut() {
    let app = impatient().await;
    let ann = app.user("ann").await;
    let mut polite = app.socket(&ann).await;
    let mut mute = app.socket(&ann).await;
    let ungreeted = Ws::open(app.address).await;
    app.metric_becomes(SOCKETS, 3.0).await;
    // Longer than a silent one may live.
    for _ in 0..12 {
        pinged(&mut polite).await;
    }
    let reading = async {
        loop {
            pinged(&mut polite).await;
        }
    };
    tokio::select! {
        () = app.metric_becomes(SOCKETS, 1.0) => {}
        () = reading => {}
    }
    polite.settle().await;
    assert_eq!(
        mute.closed().await,
        None,
        "there is nobody to say anything to"
    );
    drop(ungreeted);
}

#[tokio::test]
async fn whatever_a_client_says_is_a_sign_of_life() {
    let app = impatient().await;
    let mut tcp = {
        let mut socket = Ws::open(app.address).await;
        socket.init(json!({})).await;
        socket.into_tcp()
    };
    for sign in [
        frame(TEXT, br#"{"type":"pong"}"#),
        frame(PONG, b""),
        frame(PONG, b"unasked"),
        frame(PING, b"are you there?"),
    ] {
        // Longer than a silent one may live.
        for _ in 0..8 {
            while frames::read(&mut tcp).await.expect("it lives").0 != PING {}
            write(&mut tcp, &sign).await;
        }
    }
    write(&mut tcp, &frame(CLOSE, &1000_u16.to_be_bytes())).await;
    assert_eq!(close_code(&mut tcp).await, Some(1000));
}

#[tokio::test]
async fn a_torn_connection_leaves_nothing_behind() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    for reset in [false, true] {
        for half_open in [false, true] {
            let mut socket = app.socket(&ann).await;
            socket.subscribe("1", NEW_MESSAGE, json!({})).await;
            socket.settle().await;
            app.metric_becomes("chinwag_subscriptions", 1.0).await;
            let mut tcp = socket.into_tcp();
            if half_open {
                tcp.shutdown().await.expect("it can be shut");
            }
            if reset {
                tcp.set_zero_linger().expect("it can be reset");
            }
            let kept = half_open.then_some(tcp);
            for gauge in [SOCKETS, "chinwag_subscriptions", "chinwag_channels"] {
                app.metric_becomes(gauge, 0.0).await;
            }
            drop(kept);
        }
    }
}

#[tokio::test]
async fn malformed_frames_close_the_socket_with_a_code_that_says_so() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ping = br#"{"type":"ping"}"#;
    let started = frame(0x01, b"{\"type\":");
    for (what, bytes, code) in [
        ("a frame that is not masked", unmasked(TEXT, ping), 1002),
        ("a reserved bit", frame(0xc1, ping), 1002),
        ("a reserved data opcode", frame(0x83, ping), 1002),
        ("a reserved control opcode", frame(0x8b, ping), 1002),
        ("a ping in parts", frame(0x09, b""), 1002),
        ("a ping that is too long", frame(PING, &[0; 126]), 1002),
        ("a continuation of nothing", frame(0x80, ping), 1002),
        (
            "a text within a text",
            [started.clone(), frame(TEXT, ping)].concat(),
            1002,
        ),
        ("a close of one byte", frame(CLOSE, &[3]), 1002),
        (
            "a close with a code that must not be sent",
            frame(CLOSE, &1005_u16.to_be_bytes()),
            1002,
        ),
        (
            "text that is not UTF-8",
            frame(TEXT, b"{\"type\":\"\xff\"}"),
            1007,
        ),
        (
            "text that ends within a character",
            frame(TEXT, b"\xc3"),
            1007,
        ),
        (
            "text that is not UTF-8 in parts",
            [frame(0x01, b"\xc3"), frame(0x80, b"\x28")].concat(),
            1007,
        ),
        (
            "a length of eight exabytes",
            [vec![TEXT, 0xff, 0x7f], vec![0xff; 7], vec![0; 4]].concat(),
            1009,
        ),
    ] {
        let mut tcp = Ws::open(app.address).await.into_tcp();
        write(&mut tcp, &bytes).await;
        assert_eq!(close_code(&mut tcp).await, Some(code), "{what}");
    }
    let mut tcp = Ws::open(app.address).await.into_tcp();
    write(&mut tcp, b"GET / HTTP/1.1\r\n\r\n").await;
    assert_eq!(close_code(&mut tcp).await, Some(1002));
    app.metric_becomes(SOCKETS, 0.0).await;
}

#[tokio::test]
async fn a_frame_that_never_ends_is_no_sign_of_life() {
    let app = impatient().await;
    let mut tcp = Ws::open(app.address).await.into_tcp();
    let whole = frame(TEXT, &[b' '; 10_000]);
    write(&mut tcp, &whole[..5_000]).await;
    assert_eq!(close_code(&mut tcp).await, None);
    app.metric_becomes(SOCKETS, 0.0).await;
}

#[tokio::test]
async fn a_thousand_sockets_that_came_and_went_leave_nothing_behind() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let mut coming_and_going = tokio::task::JoinSet::new();
    for n in 0..10 {
        let user = app.user(&format!("user{n}")).await;
        let address = app.address;
        coming_and_going.spawn(async move {
            for turn in 0..100 {
                let mut socket = Ws::open(address).await;
                socket.init(json!({ "token": user.token })).await;
                for (id, document) in [
                    ("1", NEW_MESSAGE),
                    ("2", "subscription { typing { typing } }"),
                    ("3", "subscription { conversationChanged { id } }"),
                    ("4", "subscription { onlineUsersChanged { joined { id } } }"),
                ] {
                    socket.subscribe(id, document, json!({})).await;
                }
                match turn % 4 {
                    0 => socket.0.close(None).await.expect("closed"),
                    1 => {
                        socket.settle().await;
                        socket.send(json!({ "id": "1", "type": "complete" })).await;
                    }
                    2 => {
                        let tcp = socket.into_tcp();
                        tcp.set_zero_linger().expect("it can be reset");
                    }
                    _ => socket.0.send(Message::binary(vec![1])).await.expect("sent"),
                }
            }
        });
    }
    while let Some(done) = coming_and_going.join_next().await {
        done.expect("it goes well");
    }
    for gauge in [SOCKETS, "chinwag_subscriptions", "chinwag_channels"] {
        app.metric_becomes(gauge, 0.0).await;
    }
    app.metric_becomes("chinwag_users_online", 0.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pong_waits_for_the_end_of_a_frame_that_is_half_written() {
    const PAGES: usize = 20;
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    for _ in 0..100 {
        bob.send(&ann, &"x".repeat(4_000)).await;
    }
    let mut socket = Ws::open_narrow(app.address).await;
    socket.init(json!({ "token": ann.token })).await;
    let document =
        "query($in: ConversationRef!) { messages(in: $in, last: 100) { nodes { body } } }";
    for id in 0..PAGES {
        let variables = json!({ "in": { "userId": bob.id } });
        socket.subscribe(&id.to_string(), document, variables).await;
    }
    // More is asked for than the network holds, so the server is in the middle of an answer most of the time.
    let mut tcp = socket.into_tcp();
    let (mut complete, mut pinged) = (0, 0_u64);
    while complete < PAGES {
        pinged += 1;
        write(&mut tcp, &frame(PING, &pinged.to_be_bytes())).await;
        match frames::read(&mut tcp).await.expect("it goes on") {
            (TEXT, text) => {
                let message = serde_json::from_slice::<Value>(&text).expect("JSON");
                match message["type"].as_str() {
                    Some("next") => {
                        let nodes = &message["payload"]["data"]["messages"]["nodes"];
                        assert_eq!(nodes.as_array().map(Vec::len), Some(100));
                    }
                    Some("complete") => complete += 1,
                    _ => panic!("{message}"),
                }
            }
            (PONG, payload) => {
                let number = payload.try_into().map(u64::from_be_bytes);
                let number = number.expect("what a ping had");
                assert!((1..=pinged).contains(&number), "{number}");
            }
            (first, payload) => panic!("{first:#x} {}", payload.escape_ascii()),
        }
    }
}
