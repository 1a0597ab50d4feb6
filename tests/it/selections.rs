//! What is selected is what comes, however it is selected. Lists and messages are written as JSON at once where a
//! document allows it; where it selects from one field twice they are put together first. Both must give the same.

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{Client, TestApp, json as at, store::StoreKind},
};

on_both_stores!(
    what_is_written_at_once_is_what_is_put_together,
    selections_from_one_field_are_merged_in_lists,
    an_error_in_a_list_tells_where_it_is,
);

const USER: &str = "__typename id username displayName avatarUrl online lastSeenAt createdAt";
const MESSAGE: &str = "__typename id body seq clientMessageId sentAt editedAt deletedAt
    reactions { emoji } replyTo { id body sender { id } }";

/// Every field of every type that lists hold, in one document, which selects from no field twice.
fn everything() -> String {
    format!(
        "query($in: ConversationRef!) {{
            sidebarUsers {{
                nodes {{ ...Person directConversation {{ id kind }} }}
                edges {{ cursor node {{ ...Person }} __typename }}
                pageInfo {{ hasPreviousPage hasNextPage startCursor endCursor }}
            }}
            found: sidebarUsers(search: \"b\") {{ nodes {{ {USER} }} }}
            onlineUsers {{ ...Person }}
            messages(in: $in) {{
                nodes {{
                    ...Said
                    by: sender {{ ...Person name: displayName }}
                    ... on Message {{ conversation {{ id title createdAt lastActivityAt unreadCount }} }}
                }}
                edges {{ node {{ ... {{ seq }} ...Said sender {{ {USER} }} }} cursor }}
            }}
            conversations {{
                nodes {{
                    __typename id kind title createdAt lastActivityAt unreadCount
                    lastMessage {{ ...Said sender {{ id }} conversation {{ id }} }}
                    members {{ __typename role joinedAt user {{ ...Person }} lastRead {{ id seq }} }}
                    messages(last: 2) {{ nodes {{ id sender {{ username }} }} }}
                }}
                edges {{ cursor node {{ id lastMessage {{ body }} }} }}
            }}
        }}
        fragment Person on User {{ id id {USER} id }}
        fragment Said on Message {{ {MESSAGE} }}"
    )
}

/// Someone with names and a picture that JSON has to escape.
async fn odd(app: &TestApp) -> Client {
    let mut odd = Client::new(app.url("/graphql"));
    let input = json!({
        "username": "bob", "password": "password1", "displayName": "B\"ö\\b </b> 🦀",
        "avatarUrl": "https://example.org/%22b\\ob%22.png?a=1&b=2",
    });
    let document = "mutation($input: SignupInput!) { signup(input: $input) { token user { id } } }";
    let signup = odd.ok(document, json!({ "input": input })).await["signup"].clone();
    odd.token = signup["token"].as_str().map(str::to_owned);
    odd.id = at(&signup, "user.id").as_str().expect("an id").to_owned();
    odd
}

async fn say(client: &Client, to: &Client, body: &str, more: Value) -> Value {
    let mut input = json!({ "to": { "userId": to.id }, "body": body });
    for (name, value) in more.as_object().expect("an object") {
        input[name] = value.clone();
    }
    let document = "mutation($input: SendMessageInput!) {
        sendMessage(input: $input) { id body clientMessageId replyTo { id } sender { username } }
    }";
    client.ok(document, json!({ "input": input })).await["sendMessage"].clone()
}

/// The text of the answer.
async fn text(client: &Client, document: &str, variables: &Value) -> String {
    let request = client.request(document, variables.clone());
    let answer = request.send().await.expect("an answer");
    answer.text().await.expect("a text")
}

async fn what_is_written_at_once_is_what_is_put_together(kind: StoreKind) {
    let app = TestApp::with(kind, |config| config.limits.complexity = 50_000).await;
    let (ann, cleo) = tokio::join!(app.user("ann"), app.user("cleo"));
    let bob = odd(&app).await;
    for body in [
        "plain",
        "\"quoted\" \\ and \\\" once more",
        "tab\t, line\nand \u{1}\u{7f}\u{2028} and 😀\u{0301}",
        "</script><!--",
    ] {
        let said = say(
            &ann,
            &bob,
            body,
            json!({ "clientMessageId": body.len().to_string() }),
        )
        .await;
        assert_eq!(said["body"], body);
        assert_eq!(said["clientMessageId"], body.len().to_string());
        let answer = say(&bob, &ann, "so?", json!({ "replyToId": said["id"] })).await;
        assert_eq!(at(&answer, "replyTo.id"), said["id"]);
    }
    say(&cleo, &ann, "hello", json!({})).await;

    let plain = everything();
    for (viewer, other) in [(&ann, &bob), (&bob, &ann), (&cleo, &ann), (&cleo, &bob)] {
        let variables = json!({ "in": { "userId": other.id } });
        let at_once = text(viewer, &plain, &variables).await;
        let whole = serde_json::from_str::<Value>(&at_once).expect("JSON");
        assert!(whole.get("errors").is_none(), "{whole}");
        let me = format!(r#""me":{{"id":"{}"}},"#, viewer.id);
        for (twice, fragment) in [
            ("me { id } me { id }", ""),
            ("me { id } ... { me { id } }", ""),
            ("...Me ...Me", "fragment Me on Query { me { id } }"),
        ] {
            let merging = plain.replacen('{', &format!("{{ {twice} "), 1) + fragment;
            let together = text(viewer, &merging, &variables).await;
            assert_eq!(at_once, together.replacen(&me, "", 1), "{twice}");
        }
    }
    let page =
        "query($in: ConversationRef!) { messages(in: $in) { nodes { body clientMessageId } } }";
    let page = ann.ok(page, json!({ "in": { "userId": bob.id } })).await;
    let third = json!({ "body": "tab\t, line\nand \u{1}\u{7f}\u{2028} and 😀\u{0301}", "clientMessageId": "31" });
    assert_eq!(at(&page, "messages.nodes.4"), third);
    app.stop().await;
}

async fn selections_from_one_field_are_merged_in_lists(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob) = tokio::join!(app.user("ann"), app.user("bob"));
    say(&bob, &ann, "hello", json!({})).await;
    let variables = json!({ "in": { "userId": bob.id } });
    let bob_is = json!({ "id": bob.id, "username": "bob" });
    for document in [
        "{ sidebarUsers { nodes { id } } sidebarUsers { nodes { username } } }",
        "{ sidebarUsers { nodes { id } ...Names } } fragment Names on UserConnection { nodes { username } }",
        "{ ...Ids ...Names } fragment Ids on Query { sidebarUsers { nodes { id } } }
         fragment Names on Query { sidebarUsers { ... { nodes { username } } } }",
        "{ sidebarUsers { nodes { ...Both } ... { nodes { ...Both } } } }
         fragment Both on User { id username }",
    ] {
        let found = ann.ok(document, json!({})).await;
        assert_eq!(
            found,
            json!({ "sidebarUsers": { "nodes": [bob_is] } }),
            "{document}"
        );
    }
    for (selection, fragments) in [
        ("sender { id } sender { username }", ""),
        ("sender { id } ... on Message { sender { username } }", ""),
        (
            "...A ...B",
            "fragment A on Message { ... { ... { sender { id } } } }
             fragment B on Message { sender { username } }",
        ),
    ] {
        let document = format!(
            "query($in: ConversationRef!) {{ messages(in: $in) {{ nodes {{ {selection} }} }} }}
             {fragments}"
        );
        let found = ann.ok(&document, variables.clone()).await;
        let expected = json!({ "messages": { "nodes": [{ "sender": bob_is }] } });
        assert_eq!(found, expected, "{document}");
    }
    app.stop().await;
}

async fn an_error_in_a_list_tells_where_it_is(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = tokio::join!(app.user("ann"), app.user("bob"), app.user("abe"));
    say(&bob, &ann, "hello", json!({})).await;
    let document = "{ sidebarUsers { nodes {
        username directConversation { id messages(first: 1, after: \"x\") { nodes { id } } } displayName
    } } }";
    let answer = ann.run(document, json!({})).await;
    let nodes = json!([
        { "username": "abe", "directConversation": null, "displayName": "abe" },
        { "username": "bob", "directConversation": null, "displayName": "bob" },
    ]);
    assert_eq!(at(&answer, "data.sidebarUsers.nodes"), nodes, "{answer}");
    assert_eq!(
        answer["errors"].as_array().map(Vec::len),
        Some(1),
        "{answer}"
    );
    let path = json!(["sidebarUsers", "nodes", 1, "directConversation", "messages"]);
    assert_eq!(at(&answer, "errors.0.path"), path, "{answer}");
    assert_eq!(at(&answer, "errors.0.extensions.code"), "BAD_USER_INPUT");

    // No field between it and the root may be null, and it is there twice, or it is not.
    let failing = "messages(first: 1, after: \"x\") { nodes { id } }";
    for twice in ["", "me { id } me { id }"] {
        for (selection, path) in [
            (
                format!("nodes {{ id {failing} }}"),
                json!(["nodes", 0, "messages"]),
            ),
            (
                format!("edges {{ cursor node {{ {failing} }} }}"),
                json!(["edges", 0, "node", "messages"]),
            ),
        ] {
            let document = format!("{{ {twice} conversations {{ {selection} }} }}");
            let answer = ann.run(&document, json!({})).await;
            assert_eq!(answer["data"], Value::Null, "{answer}");
            let mut expected = vec![json!("conversations")];
            expected.extend(path.as_array().expect("a path").clone());
            assert_eq!(at(&answer, "errors.0.path"), json!(expected), "{document}");
        }
    }
    app.stop().await;
}
