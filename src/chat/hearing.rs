//! What other processes signal, and what it does here.

use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::Chat;
use crate::{
    domain::{ConversationId, Pair, ProcessId, Signal, UserId},
    error::Result,
    realtime::typing::Sign,
    store::Heard,
};

/// How many people's blocks are asked for at a time.
const BLOCKS_AT_ONCE: usize = 1_000;

/// After which part of the time for which trust lasts a mark is told, by which this process hears that it hears.
const MARKED_AFTER: u32 = 3;

impl Chat {
    /// Begins to hear what other processes signal, and takes in what is so by now.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn begin_to_hear(&self) -> Result<()> {
        if self.0.trust.holds() {
            return Ok(());
        }
        // From the first that is heard on, nothing is missed. Where nothing can be heard, that is found out later.
        let first = timeout(self.0.limits.operation / 2, self.0.store.hear());
        let hears = first.await.is_ok();
        let begun = Instant::now();
        self.look_at_everything().await?;
        if hears {
            self.0.trust.renew(begun);
        }
        Ok(())
    }

    /// Does what is heard.
    pub(super) async fn follow_others(self) {
        let mut look = interval(self.0.limits.hearing_lasts / MARKED_AFTER);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_up_to = Instant::now();
        loop {
            tokio::select! {
                heard = self.0.store.hear() => self.take_heard(heard, &mut heard_up_to).await,
                _ = look.tick() => {
                    // While others say much, that nothing was missed shows by a mark of one's own.
                    if heard_up_to.elapsed() > look.period()
                        && let Err(error) = self.0.store.signal(&[]).await
                    {
                        tracing::debug!(?error, "other servers could not be told");
                    }
                }
            }
        }
    }

    async fn take_heard(&self, heard: Heard, heard_up_to: &mut Instant) {
        match heard {
            Heard::Signals(from, signals) => {
                for signal in signals {
                    if let Err(error) = self.take_signal(from, signal).await {
                        tracing::warn!(?error, "what another server signalled was not taken in");
                    }
                }
            }
            Heard::UpTo(moment) => {
                let moment = Instant::from_std(moment);
                if self.0.trust.holds() {
                    self.0.trust.renew(moment);
                } else {
                    self.look_again().await;
                }
                *heard_up_to = moment;
            }
            Heard::Missed(moment) => {
                self.look_again().await;
                *heard_up_to = Instant::from_std(moment);
            }
        }
    }

    /// Takes in anew what may have changed, after which it is relied upon again.
    async fn look_again(&self) {
        let begun = Instant::now();
        match self.look_at_everything().await {
            Ok(()) => self.0.trust.renew(begun),
            Err(error) => {
                tracing::warn!(
                    ?error,
                    "what other servers changed cannot be read; trying again"
                );
            }
        }
    }

    /// Takes in whatever other processes may have changed without this one's having heard of it. What waits to be told
    /// is read behind it, by who follows that.
    async fn look_at_everything(&self) -> Result<()> {
        self.0.sessions.look_again().await?;
        self.0.directory.forget_users();
        self.0.blocks.forget_all();
        let here: Vec<UserId> = self
            .0
            .presence
            .here()
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        for users in here.chunks(BLOCKS_AT_ONCE) {
            for pair in self.0.store.estranged_pairs(users).await? {
                self.0.presence.set_apart(pair, true);
            }
        }
        let elsewhere = self.0.store.online_elsewhere().await?;
        self.0.presence.heard_all(&elsewhere);
        self.0.rounds.want();
        self.0.reads_rung.notify_one();
        Ok(())
    }

    async fn take_signal(&self, from: ProcessId, signal: Signal) -> Result<()> {
        match signal {
            Signal::Wrote(position) => {
                if !self.0.hub.stand().progress.covers(position) {
                    self.0.rounds.ring();
                }
            }
            Signal::Read => self.0.reads_rung.notify_one(),
            Signal::Typing {
                conversation_id,
                user_id,
                typing,
            } => self.heard_typing(conversation_id, user_id, typing).await?,
            Signal::Sockets {
                user_id,
                count,
                closed_at,
            } => {
                let presence = &self.0.presence;
                presence.heard(from, user_id, count, closed_at);
            }
            Signal::Gone(process, at) => self.0.presence.gone(process, at),
            Signal::SessionEnded(id) => self.0.sessions.heard_end(id),
            Signal::Apart(pair, apart) => self.heard_of_block(pair, apart).await?,
            Signal::ProfileChanged(id) => self.0.directory.forget_user(id),
            Signal::Spent(spent) => {
                if let Some(throttles) = &self.0.throttles {
                    throttles.heard(spent);
                }
            }
            Signal::Everything => self.look_at_everything().await?,
        }
        Ok(())
    }

    async fn heard_typing(
        &self,
        conversation_id: ConversationId,
        user_id: UserId,
        typing: bool,
    ) -> Result<()> {
        let typist = (conversation_id, user_id);
        let is_news = if typing {
            self.0.typing.start(typist) == Sign::First
        } else {
            self.0.typing.stop(typist)
        };
        if is_news
            && let Some(conversation) = self.0.directory.conversation(conversation_id).await?
        {
            self.tell_typing(&conversation, user_id, typing).await?;
        }
        Ok(())
    }

    async fn heard_of_block(&self, pair: Pair, apart: bool) -> Result<()> {
        self.0.blocks.forget(pair);
        self.0.presence.set_apart(pair, apart);
        if apart {
            self.stop_typing_to_each_other(pair).await?;
        }
        Ok(())
    }
}
