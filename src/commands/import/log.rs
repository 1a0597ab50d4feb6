//! Writing into the log as a server does, beside servers where there are any.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, SystemTime},
};

use tokio::time::{Instant, sleep};

use super::super::Failure;
use crate::{
    domain::{ConversationId, Entry, Happening, Lane, NewEntry, Pen, Rank, Step, Stretch, Tail},
    error::{Error, Result},
    store::{Appended, Stopped, WholeStore},
};

/// Of how many conversations it is remembered where they end.
const KNOWN_TAILS: usize = 100_000;

/// How long nothing may get through before the command is given up.
const PATIENCE: Duration = Duration::from_mins(2);

/// How long to wait before another try.
const PAUSE: Duration = Duration::from_millis(50);

/// An entry that is to be written.
#[derive(Clone)]
pub struct Planned {
    pub new: NewEntry,
    /// The step that it has to become; `None` for the next one.
    pub step: Option<Step>,
}

impl Planned {
    /// Whether it sends a message.
    pub fn is_message(&self) -> bool {
        matches!(self.new.what, Happening::Sent(_))
    }
}

/// A conversation has been taken up already by others than this import.
pub fn goes_on_differently(id: ConversationId) -> Failure {
    Failure::new(format_args!(
        "{id} goes on differently in this store than in the file; import into an empty one"
    ))
}

/// Writes entries in their order, whatever comes in between.
pub struct LogWriter {
    store: WholeStore,
    /// Where the next entry goes; `None` while no lane is held.
    pen: Option<Pen>,
    /// The lane of a term that is over.
    over: Option<Lane>,
    /// What was offered in that term when nobody knows whether it was written.
    doubtful: Vec<Entry>,
    tails: HashMap<ConversationId, Tail>,
}

impl LogWriter {
    pub fn new(store: WholeStore) -> Self {
        Self {
            store,
            pen: None,
            over: None,
            doubtful: Vec::new(),
            tails: HashMap::new(),
        }
    }

    /// Where these conversations end.
    ///
    /// # Errors
    /// The store's.
    pub async fn tails(
        &mut self,
        ids: impl IntoIterator<Item = ConversationId>,
    ) -> Result<HashMap<ConversationId, Tail>> {
        if self.tails.len() > KNOWN_TAILS {
            self.tails.clear();
        }
        let ids: HashSet<ConversationId> = ids.into_iter().collect();
        let unknown = ids.iter().filter(|id| !self.tails.contains_key(id));
        let unknown: Vec<_> = unknown.copied().collect();
        if !unknown.is_empty() {
            let mut found: HashMap<_, _> = self.store.tails(&unknown).await?.into_iter().collect();
            for id in unknown {
                let tail = found.remove(&id).unwrap_or(Tail::NOTHING);
                self.tails.insert(id, tail);
            }
        }
        let known = ids.into_iter().map(|id| (id, self.tails[&id]));
        Ok(known.collect())
    }

    /// Writes entries, but for messages that are there already; gives how many were written.
    ///
    /// # Errors
    /// The store's, once nothing gets through for long; that an entry cannot become the step that it has to be.
    pub async fn write(&mut self, mut rest: Vec<Planned>) -> Result<usize, Failure> {
        let mut written = 0;
        let mut since = Instant::now();
        while !rest.is_empty() {
            match self.attempt(&mut rest).await {
                Ok(0) => sleep(PAUSE).await,
                Ok(count) => {
                    written += count;
                    since = Instant::now();
                }
                Err(Attempt::Store(Error::Unavailable(detail))) => {
                    if since.elapsed() > PATIENCE {
                        return Err(Failure::new(detail));
                    }
                    sleep(PAUSE).await;
                }
                Err(Attempt::Store(error)) => return Err(error.into()),
                Err(Attempt::Failure(failure)) => return Err(failure),
            }
            if since.elapsed() > PATIENCE {
                return Err(Failure::new(
                    "others write in the same conversation all the time",
                ));
            }
        }
        Ok(written)
    }

    /// Offers what is left, and takes away what is written or there already; gives how many were written.
    async fn attempt(&mut self, rest: &mut Vec<Planned>) -> Result<usize, Attempt> {
        let found = self.take_up_lane(rest).await?;
        if found > 0 || rest.is_empty() {
            return Ok(found);
        }
        let Some(mut pen) = self.pen else {
            return Ok(0);
        };
        let ids = rest.iter().map(|planned| planned.new.conversation_id);
        let mut tails = self.tails(ids.collect::<Vec<_>>()).await?;
        let now = clock();
        let mut entries = Vec::with_capacity(rest.len());
        for Planned { new, step } in rest.iter() {
            let id = new.conversation_id;
            let tail = tails.entry(id).or_insert(Tail::NOTHING);
            let entry = pen.write(new.clone(), tail, now);
            if step.is_some_and(|step| step != entry.step) {
                return Err(Attempt::Failure(goes_on_differently(id)));
            }
            entries.push(entry);
        }
        let appended = match self.store.append(&entries).await {
            Ok(appended) => appended,
            Err(error) => {
                self.end_term(&entries);
                self.doubtful = entries;
                return Err(error.into());
            }
        };
        Ok(self.settle(rest, &entries, appended))
    }

    fn settle(&mut self, rest: &mut Vec<Planned>, entries: &[Entry], appended: Appended) -> usize {
        let Appended { written, stopped } = appended;
        for entry in &entries[..written] {
            self.tails.insert(entry.conversation_id, entry.tail());
            self.pen = Some(Pen::new(entry.position, entry.rank));
        }
        match stopped {
            None => {}
            Some(Stopped::Known(known)) => {
                let known: HashSet<usize> = known.into_iter().map(|(number, _)| number).collect();
                let mut number = 0;
                rest.retain(|_| {
                    number += 1;
                    !known.contains(&(number - 1))
                });
            }
            Some(Stopped::Lost) => {
                if let Some(lost) = entries.get(written) {
                    self.tails.remove(&lost.conversation_id);
                }
            }
            Some(Stopped::Over) => self.end_term(entries),
        }
        rest.drain(..written);
        written
    }

    fn end_term(&mut self, entries: &[Entry]) {
        self.over = entries.first().map(|entry| entry.position.lane());
        self.pen = None;
        self.tails.clear();
    }

    /// Holds a lane, and finds out what became of what was offered before; that much was written after all.
    async fn take_up_lane(&mut self, rest: &mut Vec<Planned>) -> Result<usize> {
        if self.pen.is_none() {
            let seal = self.store.begin_term(self.over).await?;
            // Should what follows fail, it is this lane that is taken up again.
            self.over = Some(seal.position.lane());
            self.pen = Some(Pen::new(seal.position, seal.rank));
        }
        if self.doubtful.is_empty() {
            return Ok(0);
        }
        let places = self.doubtful.iter().map(|entry| Stretch {
            conversation_id: entry.conversation_id,
            first: entry.step,
            last: entry.step,
        });
        let found = self.store.entries(&places.collect::<Vec<_>>()).await?;
        let found: HashSet<_> = found.into_iter().map(|entry| entry.id).collect();
        self.doubtful.clear();
        let offered = rest.len();
        rest.retain(|planned| !found.contains(&planned.new.id));
        Ok(offered - rest.len())
    }
}

/// Why an attempt came to nothing.
enum Attempt {
    Store(Error),
    Failure(Failure),
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

/// The clock as ranks count.
fn clock() -> Rank {
    let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    Rank::try_from(since.as_micros()).unwrap_or(Rank::MAX)
}
