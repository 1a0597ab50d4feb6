//! What the README shows is what the tests run.

use std::{collections::BTreeMap, fs, path::Path};

use reqwest::header;
use serde_json::{Value, json};

use crate::support::{TestApp, store::StoreKind, ws::Ws};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The README's code blocks in a language.
fn blocks(language: &str) -> Vec<String> {
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

/// Follows the README over HTTP; a browser does it word by word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_conversation_goes_as_told() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let operations = blocks("graphql");
    let [listening, speaking] = operations.as_slice() else {
        panic!("two blocks are shown: {operations:?}");
    };
    // The cookie of whoever signed in last is the browser's.
    let run = async |document: &str, name: &str, cookie: &str| {
        let request = app
            .anonymous()
            .raw(reqwest::Method::POST, &app.url("/graphql"));
        let request = request
            .header(header::COOKIE, cookie)
            .json(&json!({ "query": document, "operationName": name }));
        let answer = request.send().await.expect("an answer");
        let set = answer.headers().get(header::SET_COOKIE).cloned();
        let set = set.map(|set| set.to_str().expect("text").to_owned());
        let reply = answer.json::<Value>().await.expect("JSON");
        assert!(reply.get("errors").is_none(), "{name}: {reply}");
        (reply["data"].clone(), set.unwrap_or_default())
    };
    run(listening, "Ann", "").await;
    let (_, bobs) = run(listening, "Bob", "").await;
    let headers = [
        ("sec-websocket-protocol", "graphql-transport-ws"),
        ("cookie", bobs.as_str()),
    ];
    let (mut socket, _) = Ws::open_with(app.address, &headers)
        .await
        .expect("a socket");
    socket.init(json!({})).await;
    let subscribe = json!({ "query": listening, "operationName": "Listen" });
    socket
        .send(json!({ "type": "subscribe", "id": "1", "payload": subscribe }))
        .await;
    socket.settle().await;

    let (_, anns) = run(speaking, "LogIn", &bobs).await;
    let (found, _) = run(speaking, "FindBob", &anns).await;
    let id = found["sidebarUsers"]["nodes"][0]["id"].as_str();
    let say = speaking.replace('…', id.expect("Bob is found"));
    let (said, _) = run(&say, "Say", &anns).await;
    assert_eq!(said["sendMessage"]["seq"], 1);
    let heard = socket.event("1").await;
    assert_eq!(heard["newMessage"]["message"]["body"], "Hello, Bob");
    app.stop().await;
}
