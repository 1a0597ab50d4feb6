//! Texts that are nearly the same are different documents.

use super::*;

#[tokio::test]
async fn texts_that_differ_only_inside_a_string_are_two() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    let long = "x".repeat(3_900);
    // The texts in a document, and what they say.
    let bodies = [
        ("\"a b\"", "a b"),
        ("\"a  b\"", "a  b"),
        ("\"a\\tb\"", "a\tb"),
        ("\"a,b\"", "a,b"),
        ("\"a # b\"", "a # b"),
        ("\"a # c\"", "a # c"),
        ("\"A B\"", "A B"),
        ("\"\\\"a b\\\"\"", "\"a b\""),
        ("\"\\u0041\"", "A"),
        ("\"\"\"a b\"\"\"", "a b"),
        ("\"\"\"\n  a\n   b\n\"\"\"", "a\n b"),
        ("\"é\"", "é"),
        ("\"e\u{301}\"", "e\u{301}"),
        (&format!("\"{long}1\""), &format!("{long}1")),
        (&format!("\"{long}2\""), &format!("{long}2")),
    ];
    for _ in 0..2 {
        for (text, body) in &bodies {
            let document = format!(
                "mutation {{ sendMessage(input: {{ to: {{ userId: \"{}\" }}, body: {text} }}) {{ body }} }}",
                bob.id
            );
            let sent = ann.ok(&document, json!({})).await;
            assert_eq!(sent["sendMessage"]["body"], *body, "{text}");
        }
    }
    assert_eq!(ann.history(&json!({ "userId": bob.id })).await.len(), 33);
}

#[tokio::test]
async fn texts_that_differ_only_in_spelling_are_answered_by_their_own_names_and_places() {
    let app = app().await;
    let [ann, _] = two(&app).await;
    for _ in 0..2 {
        for (document, data) in [
            (
                "{ me { username } }",
                json!({ "me": { "username": "ann" } }),
            ),
            ("{ me { a: username } }", json!({ "me": { "a": "ann" } })),
            (
                "{ a: me { username } }",
                json!({ "a": { "username": "ann" } }),
            ),
            ("{me{a:username}}", json!({ "me": { "a": "ann" } })),
            (
                "query username { me { username } }",
                json!({ "me": { "username": "ann" } }),
            ),
            (
                "{ me { id @skip(if: true) username } }",
                json!({ "me": { "username": "ann" } }),
            ),
            (
                "{ me { id @skip(if: false) } }",
                json!({ "me": { "id": ann.id } }),
            ),
        ] {
            assert_eq!(ann.ok(document, json!({})).await, data, "{document}");
        }
        for (document, line, column) in [
            ("{ me { nothing } }", 1, 8),
            ("{  me { nothing } }", 1, 9),
            ("\n{ me { nothing } }", 2, 8),
            ("# remark\n\n { me {\nnothing } }", 4, 1),
            ("{me{nothing}}", 1, 5),
        ] {
            let error = ann
                .fails("GRAPHQL_VALIDATION_FAILED", document, json!({}))
                .await;
            let place = json!([{ "line": line, "column": column }]);
            assert_eq!(error["locations"], place, "{document}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_who_ask_at_once_are_each_answered_by_their_own_variables() {
    let app = app().await;
    let [ann, bob] = two(&app).await;
    for _ in 0..5 {
        let document = unseen(
            "query($id: ID!, $x: Boolean!) { me { username } user(id: $id) { id username @include(if: $x) } }",
        );
        let asking = (0..60).map(|number| {
            let (viewer, other) = if number % 2 == 0 {
                (&ann, &bob)
            } else {
                (&bob, &ann)
            };
            let id = match number % 3 {
                0 => json!(viewer.id),
                1 => json!(other.id),
                _ => Value::Null,
            };
            let shown = number % 5 == 0;
            let document = &document;
            async move {
                let reply = viewer.run(document, json!({ "id": id, "x": shown })).await;
                if id.is_null() {
                    assert_eq!(at(&reply, "errors.0.extensions.code"), "BAD_USER_INPUT");
                    assert!(reply.get("data").is_none(), "{reply}");
                    return;
                }
                let mut user = json!({ "id": id });
                if shown {
                    let who = if id == viewer.id { viewer } else { other };
                    user["username"] = json!(who.username);
                }
                let data = json!({ "me": { "username": viewer.username }, "user": user });
                assert_eq!(reply, json!({ "data": data }));
            }
        });
        futures_util::future::join_all(asking).await;
    }
}
