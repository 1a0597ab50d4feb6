//! Who takes part in a conversation, and how far each has read.

use std::sync::Arc;

use async_graphql::{Context, Enum, Object, Result};

use super::{
    RequestContext,
    at_hand::{AllAtHand, AtHand, Fields, Given},
    context::ContextExt,
    conversation::message_at,
    error::{Nullable, nullable},
    loaders::MarksOf,
    message::Message,
    scalar::DateTime,
    user::{User, load_user},
};
use crate::domain;

/// What a member may do.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::MemberRole")]
enum MemberRole {
    /// May rename the group, add and remove members.
    Owner,
    /// May read and write.
    Member,
}

/// A person's part in a conversation.
pub(super) struct Member {
    member: domain::Member,
    conversation: Arc<domain::Conversation>,
}

impl Member {
    /// All who take part in a conversation.
    pub(super) fn all(conversation: &Arc<domain::Conversation>) -> AllAtHand<Self> {
        let member = |member: &domain::Member| Self {
            member: member.clone(),
            conversation: conversation.clone(),
        };
        conversation.members.iter().map(member).collect()
    }
}

/// A person's part in a conversation.
#[Object]
impl Member {
    /// The person.
    async fn user(&self, ctx: &Context<'_>) -> Result<AtHand<User>> {
        load_user(ctx, self.member.user_id).await.map(AtHand)
    }

    /// What the member may do.
    async fn role(&self) -> MemberRole {
        self.member.role.into()
    }

    /// When the member joined.
    async fn joined_at(&self) -> DateTime {
        DateTime(self.member.joined_at)
    }

    /// The newest message this member has read.
    async fn last_read(&self, ctx: &Context<'_>) -> Nullable<AtHand<Message>> {
        nullable(async {
            let marks = ctx
                .loaders()?
                .load_one(MarksOf(self.conversation.id))
                .await?
                .unwrap_or_default();
            let mark = marks
                .iter()
                .find(|mark| mark.user_id == self.member.user_id);
            message_at(ctx, &self.conversation, mark.map_or(0, |mark| mark.seq)).await
        })
        .await
    }
}

impl Fields for Member {
    fn of_type(&self) -> &'static str {
        "Member"
    }

    fn at_hand<'a>(&'a self, field: &str, request: &'a RequestContext) -> Option<Given<'a>> {
        let member = &self.member;
        Some(match field {
            "user" => Given::object(User(request.chat.known_user(member.user_id)?)),
            "role" => Given::item(MemberRole::from(member.role)),
            "joinedAt" => Given::DateTime(member.joined_at),
            _ => return None,
        })
    }
}
