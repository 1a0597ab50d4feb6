//! Four processes on one MongoDB that are killed, stopped and started anew while people write, listen, read, type, come
//! and go everywhere, and databases come to their ends: nothing acknowledged is lost, doubled, out of order or kept from
//! anyone, and nobody who is there is shown to be gone.

mod checks;
mod crowd;
mod databases;
mod fleet;
mod listener;
mod marks;
mod pages;
mod promises;
mod sender;
mod stayers;

use std::{collections::HashMap, env, net::SocketAddr, time::Duration};

use futures_util::future::join_all;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use tokio::time::Instant;

use self::{
    fleet::{Fleet, PROCESSES},
    listener::{Kind, Listener, Mark, Order},
    sender::{Sender, Tried},
    stayers::Stayers,
};
use crate::support::{
    Client, app::Place, or_skipped, record::Said, replicas::Replicas, store::mongo_is_there, turns,
};

/// Who has a conversation with whom, by their numbers. All processes write into the first one at once.
const PAIRS: [[usize; 2]; 6] = [[0, 1], [1, 2], [2, 3], [3, 4], [4, 0], [0, 2]];
const PEOPLE: usize = 5;

/// How many load screens.
const LOADERS: usize = 3;

/// From how many of the last cursors one is chosen at the end: fewer than are replayed.
const KEPT: usize = 1_000;

/// The last message of each conversation.
type Goal = Vec<([usize; 2], Said)>;

/// Who there is, and where.
struct Scene {
    addresses: Vec<SocketAddr>,
    people: Vec<Client>,
    pairs: Vec<[usize; 2]>,
}

impl Scene {
    /// So many people who have not written to each other yet.
    async fn new(fleet: &Fleet, people: usize, pairs: &[[usize; 2]]) -> Self {
        let addresses = fleet.addresses();
        let url = format!("http://{}/graphql", addresses[0]);
        let people = (0..people).map(|number| {
            let anonymous = Client::new(url.clone());
            async move { anonymous.sign_up(&format!("person-{number}")).await }
        });
        Self {
            people: join_all(people).await,
            addresses,
            pairs: pairs.to_vec(),
        }
    }

    /// A person, by way of a process.
    fn at(&self, person: usize, process: usize) -> Client {
        self.people[person].at(format!("http://{}/graphql", self.addresses[process]))
    }

    /// How one names the conversation with someone.
    fn with(&self, person: usize) -> Value {
        json!({ "userId": self.people[person].id })
    }

    /// Where someone's stream stands.
    async fn cursor(&self, person: usize, process: usize) -> String {
        let client = self.at(person, process);
        let answer = client.ok("{ streamCursor }", json!({})).await;
        let cursor = answer["streamCursor"].as_str().map(str::to_owned);
        cursor.expect("a cursor")
    }
}

/// How long the trouble lasts, and what chance comes from.
fn length_and_seed() -> (Duration, u64) {
    let text = |name: &str| env::var(name).ok();
    let minutes = text("CHAOS_MINUTES").map(|text| text.parse().expect("CHAOS_MINUTES: a number"));
    let seed = text("CHAOS_SEED").map(|text| text.parse().expect("CHAOS_SEED: a number"));
    let length = Duration::from_mins(1).mul_f64(minutes.unwrap_or(0.5));
    (length, seed.unwrap_or(1))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_acknowledged_among_dying_processes_is_there_once_and_told_once_in_order() {
    if !mongo_is_there().await {
        return;
    }
    let fleet = Fleet::start().await;
    endure(fleet, async |_, _| {}).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_holds_while_databases_die_too() {
    let turn = turns::alone().await;
    let Some(mut replicas) = or_skipped("replica set", Replicas::start().await) else {
        return;
    };
    let place = Place::mongo(&replicas.uri_for("chat"));
    let fleet = Fleet::start_at(place, turn).await;
    let mut ends = 0;
    endure(fleet, async |until, random| {
        ends = databases::suffer(&mut replicas, until, random).await;
    })
    .await;
    println!("{ends} primaries came to an end");
    assert!(ends > 0);
}

/// Lets people and processes do what they do for some time, with `more` trouble until then; all promises are kept.
async fn endure(mut fleet: Fleet, more: impl AsyncFnOnce(Instant, StdRng)) {
    let (length, seed) = length_and_seed();
    println!(
        "CHAOS_MINUTES={} CHAOS_SEED={seed}",
        length.as_secs_f64() / 60.0
    );
    let mut random = StdRng::seed_from_u64(seed);
    let scene = Scene::new(&fleet, PEOPLE + 2, &PAIRS).await;
    let stayers = Stayers::new(&scene, [PEOPLE, PEOPLE + 1]).await;
    let story = async {
        stayers.arrive().await;
        let found = live(&mut fleet, &scene, &stayers, &mut random, length, more).await;
        (found, stayers.finish().await)
    };
    let (mut found, of_presence) = tokio::select! {
        never = stayers.stay() => match never {},
        found = story => found,
    };
    found.extend(of_presence);
    let count = found.len();
    found.truncate(20);
    assert!(
        found.is_empty(),
        "{count} faults, CHAOS_SEED={seed}: {found:#?}"
    );
}

/// What was wrong with what became of messages and marks.
async fn live(
    fleet: &mut Fleet,
    scene: &Scene,
    stayers: &Stayers<'_>,
    random: &mut StdRng,
    length: Duration,
    more: impl AsyncFnOnce(Instant, StdRng),
) -> Vec<String> {
    let mut listeners = listeners(scene, random).await;
    let until = Instant::now() + length;
    let hands = [fork(random), fork(random)];
    let senders = senders(scene, random);
    let loaders = [(); LOADERS].map(|()| pages::load(scene, until, fork(random)));
    let readers = (0..PEOPLE)
        .map(|person| marks::read(scene, person, until, fork(random)))
        .collect::<Vec<_>>();
    let (trouble, (), tried, loaded, ..) = tokio::join!(
        fleet.suffer(until, hands),
        more(until, fork(random)),
        join_all(senders.into_iter().map(|sender| sender.write(until))),
        join_all(loaders),
        join_all(listeners.iter_mut().map(|listener| listener.wander(until))),
        join_all(readers),
        stayers.fidget(until, fork(random)),
    );

    let mut tried: Vec<Tried> = tried.into_iter().flatten().collect();
    let unanswered = tried.iter().filter(|tried| tried.is_unknown()).count();
    let again = tried
        .iter_mut()
        .filter(|tried| tried.is_unknown() && random.random_bool(0.8));
    join_all(again.map(|tried| tried.insist(scene))).await;
    let goal = last_words(scene, &mut tried, random).await;
    marks::read_all(scene, &goal).await;
    join_all(listeners.iter_mut().map(|listener| listener.finish(&goal))).await;
    let mut late = from_old_cursors(scene, &listeners, random);
    join_all(late.iter_mut().map(|listener| listener.finish(&goal))).await;

    println!(
        "{trouble:?}; {} sends, {unanswered} not answered at first; {} events over {} subscriptions; \
         {} screens, {} events behind them",
        tried.len(),
        listeners
            .iter()
            .map(|listener| listener.got.len())
            .sum::<usize>(),
        listeners
            .iter()
            .map(|listener| listener.resumes)
            .sum::<usize>(),
        loaded.iter().map(|loaded| loaded.screens).sum::<usize>(),
        loaded.iter().map(|loaded| loaded.messages).sum::<usize>(),
    );
    let mut found: Vec<String> = Vec::new();
    found.extend(loaded.into_iter().flat_map(|loaded| loaded.faults));
    let histories = checks::histories(scene, &tried, &goal, &mut found).await;
    for listener in listeners.into_iter().chain(late) {
        found.extend(checks::account(&listener, &histories));
        found.extend(listener.faults);
    }
    checks::lists_agree(scene, &goal).await;
    assert!(trouble.kills > 0 && trouble.stops > 0, "{trouble:?}");
    found
}

/// What chance is for someone alone.
fn fork(random: &mut StdRng) -> StdRng {
    StdRng::seed_from_u64(random.random())
}

/// Everyone listens to everything, and those of the conversation into which all processes write to that one alone.
async fn listeners<'a>(scene: &'a Scene, random: &mut StdRng) -> Vec<Listener<'a>> {
    let mut windows: Vec<_> = (0..PEOPLE).map(|person| (person, None)).collect();
    windows.extend([(0, Some(1)), (1, Some(0)), (2, Some(0))]);
    let mut all = Vec::new();
    for window in windows {
        for kind in [Kind::Events, Kind::NewMessage] {
            let process = random.random_range(0..PROCESSES);
            let cursor = scene.cursor(window.0, process).await;
            all.push(Listener::new(scene, window, kind, cursor, fork(random)));
        }
    }
    all
}

/// One sender a process for the first conversation, and each person writes everywhere.
fn senders<'a>(scene: &'a Scene, random: &mut StdRng) -> Vec<Sender<'a>> {
    let mut sender = |pairs, person, process| Sender {
        scene,
        pairs,
        person,
        process,
        random: fork(random),
    };
    let mut all: Vec<_> = (0..PROCESSES)
        .map(|process| sender(vec![0], None, Some(process)))
        .collect();
    all.extend((0..PEOPLE).map(|person| {
        let theirs = |pair: &usize| PAIRS[*pair].contains(&person);
        sender(
            (0..PAIRS.len()).filter(theirs).collect(),
            Some(person),
            None,
        )
    }));
    all
}

/// Something more is said in each conversation: whoever has it has had all before it.
async fn last_words(scene: &Scene, tried: &mut Vec<Tried>, random: &mut StdRng) -> Goal {
    let mut goal = Vec::new();
    for (number, pair) in scene.pairs.iter().enumerate() {
        let mut sender = Sender {
            scene,
            pairs: vec![number],
            person: None,
            process: None,
            random: fork(random),
        };
        let mut last = sender.begin();
        last.insist(scene).await;
        goal.push((*pair, last.attempt.answers[0].clone()));
        tried.push(last);
    }
    goal
}

/// Others who go on from where these were some time ago.
fn from_old_cursors<'a>(
    scene: &'a Scene,
    listeners: &[Listener<'a>],
    random: &mut StdRng,
) -> Vec<Listener<'a>> {
    let mut late = Vec::new();
    for listener in listeners.iter().filter(|listener| !listener.got.is_empty()) {
        let count = listener.got.len();
        let chosen = random.random_range(count.saturating_sub(KEPT)..count);
        let Mark { cursor, .. } = listener.got[chosen].clone();
        let window = (listener.person, listener.peer);
        let mut another = Listener::new(scene, window, listener.kind, cursor, fork(random));
        let heard = listener.got[..=chosen].iter();
        let heard = heard.map(|Mark { said, .. }| (said.conversation.clone(), said.seq));
        another.order = Order {
            heard: heard.collect(),
            shown: HashMap::new(),
        };
        another.got = listener.got[..=chosen].to_vec();
        late.push(another);
    }
    late
}
