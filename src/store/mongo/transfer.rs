//! Everything page by page, and accounts put in as they were.

use std::sync::Arc;

use async_trait::async_trait;
use mongodb::bson::{Document, RawDocument, doc};

use super::{
    Inner, MongoStore,
    document::{self, Fields},
    error::{self, UNAUTHORIZED, is_command},
    user::{self, USERNAME},
};
use crate::{
    domain::{Account, Block, ConversationId, MessageId, Timestamp, Totals, UserId},
    error::Result,
    store::{Transfer, broken},
};

/// MongoDB's own index.
const ID: &str = "_id_";

/// What comes behind an id, which all have.
fn behind(after: Option<uuid::Uuid>) -> Document {
    match after {
        Some(id) => doc! { "_id": { "$gt": document::id(id) } },
        None => doc! {},
    }
}

fn decode_account(found: &RawDocument) -> Result<Account> {
    Ok(Account {
        user: user::decode(found)?,
        username_key: found.text("usernameKey")?.to_owned(),
        password_hash: found.text_if_any("passwordHash")?.map(str::to_owned),
        leaving: matches!(found.get_bool("leaving"), Ok(true)),
    })
}

fn decode_block(found: &RawDocument) -> Result<Block> {
    Ok(Block {
        blocker: UserId(found.id("blocker")?),
        blocked: UserId(found.id("blocked")?),
        at: found.time("at")?,
    })
}

impl Inner {
    /// What the server's own `validate` finds wrong; nothing where its user may not run that.
    async fn validate(&self, limit: usize) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for name in self
            .timed("mongodb.listCollections", self.db.list_collection_names())
            .await?
        {
            // In the background: whoever writes goes on.
            let validate = self
                .db
                .run_command(doc! { "validate": &name, "background": true });
            let reply = match validate.await {
                Err(failure) if is_command(&failure, UNAUTHORIZED) => return Ok(found),
                reply => reply.map_err(|failure| error::from_driver(&failure))?,
            };
            if reply.get_bool("valid").unwrap_or(false) {
                continue;
            }
            found.push(format!("collection {name} is not valid"));
            let errors = reply.get_array("errors").into_iter().flatten();
            let errors = errors.filter_map(|error| error.as_str());
            found.extend(errors.map(|error| format!("collection {name}: {error}")));
        }
        found.truncate(limit);
        Ok(found)
    }
}

#[async_trait]
impl Transfer for MongoStore {
    async fn accounts_behind(&self, after: Option<UserId>, limit: usize) -> Result<Vec<Account>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.bounded(move |inner| async move {
            let find = inner
                .collections
                .users
                .find(behind(after.map(|id| id.0)))
                .sort(doc! { "_id": 1 })
                .limit(super::limit(limit));
            inner.all(find, decode_account).await
        })
        .await
    }

    async fn add_account(&self, account: &Account) -> Result<bool> {
        let document = user::encode_account(account)?;
        self.bounded(|inner| async move {
            let insert = async {
                match inner.collections.users.insert_one(document).await {
                    Err(failure) if matches!(error::clash(&failure), Some(USERNAME | ID)) => {
                        Ok(false)
                    }
                    result => result.map(|_| true),
                }
            };
            inner.timed("mongodb.insert", insert).await
        })
        .await
    }

    async fn blocks_behind(
        &self,
        after: Option<(UserId, UserId)>,
        limit: usize,
    ) -> Result<Vec<Block>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        let filter = match after {
            Some((by, of)) => doc! {
                "_id": { "$gt": { "by": document::id(by.0), "of": document::id(of.0) } },
            },
            None => doc! {},
        };
        self.bounded(move |inner| async move {
            let find = inner
                .collections
                .blocks
                .find(filter)
                .sort(doc! { "_id": 1 })
                .limit(super::limit(limit));
            inner.all(find, decode_block).await
        })
        .await
    }

    async fn conversations_behind(
        &self,
        after: Option<ConversationId>,
        limit: usize,
    ) -> Result<Vec<ConversationId>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.bounded(move |inner| async move {
            let find = inner
                .collections
                .conversations
                .find(behind(after.map(|id| id.0)))
                .projection(doc! { "_id": 1 })
                .sort(doc! { "_id": 1 })
                .limit(super::limit(limit));
            inner
                .all(find, |found| found.id("_id").map(ConversationId))
                .await
        })
        .await
    }

    async fn damage(&self, limit: usize) -> Result<Vec<String>> {
        // All of it is read, which takes longer than one may wait for another call.
        let inner = Arc::clone(&self.inner);
        let validating = tokio::spawn(async move { inner.validate(limit).await });
        validating.await.map_err(broken)?
    }

    async fn totals(&self) -> Result<Totals> {
        self.bounded(|inner| async move {
            let all = &inner.collections;
            let live = doc! {
                "endedAt": { "$exists": false }, "expiresAt": { "$gt": document::time(Timestamp::now()) },
            };
            let some = |field: &str| doc! { field: { "$exists": true } };
            let counts = [
                (&all.users, doc! { "deletedAt": { "$exists": false } }),
                (&all.users, some("deletedAt")),
                (&all.conversations, doc! { "lastStep": { "$gt": 0_i64 } }),
                (&all.messages, some("seq")),
                (&all.sessions, live),
            ];
            let counts = counts.map(|(collection, these)| {
                let count = collection.count_documents(these).max_time(inner.patience());
                inner.timed("mongodb.aggregate", count)
            });
            let counts = futures_util::future::try_join_all(counts).await?;
            let [users, deleted_users, conversations, messages, sessions] = counts[..] else {
                return Ok(Totals::default());
            };
            Ok(Totals {
                users,
                deleted_users,
                conversations,
                messages,
                sessions,
                online: None,
            })
        })
        .await
    }

    async fn known_messages(&self, ids: &[MessageId]) -> Result<Vec<MessageId>> {
        let ids = document::ids(ids.iter().map(|id| id.0));
        self.bounded(|inner| async move {
            let find = inner
                .collections
                .messages
                .find(doc! { "_id": { "$in": ids } })
                .projection(doc! { "_id": 1 });
            inner
                .all(find, |found| found.id("_id").map(MessageId))
                .await
        })
        .await
    }
}
