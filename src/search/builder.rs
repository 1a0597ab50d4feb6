//! Writing a segment, in order, with one open part of each level in memory.

use bytes::Bytes;

use super::{
    part::{CHANGED_TERMS, Key, LeafWriter, NodeWriter, Posting},
    segment::{FIRST_NODE, Segment, fresh_id, part_number},
};
use crate::domain::{Seq, Timestamp};

/// A part and the number under which the store is to have it.
pub(super) type Part = (i64, Bytes);

pub(super) struct Builder {
    segment: Segment,
    leaf: LeafWriter,
    /// Where the open leaf begins.
    leaf_begin: (Vec<u8>, Key),
    levels: Vec<Level>,
    nodes: u32,
    /// What was added last.
    term: Vec<u8>,
    last: Option<(Key, Seq)>,
    parts: Vec<Part>,
}

/// The open node of a level.
struct Level {
    node: NodeWriter,
    begin: (Vec<u8>, Key),
    children: u32,
    /// The child that was added last.
    newest: u32,
}

impl Builder {
    /// A segment of messages of which none was sent before `earliest`.
    pub(super) fn new(earliest: Timestamp) -> Self {
        Self {
            segment: Segment {
                id: fresh_id(),
                leaves: 0,
                root: None,
                postings: 0,
                earliest: earliest.0,
                latest: earliest.0,
                changes: 0,
            },
            leaf: LeafWriter::new(earliest),
            leaf_begin: (Vec::new(), 0),
            levels: Vec::new(),
            nodes: 0,
            term: Vec::new(),
            last: None,
            parts: Vec::new(),
        }
    }

    /// The segment's id.
    pub(super) fn id(&self) -> i64 {
        self.segment.id
    }

    /// Adds what comes next in order; what is the same as the one before is left out.
    pub(super) fn push(&mut self, term: &[u8], posting: Posting) {
        let is_new_term = self.term != term || self.last.is_none();
        let place = (posting.key, posting.seq);
        if !is_new_term && self.last == Some(place) {
            return;
        }
        if self.leaf.is_full() {
            self.close_leaf();
        }
        if self.leaf.is_empty() {
            self.leaf_begin = (term.to_vec(), posting.key);
        }
        if is_new_term {
            self.term.clear();
            self.term.extend_from_slice(term);
        }
        self.last = Some(place);
        self.leaf.push(term, is_new_term, posting);
        self.segment.postings += 1;
        self.segment.latest = self.segment.latest.max(posting.sent_at.0);
        if term.starts_with(CHANGED_TERMS) {
            self.segment.changes += 1;
        }
    }

    fn close_leaf(&mut self) {
        if let Some(bytes) = self.leaf.close() {
            let number = self.segment.leaves;
            self.segment.leaves += 1;
            self.parts
                .push((part_number(self.segment.id, number), bytes));
            let begin = std::mem::take(&mut self.leaf_begin);
            self.add_child(0, begin, number);
        }
    }

    fn add_child(&mut self, level: usize, begin: (Vec<u8>, Key), child: u32) {
        if level == self.levels.len() {
            self.levels.push(Level {
                node: NodeWriter::default(),
                begin: begin.clone(),
                children: 0,
                newest: 0,
            });
        }
        if self.levels[level].node.is_full() {
            self.close_node(level);
        }
        let open = &mut self.levels[level];
        if open.children == 0 {
            open.begin = begin.clone();
        }
        open.node.push(&begin.0, begin.1, child);
        open.children += 1;
        open.newest = child;
    }

    fn close_node(&mut self, level: usize) {
        let open = &mut self.levels[level];
        let number = FIRST_NODE + self.nodes;
        self.nodes += 1;
        let (begin, bytes) = (std::mem::take(&mut open.begin), open.node.close());
        open.children = 0;
        self.parts
            .push((part_number(self.segment.id, number), bytes));
        self.add_child(level + 1, begin, number);
    }

    /// The parts that are whole by now, once they are so many.
    pub(super) fn whole_parts(&mut self, at_least: usize) -> Option<Vec<Part>> {
        (self.parts.len() >= at_least).then(|| std::mem::take(&mut self.parts))
    }

    /// The segment, and those of its parts that were not taken yet; none where nothing was added.
    pub(super) fn finish(mut self) -> Option<(Segment, Vec<Part>)> {
        self.close_leaf();
        // A level of one child is that child.
        let mut level = 0;
        while level < self.levels.len() {
            let is_top = level + 1 == self.levels.len();
            let open = &self.levels[level];
            if is_top && open.children == 1 {
                self.segment.root = (level > 0).then_some(open.newest);
                break;
            }
            if open.children > 0 {
                self.close_node(level);
            }
            level += 1;
        }
        (self.segment.leaves > 0).then_some((self.segment, self.parts))
    }
}
