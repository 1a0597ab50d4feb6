//! What is counted and measured; `/metrics` shows it. No label ever holds what a client chose.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// Every measured figure of one server.
pub struct Metrics {
    registry: Registry,
    operations: Family<OperationLabels, Histogram>,
    store_calls: Family<CallLabels, Histogram>,
    /// Open sockets.
    pub sockets: Gauge,
    /// Subscriptions under way.
    pub subscriptions: Gauge,
    /// Users who are online on this process.
    pub online: Gauge,
    /// Users to whom events are handed out.
    pub channels: Gauge,
    /// Events written to subscriptions.
    pub deliveries: Counter,
    /// Messages that were written as one batch.
    pub batch_size: Histogram,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    field: String,
    outcome: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CallLabels {
    call: String,
}

impl Metrics {
    /// Everything at zero.
    pub fn new() -> Self {
        fn latency() -> Histogram {
            Histogram::new(exponential_buckets(0.000_25, 2.0, 17))
        }
        let metrics = Self {
            registry: Registry::default(),
            operations: Family::new_with_constructor(latency),
            store_calls: Family::new_with_constructor(latency),
            sockets: Gauge::default(),
            subscriptions: Gauge::default(),
            online: Gauge::default(),
            channels: Gauge::default(),
            deliveries: Counter::default(),
            batch_size: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let mut registry = Registry::with_prefix("chinwag");
        registry.register_with_unit(
            "operation",
            "Operations by root field and outcome, with how long they took",
            Unit::Seconds,
            self.operations.clone(),
        );
        registry.register_with_unit(
            "store_call",
            "Calls to the store's engine, with how long they took",
            Unit::Seconds,
            self.store_calls.clone(),
        );
        registry.register("sockets", "Open WebSockets", self.sockets.clone());
        registry.register(
            "subscriptions",
            "Subscriptions under way",
            self.subscriptions.clone(),
        );
        registry.register(
            "online",
            "Users who are online on this process",
            self.online.clone(),
        );
        registry.register(
            "channels",
            "Users to whom events are handed out",
            self.channels.clone(),
        );
        registry.register(
            "deliveries",
            "Events written to subscriptions",
            self.deliveries.clone(),
        );
        registry.register(
            "batch_size",
            "Messages written as one batch",
            self.batch_size.clone(),
        );
        self.registry = registry;
        self
    }

    /// Notes an operation: `field` is a root field of the schema, `outcome` is `ok` or an error's code.
    pub fn operation(&self, field: &str, outcome: &str, took: Duration) {
        let labels = OperationLabels {
            field: field.to_owned(),
            outcome: outcome.to_owned(),
        };
        self.operations
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// Notes a call to the store's engine.
    pub fn store_call(&self, call: &'static str, took: Duration) {
        self.store_calls
            .get_or_create(&CallLabels {
                call: call.to_owned(),
            })
            .observe(took.as_secs_f64());
    }

    /// All of it in the OpenMetrics text format, which Prometheus reads.
    ///
    /// # Errors
    /// When it cannot be written as text.
    pub fn render(&self) -> Result<String, fmt::Error> {
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
