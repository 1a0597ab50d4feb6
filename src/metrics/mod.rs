//! What is counted and measured; `/metrics` shows it. No label ever holds what a client chose.
//!
//! What happens is counted where it happens, by counters that are looked up once and are atomics from then on; how
//! things stand is [read](Readings) when somebody asks.

mod process;
mod readings;

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{
        counter::Counter as Counted,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

pub use readings::{Readings, Waits};

/// Counts up.
pub type Counter = Counted<u64>;

/// Seconds: from a read of the embedded store to the longest that an operation may take.
const LATENCIES: [f64; 14] = [
    0.000_25, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// A label and its value, out of few that are known beforehand.
type Label = [(&'static str, &'static str); 1];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OperationLabels {
    field: &'static str,
    outcome: &'static str,
}

/// Every measured figure of one server.
pub struct Metrics {
    registry: Registry,
    /// Since the Unix epoch.
    started: Duration,
    operations: Family<OperationLabels, Histogram>,
    subscription_errors: Family<Label, Counter>,
    store_calls: Family<Label, Histogram>,
    store_call_failures: Counter,
    refusals: Family<Label, Counter>,
    closed: Family<[(&'static str, String); 1], Counter>,
    /// Open WebSockets.
    pub sockets: Gauge,
    /// Subscriptions under way.
    pub subscriptions: Gauge,
    /// Events handed to subscriptions.
    pub deliveries: Counter,
    /// Times that a subscription fell behind what is kept for it, and was told from the store.
    pub subscription_lags: Counter,
    /// Clients that were cut because they do not read.
    pub slow_readers: SlowReaders,
    /// What this server has written.
    pub written: Written,
    /// Entries that were offered to the store as one.
    pub batch: Histogram,
    /// How old entries were when they were handed out.
    pub delay: Histogram,
    /// Entries that were handed out and that a search may not find yet.
    pub unindexed: Gauge,
    /// Accounts made.
    pub signups: Counter,
    /// Sign-ins by password.
    pub logins: Counter,
    /// Logins with a wrong name or password.
    pub login_failures: Counter,
    /// Servers on the same store that live, this one among them.
    pub servers: Gauge,
    /// Signals of other servers.
    pub signals: Counter,
    /// Times that a signal may have been missed.
    pub signal_gaps: Counter,
    /// Terms of this server in lanes.
    pub terms: Counter,
}

/// Clients that do not read, by what they were connected with.
pub struct SlowReaders {
    pub websocket: Counter,
    pub http: Counter,
}

/// What was written into the log.
pub struct Written {
    pub messages: Counter,
    /// Edits and deletions.
    pub message_changes: Counter,
    pub reactions: Counter,
    /// Made, renamed, or with other members.
    pub conversation_changes: Counter,
    pub blocks: Counter,
}

impl Metrics {
    /// Everything at zero, for a server over this kind of `store`.
    pub fn new(store: &'static str) -> Self {
        let latency = || Histogram::new(LATENCIES);
        let (slow_readers, changes) = (Family::default(), Family::default());
        let slow = |transport| one(&slow_readers, "transport", transport);
        let change = |of| one(&changes, "of", of);
        let mut metrics = Self {
            registry: Registry::default(),
            started: process::now(),
            operations: Family::new_with_constructor(latency),
            subscription_errors: Family::default(),
            store_calls: Family::new_with_constructor(latency),
            store_call_failures: Counter::default(),
            refusals: Family::default(),
            closed: Family::default(),
            sockets: Gauge::default(),
            subscriptions: Gauge::default(),
            deliveries: Counter::default(),
            subscription_lags: Counter::default(),
            slow_readers: SlowReaders {
                websocket: slow("websocket"),
                http: slow("http"),
            },
            written: Written {
                messages: Counter::default(),
                message_changes: change("message"),
                reactions: change("reaction"),
                conversation_changes: change("conversation"),
                blocks: change("block"),
            },
            batch: Histogram::new(exponential_buckets(1.0, 2.0, 9)),
            delay: latency(),
            unindexed: Gauge::default(),
            signups: Counter::default(),
            logins: Counter::default(),
            login_failures: Counter::default(),
            servers: Gauge::default(),
            signals: Counter::default(),
            signal_gaps: Counter::default(),
            terms: Counter::default(),
        };
        metrics.servers.set(1);
        metrics.register(store, slow_readers, changes);
        metrics
    }

    fn register(
        &mut self,
        store: &'static str,
        slow_readers: Family<Label, Counter>,
        changes: Family<Label, Counter>,
    ) {
        let build = [("version", env!("CARGO_PKG_VERSION")), ("store", store)];
        let registry = &mut self.registry;
        registry.register(
            "chinwag_build",
            "The version and the kind of store",
            Info::new(build),
        );
        registry.register_with_unit(
            "chinwag_operation_duration",
            "Queries and mutations by root field and outcome, with how long they took; what could not be run is other",
            Unit::Seconds,
            self.operations.clone(),
        );
        registry.register(
            "chinwag_subscription_errors",
            "Subscriptions that an error ended, by its code",
            self.subscription_errors.clone(),
        );
        registry.register_with_unit(
            "chinwag_store_call_duration",
            "Calls to the store's engine, with how long they took",
            Unit::Seconds,
            self.store_calls.clone(),
        );
        registry.register(
            "chinwag_refusals",
            "What was refused as it was too much at once, by the limit",
            self.refusals.clone(),
        );
        registry.register(
            "chinwag_sockets_closed",
            "WebSockets that ended, by the close code that the server sent; gone where the client left, cut where it was cut off",
            self.closed.clone(),
        );
        registry.register(
            "chinwag_slow_readers_cut",
            "Readers that were cut off because they took nothing in",
            slow_readers,
        );
        registry.register(
            "chinwag_changes",
            "Changes that this server wrote, by what was changed",
            changes,
        );
        for (name, help, counter) in [
            (
                "chinwag_store_call_failures",
                "Calls to the store's engine that failed",
                &self.store_call_failures,
            ),
            (
                "chinwag_messages_sent",
                "Messages that this server wrote",
                &self.written.messages,
            ),
            (
                "chinwag_deliveries",
                "Events handed to subscriptions, one for each subscription that is told of it",
                &self.deliveries,
            ),
            (
                "chinwag_subscription_lags",
                "Times that a subscription was read too slowly and had to be told from the store",
                &self.subscription_lags,
            ),
            ("chinwag_signups", "Accounts made", &self.signups),
            ("chinwag_logins", "Sign-ins by password", &self.logins),
            (
                "chinwag_login_failures",
                "Logins with a wrong name or password",
                &self.login_failures,
            ),
            (
                "chinwag_signals",
                "Signals of other servers that were heard",
                &self.signals,
            ),
            (
                "chinwag_signal_gaps",
                "Times that signals of other servers may have been missed, so that all was looked at anew",
                &self.signal_gaps,
            ),
            (
                "chinwag_terms",
                "Terms that this server began in a lane of the log",
                &self.terms,
            ),
        ] {
            registry.register(name, help, counter.clone());
        }
        for (name, help, gauge) in [
            ("chinwag_sockets", "Open WebSockets", &self.sockets),
            (
                "chinwag_subscriptions",
                "Subscriptions under way",
                &self.subscriptions,
            ),
            (
                "chinwag_search_unindexed_entries",
                "Entries that were handed out and that a search may not find yet",
                &self.unindexed,
            ),
            (
                "chinwag_servers",
                "Servers on the same store that live, this one among them",
                &self.servers,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "chinwag_batch_entries",
            "Entries that were offered to the store as one",
            self.batch.clone(),
        );
        registry.register_with_unit(
            "chinwag_entry_delay",
            "How old entries were, by the clock of the server that wrote them, when they were handed out to someone here",
            Unit::Seconds,
            self.delay.clone(),
        );
    }

    /// Notes an operation: `field` is a root field of the schema, `outcome` is `ok` or an error's code.
    pub fn operation(&self, field: &'static str, outcome: &'static str, took: Duration) {
        let labels = OperationLabels { field, outcome };
        let operations = self.operations.get_or_create(&labels);
        operations.observe(took.as_secs_f64());
    }

    /// Notes that an error of this code ended a subscription.
    pub fn subscription_failed(&self, code: &'static str) {
        one(&self.subscription_errors, "code", code).inc();
    }

    /// Notes a call to the store's engine, and whether it failed.
    pub fn store_call(&self, call: &'static str, took: Duration, failed: bool) {
        let calls = self.store_calls.get_or_create(&[("call", call)]);
        calls.observe(took.as_secs_f64());
        if failed {
            self.store_call_failures.inc();
        }
    }

    /// Counts what a limit refuses.
    pub fn refused_by(&self, limit: &'static str) -> Counter {
        one(&self.refusals, "limit", limit)
    }

    /// Notes the end of a socket: by a close code, or another.
    pub fn socket_closed(&self, reason: impl fmt::Display) {
        let labels = [("reason", reason.to_string())];
        self.closed.get_or_create(&labels).inc();
    }

    /// All of it, with how things stand, in the OpenMetrics text format, which Prometheus reads. May block for a moment.
    ///
    /// # Errors
    /// When it cannot be written as text.
    pub fn render(&self, mut readings: Readings) -> Result<String, fmt::Error> {
        process::read(self.started, &mut readings);
        let mut page = String::new();
        text::encode_registry(&mut page, &self.registry)?;
        readings.encode(&mut page)?;
        text::encode_eof(&mut page)?;
        Ok(page)
    }
}

/// One of a family, which takes no lookup from then on.
fn one(family: &Family<Label, Counter>, label: &'static str, value: &'static str) -> Counter {
    family.get_or_create(&[(label, value)]).clone()
}
