//! Who is online at which process, for those that begin; and when a process dies, the others can say when its users
//! were last seen.

use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use mongodb::bson::{DateTime, RawDocument, RawDocumentBuf, doc};
use tokio::{sync::MutexGuard, time::timeout_at};
use uuid::Uuid;

use super::{
    Inner, MongoStore,
    attempt::Purpose,
    document::{self, Fields},
    error,
};
use crate::{
    domain::{ProcessId, Timestamp, UserId},
    error::Result,
    store::{Lease, Presence},
};

/// The unique index that keeps a user from standing at one process twice.
pub(super) const PROCESS_USER: &str = "process_user";

/// For how long a write that was given up may still land.
const LATE: Duration = Duration::from_mins(1);

/// What this process has entered of who is online here.
#[derive(Default)]
pub(super) struct Entered {
    online: HashSet<UserId>,
    /// Until then rows may come to differ from `online`, as a write failed.
    in_doubt: Option<Instant>,
}

/// How regularly this process has renewed its lease.
#[derive(Default)]
pub(super) struct Renewals {
    last: Option<Instant>,
    /// Before then it takes nobody for dead.
    patient_until: Option<Instant>,
}

impl Renewals {
    /// Takes note of a renewal; whether others that are silent may be taken for dead. Not by who was away itself or has
    /// just begun: the database may have been away, and they get the time to come back.
    fn renewed(&mut self, now: Instant, lease: Duration) -> bool {
        let patience = match self.last.replace(now) {
            // Those that live try again every second or so. Less than one renewal, so that after a start those who died
            // before it are not shown as online for longer than that.
            None => lease / 5,
            Some(last) if now - last > lease / 2 => lease / 2,
            Some(_) => Duration::ZERO,
        };
        if !patience.is_zero() {
            self.patient_until = Some(now + patience);
        }
        self.patient_until.is_none_or(|until| now > until)
    }
}

impl Entered {
    fn doubt(&mut self) {
        self.in_doubt = Some(Instant::now() + LATE);
    }
}

impl Inner {
    async fn enter_online(&self, users: impl IntoIterator<Item = UserId>) -> Result<()> {
        let process = self.name();
        let rows = users
            .into_iter()
            .map(|user| doc! { "process": document::id(process), "user": document::id(user.0) });
        let rows: Vec<_> = rows
            .filter_map(|row| RawDocumentBuf::try_from(&row).ok())
            .collect();
        if rows.is_empty() {
            return Ok(());
        }
        let insert = async {
            match self
                .collections
                .online
                .insert_many(rows)
                .ordered(false)
                .await
            {
                Err(failure) if !error::is_only_duplicates(&failure) => Err(failure),
                _ => Ok(()),
            }
        };
        self.timed("mongodb.insert", insert).await
    }

    /// Says when users were last seen, and takes them from the rows of a process.
    async fn enter_offline(&self, process: Uuid, users: &[(UserId, Timestamp)]) -> Result<()> {
        for users in users.chunks(10_000) {
            let seen = users.iter().map(|(user, at)| {
                doc! {
                    "q": { "_id": document::id(user.0) },
                    "u": { "$max": { "at": document::time(*at) } },
                    "upsert": true,
                }
            });
            self.update_each("lastSeen", seen.collect()).await?;
            let gone = doc! {
                "process": document::id(process),
                "user": { "$in": document::ids(users.iter().map(|(user, _)| user.0)) },
            };
            self.twice("mongodb.delete", || {
                self.collections.online.delete_many(gone.clone())
            })
            .await?;
        }
        Ok(())
    }

    /// Holds what this process has told of itself. Nobody holds it for long, as calls are given up.
    async fn entered(&self, deadline: Instant) -> Result<MutexGuard<'_, Entered>> {
        let entered = timeout_at(deadline.into(), self.entered.lock());
        entered.await.map_err(|_| error::late())
    }

    /// Brings the rows in line with what is so, after a failure.
    async fn reconcile(self: &Arc<Self>, entered: &Entered) -> Result<()> {
        let former = self.registration.former();
        let online: Vec<UserId> = entered.online.iter().copied().collect();
        let gone = doc! { "$or": [
            {
                "process": document::id(self.name()),
                "user": { "$nin": document::ids(online.iter().map(|user| user.0)) },
            },
            // Rows that came after a burial.
            { "process": { "$in": document::ids(former.iter().copied()) } },
        ] };
        self.attempt(Purpose::Upkeep, self.patience(), move |inner| async move {
            inner
                .twice("mongodb.delete", || {
                    inner.collections.online.delete_many(gone.clone())
                })
                .await?;
            inner.enter_online(online).await
        })
        .await?;
        self.registration.forget(&former);
        Ok(())
    }

    async fn renew(self: &Arc<Self>) -> Result<Lease> {
        let deadline = self.deadline();
        // Whatever else hangs, this process lives.
        let name = self.name();
        let renewed = self.insist(Purpose::Upkeep, deadline, move |inner| async move {
            let alive = doc! { "_id": document::id(name), "buried": { "$exists": false } };
            let now = doc! { "$currentDate": { "aliveAt": true } };
            let update = inner.collections.processes.update_one(alive, now);
            inner.timed("mongodb.update", update).await
        });
        if renewed.await?.matched_count == 0 {
            // Taken for dead, after a pause say.
            self.be_registered(deadline).await?;
        }
        let may_bury = self
            .renewals
            .lock()
            .renewed(Instant::now(), self.limits.lease);
        let mut entered = self.entered(deadline).await?;
        if entered.in_doubt.is_some() || !self.registration.former().is_empty() {
            self.reconcile(&entered).await?;
            entered.in_doubt.take_if(|until| *until < Instant::now());
        }
        drop(entered);
        let buried = if may_bury {
            self.bury_the_dead().await?
        } else {
            Vec::new()
        };
        Ok(Lease {
            others: self.others().await?,
            buried,
            name: ProcessId(self.name()),
        })
    }

    /// The other processes that live.
    async fn others(self: &Arc<Self>) -> Result<Vec<ProcessId>> {
        let living = self.living(Purpose::Upkeep, self.deadline()).await?;
        let (me, former) = (self.name(), self.registration.former());
        let others = living
            .into_iter()
            .filter(|other| *other != me && !former.contains(other));
        Ok(others.map(ProcessId).collect())
    }

    async fn bury_the_dead(&self) -> Result<Vec<(ProcessId, Timestamp)>> {
        let mut buried = Vec::new();
        let lease = i64::try_from(self.limits.lease.as_millis()).unwrap_or(i64::MAX);
        let silent = doc! { "$expr": { "$lt": ["$aliveAt", { "$subtract": ["$$NOW", lease] }] } };
        let read = |process: &RawDocument| Ok((process.id("_id")?, process.time("aliveAt")?));
        for (process, alive_at) in self
            .all(self.collections.processes.find(silent), read)
            .await?
        {
            // From here on it cannot come back under this name, and whoever finds it may do the rest.
            let same =
                doc! { "_id": document::id(process), "aliveAt": DateTime::from_millis(alive_at.0) };
            let bury = || {
                self.collections
                    .processes
                    .update_one(same.clone(), doc! { "$set": { "buried": true } })
            };
            if self.twice("mongodb.update", bury).await?.matched_count > 0 {
                self.take_offline(process, alive_at).await?;
                buried.push((ProcessId(process), alive_at));
            }
        }
        Ok(buried)
    }

    /// Takes all of a process's users offline, then its name off the list.
    async fn take_offline(&self, process: Uuid, last_seen_at: Timestamp) -> Result<()> {
        let of_process = doc! { "process": document::id(process) };
        let rows = self
            .collections
            .online
            .find(of_process)
            .projection(doc! { "_id": 0, "user": 1 });
        let users = self
            .all(rows, |row| Ok((document::user_id(row)?, last_seen_at)))
            .await?;
        self.enter_offline(process, &users).await?;
        let name = doc! { "_id": document::id(process) };
        self.twice("mongodb.delete", || {
            self.collections.processes.delete_one(name.clone())
        })
        .await
        .map(drop)
    }

    /// Takes this process off the list, with whoever is still online at it.
    pub(super) async fn leave(&self) -> Result<()> {
        let _entered = self.entered(self.deadline()).await?;
        let process = self.name();
        self.take_offline(process, Timestamp::now()).await
    }
}

#[async_trait]
impl Presence for MongoStore {
    async fn record_online(&self, users: &[UserId]) -> Result<()> {
        let users = users.to_vec();
        self.bounded(|inner| async move {
            let mut entered = inner.entered(inner.deadline()).await?;
            entered.online.extend(&users);
            let write = inner.attempt(Purpose::Upkeep, inner.patience(), |inner| async move {
                inner.enter_online(users).await
            });
            let result = write.await;
            if result.is_err() {
                entered.doubt();
            }
            result
        })
        .await
    }

    async fn record_offline(&self, users: &[(UserId, Timestamp)]) -> Result<()> {
        let users = users.to_vec();
        self.bounded(|inner| async move {
            let mut entered = inner.entered(inner.deadline()).await?;
            for (user, _) in &users {
                entered.online.remove(user);
            }
            let process = inner.name();
            let write = inner.attempt(Purpose::Upkeep, inner.patience(), move |inner| async move {
                inner.enter_offline(process, &users).await
            });
            let result = write.await;
            if result.is_err() {
                entered.doubt();
            }
            result
        })
        .await
    }

    async fn last_seen(&self, ids: &[UserId]) -> Result<Vec<(UserId, Timestamp)>> {
        let filter = doc! { "_id": { "$in": document::ids(ids.iter().map(|id| id.0)) } };
        self.bounded(|inner| async move {
            let read = |found: &RawDocument| Ok((UserId(found.id("_id")?), found.time("at")?));
            inner
                .all(inner.collections.last_seen.find(filter), read)
                .await
        })
        .await
    }

    async fn renew_lease(&self) -> Result<Lease> {
        self.bounded(|inner| async move { inner.renew().await })
            .await
    }

    fn name(&self) -> Option<ProcessId> {
        Some(ProcessId(self.inner.name()))
    }

    async fn online_elsewhere(&self) -> Result<Vec<(ProcessId, UserId)>> {
        self.bounded(|inner| async move {
            let others = inner.others().await?;
            let rows =
                doc! { "process": { "$in": document::ids(others.iter().map(|other| other.0)) } };
            let find = inner
                .collections
                .online
                .find(rows)
                .projection(doc! { "_id": 0, "process": 1, "user": 1 });
            let read =
                |row: &RawDocument| Ok((ProcessId(row.id("process")?), document::user_id(row)?));
            inner.all(find, read).await
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_just_begun_or_was_away_takes_nobody_for_dead() {
        let begun = Instant::now();
        let mut renewals = Renewals::default();
        let mut may_bury = |seconds| {
            let now = begun + Duration::from_secs(seconds);
            renewals.renewed(now, Duration::from_secs(20))
        };
        let begins = [0, 4, 5, 10].map(&mut may_bury);
        assert_eq!(begins, [false, false, true, true]);
        let was_away = [21, 26, 31, 32].map(&mut may_bury);
        assert_eq!(was_away, [false, false, false, true]);
    }
}
