//! What the primary's end costs: errors that say so while there is none, and nothing that was acknowledged.

use std::{
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use chinwag::app::{Config, StoreConfig};
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{change, moved, watch};
use crate::support::{
    Client, Reader, TestApp,
    acts::with,
    eventually, json as at, or_skipped,
    record::{Attempt, SAID, Said, delivery_faults, faults},
    replicas::{End, Replicas},
    ws::Ws,
};

/// Someone who writes to another one by way of one server, again and again.
struct Writer {
    client: Client,
    to: Value,
    /// How much was acknowledged.
    taken: AtomicUsize,
}

impl Writer {
    /// Writes until it is over. Each message is sent until it is acknowledged, by the same name.
    async fn write(&self, name: &str, over: &AtomicBool) -> Vec<Attempt> {
        let document = format!(
            "mutation($input: SendMessageInput!) {{ sendMessage(input: $input) {{ {SAID} }} }}"
        );
        let mut attempts = Vec::new();
        while !over.load(Ordering::Relaxed) {
            let body = format!("{name} {}", attempts.len());
            let input = json!({ "to": self.to, "body": body, "clientMessageId": body });
            let answer = loop {
                let reply = self.client.run(&document, json!({ "input": input })).await;
                let code = at(&reply, "errors.0.extensions.code");
                if code.is_null() {
                    break Said::read(&reply["data"]["sendMessage"]);
                }
                assert_eq!(code, "SERVICE_UNAVAILABLE", "{reply}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            };
            self.taken.fetch_add(1, Ordering::Relaxed);
            let answers = vec![answer];
            attempts.push(Attempt { body, answers });
        }
        attempts
    }

    /// Waits until more was acknowledged of what was sent from now on.
    async fn goes_on(&self) {
        let before = self.taken.load(Ordering::Relaxed) + 1;
        let more = async || self.taken.load(Ordering::Relaxed) > before;
        eventually("sends go on", more).await;
    }
}

/// Waits until what is typed at one server is told at the other; typing that is told while nobody can hear is lost.
async fn is_heard(from: &Client, to: &Client, socket: &mut Ws) {
    const TYPE: &str =
        "mutation($in: ConversationRef!, $typing: Boolean) { setTyping(in: $in, typing: $typing) }";
    eventually("typing is told", async || {
        for typing in [true, false] {
            from.ok(TYPE, json!({ "in": with(to), "typing": typing }))
                .await;
        }
        let told = timeout(Duration::from_secs(1), socket.event("typing"));
        told.await.is_ok()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_with_a_primary_and_all_goes_on_with_the_next() {
    let Some(mut replicas) = or_skipped("replica set", Replicas::start().await) else {
        return;
    };
    let uri = SecretString::from(replicas.uri_for("chat"));
    let store = StoreConfig::Mongo { uri };
    let lasting = |config: &mut Config| config.limits.typing_fade = Duration::from_hours(1);
    let apps = [
        TestApp::at(store.clone().into(), lasting).await,
        TestApp::at(store.into(), lasting).await,
    ];
    let (ann, bob) = (apps[0].user("ann").await, apps[0].user("bob").await);
    let cem = apps[0].user("cem").await;
    ann.send(&bob, "the first").await;
    let mut reader = Reader::open(apps[1].address, &bob, json!({})).await;
    let (mut watcher, mut online) = watch(&apps[0], &cem).await;
    while online.len() < 2 {
        online.extend(change(&mut watcher).await.0);
    }
    let mut typing = apps[1].socket(&bob).await;
    let document = "subscription { typing { typing } }";
    typing.subscribe("typing", document, json!({})).await;
    typing.settle().await;

    let writer = |client: &Client, app: usize, to: &Client| Writer {
        client: moved(client, &apps[app]),
        to: with(to),
        taken: AtomicUsize::new(0),
    };
    let writers = [writer(&ann, 0, &bob), writer(&bob, 1, &ann)];
    let over = AtomicBool::new(false);
    let ends = async {
        for end in End::ALL {
            println!("the primary {end:?}");
            let primary = replicas.primary().await;
            replicas.end(primary, end).await;
            replicas.primary_but(Some(primary)).await;
            for writer in &writers {
                writer.goes_on().await;
            }
            replicas.bring_back(primary, end).await;
            is_heard(&ann, &bob, &mut typing).await;
        }
    };
    let trouble = async {
        tokio::select! {
            () = ends => {}
            // Who reads nothing for long is taken for gone.
            () = reader.read_to(usize::MAX) => {}
            changed = change(&mut watcher) => panic!("{changed:?} though all are there"),
        }
        over.store(true, Ordering::Relaxed);
    };
    let (ones, others, ()) = tokio::join!(
        writers[0].write("one", &over),
        writers[1].write("other", &over),
        trouble
    );

    let history = ann.history(&with(&bob)).await;
    let first = "the first".to_owned();
    let mut attempts = vec![Attempt {
        body: first,
        answers: vec![],
    }];
    attempts.extend(ones);
    attempts.extend(others);
    assert_eq!(history.len(), attempts.len());
    assert_eq!(faults(&attempts, &history), []);
    let said = history[1..].to_vec();
    reader.read_to(said.len()).await;
    assert_eq!(delivery_faults(&said, &reader.has_all().await), []);
    // Nobody who was there was shown to have gone: the first change is someone's who comes.
    let dan = apps[1].user("dan").await;
    let _dans = apps[1].socket(&dan).await;
    assert_eq!(change(&mut watcher).await, (vec!["dan".to_owned()], vec![]));
    for app in apps {
        app.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_read_on_a_new_primary_shows_all_that_was_acknowledged_before() {
    let Some(mut replicas) = or_skipped("replica set", Replicas::start().await) else {
        return;
    };
    let uri = SecretString::from(replicas.uri_for("chat"));
    let app = TestApp::at(StoreConfig::Mongo { uri }.into(), |_| {}).await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    ann.send(&bob, "the first").await;
    let primary = replicas.primary().await;
    replicas.lag(primary, true).await;
    let second = ann.send(&bob, "the second").await;
    let list = "{ conversations { nodes { lastMessage { id } unreadCount messages(last: 1) { nodes { id } } } } }";
    replicas.end(primary, End::StepsDown).await;
    replicas.primary_but(Some(primary)).await;
    let first_answer = async {
        loop {
            let answer = bob.run(list, json!({})).await;
            if at(&answer, "errors.0.extensions.code") != "SERVICE_UNAVAILABLE" {
                break answer;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let (answer, ()) = tokio::join!(first_answer, async {
        // Time enough for an answer that waits for nothing.
        tokio::time::sleep(Duration::from_secs(1)).await;
        replicas.lag(primary, false).await;
    });
    let last = &second["id"];
    let node = json!({ "lastMessage": { "id": last }, "unreadCount": 2, "messages": { "nodes": [{ "id": last }] } });
    assert_eq!(answer["data"]["conversations"]["nodes"], json!([node]));
    app.stop().await;
}
