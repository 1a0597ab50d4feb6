//! What its sender's client called a message: for its sender alone.

use super::*;
use crate::{on_both_stores, support::store::StoreKind};

on_both_stores!(what_lies_beside_a_message_is_told_to_its_own_sender_alone);

/// A subscription, and the message in its event for someone who is told this of the `clientMessageId`.
type Case = (Value, fn(&Value) -> Value);

/// Ways of asking for `clientMessageId`, all in documents that the same people send at once.
fn cases() -> Vec<Case> {
    let by_flag = "subscription($x: Boolean!) { newMessage { message {
        clientMessageId @include(if: $x) mine: clientMessageId @skip(if: $x)
    } } }";
    let by_default = "subscription($x: Boolean = true) { newMessage { message {
        ... @include(if: $x) { clientMessageId }
        ...F @skip(if: $x)
    } } } fragment F on Message { mine: clientMessageId }";
    let several = "query Q { me { id } }
        subscription A { newMessage { message { clientMessageId } } }
        subscription B { newMessage { message { mine: clientMessageId } } }
        subscription C { newMessage { message { ...F } } }
        fragment F on Message { mine: clientMessageId clientMessageId }";
    let plain: fn(&Value) -> Value = |own| json!({ "clientMessageId": own });
    let aliased: fn(&Value) -> Value = |own| json!({ "mine": own });
    let both: fn(&Value) -> Value = |own| json!({ "mine": own, "clientMessageId": own });
    let flagged =
        |document: &str, variables: Value| json!({ "query": document, "variables": variables });
    let named = |name: &str| json!({ "query": several, "operationName": name });
    vec![
        (
            payload("subscription { newMessage { message { clientMessageId } } }"),
            plain,
        ),
        (
            payload("subscription { newMessage { message { mine: clientMessageId } } }"),
            aliased,
        ),
        (
            payload(
                "subscription { newMessage { message { mine: clientMessageId clientMessageId } } }",
            ),
            both,
        ),
        (
            payload(
                "subscription { newMessage { message { ...F } } } fragment F on Message { clientMessageId }",
            ),
            plain,
        ),
        (
            payload(
                "subscription { ...R } fragment R on Subscription { newMessage { ...N } }
                fragment N on NewMessage { message { ...F } } fragment F on Message { ...G }
                fragment G on Message { mine: clientMessageId }",
            ),
            aliased,
        ),
        (
            payload(
                "subscription { ... on Subscription { newMessage { ... { message { ... on Message {
                    mine: clientMessageId ... { clientMessageId }
                } } } } } }",
            ),
            both,
        ),
        (flagged(by_flag, json!({ "x": true })), plain),
        (flagged(by_flag, json!({ "x": false })), aliased),
        (flagged(by_default, json!({})), plain),
        (
            flagged(by_default, json!({ "x": true, "y": "unused" })),
            plain,
        ),
        (flagged(by_default, json!({ "x": false })), aliased),
        (named("A"), plain),
        (named("B"), aliased),
        (named("C"), both),
        // Names that say something else than they hold.
        (
            payload(
                "subscription { newMessage { message { clientMessageId: __typename mine: clientMessageId } } }",
            ),
            |own| json!({ "clientMessageId": "Message", "mine": own }),
        ),
        (
            payload(
                "subscription { newMessage { message { sender { clientMessageId: __typename } clientMessageId } } }",
            ),
            |own| json!({ "sender": { "clientMessageId": "User" }, "clientMessageId": own }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sender_alone_sees_what_its_client_called_a_message_however_it_asks() {
    let app = TestApp::start(StoreKind::Embedded).await;
    let [ann, bob, eve] = three(&app).await;
    let cases = cases();
    let payloads = cases.iter().map(|(payload, _)| payload.clone());
    let payloads = payloads.collect::<Vec<_>>();
    let mut audience = audience(&app, &[&ann, &bob, &eve], &payloads).await;
    for (number, (sender, receiver)) in [(&ann, &bob), (&bob, &ann), (&eve, &ann), (&ann, &eve)]
        .into_iter()
        .enumerate()
    {
        let name = format!("the {number}th");
        say(sender, receiver, "hello", &name).await;
        for listener in &mut audience {
            if !listener.is(sender) && !listener.is(receiver) {
                continue;
            }
            let own = if listener.is(sender) {
                json!(name)
            } else {
                Value::Null
            };
            let events = listener.round().await;
            for (id, (payload, expected)) in (1..).zip(&cases) {
                let event = &events[&format!("{id}")];
                let viewer = &listener.viewer.username;
                assert_eq!(*event, told(&expected(&own)), "to {viewer}: {payload}");
            }
        }
    }
    // Nobody was told of what others said to each other.
    for listener in &mut audience {
        assert_eq!(listener.socket.until_settled().await, [] as [Value; 0]);
    }
}

async fn what_lies_beside_a_message_is_told_to_its_own_sender_alone(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let [ann, bob, eve] = three(&app).await;
    let named = "seq clientMessageId sender { id }";
    // One way to another message in each.
    let payloads = [
        format!("replyTo {{ {named} replyTo {{ {named} }} }}"),
        format!("conversation {{ lastMessage {{ {named} }} }}"),
        format!("{named} conversation {{ messages(last: 3) {{ nodes {{ {named} }} edges {{ node {{ {named} }} }} }} }}"),
    ]
    .map(|fields| payload(&format!("subscription {{ newMessage {{ message {{ {fields} }} }} }}")));
    let mut audience = audience(&app, &[&ann, &bob, &eve], &payloads).await;
    let mut said = Vec::<Value>::new();
    for number in 0..6 {
        let (sender, receiver) = if number % 3 == 1 {
            (&bob, &ann)
        } else {
            (&ann, &bob)
        };
        let name = format!("{} {number}", sender.username);
        let input = json!({
            "to": with(receiver), "body": name, "clientMessageId": name,
            "replyToId": said.last().map(|last| last["id"].clone()),
        });
        let reply = sender.post(input).await;
        let mut message = reply["data"]["sendMessage"].clone();
        message["clientMessageId"] = json!(name);
        said.push(message);
        for listener in &mut audience {
            if listener.is(&eve) {
                continue;
            }
            let seen = |at: usize| {
                let message = &said[at];
                let own = message["sender"]["id"] == listener.viewer.id;
                let name = if own {
                    message["clientMessageId"].clone()
                } else {
                    Value::Null
                };
                json!({ "seq": message["seq"], "clientMessageId": name, "sender": message["sender"] })
            };
            let mut answered = Value::Null;
            if number > 0 {
                answered = seen(number - 1);
                answered["replyTo"] = Value::Null;
            }
            if number > 1 {
                answered["replyTo"] = seen(number - 2);
            }
            let page = (number.saturating_sub(2)..=number).map(seen);
            let page = page.collect::<Vec<_>>();
            let edges = page.iter().map(|node| json!({ "node": node }));
            let page = json!({ "nodes": page, "edges": edges.collect::<Vec<_>>() });
            let mut beside = seen(number);
            beside["conversation"] = json!({ "messages": page });
            let expected = [
                json!({ "replyTo": answered }),
                json!({ "conversation": { "lastMessage": seen(number) } }),
                beside,
            ];
            let username = listener.viewer.username.clone();
            let events = listener.round().await;
            for (id, expected) in (1..).zip(&expected) {
                assert_eq!(events[&format!("{id}")], told(expected), "to {username}");
            }
        }
    }
    drop(audience);
    app.stop().await;
}
