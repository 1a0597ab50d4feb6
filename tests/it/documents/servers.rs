//! What one server remembers is nothing to another in the same process, and is bounded.

use std::fmt::Write;

use super::*;
use crate::support::{app::Place, program::Program};

const STANDARD: &str = include_str!("../limits/introspection.graphql");

#[tokio::test]
async fn a_server_without_introspection_refuses_what_another_one_answers() {
    let on = app().await;
    let off = TestApp::with(StoreKind::Embedded, |config| config.introspection = false).await;
    let [open, closed] = [&on, &off].map(TestApp::anonymous);
    for document in [
        STANDARD,
        "{ __schema { queryType { name } } }",
        "{ __type(name: \"User\") { name } }",
        "{ me { id } __schema { queryType { name } } }",
        "query($x: Boolean = false) { __schema @include(if: $x) { queryType { name } } }",
    ] {
        let first = open.run(&unseen(document), json!({})).await;
        assert!(first.get("errors").is_none(), "{first}");
        for _ in 0..3 {
            assert_eq!(open.run(document, json!({})).await, first);
            let error = closed
                .fails("GRAPHQL_VALIDATION_FAILED", document, json!({}))
                .await;
            assert_eq!(error["message"], "Introspection is switched off here.");
        }
    }
    for _ in 0..2 {
        for client in [&open, &closed] {
            let data = client.ok("{ __typename }", json!({})).await;
            assert_eq!(data, json!({ "__typename": "Query" }));
        }
    }
}

#[tokio::test]
async fn each_server_keeps_to_its_own_limits() {
    let wide = app().await;
    let narrow = TestApp::with(StoreKind::Embedded, |config| {
        config.limits.depth = 2;
        config.limits.complexity = 20;
        config.limits.document_bytes = 300;
    })
    .await;
    let [wide, narrow] = [&wide, &narrow].map(TestApp::anonymous);
    let long = format!("{{ me {{ id }} }}{}", " ".repeat(400));
    let many = format!("{{ me {{ {} }} }}", "id ".repeat(30));
    for _ in 0..3 {
        for document in ["{ me { directConversation { id } } }", &long, &many] {
            wide.ok(document, json!({})).await;
            narrow.fails("QUERY_TOO_COMPLEX", document, json!({})).await;
        }
        for client in [&wide, &narrow] {
            client.ok("{ me { id } }", json!({})).await;
        }
    }
}

/// Documents that are sent once each.
const DOCUMENTS: usize = 600;
/// What the server may hold more than before, in MiB: a few of these documents at a time, not all of them.
const ROOM: u64 = 96;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_that_come_once_do_not_pile_up() {
    let place = Place::fresh(StoreKind::Embedded).await;
    let program = Program::start(&place).await;
    let ask = async |number: usize| {
        let client = program.anonymous();
        // As many fields as a document may have, about 1 MB each once they are read, in documents that are valid,
        // that are not, and that are none.
        let mut fields = String::with_capacity(20_000);
        for _ in 0..4_900 {
            fields.push_str("id ");
        }
        write!(fields, "a{number}: id").expect("it has room");
        let (document, code) = match number % 3 {
            0 => (format!("{{me{{{fields}}}}}"), None),
            1 => (
                format!("{{me{{{fields} nothing}}}}"),
                Some("GRAPHQL_VALIDATION_FAILED"),
            ),
            _ => (format!("{{me{{{fields}}}"), Some("GRAPHQL_PARSE_FAILED")),
        };
        let reply = client.run(&document, json!({})).await;
        assert_eq!(at(&reply, "errors.0.extensions.code").as_str(), code);
    };
    for number in 0..20 {
        ask(number).await;
    }
    let before = program.memory();
    let mut most = 0;
    for number in 20..DOCUMENTS {
        ask(number).await;
        most = most.max(program.memory());
    }
    let grown = most.saturating_sub(before) / 1024 / 1024;
    assert!(grown < ROOM, "it grew by {grown} MiB");
}
