//! How parts of a segment are written: sorted by (term, conversation, seq), and each told by what it differs in from the
//! one before.
//!
//! A *leaf* holds runs: a term, and postings in one piece. A *node* holds where leaves, or nodes below it, begin.

use bytes::Bytes;

use super::unreadable;
use crate::{
    domain::{ConversationId, Seq, Timestamp},
    error::Result,
};

/// How large a part is when it is closed, in bytes: a fetch brings little that is not needed, and a large segment has
/// not too many.
pub(super) const FULL: usize = 8 * 1024;

/// Of longer words only so many bytes are indexed; whoever finds one looks at the message anyhow.
const LONGEST: usize = 64;

/// What stands before the id of a conversation in a term that no word can be: it tells which messages were changed.
const CHANGED: u8 = 0xFF;

/// A word as a term.
pub(super) fn term(word: &str) -> &str {
    &word[..word.floor_char_boundary(LONGEST)]
}

/// The term under which changed messages of a conversation stand.
pub(super) fn changed_term(conversation: ConversationId) -> [u8; 17] {
    let mut term = [CHANGED; 17];
    term[1..].copy_from_slice(conversation.0.as_bytes());
    term
}

/// All of those begin with this.
pub(super) const CHANGED_TERMS: &[u8] = &[CHANGED];

/// The conversation that such a term names.
pub(super) fn changed_conversation(term: &[u8]) -> Option<ConversationId> {
    let id = term.strip_prefix(CHANGED_TERMS)?;
    uuid::Uuid::from_slice(id).ok().map(ConversationId)
}

/// A conversation in a posting: 48 random bits of its id. Who finds a posting has the ids that it can mean.
pub(super) type Key = u64;

/// The key of a conversation.
pub(super) fn key(conversation: ConversationId) -> Key {
    // The last bits of an id are random.
    conversation.0.as_u64_pair().1 & 0xFFFF_FFFF_FFFF
}

/// Where a word stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Posting {
    pub(super) key: Key,
    pub(super) seq: Seq,
    pub(super) sent_at: Timestamp,
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn put_size(bytes: &mut Vec<u8>, size: usize) {
    put(bytes, size as u64);
}

fn get(bytes: &mut &[u8]) -> Result<u64> {
    let (mut number, mut shift) = (0, 0);
    while let Some((byte, rest)) = bytes.split_first() {
        *bytes = rest;
        number |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Ok(number);
        }
        shift += 7;
        if shift > 63 {
            break;
        }
    }
    Err(unreadable())
}

fn get_size(bytes: &mut &[u8]) -> Result<usize> {
    usize::try_from(get(bytes)?).map_err(|_| unreadable())
}

fn get_bytes<'a>(bytes: &mut &'a [u8]) -> Result<&'a [u8]> {
    let size = get_size(bytes)?;
    let (found, rest) = bytes.split_at_checked(size).ok_or_else(unreadable)?;
    *bytes = rest;
    Ok(found)
}

/// Writes a term by what it differs in from the one before, which it replaces.
fn put_term(bytes: &mut Vec<u8>, before: &mut Vec<u8>, term: &[u8]) {
    let shared = before.iter().zip(term).take_while(|(a, b)| a == b).count();
    put_size(bytes, shared);
    put_size(bytes, term.len() - shared);
    bytes.extend_from_slice(&term[shared..]);
    before.truncate(shared);
    before.extend_from_slice(&term[shared..]);
}

fn get_term(bytes: &mut &[u8], term: &mut Vec<u8>) -> Result<()> {
    let shared = get_size(bytes)?;
    if shared > term.len() {
        return Err(unreadable());
    }
    term.truncate(shared);
    term.extend_from_slice(get_bytes(bytes)?);
    Ok(())
}

/// Writes a leaf.
pub(super) struct LeafWriter {
    /// The earliest instant of the segment.
    base: Timestamp,
    bytes: Vec<u8>,
    term: Vec<u8>,
    run: Vec<u8>,
    last: Option<Posting>,
}

impl LeafWriter {
    pub(super) fn new(base: Timestamp) -> Self {
        Self {
            base,
            bytes: Vec::with_capacity(FULL + FULL / 8),
            term: Vec::new(),
            run: Vec::new(),
            last: None,
        }
    }

    /// Adds what comes next in order. `is_new_term` says that it is of another term than the one before.
    pub(super) fn push(&mut self, term: &[u8], is_new_term: bool, posting: Posting) {
        if self.last.is_none() || is_new_term {
            self.close_run();
            put_term(&mut self.bytes, &mut self.term, term);
        }
        let (key, seq) = match self.last {
            Some(last) if last.key == posting.key => (0, posting.seq - last.seq),
            Some(last) => (posting.key - last.key, posting.seq),
            // One more, as 0 says that it is the same conversation.
            None => (posting.key + 1, posting.seq),
        };
        put(&mut self.run, key);
        put(&mut self.run, seq.unsigned_abs());
        let since = posting.sent_at.0 - self.base.0;
        put(&mut self.run, since.unsigned_abs());
        self.last = Some(posting);
    }

    fn close_run(&mut self) {
        if self.last.take().is_some() {
            put_size(&mut self.bytes, self.run.len());
            self.bytes.extend_from_slice(&self.run);
            self.run.clear();
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() + self.run.len() >= FULL
    }

    pub(super) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// What was written, if anything was; the next leaf begins.
    pub(super) fn close(&mut self) -> Option<Bytes> {
        self.close_run();
        self.term.clear();
        if self.bytes.is_empty() {
            return None;
        }
        let bytes = Bytes::copy_from_slice(&self.bytes);
        self.bytes.clear();
        Some(bytes)
    }
}

/// Reads a leaf, run by run.
pub(super) struct Leaf<'a> {
    base: Timestamp,
    rest: &'a [u8],
    /// The term of the run that was given last.
    pub(super) term: Vec<u8>,
}

impl<'a> Leaf<'a> {
    pub(super) fn read(bytes: &'a [u8], base: Timestamp) -> Self {
        Self {
            base,
            rest: bytes,
            term: Vec::new(),
        }
    }

    /// The postings of the next run, whose term is [`Leaf::term`] then.
    pub(super) fn next_run(&mut self) -> Result<Option<Run<'a>>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        get_term(&mut self.rest, &mut self.term)?;
        let rest = get_bytes(&mut self.rest)?;
        Ok(Some(Run {
            base: self.base,
            rest,
            last: None,
        }))
    }
}

/// Postings of one term.
pub(super) struct Run<'a> {
    base: Timestamp,
    rest: &'a [u8],
    last: Option<(Key, Seq)>,
}

impl Run<'_> {
    fn read(&mut self) -> Result<Posting> {
        let key = get(&mut self.rest)?;
        let number = |bytes: &mut &[u8]| Seq::try_from(get(bytes)?).map_err(|_| unreadable());
        let seq = number(&mut self.rest)?;
        let (key, seq) = match self.last {
            Some((last, before)) if key == 0 => (last, before.wrapping_add(seq)),
            Some((last, _)) => (last.wrapping_add(key), seq),
            None => (key.wrapping_sub(1), seq),
        };
        self.last = Some((key, seq));
        let since = number(&mut self.rest)?;
        Ok(Posting {
            key,
            seq,
            sent_at: Timestamp(self.base.0.wrapping_add(since)),
        })
    }
}

impl Iterator for Run<'_> {
    type Item = Result<Posting>;

    fn next(&mut self) -> Option<Self::Item> {
        (!self.rest.is_empty()).then(|| self.read())
    }
}

/// Writes a node.
#[derive(Default)]
pub(super) struct NodeWriter {
    bytes: Vec<u8>,
    term: Vec<u8>,
}

impl NodeWriter {
    /// Adds a child that begins with this term and key.
    pub(super) fn push(&mut self, term: &[u8], key: Key, child: u32) {
        put_term(&mut self.bytes, &mut self.term, term);
        put(&mut self.bytes, key);
        put(&mut self.bytes, child.into());
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    pub(super) fn close(&mut self) -> Bytes {
        self.term.clear();
        Bytes::from(std::mem::take(&mut self.bytes))
    }
}

/// A child of a node: where it begins, and its number.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Child {
    pub(super) term: Vec<u8>,
    pub(super) key: Key,
    pub(super) number: u32,
}

/// Reads a node.
pub(super) fn children(mut bytes: &[u8]) -> Result<Vec<Child>> {
    let mut children = Vec::new();
    let mut term = Vec::new();
    while !bytes.is_empty() {
        get_term(&mut bytes, &mut term)?;
        children.push(Child {
            term: term.clone(),
            key: get(&mut bytes)?,
            number: u32::try_from(get(&mut bytes)?).map_err(|_| unreadable())?,
        });
    }
    Ok(children)
}
