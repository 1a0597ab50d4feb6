//! Reading parts of segments: which leaves may hold a term, and what of them is asked for.

use std::{cmp::Ordering, collections::HashMap, sync::Arc};

use bytes::Bytes;

use super::{
    Index,
    part::{self, Child, Key, Leaf, Posting},
    segment::Segment,
};
use crate::error::{Error, Result};

/// How many parts one call asks the store for.
const ASKED: usize = 256;

/// Which terms are asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) term: Vec<u8>,
    /// Whether also those that only begin with it.
    pub(super) is_open: bool,
}

impl Wanted {
    /// Where a term stands: before what is wanted, in it, or behind.
    fn place(&self, term: &[u8]) -> Ordering {
        if self.is_open && term.starts_with(&self.term) {
            Ordering::Equal
        } else {
            term.cmp(&self.term)
        }
    }
}

/// In which conversations something is asked for: their keys, sorted; or in all.
pub(super) type Scope = Option<Arc<[Key]>>;

/// A leaf that may hold something, and between which keys of the term, where it is but one term.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub(super) leaf: u32,
    first: Key,
    last: Key,
}

impl Span {
    pub(super) fn meets(&self, scope: &Scope) -> bool {
        scope.as_ref().is_none_or(|keys| {
            let at = keys.partition_point(|key| *key < self.first);
            keys.get(at).is_some_and(|key| *key <= self.last)
        })
    }
}

/// Why a search has to begin anew: a segment that it reads has been replaced.
pub(super) struct Gone;

/// The parts of these numbers, or that some are not there any more.
pub(super) type Parts = Result<HashMap<i64, Bytes>, Gone>;

impl Index {
    /// Parts by their numbers.
    pub(super) async fn parts(&self, numbers: &[i64]) -> Result<Parts> {
        let mut found = HashMap::with_capacity(numbers.len());
        let mut missing = Vec::new();
        for number in numbers {
            match self.0.cache.get(number) {
                Some(part) => {
                    found.insert(*number, part);
                }
                None => missing.push(*number),
            }
        }
        for numbers in missing.chunks(ASKED) {
            for (number, part) in self.0.store.parts(numbers).await? {
                self.0.cache.insert(number, part.clone());
                found.insert(number, part);
            }
        }
        let is_whole = numbers.iter().all(|number| found.contains_key(number));
        Ok(if is_whole { Ok(found) } else { Err(Gone) })
    }

    /// Which leaves of segments may hold what is wanted: for each segment the spans for each of `wanted`. Descends in
    /// all of them at once.
    pub(super) async fn spans(
        &self,
        segments: &[Segment],
        wanted: &[Wanted],
    ) -> Result<Result<Vec<Vec<Vec<Span>>>, Gone>> {
        let mut spans = vec![vec![Vec::new(); wanted.len()]; segments.len()];
        let mut open = Vec::new();
        for (at, segment) in segments.iter().enumerate() {
            for (of, spans) in spans[at].iter_mut().enumerate() {
                match segment.root {
                    Some(root) => open.push((at, of, root)),
                    None => spans.push(Span {
                        leaf: 0,
                        first: Key::MIN,
                        last: Key::MAX,
                    }),
                }
            }
        }
        while !open.is_empty() {
            let number = |(at, _, node): &(usize, usize, u32)| segments[*at].part(*node);
            let mut numbers: Vec<i64> = open.iter().map(number).collect();
            numbers.sort_unstable();
            numbers.dedup();
            let Ok(parts) = self.parts(&numbers).await? else {
                return Ok(Err(Gone));
            };
            let mut nodes = HashMap::new();
            for (number, part) in &parts {
                nodes.insert(*number, part::children(part)?);
            }
            let mut below = Vec::new();
            for (at, of, node) in open {
                let children = &nodes[&segments[at].part(node)];
                for (child, span) in touched(children, &wanted[of]) {
                    if child < super::segment::FIRST_NODE {
                        spans[at][of].push(span);
                    } else {
                        below.push((at, of, child));
                    }
                }
            }
            open = below;
        }
        Ok(Ok(spans))
    }
}

/// The children of a node that may hold what is wanted.
fn touched<'a>(
    children: &'a [Child],
    wanted: &'a Wanted,
) -> impl Iterator<Item = (u32, Span)> + 'a {
    // The last that begins before it, and all that begin in it.
    let behind = children.partition_point(|child| wanted.place(&child.term) != Ordering::Greater);
    let inside = children.partition_point(|child| wanted.place(&child.term) == Ordering::Less);
    (inside.saturating_sub(1)..behind).map(move |at| {
        let (child, next) = (&children[at], children.get(at + 1));
        // Keys are in order within one term only.
        let is_one_term = !wanted.is_open || next.is_some_and(|next| next.term == child.term);
        let begins_in_it = |child: &&Child| is_one_term && wanted.place(&child.term).is_eq();
        let first = Some(child)
            .filter(begins_in_it)
            .map_or(Key::MIN, |at| at.key);
        let last = next.filter(begins_in_it).map_or(Key::MAX, |at| at.key);
        let leaf = child.number;
        (leaf, Span { leaf, first, last })
    })
}

/// The postings in a leaf of what is wanted in a scope, each with its term.
pub(super) fn read_leaf(
    segment: &Segment,
    bytes: &[u8],
    wanted: &Wanted,
    scope: &Scope,
    mut take: impl FnMut(&[u8], Posting),
) -> Result<()> {
    let mut leaf = Leaf::read(bytes, crate::domain::Timestamp(segment.earliest));
    while let Some(run) = leaf.next_run()? {
        match wanted.place(&leaf.term) {
            Ordering::Less => continue,
            Ordering::Greater => break,
            Ordering::Equal => {}
        }
        let mut keys = scope.as_deref();
        for posting in run {
            let posting = posting?;
            if let Some(left) = &mut keys {
                // Both are sorted, and mostly nobody asks for a posting's conversation.
                if left.first().is_some_and(|key| *key < posting.key) {
                    *left = &left[left.partition_point(|key| *key < posting.key)..];
                }
                match left.first() {
                    Some(key) if *key == posting.key => {}
                    Some(_) => continue,
                    None => break,
                }
            }
            take(&leaf.term, posting);
        }
    }
    Ok(())
}

/// The error for a search that never saw one state of the index.
pub(super) fn unsettled() -> Error {
    Error::Unavailable("the search's index was replaced again and again".to_owned())
}
