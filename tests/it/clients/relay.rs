//! Relay: its compiler takes the schema and a page with connections, a mutation and a subscription, and the server
//! what the compiler makes of the page's documents.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use super::{SCHEMA, SOURCES};
use crate::support::{TestApp, acts::in_group, json as at, npm, store::StoreKind};

/// The documents as Relay sends them, by the names of their operations.
type Documents = BTreeMap<String, String>;

/// Has Relay's compiler make what a page sends. Without npm it fails.
fn compile() -> Documents {
    let sources = Path::new(SOURCES).join("relay");
    let installed = npm::installed(&sources).expect("Node and npm");
    let folder = installed.join("page");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("src")).expect("a folder");
    fs::copy(SCHEMA, folder.join("schema.graphql")).expect("the schema");
    for file in ["package.json", "src/ConversationPage.ts"] {
        fs::copy(sources.join(file), folder.join(file)).expect("a source");
    }
    let persisted = folder.join("persisted.json");
    fs::write(&persisted, "{}").expect("a file");
    let mut compiler = Command::new("node");
    compiler
        .arg(installed.join("node_modules/relay-compiler/cli.js"))
        .current_dir(&folder);
    npm::output(&mut compiler).unwrap_or_else(|report| panic!("{report}"));
    let persisted = fs::read(persisted).expect("what it made");
    let persisted: BTreeMap<String, String> = serde_json::from_slice(&persisted).expect("JSON");
    let named = persisted.into_values().map(|text| {
        let (head, _) = text.split_once(['(', '{']).expect("an operation");
        let name = head.split_whitespace().nth(1).expect("a name");
        (name.to_owned(), text.clone())
    });
    named.collect()
}

fn bodies(messages: &Value) -> Vec<String> {
    let edges = messages["edges"].as_array().expect("edges");
    let body = |edge: &Value| edge["node"]["body"].as_str().expect("a text").to_owned();
    edges.iter().map(body).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_on_relay_compiles_and_works() {
    let documents = spawn_blocking(compile).await.expect("it compiles");
    let app = TestApp::start(StoreKind::Embedded).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let lunch = ann.group("Lunch", &[&bob]).await;
    for number in 1..=30 {
        ann.say_in(&lunch, &number.to_string()).await;
    }
    let dinner = ann.group("Dinner", &[&bob]).await;

    let page = &documents["ConversationPageQuery"];
    let page = bob.ok(page, json!({ "id": lunch })).await;
    let titles = at(&page, "conversations.edges");
    let titles = titles.as_array().expect("edges").iter();
    let titles: Vec<_> = titles.map(|edge| at(edge, "node.title")).collect();
    assert_eq!(titles, ["Dinner", "Lunch"]);
    let newest = at(&page, "conversation.messages");
    let told = |from: usize, to: usize| (from..=to).map(|number| number.to_string());
    assert_eq!(bodies(&newest), told(11, 30).collect::<Vec<_>>());
    let before = at(&newest, "pageInfo.startCursor");
    let older = json!({ "id": lunch, "count": 20, "cursor": before });
    let older = bob
        .ok(&documents["ConversationPageMessagesQuery"], older)
        .await;
    assert_eq!(
        bodies(&at(&older, "node.messages")),
        told(1, 10).collect::<Vec<_>>()
    );
    let next = json!({ "count": 1, "cursor": at(&page, "conversations.edges.0.cursor") });
    let next = bob
        .ok(&documents["ConversationPageConversationsQuery"], next)
        .await;
    assert_eq!(at(&next, "conversations.edges.0.node.title"), "Lunch");

    let mut socket = app.socket(&bob).await;
    let after = json!({ "after": page["streamCursor"] });
    let events = &documents["ConversationPageEventsSubscription"];
    socket.subscribe("1", events, after).await;
    let input = json!({ "to": in_group(&dinner), "body": "at eight" });
    let send = &documents["ConversationPageSendMutation"];
    let sent = ann.ok(send, json!({ "input": input })).await["sendMessage"].clone();
    let event = socket.event("1").await["events"].clone();
    assert_eq!(event["__typename"], "NewMessage");
    assert_eq!(event["message"]["id"], sent["id"]);
    assert_eq!(event["previous"], page["streamCursor"]);
    ann.edit(sent["id"].as_str().expect("an id"), "at nine")
        .await
        .done();
    let event = socket.event("1").await["events"].clone();
    assert_eq!(event["message"]["body"], "at nine");
    ann.remove(&dinner, &bob).await.done();
    let event = socket.event("1").await["events"].clone();
    assert_eq!(event["conversationId"], dinner);
    app.stop().await;
}
