//! A whole simulation: what is in it, what happens to it, and how it ends.

use std::{collections::HashMap, sync::Arc, time::Duration};

use chinwag::domain::{
    Conversation, ConversationId, ConversationKind, DisplayName, Limits, Member, Timestamp, User,
    UserId, Username,
};
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    changer::Changer,
    checks,
    dice::Dice,
    log::SharedLog,
    pages,
    people::{self, Ledger, World},
    process::Processes,
    reader::Reader,
    store::{Faults, Life, Shared, SimStore},
};

/// What a simulation is like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub processes: usize,
    /// Whether there is one more that changes messages and groups.
    pub changer: bool,
    pub senders: usize,
    pub readers: usize,
    pub faults: Faults,
    /// Whether processes are killed, stopped and started anew.
    pub unrest: bool,
    /// How long things go on, in milliseconds.
    pub length: usize,
}

impl Plan {
    /// Nothing happens by itself.
    pub fn calm(seed: u64) -> Self {
        Self {
            seed,
            processes: 1,
            changer: false,
            senders: 0,
            readers: 0,
            faults: Faults::NONE,
            unrest: false,
            length: 0,
        }
    }

    pub fn of(seed: u64) -> Self {
        let dice = Dice::new(seed);
        Self {
            seed,
            processes: dice.number(1..=4),
            changer: dice.chance(0.75),
            senders: dice.number(2..=8),
            readers: dice.number(2..=5),
            faults: Faults {
                calls: *dice.pick(&[0.0, 0.005, 0.03]),
                appends: *dice.pick(&[0.0, 0.05, 0.2]),
                slow: *dice.pick(&[2, 10, 40]),
                late: *dice.pick(&[20, 500, 4_000]),
            },
            unrest: dice.chance(0.7),
            length: dice.number(4_000..=9_000),
        }
    }
}

fn person(number: usize) -> User {
    User {
        id: UserId::new(),
        username: Username::stored(&format!("user{number}")),
        display_name: DisplayName::stored(&format!("User {number}")),
        avatar_url: None,
        created_at: Timestamp(0),
        deleted_at: None,
    }
}

pub fn limits() -> Limits {
    Limits {
        sweep_interval: Duration::from_millis(500),
        lease_renewal: Duration::from_millis(800),
        hole_patience: Duration::from_secs(2),
        batch: 16,
        ..Limits::default()
    }
}

fn shared(plan: &Plan) -> Arc<Shared> {
    Arc::new(Shared {
        log: Mutex::new(SharedLog::default()),
        dice: Dice::new(plan.seed),
        faults: Mutex::new(plan.faults),
        people: (0..6).map(person).collect(),
        desk: Mutex::default(),
        acknowledged: 0.into(),
        broken: Mutex::default(),
        handed_over: Mutex::default(),
        turns: Mutex::default(),
    })
}

fn group(members: &[UserId]) -> Conversation {
    let member = |user: &UserId| Member::joining(*user, Timestamp(0));
    Conversation {
        id: ConversationId::new(),
        kind: ConversationKind::Group,
        title: Some("A group".into()),
        members: members.iter().map(member).collect(),
        created_at: Timestamp(0),
        changed: 0,
    }
}

/// A world in which groups stand, with nothing written.
pub fn make(plan: &Plan) -> Arc<World> {
    let shared = shared(plan);
    let ids: Vec<UserId> = shared.people.iter().map(|user| user.id).collect();
    let (people, movers) = ids.split_at(4);
    let groups = [group(&ids), group(&ids[..5])];
    let group_ids = groups.iter().map(|group| group.id).collect();
    for group in groups {
        shared.log.lock().add_conversation(group);
    }
    let writes = shared.log.lock().writes();
    shared.log.lock().commit(writes);
    shared
        .acknowledged
        .store(writes, std::sync::atomic::Ordering::Release);
    Arc::new(World {
        processes: Processes::new(shared, plan.processes, limits()),
        ledger: Ledger::default(),
        people: people.to_vec(),
        movers: movers.to_vec(),
        groups: group_ids,
        calm: CancellationToken::new(),
    })
}

/// Lets a simulation run; gives what was wrong with it.
pub async fn run(plan: Plan) -> Vec<String> {
    let world = make(&plan);
    let shared = world.processes.shared.clone();
    let life = watch::Sender::new(Life::Runs);
    let store = SimStore::new(1, shared.clone(), life.subscribe());
    if !plan.changer {
        shared.desk.lock().leave(1);
    }
    let changer = plan.changer.then(|| Changer::new(world.clone(), store));
    let changer = tokio::spawn(async move {
        if let Some(changer) = changer {
            changer.run().await;
        }
    });
    let trouble = tokio::spawn(trouble(world.clone(), plan.unrest));
    let senders: Vec<_> = (0..plan.senders)
        .map(|number| tokio::spawn(people::send(world.clone(), number, 60)))
        .collect();
    let readers: Vec<_> = (0..plan.readers)
        .map(|number| {
            let user = *world.dice().pick(&world.people);
            let reader = Reader::new(world.clone(), format!("reader {number} {user}"), user);
            tokio::spawn(reader.run())
        })
        .collect();
    let pages: Vec<_> = (0..2)
        .map(|number| tokio::spawn(pages::load(world.clone(), number)))
        .collect();
    sleep(Duration::from_millis(plan.length as u64)).await;
    *shared.faults.lock() = Faults::NONE;
    world.calm.cancel();
    let all = async {
        trouble.await.expect("the trouble ends");
        changer.await.expect("the changer ends");
        for sender in senders {
            sender.await.expect("a sender ends");
        }
        let mut all = Vec::new();
        for reader in readers {
            all.push(reader.await.expect("a reader ends"));
        }
        for page in pages {
            all.extend(page.await.expect("pages end"));
        }
        all
    };
    let Ok(readers) = timeout(Duration::from_mins(2), all).await else {
        world.note("something that was under way never ended".into());
        return std::mem::take(&mut *shared.broken.lock());
    };
    // What was given up may still be written for so long.
    sleep(Duration::from_millis(plan.faults.late as u64 * 2 + 5_000)).await;
    let writes = shared.log.lock().writes();
    shared.log.lock().commit(writes);
    let finishing: Vec<_> = readers
        .into_iter()
        .map(|reader| tokio::spawn(reader.finish(Duration::from_mins(1))))
        .collect();
    for reader in finishing {
        reader.await.expect("a reader finishes");
    }
    checks::of_the_end(&world);
    std::mem::take(&mut *shared.broken.lock())
}

/// Starts the processes, and lets things happen to them until all is calm; then all run.
async fn trouble(world: Arc<World>, unrest: bool) {
    let processes = &world.processes;
    let dice = world.dice();
    let starting: Vec<_> = (0..processes.count())
        .map(|place| {
            let world = world.clone();
            tokio::spawn(async move {
                world.dice().wait(3_000).await;
                world.processes.start(place).await;
            })
        })
        .collect();
    while unrest && !world.calm.is_cancelled() {
        sleep(Duration::from_millis(dice.number(100..=2_000) as u64)).await;
        let place = dice.number(0..=processes.count() - 1);
        if processes.at(place).is_none() {
            continue;
        }
        match dice.number(0..=4) {
            0 => {
                processes.kill(place);
                dice.wait(1_000).await;
                processes.start(place).await;
            }
            1 => {
                processes.pause(place);
                sleep(Duration::from_millis(dice.number(50..=5_000) as u64)).await;
                processes.wake(place);
            }
            2 => {
                processes.stop(place).await;
                dice.wait(2_000).await;
                processes.start(place).await;
            }
            3 => {
                let mut desk = processes.shared.desk.lock();
                let held: HashMap<_, _> = desk.holders.clone();
                let mut lanes: Vec<_> = held.keys().copied().collect();
                lanes.sort_unstable();
                if !lanes.is_empty() {
                    let lane = *dice.pick(&lanes);
                    desk.holders.remove(&lane);
                    processes.shared.log.lock().seal(lane, 0, dice.mark());
                }
            }
            _ => {}
        }
    }
    for start in starting {
        start.await.expect("starts");
    }
}
