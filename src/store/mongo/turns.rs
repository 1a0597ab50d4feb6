//! How processes that lose the race for a conversation's next step say so to the others: in their documents in
//! `processes`.

use std::sync::atomic::Ordering;

use mongodb::{
    bson::{doc, raw::RawBsonRef},
    options::{ReadConcern, WriteConcern},
};

use super::{
    Inner,
    document::{self, Fields, read_id, unreadable},
};
use crate::{domain::ConversationId, error::Result, store::Call};

impl Inner {
    pub(super) async fn call_for_turns(&self, conversations: &[ConversationId]) -> Result<()> {
        let change = if conversations.is_empty() {
            doc! { "$unset": { "calling": "" } }
        } else {
            let number = self.turn_calls.fetch_add(1, Ordering::Relaxed) + 1;
            let conversations = document::ids(conversations.iter().map(|id| id.0));
            doc! { "$set": { "calling": { "number": number, "conversations": conversations } } }
        };
        let here = doc! { "_id": document::id(self.name()) };
        let update = self
            .collections
            .processes
            .update_one(here, change)
            // A call that a failover takes back is made again.
            .write_concern(WriteConcern::nodes(1));
        self.timed("mongodb.update", update).await.map(drop)
    }

    pub(super) async fn called_for(&self) -> Result<Vec<(ConversationId, Call)>> {
        let others = doc! {
            "_id": { "$ne": document::id(self.name()) }, "calling": { "$exists": true }, "buried": { "$exists": false },
        };
        // What is true now matters here, not what a majority knows.
        let find = self
            .collections
            .processes
            .find(others)
            .read_concern(ReadConcern::local());
        let calls = self
            .all(find, |process| {
                let calling = process.document("calling")?;
                let call = Call(process.id("_id")?, calling.number("number")?);
                let read = |conversation: RawBsonRef<'_>| {
                    let id = read_id(conversation).ok_or_else(|| unreadable("conversation"))?;
                    Ok((ConversationId(id), call))
                };
                let conversations = calling.array("conversations")?.into_iter();
                conversations
                    .map(|found| read(found.map_err(|_| unreadable("conversation"))?))
                    .collect::<Result<Vec<_>>>()
            })
            .await?;
        Ok(calls.into_iter().flatten().collect())
    }
}
