//! Subscriptions over HTTP, for those whose proxies break WebSockets: Server-Sent Events, and Apollo's multipart
//! protocol. A stream is its viewer's presence just as a socket is, and lives under the same rules.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::{Pin, pin},
    sync::Arc,
    task::ready,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderName, header},
    response::{IntoResponse, Response},
};
use futures_util::{Stream, StreamExt, future::pending};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{Http, accept::StreamFormat, serve::Cut};
use crate::{
    chat::Connection,
    domain::Timestamp,
    error::Error,
    graphql::{ErrorReply, Operation, Outcome, Payload, Reply, RequestContext},
};

/// Events that may wait for the network before nothing more is taken from the subscription.
const ROOM_FOR_EVENTS: usize = 4;
/// Where a browser's `EventSource`, or any client, says which event it had last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// The same for clients that cannot set the other.
const RESUME: HeaderName = HeaderName::from_static("resume");

/// Answers with a subscription's events.
pub(super) fn stream(
    http: &Http,
    cut: Option<Cut>,
    headers: &HeaderMap,
    operation: Operation,
    context: RequestContext,
    format: StreamFormat,
) -> Response {
    let resume = [LAST_EVENT_ID, RESUME]
        .iter()
        .find_map(|name| headers.get(name)?.to_str().ok());
    let resume = resume
        .filter(|cursor| !cursor.is_empty())
        .map(str::to_owned)
        .into_iter()
        .collect();
    let connection = match context
        .viewer
        .map(|viewer| http.0.api.chat().connect(viewer, resume))
    {
        None => None,
        Some(Ok(connection)) => Some(Arc::new(connection)),
        Some(Err(_)) => {
            let error = Error::RateLimited {
                message: "You have too many connections open.".into(),
                retry_after: Duration::from_secs(1),
            };
            return once(format, &Reply::failed(&error));
        }
    };
    let outcomes = http
        .0
        .api
        .subscribe(operation, context, connection.as_ref());
    let (sender, receiver) = mpsc::channel(ROOM_FOR_EVENTS);
    let events = Events {
        http: http.clone(),
        sender,
        format,
    };
    http.0.sockets.spawn(events.run(outcomes, connection, cut));
    let opening = tokio_stream::once(Ok::<_, Infallible>(opening(format)));
    response(
        format,
        Body::from_stream(opening.chain(ReceiverStream::new(receiver).map(Ok))),
    )
}

/// Answers with the one event of a query or a mutation, for clients that take nothing but a stream.
pub(super) fn once(format: StreamFormat, reply: &Reply) -> Response {
    let frames = [
        opening(format),
        event(format, &reply.into()),
        closing(format),
    ];
    response(format, Body::from(frames.concat()))
}

fn response(format: StreamFormat, body: Body) -> Response {
    let media_type = match format {
        StreamFormat::EventStream => "text/event-stream; charset=utf-8",
        StreamFormat::Multipart => {
            "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=\"1.0\""
        }
    };
    // The last one keeps nginx from gathering events.
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    (headers, body).into_response()
}

fn opening(format: StreamFormat) -> Bytes {
    match format {
        // A comment lets the client know at once that the stream is open.
        StreamFormat::EventStream => Bytes::from_static(b":\n\n"),
        StreamFormat::Multipart => Bytes::from_static(b"--graphql"),
    }
}

/// One event. A part of a multipart body counts as read when the boundary after it is there, so that goes out with
/// the part and not with the next one.
fn event(format: StreamFormat, payload: &Payload) -> Bytes {
    let mut json = String::with_capacity(payload.size());
    payload.write_to(&mut json);
    Bytes::from(match format {
        StreamFormat::EventStream => {
            let id = payload.cursor().map(|cursor| format!("id: {cursor}\n"));
            format!("event: next\n{}data: {json}\n\n", id.unwrap_or_default())
        }
        StreamFormat::Multipart => part(&format!("{{\"payload\":{json}}}")),
    })
}

fn part(json: &str) -> String {
    format!("\r\nContent-Type: application/json\r\n\r\n{json}\r\n--graphql")
}

fn heartbeat(format: StreamFormat) -> Bytes {
    match format {
        StreamFormat::EventStream => Bytes::from_static(b":\n\n"),
        StreamFormat::Multipart => Bytes::from(part("{}")),
    }
}

fn closing(format: StreamFormat) -> Bytes {
    match format {
        StreamFormat::EventStream => Bytes::from_static(b"event: complete\ndata:\n\n"),
        StreamFormat::Multipart => Bytes::from_static(b"--\r\n"),
    }
}

/// The subscription's side of a response.
struct Events {
    http: Http,
    sender: mpsc::Sender<Bytes>,
    format: StreamFormat,
}

/// The next of `events`, held back while this connection may tell nothing, see [`Connection::may_tell`].
async fn next<S: Stream>(
    connection: Option<&Connection>,
    mut events: Pin<&mut S>,
) -> Option<S::Item> {
    let mut silence = None;
    poll_fn(|context| {
        if let Some(connection) = connection.filter(|connection| !connection.may_tell()) {
            let silence = silence.get_or_insert_with(|| Box::pin(connection.can_tell()));
            ready!(silence.as_mut().poll(context));
        }
        silence = None;
        events.as_mut().poll_next(context)
    })
    .await
}

/// The client is gone, or does not read.
struct Gone;

impl Events {
    async fn run(
        self,
        outcomes: impl Stream<Item = Outcome> + Send,
        connection: Option<Arc<Connection>>,
        cut: Option<Cut>,
    ) {
        if self.pass_on(outcomes, connection).await.is_err()
            && !self.sender.is_closed()
            && let Some(Cut(connection)) = cut
        {
            self.http.0.metrics.slow_readers.http.inc();
            let stall = self.http.0.limits.write_stall;
            tracing::debug!(?stall, "cutting a client that does not read");
            connection.cancel();
        }
    }

    /// Passes events on until one side ends it. Only a stream that is really over says so: whoever is cut off comes
    /// back.
    async fn pass_on(
        &self,
        outcomes: impl Stream<Item = Outcome> + Send,
        connection: Option<Arc<Connection>>,
    ) -> Result<(), Gone> {
        let mut outcomes = pin!(outcomes);
        let mut session_over = pin!(async {
            match &connection {
                Some(connection) => {
                    let expires = connection.viewer().expires_at.since(Timestamp::now());
                    // Either ends it.
                    let _ = timeout(expires, connection.revoked()).await;
                }
                None => pending().await,
            }
        });
        let stopping = self.http.0.stopping.clone();
        loop {
            tokio::select! {
                biased;
                () = &mut session_over => {
                    return self.fail(vec![ErrorReply::from(&Error::signed_out())]).await;
                }
                outcome = next(connection.as_deref(), outcomes.as_mut()) => match outcome {
                    Some(Outcome::Next(payload)) => self.send(event(self.format, &payload)).await?,
                    Some(Outcome::Error(errors)) => return self.fail(errors).await,
                    None => return self.send(closing(self.format)).await,
                },
                () = sleep(self.http.0.limits.ping_interval) => self.send(heartbeat(self.format)).await?,
                () = stopping.cancelled() => return Ok(()),
                () = self.sender.closed() => return Err(Gone),
            }
        }
    }

    async fn fail(&self, errors: Vec<ErrorReply>) -> Result<(), Gone> {
        self.send(event(self.format, &(&Reply::refused(errors)).into()))
            .await?;
        self.send(closing(self.format)).await
    }

    async fn send(&self, frame: Bytes) -> Result<(), Gone> {
        match timeout(self.http.0.limits.write_stall, self.sender.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}
