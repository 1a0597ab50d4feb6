//! Short documents that would cost much.

use serde_json::json;

use super::{app, code, each, is_too_complex};

#[tokio::test]
async fn fragments_that_multiply_are_refused_without_being_followed() {
    let app = app().await;
    let chain = |links: usize, spreads: usize, end: &str| {
        let link = |n: usize| {
            format!(
                "fragment F{n} on User{{{}}}",
                format!("...F{} ", n + 1).repeat(spreads)
            )
        };
        format!(
            "{{me{{...F0}}}}{}fragment F{links} on User{{{end}}}",
            each(links, link)
        )
    };
    let doubling = chain(25, 2, "id");
    assert!((800..1_000).contains(&doubling.len()), "{}", doubling.len());
    for document in [
        doubling,
        chain(25, 2, "...Nope"),
        chain(25, 2, "__typename"),
        chain(3, 100, "id"),
        chain(2, 1_000, "...Nope"),
        chain(1_000, 1, "id"),
        chain(40, 1, "id"),
        format!(
            "{{me{{{}}}}}{}",
            "...F ".repeat(3_000),
            "fragment F on User{id id}"
        ),
        "{ __schema { types { ...A } } } ".to_owned()
            + &each(24, |n| {
                format!(
                    "fragment {} on __Type{{...{} ...{}}}",
                    letter(n),
                    letter(n + 1),
                    letter(n + 1)
                )
            })
            + "fragment Y on __Type { name }",
    ] {
        assert!(is_too_complex(&app, &document).await, "{document}");
    }
    for circle in [
        "{ me { ...A } } fragment A on User { ...A }",
        "{ me { ...A } } fragment A on User { ...B } fragment B on User { ...C } fragment C on User { ...A }",
        "{ me { id } } fragment A on User { directConversation { lastMessage { sender { ...A } } } }",
    ] {
        assert_eq!(
            code(&app, circle, json!({})).await.as_deref(),
            Some("GRAPHQL_VALIDATION_FAILED")
        );
    }
    let sensible = chain(10, 1, "id username");
    assert!(!is_too_complex(&app, &sensible).await);
}

fn letter(n: usize) -> char {
    char::from(b'A' + u8::try_from(n).expect("a letter"))
}

#[tokio::test]
async fn what_validation_would_repeat_without_end_is_refused() {
    let app = app().await;
    let many_variables = each(2_000, |n| format!("$v{n} "));
    for document in [
        // Each pair of fields that differ is an error, for each of their arguments.
        format!(
            "{{me{{directConversation{{messages({}){{nodes{{id}}}}{}}}}}}}",
            each(1_200, |n| format!("a{n}:1,")),
            "messages ".repeat(2_000)
        ),
        // Each operation has an error for each variable.
        format!(
            "fragment F on Query{{user(id:[{many_variables}]){{id}}}}{}",
            each(11, |n| format!("query A{n}{{...F}}"))
        ),
        // Each error repeats the name.
        format!(
            "query {} {{user(id:[{many_variables}]){{id}}}}",
            "A".repeat(10_000)
        ),
        format!(
            "query($a:{}){{user(id:[{}]){{id}}}}",
            "T".repeat(10_000),
            "$a ".repeat(5_000)
        ),
        // Each use is looked for among all definitions.
        format!(
            "query({}){{me{{id}}}}",
            each(2_000, |n| format!("$v{n}:ID "))
        ),
        // Each use copies the value.
        format!(
            "query($v:[ID!]){{me{{id}}}}fragment F on Query{{{}}}",
            "user(id:$v)".repeat(2_100)
        ),
        // Each set around a field looks at it again.
        format!(
            "{{me{{{}{}{}}}}}",
            "...{".repeat(25),
            "id ".repeat(4_900),
            "}".repeat(25)
        ),
        format!(
            "{{me{{id}}}}fragment F on User{{{}}}{}",
            "a ".repeat(4_500),
            each(500, |n| format!("fragment F{n} on User{{...F}}"))
        ),
        // Introspection that multiplies the schema.
        format!(
            "{{__schema{{types{{fields{{type{{ofType{{fields{{{}}}}}}}}}}}}}}}",
            "name ".repeat(380)
        ),
        format!(
            "{{{}}}",
            each(15, |n| format!(
                "a{n}:__schema{{types{{fields{{args{{{}}}}}}}}}",
                "name ".repeat(20)
            ))
        ),
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }"
            .to_owned(),
    ] {
        let variables = json!({ "v": vec!["x"; 1_000] });
        let code = code(&app, &document, variables).await;
        assert_eq!(
            code.as_deref(),
            Some("QUERY_TOO_COMPLEX"),
            "{}",
            &document[..100]
        );
    }
    // Each fragment twice, of which one is harmless: what is measured must be what is validated.
    let heavy = each(20, |n| {
        let next = n + 1;
        format!("fragment G{n} on Message{{a:replyTo{{...G{next}}}b:replyTo{{...G{next}}}}}")
    });
    let harmless = each(21, |n| format!("fragment G{n} on Message{{id}}"));
    let spread = "{messages(in:{userId:\"x\"}){nodes{...F}}}";
    let root = "fragment F on Message{a:replyTo{...F ...G0}b:replyTo{...F}}";
    for twice in [
        format!("{spread}{root}{heavy}{harmless}fragment F on Message{{id}}"),
        format!(
            "{spread}fragment F on Nothing{{id}}{root}{heavy}{harmless}fragment F on Message{{id}}"
        ),
    ] {
        let nobody = app.anonymous();
        let error = nobody
            .fails("GRAPHQL_VALIDATION_FAILED", &twice, json!({}))
            .await;
        let sentence = "A document has at most one fragment of a name.";
        assert_eq!(error["message"], sentence, "it is not validated");
    }
    for endless in [
        "{user(id:\"\"\"".to_owned() + &"x\\\"\"\"".repeat(5_000),
        "{user(id:[".to_owned() + &"\"\\\\\"\"\"\" \"".repeat(3_000),
    ] {
        assert_eq!(
            code(&app, &endless, json!({})).await.as_deref(),
            Some("GRAPHQL_PARSE_FAILED")
        );
    }
    let reply = app
        .anonymous()
        .run(
            &format!("{{me{{{}}}}}", each(4_000, |n| format!("x{n} "))),
            json!({}),
        )
        .await;
    assert_eq!(
        reply["errors"].as_array().map(Vec::len),
        Some(100),
        "as many errors as anybody reads"
    );
}
