//! What one process acknowledged all others show at once: nothing here asks twice.

use std::time::Duration;

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::{
    Scene,
    fleet::{Fleet, PROCESSES},
    listener::Kind,
};
use crate::support::{record::Said, store::mongo_is_there, ws::Ws};

/// Person 0 talks to two others; the rest make noise.
const PAIRS: [[usize; 2]; 3] = [[0, 1], [0, 2], [3, 4]];
const PEOPLE: usize = 5;

/// How many messages are looked at.
const ROUNDS: usize = 12;

/// Something was just acknowledged.
struct Told<'a> {
    scene: &'a Scene,
    /// By which process.
    process: usize,
    /// Who sent it, and to whom.
    pair: [usize; 2],
    said: Said,
    /// How many of the last messages each of the pair did not send, in the same order.
    unread: [i64; 2],
}

impl Told<'_> {
    /// Each of the two, with their peer and number, by way of each process that did not take the message in.
    fn views(&self) -> impl Iterator<Item = View> {
        let others = (0..PROCESSES).filter(|process| *process != self.process);
        let (pair, unread) = (self.pair, self.unread);
        others.flat_map(move |process| {
            [0, 1].map(|side| View {
                process,
                person: pair[side],
                peer: pair[1 - side],
                unread: unread[side],
            })
        })
    }

    /// What all views answer to a question that may use `$id` and `$peer`; those answers that are not as expected.
    async fn stale(&self, document: &str, expected: impl Fn(&View) -> Value) -> Vec<String> {
        let answers = self.views().map(async |view| {
            let variables = json!({
                "id": self.said.conversation,
                "peer": self.scene.people[view.peer].id,
            });
            let client = self.scene.at(view.person, view.process);
            let answer = client.ok(document, variables).await;
            let expected = expected(&view);
            (answer != expected).then(|| {
                let View {
                    process, person, ..
                } = view;
                format!("person {person} at {process}: {answer} instead of {expected}")
            })
        });
        join_all(answers).await.into_iter().flatten().collect()
    }

    /// What is told before the next message to those who subscribe now, as `subscribe` says for each view.
    async fn told_again(&self, subscribe: impl AsyncFn(&View) -> Value) -> Vec<String> {
        let sockets = self.views().map(async |view| {
            let variables = subscribe(&view).await;
            let mut socket = Ws::open(self.scene.addresses[view.process]).await;
            let token = &self.scene.people[view.person].token;
            socket.init(json!({ "token": token })).await;
            for kind in [Kind::Events, Kind::NewMessage] {
                socket
                    .subscribe(&format!("{kind:?}"), &kind.document(), variables.clone())
                    .await;
            }
            (view, socket.until_settled().await, socket)
        });
        let sockets = join_all(sockets).await;
        let next = self.scene.at(self.pair[0], self.process);
        let next = next
            .say(json!({ "to": self.scene.with(self.pair[1]), "body": "next" }))
            .await;
        let tellings = sockets.into_iter().map(async |(view, early, mut socket)| {
            let mut again = Vec::new();
            let mut missing = vec!["Events", "NewMessage"];
            let mut early = early.into_iter();
            while !missing.is_empty() {
                let event = match early.next() {
                    Some(event) => event,
                    None => socket.next().await,
                };
                assert_eq!(event["type"], "next", "{event}");
                let message = &event["payload"]["data"]["event"]["message"];
                if message["id"] == next.id.as_str() {
                    missing.retain(|kind| event["id"] != *kind);
                } else if message.is_object() {
                    let View {
                        process, person, ..
                    } = view;
                    again.push(format!(
                        "person {person} at {process}: {} {}",
                        event["id"], message["seq"]
                    ));
                }
            }
            again
        });
        join_all(tellings).await.concat()
    }
}

struct View {
    process: usize,
    person: usize,
    peer: usize,
    unread: i64,
}

/// Sends messages here and there and looks at each, in the noise of others; `look` gives what it finds wrong.
async fn every_message(look: impl AsyncFn(&Told) -> Vec<String>) {
    if !mongo_is_there().await {
        return;
    }
    let fleet = Fleet::start().await;
    let scene = Scene::new(&fleet, PEOPLE, &PAIRS).await;
    let looking = async {
        let mut random = StdRng::seed_from_u64(1);
        let mut wrong = Vec::new();
        for round in 0..ROUNDS {
            let [one, other] = PAIRS[random.random_range(0..2)];
            let pair = [[one, other], [other, one]][random.random_range(0..2)];
            let process = random.random_range(0..PROCESSES);
            let input = json!({ "to": scene.with(pair[1]), "body": format!("round {round}") });
            let said = scene.at(pair[0], process).say(input).await;
            let history = scene
                .at(pair[0], process)
                .history(&scene.with(pair[1]))
                .await;
            let unread = pair.map(|person| {
                let own = |said: &&Said| said.sender == scene.people[person].id;
                said.seq - history.iter().rfind(own).map_or(0, |said| said.seq)
            });
            let told = Told {
                scene: &scene,
                process,
                pair,
                said,
                unread,
            };
            let found = look(&told).await;
            wrong.extend(
                found
                    .iter()
                    .map(|fault| format!("round {round} by {process}: {fault}")),
            );
        }
        let count = wrong.len();
        wrong.truncate(6);
        assert!(wrong.is_empty(), "{count} in {ROUNDS} rounds: {wrong:#?}");
    };
    tokio::select! {
        () = looking => {}
        () = noise(&scene) => {}
    }
}

/// Two others write through all processes, without an end.
async fn noise(scene: &Scene) {
    join_all((0..PROCESSES).map(async |process| {
        loop {
            let client = scene.at(3, process);
            client
                .say(json!({ "to": scene.with(4), "body": "noise" }))
                .await;
            sleep(Duration::from_millis(20)).await;
        }
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_list_of_conversations_begins_on_all_with_what_one_acknowledged() {
    every_message(async |told| {
        let list = "{ conversations(first: 1) { nodes { id lastMessage { id seq } } } }";
        let Said {
            id,
            seq,
            conversation,
            ..
        } = &told.said;
        let first = json!({ "id": conversation, "lastMessage": { "id": id, "seq": seq } });
        let expected = json!({ "conversations": { "nodes": [first] } });
        told.stale(list, |_| expected.clone()).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_counts_include_on_all_what_one_acknowledged() {
    every_message(async |told| {
        let counts = "query($id: ID!) {
            conversation(id: $id) { unreadCount }
            conversations(first: 1) { nodes { id unreadCount } }
        }";
        let id = &told.said.conversation;
        told.stale(counts, |view| {
            let count = view.unread;
            json!({
                "conversation": { "unreadCount": count },
                "conversations": { "nodes": [{ "id": id, "unreadCount": count }] },
            })
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_conversation_shows_on_all_what_one_acknowledged_however_it_is_asked_for() {
    every_message(async |told| {
        let shown = "id lastMessage { id seq }";
        let document = format!(
            "query($id: ID!, $peer: ID!) {{
                conversation(id: $id) {{ {shown} }}
                node(id: $id) {{ ... on Conversation {{ {shown} }} }}
                user(id: $peer) {{ directConversation {{ {shown} }} }}
                messages(in: {{ conversationId: $id }}, last: 1) {{ nodes {{ id seq }} }}
            }}"
        );
        let Said {
            id,
            seq,
            conversation,
            ..
        } = &told.said;
        let message = json!({ "id": id, "seq": seq });
        let shown = json!({ "id": conversation, "lastMessage": message });
        let expected = json!({
            "conversation": shown,
            "node": shown,
            "user": { "directConversation": shown },
            "messages": { "nodes": [message] },
        });
        told.stale(&document, |_| expected.clone()).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_cursor_of_any_process_covers_what_another_acknowledged() {
    every_message(async |told| {
        told.told_again(
            async |view| json!({ "after": told.scene.cursor(view.person, view.process).await }),
        )
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_cursor_covers_what_was_acknowledged_wherever_it_is_used() {
    every_message(async |told| {
        told.told_again(async |view| {
            // Read at the next process but one, which may be the one that took the message in.
            let process = (view.process + 2) % PROCESSES;
            json!({ "after": told.scene.cursor(view.person, process).await })
        })
        .await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_begun_on_any_process_tells_nothing_as_new_that_another_acknowledged() {
    every_message(async |told| told.told_again(async |_| json!({})).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_subscription_to_one_conversation_tells_nothing_as_new_that_was_acknowledged() {
    every_message(async |told| {
        let within = async |view: &View| json!({ "in": told.scene.with(view.peer) });
        told.told_again(within).await
    })
    .await;
}
