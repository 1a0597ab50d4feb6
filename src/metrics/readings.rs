//! How things stand, read when somebody asks.

use std::fmt;

use prometheus_client::{
    encoding::text,
    metrics::{counter::ConstCounter, family::Family, gauge::ConstGauge, gauge::Gauge},
    registry::{Registry, Unit},
};

/// Figures with their names and what they say, as they are at one moment.
#[derive(Default)]
pub struct Readings {
    registry: Registry,
    waiting: Family<[(&'static str, &'static str); 1], Gauge>,
    room: Family<[(&'static str, &'static str); 1], Gauge>,
}

/// What waits in a bounded queue, or is under way where only so much may be at once.
#[derive(Clone, Copy, Debug)]
pub struct Waits {
    pub name: &'static str,
    pub length: usize,
    pub capacity: usize,
}

impl Readings {
    /// A number of things, which the name says.
    pub fn count(&mut self, name: &'static str, help: &'static str, count: usize) {
        self.registry.register(name, help, ConstGauge::new(count));
    }

    /// A time in seconds; the name gets its unit behind it.
    pub fn seconds(&mut self, name: &'static str, help: &'static str, seconds: f64) {
        let gauge = ConstGauge::new(seconds);
        self.registry
            .register_with_unit(name, help, Unit::Seconds, gauge);
    }

    /// A time that was spent since the start, in seconds.
    pub fn seconds_spent(&mut self, name: &'static str, help: &'static str, seconds: f64) {
        let counter = ConstCounter::new(seconds);
        self.registry
            .register_with_unit(name, help, Unit::Seconds, counter);
    }

    /// A size in bytes; the name gets its unit behind it.
    pub fn bytes(&mut self, name: &'static str, help: &'static str, bytes: u64) {
        let gauge = ConstGauge::new(bytes);
        self.registry
            .register_with_unit(name, help, Unit::Bytes, gauge);
    }

    /// A queue.
    pub fn queue(&mut self, queue: Waits) {
        let labels = [("queue", queue.name)];
        for (family, number) in [(&self.waiting, queue.length), (&self.room, queue.capacity)] {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            family.get_or_create(&labels).set(number);
        }
    }

    pub(super) fn encode(mut self, page: &mut String) -> fmt::Result {
        self.registry.register(
            "chinwag_queue_entries",
            "What waits in a queue, or is under way where only so much may be at once",
            self.waiting,
        );
        self.registry.register(
            "chinwag_queue_capacity_entries",
            "How much may wait in a queue; what comes then waits outside or is refused",
            self.room,
        );
        text::encode_registry(page, &self.registry)
    }
}
