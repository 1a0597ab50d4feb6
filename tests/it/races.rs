//! Many at once.

mod changing;
mod crowd;
mod joining;

use std::{
    collections::HashSet,
    sync::atomic::{AtomicBool, Ordering},
};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use self::crowd::Crowd;
use crate::{
    on_both_stores,
    support::{
        Client, Reader, TestApp,
        feed::Feed,
        record::{Attempt, Said, delivery_faults, faults},
        store::{StoreKind, mongo_is_there},
    },
};

on_both_stores!(
    thirty_first_messages_in_both_directions_make_one_conversation,
    twenty_senders_leave_no_hole_and_nobody_sees_a_message_before_the_one_before_it,
    five_copies_of_each_of_two_hundred_messages_make_two_hundred,
);

/// The same two people as the servers know them.
struct Pair {
    ann: Vec<Client>,
    bob: Vec<Client>,
}

impl Pair {
    async fn at(apps: &[&TestApp]) -> Self {
        let (ann, bob) = tokio::join!(apps[0].user("ann"), apps[0].user("bob"));
        let at = |one: &Client| apps.iter().map(|app| one.at(app.url("/graphql"))).collect();
        Self {
            ann: at(&ann),
            bob: at(&bob),
        }
    }

    /// Who sends the message of this number, over which server, and to whom.
    fn turn(&self, number: usize) -> (&Client, Value) {
        let server = number / 2 % self.ann.len();
        match number % 2 {
            0 => (&self.ann[server], self.to_bob()),
            _ => (&self.bob[server], json!({ "userId": self.ann[0].id })),
        }
    }

    fn to_bob(&self) -> Value {
        json!({ "userId": self.bob[0].id })
    }
}

async fn two_servers() -> (TestApp, TestApp) {
    let app = TestApp::with(StoreKind::Mongo, often).await;
    let beside = app.beside(often).await;
    (app, beside)
}

/// Reads the log of other servers often.
fn often(config: &mut chinwag::app::Config) {
    config.limits.sweep_interval = std::time::Duration::from_millis(50);
}

/// Runs a race over one server, and on a MongoDB over two as well.
async fn over_servers(kind: StoreKind, race: impl AsyncFn(&[&TestApp])) {
    let app = TestApp::start(kind).await;
    race(&[&app]).await;
    app.stop().await;
    if let StoreKind::Mongo = kind {
        let (app, beside) = two_servers().await;
        race(&[&app, &beside]).await;
        tokio::join!(app.stop(), beside.stop());
    }
}

async fn thirty_first_messages_in_both_directions_make_one_conversation(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    race_first_messages(&[&app]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_first_messages_over_two_servers_make_one_conversation() {
    if mongo_is_there().await {
        let (app, beside) = two_servers().await;
        race_first_messages(&[&app, &beside]).await;
        tokio::join!(app.stop(), beside.stop());
    }
}

async fn race_first_messages(apps: &[&TestApp]) {
    let pair = Pair::at(apps).await;
    let sending = (0..30).map(|number| {
        let (sender, to) = pair.turn(number);
        async move {
            let body = format!("first {number}");
            let said = sender.say(json!({ "to": to, "body": body })).await;
            Attempt {
                body,
                answers: vec![said],
            }
        }
    });
    let attempts = join_all(sending).await;
    let conversations: HashSet<_> = attempts
        .iter()
        .map(|attempt| attempt.answers[0].conversation.clone())
        .collect();
    assert_eq!(conversations.len(), 1);
    let history = pair.ann[0].history(&pair.to_bob()).await;
    assert_eq!(faults(&attempts, &history), []);
    assert_eq!(history.len(), 30);
    for viewer in pair.ann.iter().chain(&pair.bob) {
        let list = viewer
            .ok("{ conversations { nodes { id } } }", json!({}))
            .await;
        let expected = json!([{ "id": history[0].conversation }]);
        assert_eq!(list["conversations"]["nodes"], expected);
    }
}

async fn twenty_senders_leave_no_hole_and_nobody_sees_a_message_before_the_one_before_it(
    kind: StoreKind,
) {
    let app = TestApp::start(kind).await;
    race_senders(&[&app]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_senders_over_two_servers_leave_no_hole_and_nobody_sees_one_too_early() {
    if mongo_is_there().await {
        let (app, beside) = two_servers().await;
        race_senders(&[&app, &beside]).await;
        tokio::join!(app.stop(), beside.stop());
    }
}

async fn race_senders(apps: &[&TestApp]) {
    const SENDERS: usize = 20;
    const EACH: usize = 20;
    let pair = Pair::at(apps).await;
    let mut readers = Vec::new();
    for (app, bob) in apps.iter().zip(&pair.bob) {
        let only = json!({ "in": { "userId": pair.ann[0].id } });
        for variables in [json!({}), only] {
            readers.push(Reader::open(app.address, bob, variables).await);
        }
    }
    let written = AtomicBool::new(false);
    let writing = async {
        let sending = (0..SENDERS).map(|sender| {
            let (client, to) = pair.turn(sender);
            async move {
                let mut attempts = Vec::new();
                for number in 0..EACH {
                    let body = format!("{sender}: {number}");
                    let said = client.say(json!({ "to": to, "body": body })).await;
                    attempts.push(Attempt {
                        body,
                        answers: vec![said],
                    });
                }
                attempts
            }
        });
        let attempts = join_all(sending).await.concat();
        written.store(true, Ordering::Relaxed);
        attempts
    };
    let listening = join_all(readers.into_iter().map(async |mut reader| {
        reader.read_to(SENDERS * EACH).await;
        reader.has_all().await
    }));
    let tailing = join_all(
        pair.ann
            .iter()
            .map(|ann| tail(ann, pair.to_bob(), &written)),
    );
    let (attempts, (heard, tailed)) = join(writing, join(listening, tailing)).await;
    let history = pair.ann[0].history(&pair.to_bob()).await;
    assert_eq!(faults(&attempts, &history), []);
    assert_eq!(history.len(), SENDERS * EACH);
    for got in heard {
        assert_eq!(delivery_faults(&history, &got), []);
    }
    for got in tailed {
        assert_eq!(got, history);
    }
}

/// Asks for what comes behind the last message, again and again, until all is written and read.
async fn tail(viewer: &Client, target: Value, written: &AtomicBool) -> Vec<Said> {
    let (mut got, mut after) = (Vec::new(), Value::Null);
    loop {
        let over = written.load(Ordering::Relaxed);
        let page = viewer
            .page(&target, json!({ "first": 100, "after": after }))
            .await;
        let new: Vec<_> = page["nodes"]
            .as_array()
            .expect("a list")
            .iter()
            .map(Said::read)
            .collect();
        for said in &new {
            let before = got.last().map_or(0, |last: &Said| last.seq);
            assert_eq!(said.seq, before + 1, "seen before the one before it");
            got.push(said.clone());
        }
        if new.is_empty() && over {
            return got;
        }
        if !new.is_empty() {
            after = page["pageInfo"]["endCursor"].clone();
        }
    }
}

async fn five_copies_of_each_of_two_hundred_messages_make_two_hundred(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    race_copies(&[&app]).await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_copies_of_each_of_two_hundred_messages_over_two_servers_make_two_hundred() {
    if mongo_is_there().await {
        let (app, beside) = two_servers().await;
        race_copies(&[&app, &beside]).await;
        tokio::join!(app.stop(), beside.stop());
    }
}

async fn race_copies(apps: &[&TestApp]) {
    const MESSAGES: usize = 200;
    const COPIES: usize = 5;
    let pair = Pair::at(apps).await;
    let reader = Reader::open(apps[0].address, &pair.bob[0], json!({})).await;
    let sending = (0..MESSAGES).map(|number| {
        let pair = &pair;
        async move {
            let body = format!("message {number}");
            let copies = (0..COPIES).map(|copy| {
                let client = &pair.ann[copy % pair.ann.len()];
                client.say(json!({ "to": pair.to_bob(), "body": body, "clientMessageId": number.to_string() }))
            });
            Attempt {
                answers: join_all(copies).await,
                body: body.clone(),
            }
        }
    });
    let attempts = join_all(sending).await;
    let history = pair.ann[0].history(&pair.to_bob()).await;
    assert_eq!(faults(&attempts, &history), []);
    assert_eq!(history.len(), MESSAGES);
    let mut reader = reader;
    reader.read_to(MESSAGES).await;
    assert_eq!(delivery_faults(&history, &reader.has_all().await), []);
}
