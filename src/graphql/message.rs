//! Messages: history, sending, and the stream of new ones.

use std::sync::Arc;

use async_graphql::{ID, InputObject};
use futures_util::stream;

use super::{
    Mutation, Query, RequestContext, Subscription,
    connection::{ListCursor, Listed, connection},
    context::{Begun, Hold},
    conversation::{Conversation, ConversationRef},
    engine::{Event, Hole, Soon, fields, interface, object},
    scalar::DateTime,
    user::{User, existing},
};
use crate::{
    chat::{Delivery, NewMessage as Outgoing, News, Target},
    domain::{self, Body, ClientMessageId, MessageId, PageArgs, Seq},
    error::{Error, Result},
};

/// How many messages a page holds when nobody says.
const DEFAULT_PAGE: usize = 50;

/// Something that someone said.
#[derive(Clone)]
pub(super) struct Message {
    message: Arc<domain::Message>,
    conversation: Option<Arc<domain::Conversation>>,
    sender: Option<Arc<domain::User>>,
}

impl Message {
    /// A message of a conversation that is at hand.
    pub(super) fn within(
        message: Arc<domain::Message>,
        conversation: Arc<domain::Conversation>,
    ) -> Self {
        Self {
            message,
            conversation: Some(conversation),
            sender: None,
        }
    }

    fn from_event(event: &domain::MessageEvent) -> Self {
        Self {
            message: event.message.clone(),
            conversation: Some(event.conversation.clone()),
            sender: Some(event.sender.clone()),
        }
    }
}

object! {
    /// Something that someone said.
    Message, |message, cx| {
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
        /// The message that this one answers.
        replyTo: Option<Message> = each loads {
            let Some(id) = message.message.reply_to else {
                return Ok(None);
            };
            // A reply is in the conversation of what it answers, so whoever sees one may see the other.
            let answered = cx.loaders().load_one(id).await?;
            Ok(answered.map(|answered| Message {
                message: answered,
                conversation: message.conversation.clone(),
                sender: None,
            }))
        };
        /// Emoji that people put under it.
        reactions: Vec<Reaction> = everyone[about 5] => Vec::<Reaction>::new();
    }
}

/// An emoji under a message, and whose it is.
#[derive(Clone)]
struct Reaction {
    emoji: String,
    users: Vec<User>,
}

object! {
    /// An emoji under a message, and whose it is.
    Reaction, |reaction, cx| {
        /// The emoji.
        emoji: String = everyone => reaction.emoji.as_str();
        /// Who put it there.
        users: Vec<User> = everyone[about 5] => reaction.users.as_slice();
    }
}

impl Listed for Message {
    type Cursor = Seq;

    fn cursor(&self) -> Seq {
        self.message.seq
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
    let page = cx.chat.history(target, &window).await?;
    let conversation = match target {
        Target::Existing(conversation) => Some(conversation),
        Target::Unstarted(_) => None,
    };
    let node = |message| Message {
        message: Arc::new(message),
        conversation: conversation.cloned(),
        sender: None,
    };
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
    ): Message = each loads {
        let viewer = cx.viewer_id()?;
        let SendMessageInput {
            to,
            body,
            client_message_id,
            reply_to_id,
        } = input;
        let client_id = |id: ID| ClientMessageId::parse("input.clientMessageId", &id);
        let reply_to =
            |id: ID| MessageId::parse(&id).ok_or_else(|| Error::no_message("input.replyToId"));
        let outgoing = Outgoing {
            body: Body::parse("input.body", &body)?,
            client_message_id: client_message_id.map(client_id).transpose()?,
            to: to.parse("input.to")?,
            reply_to: reply_to_id.map(reply_to).transpose()?,
        };
        let sent = cx.chat.send(viewer, outgoing, cx.deadline()).await?;
        Ok(Message {
            message: sent.message,
            conversation: Some(sent.conversation),
            sender: Some(sent.sender),
        })
    };
} }

/// A message as it arrives.
#[derive(Clone)]
struct NewMessage(Arc<domain::MessageEvent>);

object! {
    /// A message as it arrives.
    NewMessage, |event, cx| {
        /// Pass the last one you got as `after` when you subscribe again.
        cursor: String = reader => Hole::Cursor;
        /// The cursor of the event before this one in this subscription; for the first, of where it began. When it is not the last one you got, something on the way (a router, a proxy) has dropped events: subscribe again, `after` yours.
        previous: String = reader => Hole::Previous;
        /// The message.
        message: Message = everyone => Message::from_event(&event.0);
    }
}

interface! {
    /// Something that happened in the viewer's conversations, at its place in the viewer's stream.
    ChatEvent of NewMessage {
        /// Pass the last one you got as `after` when you subscribe again.
        cursor: String;
        /// The cursor of the event before this one in this subscription; for the first, of where it began. When it is not the last one you got, something on the way (a router, a proxy) has dropped events: subscribe again, `after` yours.
        previous: String;
    }
}

/// Begins a stream of what the log holds for the viewer.
async fn stream_of(
    cx: &RequestContext,
    news: News,
    only: Option<ConversationRef>,
    after: Option<String>,
) -> Result<Begun> {
    let Hold::Messages(connection, held) = cx.take_hold()? else {
        return Err(Error::Internal("not a source of messages".into()));
    };
    let only = only.map(|reference| reference.parse("in")).transpose()?;
    let messages = cx
        .chat
        .stream(connection, held, news, only, after.as_deref());
    let messages = messages.await?;
    Ok(
        cx.begin(stream::unfold(Some(messages), |messages| async move {
            let mut messages = messages?;
            match messages.next().await? {
                Ok(Delivery {
                    event,
                    cursor,
                    previous,
                    live,
                }) => {
                    let object = NewMessage(event.clone());
                    let told = if live {
                        Event::shared(object, &event)
                    } else {
                        Event::own(object)
                    };
                    Some((Ok(told.at(cursor, previous)), Some(messages)))
                }
                Err(error) => Some((Err(error), None)),
            }
        })),
    )
}

fields! { subscriptions of Subscription, |_subscription, cx| {
    /// Everything that happens in the viewer's conversations (or only in one), in order, with one cursor: today new messages, later all that this server learns to tell. With `after`, first all that was missed since that cursor, then live: no gap, no repeat.
    events(
        /// Only there.
        r#in: Option<ConversationRef>,
        /// A `streamCursor`, or the `cursor` of the last event.
        after: Option<String>,
    ): ChatEvent = each loads { Ok(stream_of(&cx, News::Everything, r#in, after).await?) };
    /// Every new message in the viewer's conversations (or only in one), the viewer's own from other devices too. With `after`, first all that was missed since that cursor, then live: no gap, no duplicate, in each conversation's order.
    newMessage(
        /// Only there.
        r#in: Option<ConversationRef>,
        /// A `streamCursor`, or the `cursor` of the last event.
        after: Option<String>,
    ): NewMessage = each loads { Ok(stream_of(&cx, News::Messages, r#in, after).await?) };
} }
