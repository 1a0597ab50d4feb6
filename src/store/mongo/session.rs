//! Sign-ins. An ended one stays until it expires, marked with when the server's clock says it ended and by whom:
//! that is how the other processes learn of it.

use async_trait::async_trait;
use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};

use super::{
    MongoStore,
    document::{self, Fields, unreadable},
};
use crate::{
    domain::{Device, Session, SessionId, Timestamp, UserId},
    error::Result,
    store::Sessions,
};

/// Serves the question which sessions ended lately.
pub(super) const ENDED: &str = "endedAt";
/// Serves a user's sessions.
pub(super) const USER: &str = "user";
/// Has the server remove what expired.
pub(super) const EXPIRY: &str = "expiresAt";

/// How far back other processes are told, in milliseconds.
const TOLD_FOR: i64 = 60_000;

fn decode(found: &RawDocument) -> Result<Session> {
    let created_at = found.time("createdAt")?;
    Ok(Session {
        id: SessionId(found.id("_id")?),
        user_id: document::user_id(found)?,
        device: found.text_if_any("device")?.map(Device::stored),
        created_at,
        last_used_at: found.time_if_any("lastUsedAt")?.unwrap_or(created_at),
        expires_at: found.time("expiresAt")?,
    })
}

/// Adds that a session is live.
fn live(mut filter: Document) -> Document {
    filter.insert("endedAt", doc! { "$exists": false });
    filter.insert(
        "expiresAt",
        doc! { "$gt": document::time(Timestamp::now()) },
    );
    filter
}

fn decode_id(found: &RawDocument) -> Result<SessionId> {
    found.id("_id").map(SessionId)
}

#[async_trait]
impl Sessions for MongoStore {
    async fn create_session(&self, session: &Session) -> Result<()> {
        let mut fields = doc! {
            "_id": document::id(session.id.0),
            "user": document::id(session.user_id.0),
            "createdAt": document::time(session.created_at),
            "lastUsedAt": document::time(session.last_used_at),
            "expiresAt": document::time(session.expires_at),
        };
        if let Some(device) = &session.device {
            fields.insert("device", device.as_str());
        }
        let session = RawDocumentBuf::try_from(&fields).map_err(|_| unreadable("session"))?;
        self.bounded(|inner| async move {
            let insert = inner.collections.sessions.insert_one(session);
            inner.timed("mongodb.insert", insert).await.map(drop)
        })
        .await
    }

    async fn live_sessions(&self, ids: &[SessionId]) -> Result<Vec<SessionId>> {
        let filter = live(doc! { "_id": { "$in": document::ids(ids.iter().map(|id| id.0)) } });
        self.bounded(|inner| async move {
            let find = inner.collections.sessions.find(filter);
            inner
                .all(find.projection(doc! { "_id": 1 }), decode_id)
                .await
        })
        .await
    }

    async fn session(&self, id: SessionId) -> Result<Option<Session>> {
        let filter = live(doc! { "_id": document::id(id.0) });
        self.bounded(|inner| async move {
            inner
                .first(inner.collections.sessions.find(filter), decode)
                .await
        })
        .await
    }

    async fn end_session(&self, id: SessionId) -> Result<bool> {
        let filter = live(doc! { "_id": document::id(id.0) });
        self.bounded(|inner| async move {
            let end = doc! {
                "$currentDate": { "endedAt": true }, "$set": { "endedBy": document::id(inner.instance) },
            };
            let done = inner.timed("mongodb.update", inner.collections.sessions.update_one(filter, end)).await?;
            Ok(done.modified_count > 0)
        })
        .await
    }

    async fn end_sessions_of(
        &self,
        user: UserId,
        keep: Option<SessionId>,
    ) -> Result<Vec<SessionId>> {
        let mut filter = live(doc! { "user": document::id(user.0) });
        if let Some(keep) = keep {
            filter.insert("_id", doc! { "$ne": document::id(keep.0) });
        }
        self.bounded(|inner| async move {
            let sessions = &inner.collections.sessions;
            let ids = inner.all(sessions.find(filter).projection(doc! { "_id": 1 }), decode_id).await?;
            let these = doc! {
                "_id": { "$in": document::ids(ids.iter().map(|id| id.0)) }, "endedAt": { "$exists": false },
            };
            let end = doc! {
                "$currentDate": { "endedAt": true }, "$set": { "endedBy": document::id(inner.instance) },
            };
            inner.twice("mongodb.update", || sessions.update_many(these.clone(), end.clone())).await?;
            Ok(ids)
        })
        .await
    }

    async fn sessions_of(&self, user: UserId, limit: usize) -> Result<Vec<Session>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let filter = live(doc! { "user": document::id(user.0) });
        self.bounded(move |inner| async move {
            let find = inner
                .collections
                .sessions
                .find(filter)
                .sort(doc! { "createdAt": -1, "_id": 1 })
                .limit(i64::try_from(limit).unwrap_or(i64::MAX));
            inner.all(find, decode).await
        })
        .await
    }

    async fn note_use(&self, ids: &[SessionId], at: Timestamp) -> Result<()> {
        let filter = doc! { "_id": { "$in": document::ids(ids.iter().map(|id| id.0)) } };
        let used = doc! { "$max": { "lastUsedAt": document::time(at) } };
        self.bounded(|inner| async move {
            let sessions = &inner.collections.sessions;
            let update = || sessions.update_many(filter.clone(), used.clone());
            inner.twice("mongodb.update", update).await.map(drop)
        })
        .await
    }

    async fn sessions_ended_elsewhere(&self) -> Result<Vec<SessionId>> {
        self.bounded(|inner| async move {
            // By the server's clock, the one that said when they ended. That it ended is said twice, as the index holds
            // only those that did.
            let lately = doc! { "$gte": ["$endedAt", { "$subtract": ["$$NOW", TOLD_FOR] }] };
            let filter = doc! {
                "endedAt": { "$exists": true },
                "$expr": lately,
                "endedBy": { "$ne": document::id(inner.instance) },
            };
            inner
                .all(
                    inner
                        .collections
                        .sessions
                        .find(filter)
                        .projection(doc! { "_id": 1 }),
                    decode_id,
                )
                .await
        })
        .await
    }
}
