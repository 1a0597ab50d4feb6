//! Typing: saying so, and hearing of it.

use std::sync::Arc;

use futures_util::stream;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    Mutation, Subscription,
    conversation::{Conversation, ConversationRef},
    engine::{Event, fields, object},
    source::Source,
    user::User,
};
use crate::{
    chat::{Chat, ConversationChanges, Target},
    domain::{self, UserId},
    error::{Error, Result},
};

object! {
    /// Someone started or stopped typing.
    pub(super) struct TypingEvent(Arc<domain::TypingEvent>);
    |event, cx| {
        /// Where.
        conversation: Conversation = everyone => Conversation::new(event.0.conversation.clone());
        /// Who.
        user: User = everyone => User(event.0.user.clone());
        /// Whether the user types now.
        typing: bool = everyone => event.0.typing;
    }
}

/// What a subscription hears of typing, as far as it is for its viewer.
struct Listener {
    chat: Chat,
    viewer: UserId,
    receiver: Receiver<Arc<domain::TypingEvent>>,
    /// Tells that the viewer may have left the one conversation that is listened to.
    changes: ConversationChanges,
    only: Option<(domain::ConversationRef, Target)>,
}

impl Listener {
    async fn next(&mut self) -> Option<Result<Arc<domain::TypingEvent>>> {
        loop {
            let told = tokio::select! {
                told = self.receiver.recv() => told,
                // Also when some were missed: the one that matters may be among them.
                _ = self.changes.next(), if self.only.is_some() => {
                    if let Err(error) = self.check().await {
                        return Some(Err(error));
                    }
                    continue;
                }
            };
            let only = self.only.as_ref();
            match told {
                Ok(event) if only.is_none_or(|(_, only)| only.is(&event.conversation)) => {
                    return Some(Ok(event));
                }
                // Elsewhere, or out of date by now.
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Looks whether the viewer may still listen.
    async fn check(&self) -> Result<()> {
        if let Some((reference, _)) = self.only {
            self.chat.target(self.viewer, "in", reference).await?;
        }
        Ok(())
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
        let Source::Typing(receiver, changes) = cx.take_source()? else {
            return Err(Error::Internal("not a typing source".into()).into());
        };
        let viewer = cx.viewer_id()?;
        let only = match r#in {
            Some(reference) => {
                let reference = reference.parse("in")?;
                let target = cx.chat.target(viewer, "in", reference).await?;
                Some((reference, target))
            }
            None => None,
        };
        let listener = Listener {
            chat: cx.chat.clone(),
            viewer,
            receiver,
            changes,
            only,
        };
        Ok(cx.begin(stream::unfold(Some(listener), |listener| async move {
            let mut listener = listener?;
            Some(match listener.next().await? {
                Ok(event) => {
                    let event = Event::shared(TypingEvent(event.clone()), &event);
                    (Ok(event), Some(listener))
                }
                Err(error) => (Err(error), None),
            })
        })))
    };
} }
