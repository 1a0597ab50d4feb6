//! What was looked up, kept in memory within bounds.

use std::{
    fmt,
    hash::Hash,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use quick_cache::{
    DefaultHashBuilder, Options, OptionsBuilder, Weighter,
    sync::{self, DefaultLifecycle, EntryAction, EntryResult},
};

/// Values by their keys. When there are too many, those stay that were asked for again.
pub struct Cache<K, V> {
    entries: sync::Cache<K, Entry<V>, Scales<K, V>>,
    lasts: Option<Duration>,
    /// Counts how often all was forgotten.
    age: AtomicU64,
}

/// When something was looked up: before or after all was forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(u64);

#[derive(Clone)]
struct Entry<V> {
    value: V,
    /// From then on it counts no more.
    until: Option<Instant>,
    age: Age,
}

/// Weighs what is kept.
struct Scales<K, V>(fn(&K, &V) -> usize);

impl<K: Eq + Hash + Clone, V: Clone> Cache<K, V> {
    /// One for so many values.
    pub fn new(capacity: usize) -> Self {
        let options = OptionsBuilder::new()
            .weight_capacity(capacity as u64)
            .estimated_items_capacity(capacity)
            .build();
        Self::with(options, |_, _| 1)
    }

    /// One for so many of the latest values.
    pub fn of_latest(capacity: usize) -> Self {
        // Else what came first keeps most of the room.
        let options = OptionsBuilder::new()
            .weight_capacity(capacity as u64)
            .estimated_items_capacity(capacity)
            .hot_allocation(0.0)
            .build();
        Self::with(options, |_, _| 1)
    }

    /// One for values that weigh so many bytes in all.
    pub fn of_weight(capacity: usize, weigh: fn(&K, &V) -> usize) -> Self {
        // In one piece, as each piece takes only what is lighter than it.
        let options = OptionsBuilder::new()
            .weight_capacity(capacity as u64)
            .estimated_items_capacity(capacity / 1024)
            .shards(1)
            .build();
        Self::with(options, weigh)
    }

    fn with(options: Result<Options, impl fmt::Debug>, weigh: fn(&K, &V) -> usize) -> Self {
        let options = options.expect("a capacity is all that has to be said");
        let hashing = DefaultHashBuilder::default();
        let lifecycle = DefaultLifecycle::default();
        Self {
            entries: sync::Cache::with_options(options, Scales(weigh), hashing, lifecycle),
            lasts: None,
            age: AtomicU64::new(0),
        }
    }

    /// The same with values that count for so long. They stay in memory until others take their places.
    pub fn lasting(self, lasts: Duration) -> Self {
        Self {
            lasts: Some(lasts),
            ..self
        }
    }

    /// A value that counts.
    pub fn get(&self, key: &K) -> Option<V> {
        let entry = self.entries.get(key)?;
        self.counts(&entry).then_some(entry.value)
    }

    /// Whether there is a value that counts.
    pub fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Puts a value in the place of what was kept.
    pub fn insert(&self, key: K, value: V) {
        self.insert_of(self.age(), key, value);
    }

    /// The moment, for what is looked up from here on.
    pub fn age(&self) -> Age {
        Age(self.age.load(Ordering::Acquire))
    }

    /// Puts a value in the place of what was kept; it does not count if all was forgotten since it was looked up.
    pub fn insert_of(&self, age: Age, key: K, value: V) {
        self.entries.insert(key, self.entry(age, value));
    }

    /// The same unless what is kept `is_newer`. Gives what is kept then.
    pub fn update(&self, key: &K, value: V, is_newer: impl FnOnce(&V) -> bool) -> V {
        let entry = self.entry(self.age(), value);
        let updated = self.entries.entry(key, None, |_, known| {
            if !self.counts(known) || !is_newer(&known.value) {
                *known = entry.clone();
            }
            EntryAction::Retain(known.value.clone())
        });
        match updated {
            EntryResult::Retained(value) => value,
            EntryResult::Vacant(place) => {
                // Should another have been put there meanwhile, that one stays.
                let _ = place.insert(entry.clone());
                entry.value
            }
            _ => entry.value,
        }
    }

    /// Keeps a value no longer.
    pub fn forget(&self, key: &K) {
        self.entries.remove(key);
    }

    /// Lets none of the values count any longer, all at the same moment.
    pub fn forget_all(&self) {
        self.age.fetch_add(1, Ordering::AcqRel);
    }

    /// All values that count.
    pub fn iter(&self) -> impl Iterator<Item = (K, V)> {
        let entries = self.entries.iter();
        let entries = entries.filter(|(_, entry)| self.counts(entry));
        entries.map(|(key, entry)| (key, entry.value))
    }

    fn entry(&self, age: Age, value: V) -> Entry<V> {
        // What lasts longer than there are instants lasts for ever.
        let until = self
            .lasts
            .and_then(|lasts| Instant::now().checked_add(lasts));
        Entry { value, until, age }
    }

    fn counts(&self, entry: &Entry<V>) -> bool {
        entry.age == self.age() && entry.until.is_none_or(|until| Instant::now() < until)
    }
}

impl<K, V> Clone for Scales<K, V> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<K, V> Weighter<K, Entry<V>> for Scales<K, V> {
    fn weight(&self, key: &K, entry: &Entry<V>) -> u64 {
        // What weighs nothing would never go.
        self.0(key, &entry.value).max(1) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_given_until_it_is_forgotten() {
        let cache = Cache::new(10);
        cache.insert("a", 1);
        cache.insert("b", 2);
        cache.insert("a", 3);
        assert_eq!((cache.get(&"a"), cache.get(&"b")), (Some(3), Some(2)));
        cache.forget(&"a");
        assert!(!cache.contains(&"a"));
        assert_eq!(cache.iter().collect::<Vec<_>>(), [("b", 2)]);
        let before = cache.age();
        cache.forget_all();
        assert_eq!(cache.get(&"b"), None);
        cache.insert_of(before, "c", 4);
        assert_eq!(cache.get(&"c"), None, "it was looked up before");
        cache.insert("b", 5);
        assert_eq!(cache.iter().collect::<Vec<_>>(), [("b", 5)]);
    }

    #[test]
    fn what_has_lasted_its_time_counts_no_more() {
        let over = Cache::new(10).lasting(Duration::ZERO);
        over.insert("a", 1);
        assert!(!over.contains(&"a"));
        assert_eq!(over.iter().count(), 0);
        assert_eq!(over.update(&"a", 0, |known| *known == 1), 0);
        let endless = Cache::new(10).lasting(Duration::MAX);
        endless.insert("a", 1);
        assert_eq!(endless.get(&"a"), Some(1));
    }

    #[test]
    fn an_update_leaves_what_is_newer() {
        let cache = Cache::new(10);
        let update = |value: u8| cache.update(&"a", value, |known| *known > value);
        assert_eq!([update(2), update(1), update(3)], [2, 2, 3]);
        assert_eq!(cache.get(&"a"), Some(3));
    }

    #[test]
    fn there_is_never_more_than_there_is_room_for() {
        let by_count = Cache::new(100);
        let by_weight = Cache::of_weight(10_000, |_, text: &String| text.len());
        for number in 0..1_000 {
            by_count.insert(number, ());
            by_weight.insert(number, "x".repeat(1_000));
        }
        // Every shard rounds its part up.
        assert!((50..=128).contains(&by_count.iter().count()));
        assert!((5..=10).contains(&by_weight.iter().count()));
        assert!(by_weight.contains(&999), "the newest is kept");
    }

    #[test]
    fn the_latest_stay_however_many_there_were() {
        let cache = Cache::of_latest(1_000);
        for number in 0..10_000 {
            cache.insert(number, ());
        }
        // Shards do not fill evenly.
        assert!((9_900..10_000).all(|number| cache.contains(&number)));
    }
}
