//! Log lines, as text for people or JSON for machines, on stderr.

use std::{
    io::{IsTerminal, Write, stderr},
    panic,
};

use serde_json::json;
use tracing_subscriber::{
    EnvFilter, Registry, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

use crate::settings::{LogFilter, LogFormat};

/// What the log lets through, to be changed while the program runs.
pub struct LogGate(reload::Handle<EnvFilter, Registry>);

impl LogGate {
    /// From now on it lets through what `filter` does.
    pub fn set(&self, filter: &LogFilter) {
        // A host that logs already goes on as it does.
        let _ = self.0.reload(env_filter(filter));
    }
}

/// Starts logging what `filter` lets through. A second call changes nothing.
pub fn start(filter: &LogFilter, format: LogFormat) -> LogGate {
    let (filter, gate) = reload::Layer::new(env_filter(filter));
    // A line that cannot be written is lost; to say so on the same stderr would panic.
    let lines = fmt::layer().with_writer(stderr).log_internal_errors(false);
    let started = match format {
        LogFormat::Text => tracing_subscriber::registry()
            .with(filter)
            .with(lines.with_target(false).with_ansi(has_colours()))
            .try_init(),
        LogFormat::Json => tracing_subscriber::registry()
            .with(filter)
            .with(lines.json())
            .try_init(),
    };
    // A host that logs already goes on as it does.
    if started.is_ok() && format == LogFormat::Json {
        panic::set_hook(Box::new(|panic| {
            let at = panic.location().map(ToString::to_string);
            let reason = panic.payload_as_str().unwrap_or_default();
            tracing::error!(at, reason, "panicked");
        }));
    }
    LogGate(gate)
}

fn env_filter(LogFilter(filter): &LogFilter) -> EnvFilter {
    // Libraries that could show what people send are kept to what is wrong with them, whatever the level.
    let quiet = [
        "hyper",
        "h2",
        "tungstenite",
        "tokio_tungstenite",
        "mongodb",
        "rustls",
        "async_graphql",
    ];
    let quiet = quiet
        .iter()
        .filter(|name| !filter.contains(*name))
        .map(|name| format!("{name}=warn"));
    EnvFilter::new(
        std::iter::once(filter.to_owned())
            .chain(quiet)
            .collect::<Vec<_>>()
            .join(","),
    )
}

/// Whether stderr is a terminal whose user did not ask for none (no-color.org).
fn has_colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stderr().is_terminal() && !unwanted
}

/// Writes why the program ends, in one line that no filter holds back.
pub fn write_failure(reason: &str, format: LogFormat) {
    let line = match format {
        LogFormat::Text => format!("chinwag: {reason}"),
        LogFormat::Json => json!({
            "timestamp": jiff::Timestamp::now().to_string(),
            "level": "ERROR",
            "fields": { "message": reason },
            "target": "chinwag",
        })
        .to_string(),
    };
    // Whoever reads it may be gone; the exit code says it too.
    let _ = writeln!(stderr(), "{line}");
}
