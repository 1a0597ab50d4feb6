//! Several servers on one MongoDB are one server. None of these sweeps: what arrives was heard.

mod away;
mod changes;
mod concerned;
mod failover;
mod hearing;
mod marks;
mod people;
mod rights;
mod shares;

use std::time::Duration;

use chinwag::app::Config;
use serde_json::json;

use crate::{
    moving::launch,
    support::{
        Client, Reader, TestApp,
        acts::with,
        eventually,
        feed::Feed,
        json as at,
        store::{StoreKind, mongo_is_there},
        ws::Ws,
    },
};

/// Such that nothing is found by looking for it now and then.
fn hears_only(config: &mut Config) {
    config.limits.sweep_interval = Duration::from_hours(1);
    config.limits.profile_cache = Duration::from_hours(1);
    config.limits.block_cache = Duration::from_hours(1);
    config.limits.session_cache = Duration::from_hours(1);
}

/// Two servers that only hear of each other; none when there is no MongoDB.
async fn two(set_up: impl Fn(&mut Config)) -> Option<[TestApp; 2]> {
    if !mongo_is_there().await {
        return None;
    }
    let set_up = |config: &mut Config| {
        hears_only(config);
        set_up(config);
    };
    let app = TestApp::with(StoreKind::Mongo, set_up).await;
    let beside = app.beside(set_up).await;
    Some([app, beside])
}

async fn stop(apps: [TestApp; 2]) {
    for app in apps {
        app.stop().await;
    }
}

/// The same person at another server.
fn moved(client: &Client, app: &TestApp) -> Client {
    client.at(app.url("/graphql"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_is_told_on_the_other() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let mut readers = [
        Reader::open(apps[1].address, &bob, json!({})).await,
        Reader::open(apps[1].address, &ann, json!({})).await,
    ];
    for number in 0..5 {
        let said = ann.send(&bob, &format!("{number}")).await;
        for reader in &mut readers {
            assert_eq!(json!(reader.next().await.id), said["id"]);
        }
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_happens_in_a_group_is_told_on_the_other() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let mut feed = Feed::live(apps[1].address, &bob).await;
    let group = ann.group("Tea", &[&bob]).await;
    let said = ann.say_in(&group, "hello").await;
    moved(&bob, &apps[1]).mark(&said.id).await.done();
    ann.edit(&said.id, "hello!").await.done();
    ann.react(&said.id, "👍").await.done();
    ann.remove(&group, &bob).await.done();
    let mut told = Vec::new();
    while told
        .last()
        .is_none_or(|last: &String| !last.contains("left"))
    {
        told.push(feed.told().await);
    }
    assert!(told.len() >= 4, "{told:?}");
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_several_servers_were_sent_in_the_order_of_their_seqs() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let (ann, bob, cleo) = (
        apps[0].user("ann").await,
        apps[0].user("bob").await,
        apps[0].user("cleo").await,
    );
    let group = ann.group("Tea", &[&bob, &cleo]).await;
    let people = [&ann, &bob, &cleo].map(|one| [one.clone(), moved(one, &apps[1])]);
    for _ in 0..10 {
        let sends = people
            .iter()
            .flatten()
            .map(|one| one.say_in(&group, "banana"));
        futures_util::future::join_all(sends).await;
    }
    let shown = ann.shown(&json!({ "conversationId": group })).await;
    assert_eq!(shown.len(), 60);
    let sent: Vec<_> = shown.iter().map(|one| one["sentAt"].as_str()).collect();
    assert!(sent.is_sorted(), "{sent:?}");
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_mark_is_told_on_the_other() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let said = ann.send(&bob, "hello").await;
    let mut feed = Feed::live(apps[1].address, &ann).await;
    let id = said["id"].as_str().expect("an id");
    bob.mark(id).await.done();
    let told = feed.next().await;
    assert_eq!(told["__typename"], "ConversationRead", "{told}");
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_is_told_on_the_other_and_lasts_as_long_as_its_signs() {
    const TYPE: &str = "mutation($in: ConversationRef!, $typing: Boolean!) { setTyping(in: $in, typing: $typing) }";
    let fade = |config: &mut Config| config.limits.typing_fade = Duration::from_millis(2_500);
    let Some(apps) = two(fade).await else { return };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    ann.send(&bob, "hello").await;
    let mut socket = apps[1].socket(&bob).await;
    let typing =
        "subscription($in: ConversationRef!) { typing(in: $in) { typing user { username } } }";
    socket
        .subscribe("typing", typing, json!({ "in": with(&ann) }))
        .await;
    socket.settle().await;
    for typing in [true, false, true] {
        ann.ok(TYPE, json!({ "in": with(&bob), "typing": typing }))
            .await;
        let event = socket.event("typing").await;
        assert_eq!(event["typing"]["typing"], typing, "{event}");
        assert_eq!(event["typing"]["user"]["username"], "ann");
    }
    // It fades there by itself.
    let event = socket.event("typing").await;
    assert_eq!(event["typing"]["typing"], false, "{event}");
    // A message ends it, too.
    ann.ok(TYPE, json!({ "in": with(&bob), "typing": true }))
        .await;
    assert_eq!(socket.event("typing").await["typing"]["typing"], true);
    ann.send(&bob, "there").await;
    assert_eq!(socket.event("typing").await["typing"]["typing"], false);
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_ends_on_one_ends_on_the_other() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let ann = apps[0].user("ann").await;
    let there = moved(&ann, &apps[1]);
    let ways = [
        "mutation { logout }",
        "mutation { logout(everywhere: true) }",
    ];
    for way in ways {
        let session = ann.sign_in_again().await;
        let elsewhere = moved(&session, &apps[1]);
        let me = elsewhere.ok("{ me { username } }", json!({})).await;
        assert_eq!(me["me"]["username"], "ann");
        let mut socket = apps[1].socket(&session).await;
        session.ok(way, json!({})).await;
        assert_eq!(socket.closed().await, Some(4403));
        let reply = elsewhere.run("{ sessions { id } }", json!({})).await;
        assert_eq!(at(&reply, "errors.0.extensions.code"), "UNAUTHENTICATED");
    }
    let reply = there.run("{ sessions { id } }", json!({})).await;
    assert_eq!(at(&reply, "errors.0.extensions.code"), "UNAUTHENTICATED");
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_operator_ends_ends_on_all() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    for (order, username) in [
        ("end-sessions", "bob"),
        ("reset-password", "carol"),
        ("delete-user", "dave"),
    ] {
        let user = apps[0].user(username).await;
        let mut sockets = [apps[0].socket(&user).await, apps[1].socket(&user).await];
        let ended = launch(&apps[0].place).args(&["admin", order, username]);
        assert_eq!(ended.ends().await.code, Some(0));
        for socket in &mut sockets {
            assert_eq!(socket.closed().await, Some(4403));
        }
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_session_and_an_old_password_count_for_nothing_on_the_other() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let ann = apps[0].user("ann").await;
    let other = ann.sign_in_again().await;
    let third = ann.sign_in_again().await;
    let mut sockets = Vec::new();
    for session in [&other, &third] {
        sockets.push(apps[1].socket(session).await);
    }
    let sessions = other.ok("{ sessions { id current } }", json!({})).await;
    let sessions = sessions["sessions"].as_array().expect("a list").clone();
    let current = sessions.iter().find(|session| session["current"] == true);
    let id = current.expect("one is")["id"].clone();
    let revoke = "mutation($id: ID!) { revokeSession(id: $id) }";
    ann.ok(revoke, json!({ "id": id })).await;
    assert_eq!(sockets[0].closed().await, Some(4403));
    let change =
        "mutation($input: ChangePasswordInput!) { changePassword(input: $input) { token } }";
    let input = json!({ "currentPassword": "password1", "newPassword": "another password" });
    ann.ok(change, json!({ "input": input })).await;
    assert_eq!(sockets[1].closed().await, Some(4403));
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_shows_its_owner_at_once_on_the_other_and_others_soon() {
    const UPDATE: &str =
        "mutation($name: String) { updateProfile(input: { displayName: $name }) { id } }";
    const SEEN: &str = "query($id: ID!) { user(id: $id) { displayName } }";
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[1].user("bob").await);
    let there = moved(&ann, &apps[1]);
    for number in 0..20 {
        let name = format!("Ann {number}");
        bob.ok(SEEN, json!({ "id": ann.id })).await;
        there.ok("{ me { displayName } }", json!({})).await;
        ann.ok(UPDATE, json!({ "name": name })).await;
        let me = there.ok("{ me { displayName } }", json!({})).await;
        assert_eq!(me["me"]["displayName"], name);
        let own = there.ok(SEEN, json!({ "id": ann.id })).await;
        assert_eq!(own["user"]["displayName"], name);
        eventually("others see it", async || {
            let seen = bob.ok(SEEN, json!({ "id": ann.id })).await;
            seen["user"]["displayName"] == name
        })
        .await;
    }
    stop(apps).await;
}

/// The next event of a socket that watches who is online, by name: who joined, who left.
async fn change(socket: &mut Ws) -> (Vec<String>, Vec<String>) {
    let event = socket.event("watch").await["onlineUsersChanged"].clone();
    let names = |list: &str| {
        let users = event[list].as_array().expect("a list").iter();
        let mut names: Vec<String> = users
            .map(|user| user["username"].as_str().expect("a name").to_owned())
            .collect();
        names.sort_unstable();
        names
    };
    (names("joined"), names("left"))
}

/// Watches who is online; gives who was at first.
async fn watch(app: &TestApp, client: &Client) -> (Ws, Vec<String>) {
    let mut socket = app.socket(client).await;
    let watch = "subscription { onlineUsersChanged { joined { username } left { username } } }";
    socket.subscribe("watch", watch, json!({})).await;
    let (joined, left) = change(&mut socket).await;
    assert_eq!(left, [""; 0]);
    (socket, joined)
}
