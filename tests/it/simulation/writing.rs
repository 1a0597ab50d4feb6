//! The log as the contract has it.

use std::{sync::atomic::Ordering, time::SystemTime};

use async_trait::async_trait;
use chinwag::{
    domain::{
        ConversationId, Entry, Lane, Position, Progress, Record, Seal, Stretch, Tail, Unseen,
        UserId,
    },
    error::{Error, Result},
    store::{Appended, Call, Log, SEALS, Stopped},
};
use tokio::time::{Instant, sleep_until};

use super::{
    log::{Clash, SharedLog, Write},
    store::{ALONE, Shared, SimStore},
};

/// The clock as ranks count.
pub fn clock() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(0))
}

/// Writes entries one by one until one clashes or `limit` are written.
async fn write(shared: &Shared, entries: Vec<Entry>, limit: usize) -> (Appended, Write) {
    let mut written = 0;
    let mut last = 0;
    for (at, entry) in entries.iter().enumerate().take(limit) {
        if shared.dice.chance(0.05) {
            shared.dice.wait(5).await;
        }
        let mut log = shared.log.lock();
        let clashes = log.clashes(entry);
        if !clashes.is_empty() {
            let stopped = match shared.dice.pick(&clashes) {
                Clash::Place => Stopped::Over,
                Clash::Step => Stopped::Lost,
                Clash::Client(_) => {
                    let rest = entries.iter().enumerate().skip(at);
                    let known = rest.filter_map(|(at, entry)| Some((at, log.known(entry)?)));
                    let known = known.take(shared.dice.number(1..=5));
                    Stopped::Known(known.collect())
                }
            };
            let stopped = Some(stopped);
            return (Appended { written, stopped }, last);
        }
        match log.write(entry.clone()) {
            Ok(write) => last = write,
            Err(broken) => shared.broken.lock().push(broken),
        }
        written += 1;
    }
    let stopped = None;
    (Appended { written, stopped }, last)
}

impl SimStore {
    fn note_hand_over(&self, entries: &[Entry]) {
        let mut handed_over = self.shared.handed_over.lock();
        for message in entries.iter().filter_map(Entry::message) {
            let text = message.body.as_str().to_owned();
            handed_over.entry(text).or_default().push(Instant::now());
        }
    }

    /// The lane that a term may begin in: the one that is over, or the one that an attempt to go on from it took, or the
    /// lowest free one.
    fn choose(&self, over: Option<Lane>) -> Option<Lane> {
        let desk = self.shared.desk.lock();
        let held = |lane: &Lane| desk.holders.get(lane) == Some(&self.number);
        let may = |lane: &Lane| held(lane) || desk.is_free(*lane);
        let own = || Lane::all().find(held);
        over.filter(may)
            .or_else(|| over.and_then(|_| own()))
            .or_else(|| Lane::all().find(|lane| desk.is_free(*lane)))
            .or_else(own)
    }

    fn seal(&self, lane: Lane) -> (Seal, Write) {
        let mut log = self.shared.log.lock();
        let rank = if self.shared.dice.chance(0.5) {
            clock()
        } else {
            0
        };
        let seal = log.seal(lane, rank, self.shared.dice.mark());
        (seal, log.writes())
    }

    /// Seals lanes whose holders are dead.
    pub fn seal_orphans(&self) {
        let orphans = {
            let mut desk = self.shared.desk.lock();
            let held: Vec<Lane> = desk.holders.keys().copied().collect();
            let orphans: Vec<Lane> = held.into_iter().filter(|l| desk.is_free(*l)).collect();
            for lane in &orphans {
                desk.holders.remove(lane);
            }
            orphans
        };
        for lane in orphans {
            self.seal(lane);
        }
    }
}

#[async_trait]
impl Log for SimStore {
    async fn begin_term(&self, over: Option<Lane>) -> Result<Seal> {
        self.moment().await?;
        let born = {
            let mut desk = self.shared.desk.lock();
            desk.renew(self.number);
            let born = desk.born[&self.number];
            desk.others(self.number).next().map(|_| born)
        };
        if let Some(born) = born {
            sleep_until(born + ALONE * 2).await;
            self.gate().await;
        }
        let (seal, write) = {
            let lane = self
                .choose(over)
                .ok_or_else(|| Error::Internal("every lane is held".into()))?;
            let mut desk = self.shared.desk.lock();
            desk.renew(self.number);
            if over.is_some() {
                desk.holders.retain(|_, holder| *holder != self.number);
            }
            desk.holders.insert(lane, self.number);
            drop(desk);
            self.seal(lane)
        };
        self.moment().await?;
        self.acknowledge(write);
        Ok(seal)
    }

    async fn append(&self, entries: &[Entry]) -> Result<Appended> {
        self.note_hand_over(entries);
        self.gate().await;
        let faults = *self.shared.faults.lock();
        let shared = self.shared.clone();
        let positions: Vec<Position> = entries.iter().map(|entry| entry.position).collect();
        let entries = entries.to_vec();
        let unknown = shared.dice.chance(faults.appends);
        // A task of its own: what is under way goes on, whatever becomes of its caller.
        if unknown {
            let late = faults.late;
            tokio::spawn(async move {
                let part = match shared.dice.number(0..=3) {
                    0 => 0,
                    1 => shared.dice.number(0..=entries.len()),
                    _ => entries.len(),
                };
                if shared.dice.chance(0.5) {
                    shared.dice.wait(late).await;
                }
                let (_, last) = write(&shared, entries, part).await;
                shared.dice.wait(faults.slow).await;
                shared.log.lock().commit(last);
            });
            let most = if self.shared.dice.chance(0.1) {
                2_000
            } else {
                faults.slow
            };
            self.shared.dice.wait(most).await;
            self.gate().await;
            return Err(Error::Unavailable("simulated".into()));
        }
        let writing = tokio::spawn(async move {
            shared.dice.wait(faults.slow).await;
            let (appended, last) = write(&shared, entries, usize::MAX).await;
            shared.dice.wait(faults.slow).await;
            shared.log.lock().commit(last);
            (appended, last)
        });
        let (appended, last) = writing
            .await
            .map_err(|error| Error::Internal(error.to_string()))?;
        self.shared.dice.wait(faults.slow).await;
        self.gate().await;
        self.acknowledge(last);
        self.give(positions.into_iter().take(appended.written));
        Ok(appended)
    }

    async fn log_after(&self, after: &Progress, limit: usize) -> Result<Vec<Record>> {
        self.look();
        let seen = self.seen.load(Ordering::Acquire);
        let floor = self.shared.acknowledged.load(Ordering::Acquire).max(seen);
        self.moment().await?;
        let mut records = Vec::new();
        let mut last = 0;
        let mut lanes: Vec<Lane> = Lane::all().collect();
        while !lanes.is_empty() {
            let lane = lanes.swap_remove(self.shared.dice.number(0..=lanes.len() - 1));
            if self.shared.dice.chance(0.05) {
                self.moment().await?;
            }
            let snapshot = self.snapshot(floor);
            let log = self.shared.log.lock();
            let news = log.lane_after(after.in_lane(lane), snapshot).take(limit);
            for (write, record) in news {
                last = last.max(*write);
                records.push(record.clone());
            }
        }
        self.moment().await?;
        self.see(last);
        self.give(records.iter().map(Record::position));
        Ok(records)
    }

    async fn heads(&self) -> Result<Progress> {
        let seen = self.seen.load(Ordering::Acquire);
        let floor = self.shared.acknowledged.load(Ordering::Acquire).max(seen);
        self.moment().await?;
        let snapshot = self.snapshot(floor);
        let heads = self.shared.log.lock().heads(snapshot);
        self.see(snapshot);
        self.moment().await?;
        self.give(heads.positions());
        Ok(heads)
    }

    async fn seals(&self) -> Result<Vec<Seal>> {
        let seals = self.read(SharedLog::seals).await?;
        assert!(seals.len() < SEALS);
        Ok(seals)
    }

    async fn tails(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Tail)>> {
        self.read(|log, seen| {
            let tails = ids.iter().map(|id| (*id, log.tail(*id, seen)));
            tails.filter(|(_, tail)| tail.step > 0).collect()
        })
        .await
    }

    async fn unseen(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: &Progress,
    ) -> Result<Vec<Unseen>> {
        self.read(|log, seen| {
            let ids = log.ids();
            let asked = ids.filter(|id| conversation.is_none_or(|only| only == *id));
            let unseen = asked.filter_map(|id| log.unseen(viewer, id, after, seen));
            unseen.collect()
        })
        .await
    }

    async fn entries(&self, stretches: &[Stretch]) -> Result<Vec<Entry>> {
        self.read(|log, seen| {
            let entries = stretches.iter().flat_map(|stretch| {
                let entries = log.entries(stretch.conversation_id, seen);
                entries.filter(|entry| (stretch.first..=stretch.last).contains(&entry.step))
            });
            entries.cloned().collect()
        })
        .await
    }

    fn is_alone(&self) -> bool {
        self.knows_all()
    }

    async fn call_for_turns(&self, conversations: &[ConversationId]) -> Result<()> {
        self.moment().await?;
        let mut turns = self.shared.turns.lock();
        let calls = turns.entry(self.number).or_default();
        calls.retain(|(id, _)| conversations.contains(id));
        for id in conversations {
            if !calls.iter().any(|(called, _)| called == id) {
                let mark = i64::from(self.shared.dice.mark());
                calls.push((*id, Call(uuid::Uuid::from_u128(self.number as u128), mark)));
            }
        }
        Ok(())
    }

    async fn called_for(&self) -> Result<Vec<(ConversationId, Call)>> {
        self.moment().await?;
        let turns = self.shared.turns.lock();
        let others = turns.iter().filter(|(process, _)| **process != self.number);
        Ok(others.flat_map(|(_, calls)| calls.clone()).collect())
    }
}
