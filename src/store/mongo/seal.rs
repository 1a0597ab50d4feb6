//! Seals: the beginnings of terms, and the ends of those before.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use mongodb::bson::{RawArrayBuf, doc, raw::cstr};
use uuid::Uuid;

use super::{
    Inner,
    attempt::Purpose,
    document::{self, Fields},
    error, record,
};
use crate::{
    domain::{Lane, Position, Rank, Record, Seal},
    error::{Error, Result},
};

/// How many records one read of a lane takes.
const READ: usize = 1_000;

/// How long to wait when what stands in the way cannot be read yet.
const PAUSE: Duration = Duration::from_millis(10);

/// How the insert of a seal ended.
enum SealInsert {
    Written,
    /// An earlier try at it has written it.
    IsThere,
    /// Its place is taken.
    Taken,
}

/// The clock as ranks count: in microseconds.
fn now() -> Rank {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        Rank::try_from(since.as_micros()).unwrap_or(Rank::MAX)
    })
}

impl Inner {
    /// Writes a seal behind everything that stands in a lane; `None` when somebody wrote behind it at once. All tries
    /// have the same id, so that no more than one of them can stand anywhere.
    pub(super) async fn seal(
        self: &Arc<Self>,
        lane: Lane,
        id: Uuid,
        deadline: Instant,
    ) -> Result<Option<Seal>> {
        let mark = rand::random();
        let mut is_written = false;
        loop {
            let last = self
                .insist(Purpose::Terms, deadline, move |inner| async move {
                    inner.last_record(lane).await
                })
                .await?;
            let (position, rank) = match last {
                Some((written, position, rank)) if written == id => {
                    return Ok(Some(Seal {
                        position,
                        rank,
                        mark,
                    }));
                }
                // A majority has what stands behind it.
                _ if is_written => return Ok(None),
                Some((_, position, rank)) => (position.next(), now().max(rank + 1)),
                None => (lane.start().next(), now()),
            };
            let seal = Seal {
                position,
                rank,
                mark,
            };
            let patience = self.attempt_time();
            let insert = self.attempt(Purpose::Terms, patience, move |inner| async move {
                inner.insert_seal(&seal, id).await
            });
            match insert.await {
                Ok(SealInsert::Written) => return Ok(Some(seal)),
                Ok(SealInsert::IsThere) => is_written = true,
                Ok(SealInsert::Taken) | Err(Error::Unavailable(_)) => {}
                Err(other) => return Err(other),
            }
            super::pause(PAUSE, deadline).await?;
        }
    }

    async fn insert_seal(&self, seal: &Seal, id: Uuid) -> Result<SealInsert> {
        let mut documents = RawArrayBuf::new();
        documents.push(record::encode_seal(seal, id));
        let command = self.raw_insert(cstr!("messages"), &documents);
        let reply = self
            .timed("mongodb.insert", self.db.run_raw_command(command))
            .await?;
        if let Some(failure) = reply.get("writeConcernError") {
            return Err(Error::Unavailable(format!("MongoDB: {failure}")));
        }
        let Some(refused) = error::first_write_error(&reply) else {
            return Ok(SealInsert::Written);
        };
        match error::clash_of(refused).as_deref() {
            Some(["_id"]) => Ok(SealInsert::IsThere),
            Some(["position"]) => Ok(SealInsert::Taken),
            _ => Err(error::from_write_error(refused)),
        }
    }

    /// The last record of a lane: its id, position and rank.
    async fn last_record(&self, lane: Lane) -> Result<Option<(Uuid, Position, Rank)>> {
        let find = self
            .collections
            .messages
            .find(doc! { "position": document::behind(lane.start()) })
            .sort(doc! { "position": -1 })
            .projection(doc! { "position": 1, "rank": 1 });
        self.first(find, |found| {
            let position = Position(found.number("position")?);
            let rank = found.number_if_any("rank")?.unwrap_or(position.number());
            Ok((found.id("_id")?, position, rank))
        })
        .await
    }

    /// Takes in all that stands in a lane up to a position, as far as it can be read.
    pub(super) async fn catch_up(
        self: &Arc<Self>,
        purpose: Purpose,
        up_to: Position,
        deadline: Instant,
    ) -> Result<()> {
        let lane = up_to.lane();
        loop {
            let after = self.overlay.known().in_lane(lane);
            if after >= up_to {
                return Ok(());
            }
            let records = self
                .insist(purpose, deadline, move |inner| async move {
                    inner.read_lane(after, READ).await
                })
                .await?;
            if records.is_empty() {
                return Ok(());
            }
            self.overlay.take(&records);
        }
    }

    /// Takes in all that stands in a lane up to a seal of this process.
    pub(super) async fn catch_up_with_seal(
        self: &Arc<Self>,
        seal: &Seal,
        deadline: Instant,
    ) -> Result<()> {
        loop {
            self.catch_up(Purpose::Terms, seal.position, deadline)
                .await?;
            if self.overlay.known().covers(seal.position) {
                return Ok(());
            }
            // Read from a server that does not know yet that it is no primary any more.
            super::pause(PAUSE, deadline).await?;
        }
    }

    /// What stands behind a position in its lane, in order.
    pub(super) async fn read_lane(&self, after: Position, limit: usize) -> Result<Vec<Record>> {
        let find = self
            .collections
            .messages
            .find(doc! { "position": document::behind(after) })
            .sort(doc! { "position": 1 })
            .limit(super::limit(limit));
        self.all(find, record::decode).await
    }
}
