//! Whether the index holds what messages say.

use std::hash::{BuildHasher, RandomState};

use super::{
    Catalogue, Index,
    keeping::terms,
    lookup::{Gone, Wanted, read_leaf, unsettled},
    part::{self, Key},
    segment::Segment,
};
use crate::{
    domain::{Message, Position, Progress, Seq},
    error::Result,
};

/// How often the index is read anew when it changes meanwhile.
const ATTEMPTS: usize = 10;

/// How many leaves are read at a time.
const AT_ONCE: usize = 64;

/// How many bits there are for a posting, and how many of them tell it.
const BITS: u64 = 10;
const TELLING: u64 = 4;

/// The least and the most memory for them, in words of 64 bits: 1 MiB and 128 MiB.
const LEAST: u64 = 1 << 17;
const MOST: u64 = 1 << 24;

/// What an index holds, in a form of bounded size (a filter after Bloom, "Space/Time Trade-offs in Hash Coding with
/// Allowable Errors", 1970). None that it holds is taken for lacking; of a hundred postings that it lacks, one or two are
/// taken for held, practically none where it holds less than a hundred thousand, more where it holds over a hundred million.
pub struct Findable {
    catalogue: Catalogue,
    hasher: RandomState,
    bits: Vec<u64>,
}

impl Index {
    /// What the index holds as a whole; `None` when it lacks parts of itself.
    ///
    /// # Errors
    /// The store's; where a part is not what it should be as well.
    pub async fn findable(&self) -> Result<Option<Findable>> {
        for _ in 0..ATTEMPTS {
            let catalogue = self.catalogue().await?;
            let number = catalogue.number;
            match self.read_all(catalogue).await? {
                Ok(findable) => return Ok(Some(findable)),
                Err(Gone) if self.catalogue().await?.number == number => return Ok(None),
                Err(Gone) => {}
            }
        }
        Err(unsettled())
    }

    async fn read_all(&self, catalogue: Catalogue) -> Result<Result<Findable, Gone>> {
        let segments = catalogue.segments.clone();
        let postings: u64 = segments.iter().map(|segment| segment.postings).sum();
        let mut findable = Findable::new(catalogue, postings);
        for segment in segments {
            if self.read_segment(&segment, &mut findable).await?.is_err() {
                return Ok(Err(Gone));
            }
        }
        Ok(Ok(findable))
    }

    /// Reads a segment as a search would: from its root down.
    async fn read_segment(
        &self,
        segment: &Segment,
        findable: &mut Findable,
    ) -> Result<Result<(), Gone>> {
        let everything = Wanted {
            term: Vec::new(),
            is_open: true,
        };
        let of = std::slice::from_ref(segment);
        let spans = self.spans(of, std::slice::from_ref(&everything)).await?;
        let Ok(spans) = spans else {
            return Ok(Err(Gone));
        };
        let leaves = spans.into_iter().flatten().flatten();
        let mut leaves: Vec<i64> = leaves.map(|span| segment.part(span.leaf)).collect();
        leaves.sort_unstable();
        leaves.dedup();
        for numbers in leaves.chunks(AT_ONCE) {
            let Ok(parts) = self.parts(numbers).await? else {
                return Ok(Err(Gone));
            };
            for bytes in parts.values() {
                read_leaf(segment, bytes, &everything, &None, |term, posting| {
                    findable.add(term, posting.key, posting.seq);
                })?;
            }
        }
        Ok(Ok(()))
    }
}

impl Findable {
    fn new(catalogue: Catalogue, postings: u64) -> Self {
        let size = (postings * BITS).div_ceil(64).clamp(LEAST, MOST);
        Self {
            catalogue,
            hasher: RandomState::new(),
            bits: vec![0; usize::try_from(size).unwrap_or(usize::MAX)],
        }
    }

    /// Where a posting's bits are: in which word each, and as a mask.
    fn places(
        &self,
        term: &[u8],
        key: Key,
        seq: Seq,
    ) -> impl Iterator<Item = (usize, u64)> + use<> {
        let hash = self.hasher.hash_one((term, key, seq));
        let (start, stride) = (hash, hash.rotate_left(32) | 1);
        let size = self.bits.len() as u64;
        (0..TELLING).map(move |nth| {
            let bit = start.wrapping_add(stride.wrapping_mul(nth)) % (size * 64);
            // Less than the size, which is one of memory.
            let word = usize::try_from(bit / 64).unwrap_or(0);
            (word, 1 << (bit % 64))
        })
    }

    fn add(&mut self, term: &[u8], key: Key, seq: Seq) {
        for (word, mask) in self.places(term, key, seq) {
            self.bits[word] |= mask;
        }
    }

    /// Whether what happened at this position is in the index, or ought to be.
    pub fn covers(&self, position: Position) -> bool {
        let is_left =
            |(done, end): &(Progress, Progress)| end.covers(position) && !done.covers(position);
        self.catalogue.live.covers(position) && !self.catalogue.old.as_ref().is_some_and(is_left)
    }

    /// Whether a message is found by each of its words.
    pub fn finds(&self, message: &Message) -> bool {
        let (key, seq) = (part::key(message.conversation_id), message.seq);
        terms(message).all(|term| {
            let mut places = self.places(&term, key, seq);
            places.all(|(word, mask)| self.bits[word] & mask != 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ConversationId;

    #[test]
    fn what_a_small_index_lacks_is_not_taken_for_held() {
        let catalogue = Catalogue::read(0, "").expect("there is nothing to read");
        let mut findable = Findable::new(catalogue, 100);
        let key = part::key(ConversationId::new());
        for seq in 0..100 {
            findable.add(b"apple", key, seq);
        }
        let holds = |term: &[u8], seq| {
            let mut places = findable.places(term, key, seq);
            places.all(|(word, mask)| findable.bits[word] & mask != 0)
        };
        assert!((0..100).all(|seq| holds(b"apple", seq)));
        let mistaken = (0..10_000).filter(|seq| holds(b"pear", *seq)).count();
        assert_eq!(mistaken, 0);
    }
}
