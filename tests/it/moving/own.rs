use std::{fs, os::unix::fs::PermissionsExt};

use chinwag::app::StoreConfig;
use serde_json::{Value, json};

use super::{does, launch, text, tries};
use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        acts::{in_group, with},
        app::Place,
        launch::Launch,
        program::Program,
        store::{StoreKind, TempDir, mongo_is_there},
    },
};

on_both_stores!(
    everything_is_the_same_in_the_other_store_and_back,
    an_import_goes_on_where_it_was_stopped_and_doubles_nothing,
);

/// A server in which everything happened that can.
pub async fn lively(kind: StoreKind) -> (TestApp, Vec<Client>) {
    let app = TestApp::start(kind).await;
    let [ann, bob, cid, eve] = [
        app.user("Ann").await,
        app.user("bob").await,
        app.user("cid").await,
        app.user("eve").await,
    ];
    let picture = "mutation { updateProfile(input: {
        displayName: \"Ann Ö 👍\", avatarUrl: \"https://example.org/a.png\" }) { id } }";
    ann.ok(picture, json!({})).await;
    let first = ann.send(&bob, "first, \"quoted\"\n\u{1}").await["id"].clone();
    let first = first.as_str().expect("an id");
    let input = json!({ "to": { "userId": ann.id }, "body": "called", "clientMessageId": "c-1", "replyToId": first });
    let called = bob.say(input).await;
    bob.edit(&called.id, "called and edited").await.done();
    ann.react(&called.id, "👍").await.done();
    bob.react(&called.id, "❤️").await.done();
    ann.unreact(&called.id, "👍").await.done();
    let gone = ann.send(&bob, "taken back").await["id"].clone();
    bob.react(gone.as_str().expect("an id"), "👍").await.done();
    ann.edit(gone.as_str().expect("an id"), "edited before")
        .await
        .done();
    ann.delete(gone.as_str().expect("an id")).await.done();
    let group = ann.group("a group", &[&bob, &eve]).await;
    for number in 0..30 {
        ann.say_in(&group, &format!("number {number}")).await;
    }
    let read = bob.say_in(&group, "bob").await;
    ann.add(&group, &[&cid]).await.done();
    ann.rename(&group, "renamed").await.done();
    ann.say_in(&group, "for cid").await;
    cid.mark(&read.id).await.done();
    bob.leave(&group).await;
    ann.leave(&group).await;
    ann.block(&cid).await;
    eve.send(&cid, "from one who goes").await;
    let delete = "mutation { deleteAccount(password: \"password1\") }";
    eve.ok(delete, json!({})).await;
    cid.send(&bob, "last").await;
    (app, vec![ann, bob, cid])
}

/// What people see, each of them signed in anew.
async fn seen(app: &TestApp, people: &[Client]) -> Vec<Value> {
    let mut seen = Vec::new();
    for person in people {
        let person = person.at(app.url("/graphql")).sign_in_again().await;
        let me = "{ me { id username displayName avatarUrl createdAt } blockedUsers { id } }";
        seen.push(person.ok(me, json!({})).await);
        for conversation in person.listed().await {
            let id = conversation["id"].as_str().expect("an id");
            seen.extend(person.shown(&in_group(id)).await);
            seen.push(conversation);
        }
    }
    seen
}

/// An export without what it says of itself.
fn lines(file: &str) -> Vec<&str> {
    let (header, rest) = file.split_once('\n').expect("lines");
    let header: Value = serde_json::from_str(header).expect("JSON");
    assert_eq!(
        (&header["kind"], &header["format"], &header["version"]),
        (&json!("header"), &json!("chinwag-export"), &json!(1))
    );
    rest.lines().collect()
}

async fn everything_is_the_same_in_the_other_store_and_back(kind: StoreKind) {
    if !mongo_is_there().await {
        return;
    }
    let (app, people) = lively(kind).await;
    let before = seen(&app, &people).await;
    let mut place = app.stop().await;
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let mut exports = Vec::new();
    for kind in [kind.other(), kind] {
        let file = files.path().join(format!("{}.jsonl", exports.len()));
        let said = does(launch(&place), &["export", text(&file)]).await;
        assert_eq!(said, "exported 4 users, 37 messages, 5 conversations\n");
        let mode = fs::metadata(&file).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        exports.push(fs::read_to_string(&file).expect("a text"));
        place = Place::fresh(kind).await;
        let from = ["import", "--from", text(&file)];
        let dry = does(
            Launch::bare().env("DATA_DIR", "/dev/null/x"),
            &[&from[..], &["--dry-run"]].concat(),
        )
        .await;
        assert_eq!(dry, "would import 4 users, 37 messages, 5 conversations\n");
        let said = does(launch(&place), &from).await;
        assert_eq!(said, "imported 4 users, 37 messages, 5 conversations\n");
        let again = does(launch(&place), &from).await;
        assert_eq!(again, "imported 0 users, 0 messages, 0 conversations\n");
    }
    assert_eq!(fs::read_dir(files.path()).expect("a folder").count(), 2);
    let file = files.path().join("last.jsonl");
    does(launch(&place), &["export", text(&file)]).await;
    exports.push(fs::read_to_string(&file).expect("a text"));
    assert_eq!(lines(&exports[0]), lines(&exports[1]));
    assert_eq!(lines(&exports[0]), lines(&exports[2]));
    assert!(!exports[0].contains("taken back") && !exports[0].contains("edited before"));

    let app = TestApp::at(place, |_| {}).await;
    assert_eq!(seen(&app, &people).await, before);
    // It goes on: a repeat of a send is known, a name stays taken, and a former member comes back.
    let [ann, bob, cid] = [&people[0], &people[1], &people[2]];
    let [ann, bob, cid] = [
        ann.at(app.url("/graphql")).sign_in_again().await,
        bob.at(app.url("/graphql")).sign_in_again().await,
        cid.at(app.url("/graphql")).sign_in_again().await,
    ];
    let taken =
        "mutation { signup(input: { username: \"EVE\", password: \"password1\" }) { token } }";
    app.anonymous().fails("CONFLICT", taken, json!({})).await;
    let ann_said = ann.send(&bob, "goes on").await;
    assert_eq!(ann_said["seq"], 4);
    let refused = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { id } }";
    let input = json!({ "input": { "to": with(&ann), "body": "no" } });
    cid.fails("FORBIDDEN", refused, input).await;
    app.stop().await;
}

async fn an_import_goes_on_where_it_was_stopped_and_doubles_nothing(kind: StoreKind) {
    let (app, people) = lively(kind).await;
    let place = app.stop().await;
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let file = files.path().join("all.jsonl");
    does(launch(&place), &["export", text(&file)]).await;
    let whole = fs::read_to_string(&file).expect("a text");
    // As much of it as an import that was stopped took over, with a last line that fits.
    let target = Place::fresh(kind).await;
    let all: Vec<&str> = whole.lines().collect();
    for part in [6, 11, 30, 50] {
        let begun = &all[..part];
        let count = |kind: &str| {
            let kind = format!("{{\"kind\":\"{kind}\",");
            begun.iter().filter(|line| line.starts_with(&kind)).count()
        };
        let (users, conversations, messages) =
            (count("user"), count("conversation"), count("message"));
        let end = json!({ "kind": "end", "users": users, "conversations": conversations, "messages": messages });
        let path = files.path().join(format!("{part}.jsonl"));
        fs::write(&path, format!("{}\n{end}\n", begun.join("\n"))).expect("is written");
        does(launch(&target), &["import", "--from", text(&path)]).await;
    }
    does(launch(&target), &["import", "--from", text(&file)]).await;
    let again = files.path().join("again.jsonl");
    does(launch(&target), &["export", text(&again)]).await;
    let again = fs::read_to_string(again).expect("a text");
    assert_eq!(lines(&whole), lines(&again));
    // Where people have gone on, nothing is mixed in.
    let app = TestApp::at(target, |_| {}).await;
    let ann = people[0].at(app.url("/graphql")).sign_in_again().await;
    ann.send(&people[1], "one more").await;
    let target = app.stop().await;
    let source = TestApp::at(place, |_| {}).await;
    let ann = people[0].at(source.url("/graphql")).sign_in_again().await;
    ann.send(&people[1], "another").await;
    let place = source.stop().await;
    let later = files.path().join("later.jsonl");
    does(launch(&place), &["export", text(&later)]).await;
    let refused = tries(launch(&target), &["import", "--from", text(&later)]).await;
    refused.refused(&["goes on differently", "empty"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_export_has_messages_as_they_are_also_when_their_server_died_just_after_it_changed_them()
{
    if !mongo_is_there().await {
        return;
    }
    let place = Place::fresh(StoreKind::Mongo).await;
    let mut server = Program::start(&place).await;
    let (ann, bob) = (
        server.anonymous().sign_up("ann").await,
        server.anonymous().sign_up("bob").await,
    );
    let said = ann.send(&bob, "at first").await["id"].clone();
    let said = said.as_str().expect("an id");
    ann.edit(said, "in the end").await.done();
    server.kill();
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let file = files.path().join("all.jsonl");
    does(launch(&place), &["export", text(&file)]).await;
    let file = fs::read_to_string(file).expect("a text");
    let all = lines(&file).into_iter();
    let all = all.map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let messages: Vec<Value> = all.filter(|line| line["kind"] == "message").collect();
    assert_eq!(messages.len(), 1, "{file}");
    assert_eq!(messages[0]["body"], "in the end");
    assert!(messages[0]["editedAt"].is_string(), "{file}");
    assert!(!file.contains("at first"), "{file}");
}

#[tokio::test]
async fn what_is_no_export_or_cut_short_is_refused_in_one_line() {
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let file = files.path().join("file");
    let data = files.path().join("data");
    let header = r#"{"kind":"header","format":"chinwag-export","version":1,"program":"0","exportedAt":"2026-01-01T00:00:00.000Z"}"#;
    let end = r#"{"kind":"end","users":0,"conversations":0,"messages":0}"#;
    let user = r#"{"kind":"user","id":"user_01h455vb4pex5vsknk084sn02q","username":"ann","usernameKey":"ann","displayName":"Ann","passwordHash":"canary","createdAt":"2026-01-01T00:00:00.000Z"}"#;
    for (content, says) in [
        (String::new(), "no export"),
        ("canary".to_owned(), "no export"),
        (format!("{header}\n"), "too soon"),
        (format!("{header}\n{user}"), "too soon"),
        (header.replace(":1,", ":2,") + "\n" + end, "newer"),
        (format!("{header}\n{user}\n{end}"), "line 2"),
        (format!("{header}\n{{\"canary\":1}}\n{end}"), "line 2"),
        (
            format!("{header}\n{}", end.replace(":0", ":1")),
            "other numbers",
        ),
    ] {
        fs::write(&file, content).expect("is written");
        let import = Launch::over(&data).args(&["import", "--from", text(&file)]);
        let ended = import.ends().await;
        ended.refused(&[says]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    for (args, says) in [
        (vec!["import", "--from", "/nowhere/file"], "/nowhere/file"),
        (vec!["import"], "--from"),
        (vec!["export"], "FILE"),
        (vec!["export", "/nowhere/file"], "/nowhere/file"),
        (
            vec!["export", text(&files.path().join("new"))],
            "no store in",
        ),
        (vec!["export", text(&file)], "there already"),
        (
            vec!["import", "--from", "mongodb://ann:canary@:1:2:3/db"],
            "",
        ),
    ] {
        let data = files.path().join("none");
        let ended = Launch::over(&data).args(&args).ends().await;
        ended.refused(&[says]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_store_that_is_served_is_left_alone() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let files = TempDir::new();
    fs::create_dir_all(files.path()).expect("a folder");
    let file = files.path().join("file");
    let ended = tries(launch(&app.place), &["export", text(&file)]).await;
    ended.refused(&["in use by another chinwag", "stop"]);
    assert_eq!(fs::read_dir(files.path()).expect("a folder").count(), 0);
    app.stop().await;
}

#[tokio::test]
async fn settings_may_stand_before_a_command_or_behind_it() {
    let files = TempDir::new();
    let place = TestApp::start(StoreKind::Embedded).await.stop().await;
    let StoreConfig::Embedded { dir: data } = &place.store else {
        unreachable!("it is embedded");
    };
    for (number, args) in [
        ["--data-dir", text(data), "export", "FILE"],
        ["export", "--data-dir", text(data), "FILE"],
        ["export", "FILE", "--data-dir", text(data)],
    ]
    .iter()
    .enumerate()
    {
        let file = files.path().join(number.to_string());
        let args = args.map(|arg| if arg == "FILE" { text(&file) } else { arg });
        fs::create_dir_all(files.path()).expect("a folder");
        does(Launch::bare(), &args).await;
        assert!(file.exists());
    }
    for command in ["export", "import", "admin", "backup", "restore", "check"] {
        let help = does(Launch::bare(), &[command, "--help"]).await;
        assert!(
            help.contains("Example") && help.contains("chinwag "),
            "{help}"
        );
    }
}
