//! A process that changes messages and groups, as a chat does that knows how to.

use std::{sync::Arc, time::Duration};

use chinwag::{
    domain::{
        Body, ConversationId, Happening, Lane, MessageChange, MessageState, NewEntry, Pen,
        Progress, Record, Seal, Timestamp, log::LANES,
    },
    error::Result,
    store::{Conversations, Log, Messages, Presence, Stopped},
};
use tokio::time::sleep;

use super::{people::World, store::SimStore, writing::clock};

pub struct Changer {
    world: Arc<World>,
    store: SimStore,
    known: Progress,
    rank: i64,
    pen: Option<Pen>,
    over: Option<Lane>,
}

impl Changer {
    pub fn new(world: Arc<World>, store: SimStore) -> Self {
        Self {
            world,
            store,
            known: Progress::default(),
            rank: 0,
            pen: None,
            over: None,
        }
    }

    /// Makes the groups, then changes things until all is calm.
    pub async fn run(mut self) {
        let groups = self.world.groups.clone();
        for group in groups {
            while self
                .change(group, true)
                .await
                .is_none_or(|written| !written)
            {
                sleep(Duration::from_millis(10)).await;
            }
        }
        while !self.world.calm.is_cancelled() {
            let ids: Vec<ConversationId> = self.store.shared.log.lock().ids().collect();
            let mut ids = ids;
            ids.sort_unstable();
            let id = *self.world.dice().pick(&ids);
            self.change(id, false).await;
            self.world.dice().wait(200).await;
            // A process that is silent loses its lane.
            if self.world.dice().chance(0.7) {
                let _ = self.store.renew_lease().await;
            }
        }
    }

    /// Changes one thing; `None` when that failed, false when someone else was first.
    async fn change(&mut self, id: ConversationId, make: bool) -> Option<bool> {
        let outcome = self.try_to_change(id, make).await;
        if outcome.is_err() {
            self.pen = None;
        }
        outcome.ok()
    }

    async fn catch_up(&mut self) -> Result<()> {
        loop {
            let news = self.store.log_after(&self.known, 50).await?;
            let full = (0..LANES).any(|lane| {
                let of_lane = news.iter().filter(|r| r.position().lane().number() == lane);
                of_lane.count() >= 50
            });
            for record in &news {
                self.known.advance(record.position());
                self.rank = self.rank.max(Record::rank(record));
            }
            if !full {
                return Ok(());
            }
        }
    }

    async fn try_to_change(&mut self, id: ConversationId, make: bool) -> Result<bool> {
        if self.pen.is_none() {
            let Seal { position, rank, .. } = self.store.begin_term(self.over).await?;
            self.over = Some(position.lane());
            self.pen = Some(Pen::new(position, rank));
        }
        self.catch_up().await?;
        let tail = self.store.tails(&[id]).await?.pop().map(|(_, tail)| tail);
        let Some(mut tail) = tail.or(make.then_some(chinwag::domain::Tail::NOTHING)) else {
            return Ok(false);
        };
        if !self.known.covers(tail.position) || (make && tail.step > 0) {
            return Ok(make && tail.step > 0);
        }
        let Some(what) = self.think_of(id, make).await? else {
            return Ok(false);
        };
        let mut pen = self.pen.unwrap_or_else(|| unreachable!("taken up above"));
        pen.rise(self.rank);
        let new = NewEntry {
            id: uuid::Uuid::now_v7(),
            conversation_id: id,
            what,
        };
        // Clocks differ.
        let ahead = i64::from(self.world.dice().mark() % 20_000_000) - 10_000_000;
        let now = clock() + ahead;
        let entry = pen.write(new, &mut tail, now);
        let appended = self.store.append(&[entry]).await?;
        match appended.stopped {
            None => self.pen = Some(pen),
            Some(Stopped::Over) => self.pen = None,
            Some(_) => {}
        }
        Ok(appended.written > 0)
    }

    async fn think_of(&self, id: ConversationId, make: bool) -> Result<Option<Happening>> {
        let dice = self.world.dice();
        let Some(conversation) = self.store.conversations(&[id]).await?.pop() else {
            return Ok(None);
        };
        if make {
            return Ok(Some(Happening::ConversationChanged(conversation.state())));
        }
        if self.world.groups.contains(&id) && dice.chance(0.5) {
            let mover = *dice.pick(&self.world.movers);
            let state = if conversation.has_member(mover) {
                conversation.without(mover)
            } else {
                conversation.with(&[mover], Timestamp(0))
            };
            return Ok(Some(Happening::ConversationChanged(state)));
        }
        let Some(activity) = self.store.activities(&[id]).await?.pop() else {
            return Ok(None);
        };
        if activity.last_seq == 0 {
            return Ok(None);
        }
        let place = (id, i64::from(dice.mark()) % activity.last_seq + 1);
        let message = self.store.messages_at(&[place]).await?.pop();
        let message = message.filter(|message| message.deleted_at.is_none());
        Ok(message.map(|message| {
            let delete = dice.chance(0.3);
            Happening::MessageChanged(MessageChange {
                message_id: message.id,
                state: Some(MessageState {
                    body: if delete {
                        Body::stored("")
                    } else {
                        message.body
                    },
                    edited_at: (!delete).then_some(Timestamp(1)),
                    deleted_at: delete.then_some(Timestamp(1)),
                    first: None,
                }),
            })
        }))
    }
}
