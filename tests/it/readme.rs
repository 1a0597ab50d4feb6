//! What the README and its chapters show is what the tests run.

use std::{collections::BTreeMap, fs, path::Path};

use reqwest::header;
use serde_json::{Value, json};

use crate::support::{TestApp, store::StoreKind, ws::Ws};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// All that is written for those who use this.
const DOCUMENTS: [&str; 4] = [
    "README.md",
    "docs/frontends.md",
    "docs/running.md",
    "docs/costs.md",
];

/// The whole text of a file in the repository.
fn text(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A document's code blocks in a language.
pub fn blocks(document: &str, language: &str) -> Vec<String> {
    let opening = format!("\n```{language}\n");
    text(document)
        .split(opening.as_str())
        .skip(1)
        .map(|rest| rest.split("\n```\n").next().unwrap_or(rest).to_owned())
        .collect()
}

/// All documents' code blocks in a language.
fn all_blocks(language: &str) -> Vec<String> {
    let blocks = DOCUMENTS.map(|document| blocks(document, language));
    blocks.into_iter().flatten().collect()
}

/// What the clients' sources mark to be shown, by its name.
fn snippets() -> BTreeMap<String, String> {
    let clients = Path::new(ROOT).join("tests/clients");
    let folder = fs::read_dir(clients.join("src/snippets")).expect("a folder");
    let files = folder.map(|entry| entry.expect("an entry").path());
    let mut snippets = BTreeMap::new();
    for file in files.chain([clients.join("codegen.ts")]) {
        let text = fs::read_to_string(&file).expect("a file");
        for marked in text.split("// Shown: ").skip(1) {
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
    let shown = all_blocks("ts");
    for (name, snippet) in &snippets {
        assert!(
            shown.contains(snippet),
            "no document shows {name}:\n{snippet}"
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
            all_blocks(untested).is_empty(),
            "write ```ts, not ```{untested}"
        );
    }
}

/// The packages that a document has installed, with their major versions.
fn installed(document: &str) -> BTreeMap<String, String> {
    let lines = blocks(document, "sh").join("\n");
    let installs = lines
        .lines()
        .filter_map(|line| line.strip_prefix("npm install "));
    let packages = installs.flat_map(|packages| packages.split(' '));
    packages
        .filter(|package| !package.starts_with('-'))
        .map(|package| {
            let (name, major) = package.rsplit_once('@').expect("a version");
            (name.to_owned(), major.to_owned())
        })
        .collect()
}

/// The package that a line of TypeScript imports from.
fn imported(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(" from '")?;
    let path = rest.split('\'').next()?;
    let names = if path.starts_with('@') { 2 } else { 1 };
    let package = path.split('/').take(names).collect::<Vec<_>>().join("/");
    (!path.starts_with('.')).then_some(package)
}

#[test]
fn the_packages_to_install_are_those_that_the_clients_tests_run_with() {
    let manifest: Value =
        serde_json::from_str(&text("tests/clients/package.json")).expect("a manifest");
    for document in DOCUMENTS {
        let installed = installed(document);
        for (name, major) in &installed {
            let tested = manifest["dependencies"][name].as_str().unwrap_or("none");
            assert_eq!(
                tested.split('.').next(),
                Some(major.as_str()),
                "{document}: {name}"
            );
        }
        for block in blocks(document, "ts") {
            for package in block.lines().filter_map(imported) {
                assert!(
                    installed.contains_key(&package),
                    "{document} imports {package}, and does not install it"
                );
            }
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for document in DOCUMENTS {
        let folder = Path::new(document).parent().expect("a folder");
        let text = text(document).replace('\n', " ");
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            if path.contains("://") {
                continue;
            }
            let leads_to = match path {
                "" => Path::new(ROOT).join(document),
                path => Path::new(ROOT).join(folder).join(path),
            };
            assert!(leads_to.exists(), "{document}: {target}");
            let headings = fs::read_to_string(leads_to).unwrap_or_default();
            let mut anchors = headings
                .lines()
                .filter_map(|line| line.strip_prefix('#'))
                .map(|line| line.trim_start_matches('#').trim().to_lowercase())
                .map(|title| title.replace(' ', "-"));
            assert!(
                heading.is_empty() || anchors.any(|anchor| anchor == heading),
                "{document}: {target}"
            );
        }
    }
}

/// Follows the README over HTTP; a browser does it word by word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_conversation_goes_as_told() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let operations = blocks("README.md", "graphql");
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
