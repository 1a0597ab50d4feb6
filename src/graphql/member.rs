//! Who takes part in a conversation, and how far each has read.

use std::sync::Arc;

use async_graphql::Enum;

use super::{
    conversation::message_at,
    engine::{Given, Gives, item, leaf, object},
    loaders::MarksOf,
    message::Message,
    scalar::DateTime,
    user::{User, existing},
};
use crate::domain;

/// What a member may do.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::MemberRole")]
pub(super) enum MemberRole {
    /// May rename the group, add and remove members.
    Owner,
    /// May read and write.
    Member,
}

leaf!(MemberRole);

impl<'a> Gives<'a, MemberRole> for domain::MemberRole {
    fn give(self) -> Given<'a> {
        item(MemberRole::from(self))
    }
}

object! {
    /// A person's part in a conversation.
    pub(super) struct Member {
        member: domain::Member,
        conversation: Arc<domain::Conversation>,
    }
    |member, cx| {
        /// The person.
        user: User = everyone soon existing(cx, member.member.user_id);
        /// What the member may do.
        role: MemberRole = everyone => member.member.role;
        /// When the member joined.
        joinedAt: DateTime = everyone => member.member.joined_at;
        /// The newest message this member has read.
        lastRead: Option<Message> = each loads {
            let marks = cx.loaders().load_one(MarksOf(member.conversation.id)).await?;
            let marks = marks.unwrap_or_default();
            let mark = marks.iter().find(|mark| mark.user_id == member.member.user_id);
            let seq = mark.map_or(0, |mark| mark.seq);
            Ok(message_at(&cx, &member.conversation, seq).await?)
        };
    }
}

impl Member {
    /// All who take part in a conversation.
    pub(super) fn all(conversation: &Arc<domain::Conversation>) -> Vec<Self> {
        let member = |member: &domain::Member| Self {
            member: member.clone(),
            conversation: conversation.clone(),
        };
        conversation.members.iter().map(member).collect()
    }
}
