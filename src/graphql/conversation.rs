//! Conversations: the list, one of them, and how far the viewer has read.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Object, OneofObject, Result, Subscription};
use futures_util::{Stream, StreamExt, stream};

use super::{
    RequestContext,
    at_hand::{AllAtHand, AtHand, Fields, Given},
    connection::{ListCursor, Listed, connection},
    context::{ContextExt, Hold},
    error::{Nullable, nullable},
    event::{Event, hand_over},
    loaders::{ActivityOf, MarksOf, MessageAt},
    member::Member,
    message::{Message, MessageConnection, message_page},
    scalar::DateTime,
};
use crate::{
    chat::Target,
    domain::{
        self, ConversationActivity, ConversationId, MessageId, PageArgs, Seq, Timestamp, UserId,
    },
    error::Error,
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
enum ConversationKind {
    /// Between two people; exists once for a pair.
    Direct,
    /// Of any number of people, with a title.
    Group,
}

/// People who write to each other.
#[derive(Clone)]
pub(super) struct Conversation {
    conversation: Arc<domain::Conversation>,
    /// Known where a list was sorted by it.
    activity: Option<ConversationActivity>,
}

impl Conversation {
    pub(super) fn new(conversation: Arc<domain::Conversation>) -> Self {
        Self {
            conversation,
            activity: None,
        }
    }

    async fn activity(&self, ctx: &Context<'_>) -> Result<ConversationActivity> {
        if let Some(activity) = self.activity {
            Ok(activity)
        } else {
            let activity = ctx
                .loaders()?
                .load_one(ActivityOf(self.conversation.id))
                .await?;
            Ok(
                activity
                    .ok_or_else(|| Error::Internal("a conversation without activity".into()))?,
            )
        }
    }
}

/// The message with this seq, if it is not 0.
pub(super) async fn message_at(
    ctx: &Context<'_>,
    conversation: &Arc<domain::Conversation>,
    seq: Seq,
) -> Result<Option<AtHand<Message>>> {
    if seq == 0 {
        return Ok(None);
    }
    let message = ctx
        .loaders()?
        .load_one(MessageAt(conversation.id, seq))
        .await?;
    Ok(message.map(|message| AtHand(Message::within(message, conversation.clone()))))
}

/// People who write to each other.
#[Object]
impl Conversation {
    /// Names the conversation for good.
    async fn id(&self) -> ID {
        self.conversation.id.to_string().into()
    }

    /// Between two people, or a group.
    async fn kind(&self) -> ConversationKind {
        self.conversation.kind.into()
    }

    /// Of a group; null for a direct conversation.
    async fn title(&self) -> Option<&str> {
        self.conversation.title.as_deref()
    }

    /// Who takes part.
    async fn members(&self) -> AllAtHand<Member> {
        Member::all(&self.conversation)
    }

    /// Message history, oldest first within a page; without `first` or `last`, the newest 50.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first so many, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The last so many, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<MessageConnection> {
        let target = Target::Existing(self.conversation.clone());
        message_page(
            ctx,
            &target,
            PageArgs {
                first,
                after,
                last,
                before,
            },
        )
        .await
    }

    /// The newest message; null before the first.
    async fn last_message(&self, ctx: &Context<'_>) -> Nullable<AtHand<Message>> {
        nullable(async {
            let activity = self.activity(ctx).await?;
            message_at(ctx, &self.conversation, activity.last_seq).await
        })
        .await
    }

    /// Messages by others that the viewer has not read.
    async fn unread_count(&self, ctx: &Context<'_>) -> Result<i32> {
        let viewer = ctx.viewer_id()?;
        // In this order: marks read before could be behind a message that the viewer sent meanwhile.
        let activity = self.activity(ctx).await?;
        let marks = ctx
            .loaders()?
            .load_one(MarksOf(self.conversation.id))
            .await?;
        let read = marks
            .unwrap_or_default()
            .iter()
            .find(|mark| mark.user_id == viewer)
            .map_or(0, |mark| mark.seq);
        // Sending reads, so that the viewer's own messages are never behind its mark.
        Ok(i32::try_from((activity.last_seq - read).max(0)).unwrap_or(i32::MAX))
    }

    /// When the conversation was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.conversation.created_at)
    }

    /// Of the last message, or when it was created.
    async fn last_activity_at(&self, ctx: &Context<'_>) -> Result<DateTime> {
        Ok(DateTime(self.activity(ctx).await?.last_activity_at))
    }
}

impl Fields for Conversation {
    fn of_type(&self) -> &'static str {
        "Conversation"
    }

    fn at_hand<'a>(&'a self, field: &str, _: &'a RequestContext) -> Option<Given<'a>> {
        let conversation = &self.conversation;
        Some(match field {
            "id" => Given::Id(conversation.id.0),
            "kind" => Given::item(ConversationKind::from(conversation.kind)),
            "title" => conversation.title.as_deref().into(),
            "createdAt" => Given::DateTime(conversation.created_at),
            "lastActivityAt" => Given::DateTime(self.activity?.last_activity_at),
            _ => return None,
        })
    }
}

type ConversationCursor = (Timestamp, ConversationId);

impl Listed for Conversation {
    type Cursor = ConversationCursor;

    fn cursor(&self) -> ConversationCursor {
        let created_at = self.conversation.created_at;
        let activity = self.activity;
        let at = activity.map_or(created_at, |activity| activity.last_activity_at);
        (at, self.conversation.id)
    }
}

connection!(
    ConversationConnection,
    ConversationEdge,
    Conversation,
    "A page of conversations."
);

#[derive(Default)]
pub(super) struct ConversationQuery;

#[Object]
impl ConversationQuery {
    /// The viewer's conversations, most recent activity first.
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 50, desc = "How many, 1 to 100.")] first: i32,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
    ) -> Result<ConversationConnection> {
        let viewer = ctx.viewer_id()?;
        let args = PageArgs {
            first: Some(first),
            after,
            ..PageArgs::default()
        };
        let window = args.window(0, ConversationCursor::read)?;
        let mut listed = ctx
            .chat()?
            .conversations(viewer, window.after, window.limit + 1)
            .await?;
        let has_next = listed.len() > window.limit;
        listed.truncate(window.limit);
        let item = |(conversation, activity)| Conversation {
            conversation,
            activity: Some(activity),
        };
        Ok(ConversationConnection {
            items: listed.into_iter().map(item).collect(),
            has_previous: window.after.is_some(),
            has_next,
        })
    }

    /// Null when it does not exist or the viewer is not a member.
    async fn conversation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The conversation's id.")] id: ID,
    ) -> Nullable<Conversation> {
        nullable(async {
            let viewer = ctx.viewer_id()?;
            let Some(id) = ConversationId::parse(&id) else {
                return Ok(None);
            };
            Ok(ctx
                .chat()?
                .conversation(viewer, id)
                .await?
                .map(Conversation::new))
        })
        .await
    }
}

#[derive(Default)]
pub(super) struct ConversationMutation;

#[Object]
impl ConversationMutation {
    /// Marks everything up to and including this message as read by the viewer.
    async fn mark_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The newest message that was read.")] message_id: ID,
    ) -> Result<Conversation> {
        let viewer = ctx.viewer_id()?;
        let id = MessageId::parse(&message_id).ok_or_else(|| Error::no_message("messageId"))?;
        Ok(Conversation::new(ctx.chat()?.mark_read(viewer, id).await?))
    }
}

#[derive(Default)]
pub(super) struct ConversationSubscription;

#[Subscription]
impl ConversationSubscription {
    /// A conversation of the viewer's was created, renamed, changed members, or was read by someone.
    async fn conversation_changed(
        &self,
        ctx: &Context<'_>,
    ) -> Result<impl Stream<Item = Result<Conversation>> + use<>> {
        let Hold::Changes(changes) = ctx.take_hold()? else {
            return Err(Error::Internal("not a source of changes".into()).into());
        };
        let (chat, viewer) = (ctx.chat()?.clone(), ctx.viewer_id()?);
        let batches = stream::unfold(Some(changes), |changes| async move {
            let mut changes = changes?;
            match changes.next().await {
                Some(ids) => Some((ids.into_iter().map(Ok).collect(), Some(changes))),
                None => Some((vec![Err(Error::ResyncRequired)], None)),
            }
        });
        let ids = batches.flat_map(stream::iter);
        let conversations = ids.filter_map(move |id| {
            let chat = chat.clone();
            async move {
                let conversation = match id {
                    Ok(id) => chat.conversation(viewer, id).await,
                    Err(error) => Err(error),
                };
                let found = conversation.transpose()?;
                Some(found.map(|found| Event::ConversationChanged(Conversation::new(found))))
            }
        });
        hand_over(ctx, conversations)
    }
}
