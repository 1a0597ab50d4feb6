//! What was changed on one is changed on the other by the time that the change is acknowledged, however it is read there.

use chinwag::domain::MessageId;
use mongodb::bson::{Bson, Document, doc};
use serde_json::Value;
use uuid::Uuid;

use super::*;
use crate::support::{acts::text, app::Place, mongod::own, or_skipped};

/// Long enough that what is written later for several changes together is between some of these.
const ROUNDS: usize = 20;

const ABOUT: &str = "body reactions { emoji count }";

/// A message's text, and the reactions to it.
fn about(message: &Value) -> Value {
    json!([message["body"], message["reactions"]])
}

/// What each way of reading a message shows of it.
async fn read(viewer: &Client, with: &Value, message: &str) -> Vec<Value> {
    let document = format!(
        "query($in: ConversationRef!, $id: ID!) {{
            messages(in: $in, last: 1) {{ nodes {{ {ABOUT} }} }}
            node(id: $id) {{ ... on Message {{ {ABOUT} }} }}
            conversations(first: 1) {{ nodes {{ lastMessage {{ {ABOUT} }} }} }}
        }}"
    );
    let variables = json!({ "in": with, "id": message });
    let read = viewer.ok(&document, variables).await;
    vec![
        about(&read["messages"]["nodes"][0]),
        about(&read["node"]),
        about(&read["conversations"]["nodes"][0]["lastMessage"]),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_is_acknowledged_on_one_is_read_on_the_other() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let there = moved(&ann, &apps[1]);
    let named = json!({ "to": with(&bob), "body": "0", "clientMessageId": "it" });
    let said = text(&ann.sends(named.clone()).await.done()["id"]);
    let mut reactions = json!([]);
    for round in 0..ROUNDS {
        let body = format!("{}", round / 2);
        if round % 2 == 0 {
            ann.edit(&said, &body).await.done();
        } else if reactions == json!([]) {
            ann.react(&said, "👍").await.done();
            reactions = json!([{ "emoji": "👍", "count": 1 }]);
        } else {
            ann.unreact(&said, "👍").await.done();
            reactions = json!([]);
        }
        // Each way first in its turn, as one brings the others up to date.
        if round % 4 == 0 {
            let document =
                "mutation($input: SendMessageInput!) { sendMessage(input: $input) { body } }";
            let again = there.ok(document, json!({ "input": named })).await;
            assert_eq!(again["sendMessage"]["body"], json!(body), "{round}");
        } else if round % 4 == 2 {
            // What is so already changes nothing.
            let same = there.edit(&said, &body).await.done();
            assert_eq!(same["body"], json!(body), "{round}");
        } else {
            let (read, newest) = (
                read(&there, &with(&bob), &said).await,
                json!([body, reactions]),
            );
            assert!(read.iter().all(|read| *read == newest), "{round}: {read:?}");
        }
    }
    let document = format!(
        "mutation($input: SendMessageInput!) {{ sendMessage(input: $input) {{ replyTo {{ {ABOUT} }} }} }}"
    );
    let reply = json!({ "to": with(&bob), "body": "reply", "replyToId": said });
    let reply = json!({ "input": reply });
    for round in 0..ROUNDS {
        let body = format!("answered {round} times");
        ann.edit(&said, &body).await.done();
        let sent = there.ok(&document, reply.clone()).await;
        assert_eq!(sent["sendMessage"]["replyTo"]["body"], json!(body));
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_that_are_repeated_together_on_the_other_show_their_messages_as_they_are() {
    let Some(apps) = two(|_| {}).await else {
        return;
    };
    let ann = apps[0].user("ann").await;
    let there = moved(&ann, &apps[1]);
    let document = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { body } }";
    for round in 0..ROUNDS {
        let mut named = Vec::new();
        for name in ["one", "other"] {
            let peer = apps[0].user(&format!("{name}{round}")).await;
            let input = json!({ "to": with(&peer), "body": "0", "clientMessageId": format!("{name}{round}") });
            let said = text(&ann.sends(input.clone()).await.done()["id"]);
            named.push((input, said));
        }
        // Of the first conversation nothing is new there; the other one's change has yet to be read.
        ann.edit(&named[0].1, "1").await.done();
        there
            .ok("{ conversations { nodes { id } } }", json!({}))
            .await;
        ann.edit(&named[1].1, "1").await.done();
        let repeats = named
            .iter()
            .map(|(input, _)| there.ok(document, json!({ "input": input })));
        for shown in futures_util::future::join_all(repeats).await {
            assert_eq!(shown["sendMessage"]["body"], "1", "{round}");
        }
    }
    stop(apps).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_stays_known_to_have_reacted_to_what_is_deleted_on_the_other_at_once() {
    let Some(mongod) = or_skipped("mongod", own().await) else {
        return;
    };
    let uri = mongod.uri_for("chat");
    let app = TestApp::at(Place::mongo(&uri), hears_only).await;
    let apps = [app.beside(hears_only).await, app];
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let there = moved(&ann, &apps[1]);
    for number in 0..ROUNDS {
        let said = ann.send(&bob, &number.to_string()).await;
        let said = said["id"].as_str().expect("an id");
        bob.react(said, "👍").await.done();
        there.delete(said).await.done();
    }
    let last = ann.send(&bob, "last").await;
    let last = text(&last["id"]);
    bob.react(&last, "👍").await.done();
    // What waits to be written is written then.
    stop(apps).await;
    let client = mongodb::Client::with_uri_str(&uri).await;
    let reactions = client.expect("a client").database("chat");
    let reactions = reactions.collection::<Document>("reactions");
    let mut found = reactions.find(doc! {}).await.expect("is answered");
    let mut messages = Vec::new();
    while found.advance().await.expect("is read") {
        let of = found.deserialize_current().expect("a document");
        let of = of.get_document("_id").expect("an id");
        let Some(Bson::Binary(id)) = of.get("message") else {
            panic!("an id: {of}");
        };
        let id = Uuid::from_slice(&id.bytes).expect("a UUID");
        messages.push(MessageId(id).to_string());
    }
    assert_eq!(messages, [last]);
}
