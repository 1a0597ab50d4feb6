//! What SIGHUP does: the settings file is read again, and what can change while the server runs does.

use std::{convert::Infallible, ffi::OsString, future};

use chinwag::{
    http::AllowedOrigins,
    settings::{Settings, Told, Unreadable},
    telemetry::LogGate,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::service;

/// What [`Rereading::apply`] changes at once.
const AT_ONCE: [&str; 2] = ["LOG", "ALLOWED_ORIGINS"];

/// Everything that it takes to read the settings again and let them hold.
pub struct Rereading {
    args: Vec<OsString>,
    /// None where there is no settings file: then SIGHUP is the end, as when a terminal is closed.
    hangups: Option<Signal>,
    log: LogGate,
    /// With what the server was started.
    started: Told,
    /// What holds now.
    holding: Told,
}

impl Rereading {
    /// From now on SIGHUP waits to be heard.
    ///
    /// # Errors
    /// The system's.
    pub fn prepare(
        args: Vec<OsString>,
        settings: &Settings,
        log: LogGate,
    ) -> std::io::Result<Self> {
        let hangups = settings.config.as_ref();
        let hangups = hangups.map(|_| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            args,
            hangups,
            log,
            started: settings.told.clone(),
            holding: settings.told.clone(),
        })
    }

    /// Reads them at each SIGHUP; `origins` are those that the server lets in.
    pub async fn run(mut self, origins: AllowedOrigins) -> Infallible {
        let Some(mut hangups) = self.hangups.take() else {
            return future::pending().await;
        };
        while hangups.recv().await.is_some() {
            service::is_reloading();
            self.once(&origins).await;
            service::is_ready();
        }
        future::pending().await
    }

    async fn once(&mut self, origins: &AllowedOrigins) {
        let args = self.args.clone();
        let read = tokio::task::spawn_blocking(|| Settings::read(args)).await;
        let reason = match read {
            Ok(Ok(settings)) => return self.apply(&settings, origins),
            Ok(Err(Unreadable::Wrong(reason, _))) => reason,
            Ok(Err(Unreadable::Asked(_))) => return,
            Err(error) => error.to_string(),
        };
        tracing::warn!(
            reason,
            "the settings stay as they are: they could not be read again"
        );
    }

    fn apply(&mut self, settings: &Settings, origins: &AllowedOrigins) {
        let (changed, _) = settings.told.unlike(&self.holding).split(&AT_ONCE);
        let (_, later) = settings.told.unlike(&self.started).split(&AT_ONCE);
        let tell = || {
            tracing::info!(changed = changed.to_string(), "settings read again");
            if let Some(warning) = &settings.warning {
                tracing::warn!("{warning}");
            }
            if !later.is_empty() {
                tracing::warn!(
                    settings = later.names(),
                    "the next start takes these settings in, not this server"
                );
            }
        };
        // A level that shows less holds after this was told, one that shows more before.
        let is_shown = tracing::enabled!(tracing::Level::INFO);
        if is_shown {
            tell();
        }
        self.log.set(&settings.log);
        origins.replace(settings.allowed_origins.clone());
        if !is_shown {
            tell();
        }
        self.holding = settings.told.clone();
    }
}
