use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use chinwag::app::StoreConfig;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{does, launch, text, tries};
use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        app::Place,
        launch::Launch,
        mongod::{self, fresh_database},
        npm, or_skipped,
        store::{StoreKind, TempDir, mongo_is_there},
    },
};

on_both_stores!(what_a_real_backend_wrote_is_there_in_its_order_however_often_the_import_is_killed,);

const PEOPLE: usize = 500;
const MESSAGES: usize = 20_000;

const LOGIN: &str = "mutation($input: LoginInput!) { login(input: $input) {
    token user { id username displayName avatarUrl createdAt } } }";

const CONVERSATIONS: &str = "query($after: String) { conversations(first: 50, after: $after) {
    nodes { id unreadCount lastActivityAt lastMessage { body sentAt seq } members { user { username } } }
    pageInfo { hasNextPage endCursor } } }";

/// Has Express and Mongoose write into a database; nothing where this machine has no Node.
async fn writes(database: &str, what: &'static str) -> Option<Value> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/backend");
    let found = spawn_blocking(move || npm::with_scripts(&sources)).await;
    let folder: PathBuf = or_skipped("Node", found.expect("no panic"))?;
    let mut node = Command::new("node");
    node.current_dir(folder)
        .args(["write.mjs", what])
        .args([PEOPLE, MESSAGES].map(|number| number.to_string()))
        .env("MONGODB_URI", database);
    let wrote = spawn_blocking(move || npm::output(&mut node)).await;
    let wrote = wrote
        .expect("no panic")
        .unwrap_or_else(|report| panic!("{report}"));
    Some(serde_json::from_str(wrote.trim()).expect("JSON"))
}

async fn logs_in(app: &TestApp, username: &str, password: &str) -> (Client, Value) {
    let input = json!({ "input": { "username": username, "password": password } });
    let login = app.anonymous().ok(LOGIN, input).await["login"].clone();
    let token = login["token"].as_str().expect("a token");
    (app.anonymous().with_token(token), login["user"].clone())
}

async fn conversations(client: &Client) -> Vec<Value> {
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let page =
            client.ok(CONVERSATIONS, json!({ "after": after })).await["conversations"].clone();
        all.extend(page["nodes"].as_array().expect("a list").iter().cloned());
        if page["pageInfo"]["hasNextPage"] != true {
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// The bodies and times of a conversation, as the other backend would list them.
async fn said(client: &Client, conversation: &Value) -> Vec<(String, String)> {
    let document = "query($in: ConversationRef!, $after: String) { messages(in: $in, first: 100, after: $after) {
        nodes { body sentAt seq } pageInfo { hasNextPage endCursor } } }";
    let (mut all, mut after) = (Vec::new(), Value::Null);
    loop {
        let variables = json!({ "in": { "conversationId": conversation["id"] }, "after": after });
        let page = client.ok(document, variables).await["messages"].clone();
        for message in page["nodes"].as_array().expect("a list") {
            let shown = |field: &str| message[field].as_str().expect("a text").to_owned();
            all.push((shown("body"), shown("sentAt")));
            assert_eq!(message["seq"], all.len());
        }
        if page["pageInfo"]["hasNextPage"] != true {
            return all;
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

/// Why what was left out or changed, by kind; without any text or hash.
fn reasons(report: &str) -> BTreeMap<(String, String), usize> {
    let mut reasons = BTreeMap::new();
    for line in report.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        let of = |field: &str| line[field].as_str().expect("a text").to_owned();
        assert!(!of("id").is_empty());
        *reasons.entry((of("kind"), of("reason"))).or_default() += 1;
    }
    assert!(!report.contains("$2") && !report.contains("to nobody"));
    reasons
}

async fn what_a_real_backend_wrote_is_there_in_its_order_however_often_the_import_is_killed(
    kind: StoreKind,
) {
    if !mongo_is_there().await {
        return;
    }
    let mongod = mongod::shared().await.expect("a mongod");
    let database = mongod.uri_for(&fresh_database());
    let Some(facts) = writes(&database, "first").await else {
        return;
    };
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let report = files.path().join("report.jsonl");
    let args = ["import", "--from", &database, "--report", text(&report)];
    let place = Place::fresh(kind).await;

    let dry = does(launch(&place), &[&args[..], &["--dry-run"]].concat()).await;
    let users = PEOPLE + 7;
    let messages = MESSAGES + 24;
    assert!(
        dry.starts_with(&format!(
            "would import {users} users, {messages} messages, "
        )),
        "{dry}"
    );
    let foreseen = reasons(&fs::read_to_string(&report).expect("a report"));
    if let StoreConfig::Embedded { dir } = &place.store {
        assert!(!dir.exists(), "nothing is opened");
    }

    let seed = rand::random();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    // A process that is killed on MongoDB holds its lane until its lease is over.
    let kills = if matches!(kind, StoreKind::Embedded) {
        10
    } else {
        4
    };
    for _ in 0..kills {
        let least = if matches!(kind, StoreKind::Embedded) {
            0
        } else {
            2_000
        };
        let after = Duration::from_millis(random.random_range(least..least + 1_500));
        launch(&place).args(&args).killed_after(after).await;
    }
    let last = does(launch(&place), &args).await;
    let again = does(launch(&place), &args).await;
    let left_out = "left out: 1 user, 9 messages, 4 conversations";
    let all_there = format!(
        "imported 0 users, 0 messages, 0 conversations; there already: {users} users, {messages} messages; {left_out}"
    );
    assert!(
        again.starts_with(&all_there) && last.contains(left_out),
        "{last}{again}"
    );
    let told = reasons(&fs::read_to_string(&report).expect("a report"));
    let of = |reason: &str| {
        foreseen
            .iter()
            .filter(|((_, told), _)| told.contains(reason))
            .map(|(_, n)| n)
            .sum::<usize>()
    };
    assert_eq!(
        [
            of("sender is no user"),
            of("receiver is no user"),
            of("are the same"),
            of("needs some text"),
            of("at most 4,000"),
            of("_id is no ObjectId"),
            of("became \"Ann_Lee\""),
            of("became \"x__\""),
            of("is taken; it became \"Ann-2\""),
            of("full name"),
            of("no password's hash"),
            of("both became one"),
            of("not of two users"),
            of("a participant is no user"),
        ],
        [1, 1, 2, 4, 1, 2, 1, 1, 1, 1, 1, 1, 2, 1],
        "{foreseen:#?}"
    );
    assert!(told.keys().all(|reason| foreseen.contains_key(reason)));
    assert!(
        fs::read_to_string(&report)
            .expect("a report")
            .contains(facts["bad"][0].as_str().expect("an id"))
    );

    let later = writes(&database, "later").await;
    later.expect("as before");
    let brought = does(launch(&place), &args).await;
    assert!(
        brought.starts_with("imported 1 user, 2 messages, 1 conversation; "),
        "{brought}"
    );

    let app = TestApp::at(place, |config| config.bcrypt_cost = 5).await;
    let (ann, user) = logs_in(&app, "ann", "password-ann").await;
    assert_eq!(
        [&user["username"], &user["displayName"], &user["avatarUrl"]],
        [
            "ann",
            "Full ann",
            "https://avatar.example.org/public/female?username=ann"
        ]
    );
    let listed = conversations(&ann).await;
    let peers = |conversation: &Value| {
        let members = conversation["members"].as_array().expect("a list").iter();
        let names = members.map(|member| {
            member["user"]["username"]
                .as_str()
                .expect("a name")
                .to_owned()
        });
        names
            .filter(|name| name != "ann")
            .collect::<Vec<_>>()
            .join(" ")
    };
    // The newest first; what others wrote since one's own last message is unread.
    let shown: Vec<_> = listed
        .iter()
        .map(|one| (peers(one), one["unreadCount"].as_i64().expect("a number")))
        .collect();
    let expected = [("bob", 1), ("fresh", 1), ("long", 1)];
    assert_eq!(
        shown,
        expected.map(|(name, count)| (name.to_owned(), count))
    );
    let history = said(&ann, &listed[0]).await;
    let bodies: Vec<_> = history.iter().map(|(body, _)| body.as_str()).collect();
    assert_eq!(bodies[..3], ["without a time", "ids as texts", "talk 0"]);
    assert_eq!(bodies[21..], ["talk 19", "the last", "one more"]);
    assert_eq!(history[1].1, "2024-01-01T00:00:00.001Z");
    assert!(history.is_sorted_by_key(|(_, at)| at.clone()));

    // Everything that one of the many said and was told, in order.
    let (person, _) = logs_in(&app, "person7", "password-many").await;
    let mut seen = Vec::new();
    for conversation in conversations(&person).await {
        seen.extend(said(&person, &conversation).await);
    }
    let concerns = |number: &usize| {
        let sender = (number * 7) % PEOPLE;
        sender == 7 || (sender + 1 + number % 5) % PEOPLE == 7
    };
    let expected = (0..MESSAGES).filter(concerns).map(|number| {
        let at = jiff_text(1_704_067_200_000 + i64::try_from(number).expect("small") * 1_000);
        (format!("said {number}"), at)
    });
    let mut expected: Vec<_> = expected.collect();
    seen.sort();
    expected.sort();
    assert_eq!(seen, expected);
    assert!(expected.len() > 30);

    // bcrypt saw the first 72 bytes of a longer password, and all of them do now.
    logs_in(&app, "long", &"é".repeat(40)).await;
    logs_in(&app, "long", &"é".repeat(36)).await;
    for (name, password, code) in [
        ("long", "é".repeat(35), "UNAUTHENTICATED"),
        ("long", "è".repeat(40), "BAD_USER_INPUT"),
        ("ann", "password-Ann".to_owned(), "UNAUTHENTICATED"),
        ("nopassword", "password-many".to_owned(), "UNAUTHENTICATED"),
    ] {
        let input = json!({ "input": { "username": name, "password": password } });
        app.anonymous().fails(code, LOGIN, input).await;
    }
    logs_in(&app, "Ann-2", "password-Ann").await;
    logs_in(&app, "Ann_Lee", "password-odd").await;
    logs_in(&app, "bob", "pass-b").await;
    // One of these makes the hash anew, and fails no other.
    let at_once = (0..8).map(|_| logs_in(&app, "person11", "password-many"));
    futures_util::future::join_all(at_once).await;
    let found = async || {
        let search = "{ searchMessages(text: \"said 572\", first: 5) { nodes { body } } }";
        let found = person.ok(search, json!({})).await;
        found["searchMessages"]["nodes"] == json!([{ "body": "said 572" }])
    };
    crate::support::eventually("what was imported is found by its words", found).await;
    let place = app.stop().await;
    let export = files.path().join("export.jsonl");
    does(launch(&place), &["export", text(&export)]).await;
    let export = fs::read_to_string(export).expect("a text");
    let hash = |name: &str| {
        let name = format!("\"username\":\"{name}\"");
        let line = export
            .lines()
            .find(|line| line.contains(&name))
            .expect("a line");
        let line: Value = serde_json::from_str(line).expect("JSON");
        line["passwordHash"].as_str().expect("a hash").to_owned()
    };
    for person in ["person7", "person11"] {
        assert!(
            hash(person).starts_with("$2b$05$"),
            "made anew at the login"
        );
    }
    assert!(hash("person9").starts_with("$2a$04$"), "as it was");
    assert!(
        hash("ann").starts_with("$2a$10$"),
        "of more work than asked for"
    );
}

fn jiff_text(milliseconds: i64) -> String {
    chinwag::domain::Timestamp(milliseconds).to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_no_such_backends_is_refused_in_one_line() {
    if !mongo_is_there().await {
        return;
    }
    let mongod = mongod::shared().await.expect("a mongod");
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let report = files.path().join("report.jsonl");
    let own = TestApp::start(StoreKind::Mongo).await;
    let StoreConfig::Mongo { uri } = &own.place.store else {
        unreachable!("it is MongoDB");
    };
    let own_uri = secrecy::ExposeSecret::expose_secret(uri).to_owned();
    let empty = mongod.uri_for(&fresh_database());
    for (from, says) in [
        (own_uri.as_str(), "chinwag export"),
        (empty.as_str(), "no users"),
        ("mongodb://ann:canary@127.0.0.1:1/db", "127.0.0.1:1"),
    ] {
        let args = ["import", "--from", from, "--report", text(&report)];
        let ended = tries(Launch::over(&files.path().join("data")), &args).await;
        ended.refused(&[says]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
        assert!(!files.path().join("data").exists());
    }
    let args = ["import", "--from", &empty, "--report", text(&report)];
    let into_itself = tries(Launch::bare().env("MONGODB_URI", &empty), &args);
    into_itself.await.refused(&["into itself"]);
    own.stop().await;
}
