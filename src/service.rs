//! What a service manager (systemd) hands over, and what it is told. Where there is none, all of this is nothing.

use std::{convert::Infallible, future};

use listenfd::ListenFd;
use sd_notify::NotifyState;
use tokio::net::TcpListener;

/// The socket that it listens on for the server, if it does: then connections wait there while the server starts anew.
///
/// # Errors
/// One sentence; what was handed over is nothing to serve on.
pub fn listener() -> Result<Option<TcpListener>, String> {
    let mut sockets = ListenFd::from_env();
    if sockets.len() > 1 {
        return Err(format!(
            "{} sockets were handed over (LISTEN_FDS); the server takes one",
            sockets.len()
        ));
    }
    let taken = sockets.take_tcp_listener(0).and_then(|socket| {
        let Some(socket) = socket else {
            return Ok(None);
        };
        socket.set_nonblocking(true)?;
        TcpListener::from_std(socket).map(Some)
    });
    taken.map_err(|error| {
        format!("the socket that was handed over (LISTEN_FDS) is none to serve on: {error}")
    })
}

/// The server answers.
pub fn is_ready() {
    tell(&[NotifyState::Ready]);
}

/// The settings are read again; [`is_ready`] is the end of it.
pub fn is_reloading() {
    let now = NotifyState::monotonic_usec_now().ok();
    let states = [NotifyState::Reloading].into_iter().chain(now);
    tell(&states.collect::<Vec<_>>());
}

/// The server ends.
pub fn is_stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Gives signs of life, where they are waited for.
pub async fn lives() -> Infallible {
    let Some(patience) = sd_notify::watchdog_enabled() else {
        return future::pending().await;
    };
    let mut signs = tokio::time::interval(patience / 3);
    loop {
        signs.tick().await;
        tell(&[NotifyState::Watchdog]);
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager could not be told: {}", states.first().map(ToString::to_string).unwrap_or_default());
    }
}
