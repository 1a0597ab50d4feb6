//! Who may do what in a conversation: one table for groups and one for direct conversations, of every query, mutation
//! and subscription that touches one. For those who are not in it each answer is what a made-up id gets.

mod direct;
mod group;

use serde_json::{Value, json};

use crate::{
    on_both_stores,
    support::{
        Client, TestApp,
        acts::{NO_CONVERSATION, NO_MESSAGE, ids, text, with},
        feed::Window,
        store::StoreKind,
        ws::Ws,
    },
};

/// What comes of an operation: "ok", "null", the code of its error, or the code that its socket is closed with.
type Outcome = &'static str;

const OK: Outcome = "ok";
const NULL: Outcome = "null";
const NOT_FOUND: Outcome = "NOT_FOUND";
const FORBIDDEN: Outcome = "FORBIDDEN";
const BAD: Outcome = "BAD_USER_INPUT";
const SIGN_IN: Outcome = "UNAUTHENTICATED";
const CLOSED: Outcome = "4403";

const CONVERSATION: &str = "query($conversation: ID!) { conversation(id: $conversation) { id title lastMessage { body } } }";
const CONVERSATION_NODE: &str =
    "query($conversation: ID!) { node(id: $conversation) { __typename id } }";
const MESSAGE_NODE: &str =
    "query($message: ID!) { node(id: $message) { __typename ... on Message { body } } }";
const HISTORY: &str = "query($conversation: ID!) { messages(in: { conversationId: $conversation }) { nodes { body } } }";
const PAGE: &str = "query($conversation: ID!) {
    messages(in: { conversationId: $conversation }, first: 1, after: \"x\") { nodes { body } }
}";
const SEND: &str = "mutation($conversation: ID!) {
    sendMessage(input: { to: { conversationId: $conversation }, body: \"hello\" }) { id }
}";
const REPLY: &str = "mutation($conversation: ID!, $message: ID!) {
    sendMessage(input: {
        to: { conversationId: $conversation }, body: \"hello\", replyToId: $message
    }) { id }
}";
const MARK: &str = "mutation($message: ID!) { markRead(messageId: $message) { id } }";
const TYPE: &str =
    "mutation($conversation: ID!) { setTyping(in: { conversationId: $conversation }) }";
const RENAME: &str = "mutation($conversation: ID!) {
    renameGroup(conversationId: $conversation, title: \"another\") { id }
}";
const ADD: &str = "mutation($conversation: ID!, $newcomer: ID!) {
    addMembers(conversationId: $conversation, userIds: [$newcomer]) { id }
}";
const REMOVE: &str = "mutation($conversation: ID!, $other: ID!) {
    removeMember(conversationId: $conversation, userId: $other) { id }
}";
const LEAVE: &str = "mutation($conversation: ID!, $self: ID!) {
    removeMember(conversationId: $conversation, userId: $self) { id }
}";
const EDIT: &str =
    "mutation($message: ID!) { editMessage(messageId: $message, body: \"changed\") { id } }";
const DELETE: &str = "mutation($message: ID!) { deleteMessage(messageId: $message) { id } }";
const REACT: &str =
    "mutation($message: ID!) { addReaction(messageId: $message, emoji: \"👍\") { id } }";
const UNREACT: &str =
    "mutation($message: ID!) { removeReaction(messageId: $message, emoji: \"👍\") { id } }";
const TYPING: &str = "subscription($conversation: ID!) {
    typing(in: { conversationId: $conversation }) { typing }
}";

/// A subscription to one conversation through a window.
fn listening(window: Window) -> String {
    let field = match window {
        Window::Events => "events",
        Window::NewMessage => "newMessage",
        Window::MessageChanged => "messageChanged",
    };
    format!(
        "subscription($conversation: ID!) {{ {field}(in: {{ conversationId: $conversation }}) {{ cursor }} }}"
    )
}

/// What comes of an operation by someone, and the whole of what they are told. Of a subscription that should be
/// refused the refusal is waited for.
async fn outcome(
    app: &TestApp,
    who: &Client,
    document: &str,
    variables: &Value,
    expected: Outcome,
) -> (String, Value) {
    if document.starts_with("subscription") {
        return subscribed(app, who, document, variables, expected).await;
    }
    let answer = who.asks(document, variables.clone()).await;
    let outcome = match answer.code() {
        Some(code) => code,
        None if answer.done().is_null() => NULL,
        None => OK,
    };
    (outcome.to_owned(), answer.0)
}

async fn subscribed(
    app: &TestApp,
    who: &Client,
    document: &str,
    variables: &Value,
    expected: Outcome,
) -> (String, Value) {
    let mut socket = Ws::open(app.address).await;
    let init = json!({ "type": "connection_init", "payload": { "token": who.token } });
    socket.send(init).await;
    if let Err(code) = socket.next_or_close().await {
        let code = code.expect("a code");
        return (code.to_string(), json!(code));
    }
    socket.subscribe("1", document, variables.clone()).await;
    let told = if expected == OK {
        let told = socket.until_settled().await;
        told.into_iter().find(|message| message["id"] == "1")
    } else {
        Some(socket.message_of("1").await)
    };
    let Some(told) = told else {
        return (OK.to_owned(), Value::Null);
    };
    assert_eq!(told["type"], "error", "{told}");
    (text(&told["payload"][0]["extensions"]["code"]), told)
}

/// Makes sure that someone who is not in a conversation is told what a made-up id gets.
async fn is_as_made_up(
    app: &TestApp,
    who: &Client,
    document: &str,
    variables: &Value,
    told: &Value,
) {
    let mut made_up = variables.clone();
    made_up["conversation"] = json!(NO_CONVERSATION);
    made_up["message"] = json!(NO_MESSAGE);
    let (_, expected) = outcome(app, who, document, &made_up, NOT_FOUND).await;
    assert_eq!(*told, expected, "{document}");
}
