//! What subscriptions give: an event each, on which a subscription's selection is resolved as a query.

use std::sync::Arc;

use async_graphql::{Context, Object, Result};
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};

use super::{
    context::ContextExt, conversation::Conversation, message::NewMessage,
    presence::OnlineUsersChange, typing::TypingEvent,
};
use crate::{domain::UserId, error::Error};

/// An event of one of the subscriptions, by the name of its field.
#[derive(Clone)]
pub(super) enum Event {
    NewMessage(NewMessage),
    OnlineUsersChanged(OnlineUsersChange),
    Typing(TypingEvent),
    ConversationChanged(Conversation),
}

/// The events of a subscription that has begun. An error is its end.
pub(super) type Events = BoxStream<'static, Result<Event, Error>>;

impl Event {
    /// The same for all readers of one event, for as long as one of them holds it.
    pub(super) fn identity(&self) -> Option<usize> {
        match self {
            Self::NewMessage(message) => Some(Arc::as_ptr(&message.event).addr()),
            Self::OnlineUsersChanged(change) => Some(Arc::as_ptr(&change.0).addr()),
            Self::Typing(typing) => Some(Arc::as_ptr(&typing.0).addr()),
            Self::ConversationChanged(_) => None,
        }
    }

    /// Whether it is a message that `viewer` sent.
    pub(super) fn is_by(&self, viewer: UserId) -> bool {
        match self {
            Self::NewMessage(message) => message.event.message.sender_id == viewer,
            _ => false,
        }
    }

    /// What the reader has had with it, of a message.
    pub(super) fn cursor(&self) -> Option<&Arc<str>> {
        match self {
            Self::NewMessage(message) => Some(&message.cursor),
            _ => None,
        }
    }

    /// The same event with another cursor.
    pub(super) fn with_cursor(mut self, cursor: &str) -> Self {
        if let Self::NewMessage(message) = &mut self {
            message.cursor = cursor.into();
        }
        self
    }
}

/// Hands a subscription's events to whoever runs it. What is left for the executor is a stream of nothing.
pub(super) fn hand_over<T>(
    ctx: &Context<'_>,
    events: impl Stream<Item = Result<Event, Error>> + Send + 'static,
) -> Result<stream::Empty<T>> {
    *ctx.request()?.events.lock() = Some(events.boxed());
    Ok(stream::empty())
}

/// An event as the root of a query, with its field named as the subscription's is.
#[derive(Default)]
pub(super) struct EventQuery;

#[Object]
impl EventQuery {
    async fn new_message<'a>(&self, ctx: &Context<'a>) -> Result<&'a NewMessage> {
        match ctx.data()? {
            Event::NewMessage(message) => Ok(message),
            _ => Err(another()),
        }
    }

    async fn online_users_changed<'a>(&self, ctx: &Context<'a>) -> Result<&'a OnlineUsersChange> {
        match ctx.data()? {
            Event::OnlineUsersChanged(change) => Ok(change),
            _ => Err(another()),
        }
    }

    async fn typing<'a>(&self, ctx: &Context<'a>) -> Result<&'a TypingEvent> {
        match ctx.data()? {
            Event::Typing(typing) => Ok(typing),
            _ => Err(another()),
        }
    }

    async fn conversation_changed<'a>(&self, ctx: &Context<'a>) -> Result<&'a Conversation> {
        match ctx.data()? {
            Event::ConversationChanged(conversation) => Ok(conversation),
            _ => Err(another()),
        }
    }
}

fn another() -> async_graphql::Error {
    Error::Internal("an event of another subscription".into()).into()
}
