//! Who is online: sockets counted, reloads forgiven, changes told, last seen remembered.

mod crowds;
mod endings;
mod last_seen;

use std::{collections::HashSet, time::Duration};

use serde_json::{Value, json};

use crate::support::{Client, TestApp, json as at, store::StoreKind, ws::Ws};

const CHANGES: &str = "subscription($among: [ID!]) {
    onlineUsersChanged(among: $among) { joined { username } left { username } }
}";

/// A server that takes people offline soon after their last socket closed.
async fn quick(kind: StoreKind) -> TestApp {
    TestApp::with(kind, |config| {
        config.limits.presence_grace = Duration::from_millis(200);
    })
    .await
}

/// A server that takes nobody offline for being gone.
async fn patient(kind: StoreKind) -> TestApp {
    TestApp::with(kind, |config| {
        config.limits.presence_grace = Duration::from_hours(1);
    })
    .await
}

/// Someone's view of who is online.
struct Watcher {
    socket: Ws,
    online: HashSet<String>,
    events: usize,
}

impl Watcher {
    /// Watches everyone, or only `among`, on a socket that was greeted; takes the first event in.
    async fn on(mut socket: Ws, among: Option<&[&Client]>) -> Self {
        let among = among.map(|some| some.iter().map(|one| one.id.clone()).collect::<Vec<_>>());
        let variables = json!({ "among": among });
        socket.subscribe("watch", CHANGES, variables).await;
        let mut watcher = Self {
            socket,
            online: HashSet::new(),
            events: 0,
        };
        let (_, left) = watcher.next().await;
        assert_eq!(left, [""; 0], "the first event lists those online");
        watcher
    }

    /// The next event, who joined and who left, by name: nobody joins who is there, nobody leaves who is not.
    async fn next(&mut self) -> (Vec<String>, Vec<String>) {
        let event = self.socket.event("watch").await["onlineUsersChanged"].clone();
        self.events += 1;
        let [joined, left] = ["joined", "left"].map(|field| names(&event[field]));
        for name in &left {
            assert!(self.online.remove(name), "{name} left twice: {event}");
        }
        for name in &joined {
            assert!(
                self.online.insert(name.clone()),
                "{name} is there already: {event}"
            );
        }
        assert!(self.events == 1 || !(joined.is_empty() && left.is_empty()));
        (joined, left)
    }

    async fn until(&mut self, online: &HashSet<String>) {
        while self.online != *online {
            self.next().await;
        }
    }
}

/// The usernames in a list of users, sorted.
fn names(users: &Value) -> Vec<String> {
    let users = users.as_array().expect("a list").iter();
    let name = |user: &Value| user["username"].as_str().expect("a name").to_owned();
    let mut names = users.map(name).collect::<Vec<_>>();
    names.sort();
    names
}

/// The names of all who are online, as a query tells.
async fn online_users(client: &Client) -> Vec<String> {
    let data = client.ok("{ onlineUsers { username } }", json!({})).await;
    names(&data["onlineUsers"])
}

/// Whether someone is online, and when they were last seen, as `viewer` is told.
async fn seen(viewer: &Client, someone: &Client) -> (bool, Value) {
    let document = "query($id: ID!) { user(id: $id) { online lastSeenAt } }";
    let data = viewer.ok(document, json!({ "id": someone.id })).await;
    let user = &data["user"];
    (user["online"] == true, user["lastSeenAt"].clone())
}

/// Closes a socket as a browser does, and waits for the answer.
async fn close(mut socket: Ws) {
    socket.0.close(None).await.expect("it can be closed");
    while socket.next_or_close().await.is_ok() {}
}

#[tokio::test]
async fn the_first_event_lists_everyone_and_changes_follow() {
    let app = quick(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let cleo = app.user("cleo").await;
    assert_eq!(
        online_users(&cleo).await,
        [""; 0],
        "HTTP makes nobody online"
    );
    let anns = app.socket(&ann).await;
    let mut watcher = Watcher::on(app.socket(&bob).await, None).await;
    assert_eq!(watcher.online, ["ann", "bob"].map(String::from).into());
    assert_eq!(online_users(&cleo).await, ["ann", "bob"]);
    let cleos = app.socket(&cleo).await;
    assert_eq!(watcher.next().await, (vec!["cleo".into()], vec![]));
    assert_eq!(online_users(&cleo).await, ["ann", "bob", "cleo"]);
    close(anns).await;
    assert_eq!(watcher.next().await, (vec![], vec!["ann".into()]));
    drop(cleos);
    assert_eq!(watcher.next().await, (vec![], vec!["cleo".into()]));
    assert_eq!(online_users(&cleo).await, ["bob"]);
}

#[tokio::test]
async fn several_tabs_are_one_presence() {
    let app = quick(StoreKind::Embedded).await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let phone = ann.sign_in_again().await;
    let mut watcher = Watcher::on(app.socket(&bob).await, None).await;
    let mut tabs = Vec::new();
    for client in [&ann, &ann, &phone] {
        tabs.push(app.socket(client).await);
    }
    assert_eq!(watcher.next().await, (vec!["ann".into()], vec![]));
    for tab in tabs.drain(..2) {
        close(tab).await;
    }
    // Had the two tabs taken ann offline, that would be told before cleo, who came and went after.
    close(app.socket(&cleo).await).await;
    assert_eq!(watcher.next().await, (vec!["cleo".into()], vec![]));
    assert_eq!(watcher.next().await, (vec![], vec!["cleo".into()]));
    assert!(seen(&bob, &ann).await.0);
    close(tabs.remove(0)).await;
    assert_eq!(watcher.next().await, (vec![], vec!["ann".into()]));
    assert!(!seen(&bob, &ann).await.0);
}

#[tokio::test]
async fn a_socket_counts_only_once_it_is_greeted_with_a_token() {
    let app = quick(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let authorization = format!("Bearer {}", ann.token.as_deref().expect("a token"));
    let headers = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("authorization", authorization.as_str()),
    ];
    let (mut socket, _) = Ws::open_with(app.address, &headers).await.expect("opened");
    let mut anonymous = Ws::open(app.address).await;
    anonymous.init(json!({})).await;
    socket.send(json!({ "type": "ping" })).await;
    socket.next().await;
    assert_eq!(online_users(&bob).await, [""; 0]);
    socket.init(json!({})).await;
    assert_eq!(online_users(&bob).await, ["ann"]);
}

#[tokio::test]
async fn a_reload_is_no_change() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.presence_grace = Duration::from_secs(2);
    })
    .await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let anns = app.socket(&ann).await;
    let mut watcher = Watcher::on(app.socket(&bob).await, None).await;
    close(anns).await;
    app.metric_becomes("chinwag_sockets", 1.0).await;
    assert_eq!(
        seen(&bob, &ann).await,
        (true, Value::Null),
        "gone, but just now"
    );
    assert_eq!(online_users(&bob).await, ["ann", "bob"]);
    let _reloaded = app.socket(&ann).await;
    // Whoever leaves now is gone after ann's grace was over.
    close(app.socket(&cleo).await).await;
    assert_eq!(watcher.next().await, (vec!["cleo".into()], vec![]));
    assert_eq!(watcher.next().await, (vec![], vec!["cleo".into()]));
    assert!(seen(&bob, &ann).await.0);
}

#[tokio::test]
async fn only_those_named_are_watched() {
    let app = quick(StoreKind::Embedded).await;
    let (ann, bob, cleo) = (
        app.user("ann").await,
        app.user("bob").await,
        app.user("cleo").await,
    );
    let _cleos = app.socket(&cleo).await;
    let mut few = Watcher::on(app.socket(&bob).await, Some(&[&ann, &cleo])).await;
    assert_eq!(few.online, ["cleo"].map(String::from).into());
    let mut one = Watcher::on(app.socket(&bob).await, Some(&[&ann])).await;
    assert!(one.online.is_empty());
    let mut nobody = Watcher::on(app.socket(&bob).await, Some(&[])).await;
    assert!(nobody.online.is_empty());
    let dan = app.user("dan").await;
    close(app.socket(&dan).await).await;
    let anns = app.socket(&ann).await;
    for watcher in [&mut few, &mut one] {
        assert_eq!(watcher.next().await, (vec!["ann".into()], vec![]));
    }
    close(anns).await;
    for watcher in [&mut few, &mut one] {
        assert_eq!(watcher.next().await, (vec![], vec!["ann".into()]));
    }
    assert_eq!(nobody.socket.until_settled().await, [] as [Value; 0]);
}

#[tokio::test]
async fn five_hundred_may_be_named_and_no_more() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let ann = app.user("ann").await;
    let mut socket = app.socket(&ann).await;
    let mut ids = (0..500)
        .map(|_| uuid::Uuid::new_v4().to_string())
        .collect::<Vec<_>>();
    ids[499] = ann.id.clone();
    socket
        .subscribe("500", CHANGES, json!({ "among": ids }))
        .await;
    let event = socket.event("500").await;
    assert_eq!(names(&at(&event, "onlineUsersChanged.joined")), ["ann"]);
    ids.push("no id at all".to_owned());
    socket
        .subscribe("501", CHANGES, json!({ "among": ids }))
        .await;
    let error = socket.refused("501", "BAD_USER_INPUT").await;
    assert_eq!(error["extensions"]["field"], "among");
    socket.settle().await;
}
