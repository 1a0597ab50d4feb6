//! The stream of everything that happens in the viewer's conversations, and its windows.

use std::sync::Arc;

use async_graphql::ID;
use futures_util::stream;

use super::{
    RequestContext, Subscription,
    context::Begun,
    conversation::{Conversation, ConversationRef},
    engine::{Event, Hole, Object, fields, interface, object},
    message::Message,
    source::Source,
    user::User,
};
use crate::{
    chat::{Delivery, News, StreamEvent},
    domain::{self, ConversationId},
    error::{Error, Result},
};

/// Declares a kind of event, with what holds it: its place in the viewer's stream, and the fields that are its own.
macro_rules! event {
    ($(#[doc = $doc:literal])+ struct $name:ident($held:ty); |$event:ident, $cx:ident| { $($fields:tt)+ }) => {
        object! {
            $(#[doc = $doc])+
            struct $name($held);
            |$event, $cx| {
                /// Pass the last one you got as `after` when you subscribe again.
                cursor: String = reader => Hole::Cursor;
                /// The cursor of the event before this one in this subscription; for the first, of where it began. When it is not the last one you got, something on the way (a router, a proxy) has dropped events: subscribe again, `after` yours.
                previous: String = reader => Hole::Previous;
                $($fields)+
            }
        }
    };
}

event! {
    /// A message as it arrives.
    struct NewMessage(Arc<domain::MessageEvent>);
    |event, cx| {
        /// The message.
        message: Message = everyone => Message::from_event(&event.0);
    }
}

event! {
    /// A message was edited, deleted or reacted to. Of several changes of one message that a reader missed, only the newest comes.
    struct MessageChanged(Arc<domain::MessageEvent>);
    |event, cx| {
        /// In its newest state.
        message: Message = everyone => Message::from_event(&event.0);
    }
}

event! {
    /// A conversation was created, renamed or changed members; or the viewer joined it.
    struct ConversationChanged(Arc<domain::Conversation>);
    |event, cx| {
        /// In its newest state.
        conversation: Conversation = everyone => Conversation::new(event.0.clone());
    }
}

event! {
    /// The viewer left a conversation, or was removed from it.
    struct ConversationLeft(ConversationId);
    |event, cx| {
        /// Which one. Nothing more of it is told.
        conversationId: ID = everyone => event.0;
    }
}

event! {
    /// A member (or the viewer, on another device) read further. Of several that a reader missed, only the newest of each member comes. In a group of more than 32 members only one's own marks are told.
    struct ConversationRead(Arc<domain::ReadEvent>);
    |event, cx| {
        /// Where.
        conversation: Conversation = everyone => Conversation::new(event.0.conversation.clone());
        /// Who.
        reader: User = everyone => User(event.0.reader.clone());
        /// The newest message that the reader has read.
        lastRead: Message = everyone =>
            Message::within(event.0.last_read.clone(), event.0.conversation.clone());
    }
}

interface! {
    /// Something that happened in the viewer's conversations, at its place in the viewer's stream.
    ChatEvent of NewMessage | MessageChanged | ConversationChanged | ConversationLeft | ConversationRead {
        /// Pass the last one you got as `after` when you subscribe again.
        cursor: String;
        /// The cursor of the event before this one in this subscription; for the first, of where it began. When it is not the last one you got, something on the way (a router, a proxy) has dropped events: subscribe again, `after` yours.
        previous: String;
    }
}

/// An event as its subscription gives it; what came live is shared by all who hold the same.
fn event(told: StreamEvent, live: bool) -> Event {
    fn shared<T>(object: impl Object + 'static, of: &Arc<T>, live: bool) -> Event {
        if live {
            Event::shared(object, of)
        } else {
            Event::own(object)
        }
    }
    match told {
        StreamEvent::NewMessage(message) => shared(NewMessage(message.clone()), &message, live),
        StreamEvent::MessageChanged(message) => {
            shared(MessageChanged(message.clone()), &message, live)
        }
        StreamEvent::ConversationChanged(conversation) => shared(
            ConversationChanged(conversation.clone()),
            &conversation,
            live,
        ),
        StreamEvent::ConversationLeft(id) => Event::own(ConversationLeft(id)),
        StreamEvent::ConversationRead(read) => shared(ConversationRead(read.clone()), &read, live),
    }
}

/// Begins a stream of what the log holds for the viewer.
async fn stream_of(
    cx: &RequestContext,
    news: News,
    only: Option<ConversationRef>,
    after: Option<String>,
) -> Result<Begun> {
    let Source::Log(connection, source) = cx.take_source()? else {
        return Err(Error::Internal("not the source of what happens".into()));
    };
    let only = only.map(|reference| reference.parse("in")).transpose()?;
    let events = cx
        .chat
        .stream(connection, source, news, only, after.as_deref());
    let events = events.await?;
    Ok(cx.begin(stream::unfold(Some(events), |events| async move {
        let mut events = events?;
        match events.next().await? {
            Ok(Delivery {
                event: told,
                cursor,
                previous,
                live,
            }) => Some((Ok(event(told, live).at(cursor, previous)), Some(events))),
            Err(error) => Some((Err(error), None)),
        }
    })))
}

fields! { subscriptions of Subscription, |_subscription, cx| {
    /// Everything that happens in the viewer's conversations (or only in one), in order, with one cursor: new and changed messages, conversations that changed, read marks. With `after`, first all that was missed since that cursor, then live: no gap, no repeat.
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
    /// A message was edited, deleted or reacted to, in its newest state. `after` as in `newMessage`.
    messageChanged(
        /// Only there.
        r#in: Option<ConversationRef>,
        /// A `streamCursor`, or the `cursor` of the last event.
        after: Option<String>,
    ): MessageChanged = each loads {
        Ok(stream_of(&cx, News::MessageChanges, r#in, after).await?)
    };
} }
