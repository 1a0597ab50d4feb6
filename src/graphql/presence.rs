//! Presence: who comes online and who goes offline.

use std::{collections::HashSet, sync::Arc};

use async_graphql::{Context, ID, Object, Result, Subscription};
use futures_util::{Stream, stream};

use super::{
    context::{ContextExt, Hold},
    user::{User, users_in_order},
};
use crate::{
    domain::{self, UserId},
    error::Error,
};

/// Who came online and who went offline.
pub(super) struct OnlineUsersChange(Arc<domain::OnlineChange>);

/// Who came online and who went offline.
#[Object]
impl OnlineUsersChange {
    /// Those who came online.
    async fn joined(&self, ctx: &Context<'_>) -> Result<Vec<User>> {
        users_in_order(ctx, &self.0.joined).await
    }

    /// Those who went offline.
    async fn left(&self, ctx: &Context<'_>) -> Result<Vec<User>> {
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
        Ok(stream::unfold(
            (receiver, among, true),
            |(mut receiver, among, mut first)| async move {
                loop {
                    let mut change = receiver.next().await?;
                    if let Some(among) = &among {
                        let watched = |ids: &[UserId]| {
                            ids.iter()
                                .copied()
                                .filter(|id| among.contains(id))
                                .collect()
                        };
                        let of_these = domain::OnlineChange {
                            joined: watched(&change.joined),
                            left: watched(&change.left),
                        };
                        if !first && of_these == domain::OnlineChange::default() {
                            continue;
                        }
                        change = Arc::new(of_these);
                    }
                    first = false;
                    return Some((OnlineUsersChange(change), (receiver, among, first)));
                }
            },
        ))
    }
}
