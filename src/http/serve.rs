//! The accept loop: connections with time limits, and an end that waits for work under way, but not for ever.

use std::{io, sync::Arc, time::Duration};

use axum::{Router, body::Body, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt;

use super::Peer;
use crate::domain::Limits;

/// Connections that wait to be accepted; the kernel may cap it lower.
const BACKLOG: u32 = 4_096;
/// Bytes of a request's head, and of what is read ahead.
const HEAD_BUFFER: usize = 64 * 1024;
/// How long to wait when the process is out of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a server that stops waits for the first request of whoever has just connected.
const FIRST_REQUEST: Duration = Duration::from_millis(500);

/// Listens on an address.
///
/// # Errors
/// When it is taken or not ours.
pub fn listen(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stopping` is cancelled, then until requests under way are done, at most [`Limits::shutdown`].
/// Upgraded sockets are not waited for: they have owners of their own.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    stopping: CancellationToken,
) {
    let connections = TaskTracker::new();
    let abandoned = CancellationToken::new();
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.request_head)
        .max_buf_size(HEAD_BUFFER);
    let http = Arc::new(http);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.cancelled() => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (http, router, stopping) = (http.clone(), router.clone(), stopping.clone());
                let connection = serve_connection(http, stream, peer, router, stopping);
                let abandoned = abandoned.clone();
                connections.spawn(async move {
                    abandoned.run_until_cancelled(connection).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting a connection failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(limits.shutdown, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not finish in time");
        abandoned.cancel();
    }
}

/// Cuts the connection of a request whose client has stopped reading; nothing else reaches it then.
#[derive(Clone)]
pub(super) struct Cut(pub(super) CancellationToken);

async fn serve_connection(
    http: Arc<http1::Builder>,
    stream: TcpStream,
    peer: std::net::SocketAddr,
    router: Router,
    stopping: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection could not be set up");
        return;
    }
    let (peer, cut) = (Peer(peer), CancellationToken::new());
    let (cut_off, asked) = (cut.clone(), CancellationToken::new());
    let has_asked = asked.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        asked.cancel();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(peer);
        request.extensions_mut().insert(Cut(cut.clone()));
        router.clone().oneshot(request)
    });
    let connection = http
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    // A connection without a request is closed by hyper at once, and the request may be on its way: with a socket that was
    // handed over, the next process would have taken it.
    let stops = async {
        stopping.cancelled().await;
        let _ = tokio::time::timeout(FIRST_REQUEST, has_asked.cancelled()).await;
    };
    let outcome = tokio::select! {
        outcome = connection.as_mut() => outcome,
        () = cut_off.cancelled() => return,
        () = stops => {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                outcome = connection => outcome,
                () = cut_off.cancelled() => return,
            }
        }
    };
    if let Err(error) = outcome {
        tracing::debug!(%error, "a connection ended badly");
    }
}
