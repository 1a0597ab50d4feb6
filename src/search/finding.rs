//! Searching: segment by segment from the newest on, until nothing newer can come.

use std::sync::Arc;

use super::{
    Index, Place,
    lookup::{Gone, Scope, Span, Wanted, read_leaf, unsettled},
    part::{self, Key, Posting},
    segment::Segment,
};
use crate::{
    domain::{ConversationId, SearchText},
    error::Result,
};

/// How often a search begins anew when a segment that it reads is replaced.
const ATTEMPTS: usize = 10;

/// How many leaves are read before it is looked whether that was enough; four times as many the next time.
const FIRST_LEAVES: usize = 16;

/// And at most.
const MOST_LEAVES: usize = 256;

/// A segment in which all words may stand.
struct Candidate {
    segment: Segment,
    /// For each word, that which the fewest leaves may hold first: what is asked for, and these leaves.
    words: Vec<(Wanted, Vec<Span>)>,
}

impl Candidate {
    /// What is to be read to begin with.
    fn leaves(&self) -> usize {
        self.words.first().map_or(0, |(_, spans)| spans.len())
    }
}

impl Index {
    /// Where messages stand that hold all words of a text in one of these conversations, as far as they are indexed:
    /// the newest first, behind `after` in that order, at most `limit`. Some may have been changed since.
    ///
    /// # Errors
    /// The store's.
    pub async fn find(
        &self,
        text: &SearchText,
        conversations: &[ConversationId],
        after: Option<Place>,
        limit: usize,
    ) -> Result<Vec<Place>> {
        let mut ids: Vec<_> = conversations
            .iter()
            .map(|id| (part::key(*id), *id))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        for _ in 0..ATTEMPTS {
            if let Ok(found) = self.find_once(text, &ids, after, limit).await? {
                return Ok(found);
            }
        }
        Err(unsettled())
    }

    async fn find_once(
        &self,
        text: &SearchText,
        conversations: &[(Key, ConversationId)],
        after: Option<Place>,
        limit: usize,
    ) -> Result<Result<Vec<Place>, Gone>> {
        let scope: Scope = Some(conversations.iter().map(|(key, _)| *key).collect());
        let mut segments = self.catalogue().await?.segments;
        segments.retain(|segment| after.is_none_or(|after| segment.earliest <= after.sent_at.0));
        segments.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.latest));
        let Ok(candidates) = self.candidates(segments, text, &scope).await? else {
            return Ok(Err(Gone));
        };
        let mut best: Vec<Place> = Vec::new();
        let mut candidates = candidates.into_iter().peekable();
        let mut room = FIRST_LEAVES;
        while let Some(next) = candidates.next() {
            let is_enough = limit
                .checked_sub(1)
                .and_then(|last| best.get(last))
                .is_some_and(|worst| worst.sent_at.0 > next.segment.latest);
            if is_enough || limit == 0 {
                break;
            }
            let mut leaves = next.leaves();
            let mut batch = vec![next];
            while let Some(next) = candidates.next_if(|next| leaves + next.leaves() <= room) {
                leaves += next.leaves();
                batch.push(next);
            }
            room = MOST_LEAVES.min(room * 4);
            let Ok(found) = self.read(&batch, &scope, after).await? else {
                return Ok(Err(Gone));
            };
            best.extend(places(found, conversations).filter(|place| {
                let is_behind = |after: Place| *place < after;
                after.is_none_or(is_behind)
            }));
            newest(&mut best, limit);
        }
        Ok(Ok(best))
    }

    /// The segments in which all words of a text may stand, in their order.
    async fn candidates(
        &self,
        segments: Vec<Segment>,
        text: &SearchText,
        scope: &Scope,
    ) -> Result<Result<Vec<Candidate>, Gone>> {
        let wanted = text.words().map(|sought| {
            let term = part::term(sought.word);
            // What was cut off is to be there as well.
            let is_open = sought.is_open && term.len() == sought.word.len();
            let term = term.as_bytes().to_vec();
            Wanted { term, is_open }
        });
        let wanted: Vec<Wanted> = wanted.collect();
        let Ok(spans) = self.spans(&segments, &wanted).await? else {
            return Ok(Err(Gone));
        };
        let candidate = |(segment, spans): (Segment, Vec<Vec<Span>>)| {
            let in_scope = |spans: Vec<Span>| spans.into_iter().filter(|span| span.meets(scope));
            let spans = spans.into_iter().map(|spans| in_scope(spans).collect());
            let mut words: Vec<(Wanted, Vec<Span>)> = wanted.iter().cloned().zip(spans).collect();
            words.sort_by_key(|(_, spans)| spans.len());
            Candidate { segment, words }
        };
        let candidates = segments.into_iter().zip(spans).map(candidate);
        Ok(Ok(candidates.filter(|one| one.leaves() > 0).collect()))
    }

    /// The postings in a scope that all words have in one of these segments. The rarest word is read first, and the
    /// others only where that stands.
    async fn read(
        &self,
        batch: &[Candidate],
        scope: &Scope,
        after: Option<Place>,
    ) -> Result<Result<Vec<Posting>, Gone>> {
        let count = batch.iter().map(|at| at.words.len()).max().unwrap_or(0);
        let mut found: Vec<Vec<Posting>> = vec![Vec::new(); batch.len()];
        for word in 0..count {
            let mut reads = Vec::new();
            for (at, candidate) in batch.iter().enumerate() {
                let (wanted, spans) = &candidate.words[word];
                let scope = match word {
                    0 => scope.clone(),
                    _ => Some(keys_of(&found[at])),
                };
                let leaves = spans.iter().filter(|span| span.meets(&scope));
                let leaves: Vec<i64> = leaves
                    .map(|span| candidate.segment.part(span.leaf))
                    .collect();
                reads.push((at, wanted, scope, leaves));
            }
            let mut here: Vec<Vec<Posting>> = vec![Vec::new(); batch.len()];
            let leaves: Vec<(usize, i64)> = reads
                .iter()
                .flat_map(|(at, _, _, leaves)| leaves.iter().map(|leaf| (*at, *leaf)))
                .collect();
            for leaves in leaves.chunks(MOST_LEAVES) {
                let numbers: Vec<i64> = leaves.iter().map(|(_, leaf)| *leaf).collect();
                let Ok(parts) = self.parts(&numbers).await? else {
                    return Ok(Err(Gone));
                };
                for (at, leaf) in leaves {
                    let (_, wanted, scope, _) = &reads[*at];
                    let segment = &batch[*at].segment;
                    read_leaf(segment, &parts[leaf], wanted, scope, |_, posting| {
                        if after.is_none_or(|after| posting.sent_at <= after.sent_at) {
                            here[*at].push(posting);
                        }
                    })?;
                }
            }
            for (at, mut here) in here.into_iter().enumerate() {
                // Of several words with one beginning, each is in order.
                if batch[at].words[word].0.is_open {
                    here.sort_unstable();
                }
                here.dedup();
                if word > 0 {
                    let before = &found[at];
                    here.retain(|posting| before.binary_search(posting).is_ok());
                }
                found[at] = here;
            }
        }
        Ok(Ok(found.into_iter().flatten().collect()))
    }
}

fn keys_of(postings: &[Posting]) -> Arc<[Key]> {
    let mut keys: Vec<Key> = postings.iter().map(|posting| posting.key).collect();
    keys.dedup();
    keys.into()
}

/// The places that postings stand for.
fn places(
    postings: Vec<Posting>,
    conversations: &[(Key, ConversationId)],
) -> impl Iterator<Item = Place> {
    postings.into_iter().flat_map(move |posting| {
        let first = conversations.partition_point(|(key, _)| *key < posting.key);
        let of_key = conversations[first..].iter();
        let of_key = of_key.take_while(move |(key, _)| *key == posting.key);
        of_key.map(move |(_, conversation_id)| Place {
            sent_at: posting.sent_at,
            conversation_id: *conversation_id,
            seq: posting.seq,
        })
    })
}

/// Leaves the newest, each once, in their order.
fn newest(places: &mut Vec<Place>, limit: usize) {
    // Of each segment a place comes at most once, so that few are repeated; what is cut off comes with the next page.
    places.sort_unstable_by(|one, other| other.cmp(one));
    places.dedup();
    places.truncate(limit);
}
