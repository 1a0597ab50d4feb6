//! Conversations: the list, one of them, and how far the viewer has read.

use std::sync::Arc;

use async_graphql::{Enum, ID, OneofObject};
use futures_util::{StreamExt, stream};

use super::{
    Mutation, Query, RequestContext, Subscription,
    connection::{ListCursor, Listed, connection},
    engine::{Event, Given, Gives, Soon, fields, item, leaf, object},
    loaders::{ActivityOf, MarksOf, MessageAt},
    member::Member,
    message::{Message, MessageConnection, message_page},
    scalar::DateTime,
    source::Source,
};
use crate::{
    chat::Target,
    domain::{self, ConversationActivity, ConversationId, MessageId, PageArgs, Rank, Seq, UserId},
    error::{Error, Result},
};

/// Exactly one: the direct conversation with a user, which the first message starts, or a conversation by its id.
#[derive(OneofObject)]
pub(super) enum ConversationRef {
    /// The direct conversation with this user.
    UserId(ID),
    /// The conversation with this id.
    ConversationId(ID),
}

impl ConversationRef {
    /// What the argument at `field` refers to. An id that no id looks like is the id of nothing.
    pub(super) fn parse(&self, field: &str) -> Result<domain::ConversationRef, Error> {
        match self {
            Self::UserId(id) => UserId::parse(id)
                .map(domain::ConversationRef::User)
                .ok_or_else(|| Error::no_user(format!("{field}.userId"))),
            Self::ConversationId(id) => ConversationId::parse(id)
                .map(domain::ConversationRef::Conversation)
                .ok_or_else(|| Error::no_conversation(format!("{field}.conversationId"))),
        }
    }
}

/// Between two people, or a group.
#[derive(Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::ConversationKind")]
pub(super) enum ConversationKind {
    /// Between two people; exists once for a pair.
    Direct,
    /// Of any number of people, with a title.
    Group,
}

leaf!(ConversationKind);

impl<'a> Gives<'a, ConversationKind> for domain::ConversationKind {
    fn give(self) -> Given<'a> {
        item(ConversationKind::from(self))
    }
}

object! {
    /// People who write to each other.
    pub(super) struct Conversation {
        conversation: Arc<domain::Conversation>,
        /// Known where a list was sorted by it.
        activity: Option<ConversationActivity>,
    }
    |conversation, cx| {
        /// Names the conversation for good.
        id: ID = everyone => conversation.conversation.id;
        /// Between two people, or a group.
        kind: ConversationKind = everyone => conversation.conversation.kind;
        /// Of a group; null for a direct conversation.
        title: Option<String> = everyone => conversation.conversation.title.as_deref();
        /// Who takes part.
        members: Vec<Member> = everyone[about 5] => Member::all(&conversation.conversation);
        /// How many take part.
        memberCount: i32 = everyone =>
            i32::try_from(conversation.conversation.members.len()).unwrap_or(i32::MAX);
        /// Message history, oldest first within a page; without `first` or `last`, the newest 50.
        messages(
            /// The first so many, 1 to 100.
            first: Option<i32>,
            /// Only what comes after this cursor.
            after: Option<String>,
            /// The last so many, 1 to 100.
            last: Option<i32>,
            /// Only what comes before this cursor.
            before: Option<String>,
        ): MessageConnection = each[page 50] loads {
            let target = Target::Existing(conversation.conversation.clone());
            let args = PageArgs {
                first,
                after,
                last,
                before,
            };
            Ok(message_page(&cx, &target, args).await?)
        };
        /// The newest message; null before the first.
        lastMessage: Option<Message> = each loads {
            let activity = conversation.activity(&cx).await?;
            Ok(message_at(&cx, &conversation.conversation, activity.last_seq).await?)
        };
        /// Messages by others that the viewer has not read.
        unreadCount: i32 = each loads {
            let viewer = cx.viewer_id()?;
            // In this order: marks read before could be behind a message that the viewer sent meanwhile.
            let activity = conversation.activity(&cx).await?;
            let marks = cx.loaders().load_one(MarksOf(conversation.conversation.id)).await?;
            Ok(activity.unread(viewer, &marks.unwrap_or_default()))
        };
        /// When the conversation was made.
        createdAt: DateTime = everyone => conversation.conversation.created_at;
        /// Of the last message, or when it was created.
        lastActivityAt: DateTime = each soon {
            let known = conversation.activity.map(|activity| activity.last_activity_at);
            let (conversation, cx) = (conversation.clone(), cx.clone());
            match known {
                Some(at) => Soon::Now(at),
                None => Soon::later(async move {
                    Ok(conversation.activity(&cx).await?.last_activity_at)
                }),
            }
        };
    }
}

impl Conversation {
    pub(super) fn new(conversation: Arc<domain::Conversation>) -> Self {
        Self {
            conversation,
            activity: None,
        }
    }

    async fn activity(&self, cx: &RequestContext) -> Result<ConversationActivity> {
        if let Some(activity) = self.activity {
            return Ok(activity);
        }
        if !cx.chat.is_member(cx.viewer_id()?, &self.conversation) {
            return Ok(ConversationActivity::none(&self.conversation));
        }
        let activity = cx
            .loaders()
            .load_one(ActivityOf(self.conversation.id))
            .await?;
        activity.ok_or_else(|| Error::Internal("a conversation without activity".into()))
    }
}

/// The message with this seq, if it is not 0.
pub(super) async fn message_at(
    cx: &RequestContext,
    conversation: &Arc<domain::Conversation>,
    seq: Seq,
) -> Result<Option<Message>> {
    if seq == 0 || !cx.chat.is_member(cx.viewer_id()?, conversation) {
        return Ok(None);
    }
    let message = cx
        .loaders()
        .load_one(MessageAt(conversation.id, seq))
        .await?;
    Ok(message.map(|message| Message::within(message, conversation.clone())))
}

type ConversationCursor = (Rank, ConversationId);

impl Listed for Conversation {
    type Cursor = ConversationCursor;

    fn cursor(&self) -> ConversationCursor {
        let rank = self.activity.map_or(0, |activity| activity.rank);
        (rank, self.conversation.id)
    }
}

connection!(
    /// A page of conversations.
    ConversationConnection,
    ConversationEdge,
    Conversation
);

fields! { queries of Query, |_query, cx| {
    /// The viewer's conversations, most recent activity first.
    conversations(
        /// How many, 1 to 100.
        first: i32 = 50,
        /// Only what comes after this cursor.
        after: Option<String>,
    ): ConversationConnection = each[page 50] loads {
        let viewer = cx.viewer_id()?;
        let window = PageArgs::forwards(first, after).window(0, ConversationCursor::read)?;
        let listed = cx.chat.conversations(viewer, window.after, window.limit + 1).await?;
        let item = |(conversation, activity)| Conversation {
            conversation,
            activity: Some(activity),
        };
        let items = listed.into_iter().map(item).collect();
        Ok(ConversationConnection::after(items, window.limit, window.after.is_some()))
    };
    /// Null when it does not exist or the viewer is not a member.
    conversation(
        /// The conversation's id.
        id: ID,
    ): Option<Conversation> = each loads {
        let viewer = cx.viewer_id()?;
        let Some(id) = ConversationId::parse(&id) else {
            return Ok(None);
        };
        Ok(cx.chat.conversation(viewer, id).await?.map(Conversation::new))
    };
} }

fields! { mutations of Mutation, |_mutation, cx| {
    /// Marks everything up to and including this message as read by the viewer.
    markRead(
        /// The newest message that was read.
        messageId: ID,
    ): Conversation = each loads {
        let viewer = cx.viewer_id()?;
        let id = MessageId::parse(&messageId).ok_or_else(|| Error::no_message("messageId"))?;
        Ok(Conversation::new(cx.chat.mark_read(viewer, id).await?))
    };
} }

fields! { subscriptions of Subscription, |_subscription, cx| {
    /// A conversation of the viewer's was created, renamed, changed members, or was read by someone.
    conversationChanged: Conversation = each loads {
        let Source::Changes(changes) = cx.take_source()? else {
            return Err(Error::Internal("not a source of changes".into()).into());
        };
        let (chat, viewer) = (cx.chat.clone(), cx.viewer_id()?);
        let batches = stream::unfold(Some(changes), |changes| async move {
            let mut changes = changes?;
            match changes.next().await {
                Some(ids) => {
                    let ids = ids.into_iter().map(|(id, ())| Ok(id));
                    Some((ids.collect(), Some(changes)))
                }
                None => Some((vec![Err(Error::ResyncRequired)], None)),
            }
        });
        let ids = batches.flat_map(stream::iter);
        Ok(cx.begin(ids.filter_map(move |id| {
            let chat = chat.clone();
            async move {
                let conversation = match id {
                    Ok(id) => chat.conversation(viewer, id).await,
                    Err(error) => Err(error),
                };
                let found = conversation.transpose()?;
                Some(found.map(|found| Event::own(Conversation::new(found))))
            }
        })))
    };
} }
