//! Writing segments anew: several as one, or one without what is out of date.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::{
    Index,
    builder::Builder,
    part::{self, Leaf, Posting},
    segment::{Segment, part_number},
};
use crate::{
    domain::{ConversationId, Seq, Timestamp},
    error::{Error, Result},
};

/// How many leaves of a segment are read at a time, and how many parts written.
const AT_ONCE: u32 = 16;

/// Messages that were changed, and the terms that each still has.
#[derive(Default)]
pub(super) struct Outdated {
    pub(super) of: HashMap<(part::Key, Seq), HashSet<Vec<u8>>>,
    /// Changes that need not be told any more.
    pub(super) purged: HashSet<(ConversationId, Seq)>,
}

impl Outdated {
    /// Whether a posting says what is still so.
    fn keeps(&self, term: &[u8], posting: &Posting) -> bool {
        if let Some(conversation) = part::changed_conversation(term) {
            return !self.purged.contains(&(conversation, posting.seq));
        }
        let of = self.of.get(&(posting.key, posting.seq));
        of.is_none_or(|terms| terms.contains(term))
    }

    /// Whether a segment holds what is to go.
    pub(super) fn is_empty(&self) -> bool {
        self.of.is_empty() && self.purged.is_empty()
    }
}

/// A segment as it is read from its beginning to its end.
struct Source {
    segment: Segment,
    /// The next leaf to fetch, and those that are here, the next one last.
    next: u32,
    fetched: Vec<Bytes>,
    /// Of the leaf that is open: the terms with the ends of their postings, and these.
    terms: Vec<(Vec<u8>, usize)>,
    postings: Vec<Posting>,
    term: usize,
    at: usize,
}

impl Source {
    fn new(segment: Segment) -> Self {
        Self {
            segment,
            next: 0,
            fetched: Vec::new(),
            terms: Vec::new(),
            postings: Vec::new(),
            term: 0,
            at: 0,
        }
    }

    fn peek(&self) -> Option<(&[u8], &Posting)> {
        Some((&self.terms.get(self.term)?.0, self.postings.get(self.at)?))
    }

    fn go_on(&mut self) {
        self.at += 1;
        while self
            .terms
            .get(self.term)
            .is_some_and(|(_, end)| *end <= self.at)
        {
            self.term += 1;
        }
    }

    fn open(&mut self, bytes: &[u8]) -> Result<()> {
        self.terms.clear();
        self.postings.clear();
        (self.term, self.at) = (0, 0);
        let mut leaf = Leaf::read(bytes, Timestamp(self.segment.earliest));
        while let Some(run) = leaf.next_run()? {
            for posting in run {
                self.postings.push(posting?);
            }
            self.terms.push((leaf.term.clone(), self.postings.len()));
        }
        Ok(())
    }
}

impl Index {
    /// Makes sure that a source has something to give, if there is anything left.
    async fn refill(&self, source: &mut Source) -> Result<()> {
        while source.peek().is_none() {
            if source.fetched.is_empty() {
                let end = source.segment.leaves.min(source.next + AT_ONCE);
                let numbers: Vec<i64> = (source.next..end)
                    .map(|leaf| source.segment.part(leaf))
                    .collect();
                if numbers.is_empty() {
                    return Ok(());
                }
                let found = self.0.store.parts(&numbers).await?;
                let mut found: HashMap<i64, Bytes> = found.into_iter().collect();
                let parts = numbers.iter().rev().map(|number| found.remove(number));
                // Another process has replaced it; then there is nothing to do.
                source.fetched = parts.collect::<Option<_>>().ok_or_else(replaced)?;
                source.next = end;
            }
            if let Some(bytes) = source.fetched.pop() {
                source.open(&bytes)?;
            }
        }
        Ok(())
    }

    /// Writes what segments hold and is not outdated as one new segment, which the catalogue does not name yet; `None`
    /// where nothing is left.
    pub(super) async fn rewrite(
        &self,
        segments: &[Segment],
        outdated: &Outdated,
    ) -> Result<Option<Segment>> {
        let earliest = segments.iter().map(|segment| segment.earliest).min();
        let mut builder = Builder::new(Timestamp(earliest.unwrap_or(0)));
        let id = builder.id();
        let result = self.rewrite_into(&mut builder, segments, outdated).await;
        let written = async {
            result?;
            let Some((segment, parts)) = builder.finish() else {
                return Ok(None);
            };
            self.0.store.add_parts(&parts).await?;
            Ok(Some(segment))
        };
        let written = written.await;
        if written.is_err() {
            self.remove_segment(id).await?;
        }
        written
    }

    async fn rewrite_into(
        &self,
        builder: &mut Builder,
        segments: &[Segment],
        outdated: &Outdated,
    ) -> Result<()> {
        let mut sources: Vec<Source> = segments.iter().cloned().map(Source::new).collect();
        let mut term = Vec::new();
        loop {
            for source in &mut sources {
                self.refill(source).await?;
            }
            let Some(least) = sources
                .iter()
                .filter_map(Source::peek)
                .map(|(term, _)| term)
                .min()
            else {
                return Ok(());
            };
            term.clear();
            term.extend_from_slice(least);
            // All of this term, until a source has to fetch what it holds of it.
            loop {
                let of_term = sources.iter_mut().filter_map(|source| {
                    let (found, posting) = source.peek()?;
                    let posting = (found == term).then_some(*posting)?;
                    Some((posting, source))
                });
                let Some((posting, source)) = of_term.min_by_key(|(posting, _)| *posting) else {
                    break;
                };
                if outdated.is_empty() || outdated.keeps(&term, &posting) {
                    builder.push(&term, posting);
                }
                source.go_on();
                if source.peek().is_none() {
                    break;
                }
            }
            if let Some(parts) = builder.whole_parts(AT_ONCE as usize) {
                self.0.store.add_parts(&parts).await?;
            }
        }
    }

    /// Removes all parts of a segment that the catalogue does not name.
    pub(super) async fn remove_segment(&self, id: i64) -> Result<()> {
        let (first, end) = (part_number(id, 0), part_number(id + 1, 0));
        while self.0.store.remove_parts(first, end).await? {}
        Ok(())
    }
}

fn replaced() -> Error {
    Error::Unavailable("a segment of the search's index was replaced meanwhile".to_owned())
}
