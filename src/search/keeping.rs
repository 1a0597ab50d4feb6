//! Keeping the index up to date, in shape, and free of what was said no more.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Catalogue, Index,
    builder::{Builder, Part},
    lookup::{Gone, Wanted, read_leaf},
    merging::Outdated,
    part::{self, CHANGED_TERMS, Posting},
    segment::{Segment, part_number, segment_of},
};
use crate::{
    domain::{
        ConversationId, Happening, Lane, Message, MessageId, Progress, Record, Seq, Timestamp,
        words::words,
    },
    error::Result,
    store::broken,
};

/// How many records of a lane are read at a time.
pub const PAGE: usize = 500;

/// How many changed messages are purged at a time.
const PURGED: usize = 5_000;

/// From how many postings on a segment is large: it is written anew for a few messages only now and then.
const LARGE: u64 = 1 << 18;

/// How long large segments wait for the next purge.
const NOW_AND_THEN: Duration = Duration::from_hours(1);

/// How long parts that the catalogue does not name may be somebody's who is still writing.
const UNFINISHED: Duration = Duration::from_mins(10);

/// How long work that its leader does not do waits for another.
const LEFT: Duration = Duration::from_secs(10);

/// What is new in the log.
#[derive(Default)]
pub struct News {
    /// Messages that were sent.
    pub sent: Vec<Arc<Message>>,
    /// Those that were changed.
    pub changed: Vec<MessageId>,
}

impl News {
    fn take(&mut self, record: Record) {
        if let Record::Entry(entry) = record {
            match entry.what {
                Happening::Sent(message) => self.sent.push(message),
                Happening::MessageChanged(change) => self.changed.push(change.message_id),
                Happening::Reacted(_)
                | Happening::ConversationChanged(_)
                | Happening::Estranged(_) => {}
            }
        }
    }
}

/// What one process remembers between its looks at the index.
#[derive(Default)]
pub(super) struct Watch {
    /// The catalogue of another process as it was last seen, and since when it is the same.
    left: Option<(i64, Instant)>,
    /// Segments that the catalogue does not name, and since when.
    unnamed: HashMap<i64, Instant>,
}

impl Index {
    /// Begins the index where there is none: what is in the log up to `heads` is old.
    ///
    /// # Errors
    /// The store's.
    pub async fn begin(&self, heads: &Progress) -> Result<()> {
        let begin = |catalogue: &mut Catalogue| {
            (catalogue.number == 0).then(|| {
                catalogue.leader = Some(self.0.name);
                catalogue.live = *heads;
                catalogue.old = Some((Progress::default(), *heads));
            })
        };
        self.amend(self.catalogue().await?, begin).await.map(drop)
    }

    /// Reads what is new behind `known` from the log; also up to where that is all.
    ///
    /// # Errors
    /// The store's.
    pub async fn read_news(&self, known: &Catalogue) -> Result<(News, Progress)> {
        let (mut news, mut up_to) = (News::default(), known.live);
        for record in self.0.store.log_after(&known.live, PAGE).await? {
            up_to.advance(record.position());
            news.take(record);
        }
        Ok((news, up_to))
    }

    /// Takes in what is new behind `known`, which is all up to `up_to`, and becomes the one who indexes; `None` when
    /// somebody else has done so.
    ///
    /// # Errors
    /// The store's.
    pub async fn add(
        &self,
        known: &Catalogue,
        news: News,
        up_to: Progress,
    ) -> Result<Option<Catalogue>> {
        let live = known.live;
        let segment = self.write(news).await?;
        let added = self.amend(known.clone(), |catalogue| {
            (catalogue.live == live).then(|| {
                catalogue.leader = Some(self.0.name);
                // Another process may have been told more of some lanes.
                catalogue.live.join(&up_to);
                catalogue.segments.extend(segment.clone());
            })
        });
        let added = added.await?;
        self.let_go(added.is_none(), segment).await?;
        Ok(added)
    }

    /// Merges segments that are ripe, or takes in some of what is old; whether there may be more to do.
    ///
    /// # Errors
    /// The store's.
    pub async fn keep(&self) -> Result<bool> {
        let mut watch = self.0.watch.lock().await;
        let catalogue = self.catalogue().await?;
        if catalogue.old.is_none() && catalogue.ripe().is_none() {
            return Ok(false);
        }
        if !self.may_keep(&catalogue, &mut watch) {
            return Ok(false);
        }
        if let Some(segments) = catalogue.ripe() {
            self.replace(catalogue, &[segments], &Outdated::default())
                .await?;
        } else if let Some((done, end)) = catalogue.old {
            self.fill_in(catalogue, done, end).await?;
        }
        Ok(true)
    }

    /// Whether this process is to do what there is to do: where it indexes, is alone, or the one that indexes has left it
    /// for long.
    fn may_keep(&self, catalogue: &Catalogue, watch: &mut Watch) -> bool {
        if self.leads(catalogue) || !self.0.store.is_shared() {
            return true;
        }
        match watch.left {
            Some((number, since)) if number == catalogue.number => since.elapsed() >= LEFT,
            _ => {
                watch.left = Some((catalogue.number, Instant::now()));
                false
            }
        }
    }

    /// Takes in some of what was in the log before there was an index.
    async fn fill_in(&self, known: Catalogue, done: Progress, end: Progress) -> Result<()> {
        let mut after = done;
        for lane in Lane::all() {
            if done.covers(end.in_lane(lane)) {
                // What is behind is not old.
                after.advance(known.live.in_lane(lane));
            }
        }
        let (mut news, mut up_to) = (News::default(), done);
        for record in self.0.store.log_after(&after, PAGE).await? {
            if end.covers(record.position()) {
                up_to.advance(record.position());
                news.take(record);
            }
        }
        let left = (up_to != done).then_some((up_to, end));
        let segment = self.write(news).await?;
        let added = self.amend(known, |catalogue| {
            (catalogue.old == Some((done, end))).then(|| {
                catalogue.old = left;
                catalogue.segments.extend(segment.clone());
            })
        });
        let added = added.await?;
        self.let_go(added.is_none(), segment).await
    }

    /// Writes a segment of what is new, which the catalogue does not name yet; `None` where there is nothing in it.
    async fn write(&self, news: News) -> Result<Option<Segment>> {
        let changed = self.0.store.messages(&news.changed).await?;
        let changed: HashMap<MessageId, Message> = changed
            .into_iter()
            .map(|message| (message.id, message))
            .collect();
        // What never said anything else stands there as it is.
        let is_another = |message: &Message| message.edited_at.or(message.deleted_at).is_some();
        let build = move || {
            let sent = news.sent.iter().map(|sent| match changed.get(&sent.id) {
                Some(newest) => (newest, false),
                None => (sent.as_ref(), false),
            });
            let changed = changed.values().filter(|message| is_another(message));
            build(sent.chain(changed.map(|message| (message, true))))
        };
        let built = tokio::task::spawn_blocking(build).await.map_err(broken)?;
        let Some((segment, parts)) = built else {
            return Ok(None);
        };
        self.0.store.add_parts(&parts).await?;
        Ok(Some(segment))
    }

    /// Removes a segment's parts when nobody needs them.
    async fn let_go(&self, is_idle: bool, segment: Option<Segment>) -> Result<()> {
        match segment {
            Some(segment) if is_idle => self.remove_segment(segment.id).await,
            _ => Ok(()),
        }
    }

    /// Puts in the place of each group of segments what is not outdated of it, all at once.
    async fn replace(
        &self,
        known: Catalogue,
        groups: &[Vec<Segment>],
        outdated: &Outdated,
    ) -> Result<()> {
        let old: Vec<Segment> = groups.iter().flatten().cloned().collect();
        let is_large = !outdated.is_empty() && old.iter().any(Segment::is_large);
        let mut new = Vec::new();
        // What was written before an error is swept up later, as nobody knows whether it is named.
        for group in groups {
            new.extend(self.rewrite(group, outdated).await?);
        }
        let swap = |catalogue: &mut Catalogue| {
            if is_large {
                catalogue.purged = Timestamp::now().0;
            }
            catalogue.swap(&old, new.clone())
        };
        let is_swapped = self.amend(known, swap).await?.is_some();
        for segment in if is_swapped { old } else { new } {
            self.remove_segment(segment.id).await?;
        }
        Ok(())
    }

    /// Removes the words that messages no longer have, and parts that a killed process left.
    /// Large segments are rewritten for that once an hour at most.
    ///
    /// # Errors
    /// The store's.
    pub async fn purge(&self) -> Result<()> {
        let mut watch = self.0.watch.lock().await;
        let catalogue = self.catalogue().await?;
        if self.may_keep(&catalogue, &mut watch) {
            self.purge_segments(catalogue).await?;
        }
        self.sweep(&mut watch).await
    }

    async fn purge_segments(&self, catalogue: Catalogue) -> Result<()> {
        let segments = catalogue.segments.iter();
        let telling: Vec<Segment> = segments.filter(|at| at.changes > 0).cloned().collect();
        let Ok(changed) = self.changed(&telling).await? else {
            // Replaced meanwhile: the next time.
            return Ok(());
        };
        if changed.is_empty() {
            return Ok(());
        }
        // So that what is read next is at least as new as what was indexed, by whomever.
        self.0.store.log_after(&catalogue.live, 1).await?;
        let mut outdated = Outdated::default();
        let mut instants = Vec::new();
        for message in self.0.store.messages_at(&changed).await? {
            let place = (part::key(message.conversation_id), message.seq);
            instants.push(message.sent_at.0);
            outdated.of.insert(place, terms(&message).collect());
        }
        outdated.purged = changed.into_iter().collect();
        instants.sort_unstable();
        let may_hold = |segment: &&Segment| {
            let first = instants.partition_point(|at| *at < segment.earliest);
            let is_of_its_time = instants.get(first).is_some_and(|at| *at <= segment.latest);
            is_of_its_time || segment.changes > 0
        };
        let concerned = catalogue.segments.iter().filter(may_hold).cloned();
        let groups: Vec<Vec<Segment>> = concerned.map(|segment| vec![segment]).collect();
        let waits = Timestamp(catalogue.purged).after(NOW_AND_THEN) > Timestamp::now();
        if waits && groups.iter().flatten().any(Segment::is_large) {
            return Ok(());
        }
        self.replace(catalogue, &groups, &outdated).await
    }

    /// The messages that segments tell to be changed, some of them where they are very many.
    async fn changed(
        &self,
        segments: &[Segment],
    ) -> Result<Result<Vec<(ConversationId, Seq)>, Gone>> {
        let wanted = Wanted {
            term: CHANGED_TERMS.to_vec(),
            is_open: true,
        };
        let Ok(spans) = self.spans(segments, std::slice::from_ref(&wanted)).await? else {
            return Ok(Err(Gone));
        };
        let mut changed = HashSet::new();
        for (segment, spans) in segments.iter().zip(spans) {
            for span in spans.into_iter().flatten() {
                let number = segment.part(span.leaf);
                let Ok(parts) = self.parts(&[number]).await? else {
                    return Ok(Err(Gone));
                };
                read_leaf(segment, &parts[&number], &wanted, &None, |term, posting| {
                    if changed.len() < PURGED {
                        let conversation = part::changed_conversation(term);
                        changed.extend(conversation.map(|id| (id, posting.seq)));
                    }
                })?;
            }
        }
        Ok(Ok(changed.into_iter().collect()))
    }

    /// Removes the parts of segments that nobody has named for long.
    async fn sweep(&self, watch: &mut Watch) -> Result<()> {
        let mut unnamed = HashMap::new();
        let mut behind = 0;
        while let Some(number) = self.0.store.part_behind(behind).await? {
            let segment = segment_of(number);
            let since = watch.unnamed.get(&segment).copied();
            unnamed.insert(segment, since.unwrap_or_else(Instant::now));
            behind = part_number(segment + 1, 0) - 1;
        }
        // Named at last, if they were written meanwhile.
        for segment in self.catalogue().await?.segments {
            unnamed.remove(&segment.id);
        }
        for (segment, since) in &unnamed {
            if since.elapsed() >= UNFINISHED {
                self.remove_segment(*segment).await?;
            }
        }
        watch.unnamed = unnamed;
        Ok(())
    }
}

impl Segment {
    fn is_large(&self) -> bool {
        self.postings >= LARGE
    }
}

/// The terms of a message.
pub(super) fn terms(message: &Message) -> impl Iterator<Item = Vec<u8>> {
    words(message.body.as_str()).map(|word| part::term(&word).as_bytes().to_vec())
}

/// A segment of messages, each with whether it was changed; `None` where there is nothing in it.
fn build<'a>(messages: impl Iterator<Item = (&'a Message, bool)>) -> Option<(Segment, Vec<Part>)> {
    let mut found: HashMap<Vec<u8>, Vec<Posting>> = HashMap::new();
    let mut earliest = Timestamp(i64::MAX);
    let mut put = |term: &[u8], posting: Posting| match found.get_mut(term) {
        Some(postings) if postings.last() == Some(&posting) => {}
        Some(postings) => postings.push(posting),
        None => {
            found.insert(term.to_vec(), vec![posting]);
        }
    };
    for (message, is_changed) in messages {
        let posting = Posting {
            key: part::key(message.conversation_id),
            seq: message.seq,
            sent_at: message.sent_at,
        };
        earliest = earliest.min(message.sent_at);
        for word in words(message.body.as_str()) {
            put(part::term(&word).as_bytes(), posting);
        }
        if is_changed {
            put(&part::changed_term(message.conversation_id), posting);
        }
    }
    let mut found: Vec<_> = found.into_iter().collect();
    found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let mut builder = Builder::new(earliest);
    for (term, mut postings) in found {
        postings.sort_unstable();
        for posting in postings {
            builder.push(&term, posting);
        }
    }
    builder.finish()
}
