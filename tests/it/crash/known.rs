//! What is known of things that were changed, when not every change was answered.

use std::fmt::Debug;

/// Something that changes: what it was when it was last acknowledged, and what it may have become since.
#[derive(Debug)]
pub struct Known<T> {
    pub acknowledged: T,
    pub tried: Vec<T>,
}

impl<T: Clone + PartialEq + Debug> Known<T> {
    pub fn new(value: T) -> Self {
        Self {
            acknowledged: value,
            tried: Vec::new(),
        }
    }

    /// It is about to become this; when that is acknowledged, it is.
    pub fn try_to(&mut self, value: T) {
        self.tried.push(value);
    }

    pub fn done(&mut self) {
        let value = self.tried.pop().expect("it was tried");
        *self = Self::new(value);
    }

    /// Makes sure that it is what it may be.
    pub fn check(&self, what: &str, found: &T) {
        let possible = *found == self.acknowledged || self.tried.contains(found);
        assert!(possible, "{what} is {found:?}, not {self:?}");
    }
}

/// A message and its states in a few words.
pub struct Written {
    /// What its client called it, and said at first.
    pub name: String,
    pub id: Option<String>,
    pub state: Known<String>,
}
