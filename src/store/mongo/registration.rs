//! This process's name among those on the same database.
//!
//! It is a new one at each start, and after each burial: who was silent for so long that others took it for dead has to
//! begin anew, as they may have stopped to reckon with it.

use std::{mem, sync::Arc, time::Instant};

use mongodb::bson::doc;
use parking_lot::Mutex;
use uuid::Uuid;

use super::{Inner, attempt::Purpose, document, error, open::VERSION};
use crate::{error::Result, store::Heard};

pub(super) struct Registration {
    names: Mutex<Names>,
    /// Held by who is changing the name.
    turn: tokio::sync::Mutex<()>,
}

struct Names {
    name: Uuid,
    is_registered: bool,
    /// Under which something may be left of this process.
    former: Vec<Uuid>,
    /// Before then others may rely on being alone.
    writes_from: Option<Instant>,
}

impl Default for Registration {
    fn default() -> Self {
        let names = Names {
            name: Uuid::new_v4(),
            is_registered: false,
            former: Vec::new(),
            writes_from: None,
        };
        Self {
            names: Mutex::new(names),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl Registration {
    /// Names under which something may be left of this process.
    pub(super) fn former(&self) -> Vec<Uuid> {
        self.names.lock().former.clone()
    }

    /// Nothing is left under these names.
    pub(super) fn forget(&self, former: &[Uuid]) {
        let mut names = self.names.lock();
        names.former.retain(|name| !former.contains(name));
    }
}

impl Inner {
    /// This process's name in `processes`.
    pub(super) fn name(&self) -> Uuid {
        self.registration.names.lock().name
    }

    /// Enters this process among the living, under a new name. If there are others, it takes some time until none of them
    /// takes itself for alone.
    pub(super) async fn register(self: &Arc<Self>, deadline: Instant) -> Result<()> {
        let name = Uuid::new_v4();
        self.insist(Purpose::Terms, deadline, move |inner| async move {
            let now = doc! { "$currentDate": { "aliveAt": true }, "$set": { "version": VERSION } };
            let enter = inner
                .collections
                .processes
                .update_one(doc! { "_id": document::id(name) }, now)
                .upsert(true);
            inner.timed("mongodb.update", enter).await.map(drop)
        })
        .await?;
        let registered = Instant::now();
        let others = self
            .living(Purpose::Terms, deadline)
            .await?
            .into_iter()
            .filter(|other| *other != name);
        let mut names = self.registration.names.lock();
        let former = mem::replace(&mut names.name, name);
        if mem::replace(&mut names.is_registered, true) {
            names.former.push(former);
        }
        if !names.former.is_empty() {
            self.look_anew_later();
        }
        let has_others = others.filter(|other| !names.former.contains(other)).count() > 0;
        names.writes_from = has_others.then(|| registered + 2 * self.limits.alone);
        Ok(())
    }

    /// Says that something may have been missed, once no other process takes itself for alone: one that does has no reason
    /// to signal anything.
    fn look_anew_later(&self) {
        let (ears, stop) = (self.signalling.ears.clone(), self.stop.clone());
        let pause = 2 * self.limits.alone;
        self.beside(async move {
            let say = async {
                tokio::time::sleep(pause).await;
                // Nobody hears at the end.
                let _ = ears.send(Heard::Missed(Instant::now())).await;
            };
            stop.run_until_cancelled(say).await;
        });
    }

    /// Whether a process of an older version is there.
    pub(super) async fn runs_older(&self) -> Result<bool> {
        let lease = i64::try_from(self.limits.lease.as_millis()).unwrap_or(i64::MAX);
        let older = doc! {
            "version": { "$not": { "$gte": VERSION } },
            "buried": { "$exists": false },
            "$expr": { "$gte": ["$aliveAt", { "$subtract": ["$$NOW", lease] }] },
        };
        let found = self.first(self.collections.processes.find(older), |_| Ok(()));
        Ok(found.await?.is_some())
    }

    /// Makes sure that this process is among the living; if it was taken for dead, under a new name, which then holds
    /// the lanes that nobody has taken meanwhile.
    pub(super) async fn be_registered(self: &Arc<Self>, deadline: Instant) -> Result<()> {
        let _turn = self.registration.turn.lock().await;
        let former = self.name();
        if self
            .living(Purpose::Terms, deadline)
            .await?
            .contains(&former)
        {
            return Ok(());
        }
        self.register(deadline).await?;
        let name = self.name();
        self.insist(Purpose::Terms, deadline, move |inner| async move {
            let of_former = doc! { "holder": document::id(former) };
            let keep = doc! { "$set": { "holder": document::id(name) } };
            let update = inner.collections.lanes.update_many(of_former, keep);
            inner.timed("mongodb.update", update).await.map(drop)
        })
        .await
    }

    /// Waits until no other process takes itself for alone.
    pub(super) async fn let_others_look(&self, deadline: Instant) -> Result<()> {
        let writes_from = self.registration.names.lock().writes_from;
        if let Some(from) = writes_from {
            tokio::time::sleep_until(from.min(deadline).into()).await;
            if from >= deadline {
                return Err(error::late());
            }
        }
        Ok(())
    }
}
