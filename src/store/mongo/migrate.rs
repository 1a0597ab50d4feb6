//! From the data of the version before to this one's: messages get steps, conversations what lists go by.
//!
//! Any number of processes may do this at once, and each be killed at any moment: every part changes only what is not
//! changed yet. First of all a validator and a seal keep processes of the version before from writing.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use mongodb::{
    bson::{Bson, Document, doc},
    options::{ValidationAction, ValidationLevel, WriteConcern},
};
use uuid::Uuid;

use super::{
    Inner,
    attempt::Purpose,
    document::{self, Fields},
    error::{UNAUTHORIZED, is_command},
};
use crate::{
    domain::Lane,
    error::{Error, Result},
};

/// How many documents one update changes.
const SLICE: i64 = 10_000;

/// How often the log tells how far it is.
const TELL: Duration = Duration::from_secs(5);

/// Nobody's name: whoever finds a lane held by it takes care of it.
const NOBODY: Uuid = Uuid::nil();

/// The server's code for a collection that exists already.
const NAMESPACE_EXISTS: i32 = 48;

/// What messages must have: processes of the version before do not write it.
fn validator() -> Document {
    let has = |field: &str| doc! { field: { "$exists": true } };
    doc! { "$or": [has("step"), has("mark")] }
}

impl Inner {
    /// Makes the collection of the records, if it is missing. What is there must not be written to any more as the
    /// version before did; where this user may not demand that, the seal alone keeps that version out.
    pub(super) async fn make_messages(&self) -> mongodb::error::Result<()> {
        // At `moderate`, what stands there from before may still be changed.
        let create = self.db.create_collection("messages").validator(validator());
        let create = create
            .validation_level(ValidationLevel::Moderate)
            .validation_action(ValidationAction::Error);
        match create.await {
            Err(failure) if is_command(&failure, NAMESPACE_EXISTS) => {}
            result => return result,
        }
        let demand = doc! {
            "collMod": "messages",
            "validator": validator(),
            "validationLevel": "moderate",
            "validationAction": "error",
            "writeConcern": { "w": "majority" },
        };
        match self.db.run_command(demand).await {
            Err(failure) if is_command(&failure, UNAUTHORIZED) => Ok(()),
            result => result.map(drop),
        }
    }

    /// Brings what is there to this version. Takes its time with much data, and little memory.
    pub(super) async fn migrate(self: &Arc<Self>) -> Result<()> {
        self.inherit_lane().await?;
        self.give_steps().await?;
        self.give_ranks().await
    }

    /// The old log is the first lane. Its seal is something that a process of the version before cannot read, and so
    /// cannot write behind. The lane is followed up to where that version had kept that it was; what it wrote behind is
    /// written again.
    async fn inherit_lane(self: &Arc<Self>) -> Result<()> {
        let lane = Lane::FIRST;
        let deadline = self.deadline();
        if self
            .lanes(Purpose::Terms, deadline)
            .await?
            .contains_key(&lane)
        {
            return Ok(());
        }
        // Of one id, whoever writes it: the version before lets only one record be without a conversation.
        self.seal(lane, NOBODY, deadline).await?;
        let kept = self.collections.meta.find(doc! { "_id": "bumped" });
        let followed = self
            .first(kept, |kept| kept.number("position"))
            .await?
            .unwrap_or(0);
        let tenure =
            doc! { "$setOnInsert": { "followed": followed, "holder": document::id(NOBODY) } };
        let inherit = || {
            let lanes = &self.collections.lanes;
            lanes
                .update_one(doc! { "_id": document::lane(lane) }, tenure.clone())
                .upsert(true)
        };
        self.twice("mongodb.update", inherit).await.map(drop)
    }

    /// An old message's step is its seq.
    async fn give_steps(&self) -> Result<()> {
        let newest = self
            .collections
            .messages
            .find(doc! { "position": document::behind(Lane::FIRST.start()) })
            .sort(doc! { "position": -1 })
            .projection(doc! { "position": 1 });
        let end = self.first(newest, |found| found.number("position")).await?;
        let end = end.unwrap_or(0);
        let mut told = Instant::now();
        let mut done = self.migrated().await?;
        while done < end {
            let next = (done + SLICE).min(end);
            let old = doc! {
                "position": { "$gt": done, "$lte": next }, "step": { "$exists": false }, "mark": { "$exists": false },
            };
            let give = [doc! { "$set": { "step": "$seq" } }];
            self.slice("messages", old, &give).await?;
            let keep = doc! { "$max": { "position": next } };
            let kept = || {
                let meta = &self.collections.meta;
                meta.update_one(doc! { "_id": "migrated" }, keep.clone())
                    .upsert(true)
            };
            self.twice("mongodb.update", kept).await?;
            done = next;
            if told.elapsed() >= TELL {
                told = Instant::now();
                tracing::info!(
                    done,
                    of = end,
                    "MongoDB: bringing messages to the new version"
                );
            }
        }
        Ok(())
    }

    /// Up to which position messages have steps already.
    async fn migrated(&self) -> Result<i64> {
        let kept = self.collections.meta.find(doc! { "_id": "migrated" });
        let position = self.first(kept, |kept| kept.number("position")).await?;
        Ok(position.unwrap_or(0))
    }

    /// What lists go by: an old position counts as a rank.
    async fn give_ranks(&self) -> Result<()> {
        let mut told = Instant::now();
        let mut done: Option<Bson> = None;
        loop {
            let range = |end: Option<&Bson>| {
                let mut range = Document::new();
                if let Some(done) = &done {
                    range.insert("$gt", done.clone());
                }
                if let Some(end) = end {
                    range.insert("$lte", end.clone());
                }
                if range.is_empty() {
                    Document::new()
                } else {
                    doc! { "_id": range }
                }
            };
            let find = self
                .collections
                .conversations
                .find(range(None))
                .sort(doc! { "_id": 1 })
                .projection(doc! { "_id": 1 })
                .limit(SLICE);
            let ids = self.all(find, |found| found.id("_id")).await?;
            let Some(end) = ids.last().copied().map(document::id) else {
                return Ok(());
            };
            let mut old = range(Some(&end));
            old.insert("lastStep", doc! { "$exists": false });
            let give = [doc! { "$set": { "lastStep": "$lastSeq", "lastRank": "$lastPosition" } }];
            self.slice("conversations", old, &give).await?;
            done = Some(end);
            if told.elapsed() >= TELL {
                told = Instant::now();
                tracing::info!("MongoDB: bringing conversations to the new version");
            }
        }
    }

    /// Updates a slice of documents, again and again until it is done: it may take longer than a method may.
    async fn slice(&self, collection: &str, which: Document, update: &[Document]) -> Result<()> {
        let collection = self.db.collection::<Document>(collection);
        let update_all = || {
            let write_concern = WriteConcern::majority();
            collection
                .update_many(which.clone(), update.to_vec())
                .write_concern(write_concern)
        };
        loop {
            match self.timed("mongodb.update", update_all()).await {
                Err(Error::Unavailable(detail)) => {
                    tracing::warn!(
                        detail,
                        "MongoDB: the data is not brought to the new version yet"
                    );
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                result => return result.map(drop),
            }
        }
    }
}
