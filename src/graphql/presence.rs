//! Presence: who comes online and who goes offline.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Context, ID, Object, Result, Subscription};
use futures_util::{Stream, stream};

use super::{
    at_hand::AllAtHand,
    context::{ContextExt, Hold},
    event::{Event, hand_over},
    user::{User, users_in_order},
};
use crate::{
    chat::PresenceReceiver,
    domain::{self, UserId},
    error::Error,
};

/// Who came online and who went offline.
#[derive(Clone)]
pub(super) struct OnlineUsersChange(pub(super) Arc<domain::OnlineChange>);

/// Who came online and who went offline.
#[Object]
impl OnlineUsersChange {
    /// Those who came online.
    async fn joined(&self, ctx: &Context<'_>) -> Result<AllAtHand<User>> {
        users_in_order(ctx, &self.0.joined).await
    }

    /// Those who went offline.
    async fn left(&self, ctx: &Context<'_>) -> Result<AllAtHand<User>> {
        users_in_order(ctx, &self.0.left).await
    }
}

#[derive(Default)]
pub(super) struct PresenceSubscription;

#[Subscription]
impl PresenceSubscription {
    /// Who came online and who went offline. The first event lists everyone online in `joined`; with `among`, only those users are watched.
    async fn online_users_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Watch only these users, at most 500.")] among: Option<Vec<ID>>,
    ) -> Result<impl Stream<Item = OnlineUsersChange> + use<>> {
        let Hold::Presence(receiver) = ctx.take_hold()? else {
            return Err(Error::Internal("not a presence source".into()).into());
        };
        let most = ctx.chat()?.limits().watched_users;
        let among = match among {
            Some(ids) if ids.len() > most => {
                return Err(Error::bad_input(
                    "among",
                    format!("At most {most} users can be named."),
                )
                .into());
            }
            Some(ids) => Some(
                ids.iter()
                    .filter_map(|id| UserId::parse(id))
                    .collect::<HashSet<_>>(),
            ),
            None => None,
        };
        let watch = Watch {
            receiver,
            among,
            told: false,
        };
        hand_over(
            ctx,
            stream::unfold(watch, |mut watch| async move {
                let change = OnlineUsersChange(watch.next().await?);
                Some((Ok(Event::OnlineUsersChanged(change)), watch))
            }),
        )
    }
}

/// One subscription's view of who is online.
struct Watch {
    receiver: PresenceReceiver,
    /// Only these, when there are any named.
    among: Option<HashSet<UserId>>,
    /// Whether the first event, which lists everyone, has been given.
    told: bool,
}

impl Watch {
    /// The next change of someone who is watched; the first is given even when it is empty.
    async fn next(&mut self) -> Option<Arc<domain::OnlineChange>> {
        loop {
            let change = self.receiver.next().await?;
            let Some(among) = &self.among else {
                return Some(change);
            };
            let watched = |ids: &[UserId]| {
                let ids = ids.iter().copied();
                ids.filter(|id| among.contains(id)).collect()
            };
            let of_these = domain::OnlineChange {
                joined: watched(&change.joined),
                left: watched(&change.left),
            };
            if !self.told || of_these != domain::OnlineChange::default() {
                self.told = true;
                return Some(Arc::new(of_these));
            }
        }
    }
}
