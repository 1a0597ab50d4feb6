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
        (10, 100, false),
        (100, 10, false),
        (100, 100, true),
        (-1, 100, false),
        (i32::MIN, i32::MIN, false),
        (1_000_000, 100, true),
    ] {
        let code = code(&app, nested, json!({ "n": n, "m": m })).await;
        assert_eq!(
            code.as_deref(),
            refused.then_some("QUERY_TOO_COMPLEX"),
            "{n} {m}"
        );
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
