//! Users: profiles and the sidebar.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};

use super::{
    RequestContext,
    at_hand::{AllAtHand, Fields, Given},
    connection::{ListCursor, Listed, connection},
    context::ContextExt,
    conversation::Conversation,
    error::{Nullable, nullable},
    loaders::LastSeenOf,
    scalar::DateTime,
};
use crate::{
    domain::{self, PageArgs, Pair, UserId},
    error::Error,
};

/// A person.
#[derive(Clone)]
pub(super) struct User(pub(super) Arc<domain::User>);

/// A person.
#[Object]
impl User {
    /// Names the user for good.
    async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Unique ignoring case, shown as typed.
    async fn username(&self) -> &str {
        self.0.username.as_str()
    }

    /// What the user wants to be called.
    async fn display_name(&self) -> &str {
        self.0.display_name.as_str()
    }

    /// A picture, http or https.
    async fn avatar_url(&self) -> Option<&str> {
        self.0.avatar_url.as_ref().map(domain::AvatarUrl::as_str)
    }

    /// Whether a socket of the user is open now.
    async fn online(&self, ctx: &Context<'_>) -> Result<bool> {
        Ok(ctx.chat()?.is_online(self.0.id))
    }

    /// When the user was last online; null when never, or online now.
    async fn last_seen_at(&self, ctx: &Context<'_>) -> Nullable<DateTime> {
        nullable(async {
            if ctx.chat()?.is_online(self.0.id) {
                return Ok(None);
            }
            Ok(ctx
                .loaders()?
                .load_one(LastSeenOf(self.0.id))
                .await?
                .map(DateTime))
        })
        .await
    }

    /// When the account was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.0.created_at)
    }

    /// The viewer's direct conversation with this user, or null.
    async fn direct_conversation(&self, ctx: &Context<'_>) -> Nullable<Conversation> {
        nullable(async {
            // Someone who is just signing up or in sees only itself.
            let pair = ctx
                .viewer_id()
                .ok()
                .and_then(|viewer| Pair::new(viewer, self.0.id));
            let Some(pair) = pair else { return Ok(None) };
            Ok(ctx.loaders()?.load_one(pair).await?.map(Conversation::new))
        })
        .await
    }
}

impl Fields for User {
    fn of_type(&self) -> &'static str {
        "User"
    }

    fn at_hand<'a>(&'a self, field: &str, request: &'a RequestContext) -> Option<Given<'a>> {
        let user = &self.0;
        Some(match field {
            "id" => Given::Id(user.id.0),
            "username" => Given::Text(user.username.as_str()),
            "displayName" => Given::Text(user.display_name.as_str()),
            "avatarUrl" => user
                .avatar_url
                .as_ref()
                .map(domain::AvatarUrl::as_str)
                .into(),
            "online" => Given::Boolean(request.chat.is_online(user.id)),
            "createdAt" => Given::DateTime(user.created_at),
            _ => return None,
        })
    }
}

impl Listed for User {
    type Cursor = (String, UserId);

    fn cursor(&self) -> Self::Cursor {
        (self.0.sort_key(), self.0.id)
    }
}

connection!(UserConnection, UserEdge, User, "A page of users.");

/// Loads a user that is known to exist.
pub(super) async fn load_user(ctx: &Context<'_>, id: UserId) -> Result<User> {
    if let Some(user) = ctx.chat()?.known_user(id) {
        return Ok(User(user));
    }
    let user = ctx.loaders()?.load_one(id).await?;
    Ok(User(user.ok_or_else(|| {
        Error::Internal(format!("user {id} is gone"))
    })?))
}

#[derive(Default)]
pub(super) struct UserQuery;

#[Object]
impl UserQuery {
    /// The signed-in user, or null when the request carries no valid session.
    async fn me(&self, ctx: &Context<'_>) -> Nullable<User> {
        nullable(async {
            match &ctx.request()?.viewer {
                Some(viewer) => load_user(ctx, viewer.user_id).await.map(Some),
                None => Ok(None),
            }
        })
        .await
    }

    /// Everyone but the viewer, for the chat sidebar, by display name. `search` matches the start of a word in the display name or username, ignoring case.
    async fn sidebar_users(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The start of a word in the display name or username.")] search: Option<
            String,
        >,
        #[graphql(default = 50, desc = "How many, 1 to 100.")] first: i32,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<UserConnection> {
        let viewer = ctx.viewer_id()?;
        let args = PageArgs {
            first: Some(first),
            after,
            ..PageArgs::default()
        };
        let window = args.window(0, <(String, UserId)>::read)?;
        let mut users = ctx
            .chat()?
            .sidebar_users(
                viewer,
                search.as_deref(),
                window.after.as_ref(),
                window.limit + 1,
            )
            .await?;
        let has_next = users.len() > window.limit;
        users.truncate(window.limit);
        Ok(UserConnection {
            items: users.into_iter().map(User).collect(),
            has_previous: window.after.is_some(),
            has_next,
        })
    }

    /// A user by id; null when there is none.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user's id.")] id: ID,
    ) -> Nullable<User> {
        nullable(async {
            ctx.viewer()?;
            let Some(id) = UserId::parse(&id) else {
                return Ok(None);
            };
            Ok(ctx.loaders()?.load_one(id).await?.map(User))
        })
        .await
    }

    /// Who is online now, the viewer included.
    async fn online_users(&self, ctx: &Context<'_>) -> Result<AllAtHand<User>> {
        ctx.viewer()?;
        let online = ctx.chat()?.online();
        users_in_order(ctx, &online).await
    }
}

/// Those of `ids` that exist, in this order.
pub(super) async fn users_in_order(ctx: &Context<'_>, ids: &[UserId]) -> Result<AllAtHand<User>> {
    let users = ctx.chat()?.users(ids).await?;
    Ok(ids
        .iter()
        .filter_map(|id| users.get(id).cloned().map(User))
        .collect())
}
