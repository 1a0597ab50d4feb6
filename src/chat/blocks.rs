//! Blocking: who has nothing to do with whom any more.
//!
//! Who has blocked whom is the store's to say. That the two write to each other no more is the log's: behind the row of a
//! block comes an entry in their conversation, and whoever writes the next one has been told of it, has forgotten what
//! was in memory here, and finds the row. So nothing that one of them writes stands behind a block that was answered,
//! whichever processes they are on.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use futures_util::future::try_join_all;
use parking_lot::Mutex;
use tokio::time::{Instant, sleep, timeout};

use super::{
    Chat, Target, kept,
    proposal::{Proposal, Proposed},
};
use crate::{
    cache::Cache,
    domain::{Conversation, ConversationRef, Pair, Signal, Timestamp, User, UserId},
    error::{Error, Result},
    store::{DynStore, KeptBlock},
};

const CACHED_USERS: usize = 100_000;

/// Those whom someone has blocked, with those who have blocked this one.
pub type Estranged = Arc<HashSet<UserId>>;

/// How long an answer counts while it is not known whether a change would have been heard of.
const FRESH: Duration = Duration::from_millis(800);

/// How long to wait before another try.
const AGAIN: Duration = Duration::from_millis(200);

#[derive(Clone)]
struct LookedUp {
    estranged: Estranged,
    at: Instant,
}

/// Who is estranged from whom, in memory first.
pub(super) struct Blocks {
    store: DynStore,
    estranged: Cache<UserId, LookedUp>,
    /// Counts the changes that were made here: what was read before one may be out of date.
    changes: Mutex<u64>,
    /// Blocks change one by one, so that watchers hear of them in the order in which they came to be.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl Blocks {
    /// Answers are looked up again after `kept_shared`, where other processes may change them.
    pub(super) fn new(store: DynStore, kept_shared: Duration) -> Self {
        let kept = kept(&store, kept_shared);
        Self {
            store,
            estranged: Cache::new(CACHED_USERS).lasting(kept),
            changes: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// What is in memory counts when it `is_trusted`, or was looked up just now.
    fn known(&self, user: UserId, is_trusted: bool) -> Option<Estranged> {
        let known = self.estranged.get(&user);
        let known = known.filter(|known| is_trusted || known.at.elapsed() < FRESH);
        known.map(|known| known.estranged)
    }

    async fn estranged_from(&self, user: UserId, is_trusted: bool) -> Result<Estranged> {
        match self.known(user, is_trusted) {
            Some(known) => Ok(known),
            None => self.look_up(user).await,
        }
    }

    async fn look_up(&self, user: UserId) -> Result<Estranged> {
        let (before, at) = (*self.changes.lock(), Instant::now());
        let others = self.store.estranged_from(user).await?;
        let estranged = Estranged::new(others.into_iter().collect());
        let changes = self.changes.lock();
        if *changes == before {
            let estranged = Arc::clone(&estranged);
            self.estranged.insert(user, LookedUp { estranged, at });
        }
        Ok(estranged)
    }

    /// Lets it be looked up anew from whom anyone is estranged.
    pub(super) fn forget_all(&self) {
        let mut changes = self.changes.lock();
        *changes += 1;
        self.estranged.forget_all();
    }

    /// What is known of two people may have changed.
    pub(super) fn forget(&self, pair: Pair) {
        let mut changes = self.changes.lock();
        *changes += 1;
        for user in [pair.low(), pair.high()] {
            self.estranged.forget(&user);
        }
    }
}

impl Chat {
    /// From whom a user is estranged, when it is in memory.
    pub fn known_estranged(&self, user: UserId) -> Option<Estranged> {
        self.0.blocks.known(user, self.0.trust.holds())
    }

    /// From whom a user is estranged: neither sees the other online or typing, or writes to the other alone.
    ///
    /// # Errors
    /// The store's.
    pub async fn estranged(&self, user: UserId) -> Result<Estranged> {
        let is_trusted = self.0.trust.holds();
        self.0.blocks.estranged_from(user, is_trusted).await
    }

    /// The same for what goes on when the store is back: tried again while it is away, as long as an operation may take.
    ///
    /// # Errors
    /// The store's.
    pub async fn estranged_when_known(&self, user: UserId) -> Result<Estranged> {
        let known = async {
            loop {
                match self.estranged(user).await {
                    Err(Error::Unavailable(_)) => sleep(AGAIN).await,
                    known => return known,
                }
            }
        };
        let late = || Error::Unavailable("the store was away for too long".into());
        let known = timeout(self.0.limits.operation, known).await;
        known.map_err(|_| late())?
    }

    /// From whom those are estranged who want to write to one other person.
    pub(super) async fn estranged_of(
        &self,
        proposals: impl Iterator<Item = &Proposal>,
    ) -> Result<HashMap<UserId, Estranged>> {
        let writers = proposals.filter(|proposal| proposal.takes_peace());
        let writers: HashSet<UserId> = writers.map(|proposal| proposal.by.id).collect();
        let estranged = writers.into_iter().map(|user| async move {
            let estranged = self.estranged(user).await?;
            Ok::<_, Error>((user, estranged))
        });
        Ok(try_join_all(estranged).await?.into_iter().collect())
    }

    /// Blocks a user: when this returns, neither writes to the other alone any more, on no process. Nobody is told, but
    /// watchers of presence see each other go.
    ///
    /// # Errors
    /// [`Error::NotFound`] for nobody with an account; bad input for oneself, and for one too many; limits; the store's.
    pub async fn block(
        &self,
        viewer: UserId,
        other: UserId,
        deadline: Instant,
    ) -> Result<Arc<User>> {
        let (other, pair) = self.other_person(viewer, other).await?;
        let block = self.remember_block(viewer, other.id, pair).await?;
        if block.told {
            return Ok(other);
        }
        let by = self.active(viewer).await?;
        let known = self.0.directory.direct(&[pair]).await?.remove(&pair);
        let target = known.map_or(Target::Unstarted(pair), Target::Existing);
        let conversation = self.started(target).await?;
        self.propose(by, conversation, block.at, Proposed::Estrange, deadline)
            .await?;
        self.0.store.block_is_told(viewer, other.id, block).await?;
        Ok(other)
    }

    /// The block as it is kept from here on.
    async fn remember_block(&self, viewer: UserId, other: UserId, pair: Pair) -> Result<KeptBlock> {
        let blocks = &self.0.blocks;
        let _turn = blocks.turn.lock().await;
        let most = self.0.limits.blocked_users;
        let blocked = self.0.store.blocked_by(viewer, most).await?;
        if !blocked.contains(&other) {
            if blocked.len() >= most {
                let rule = format!("At most {most} people can be blocked.");
                return Err(Error::bad_input("userId", rule));
            }
            // It is written to the log as a message is.
            if let Some(throttles) = &self.0.throttles {
                throttles.send(viewer)?;
            }
        }
        let block = self.0.store.block(viewer, other, Timestamp::now()).await;
        blocks.forget(pair);
        let block = block?;
        if !block.told {
            self.0.signalling.tell([Signal::Apart(pair)]);
            self.0.presence.set_apart(pair, true);
            self.stop_typing_to_each_other(pair).await?;
        }
        Ok(block)
    }

    /// Ends a block of the viewer's, if there is one.
    ///
    /// # Errors
    /// [`Error::NotFound`] for nobody with an account; bad input for oneself; the store's.
    pub async fn unblock(&self, viewer: UserId, other: UserId) -> Result<Arc<User>> {
        let (other, pair) = self.other_person(viewer, other).await?;
        let blocks = &self.0.blocks;
        let _turn = blocks.turn.lock().await;
        let removed = self.0.store.unblock(viewer, other.id).await;
        blocks.forget(pair);
        self.0.signalling.tell([Signal::Apart(pair)]);
        removed?;
        // The other one may have blocked the viewer, too.
        if !self.estranged(viewer).await?.contains(&other.id) {
            self.0.presence.set_apart(pair, false);
        }
        Ok(other)
    }

    /// Whom the viewer has blocked, the latest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn blocked(&self, viewer: UserId) -> Result<Vec<Arc<User>>> {
        let most = self.0.limits.blocked_users;
        let ids = self.0.store.blocked_by(viewer, most).await?;
        let mut users = self.users(&ids).await?;
        let found = ids.iter().filter_map(|id| users.remove(id));
        Ok(found.filter(|user| !user.is_deleted()).collect())
    }

    /// Looks whether what the viewer writes would reach anyone there; `field` is the argument's path.
    ///
    /// # Errors
    /// [`Error::NotFound`] for someone whose account was deleted; [`Error::Forbidden`] where one of the two has blocked
    /// the other; the store's.
    pub(super) async fn check_reach(
        &self,
        viewer: UserId,
        field: &str,
        reference: ConversationRef,
        target: &Target,
    ) -> Result<()> {
        let Some(peer) = target.peer_of(viewer) else {
            return Ok(());
        };
        if self.person(peer).await?.is_none() {
            let part = match reference {
                ConversationRef::User(_) => "userId",
                ConversationRef::Conversation(_) => "conversationId",
            };
            return Err(Error::no_user(format!("{field}.{part}")));
        }
        self.check_peace_with(viewer, peer).await
    }

    /// Looks whether the viewer may change something in a conversation: not where one of two has blocked the other.
    ///
    /// # Errors
    /// [`Error::Forbidden`]; the store's.
    pub(super) async fn check_peace(
        &self,
        viewer: UserId,
        conversation: &Conversation,
    ) -> Result<()> {
        match conversation.peer_of(viewer) {
            Some(peer) => self.check_peace_with(viewer, peer).await,
            None => Ok(()),
        }
    }

    async fn check_peace_with(&self, viewer: UserId, peer: UserId) -> Result<()> {
        let mut estranged = self.estranged(viewer).await?;
        // On another process the block may have been taken back.
        if estranged.contains(&peer) && self.0.store.is_shared() {
            estranged = self.0.blocks.look_up(viewer).await?;
        }
        check(&estranged, peer)
    }

    /// Someone with an account.
    async fn person(&self, id: UserId) -> Result<Option<Arc<User>>> {
        let user = self.0.directory.user(id).await?;
        Ok(user.filter(|user| !user.is_deleted()))
    }

    /// Someone else with an account, with both as a pair.
    async fn other_person(&self, viewer: UserId, other: UserId) -> Result<(Arc<User>, Pair)> {
        let Some(pair) = Pair::new(viewer, other) else {
            return Err(Error::bad_input("userId", "This is yourself."));
        };
        let user = self.person(other).await?;
        Ok((user.ok_or_else(|| Error::no_user("userId"))?, pair))
    }

    pub(super) async fn stop_typing_to_each_other(&self, pair: Pair) -> Result<()> {
        let found = self.0.directory.direct(&[pair]).await?.remove(&pair);
        let Some(conversation) = found else {
            return Ok(());
        };
        for typist in [pair.low(), pair.high()] {
            self.stops_typing(&conversation, typist).await?;
        }
        Ok(())
    }
}

/// Looks whether someone, who is estranged from these, may write to another one alone.
///
/// # Errors
/// [`Error::Forbidden`].
pub(super) fn check(estranged: &Estranged, peer: UserId) -> Result<()> {
    if estranged.contains(&peer) {
        return Err(Error::Forbidden(
            "You and this person cannot write to each other.",
        ));
    }
    Ok(())
}
