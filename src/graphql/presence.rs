//! Presence: who comes online and who goes offline.

use std::{collections::HashSet, sync::Arc};

use async_graphql::ID;
use futures_util::stream;

use super::{
    Subscription,
    engine::{Event, fields, object},
    source::Source,
    user::{User, in_order},
};
use crate::{
    chat::PresenceReceiver,
    domain::{self, UserId},
    error::Error,
};

object! {
    /// Who came online and who went offline.
    pub(super) struct OnlineUsersChange(Arc<domain::OnlineChange>);
    |change, cx| {
        /// Those who came online.
        joined: Vec<User> = everyone[about 50] loads { Ok(in_order(&cx, &change.0.joined).await?) };
        /// Those who went offline.
        left: Vec<User> = everyone[about 50] loads { Ok(in_order(&cx, &change.0.left).await?) };
    }
}

fields! { subscriptions of Subscription, |_subscription, cx| {
    /// Who came online and who went offline. The first event lists everyone online in `joined`, or the first 500 of them and the next events the others; with `among`, only those users are watched.
    onlineUsersChanged(
        /// Watch only these users, at most 500.
        among: Option<Vec<ID>>,
    ): OnlineUsersChange = each loads {
        let Source::Presence(mut receiver) = cx.take_source()? else {
            return Err(Error::Internal("not a presence source".into()).into());
        };
        let most = cx.chat.limits().watched_users;
        let among = match among {
            Some(ids) if ids.len() > most => {
                let rule = format!("At most {most} users can be named.");
                return Err(Error::bad_input("among", rule).into());
            }
            Some(ids) => {
                let ids = ids.iter().filter_map(|id| UserId::parse(id));
                Some(ids.collect::<HashSet<_>>())
            }
            None => None,
        };
        let viewer = cx.viewer_id()?;
        let estranged = cx.chat.estranged_when_known(viewer).await?;
        receiver.show_to(viewer, &estranged);
        let watch = Watch {
            receiver,
            among,
            told: false,
            rest: Vec::new(),
            listed_at_once: cx.chat.limits().listed_at_once,
        };
        Ok(cx.begin(stream::unfold(watch, |mut watch| async move {
            let change = watch.next().await?;
            let event = Event::shared(OnlineUsersChange(change.clone()), &change);
            Some((Ok(event), watch))
        })))
    };
} }

/// One subscription's view of who is online.
struct Watch {
    receiver: PresenceReceiver,
    /// Only these, when there are any named.
    among: Option<HashSet<UserId>>,
    /// Whether the first event, which lists everyone, has been given.
    told: bool,
    /// Those of it who did not fit.
    rest: Vec<UserId>,
    listed_at_once: usize,
}

impl Watch {
    /// The next change of someone who is watched; the first is given even when it is empty.
    async fn next(&mut self) -> Option<Arc<domain::OnlineChange>> {
        loop {
            if !self.rest.is_empty() {
                let most = self.listed_at_once.min(self.rest.len());
                return Some(Arc::new(domain::OnlineChange {
                    joined: self.rest.drain(..most).collect(),
                    left: Vec::new(),
                }));
            }
            let change = self.receiver.next().await?;
            let first = !std::mem::replace(&mut self.told, true);
            let Some(among) = &self.among else {
                if first && change.joined.len() > self.listed_at_once {
                    self.rest.clone_from(&change.joined);
                    continue;
                }
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
            if first || of_these != domain::OnlineChange::default() {
                return Some(Arc::new(of_these));
            }
        }
    }
}
