//! Typing: saying so, and hearing of it.

use std::sync::Arc;

use futures_util::stream;
use tokio::sync::broadcast::error::RecvError;

use super::{
    Mutation, Subscription,
    context::Hold,
    conversation::{Conversation, ConversationRef},
    engine::{Event, fields, object},
    user::User,
};
use crate::{domain, error::Error};

/// Someone started or stopped typing.
#[derive(Clone)]
pub(super) struct TypingEvent(Arc<domain::TypingEvent>);

object! {
    /// Someone started or stopped typing.
    TypingEvent, |event, cx| {
        /// Where.
        conversation: Conversation = everyone => Conversation::new(event.0.conversation.clone());
        /// Who.
        user: User = everyone => User(event.0.user.clone());
        /// Whether the user types now.
        typing: bool = everyone => event.0.typing;
    }
}

fields! { mutations of Mutation, |_mutation, cx| {
    /// Tells the other members that the viewer is typing; fades by itself after a few seconds.
    setTyping(
        /// Where.
        r#in: ConversationRef,
        /// False when the viewer stopped.
        typing: bool = true,
    ): bool = each loads {
        let viewer = cx.viewer_id()?;
        cx.chat.set_typing(viewer, r#in.parse("in")?, typing).await?;
        Ok(true)
    };
} }

fields! { subscriptions of Subscription, |_subscription, cx| {
    /// Another member started or stopped typing.
    typing(
        /// Only there.
        r#in: Option<ConversationRef>,
    ): TypingEvent = each loads {
        let Hold::Typing(receiver) = cx.take_hold()? else {
            return Err(Error::Internal("not a typing source".into()).into());
        };
        let target = match r#in {
            Some(reference) => {
                let reference = reference.parse("in")?;
                Some(cx.chat.target(cx.viewer_id()?, "in", reference).await?)
            }
            None => None,
        };
        Ok(cx.begin(stream::unfold((receiver, target), |(mut receiver, target)| async move {
            loop {
                match receiver.recv().await {
                    Ok(event)
                        if target
                            .as_ref()
                            .is_none_or(|target| target.is(&event.conversation)) =>
                    {
                        let event = Event::shared(TypingEvent(event.clone()), &event);
                        return Some((Ok(event), (receiver, target)));
                    }
                    // Elsewhere, or out of date by now.
                    Ok(_) | Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return None,
                }
            }
        })))
    };
} }
