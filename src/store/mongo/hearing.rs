//! How this process hears what others signal: by one change stream, which goes on where it was after a failure. Without
//! one it is said again and again that something may have been missed.

use std::{
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

use mongodb::{
    Collection,
    bson::RawDocumentBuf,
    change_stream::{ChangeStream, event::ChangeStreamEvent, event::ResumeToken},
    error::ErrorKind,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::{Inner, error};
use crate::store::Heard;

/// How long the server keeps a question for what is new when there is nothing: so often it is known that nothing was
/// missed.
const AWAIT: Duration = Duration::from_millis(250);

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// The server's codes for a right that is missing, and for one that has no change streams.
const UNAUTHORIZED: i32 = 13;
const NOT_A_REPLICA_SET: i32 = 40_573;

/// How listening ended.
enum Ended {
    /// The store is closed.
    Closed,
    /// It can go on from there.
    Broken(mongodb::error::Error, Option<ResumeToken>),
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
            let (stop, signals) = (inner.stop.clone(), inner.collections.signals.clone());
            let ended = match Self::open_stream(&signals, token.take(), &inner).await {
                Ok((stream, is_new)) => {
                    if is_new
                        && inner
                            .signalling
                            .ears
                            .send(Heard::Missed(Instant::now()))
                            .await
                            .is_err()
                    {
                        return;
                    }
                    is_well = true;
                    drop(inner);
                    Self::listen(&store, &stop, stream).await
                }
                Err(ended) => ended,
            };
            match ended {
                Ended::Closed => return,
                Ended::Deaf => return Self::stay_deaf(store).await,
                Ended::Lost => {}
                Ended::Broken(failure, place) => {
                    if is_well {
                        let detail = error::detail(&error::from_driver(&failure));
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

    /// A stream from a place on, or from now; then it says so.
    async fn open_stream(
        signals: &Collection<RawDocumentBuf>,
        token: Option<ResumeToken>,
        inner: &Arc<Self>,
    ) -> Result<(ChangeStream<ChangeStreamEvent<RawDocumentBuf>>, bool), Ended> {
        let is_new = token.is_none();
        let watch = signals
            .watch()
            .max_await_time(AWAIT)
            .resume_after(token.clone());
        match watch.await {
            Ok(stream) => Ok((stream, is_new)),
            Err(failure) => Err(match &*failure.kind {
                ErrorKind::Command(command) if command.code == UNAUTHORIZED => {
                    tracing::warn!(
                        "MongoDB: the right to changeStream on the collection signals in {} is missing. Without it, what \
                         happens on other servers is seen up to two seconds later, and typing not at all.",
                        inner.place
                    );
                    Ended::Deaf
                }
                ErrorKind::Command(command) if command.code == NOT_A_REPLICA_SET => Ended::Deaf,
                _ if is_passing(&failure) => Ended::Broken(failure, token),
                _ if is_new => Ended::Broken(failure, None),
                // The place is too long ago, say.
                _ => Ended::Lost,
            }),
        }
    }

    async fn listen(
        store: &Weak<Self>,
        stop: &CancellationToken,
        mut stream: ChangeStream<ChangeStreamEvent<RawDocumentBuf>>,
    ) -> Ended {
        loop {
            let asked = Instant::now();
            let next = stop.run_until_cancelled(stream.next_if_any()).await;
            let Some(inner) = store.upgrade() else {
                return Ended::Closed;
            };
            let heard = match next {
                None => return Ended::Closed,
                Some(Err(failure)) if is_passing(&failure) => {
                    return Ended::Broken(failure, stream.resume_token());
                }
                Some(Err(_)) => return Ended::Lost,
                Some(Ok(None)) if !stream.is_alive() => return Ended::Lost,
                Some(Ok(None)) => Some(Heard::UpTo(asked)),
                Some(Ok(Some(event))) => match event.full_document {
                    Some(document) => match inner.heard(&document) {
                        Ok(heard) => heard,
                        Err(failure) => {
                            let detail = error::detail(&failure);
                            tracing::warn!(detail, "MongoDB: a signal that cannot be read");
                            Some(Heard::Missed(Instant::now()))
                        }
                    },
                    None => None,
                },
            };
            if let Some(heard) = heard
                && inner.signalling.ears.send(heard).await.is_err()
            {
                return Ended::Closed;
            }
        }
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
            if inner.signalling.ears.send(heard).await.is_err() {
                return;
            }
            drop(inner);
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }
}

fn is_passing(failure: &mongodb::error::Error) -> bool {
    matches!(
        error::from_driver(failure),
        crate::error::Error::Unavailable(_)
    )
}
