//! Messages: history, sending, and the stream of new ones.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object, Result, SimpleObject, Subscription};
use futures_util::{Stream, stream};

use super::{
    RequestContext,
    at_hand::{AtHand, Fields, Given},
    connection::{ListCursor, Listed, connection},
    context::{ContextExt, Hold},
    conversation::{Conversation, ConversationRef},
    error::{Nullable, nullable},
    event::{Event, hand_over},
    scalar::DateTime,
    user::{User, load_user},
};
use crate::{
    chat::{Delivery, NewMessage as Outgoing, Target},
    domain::{self, Body, ClientMessageId, MessageId, PageArgs, Seq},
    error::Error,
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

/// Something that someone said.
#[Object]
impl Message {
    /// Names the message for good.
    async fn id(&self) -> ID {
        self.message.id.to_string().into()
    }

    /// Where it was said.
    async fn conversation(&self, ctx: &Context<'_>) -> Result<Conversation> {
        if let Some(conversation) = &self.conversation {
            return Ok(Conversation::new(conversation.clone()));
        }
        let conversation = ctx
            .loaders()?
            .load_one(self.message.conversation_id)
            .await?;
        Ok(Conversation::new(conversation.ok_or_else(|| {
            Error::Internal("a message of no conversation".into())
        })?))
    }

    /// Who said it.
    async fn sender(&self, ctx: &Context<'_>) -> Result<AtHand<User>> {
        Ok(AtHand(match &self.sender {
            Some(sender) => User(sender.clone()),
            None => load_user(ctx, self.message.sender_id).await?,
        }))
    }

    /// Empty when deleted.
    async fn body(&self) -> &str {
        self.message.body.as_str()
    }

    /// Place in its conversation: 1, 2, 3, … without holes.
    async fn seq(&self) -> Result<i32> {
        Ok(i32::try_from(self.message.seq)
            .map_err(|_| Error::Internal("a seq beyond Int".into()))?)
    }

    /// What the sender's client called it, for replacing an optimistic entry; null to everyone else.
    async fn client_message_id(&self, ctx: &Context<'_>) -> Nullable<ID> {
        nullable(async {
            let own = ctx.viewer_id()? == self.message.sender_id;
            let id = self.message.client_message_id.as_ref().filter(|_| own);
            Ok(id.map(|id| id.as_str().to_owned().into()))
        })
        .await
    }

    /// When the server took it in.
    async fn sent_at(&self) -> DateTime {
        DateTime(self.message.sent_at)
    }

    /// When it was last edited; null when never.
    async fn edited_at(&self) -> Option<DateTime> {
        None
    }

    /// When it was deleted; null when it was not.
    async fn deleted_at(&self) -> Option<DateTime> {
        None
    }

    /// The message that this one answers.
    async fn reply_to(&self, ctx: &Context<'_>) -> Nullable<Message> {
        nullable(async {
            let Some(id) = self.message.reply_to else {
                return Ok(None);
            };
            // A reply is in the conversation of what it answers, so whoever sees one may see the other.
            let answered = ctx.loaders()?.load_one(id).await?;
            Ok(answered.map(|message| Self {
                message,
                conversation: self.conversation.clone(),
                sender: None,
            }))
        })
        .await
    }

    /// Emoji that people put under it.
    async fn reactions(&self) -> Vec<Reaction> {
        Vec::new()
    }
}

/// An emoji under a message, and whose it is.
#[derive(SimpleObject)]
struct Reaction {
    /// The emoji.
    emoji: String,
    /// Who put it there.
    users: Vec<User>,
}

impl Fields for Message {
    fn of_type(&self) -> &'static str {
        "Message"
    }

    fn at_hand<'a>(&'a self, field: &str, request: &'a RequestContext) -> Option<Given<'a>> {
        let message = &self.message;
        Some(match field {
            "id" => Given::Id(message.id.0),
            "conversation" => Given::object(Conversation::new(self.conversation.clone()?)),
            "sender" => Given::object(User(match &self.sender {
                Some(sender) => sender.clone(),
                None => request.chat.known_user(message.sender_id)?,
            })),
            "body" => Given::Text(message.body.as_str()),
            "seq" => Given::Int(i32::try_from(message.seq).ok()?),
            "clientMessageId" => {
                let own = request.viewer?.user_id == message.sender_id;
                let id = message.client_message_id.as_ref().filter(|_| own);
                id.map(ClientMessageId::as_str).into()
            }
            "sentAt" => Given::DateTime(message.sent_at),
            _ => return None,
        })
    }
}

impl Listed for Message {
    type Cursor = Seq;

    fn cursor(&self) -> Seq {
        self.message.seq
    }
}

connection!(
    MessageConnection,
    MessageEdge,
    Message,
    "A page of messages, oldest first."
);

/// The page of a conversation's history that `args` ask for.
pub(super) async fn message_page(
    ctx: &Context<'_>,
    target: &Target,
    args: PageArgs,
) -> Result<MessageConnection> {
    let page = ctx
        .chat()?
        .history(target, &args.window(DEFAULT_PAGE, Seq::read)?)
        .await?;
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
    Ok(MessageConnection {
        items,
        has_previous: page.has_previous,
        has_next: page.has_next,
    })
}

#[derive(Default)]
pub(super) struct MessageQuery;

#[Object]
impl MessageQuery {
    /// Message history, oldest first within a page; without `first` or `last`, the newest 50.
    async fn messages(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "in", desc = "Whose history.")] r#in: ConversationRef,
        #[graphql(desc = "The first so many, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Only what comes after this cursor.")] after: Option<String>,
        #[graphql(desc = "The last so many, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Only what comes before this cursor.")] before: Option<String>,
    ) -> Result<MessageConnection> {
        let target = ctx
            .chat()?
            .target(ctx.viewer_id()?, "in", r#in.parse("in")?)
            .await?;
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

    /// Where the viewer's stream of new messages stands, read before anything else in the request. Ask for it in the query that loads the screen and subscribe `after` it: nothing falls in between (what the screen already shows may come once more, with the same id).
    async fn stream_cursor(&self, ctx: &Context<'_>) -> Result<String> {
        let request = ctx.request()?;
        Ok(request.chat.cursor(ctx.viewer_id()?, request.head))
    }
}

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

#[derive(Default)]
pub(super) struct MessageMutation;

#[Object]
impl MessageMutation {
    /// Sends a message. It is durable when the answer comes.
    async fn send_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to send, and where.")] input: SendMessageInput,
    ) -> Result<AtHand<Message>> {
        let viewer = ctx.viewer_id()?;
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
        let sent = ctx.chat()?.send(viewer, outgoing).await?;
        Ok(AtHand(Message {
            message: sent.message,
            conversation: Some(sent.conversation),
            sender: Some(sent.sender),
        }))
    }
}

/// A message as it arrives.
#[derive(Clone)]
pub(super) struct NewMessage {
    pub(super) event: Arc<domain::MessageEvent>,
    pub(super) cursor: Arc<str>,
}

/// A message as it arrives.
#[Object]
impl NewMessage {
    /// Pass the last one you got as `after` when you subscribe again.
    async fn cursor(&self) -> &str {
        &self.cursor
    }

    /// The message.
    async fn message(&self) -> AtHand<Message> {
        AtHand(Message::from_event(&self.event))
    }
}

#[derive(Default)]
pub(super) struct MessageSubscription;

#[Subscription]
impl MessageSubscription {
    /// Every new message in the viewer's conversations (or only in one), the viewer's own from other devices too. With `after`, first all that was missed since that cursor, then live: no gap, no duplicate, in each conversation's order.
    async fn new_message(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "in", desc = "Only there.")] r#in: Option<ConversationRef>,
        #[graphql(desc = "A `streamCursor`, or the `cursor` of the last event.")] after: Option<
            String,
        >,
    ) -> Result<impl Stream<Item = Result<NewMessage>> + use<>> {
        let Hold::Messages(connection, held) = ctx.take_hold()? else {
            return Err(Error::Internal("not a source of messages".into()).into());
        };
        let only = r#in.map(|reference| reference.parse("in")).transpose()?;
        let messages = ctx
            .chat()?
            .stream(connection, held, only, after.as_deref())
            .await?;
        hand_over(
            ctx,
            stream::unfold(Some(messages), |messages| async move {
                let mut messages = messages?;
                match messages.next().await? {
                    Ok(Delivery { event, cursor }) => {
                        let message = NewMessage { event, cursor };
                        Some((Ok(Event::NewMessage(message)), Some(messages)))
                    }
                    Err(error) => Some((Err(error), None)),
                }
            }),
        )
    }
}
