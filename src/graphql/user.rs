//! Users: profiles and the sidebar.

use std::sync::Arc;

use async_graphql::ID;

use super::{
    Query, RequestContext,
    connection::{ListCursor, Listed, connection},
    conversation::Conversation,
    engine::{Soon, fields, object},
    loaders::LastSeenOf,
    scalar::DateTime,
};
use crate::{
    domain::{self, PageArgs, Pair, UserId},
    error::{Error, Result},
};

object! {
    /// A person.
    pub(super) struct User(pub(super) Arc<domain::User>);
    |user, cx| {
        /// Names the user for good.
        id: ID = everyone => user.0.id;
        /// Unique ignoring case, shown as typed; empty when the account was deleted.
        username: String = everyone => user.0.username.as_str();
        /// What the user wants to be called.
        displayName: String = everyone => user.0.display_name.as_str();
        /// A picture, http or https.
        avatarUrl: Option<String> = everyone => user.0.avatar_url.as_ref().map(domain::AvatarUrl::as_str);
        /// Whether a socket of the user is open now. Where one has blocked the other, neither sees the other online.
        online: bool = each soon is_online(cx, &user.0);
        /// When the user was last online; null when never, or online now.
        lastSeenAt: Option<DateTime> = each loads {
            if cx.chat.is_online(user.0.id) || is_hidden(&cx, &user.0).await? {
                return Ok(None);
            }
            Ok(cx.loaders().load_one(LastSeenOf(user.0.id)).await?)
        };
        /// When the account was made.
        createdAt: DateTime = everyone => user.0.created_at;
        /// When the account was deleted; null while it is there.
        deletedAt: Option<DateTime> = everyone => user.0.deleted_at;
        /// The viewer's direct conversation with this user, or null.
        directConversation: Option<Conversation> = each loads {
            // Someone who is just signing up or in sees only itself.
            let pair = cx
                .viewer_id()
                .ok()
                .and_then(|viewer| Pair::new(viewer, user.0.id));
            let Some(pair) = pair else { return Ok(None) };
            Ok(cx.loaders().load_one(pair).await?.map(Conversation::new))
        };
    }
}

impl Listed for User {
    type Cursor = (String, UserId);

    fn cursor(&self) -> Self::Cursor {
        (self.0.sort_key(), self.0.id)
    }
}

connection!(
    /// A page of users.
    UserConnection,
    UserEdge,
    User
);

/// Whether the viewer sees the user online.
fn is_online(cx: &Arc<RequestContext>, user: &domain::User) -> Soon<bool> {
    // Someone who is just signing up or in sees only itself.
    let viewer = match cx.viewer_id() {
        Ok(viewer) if cx.chat.is_online(user.id) && !user.is_deleted() => viewer,
        Ok(_) => return Soon::Now(false),
        Err(_) => return Soon::Now(cx.chat.is_online(user.id)),
    };
    let id = user.id;
    if let Some(estranged) = cx.chat.known_estranged(viewer) {
        return Soon::Now(!estranged.contains(&id));
    }
    let cx = cx.clone();
    Soon::later(async move { Ok(!cx.chat.estranged(viewer).await?.contains(&id)) })
}

/// Whether the viewer is not to know when the user was there.
async fn is_hidden(cx: &RequestContext, user: &domain::User) -> Result<bool> {
    Ok(match cx.viewer_id() {
        Ok(viewer) => user.is_deleted() || cx.chat.estranged(viewer).await?.contains(&user.id),
        Err(_) => false,
    })
}

/// A user that is known to exist.
pub(super) fn existing(cx: &Arc<RequestContext>, id: UserId) -> Soon<User> {
    if let Some(user) = cx.chat.known_user(id) {
        return Soon::Now(User(user));
    }
    let cx = cx.clone();
    Soon::later(async move {
        let user = cx.loaders().load_one(id).await?;
        let user = user.ok_or_else(|| Error::Internal(format!("user {id} is gone")))?;
        Ok(User(user))
    })
}

/// The viewer, which may have changed its profile at another server just now.
fn own(cx: &Arc<RequestContext>, id: UserId) -> Soon<User> {
    if !cx.chat.may_have_changed_elsewhere() {
        return existing(cx, id);
    }
    let cx = cx.clone();
    Soon::later(async move {
        let user = cx.chat.user_as_stored(id).await?;
        let user = user.ok_or_else(|| Error::Internal(format!("user {id} is gone")))?;
        Ok(User(user))
    })
}

/// Those of `ids` that exist, in this order.
pub(super) async fn in_order(cx: &RequestContext, ids: &[UserId]) -> Result<Vec<User>> {
    let users = cx.chat.users(ids).await?;
    let found = ids.iter().filter_map(|id| users.get(id).cloned().map(User));
    Ok(found.collect())
}

fields! { queries of Query, |_query, cx| {
    /// The signed-in user, or null when the request carries no valid session.
    me: Option<User> = each soon {
        let user = cx.viewer.map(|viewer| own(cx, viewer.user_id));
        user.map_or(Soon::Now(None), Soon::some)
    };
    /// Everyone but the viewer, for the chat sidebar, by display name. `search` matches the start of a word in the display name or username, ignoring case.
    sidebarUsers(
        /// The start of a word in the display name or username.
        search: Option<String>,
        /// How many, 1 to 100.
        first: i32 = 50,
        /// Only what comes after this cursor.
        after: Option<String>,
    ): UserConnection = each[page 50] loads {
        let viewer = cx.viewer_id()?;
        let window = PageArgs::forwards(first, after).window(0, <(String, UserId)>::read)?;
        let (search, after) = (search.as_deref(), window.after.as_ref());
        let found = cx.chat.sidebar_users(viewer, search, after, window.limit + 1);
        let users = found.await?.into_iter().map(User).collect();
        Ok(UserConnection::after(users, window.limit, window.after.is_some()))
    };
    /// A user by id; null when there is none.
    user(
        /// The user's id.
        id: ID,
    ): Option<User> = each loads {
        cx.viewer()?;
        let Some(id) = UserId::parse(&id) else {
            return Ok(None);
        };
        if cx.viewer_id()? == id && cx.chat.may_have_changed_elsewhere() {
            return Ok(cx.chat.user_as_stored(id).await?.map(User));
        }
        Ok(cx.loaders().load_one(id).await?.map(User))
    };
    /// Who is online now, the viewer included: at most 1,000, by display name.
    onlineUsers: Vec<User> = each[about 50] loads {
        let estranged = cx.chat.estranged(cx.viewer_id()?).await?;
        let mut online = cx.chat.online();
        online.retain(|id| !estranged.contains(id));
        let mut online = in_order(&cx, &online).await?;
        online.retain(|user| !user.0.is_deleted());
        online.sort_by_cached_key(Listed::cursor);
        online.truncate(cx.chat.limits().online_users);
        Ok(online)
    };
} }
