//! What other processes signal, and what it does here.

use std::{collections::HashSet, sync::atomic::Ordering};

use tokio::{
    sync::mpsc,
    time::{Instant, MissedTickBehavior, interval, timeout},
};

use super::Chat;
use crate::{
    domain::{Pair, ProcessId, Signal, UserId},
    error::Result,
    realtime::{
        presence::Estrangements,
        typing::{Sign, Typist},
    },
    store::Heard,
};

/// How many people's blocks are asked for at a time.
const BLOCKS_AT_ONCE: usize = 1_000;

/// In which part of the time for which trust lasts a mark is told, by which this process hears that it hears.
const MARKED_IN: u32 = 3;

/// How much of what is heard may wait for what has to be read of it.
const ASIDES: usize = 1_000;

/// What is heard and takes reading the store: it must not hold up the rest.
pub(super) enum Aside {
    Typing {
        typist: Typist,
        typing: bool,
    },
    /// One of the two has blocked the other, or no longer.
    Block(Pair),
}

/// What became of hearing.
struct Hearing {
    /// Something may have been missed.
    must_look: bool,
    /// When the look began behind which nothing was missed, until what is heard is recent again.
    looked: Option<Instant>,
    /// Everything before was heard.
    up_to: Instant,
}

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
        let mut look = interval(self.0.limits.hearing_lasts / MARKED_IN);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut hearing = Hearing {
            must_look: false,
            looked: None,
            up_to: Instant::now(),
        };
        loop {
            tokio::select! {
                heard = self.0.store.hear() => self.take_heard(heard, &mut hearing).await,
                _ = look.tick() => {
                    // That nothing was missed shows by a mark of one's own.
                    if hearing.up_to.elapsed() > look.period() {
                        self.0.signalling.mark();
                    }
                }
            }
        }
    }

    async fn take_heard(&self, heard: Heard, hearing: &mut Hearing) {
        match heard {
            Heard::Signals(from, signals) => {
                self.0.metrics.signals.inc_by(signals.len() as u64);
                for signal in signals {
                    hearing.must_look |= signal == Signal::Everything;
                    self.take_signal(from, signal);
                }
            }
            Heard::UpTo(moment) => {
                let moment = Instant::from_std(moment);
                hearing.up_to = moment;
                let trust = &self.0.trust;
                let has_looked = hearing.looked.is_some_and(|looked| looked <= moment);
                if !hearing.must_look && (trust.holds() || has_looked) {
                    trust.renew(moment);
                    hearing.looked.take_if(|_| trust.holds());
                } else {
                    self.look_again(hearing).await;
                }
            }
            Heard::Missed(moment) => {
                self.0.metrics.signal_gaps.inc();
                hearing.up_to = Instant::from_std(moment);
                self.look_again(hearing).await;
            }
        }
    }

    /// Takes in anew what may have changed, after which it is relied upon again.
    async fn look_again(&self, hearing: &mut Hearing) {
        hearing.must_look = true;
        let begun = Instant::now();
        match self.look_at_everything().await {
            Ok(()) => {
                hearing.must_look = false;
                hearing.looked = Some(begun);
                self.0.trust.renew(begun);
            }
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
        let here: Vec<UserId> = self
            .0
            .presence
            .here()
            .into_iter()
            .map(|(id, _)| id)
            .collect();
        self.look_at_blocks(&here).await?;
        let elsewhere = self.0.store.online_elsewhere().await?;
        self.0.presence.heard_all(&elsewhere);
        self.0.signalling.hurry();
        self.0.rounds.want();
        self.0.reads_rung.notify_one();
        Ok(())
    }

    async fn look_at_blocks(&self, here: &[UserId]) -> Result<()> {
        let _turn = self.0.blocks.turn.lock().await;
        self.0.blocks.forget_all();
        let mut estranged: Estrangements =
            here.iter().map(|user| (*user, HashSet::new())).collect();
        for users in here.chunks(BLOCKS_AT_ONCE) {
            for pair in self.0.store.estranged_pairs(users).await? {
                for (user, other) in [(pair.low(), pair.high()), (pair.high(), pair.low())] {
                    if let Some(others) = estranged.get_mut(&user) {
                        others.insert(other);
                    }
                }
            }
        }
        self.0.presence.set_all_apart(estranged);
        Ok(())
    }

    fn take_signal(&self, from: ProcessId, signal: Signal) {
        match signal {
            Signal::Wrote {
                up_to,
                rank,
                concerns,
            } => {
                let hub = &self.0.hub;
                hub.rise(rank);
                // The rest is read when somebody asks for what is new, or with the next sweep.
                let is_concerned = || {
                    self.0.leads_index.load(Ordering::Relaxed)
                        || concerns.is_none_or(|users| hub.reaches(users.into_iter()))
                };
                if !hub.stand().progress.covers(up_to) && is_concerned() {
                    self.0.rounds.ring();
                }
            }
            Signal::Read => self.0.reads_rung.notify_one(),
            Signal::Typing {
                conversation_id,
                user_id,
                typing,
            } => self.read_aside(Aside::Typing {
                typist: (conversation_id, user_id),
                typing,
            }),
            Signal::Sockets {
                user_id,
                count,
                closed_at,
            } => {
                let presence = &self.0.presence;
                presence.heard(from, user_id, count, closed_at);
                if count > 0 {
                    self.0.signalling.hurry();
                }
            }
            Signal::Gone(process, at) => self.0.presence.gone(process, at),
            Signal::SessionEnded(id) => self.0.sessions.heard_end(id),
            Signal::Apart(pair) => {
                self.0.blocks.forget(pair);
                self.read_aside(Aside::Block(pair));
            }
            Signal::ProfileChanged(id) => self.0.directory.forget_user(id),
            Signal::Spent(spent) => {
                if let Some(throttles) = &self.0.throttles {
                    throttles.heard(spent);
                }
            }
            // A look follows.
            Signal::Everything => {}
        }
    }

    /// Typing is left out when too much waits; what a block shows there is seen with the next look, or when one asks.
    fn read_aside(&self, aside: Aside) {
        if self.0.asides.try_send(aside).is_err() {
            tracing::debug!("more is heard than can be read");
        }
    }

    /// Does what takes reading the store.
    pub(super) async fn follow_asides(self, mut asides: mpsc::Receiver<Aside>) {
        while let Some(aside) = asides.recv().await {
            let done = match aside {
                Aside::Typing { typist, typing } => self.heard_typing(typist, typing).await,
                Aside::Block(pair) => self.heard_of_block(pair).await,
            };
            if let Err(error) = done {
                tracing::warn!(?error, "what another server signalled was not taken in");
            }
        }
    }

    async fn heard_typing(&self, typist: Typist, typing: bool) -> Result<()> {
        let (conversation_id, user_id) = typist;
        let conversation = self.0.directory.conversation(conversation_id).await?;
        let Some(conversation) = conversation else {
            return Ok(());
        };
        let members = conversation.members.iter().map(|member| member.user_id);
        if !self.0.hub.reaches(members) {
            return Ok(());
        }
        let is_news = if typing {
            self.0.typing.start(typist) == Sign::First
        } else {
            self.0.typing.stop(typist)
        };
        if is_news {
            self.tell_typing(&conversation, user_id, typing).await?;
        }
        Ok(())
    }

    /// The store says what holds by now: blocks that two processes made and took back may be heard of in any order.
    async fn heard_of_block(&self, pair: Pair) -> Result<()> {
        let apart = {
            let _turn = self.0.blocks.turn.lock().await;
            let pairs = self.0.store.estranged_pairs(&[pair.low()]).await?;
            let apart = pairs.contains(&pair);
            self.0.presence.set_apart(pair, apart);
            apart
        };
        if apart {
            self.stop_typing_to_each_other(pair).await?;
        }
        Ok(())
    }
}

/// What waits to be read, and who reads it.
pub(super) fn asides() -> (mpsc::Sender<Aside>, mpsc::Receiver<Aside>) {
    mpsc::channel(ASIDES)
}
