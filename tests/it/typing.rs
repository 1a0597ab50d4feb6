//! Who is typing.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{
        Client, TestApp, app::Place, json as at, mongod::own, or_skipped, store::StoreKind, ws::Ws,
    },
};

const TYPING: &str = "subscription($in: ConversationRef) {
    typing(in: $in) { typing user { username } conversation { id } }
}";
const SET: &str =
    "mutation($in: ConversationRef!, $typing: Boolean) { setTyping(in: $in, typing: $typing) }";

/// A server where typing fades this soon.
async fn fading_after(fade: Duration) -> TestApp {
    TestApp::with(StoreKind::Embedded, |config| {
        config.limits.typing_fade = fade;
    })
    .await
}

/// A server where typing does not fade.
async fn lasting(kind: StoreKind) -> TestApp {
    TestApp::with(kind, |config| {
        config.limits.typing_fade = Duration::from_hours(1);
    })
    .await
}

/// A socket of `client` that listens to typing, only there where that is said.
async fn listener(app: &TestApp, client: &Client, only: Value) -> Ws {
    let mut socket = app.socket(client).await;
    socket
        .subscribe("typing", TYPING, json!({ "in": only }))
        .await;
    socket.settle().await;
    socket
}

/// Says that `from` types, or no longer, where `to` reads it.
async fn set(from: &Client, to: &Client, typing: bool) {
    let variables = json!({ "in": { "userId": to.id }, "typing": typing });
    let data = from.ok(SET, variables).await;
    assert_eq!(data, json!({ "setTyping": true }));
}

/// The next event: who, and whether they type.
async fn next(socket: &mut Ws) -> (String, bool) {
    let event = socket.event("typing").await["typing"].clone();
    let name = at(&event, "user.username");
    (
        name.as_str().expect("a name").to_owned(),
        event["typing"].as_bool().expect("yes or no"),
    )
}

fn starts(name: &str) -> (String, bool) {
    (name.to_owned(), true)
}

fn stops(name: &str) -> (String, bool) {
    (name.to_owned(), false)
}

on_both_stores!(
    the_other_member_is_told_and_nobody_else,
    before_a_conversation_exists_nobody_is_told,
    sending_ends_it,
);

async fn the_other_member_is_told_and_nobody_else(kind: StoreKind) {
    let app = lasting(kind).await;
    let (ann, bob, eve) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let sent = ann.send(&bob, "hello").await;
    eve.send(&bob, "hello").await;
    let mut own_tab = listener(&app, &ann, Value::Null).await;
    let mut stranger = listener(&app, &eve, Value::Null).await;
    let mut bobs = Vec::new();
    for _ in 0..2 {
        bobs.push(listener(&app, &bob, Value::Null).await);
    }
    set(&ann, &bob, true).await;
    for socket in &mut bobs {
        let event = socket.event("typing").await["typing"].clone();
        assert_eq!(event["conversation"], sent["conversation"]);
        assert_eq!(at(&event, "user.username"), "ann");
        assert_eq!(event["typing"], true);
    }
    set(&ann, &bob, true).await;
    set(&ann, &bob, false).await;
    set(&ann, &bob, false).await;
    set(&ann, &bob, true).await;
    for socket in &mut bobs {
        assert_eq!(
            next(socket).await,
            stops("ann"),
            "once, as it was no news before"
        );
        assert_eq!(next(socket).await, starts("ann"));
        assert_eq!(socket.until_settled().await, [] as [Value; 0]);
    }
    for socket in [&mut own_tab, &mut stranger] {
        assert_eq!(socket.until_settled().await, [] as [Value; 0]);
    }
}

async fn before_a_conversation_exists_nobody_is_told(kind: StoreKind) {
    let app = lasting(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut everywhere = listener(&app, &bob, Value::Null).await;
    let mut there = listener(&app, &bob, json!({ "userId": ann.id })).await;
    set(&ann, &bob, true).await;
    set(&ann, &bob, false).await;
    for socket in [&mut everywhere, &mut there] {
        assert_eq!(socket.until_settled().await, [] as [Value; 0]);
    }
    // From its first message on they are, those too who listened before.
    ann.send(&bob, "hello").await;
    set(&ann, &bob, true).await;
    for socket in [&mut everywhere, &mut there] {
        assert_eq!(next(socket).await, starts("ann"));
    }
}

async fn sending_ends_it(kind: StoreKind) {
    let app = lasting(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "first").await;
    let mut bobs = listener(&app, &bob, Value::Null).await;
    set(&ann, &bob, true).await;
    assert_eq!(next(&mut bobs).await, starts("ann"));
    ann.send(&bob, "second").await;
    assert_eq!(next(&mut bobs).await, stops("ann"));
    ann.send(&bob, "third").await;
    set(&ann, &bob, true).await;
    assert_eq!(
        next(&mut bobs).await,
        starts("ann"),
        "and nothing in between"
    );
}

#[tokio::test]
async fn only_the_conversation_that_was_named_is_told_of() {
    let app = lasting(StoreKind::Embedded).await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let sent = ann.send(&bob, "hello").await;
    cleo.send(&bob, "hello").await;
    let by_user = json!({ "userId": ann.id });
    let by_id = json!({ "conversationId": sent["conversation"]["id"] });
    for only in [by_user, by_id] {
        let mut bobs = listener(&app, &bob, only).await;
        set(&cleo, &bob, true).await;
        set(&ann, &bob, true).await;
        assert_eq!(next(&mut bobs).await, starts("ann"));
        set(&cleo, &bob, false).await;
        set(&ann, &bob, false).await;
        assert_eq!(next(&mut bobs).await, stops("ann"));
    }
}

#[tokio::test]
async fn typing_fades_by_itself() {
    let app = fading_after(Duration::from_millis(200)).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "hello").await;
    let mut bobs = listener(&app, &bob, Value::Null).await;
    for _ in 0..3 {
        set(&ann, &bob, true).await;
        assert_eq!(next(&mut bobs).await, starts("ann"));
        assert_eq!(next(&mut bobs).await, stops("ann"));
    }
    // Over already: no news.
    set(&ann, &bob, false).await;
    assert_eq!(bobs.until_settled().await, [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_of_life_renews_it() {
    let app = fading_after(Duration::from_secs(3)).await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    for other in [&ann, &cleo] {
        other.send(&bob, "hello").await;
    }
    let mut bobs = listener(&app, &bob, Value::Null).await;
    set(&ann, &bob, true).await;
    set(&cleo, &bob, true).await;
    assert_eq!(next(&mut bobs).await, starts("ann"));
    assert_eq!(next(&mut bobs).await, starts("cleo"));
    // Ann began first and would fade first, but goes on typing until cleo has faded.
    let goes_on = async {
        loop {
            set(&ann, &bob, true).await;
        }
    };
    tokio::select! {
        faded = next(&mut bobs) => assert_eq!(faded, stops("cleo")),
        () = goes_on => {}
    }
    assert_eq!(next(&mut bobs).await, stops("ann"));
}

#[tokio::test]
async fn what_is_not_the_viewers_is_not_found() {
    let app = lasting(StoreKind::Embedded).await;
    let (ann, bob, eve) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("eve").await,
    );
    let sent = ann.send(&bob, "hello").await;
    let private = json!({ "conversationId": sent["conversation"]["id"] });
    let nobody = json!({ "userId": "nobody" });
    for target in [&private, &nobody] {
        let variables = json!({ "in": target, "typing": true });
        eve.fails("NOT_FOUND", SET, variables).await;
        let mut socket = app.socket(&eve).await;
        socket.subscribe("1", TYPING, json!({ "in": target })).await;
        socket.refused("1", "NOT_FOUND").await;
    }
    let to_herself = json!({ "in": { "userId": eve.id }, "typing": true });
    let error = eve.fails("BAD_USER_INPUT", SET, to_herself).await;
    assert_eq!(error["extensions"]["field"], "in.userId");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_typing_pushes_no_message_out() {
    let app = lasting(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "first").await;
    // One that reads when all is over, one socket for both.
    let mut bobs = Ws::open_narrow(app.address).await;
    bobs.init(json!({ "token": bob.token })).await;
    for n in 0..50 {
        bobs.subscribe(&format!("t{n}"), TYPING, json!({})).await;
    }
    bobs.subscribe(
        "messages",
        "subscription { newMessage { message { seq } } }",
        json!({}),
    )
    .await;
    bobs.settle().await;
    for _ in 0..40 {
        for _ in 0..10 {
            set(&ann, &bob, true).await;
            set(&ann, &bob, false).await;
        }
        ann.send(&bob, "and on").await;
    }
    for seq in 2..=41 {
        let message = bobs.message_of("messages").await;
        assert_eq!(
            at(&message, "payload.data.newMessage.message.seq"),
            seq,
            "{message}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_stopped_while_the_database_was_away_is_told_to_have_stopped() {
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let app = TestApp::at(Place::mongo(&mongod.uri_for("chat")), |config| {
        config.limits.typing_fade = Duration::from_secs(1);
        config.limits.operation = Duration::from_secs(1);
        config.store_limits.operation = Duration::from_secs(1);
        // Whoever is told of is read each time.
        config.limits.profile_cache = Duration::ZERO;
    })
    .await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "hello").await;
    let mut bobs = listener(&app, &bob, Value::Null).await;
    set(&ann, &bob, true).await;
    assert_eq!(next(&mut bobs).await, starts("ann"));
    mongod.stop();
    // For longer than typing lasts and reading may take.
    tokio::time::sleep(Duration::from_secs(4)).await;
    mongod.cont();
    assert_eq!(next(&mut bobs).await, stops("ann"));
    app.stop().await;
}
