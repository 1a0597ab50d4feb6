//! Who holds which lane.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Instant,
};

use mongodb::{
    bson::{Document, RawDocument, doc},
    options::ReturnDocument,
};
use uuid::Uuid;

use super::{
    Inner,
    attempt::Purpose,
    document::{self, Fields, unreadable},
    error,
};
use crate::{
    domain::{Lane, Position},
    error::Result,
};

/// A lane as `lanes` has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tenure {
    pub(super) holder: Option<Uuid>,
    /// Up to where what follows is written.
    pub(super) followed: Position,
}

pub(super) fn decode_tenure(found: &RawDocument) -> Result<(Lane, Tenure)> {
    let lane = usize::try_from(found.number("_id")?).ok();
    let lane = lane.and_then(Lane::new).ok_or_else(|| unreadable("lane"))?;
    let holder = found.id_if_any("holder")?;
    let followed = Position(found.number("followed")?);
    Ok((lane, Tenure { holder, followed }))
}

impl Inner {
    /// Makes this process the holder of a lane, if nothing has changed about it.
    pub(super) async fn take_lane(
        self: &Arc<Self>,
        lane: Lane,
        known: Option<Tenure>,
        deadline: Instant,
    ) -> Result<Option<Tenure>> {
        let me = document::id(self.name());
        let holder = known.and_then(|known| known.holder);
        let held = holder.map_or_else(|| doc! { "$exists": false }.into(), document::id);
        let filter = doc! { "_id": document::lane(lane), "holder": held };
        let take = doc! {
            "$set": { "holder": me }, "$setOnInsert": { "followed": lane.start().0 },
        };
        let taken = self
            .insist(Purpose::Terms, deadline, move |inner| {
                let (filter, take) = (filter.clone(), take.clone());
                async move {
                    let take = async {
                        let lanes = &inner.collections.lanes;
                        let take = lanes
                            .find_one_and_update(filter, take)
                            .upsert(holder.is_none());
                        match take.return_document(ReturnDocument::After).await {
                            // Somebody else has it by now.
                            Err(failure) if error::clash(&failure).is_some() => Ok(None),
                            result => result,
                        }
                    };
                    inner.timed("mongodb.findAndModify", take).await
                }
            })
            .await?;
        let decoded = taken.map(|taken| decode_tenure(&taken)).transpose()?;
        Ok(decoded.map(|(_, tenure)| tenure))
    }

    /// All lanes that were ever taken.
    pub(super) async fn lanes(
        self: &Arc<Self>,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<HashMap<Lane, Tenure>> {
        let lanes = self.insist(purpose, deadline, |inner| async move {
            inner
                .all(inner.collections.lanes.find(doc! {}), decode_tenure)
                .await
        });
        Ok(lanes.await?.into_iter().collect())
    }

    /// The processes that are registered and not buried.
    pub(super) async fn living(
        self: &Arc<Self>,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<HashSet<Uuid>> {
        let living = self.insist(purpose, deadline, |inner| async move {
            let find = inner
                .collections
                .processes
                .find(doc! { "buried": { "$exists": false } })
                .projection(doc! { "_id": 1 });
            inner.all(find, |process| process.id("_id")).await
        });
        Ok(living.await?.into_iter().collect())
    }

    /// Seals a lane whose holder is gone, follows it to its end, and lets it go.
    pub(super) async fn tend(
        self: &Arc<Self>,
        lane: Lane,
        tenure: Tenure,
        deadline: Instant,
    ) -> Result<()> {
        let Some(tenure) = self.take_lane(lane, Some(tenure), deadline).await? else {
            return Ok(());
        };
        self.overlay.follow(tenure.followed);
        if let Some(seal) = self.seal(lane, Uuid::new_v4(), deadline).await? {
            self.catch_up_with_seal(&seal, deadline).await?;
            self.settle_lane(lane).await?;
            self.let_go(lane).await?;
        }
        Ok(())
    }

    /// Lets go of the lanes in which nothing more can come of this process. The others are for whoever notices that it
    /// is gone.
    pub(super) async fn let_all_go(&self) -> Result<()> {
        for lane in self.terms.quiet() {
            self.let_go(lane).await?;
            self.terms.end(lane);
        }
        Ok(())
    }

    async fn let_go(&self, lane: Lane) -> Result<()> {
        let own = doc! { "_id": document::lane(lane), "holder": document::id(self.name()) };
        let leave = || {
            let leave: Document = doc! { "$unset": { "holder": "" } };
            self.collections.lanes.update_one(own.clone(), leave)
        };
        self.twice("mongodb.update", leave).await.map(drop)
    }
}
