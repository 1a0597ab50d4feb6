//! What the README shows is what the tests run.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};

use crate::support::TestApp;
use crate::support::store::StoreKind;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The README's code blocks in a language.
pub fn blocks(language: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("the README");
    let opening = format!("\n```{language}\n");
    readme
        .split(opening.as_str())
        .skip(1)
        .map(|rest| rest.split("\n```\n").next().unwrap_or(rest).to_owned())
        .collect()
}

/// What the clients' sources mark for the README, by its name.
fn snippets() -> BTreeMap<String, String> {
    let clients = Path::new(ROOT).join("tests/clients");
    let folder = fs::read_dir(clients.join("src/snippets")).expect("a folder");
    let files = folder.map(|entry| entry.expect("an entry").path());
    let mut snippets = BTreeMap::new();
    for file in files.chain([clients.join("codegen.ts")]) {
        let text = fs::read_to_string(&file).expect("a file");
        for marked in text.split("// README: ").skip(1) {
            let (name, snippet) = marked.split_once('\n').expect("a name and a line");
            snippets.insert(name.to_owned(), snippet.trim_end().to_owned());
        }
    }
    snippets.remove("end");
    snippets
}

#[test]
fn every_snippet_is_the_very_code_that_the_clients_tests_run() {
    let snippets = snippets();
    assert!(snippets.contains_key("apollo"), "{:?}", snippets.keys());
    let shown = blocks("ts");
    for (name, snippet) in &snippets {
        assert!(
            shown.contains(snippet),
            "the README does not show {name}:\n{snippet}"
        );
    }
    for block in &shown {
        assert!(
            snippets.values().any(|snippet| snippet == block),
            "nothing runs this:\n{block}"
        );
    }
    for untested in ["js", "tsx", "jsx", "typescript", "javascript"] {
        assert!(
            blocks(untested).is_empty(),
            "write ```ts, not ```{untested}"
        );
    }
}

/// Follows the README: two people sign up, one listens, the other speaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_conversation_goes_as_told() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let operations = blocks("graphql");
    let [sign_ups, listen, speak] = operations.as_slice() else {
        panic!("three operations are shown: {operations:?}");
    };
    let mut people = Vec::new();
    for name in ["Ann", "Bob"] {
        let mut person = app.anonymous();
        let body = json!({ "query": sign_ups, "operationName": name });
        let request = person
            .raw(reqwest::Method::POST, &app.url("/graphql"))
            .json(&body);
        let answer: Value = request
            .send()
            .await
            .expect("an answer")
            .json()
            .await
            .expect("JSON");
        let signed_up = &answer["data"]["signup"];
        person.token = signed_up["token"].as_str().map(str::to_owned);
        person.id = signed_up["user"]["id"].as_str().expect("an id").to_owned();
        people.push(person);
    }
    let mut socket = app.socket(&people[1]).await;
    socket.subscribe("1", listen, json!({})).await;
    socket.settle().await;
    let speak = speak.replace('…', &people[1].id);
    let sent = people[0].ok(&speak, json!({})).await;
    assert_eq!(sent["sendMessage"]["seq"], 1);
    let heard = socket.event("1").await;
    assert_eq!(
        heard["newMessage"]["message"]["sender"]["displayName"],
        "Ann"
    );
    app.stop().await;
}
