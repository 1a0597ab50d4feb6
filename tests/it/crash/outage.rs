//! MongoDB goes away and comes back while people talk; nobody starts the servers again.

use std::time::Duration;

use chinwag::app::StoreConfig;
use futures_util::future::join_all;
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::*;
use crate::support::{
    TestApp, eventually,
    launch::Launch,
    mongod::{self, OwnMongod},
    store::mongo_is_there,
};

/// How long the database answers nothing.
const FROZEN: Duration = Duration::from_secs(15);

/// How soon whoever asks meanwhile is told so: a promise, not a guess.
const TOLD_WITHIN: Duration = Duration::from_secs(10);

/// Two servers on a database of their own, where Ann and Bob talk, each over one of them.
struct Scene {
    mongod: OwnMongod,
    apps: [TestApp; 2],
    talk: Talk,
    readers: [Reader; 2],
}

impl Scene {
    async fn new() -> Self {
        let mongod = mongod::own().await.expect("a mongod");
        let uri = SecretString::from(mongod.uri_for("chat"));
        let app = TestApp::at(StoreConfig::Mongo { uri }.into(), |_| {}).await;
        let beside = app.beside(|_| {}).await;
        let (ann, bob) = tokio::join!(app.user("ann"), app.user("bob"));
        let bob = bob.at(beside.url("/graphql"));
        let readers = [
            Reader::open(app.address, &ann, json!({})).await,
            Reader::open(beside.address, &bob, json!({})).await,
        ];
        let mut talk = Talk::new(&ann, &bob);
        talk.go_on().await;
        Self {
            mongod,
            apps: [app, beside],
            talk,
            readers,
        }
    }

    /// Waits until both servers say whether they are ready.
    async fn until_ready(&self, status: StatusCode) {
        for app in &self.apps {
            eventually(&format!("/readyz is {status}"), async || {
                let request = self.talk.ann.raw(Method::GET, &app.url("/readyz"));
                request.send().await.expect("an answer").status() == status
            })
            .await;
        }
    }

    /// Both sockets are open and answer.
    async fn sockets_answer(&mut self) {
        for reader in &mut self.readers {
            reader.socket.send(json!({ "type": "ping" })).await;
            loop {
                let message = reader.socket.next().await;
                if message["type"] == "pong" {
                    break;
                }
                reader.keep(&message);
            }
        }
    }

    /// All works again over what was open all the time, and nothing was lost or doubled.
    async fn all_is_well_again(mut self) {
        self.until_ready(StatusCode::OK).await;
        // Half of what nobody knows the outcome of is sent again; the rest may be there or not.
        let mut number = 0;
        self.talk
            .retry(|| {
                number += 1;
                number % 2 == 0
            })
            .await;
        self.talk.go_on().await;
        self.sockets_answer().await;
        let history = self.talk.ann.history(&with(&self.talk.bob)).await;
        for mut reader in self.readers {
            reader.read_to(history.len()).await;
            assert_eq!(delivery_faults(&history, &reader.has_all().await), []);
        }
        // Each server has told all of it by now, so that what follows from it agrees as well.
        assert_eq!(self.talk.check().await, history);
        for app in self.apps {
            app.stop().await;
        }
    }
}

/// When a server that is told to stop has ended at the latest, whatever it waits for: what is under way has ten seconds,
/// the rest is for a slow machine.
const ENDED_WITHIN: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_in_an_outage_ends_in_its_time() {
    if !mongo_is_there().await {
        return;
    }
    let mongod = mongod::own().await.expect("a mongod");
    let launch = Launch::bare()
        .env("BCRYPT_COST", "10")
        .env("RATE_LIMITS", "off")
        .env("MONGODB_URI", &mongod.uri_for("chat"));
    let serving = launch.serves().await;
    let ann = serving.anonymous().sign_up("ann").await;
    let bob = serving.anonymous().sign_up("bob").await;
    ann.send(&bob, "before").await;
    mongod.stop();
    // There are sends under way whenever it is told to stop.
    let sending = join_all((0..8).map(async |sender| {
        for number in 0.. {
            let input = json!({ "to": with(&bob), "body": format!("{sender}, {number}") });
            ann.try_say(input).await;
        }
    }));
    let stopping = async {
        eventually("the outage is noticed", async || {
            let request = ann.raw(Method::GET, &serving.url("/readyz"));
            request.send().await.expect("an answer").status() == StatusCode::SERVICE_UNAVAILABLE
        })
        .await;
        serving.signal("-TERM");
        let ended = timeout(ENDED_WITHIN, serving.ended()).await;
        ended.expect("it ends in time")
    };
    let ended = tokio::select! {
        _ = sending => unreachable!("they go on"),
        ended = stopping => ended,
    };
    assert!(
        ended.code == Some(0) && !ended.stderr.contains("panicked"),
        "{ended:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_frozen_for_fifteen_seconds_delays_everything_and_loses_nothing() {
    if !mongo_is_there().await {
        return;
    }
    let mut scene = Scene::new().await;
    scene.mongod.stop();
    let thawed = Instant::now() + FROZEN;
    let talk = &scene.talk;
    let queries = [
        "{ conversations { nodes { lastMessage { body } } } }",
        "{ sidebarUsers { nodes { directConversation { id } } } }",
        "mutation { markRead(messageId: \"msg_01h455vb4pex5vsknk084sn02q\") { id } }",
        "mutation { signup(input: { username: \"cat\", password: \"password1\" }) { token } }",
    ];
    let replying = async {
        let mut reply = input(&talk.bob, &format!("ann {}", uuid::Uuid::new_v4()));
        reply["replyToId"] = json!(talk.attempts[0].answers[0].id);
        let answer = timeout(TOLD_WITHIN, talk.ann.try_say(reply)).await;
        assert_eq!(answer, Ok(None), "what it replies to cannot be looked up");
    };
    let asking = join_all(queries.map(async |query| {
        for (viewer, _) in talk.directions() {
            let answer = timeout(TOLD_WITHIN, viewer.run(query, json!({}))).await;
            let answer = answer.unwrap_or_else(|_| panic!("no answer in time: {query}"));
            let code = &answer["errors"][0]["extensions"]["code"];
            assert_eq!(code, "SERVICE_UNAVAILABLE", "{query}: {answer}");
            assert!(
                Instant::now() < thawed,
                "the second could not be asked in time"
            );
        }
    }));
    // They come over a while, so that some find others waiting.
    let sending = join_all((0..40).map(async |number| {
        sleep(Duration::from_millis(100 * number)).await;
        let (sender, receiver) = talk.directions()[usize::from(number % 2 == 0)];
        let attempt = timeout(TOLD_WITHIN, attempt(sender, receiver)).await;
        let attempt = attempt.unwrap_or_else(|_| panic!("send {number} was not answered in time"));
        assert_eq!(attempt.answers, [], "nobody can know that it is kept");
        attempt
    }));
    let (attempts, _, (), ()) = tokio::join!(
        sending,
        asking,
        replying,
        scene.until_ready(StatusCode::SERVICE_UNAVAILABLE)
    );
    scene.talk.attempts.extend(attempts);
    scene.sockets_answer().await;
    sleep_until(thawed).await;
    scene.mongod.cont();
    scene.all_is_well_again().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_killed_while_people_talk_keeps_what_was_acknowledged() {
    if !mongo_is_there().await {
        return;
    }
    let mut scene = Scene::new().await;
    let writing = [scene.talk.directions(); 3]
        .concat()
        .into_iter()
        .map(|(sender, receiver)| attempts(sender.clone(), receiver.clone(), || {}));
    let writing = tokio::spawn(join_all(writing.collect::<Vec<_>>()));
    scene.readers[0].read_to(50).await;
    scene.mongod.kill();
    let attempts = writing
        .await
        .expect("every send is answered or refused")
        .concat();
    scene.talk.attempts.extend(attempts);
    scene.sockets_answer().await;
    scene.mongod.restart().await.expect("it starts again");
    scene.all_is_well_again().await;
}
