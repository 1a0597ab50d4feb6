//! How large a document may be.

use serde_json::{Value, json};

use super::{answer, app, code, each, is_the_limit, is_too_complex};
use crate::support::json as at;

#[tokio::test]
async fn documents_are_bounded_in_every_direction() {
    let app = app().await;
    is_the_limit(&app, 15, |levels| {
        let path = each(levels - 3, |n| {
            if n % 2 == 0 {
                "lastMessage {"
            } else {
                "conversation {"
            }
            .into()
        });
        format!(
            "{{ me {{ directConversation {{ {path} id {} }} }} }}",
            "}".repeat(levels - 3)
        )
    })
    .await;
    is_the_limit(&app, 5_000, |complexity| {
        format!("{{me{{{}}}}}", "id ".repeat(complexity - 1))
    })
    .await;
    is_the_limit(&app, 15, |fields| {
        format!("{{ {} }}", "me { id } ".repeat(fields))
    })
    .await;
    is_the_limit(&app, 15, |fields| {
        format!(
            "{{ ...F }} fragment F on Query {{ {} }}",
            "me { id } ".repeat(fields)
        )
    })
    .await;
    is_the_limit(&app, 30, |aliases| {
        format!("{{ me {{ {} }} }}", each(aliases, |n| format!("a{n}: id ")))
    })
    .await;
    is_the_limit(&app, 50, |directives| {
        format!(
            "{{ me {{ {} }} }}",
            "id @skip(if: false) ".repeat(directives)
        )
    })
    .await;
    is_the_limit(&app, 32 * 1024, |bytes| {
        format!("{{ me {{ id }} }}{}", " ".repeat(bytes - 13))
    })
    .await;
    let operations = |n: usize| {
        let document = each(n, |n| format!("query Q{n} {{ me {{ id }} }} "));
        json!({ "query": document, "operationName": "Q0" })
    };
    assert_eq!(
        answer(&app, &operations(10)).await,
        json!({ "data": { "me": null } })
    );
    let refused = answer(&app, &operations(11)).await;
    assert_eq!(
        at(&refused, "errors.0.extensions.code"),
        "QUERY_TOO_COMPLEX"
    );
}

#[tokio::test]
async fn one_operation_signs_in_once() {
    let app = app().await;
    let login = |alias: &str| {
        format!(
            "{alias}: login(input: {{ username: \"ann\", password: \"password1\" }}) {{ token }} "
        )
    };
    let signup = "signup(input: { username: \"ann\", password: \"password1\" }) { token }";
    for many in [
        format!("mutation {{ {} {} }}", login("a"), login("b")),
        format!("mutation {{ {} {signup} }}", login("a")),
        format!(
            "mutation {{ ...F {signup} }} fragment F on Mutation {{ {} }}",
            login("a")
        ),
        format!(
            "mutation {{ ... on Mutation {{ {signup} }} {} }}",
            login("a")
        ),
    ] {
        assert!(is_too_complex(&app, &many).await, "{many}");
    }
    app.user("ann").await;
    app.anonymous()
        .ok(&format!("mutation {{ {} }}", login("a")), json!({}))
        .await;
}

#[tokio::test]
async fn brackets_inside_brackets_do_not_break_the_parser() {
    let app = app().await;
    for deep in [
        "{a".repeat(10_000),
        "{".repeat(32_000),
        format!(
            "{{ user(id: {}1{}) {{ id }} }}",
            "[".repeat(10_000),
            "]".repeat(10_000)
        ),
        format!(
            "{{ user(id: {}1{}) {{ id }} }}",
            "{a:".repeat(6_000),
            "}".repeat(6_000)
        ),
        format!(
            "query($a: {}ID{}) {{ me {{ id }} }}",
            "[".repeat(10_000),
            "]".repeat(10_000)
        ),
        format!("{{ user(id: \"\"\"\\\"\"\" [\"\"\" {}", "[".repeat(20_000)),
        format!("# \"\n{{ user(id: {}", "[".repeat(20_000)),
        format!("{{me{{{}id{}}}}}", "...{".repeat(5_000), "}".repeat(5_000)),
    ] {
        assert!(is_too_complex(&app, &deep).await);
    }
    let brackets = "[{(".repeat(3_000);
    for harmless in [
        format!("{{ me {{ id }} }} # {brackets}"),
        format!(
            "query($x: Boolean! = true) {{ user(id: \"{brackets}\") @skip(if: $x) {{ id }} me {{ id }} }}"
        ),
        format!(
            "query($x: Boolean! = true) {{ user(id: \"\"\"{brackets} \\\"\"\" {brackets}\"\"\") @skip(if: $x) {{ id }} me {{ id }} }}"
        ),
    ] {
        assert_eq!(code(&app, &harmless, json!({})).await, None);
    }
    let nested = |levels: usize| {
        serde_json::from_str::<Value>(&format!("{}1{}", "[".repeat(levels), "]".repeat(levels)))
            .expect("JSON")
    };
    let document = "query($id: ID!) { user(id: $id) { id } }";
    assert_eq!(
        code(&app, document, json!({ "id": nested(100) }))
            .await
            .as_deref(),
        Some("BAD_USER_INPUT")
    );
    assert_eq!(
        code(&app, "{ me { id } }", json!({ "unused": nested(100) })).await,
        None
    );
}
