//! Messages: history, sending and changing them.

use std::sync::Arc;

use async_graphql::{ID, InputObject};

use super::{
    Mutation, Query, RequestContext,
    connection::{ListCursor, Listed, connection},
    conversation::{Conversation, ConversationRef},
    engine::{Soon, fields, object},
    loaders::ReactionsOf,
    reaction::Reaction,
    scalar::DateTime,
    search::MessageCursor,
    user::{User, existing},
};
use crate::{
    chat::{Found, NewMessage as Outgoing, Place, ShownMessage, Target},
    domain::{self, Body, ClientMessageId, Emoji, MessageId, PageArgs, Seq},
    error::{Error, Result},
};

/// How many messages a page holds when nobody says.
const DEFAULT_PAGE: usize = 50;

object! {
    /// Something that someone said.
    pub(super) struct Message {
        message: Arc<domain::Message>,
        conversation: Option<Arc<domain::Conversation>>,
        sender: Option<Arc<domain::User>>,
        /// Where it stands among what was found.
        place: Option<Place>,
    }
    |message, cx| {
        /// Names the message for good.
        id: ID = everyone => message.message.id;
        /// Where it was said.
        conversation: Conversation = everyone soon if let Some(conversation) = &message.conversation { Soon::Now(Conversation::new(conversation.clone())) } else {
            let (id, cx) = (message.message.conversation_id, cx.clone());
            Soon::later(async move {
                let conversation = cx.loaders().load_one(id).await?;
                let conversation = conversation
                    .ok_or_else(|| Error::Internal("a message of no conversation".into()))?;
                Ok(Conversation::new(conversation))
            })
        };
        /// Who said it.
        sender: User = everyone soon match &message.sender {
            Some(sender) => Soon::Now(User(sender.clone())),
            None => existing(cx, message.message.sender_id),
        };
        /// Empty when deleted.
        body: String = everyone => message.message.body.as_str();
        /// Place in its conversation: 1, 2, 3, … without holes.
        seq: i32 = everyone soon i32::try_from(message.message.seq)
            .map_err(|_| Error::Internal("a seq beyond Int".into()))
            .into();
        /// What the sender's client called it, for replacing an optimistic entry; null to everyone else.
        clientMessageId: Option<ID> = owner(message.message.sender_id) =>
            message.message.client_message_id.as_ref().map(ClientMessageId::as_str);
        /// When the server took it in.
        sentAt: DateTime = everyone => message.message.sent_at;
        /// When it was last edited; null when never.
        editedAt: Option<DateTime> = everyone => message.message.edited_at;
        /// When it was deleted; null when it was not.
        deletedAt: Option<DateTime> = everyone => message.message.deleted_at;
        /// The message that this one answers, in its newest state.
        replyTo: Option<Message> = everyone loads {
            let Some(id) = message.message.reply_to else {
                return Ok(None);
            };
            // A reply is in the conversation of what it answers, so whoever sees one may see the other.
            let answered = cx.loaders().load_one(id).await?;
            Ok(answered.map(|answered| Message::of(answered, message.conversation.clone())))
        };
        /// Emoji that people put under it, in the order in which the first of each came.
        reactions: Vec<Reaction> = everyone[about 2] soon {
            let (message, cx) = (message.message.clone(), cx.clone());
            if message.reacted == 0 || message.is_deleted() {
                Soon::Now(Vec::new())
            } else {
                Soon::later(async move {
                    let reactions = cx.loaders().load_one(ReactionsOf(message.id)).await?;
                    let reactions = reactions.unwrap_or_default().into_iter();
                    Ok(reactions.map(Reaction::new).collect())
                })
            }
        };
    }
}

impl Message {
    /// A message, with its conversation if that is known.
    fn of(message: Arc<domain::Message>, conversation: Option<Arc<domain::Conversation>>) -> Self {
        Self {
            message,
            conversation,
            sender: None,
            place: None,
        }
    }

    /// A message of a conversation that is known.
    pub(super) fn within(
        message: Arc<domain::Message>,
        conversation: Arc<domain::Conversation>,
    ) -> Self {
        Self::of(message, Some(conversation))
    }

    /// A message that a search found.
    pub(super) fn found(found: Found) -> Self {
        Self {
            place: Some(found.place),
            ..Self::within(found.message, found.conversation)
        }
    }

    fn shown(shown: ShownMessage) -> Self {
        Self {
            sender: shown.sender,
            ..Self::within(shown.message, shown.conversation)
        }
    }

    pub(super) fn from_event(event: &domain::MessageEvent) -> Self {
        Self {
            sender: Some(event.sender.clone()),
            ..Self::within(event.message.clone(), event.conversation.clone())
        }
    }
}

impl Listed for Message {
    type Cursor = MessageCursor;

    fn cursor(&self) -> MessageCursor {
        match self.place {
            Some(place) => MessageCursor::Found(place),
            None => MessageCursor::InHistory(self.message.seq),
        }
    }
}

connection!(
    /// A page of messages, oldest first.
    MessageConnection,
    MessageEdge,
    Message
);

/// The page of a conversation's history that `args` ask for.
pub(super) async fn message_page(
    cx: &RequestContext,
    target: &Target,
    args: PageArgs,
) -> Result<MessageConnection> {
    let window = args.window(DEFAULT_PAGE, Seq::read)?;
    let page = cx.chat.history(cx.viewer_id()?, target, &window).await?;
    let conversation = match target {
        Target::Existing(conversation) => Some(conversation),
        Target::Unstarted(_) => None,
    };
    let node = |message| Message::of(Arc::new(message), conversation.cloned());
    let items = page.items.into_iter().map(node).collect();
    Ok(MessageConnection::new(
        items,
        page.has_previous,
        page.has_next,
    ))
}

fields! { queries of Query, |_query, cx| {
    /// Message history, oldest first within a page; without `first` or `last`, the newest 50.
    messages(
        /// Whose history.
        r#in: ConversationRef,
        /// The first so many, 1 to 100.
        first: Option<i32>,
        /// Only what comes after this cursor.
        after: Option<String>,
        /// The last so many, 1 to 100.
        last: Option<i32>,
        /// Only what comes before this cursor.
        before: Option<String>,
    ): MessageConnection = each[page 50] loads {
        let target = cx.chat.target(cx.viewer_id()?, "in", r#in.parse("in")?).await?;
        let args = PageArgs {
            first,
            after,
            last,
            before,
        };
        Ok(message_page(&cx, &target, args).await?)
    };
    /// Where the viewer's stream of new messages stands, read before anything else in the request. Ask for it in the query that loads the screen and subscribe `after` it: nothing falls in between (what the screen already shows may come once more, with the same id).
    streamCursor: String = each soon
        cx.viewer_id().map(|viewer| cx.chat.cursor(viewer, &cx.stand())).into();
} }

/// A message to send.
#[derive(InputObject)]
struct SendMessageInput {
    /// Where it goes.
    to: ConversationRef,
    /// 1 to 4,000 characters, not only white space.
    body: String,
    /// Chosen by the client, a UUID say: sending again with the same one returns the first message instead of making a second, so a retry is always safe.
    client_message_id: Option<ID>,
    /// The message in the same conversation that this one answers.
    reply_to_id: Option<ID>,
}

fields! { mutations of Mutation, |_mutation, cx| {
    /// Sends a message. It is durable when the answer comes.
    sendMessage(
        /// What to send, and where.
        input: SendMessageInput,
    ): Message = each without_news {
        let viewer = cx.viewer_id()?;
        let client_id = |id: ID| ClientMessageId::parse("input.clientMessageId", &id);
        let reply_to =
            |id: ID| MessageId::parse(&id).ok_or_else(|| Error::no_message("input.replyToId"));
        let outgoing = Outgoing {
            body: Body::parse("input.body", &input.body)?,
            client_message_id: input.client_message_id.map(client_id).transpose()?,
            to: input.to.parse("input.to")?,
            reply_to: input.reply_to_id.map(reply_to).transpose()?,
        };
        Ok(Message::shown(cx.chat.send(viewer, outgoing, cx.deadline()).await?))
    };
    /// Gives a message of the viewer's another text; the same one changes nothing.
    editMessage(
        /// The message, which the viewer sent.
        messageId: ID,
        /// 1 to 4,000 characters, not only white space.
        body: String,
    ): Message = each loads {
        let (viewer, body) = (cx.viewer_id()?, Body::parse("body", &body)?);
        let id = message_id(&messageId)?;
        Ok(Message::shown(cx.chat.edit_message(viewer, id, body, cx.deadline()).await?))
    };
    /// Leaves a tombstone: the body is gone, the place in the history stays. For its sender, and in a group for its owner.
    deleteMessage(
        /// The message.
        messageId: ID,
    ): Message = each loads {
        let (viewer, id) = (cx.viewer_id()?, message_id(&messageId)?);
        Ok(Message::shown(cx.chat.delete_message(viewer, id, cx.deadline()).await?))
    };
    /// Puts an emoji under a message; adding it again changes nothing. At most 20 kinds.
    addReaction(
        /// The message.
        messageId: ID,
        /// Exactly one.
        emoji: String,
    ): Message = each loads { Ok(react(&cx, &messageId, &emoji, true).await?) };
    /// Takes an emoji of the viewer's away; one that is not there changes nothing.
    removeReaction(
        /// The message.
        messageId: ID,
        /// Exactly one.
        emoji: String,
    ): Message = each loads { Ok(react(&cx, &messageId, &emoji, false).await?) };
} }

fn message_id(id: &ID) -> Result<MessageId> {
    MessageId::parse(id).ok_or_else(|| Error::no_message("messageId"))
}

async fn react(cx: &RequestContext, id: &ID, emoji: &str, added: bool) -> Result<Message> {
    let viewer = cx.viewer_id()?;
    let emoji = Emoji::parse("emoji", emoji)?;
    let id = message_id(id)?;
    let reacted = cx.chat.react(viewer, id, emoji, added, cx.deadline());
    Ok(Message::shown(reacted.await?))
}
