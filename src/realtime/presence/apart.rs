//! Who sees nothing of whom: pairs that part or come together, and all that holds, looked up anew.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
};

use super::{LEFT_KEPT, Timeouts};
use crate::domain::{Pair, UserId};

/// From whom each of some people is estranged.
pub type Estrangements = HashMap<UserId, HashSet<UserId>>;

/// What became of pairs, by the version with which watchers are told of it, for those that fall behind.
pub(super) struct Apart {
    pairs: Timeouts<(u64, Pair, bool)>,
    /// What was looked up last, and when watchers were told to compare it with what they know.
    looked_up: Option<(u64, Arc<Estrangements>)>,
    /// Whether a watcher may know something else than what was looked up last.
    differs: bool,
}

/// What is told of pairs with the next version.
#[derive(Default)]
pub(super) struct GatheredApart {
    pub(super) looked_up: Option<Arc<Estrangements>>,
    /// What changed behind that.
    pub(super) pairs: HashMap<Pair, bool>,
}

impl GatheredApart {
    pub(super) fn is_empty(&self) -> bool {
        self.looked_up.is_none() && self.pairs.is_empty()
    }

    pub(super) fn set(&mut self, pair: Pair, apart: bool) {
        self.pairs.insert(pair, apart);
    }
}

impl Apart {
    pub(super) fn new() -> Self {
        Self {
            pairs: Timeouts::new(LEFT_KEPT),
            looked_up: None,
            differs: false,
        }
    }

    /// A watcher may know something else from now on than what was looked up last.
    pub(super) fn may_differ(&mut self) {
        self.differs = true;
    }

    /// Gathers what was looked up; false when it is what every watcher knows.
    pub(super) fn look_up(&mut self, found: Estrangements, gathering: &mut GatheredApart) -> bool {
        let last = self.looked_up.as_ref().map(|(_, last)| &**last);
        let is_new = last.is_none_or(|last| !is_same(last, &found));
        if !mem::take(&mut self.differs) && !is_new {
            return false;
        }
        gathering.pairs.clear();
        gathering.looked_up = Some(Arc::new(found));
        true
    }

    /// Keeps what is told with a version.
    pub(super) fn tell(&mut self, version: u64, gathered: &GatheredApart) {
        for (pair, apart) in &gathered.pairs {
            self.pairs.push((version, *pair, *apart));
        }
        if let Some(found) = &gathered.looked_up {
            self.looked_up = Some((version, found.clone()));
        }
    }

    /// What became of pairs behind a version, in order, for a viewer who is estranged from these by then.
    pub(super) fn since(
        &self,
        version: u64,
        viewer: Option<UserId>,
        estranged: &HashSet<UserId>,
    ) -> Vec<(Pair, bool)> {
        let looked_up = self.looked_up.as_ref().filter(|(at, _)| *at > version);
        let others = looked_up.and_then(|(at, found)| Some((*at, viewer?, found.get(&viewer?)?)));
        let mut changed = Vec::new();
        let mut from = version + 1;
        if let Some((at, viewer, others)) = others {
            from = at;
            changed.extend(
                differences(others, estranged)
                    .filter_map(|(other, apart)| Some((Pair::new(viewer, other)?, apart))),
            );
        }
        let pairs = self.pairs.iter().filter(|(version, ..)| *version >= from);
        changed.extend(pairs.map(|(_, pair, apart)| (*pair, *apart)));
        changed
    }

    /// Forgets what no watcher can have missed any more; gives the moment at which there is more of it.
    pub(super) fn forget(&mut self, now: tokio::time::Instant) -> Option<tokio::time::Instant> {
        while self.pairs.pop_due(now).is_some() {}
        self.pairs.next()
    }
}

/// From whom someone is estranged by now, or no longer, who knew of these.
pub(super) fn differences<'a>(
    now: &'a HashSet<UserId>,
    known: &'a HashSet<UserId>,
) -> impl Iterator<Item = (UserId, bool)> + 'a {
    let differ = now.symmetric_difference(known);
    differ.map(|other| (*other, now.contains(other)))
}

/// Whether two say the same of everyone who is estranged from anyone.
fn is_same(one: &Estrangements, other: &Estrangements) -> bool {
    let says = |all: &Estrangements| all.values().filter(|others| !others.is_empty()).count();
    let mut of_one = one.iter().filter(|(_, others)| !others.is_empty());
    says(one) == says(other) && of_one.all(|(user, others)| other.get(user) == Some(others))
}
