//! One process's way to the shared log: as slow, as far behind and as unsure as the contract allows.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chinwag::{
    domain::{Lane, Position, Progress, User, UserId},
    error::{Error, Result},
};
use parking_lot::Mutex;
use tokio::{sync::watch, time::Instant};

use super::{
    dice::Dice,
    log::{SharedLog, Write},
};

/// How long a silent process keeps its lane.
pub const LEASE: Duration = Duration::from_secs(3);

/// How long a look that finds no other process holds; a newcomer waits twice as long.
pub const ALONE: Duration = Duration::from_secs(1);

/// How bad things are.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// How often any call fails.
    pub calls: f64,
    /// How often nobody knows what became of an append.
    pub appends: f64,
    /// How long a call takes at most, in milliseconds.
    pub slow: usize,
    /// How much later what was given up may still be written, in milliseconds.
    pub late: usize,
}

impl Faults {
    pub const NONE: Self = Self {
        calls: 0.0,
        appends: 0.0,
        slow: 3,
        late: 0,
    };
}

/// What all processes share.
pub struct Shared {
    pub log: Mutex<SharedLog>,
    pub dice: Dice,
    pub faults: Mutex<Faults>,
    pub people: Vec<User>,
    pub desk: Mutex<Desk>,
    /// So much was acknowledged to somebody.
    pub acknowledged: AtomicUsize,
    /// What should not have happened.
    pub broken: Mutex<Vec<String>>,
    /// When each message was handed to a store, and by when it had to be.
    pub handed_over: Mutex<HashMap<String, Vec<Instant>>>,
    pub turns: Mutex<HashMap<usize, Vec<(chinwag::domain::ConversationId, chinwag::store::Call)>>>,
}

/// Who holds which lane, and who lives.
#[derive(Default)]
pub struct Desk {
    pub holders: HashMap<Lane, usize>,
    pub renewed: HashMap<usize, Instant>,
    pub born: HashMap<usize, Instant>,
}

impl Desk {
    pub fn lives(&self, process: usize) -> bool {
        let renewed = self.renewed.get(&process);
        renewed.is_some_and(|at| at.elapsed() < LEASE)
    }

    /// Says that a process lives; one that had been taken for dead is a newcomer.
    pub fn renew(&mut self, process: usize) {
        if !self.lives(process) {
            self.born.insert(process, Instant::now());
        }
        self.renewed.insert(process, Instant::now());
    }

    pub fn leave(&mut self, process: usize) {
        self.renewed.remove(&process);
    }

    pub fn others(&self, process: usize) -> impl Iterator<Item = usize> + '_ {
        let living = self.renewed.keys().copied();
        living.filter(move |other| *other != process && self.lives(*other))
    }

    /// Lanes whose holder is dead, or that nobody ever held.
    pub fn is_free(&self, lane: Lane) -> bool {
        self.holders
            .get(&lane)
            .is_none_or(|holder| !self.lives(*holder))
    }

    /// Whether nobody but this process can write.
    fn leaves_alone(&self, process: usize) -> bool {
        let lives = self.lives(process) && self.others(process).next().is_none();
        lives && self.holders.values().all(|holder| *holder == process)
    }
}

/// Whether a process goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Runs,
    Paused,
    Dead,
    /// Every call panics, as if it had a bug.
    Broken,
}

/// One process's store.
pub struct SimStore {
    pub number: usize,
    pub shared: Arc<Shared>,
    pub life: watch::Receiver<Life>,
    /// What this process was given, or was told is written: later reads are not behind that.
    pub seen: AtomicUsize,
    /// What the log gave.
    pub given: Mutex<Progress>,
    /// When this process last saw that it is alone, and where the log ended then.
    alone: Mutex<Option<(Instant, Progress)>>,
}

impl SimStore {
    pub fn new(number: usize, shared: Arc<Shared>, life: watch::Receiver<Life>) -> Self {
        shared.desk.lock().renew(number);
        Self {
            number,
            shared,
            life,
            seen: AtomicUsize::new(0),
            given: Mutex::default(),
            alone: Mutex::default(),
        }
    }

    /// Looks for others.
    pub fn look(&self) {
        let log = self.shared.log.lock();
        let alone = self.shared.desk.lock().leaves_alone(self.number);
        let heads = log.heads(log.writes());
        *self.alone.lock() = alone.then(|| (Instant::now(), heads));
    }

    /// Whether nobody else can write, and the log gave everything.
    pub fn knows_all(&self) -> bool {
        let alone = self.alone.lock();
        alone.is_some_and(|(at, heads)| at.elapsed() <= ALONE && self.given.lock().includes(&heads))
    }

    pub fn give(&self, positions: impl IntoIterator<Item = Position>) {
        let mut given = self.given.lock();
        for position in positions {
            given.advance(position);
        }
    }

    pub fn see(&self, write: Write) {
        self.seen.fetch_max(write, Ordering::AcqRel);
    }

    pub fn acknowledge(&self, write: Write) {
        self.shared.log.lock().commit(write);
        self.shared.acknowledged.fetch_max(write, Ordering::AcqRel);
        self.see(write);
    }

    /// Goes on while the process does: a dead one never, a paused one when it wakes.
    pub async fn gate(&self) {
        let mut life = self.life.clone();
        let goes_on = |life: &Life| matches!(life, Life::Runs | Life::Broken);
        let life = life.wait_for(goes_on).await.map(|life| *life);
        assert_ne!(life.as_ref().ok(), Some(&Life::Broken), "as it was told to");
        if life.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// A moment passes; things fail.
    pub async fn moment(&self) -> Result<()> {
        let faults = *self.shared.faults.lock();
        self.gate().await;
        self.shared.dice.wait(faults.slow).await;
        self.gate().await;
        if self.shared.dice.chance(faults.calls) {
            if self.shared.dice.chance(0.2) {
                self.shared.dice.wait(2_000).await;
                self.gate().await;
            }
            return Err(Error::Unavailable("simulated".into()));
        }
        Ok(())
    }

    /// Something between what has to be seen and what can be.
    pub fn snapshot(&self, floor: Write) -> Write {
        let log = self.shared.log.lock();
        let committed = log.committed().max(floor);
        if self.shared.dice.chance(0.5) {
            committed
        } else {
            self.shared.dice.number(floor..=committed)
        }
    }

    /// Reads as of a moment that is not before what this process was given.
    pub async fn read<T>(&self, look: impl FnOnce(&SharedLog, Write) -> T) -> Result<T> {
        let floor = self.seen.load(Ordering::Acquire);
        self.moment().await?;
        let seen = self.snapshot(floor);
        let found = look(&self.shared.log.lock(), seen);
        self.moment().await?;
        Ok(found)
    }

    pub fn person(&self, id: UserId) -> Option<User> {
        let mut people = self.shared.people.iter();
        people.find(|user| user.id == id).cloned()
    }
}
