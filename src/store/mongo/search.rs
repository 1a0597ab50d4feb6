//! Where the search's index is kept.

use async_trait::async_trait;
use bytes::Bytes;
use mongodb::bson::{
    Bson, RawDocument, RawDocumentBuf, doc,
    raw::{RawBinaryRef, cstr},
    spec::BinarySubtype,
};

use super::{
    Inner, MongoStore, conversation,
    document::{self, Fields, unreadable},
    error,
};
use crate::{
    domain::{ConversationId, UserId},
    error::Result,
    store::Search,
};

/// The catalogue's name among what there is but one of.
const CATALOGUE: &str = "search";

/// How many parts one command holds: some megabytes.
const AT_ONCE: usize = 512;

fn encode_part((number, bytes): &(i64, Bytes)) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), *number);
    let bytes = RawBinaryRef {
        subtype: BinarySubtype::Generic,
        bytes,
    };
    document.append(cstr!("bytes"), bytes);
    document
}

fn decode_part(found: &RawDocument) -> Result<(i64, Bytes)> {
    let bytes = found.get_binary("bytes").map_err(|_| unreadable("bytes"))?;
    Ok((found.number("_id")?, Bytes::copy_from_slice(bytes.bytes)))
}

impl Inner {
    /// What is not followed yet laid over what stands in the documents.
    pub(super) async fn conversations_with(&self, member: UserId) -> Result<Vec<ConversationId>> {
        let moved = self.overlay.moved();
        let own = self.own_of(member, &moved).await?;
        let remade = self.overlay.remade();
        let find = self
            .collections
            .conversations
            .find(doc! { "members.user": document::id(member.0) })
            .projection(doc! { "_id": 1 })
            .hint(conversation::MEMBER_RANK);
        let mut ids = self
            .all(find, |found| found.id("_id").map(ConversationId))
            .await?;
        ids.retain(|id| {
            let remade = remade.get(id).and_then(|news| news.remade.as_ref());
            remade.is_none_or(|remade| {
                let mut members = remade.state.members.iter();
                members.any(|other| other.user_id == member)
            })
        });
        ids.extend(own);
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    async fn replace_catalogue(&self, number: i64, text: String) -> Result<bool> {
        let meta = &self.collections.meta;
        let next = doc! { "number": number + 1, "text": text };
        let known = if number == 0 {
            doc! { "$exists": false }.into()
        } else {
            Bson::from(number)
        };
        let of_number = doc! { "_id": CATALOGUE, "number": known };
        let replace = async {
            let update = meta.update_one(of_number, doc! { "$set": next });
            match update.upsert(number == 0).await {
                // Another process has begun it.
                Err(failure) if error::clash(&failure).is_some() => Ok(false),
                result => result.map(|done| done.modified_count > 0 || done.upserted_id.is_some()),
            }
        };
        self.timed("mongodb.update", replace).await
    }

    async fn remove_parts(&self, first: i64, end: i64) -> Result<bool> {
        let parts = &self.collections.search_parts;
        let find = parts
            .find(doc! { "_id": { "$gte": first, "$lt": end } })
            .sort(doc! { "_id": 1 })
            .projection(doc! { "_id": 1 })
            .limit(super::limit(AT_ONCE));
        let numbers = self.all(find, |found| found.number("_id")).await?;
        let Some(last) = numbers.last() else {
            return Ok(false);
        };
        let remove = parts.delete_many(doc! { "_id": { "$gte": first, "$lte": last } });
        self.timed("mongodb.delete", remove).await?;
        Ok(numbers.len() == AT_ONCE)
    }
}

#[async_trait]
impl Search for MongoStore {
    async fn conversations_with(&self, member: UserId) -> Result<Vec<ConversationId>> {
        self.bounded(move |inner| async move { inner.conversations_with(member).await })
            .await
    }

    async fn catalogue(&self) -> Result<(i64, String)> {
        self.bounded(|inner| async move {
            let find = inner.collections.meta.find(doc! { "_id": CATALOGUE });
            let read =
                |found: &RawDocument| Ok((found.number("number")?, found.text("text")?.to_owned()));
            Ok(inner.first(find, read).await?.unwrap_or_default())
        })
        .await
    }

    async fn replace_catalogue(&self, number: i64, text: &str) -> Result<bool> {
        let text = text.to_owned();
        self.bounded(move |inner| async move { inner.replace_catalogue(number, text).await })
            .await
    }

    async fn add_parts(&self, parts: &[(i64, Bytes)]) -> Result<()> {
        let documents: Vec<RawDocumentBuf> = parts.iter().map(encode_part).collect();
        self.bounded(move |inner| async move {
            for documents in documents.chunks(AT_ONCE) {
                let insert = inner.collections.search_parts.insert_many(documents);
                inner.timed("mongodb.insert", insert).await?;
            }
            Ok(())
        })
        .await
    }

    async fn parts(&self, numbers: &[i64]) -> Result<Vec<(i64, Bytes)>> {
        let among = doc! { "_id": { "$in": numbers } };
        self.bounded(move |inner| async move {
            let find = inner.collections.search_parts.find(among);
            inner.all(find, decode_part).await
        })
        .await
    }

    async fn part_behind(&self, number: i64) -> Result<Option<i64>> {
        self.bounded(move |inner| async move {
            let find = inner
                .collections
                .search_parts
                .find(doc! { "_id": { "$gt": number } })
                .sort(doc! { "_id": 1 })
                .projection(doc! { "_id": 1 });
            inner.first(find, |found| found.number("_id")).await
        })
        .await
    }

    async fn remove_parts(&self, first: i64, end: i64) -> Result<bool> {
        self.bounded(move |inner| async move { inner.remove_parts(first, end).await })
            .await
    }
}
