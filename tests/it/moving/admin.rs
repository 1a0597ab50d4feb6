use std::{fs, os::unix::fs::PermissionsExt};

use chinwag::app::StoreConfig;
use serde_json::{Value, json};

use super::{does, launch, tries};
use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        acts::{MESSAGE, members},
        app::Place,
        launch::Launch,
        store::{StoreKind, TempDir},
    },
};

on_both_stores!(
    an_operator_helps_while_the_server_runs_and_while_it_does_not,
    an_account_that_an_operator_deletes_is_gone_from_everywhere,
);

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) { token } }";

fn credentials(username: &str, password: &str) -> Value {
    json!({ "input": { "username": username, "password": password } })
}

/// What an order that went well printed. On MongoDB it is logged by who carries it out.
async fn orders(place: &Place, args: &[&str]) -> String {
    let args = [&["admin"], args].concat();
    let ended = launch(place).args(&args).ends().await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let told = ended
        .stderr
        .lines()
        .all(|line| line.contains(" INFO an operator "));
    assert!(told, "{ended:?}");
    ended.stdout
}

async fn json_of(place: &Place, args: &[&str]) -> Vec<Value> {
    let said = orders(place, &[args, &["--json"]].concat()).await;
    let lines = said.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("JSON lines")
}

async fn an_operator_helps_while_the_server_runs_and_while_it_does_not(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("Bob").await);
    ann.send(&bob, "hello").await;
    let mut socket = app.socket(&bob).await;

    let listed = json_of(&app.place, &["users"]).await;
    let names: Vec<_> = listed.iter().map(|user| &user["username"]).collect();
    assert_eq!(names, ["ann", "Bob"]);
    assert_eq!(listed[0]["id"], ann.id);
    let table = orders(&app.place, &["users"]).await;
    assert!(
        table.lines().count() == 2 && table.starts_with("ann "),
        "{table}"
    );

    let said = orders(&app.place, &["reset-password", "bob"]).await;
    let password = said
        .split_whitespace()
        .next_back()
        .expect("a password")
        .to_owned();
    assert_eq!(password.len(), 20);
    assert_eq!(socket.closed().await, Some(4403));
    let anonymous = app.anonymous();
    anonymous
        .fails("UNAUTHENTICATED", LOGIN, credentials("bob", "password1"))
        .await;
    anonymous.ok(LOGIN, credentials("bob", &password)).await;
    anonymous.ok(LOGIN, credentials("bob", &password)).await;

    let ended = json_of(&app.place, &["end-sessions", "bob"]).await;
    assert_eq!(ended, [json!({ "username": "Bob", "sessionsEnded": 2 })]);
    let stats = &json_of(&app.place, &["stats"]).await[0];
    let counted = [
        "users",
        "deletedUsers",
        "conversations",
        "messages",
        "sessions",
    ];
    assert_eq!(
        counted.map(|what| stats[what].clone()),
        [2, 0, 1, 1, 1].map(|count| json!(count))
    );
    for (args, says) in [
        (vec!["admin", "reset-password", "nobody"], "no such user"),
        (
            vec!["admin", "end-sessions", "not a name\n"],
            "no such user",
        ),
        (vec!["admin", "delete-user"], "USERNAME"),
        (vec!["admin"], "--help"),
        (vec!["admin", "canary"], "no such command"),
    ] {
        tries(launch(&app.place), &args).await.refused(&[says]);
    }
    let place = app.stop().await;

    let said = orders(&place, &["reset-password", "ANN"]).await;
    let password = said
        .split_whitespace()
        .next_back()
        .expect("a password")
        .to_owned();
    assert!(
        orders(&place, &["stats"])
            .await
            .contains("sessions       0\n")
    );
    let app = TestApp::at(place, |_| {}).await;
    app.anonymous()
        .ok(LOGIN, credentials("ann", &password))
        .await;
    app.stop().await;
}

async fn an_account_that_an_operator_deletes_is_gone_from_everywhere(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let group = ann.group("a group", &[&bob]).await;
    let said = ann.say_in(&group, "stays").await;
    let mut socket = app.socket(&ann).await;
    assert_eq!(
        orders(&app.place, &["delete-user", "ann"]).await,
        "deleted the account of ann\n"
    );
    assert_eq!(socket.closed().await, Some(4403));
    // On MongoDB a server sees to the groups within seconds.
    let left = async || members(&bob.conversation(&group).await) == "bob*";
    crate::support::eventually("the account has left the group", left).await;
    let shown: Value = bob.message(&said.id).await;
    assert_eq!(
        (&shown["body"], &shown["sender"]["username"]),
        (&json!("stays"), &json!(""))
    );
    let taken = "mutation($input: SignupInput!) { signup(input: $input) { token } }";
    app.anonymous()
        .fails("CONFLICT", taken, credentials("ann", "password1"))
        .await;
    tries(launch(&app.place), &["admin", "delete-user", "ann"])
        .await
        .refused(&["no such user"]);
    assert!(MESSAGE.contains("sender"));
    app.stop().await;
}

#[tokio::test]
async fn only_its_owner_gives_orders_and_what_was_done_is_in_the_log() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path()).serves().await;
    let ann: Client = serving.anonymous().sign_up("ann").await;
    let file = dir.path().join("admin.sock");
    let mode = fs::metadata(&file).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let place = Place::from(StoreConfig::Embedded {
        dir: dir.path().to_owned(),
    });
    let said = does(launch(&place), &["admin", "reset-password", "ann"]).await;
    let password = said
        .split_whitespace()
        .next_back()
        .expect("a password")
        .to_owned();
    ann.fails("UNAUTHENTICATED", "{ onlineUsers { id } }", json!({}))
        .await;
    serving.signal("-TERM");
    let log = serving.ended().await.stderr;
    assert!(
        log.contains("an operator gave a new password") && log.contains("username=\"ann\""),
        "{log}"
    );
    assert!(!log.contains(&password));
    assert!(!file.exists(), "gone with the server");
    // What a server that was killed left there is no server.
    drop(std::os::unix::net::UnixListener::bind(&file).expect("a socket"));
    does(launch(&place), &["admin", "stats"]).await;
    let nowhere = dir.path().join("nowhere");
    let ended = tries(Launch::over(&nowhere), &["admin", "stats"]).await;
    ended.refused(&["no store in"]);
    assert!(!nowhere.exists());
}
