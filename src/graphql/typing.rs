//! Typing: saying so, and hearing of it.

use std::sync::Arc;

use async_graphql::{Context, Object, Result, Subscription};
use futures_util::{Stream, stream};
use tokio::sync::broadcast::error::RecvError;

use super::{
    context::{ContextExt, Hold},
    conversation::{Conversation, ConversationRef},
    event::{Event, hand_over},
    user::User,
};
use crate::{domain, error::Error};

/// Someone started or stopped typing.
#[derive(Clone)]
pub(super) struct TypingEvent(pub(super) Arc<domain::TypingEvent>);

/// Someone started or stopped typing.
#[Object]
impl TypingEvent {
    /// Where.
    async fn conversation(&self) -> Conversation {
        Conversation::new(self.0.conversation.clone())
    }

    /// Who.
    async fn user(&self) -> User {
        User(self.0.user.clone())
    }

    /// Whether the user types now.
    async fn typing(&self) -> bool {
        self.0.typing
    }
}

#[derive(Default)]
pub(super) struct TypingMutation;

#[Object]
impl TypingMutation {
    /// Tells the other members that the viewer is typing; fades by itself after a few seconds.
    async fn set_typing(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "in", desc = "Where.")] r#in: ConversationRef,
        #[graphql(default = true, desc = "False when the viewer stopped.")] typing: bool,
    ) -> Result<bool> {
        let viewer = ctx.viewer_id()?;
        ctx.chat()?
            .set_typing(viewer, r#in.parse("in")?, typing)
            .await?;
        Ok(true)
    }
}

#[derive(Default)]
pub(super) struct TypingSubscription;

#[Subscription]
impl TypingSubscription {
    /// Another member started or stopped typing.
    async fn typing(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "in", desc = "Only there.")] r#in: Option<ConversationRef>,
    ) -> Result<impl Stream<Item = TypingEvent> + use<>> {
        let Hold::Typing(receiver) = ctx.take_hold()? else {
            return Err(Error::Internal("not a typing source".into()).into());
        };
        let target = match r#in {
            Some(reference) => Some(
                ctx.chat()?
                    .target(ctx.viewer_id()?, "in", reference.parse("in")?)
                    .await?,
            ),
            None => None,
        };
        hand_over(
            ctx,
            stream::unfold((receiver, target), |(mut receiver, target)| async move {
                loop {
                    match receiver.recv().await {
                        Ok(event)
                            if target
                                .as_ref()
                                .is_none_or(|target| target.is(&event.conversation)) =>
                        {
                            let event = Event::Typing(TypingEvent(event));
                            return Some((Ok(event), (receiver, target)));
                        }
                        // Elsewhere, or out of date by now.
                        Ok(_) | Err(RecvError::Lagged(_)) => {}
                        Err(RecvError::Closed) => return None,
                    }
                }
            }),
        )
    }
}
