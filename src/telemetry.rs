//! Log lines, as text for people or JSON for machines, on stderr.

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::settings::LogFormat;

/// Starts logging what `filter` lets through. A second call changes nothing.
pub fn start(filter: &str, format: LogFormat) {
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
    let filter = EnvFilter::new(
        std::iter::once(filter.to_owned())
            .chain(quiet)
            .collect::<Vec<_>>()
            .join(","),
    );
    let lines = fmt::layer().with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => tracing_subscriber::registry()
            .with(filter)
            .with(lines.with_target(false))
            .try_init(),
        LogFormat::Json => tracing_subscriber::registry()
            .with(filter)
            .with(lines.json())
            .try_init(),
    };
    // A host that logs already goes on as it does.
    drop(started);
}
