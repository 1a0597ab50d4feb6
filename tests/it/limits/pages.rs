//! How large a page may be.

use serde_json::json;

use super::{app, code, is_too_complex};

#[tokio::test]
async fn a_page_costs_its_size_times_what_it_holds() {
    let app = app().await;
    let people = |first: usize, fields: usize| {
        format!(
            "{{ sidebarUsers(first: {first}) {{ nodes {{ {} }} }} }}",
            "id ".repeat(fields)
        )
    };
    for (first, fields) in [(100, 48), (50, 98), (1, 4_997)] {
        assert!(
            !is_too_complex(&app, &people(first, fields)).await,
            "{first} {fields}"
        );
        assert!(
            is_too_complex(&app, &people(first, fields + 2)).await,
            "{first} {fields}"
        );
    }
    let nested = "query($n: Int, $m: Int) { conversations(first: $n) { nodes { messages(last: $m) { nodes { id } } } } }";
    for (n, m, refused) in [
        (10, 100, None),
        (100, 10, None),
        (100, 100, Some("QUERY_TOO_COMPLEX")),
        // That costs nothing, and is no size.
        (-1, 100, Some("BAD_USER_INPUT")),
        (i32::MIN, i32::MIN, Some("BAD_USER_INPUT")),
        (1_000_000, 100, Some("QUERY_TOO_COMPLEX")),
    ] {
        let code = code(&app, nested, json!({ "n": n, "m": m })).await;
        assert_eq!(code.as_deref(), refused, "{n} {m}");
    }
    assert_eq!(
        code(&app, nested, json!({})).await.as_deref(),
        Some("QUERY_TOO_COMPLEX"),
        "50 times 50 by default"
    );
}

#[tokio::test]
async fn pages_are_one_to_a_hundred() {
    let app = app().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "hello").await;
    let messages = format!(
        "messages(in: {{ userId: \"{}\" }}, PAGE) {{ nodes {{ id }} }}",
        bob.id
    );
    let fields = [
        ("sidebarUsers(PAGE) { nodes { id } }", vec!["first"]),
        ("conversations(PAGE) { nodes { id } }", vec!["first"]),
        (
            "conversations { nodes { messages(PAGE) { nodes { id } } } }",
            vec!["first", "last"],
        ),
        (messages.as_str(), vec!["first", "last"]),
    ];
    for (field, arguments) in fields {
        for argument in arguments {
            let document = |size: &str| {
                format!(
                    "{{ {} }}",
                    field
                        .replace("PAGE", &format!("{argument}: {size}"))
                        .replace("conversations {", "conversations(first: 1) {")
                )
            };
            for size in ["0", "-1", "101", "-2147483648", "2147483647"] {
                let error = ann
                    .fails("BAD_USER_INPUT", &document(size), json!({}))
                    .await;
                assert_eq!(error["extensions"]["field"], argument, "{}", document(size));
            }
            for size in ["1", "100"] {
                ann.ok(&document(size), json!({})).await;
            }
            // No Int, whatever it is for.
            let too_many = document("2147483648");
            ann.fails("GRAPHQL_VALIDATION_FAILED", &too_many, json!({}))
                .await;
        }
    }
    for both in [
        messages.as_str(),
        "conversations(first: 1) { nodes { messages(PAGE) { nodes { id } } } }",
    ] {
        let document = format!("{{ {} }}", both.replace("PAGE", "first: 1, last: 1"));
        let error = ann.fails("BAD_USER_INPUT", &document, json!({})).await;
        assert_eq!(error["extensions"]["field"], "last");
    }
}

#[tokio::test]
async fn a_page_of_a_size_that_there_is_not_is_refused_before_anything_runs() {
    let app = app().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let send = |page: &str| {
        format!(
            "mutation($n: Int) {{ sendMessage(input: {{ to: {{ userId: \"{}\" }}, body: \"hello\" }}) {{
                conversation {{ messages({page}) {{ nodes {{ body }} }} other: messages(last: $n) {{ nodes {{ id }} }} }}
            }} }}",
            bob.id
        )
    };
    for (page, n, argument) in [
        ("first: 101", 1, "first"),
        ("first: 1", 101, "last"),
        ("first: 1, last: $n", 1, "last"),
    ] {
        let (document, variables) = (send(page), json!({ "n": n }));
        let error = ann.fails("BAD_USER_INPUT", &document, variables).await;
        assert_eq!(error["extensions"]["field"], argument);
    }
    assert!(
        ann.history(&json!({ "userId": bob.id })).await.is_empty(),
        "nothing was sent"
    );
    // Nor does it matter whether there is anything to be paged.
    for (nowhere, argument) in [
        (
            "conversation(id: \"x\") { messages(first: 101) { nodes { id } } }",
            "first",
        ),
        (
            "me { directConversation { messages(last: 0) { nodes { id } } } }",
            "last",
        ),
        (
            "conversations { nodes { messages(first: 1, last: 1) { nodes { id } } } }",
            "last",
        ),
        (
            "conversations(first: 1) { nodes { lastMessage { reactions { users(first: 51) { id } } } } }",
            "first",
        ),
    ] {
        let document = format!("{{ {nowhere} }}");
        let error = ann.fails("BAD_USER_INPUT", &document, json!({})).await;
        assert_eq!(error["extensions"]["field"], argument, "{nowhere}");
    }
    let skipped = "{ me { id directConversation @skip(if: true) { messages(first: 101) { nodes { id } } } } }";
    ann.ok(skipped, json!({})).await;
    ann.ok(&send("first: $n"), json!({ "n": null })).await;
    assert_eq!(ann.history(&json!({ "userId": bob.id })).await.len(), 1);
    app.stop().await;
}
