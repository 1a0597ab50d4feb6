//! How this process hears what others signal: by one change stream, which goes on where it was after a failure. Without
//! one it is said again and again that something may have been missed.

use std::{
    mem,
    sync::{Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use mongodb::{
    bson::{RawDocument, RawDocumentBuf},
    change_stream::{ChangeStream, event::ChangeStreamEvent, event::ResumeToken},
    error::ErrorKind,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Inner, error};
use crate::{error::Error, store::Heard};

type Stream = ChangeStream<ChangeStreamEvent<RawDocumentBuf>>;

/// How long the server keeps a question for what is new when there is nothing. Without others, so often it is known that
/// nothing was missed.
const AWAIT: Duration = Duration::from_millis(500);

/// How long an answer may take before its connection is left behind.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// The code of a server that has no change streams.
const NOT_A_REPLICA_SET: i32 = 40_573;

/// How listening ended.
enum Ended {
    /// The store is closed.
    Closed,
    /// It can go on from there.
    Broken(Error, Option<ResumeToken>),
    /// What comes next is not known any more.
    Lost,
    /// There is no stream to be had.
    Deaf,
}

impl Inner {
    /// Hears as long as the store is open.
    pub(super) async fn keep_hearing(store: Weak<Self>) {
        let mut token = None;
        let mut is_well = true;
        loop {
            let Some(inner) = store.upgrade() else { return };
            if inner.is_standalone.get() == Some(&true) {
                drop(inner);
                return Self::stay_deaf(store).await;
            }
            let (stop, is_new) = (inner.stop.clone(), token.is_none());
            let ended = match inner.open_stream(token.take()).await {
                Ok(stream) => {
                    let ears = inner.signalling.ears.clone();
                    inner.signalling.listens.store(true, Ordering::Relaxed);
                    drop(inner);
                    is_well = true;
                    let missed = is_new.then(|| Heard::Missed(Instant::now()));
                    match say(&ears, &stop, missed).await {
                        Some(Ended::Closed) => return,
                        _ => Self::listen(&store, &stop, stream).await,
                    }
                }
                Err(ended) => ended,
            };
            if let Some(inner) = store.upgrade() {
                inner.signalling.listens.store(false, Ordering::Relaxed);
            }
            match ended {
                Ended::Closed => return,
                Ended::Deaf => return Self::stay_deaf(store).await,
                Ended::Lost => {
                    if let Some(inner) = store.upgrade()
                        && let Some(Err(failure)) =
                            in_time(async move { inner.make_signals().await }).await
                    {
                        let detail = error::detail(&error::from_driver(&failure));
                        tracing::warn!(detail, "MongoDB: the collection signals cannot be made");
                    }
                }
                Ended::Broken(failure, place) => {
                    if is_well {
                        let detail = error::detail(&failure);
                        tracing::warn!(
                            detail,
                            "MongoDB: other servers cannot be heard; trying again"
                        );
                    }
                    is_well = false;
                    token = place;
                }
            }
            if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    /// A stream from a place on, or from now.
    async fn open_stream(&self, token: Option<ResumeToken>) -> Result<Stream, Ended> {
        let signals = self.collections.signals.clone();
        let from = token.clone();
        let opened = in_time(async move {
            let watch = signals.watch().max_await_time(AWAIT);
            watch.resume_after(from).await
        });
        let Some(opened) = opened.await else {
            return Err(Ended::Broken(error::late(), token));
        };
        opened.map_err(|failure| match &*failure.kind {
            ErrorKind::Command(command) if command.code == error::UNAUTHORIZED => {
                tracing::warn!(
                    "MongoDB: the right to changeStream on the collection signals in {} is missing. Without it, what \
                     happens on other servers is seen up to two seconds later, and typing not at all.",
                    self.place
                );
                Ended::Deaf
            }
            ErrorKind::Command(command) if command.code == NOT_A_REPLICA_SET => Ended::Deaf,
            _ => match error::from_driver(&failure) {
                passing @ Error::Unavailable(_) => Ended::Broken(passing, token),
                other if token.is_none() => Ended::Broken(other, None),
                // The place is too long ago, say.
                _ => Ended::Lost,
            },
        })
    }

    async fn listen(store: &Weak<Self>, stop: &CancellationToken, mut stream: Stream) -> Ended {
        let mut is_first = true;
        loop {
            let asked = Instant::now();
            let token = stream.resume_token();
            let next = in_time(async move {
                let next = stream.next_if_any().await;
                (stream, next)
            });
            let next = stop.run_until_cancelled(next).await;
            let (Some(next), Some(inner)) = (next, store.upgrade()) else {
                return Ended::Closed;
            };
            let Some((goes_on, next)) = next else {
                return Ended::Broken(error::late(), token);
            };
            stream = goes_on;
            let heard = match next {
                Err(failure) => {
                    return match error::from_driver(&failure) {
                        passing @ Error::Unavailable(_) => Ended::Broken(passing, token),
                        _ => Ended::Lost,
                    };
                }
                Ok(None) if !stream.is_alive() => return Ended::Lost,
                // The first answer may be older than the question. And with others there, it takes a mark of one's own: a
                // server that has lost its office can have no news for long.
                Ok(None) if mem::take(&mut is_first) || inner.has_company() => None,
                Ok(None) => Some(Heard::UpTo(asked)),
                Ok(Some(event)) => event
                    .full_document
                    .and_then(|document| inner.read_heard(&document)),
            };
            let ears = inner.signalling.ears.clone();
            drop(inner);
            if let Some(ended) = say(&ears, stop, heard).await {
                return ended;
            }
        }
    }

    fn read_heard(&self, document: &RawDocument) -> Option<Heard> {
        self.heard(document).unwrap_or_else(|failure| {
            let detail = error::detail(&failure);
            tracing::warn!(detail, "MongoDB: a signal that cannot be read");
            Some(Heard::Missed(Instant::now()))
        })
    }

    /// Says again and again that something may have been missed, as long as others may be there.
    async fn stay_deaf(store: Weak<Self>) {
        loop {
            let Some(inner) = store.upgrade() else { return };
            let now = Instant::now();
            let heard = if inner.has_company() {
                Heard::Missed(now)
            } else {
                Heard::UpTo(now)
            };
            let (stop, pause) = (inner.stop.clone(), inner.limits.alone);
            let ears = inner.signalling.ears.clone();
            drop(inner);
            if say(&ears, &stop, Some(heard)).await.is_some() {
                return;
            }
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }
}

/// Lets something be heard, if there is something; the end of it, when there is nobody to hear.
async fn say(
    ears: &mpsc::Sender<Heard>,
    stop: &CancellationToken,
    heard: Option<Heard>,
) -> Option<Ended> {
    let sent = stop.run_until_cancelled(ears.send(heard?)).await;
    (!matches!(sent, Some(Ok(())))).then_some(Ended::Closed)
}

/// Waits for a call, which runs on by itself when it is late, as the driver's futures must not be dropped half way: its
/// connection may be one whose other end is gone.
async fn in_time<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let call = timeout(PATIENCE, tokio::spawn(call)).await;
    call.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Limits;

    #[test]
    fn what_was_heard_counts_until_the_next_answer_however_little_happens() {
        // An answer says what was so when it was asked for, and the next one comes as much later.
        assert!(3 * AWAIT <= Limits::default().hearing_lasts);
    }
}
