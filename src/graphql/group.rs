//! Groups: making them, and who is in them.

use async_graphql::{ID, InputObject};

use super::{Mutation, conversation::Conversation, engine::fields};
use crate::{
    chat::NewGroup,
    domain::{ConversationId, GroupTitle, UserId},
};

/// A group to make.
#[derive(InputObject)]
struct CreateGroupInput {
    /// 1 to 100 characters, not only white space.
    title: String,
    /// Who is in it besides the viewer; with the viewer at most 250 people.
    user_ids: Vec<ID>,
}

fn users(ids: &[ID]) -> Vec<Option<UserId>> {
    ids.iter().map(|id| UserId::parse(id)).collect()
}

fields! { mutations of Mutation, |_mutation, cx| {
    /// Makes a group; the viewer becomes its owner.
    createGroup(
        /// Its title and its members.
        input: CreateGroupInput,
    ): Conversation = each loads {
        let viewer = cx.viewer_id()?;
        let new = NewGroup {
            title: GroupTitle::parse("input.title", &input.title)?,
            users: users(&input.user_ids),
        };
        Ok(Conversation::new(cx.chat.create_group(viewer, new, cx.deadline()).await?))
    };
    /// Owners only, as for adding and removing others; a plain member gets `FORBIDDEN`.
    renameGroup(
        /// The group.
        conversationId: ID,
        /// 1 to 100 characters, not only white space.
        title: String,
    ): Conversation = each loads {
        let (viewer, id) = (cx.viewer_id()?, ConversationId::parse(&conversationId));
        let title = GroupTitle::parse("title", &title)?;
        Ok(Conversation::new(cx.chat.rename_group(viewer, id, title, cx.deadline()).await?))
    };
    /// Adds people, who read the whole history; those who are in it already stay what they are.
    addMembers(
        /// The group.
        conversationId: ID,
        /// Who joins, in this order.
        userIds: Vec<ID>,
    ): Conversation = each loads {
        let (viewer, id) = (cx.viewer_id()?, ConversationId::parse(&conversationId));
        let users = users(&userIds);
        Ok(Conversation::new(cx.chat.add_members(viewer, id, &users, cx.deadline()).await?))
    };
    /// Removes a member; anyone may remove itself (leave), and gets null then. When the owner leaves, the longest-standing member becomes owner.
    removeMember(
        /// The group.
        conversationId: ID,
        /// Who leaves it.
        userId: ID,
    ): Option<Conversation> = each loads {
        let (viewer, id) = (cx.viewer_id()?, ConversationId::parse(&conversationId));
        let user = UserId::parse(&userId);
        let left = cx.chat.remove_member(viewer, id, user, cx.deadline()).await?;
        Ok(left.map(Conversation::new))
    };
} }
