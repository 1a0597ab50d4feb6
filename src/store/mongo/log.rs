//! The log as it is read; how it is written is in [`super::append`].

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use mongodb::bson::{Bson, RawDocument, doc};

use super::{
    Inner, MongoStore,
    attempt::Purpose,
    conversation,
    document::{self, Fields},
    news::News,
    record,
};
use crate::{
    domain::{
        ConversationId, Entry, Lane, Position, Progress, Record, Seal, Stay, Step, Stretch, Tail,
        Unseen, UserId,
    },
    error::Result,
    store::{Appended, Call, Log, SEALS},
};

/// The unique index that gives each place in a lane to one record.
pub(super) const POSITION: &str = "position";
/// The unique index that gives each step of a conversation to one entry.
pub(super) const CONVERSATION_STEP: &str = "conversation_step";
/// Finds the seals.
pub(super) const SEAL: &str = "seal";

/// How many stretches or places one query asks for.
const ASKED: usize = 200;

/// What lies behind a progress, as a condition on a field that holds a position. Lanes of which there is nothing yet go
/// together with the one before, so that few lanes make a short condition, which still sees a new lane.
pub(super) fn behind(field: &str, after: &Progress, from: Lane) -> Vec<Bson> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for lane in Lane::all().filter(|lane| *lane >= from) {
        let position = after.in_lane(lane);
        match spans.last_mut() {
            Some((_, end)) if position.number() == 0 => *end = lane.end().0,
            _ => spans.push((position.0, lane.end().0)),
        }
    }
    let condition =
        |(after, end): &(i64, i64)| doc! { field: { "$gt": *after, "$lte": *end } }.into();
    spans.iter().map(condition).collect()
}

fn decode_tail(found: &RawDocument) -> Result<(ConversationId, Tail)> {
    let position = Position(found.number("position")?);
    let seq = match found.number_if_any("seq")? {
        Some(seq) => seq,
        None => found.number("lastSeq")?,
    };
    let tail = Tail {
        step: found.number("step")?,
        seq,
        position,
        rank: found.number_if_any("rank")?.unwrap_or(position.number()),
    };
    Ok((ConversationId(found.id("_id")?), tail))
}

/// A time in a conversation that is over: since which step, and where the conversation ended with it.
fn decode_stay(found: &RawDocument) -> Result<(ConversationId, Step, Tail)> {
    let of = found.document("_id")?;
    let tail = Tail {
        step: of.number("until")?,
        seq: found.number("seq")?,
        position: Position(found.number("position")?),
        rank: found.number("rank")?,
    };
    Ok((
        ConversationId(of.id("conversation")?),
        found.number("since")?,
        tail,
    ))
}

impl Inner {
    /// Of each lane what stands behind `after`, at most so many. One read when it is all together no more than that.
    async fn read_log(&self, after: &Progress, at_most: usize) -> Result<Vec<Record>> {
        let mut records: Vec<Record> = Vec::new();
        let mut from = Lane::FIRST;
        loop {
            let find = self
                .collections
                .messages
                .find(doc! { "$or": behind("position", after, from) })
                .sort(doc! { "position": 1 })
                .hint(POSITION)
                .limit(super::limit(at_most));
            let page = self.all(find, record::decode).await?;
            let is_whole = page.len() < at_most;
            let last = page.last().map(|record| record.position().lane());
            records.extend(page);
            let (false, Some(last)) = (is_whole, last) else {
                return Ok(records);
            };
            // What is before this lane is whole. If it came last of several, it may be cut short: once more from there.
            let first = records.partition_point(|record| record.position().lane() < last);
            from = last;
            if records.len() - first < at_most {
                records.truncate(first);
            } else {
                match Lane::new(last.number() + 1) {
                    Some(next) => from = next,
                    None => return Ok(records),
                }
            }
        }
    }

    /// Takes in what a caller has had of the log and this process's overlay has not.
    async fn catch_up_with(self: &std::sync::Arc<Self>, progress: &Progress) -> Result<()> {
        let deadline = self.deadline();
        let known = self.overlay.known();
        for position in progress.positions() {
            if !known.covers(position) {
                self.catch_up(Purpose::Upkeep, position, deadline).await?;
            }
        }
        Ok(())
    }

    /// The newest seals of a lane, in their order.
    pub(super) async fn newest_seals(&self, lane: Lane, at_most: usize) -> Result<Vec<Seal>> {
        let find = self
            .collections
            .messages
            .find(doc! { "position": document::behind(lane.start()), "mark": { "$exists": true } })
            .sort(doc! { "position": -1 })
            .hint(SEAL)
            .limit(super::limit(at_most));
        let mut seals = self.all(find, record::decode).await?;
        seals.reverse();
        Ok(seals.into_iter().filter_map(seal).collect())
    }

    async fn all_seals(&self) -> Result<Vec<Seal>> {
        let find = self
            .collections
            .messages
            .find(doc! { "mark": { "$exists": true } })
            .sort(doc! { "position": 1 })
            .hint(SEAL)
            .limit(super::limit(SEALS + 1));
        let seals = self.all(find, record::decode).await?;
        if seals.len() <= SEALS {
            return Ok(seals.into_iter().filter_map(seal).collect());
        }
        let mut seals = Vec::new();
        for lane in Lane::all() {
            seals.extend(self.newest_seals(lane, SEALS).await?);
        }
        Ok(seals)
    }

    /// Where conversations end: one step in the index for each.
    async fn tails(&self, ids: &[ConversationId]) -> Result<HashMap<ConversationId, Tail>> {
        let known = self.overlay.news_of(ids);
        let mut tails = HashMap::new();
        for ids in ids.chunks(5_000) {
            let newest = |field: &str| doc! { "$first": format!("${field}") };
            let pipeline = vec![
                doc! { "$match": {
                    "conversation": { "$in": document::ids(ids.iter().map(|id| id.0)) }, "step": { "$gt": 0_i64 },
                } },
                doc! { "$sort": { "conversation": -1, "step": -1 } },
                doc! { "$group": {
                    "_id": "$conversation",
                    "step": newest("step"),
                    "seq": newest("seq"),
                    "lastSeq": newest("lastSeq"),
                    "position": newest("position"),
                    "rank": newest("rank"),
                } },
            ];
            tails.extend(self.grouped(pipeline, decode_tail).await?);
        }
        for (id, news) in known {
            if let Some(newest) = news.tail {
                let tail = tails.entry(id).or_insert(newest);
                if newest.step > tail.step {
                    *tail = newest;
                }
            }
        }
        Ok(tails)
    }

    /// What happened behind `after` while the viewer was a member.
    async fn unseen(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: &Progress,
    ) -> Result<Vec<Unseen>> {
        let mut moved = self.overlay.moved();
        if let Some(conversation) = conversation {
            moved.retain(|id| *id == conversation);
        }
        let own = self.own_of(viewer, &moved).await?;
        let news = self.overlay.news_of(&moved);
        let mut all = self.stays_over(viewer, conversation, after, &news).await?;
        let mut filter = doc! {
            "members.user": document::id(viewer.0), "$or": behind("lastPosition", after, Lane::FIRST),
        };
        let mut hint = conversation::MEMBER_RANK;
        if let Some(conversation) = conversation {
            filter.insert("_id", document::id(conversation.0));
            hint = "_id_";
        }
        let find = self
            .collections
            .conversations
            .find(filter)
            .projection(doc! { "_id": 1 })
            .hint(hint);
        let found = self
            .all(find, |found| found.id("_id").map(ConversationId))
            .await?;
        let ids: HashSet<ConversationId> = own.into_iter().chain(found).collect();
        let ids: Vec<ConversationId> = ids.into_iter().collect();
        let mut tails = self.tails(&ids).await?;
        tails.retain(|_, tail| !after.covers(tail.position));
        let ids: Vec<ConversationId> = tails.keys().copied().collect();
        for conversation in self.conversations(&ids).await? {
            let member = conversation.member(viewer);
            let (Some(member), Some(tail)) = (member, tails.remove(&conversation.id)) else {
                continue;
            };
            let known = all.entry(conversation.id).or_insert(Unseen {
                conversation_id: conversation.id,
                tail,
                stays: Vec::new(),
            });
            known.tail = tail;
            known.stays.push(Stay {
                from: member.since,
                to: None,
            });
        }
        Ok(all.into_values().collect())
    }

    /// The viewer's times in conversations that ended behind `after`.
    async fn stays_over(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: &Progress,
        news: &HashMap<ConversationId, News>,
    ) -> Result<HashMap<ConversationId, Unseen>> {
        let mut filter = doc! {
            "_id.user": document::id(viewer.0), "$or": behind("position", after, Lane::FIRST),
        };
        if let Some(conversation) = conversation {
            filter.insert("_id.conversation", document::id(conversation.0));
        }
        let find = self
            .collections
            .stays
            .find(filter)
            .hint(conversation::STAY_USER);
        let mut over = self.all(find, decode_stay).await?;
        for (id, news) in news {
            let left = news.left.iter();
            let left = left.filter(|left| left.departure.user_id == viewer);
            let left = left.filter(|left| !after.covers(left.tail.position));
            over.extend(left.map(|left| (*id, left.departure.since, left.tail)));
        }
        over.sort_unstable_by_key(|(id, _, tail)| (*id, tail.step));
        over.dedup_by_key(|(id, _, tail)| (*id, tail.step));
        let mut all = HashMap::<_, Unseen>::new();
        for (conversation_id, from, tail) in over {
            let stays = Vec::new();
            let unseen = all.entry(conversation_id).or_insert(Unseen {
                conversation_id,
                tail,
                stays,
            });
            unseen.tail = tail;
            unseen.stays.push(Stay {
                from,
                to: Some(tail.step),
            });
        }
        Ok(all)
    }

    async fn entries(&self, stretches: &[Stretch]) -> Result<Vec<Entry>> {
        let changes = self.overlay.all_changes();
        let mut entries = Vec::new();
        for stretches in stretches.chunks(ASKED) {
            let any = stretches.iter().map(|stretch| {
                doc! {
                    "conversation": document::id(stretch.conversation_id.0),
                    "step": { "$gte": stretch.first, "$lte": stretch.last },
                }
            });
            let find = self
                .collections
                .messages
                .find(doc! { "$or": any.collect::<Vec<_>>() })
                .hint(CONVERSATION_STEP);
            entries.extend(self.all(find, record::decode_entry).await?);
        }
        changes.amend_sent(&mut entries);
        entries.sort_unstable_by_key(|entry| (entry.conversation_id, entry.step));
        Ok(entries)
    }
}

fn seal(record: Record) -> Option<Seal> {
    match record {
        Record::Seal(seal) => Some(seal),
        Record::Entry(_) => None,
    }
}

#[async_trait]
impl Log for MongoStore {
    async fn begin_term(&self, over: Option<Lane>) -> Result<Seal> {
        self.begin(over).await
    }

    async fn append(&self, entries: &[Entry]) -> Result<Appended> {
        self.append_entries(entries).await
    }

    async fn log_after(&self, after: &Progress, limit: usize) -> Result<Vec<Record>> {
        let after = *after;
        if limit == 0 {
            return Ok(Vec::new());
        }
        self.bounded(move |inner| async move {
            inner.catch_up_with(&after).await?;
            let changes = inner.overlay.all_changes();
            let mut records = inner.read_log(&after, limit).await?;
            let entries = records.iter_mut().filter_map(|record| match record {
                Record::Entry(entry) => Some(entry),
                Record::Seal(_) => None,
            });
            changes.amend_sent(entries);
            let known = inner.overlay.known();
            // What does not join on to what is known would leave out what is between.
            let joins = |record: &&Record| known.covers(after.in_lane(record.position().lane()));
            inner.overlay.take(records.iter().filter(joins));
            let mut told = after;
            for record in &records {
                told.advance(record.position());
            }
            inner.overlay.tell(&told);
            Ok(records)
        })
        .await
    }

    async fn heads(&self) -> Result<Progress> {
        self.bounded(|inner| async move {
            let heads = inner.read_heads().await?;
            // Who begins there has had all before, so that every later read has to show it.
            inner.catch_up_with(&heads).await?;
            Ok(heads)
        })
        .await
    }

    async fn seals(&self) -> Result<Vec<Seal>> {
        self.bounded(|inner| async move { inner.all_seals().await })
            .await
    }

    async fn tails(&self, ids: &[ConversationId]) -> Result<Vec<(ConversationId, Tail)>> {
        let ids = ids.to_vec();
        self.bounded(|inner| async move { Ok(inner.tails(&ids).await?.into_iter().collect()) })
            .await
    }

    async fn unseen(
        &self,
        viewer: UserId,
        conversation: Option<ConversationId>,
        after: &Progress,
    ) -> Result<Vec<Unseen>> {
        let after = *after;
        self.bounded(move |inner| async move { inner.unseen(viewer, conversation, &after).await })
            .await
    }

    async fn entries(&self, stretches: &[Stretch]) -> Result<Vec<Entry>> {
        let stretches = stretches.to_vec();
        self.bounded(|inner| async move { inner.entries(&stretches).await })
            .await
    }

    fn is_alone(&self) -> bool {
        self.inner.is_alone()
    }

    async fn call_for_turns(&self, conversations: &[ConversationId]) -> Result<()> {
        let conversations = conversations.to_vec();
        self.bounded(|inner| async move { inner.call_for_turns(&conversations).await })
            .await
    }

    async fn called_for(&self) -> Result<Vec<(ConversationId, Call)>> {
        self.bounded(|inner| async move { inner.called_for().await })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_behind_a_progress_is_a_span_for_each_lane_that_was_begun() {
        let lane = |number| Lane::new(number).expect("a lane");
        let progress: Progress = [Position::at(lane(0), 4), Position::at(lane(2), 7)]
            .into_iter()
            .collect();
        let span = |after: Position, end: Lane| {
            Bson::from(doc! { "p": { "$gt": after.0, "$lte": end.end().0 } })
        };
        assert_eq!(
            behind("p", &progress, Lane::FIRST),
            [
                span(Position(4), lane(1)),
                span(Position::at(lane(2), 7), lane(15))
            ]
        );
        assert_eq!(
            behind("p", &progress, lane(1)),
            [
                span(lane(1).start(), lane(1)),
                span(Position::at(lane(2), 7), lane(15))
            ]
        );
    }
}
