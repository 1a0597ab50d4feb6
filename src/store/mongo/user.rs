//! People, by id, by name and as a list to page and search through. Of a deleted account a document stays without what
//! lists and searches find it by.

use async_trait::async_trait;
use mongodb::{
    bson::{Document, RawDocument, RawDocumentBuf, doc},
    options::ReturnDocument,
};

use super::{
    MongoStore,
    document::{self, Fields, read_id, read_time, unreadable},
    error,
};
use crate::{
    domain::{
        Account, AvatarUrl, Change, DisplayName, ProfileChange, Timestamp, User, UserId, Username,
    },
    error::Result,
    store::Users,
};

/// The unique index that gives a username to one.
pub(super) const USERNAME: &str = "usernameKey";
/// Serves the list in its order.
pub(super) const SIDEBAR: &str = "sidebar";
/// Serves the search.
pub(super) const SEARCH: &str = "searchKeys";

/// Finds deleted accounts that may still be in groups.
pub(super) const LEAVING: &str = "leaving";

fn encode(user: &User, password_hash: &str) -> Result<RawDocumentBuf> {
    encode_account(&Account {
        user: user.clone(),
        username_key: user.username.key(),
        password_hash: Some(password_hash.to_owned()),
        leaving: false,
    })
}

/// An account as a document; of a deleted one without what it has no more.
pub(super) fn encode_account(account: &Account) -> Result<RawDocumentBuf> {
    let user = &account.user;
    let mut fields =
        doc! { "_id": document::id(user.id.0), "usernameKey": account.username_key.as_str() };
    if let Some(deleted_at) = user.deleted_at {
        fields.insert("deletedAt", document::time(deleted_at));
    } else {
        fields.insert("username", user.username.as_str());
        fields.insert("displayName", user.display_name.as_str());
        fields.insert("sortKey", user.sort_key());
        fields.insert("searchKeys", user.search_keys());
    }
    if let Some(hash) = &account.password_hash {
        fields.insert("passwordHash", hash);
    }
    if let Some(avatar_url) = &user.avatar_url {
        fields.insert("avatarUrl", avatar_url.as_str());
    }
    if account.leaving {
        fields.insert("leaving", true);
    }
    fields.insert("createdAt", document::time(user.created_at));
    RawDocumentBuf::try_from(&fields).map_err(|_| unreadable("user"))
}

/// A document as a user, in one walk through its fields.
pub(super) fn decode(document: &RawDocument) -> Result<User> {
    let (mut id, mut username, mut display_name, mut avatar_url) = (None, None, None, None);
    let (mut created_at, mut deleted_at) = (None, None);
    for field in document {
        let (key, value) = field.map_err(|_| unreadable("user"))?;
        match key.as_str() {
            "_id" => id = read_id(value),
            "username" => username = value.as_str(),
            "displayName" => display_name = value.as_str(),
            "avatarUrl" => {
                avatar_url = Some(value.as_str().ok_or_else(|| unreadable("avatarUrl"))?);
            }
            "createdAt" => created_at = read_time(value),
            "deletedAt" => {
                deleted_at = Some(read_time(value).ok_or_else(|| unreadable("deletedAt"))?);
            }
            _ => {}
        }
    }
    let id = UserId(id.ok_or_else(|| unreadable("_id"))?);
    let created_at = created_at.ok_or_else(|| unreadable("createdAt"))?;
    if let Some(deleted_at) = deleted_at {
        return Ok(User::deleted(id, created_at, deleted_at));
    }
    Ok(User {
        id,
        username: Username::stored(username.ok_or_else(|| unreadable("username"))?),
        display_name: DisplayName::stored(display_name.ok_or_else(|| unreadable("displayName"))?),
        avatar_url: avatar_url.map(AvatarUrl::stored),
        created_at,
        deleted_at,
    })
}

/// Someone with an account, by id.
fn existing(user: UserId) -> Document {
    doc! { "_id": document::id(user.0), "deletedAt": { "$exists": false } }
}

/// What starts with a text: everything from it up to, and without, the first text that does not.
fn starting_with(prefix: &str) -> Document {
    let mut range = doc! { "$gte": prefix };
    let mut end: Vec<char> = prefix.chars().collect();
    while let Some(last) = end.pop() {
        // The next character in the order of code points, which is the order of UTF-8's bytes.
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            end.push(next);
            range.insert("$lt", end.iter().collect::<String>());
            break;
        }
    }
    range
}

#[async_trait]
impl Users for MongoStore {
    async fn create_user(&self, user: &User, password_hash: &str) -> Result<bool> {
        let user = encode(user, password_hash)?;
        self.bounded(|inner| async move {
            let insert = async {
                match inner.collections.users.insert_one(user).await {
                    Err(failure) if error::clash(&failure) == Some(USERNAME) => Ok(false),
                    result => result.map(|_| true),
                }
            };
            inner.timed("mongodb.insert", insert).await
        })
        .await
    }

    async fn credentials(&self, username_key: &str) -> Result<Option<(User, String)>> {
        let filter = doc! { "usernameKey": username_key, "deletedAt": { "$exists": false } };
        self.bounded(|inner| async move {
            let read =
                |found: &RawDocument| Ok((decode(found)?, found.text("passwordHash")?.to_owned()));
            inner
                .first(inner.collections.users.find(filter), read)
                .await
        })
        .await
    }

    async fn is_taken(&self, username_key: &str) -> Result<bool> {
        let filter = doc! { "usernameKey": username_key };
        self.bounded(|inner| async move {
            let find = inner.collections.users.find(filter);
            let found = inner.first(find.projection(doc! { "_id": 1 }), |_| Ok(()));
            Ok(found.await?.is_some())
        })
        .await
    }

    async fn password_hash(&self, user: UserId) -> Result<Option<String>> {
        self.bounded(move |inner| async move {
            let find = inner.collections.users.find(existing(user));
            let read = |found: &RawDocument| found.text("passwordHash").map(str::to_owned);
            inner
                .first(find.projection(doc! { "passwordHash": 1 }), read)
                .await
        })
        .await
    }

    async fn change_password(&self, user: UserId, old: &str, new: &str) -> Result<bool> {
        let mut filter = existing(user);
        filter.insert("passwordHash", old);
        let change = doc! { "$set": { "passwordHash": new } };
        self.bounded(|inner| async move {
            let update = inner.collections.users.update_one(filter, change);
            let done = inner.timed("mongodb.update", update).await?;
            Ok(done.matched_count > 0)
        })
        .await
    }

    async fn change_profile(&self, user: UserId, change: &ProfileChange) -> Result<Option<User>> {
        let change = change.clone();
        self.bounded(move |inner| async move {
            let users = &inner.collections.users;
            let Some(before) = inner.first(users.find(existing(user)), decode).await? else {
                return Ok(None);
            };
            if change.is_empty() {
                return Ok(Some(before));
            }
            let (renamed, pictured) = (
                change.display_name.is_some(),
                change.avatar_url != Change::Stays,
            );
            let after = change.applied_to(before);
            let mut set = Document::new();
            let mut unset = Document::new();
            if renamed {
                set.insert("displayName", after.display_name.as_str());
                set.insert("sortKey", after.sort_key());
                // The username, which they hold too, never changes.
                set.insert("searchKeys", after.search_keys());
            }
            match &after.avatar_url {
                Some(avatar_url) if pictured => {
                    set.insert("avatarUrl", avatar_url.as_str());
                }
                None if pictured => {
                    unset.insert("avatarUrl", "");
                }
                _ => {}
            }
            let mut update = Document::new();
            for (operator, fields) in [("$set", set), ("$unset", unset)] {
                if !fields.is_empty() {
                    update.insert(operator, fields);
                }
            }
            let update = users
                .find_one_and_update(existing(user), update)
                .return_document(ReturnDocument::After);
            let found = inner.timed("mongodb.findAndModify", update).await?;
            found.as_deref().map(decode).transpose()
        })
        .await
    }

    async fn delete_user(&self, user: UserId, hash: &str, at: Timestamp) -> Result<bool> {
        let delete = doc! {
            "$set": { "deletedAt": document::time(at), "leaving": true },
            "$unset": {
                "username": "", "displayName": "", "avatarUrl": "", "passwordHash": "",
                "sortKey": "", "searchKeys": "",
            },
        };
        let mut this = existing(user);
        this.insert("passwordHash", hash);
        self.bounded(move |inner| async move {
            let update = inner.collections.users.update_one(this, delete);
            let done = inner.timed("mongodb.update", update).await?;
            if done.modified_count == 0 {
                return Ok(false);
            }
            // They do no harm, and the account is gone.
            if let Err(failure) = inner.forget_blocks(user).await {
                let detail = error::detail(&failure);
                tracing::warn!(detail, "MongoDB: blocks of a deleted account stay");
            }
            Ok(true)
        })
        .await
    }

    async fn leaving(&self) -> Result<Vec<UserId>> {
        self.bounded(|inner| async move {
            let find = inner
                .collections
                .users
                .find(doc! { "leaving": true })
                .projection(doc! { "_id": 1 })
                .hint(LEAVING);
            inner.all(find, |found| found.id("_id").map(UserId)).await
        })
        .await
    }

    async fn has_left(&self, user: UserId) -> Result<()> {
        self.bounded(move |inner| async move {
            let this = doc! { "_id": document::id(user.0) };
            let left = doc! { "$unset": { "leaving": "" } };
            let update = inner.collections.users.update_one(this, left);
            inner.timed("mongodb.update", update).await.map(drop)
        })
        .await
    }

    async fn count_users(&self) -> Result<u64> {
        self.bounded(|inner| async move {
            let users = inner.collections.users.count_documents(doc! {});
            let count = users.max_time(inner.patience());
            inner.timed("mongodb.aggregate", count).await
        })
        .await
    }

    async fn users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let filter = doc! { "_id": { "$in": document::ids(ids.iter().map(|id| id.0)) } };
        self.bounded(|inner| async move {
            inner
                .all(inner.collections.users.find(filter), decode)
                .await
        })
        .await
    }

    async fn sidebar_users(
        &self,
        viewer: UserId,
        search: Option<&str>,
        after: Option<&(String, UserId)>,
        limit: usize,
    ) -> Result<Vec<User>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        // No sort key is empty; those without an account have none.
        let mut filter = doc! {
            "_id": { "$ne": document::id(viewer.0) }, "sortKey": { "$gt": "" },
        };
        if let Some((sort_key, id)) = after {
            filter.insert("sortKey", doc! { "$gte": sort_key });
            let behind = doc! { "_id": { "$gt": document::id(id.0) } };
            filter.insert("$or", vec![doc! { "sortKey": { "$gt": sort_key } }, behind]);
        }
        if let Some(search) = search {
            filter.insert("searchKeys", doc! { "$elemMatch": starting_with(search) });
        }
        self.bounded(move |inner| async move {
            let find = inner
                .collections
                .users
                .find(filter)
                .sort(doc! { "sortKey": 1, "_id": 1 })
                .limit(i64::try_from(limit).unwrap_or(i64::MAX));
            inner.all(find, decode).await
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_character_of_any_script() {
        let end = |prefix| starting_with(prefix).get_str("$lt").map(str::to_owned).ok();
        assert_eq!(end("an").as_deref(), Some("ao"));
        assert_eq!(end("a\u{D7FF}").as_deref(), Some("a\u{E000}"));
        assert_eq!(end("a\u{10FFFF}").as_deref(), Some("b"));
        assert_eq!(end("\u{10FFFF}"), None);
    }
}
