//! How this process hears what others signal: it follows the tail of their collection, and goes on where it was after a
//! failure. Without that it is said again and again that something may have been missed.
//!
//! A change stream would read every entry of the database's own log to find these few. What the tail shows may not be kept
//! by a majority yet and be undone: then its process tells it again, and it harms nobody to have heard it.

use std::{
    mem,
    sync::{Arc, Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::StreamExt;
use mongodb::{
    Collection,
    action::Find,
    bson::{
        Document, RawDocument, RawDocumentBuf, Timestamp as ClusterTime, doc, oid::ObjectId,
        raw::RawBsonRef,
    },
    error::ErrorKind,
    options::{CursorType, ReadConcern},
    raw_batch_cursor::RawBatchCursor,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    Inner,
    document::{self, unreadable},
    error,
    signal::{TOLD_AT, told_at},
};
use crate::{
    error::{Error, Result},
    store::Heard,
};

/// How long the server keeps a question for what is new when there is nothing. Without others, so often it is known that
/// nothing was missed.
const AWAIT: Duration = Duration::from_millis(500);

/// How long an answer may take before its connection is left behind.
const PATIENCE: Duration = Duration::from_secs(4);

/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_millis(200);

/// How many seconds before its place in the collection something may have been told, by the database: it takes the time
/// first, and then may have to wait for that place.
const BEFORE: u32 = 10;

/// How listening ended.
enum Ended {
    /// The store is closed.
    Closed,
    /// It can go on from its place.
    Broken(Error),
    /// What comes next is not known any more.
    Lost(Option<Error>),
    /// There is nothing to be heard.
    Deaf,
}

impl Inner {
    /// Hears as long as the store is open.
    pub(super) async fn keep_hearing(store: Weak<Self>) {
        let mut is_well = true;
        loop {
            let Some(inner) = store.upgrade() else { return };
            if inner.is_standalone.get() == Some(&true) {
                drop(inner);
                return Self::stay_deaf(store).await;
            }
            let (stop, place) = (inner.stop.clone(), inner.signalling.place());
            let opening = {
                let inner = Arc::clone(&inner);
                in_time(async move { inner.open_tail(place).await })
            };
            let ended = match opening.await.unwrap_or(Err(Ended::Broken(error::late()))) {
                Ok(tail) => {
                    let ears = inner.signalling.ears.clone();
                    inner.signalling.listens.store(true, Ordering::Relaxed);
                    drop(inner);
                    is_well = true;
                    let missed = place.is_none().then(|| Heard::Missed(Instant::now()));
                    match say(&ears, &stop, missed).await {
                        Some(Ended::Closed) => return,
                        _ => Self::listen(&store, &stop, tail).await,
                    }
                }
                Err(ended) => ended,
            };
            let Some(inner) = store.upgrade() else { return };
            inner.signalling.listens.store(false, Ordering::Relaxed);
            let failure = match ended {
                Ended::Closed => return,
                Ended::Deaf => {
                    drop(inner);
                    return Self::stay_deaf(store).await;
                }
                Ended::Broken(failure) => Some(failure),
                Ended::Lost(failure) => {
                    inner.signalling.set_place(None);
                    let made = in_time(async move { inner.make_signals().await }).await;
                    let refused = made.and_then(Result::err);
                    refused
                        .map(|refused| error::from_driver(&refused))
                        .or(failure)
                }
            };
            if let (true, Some(failure)) = (is_well, failure) {
                let detail = error::detail(&failure);
                tracing::warn!(
                    detail,
                    "MongoDB: other servers cannot be heard; trying again"
                );
                is_well = false;
            }
            if stop.run_until_cancelled(sleep(PAUSE)).await.is_none() {
                return;
            }
        }
    }

    /// The tail from a place on, or from now.
    async fn open_tail(&self, place: Option<ClusterTime>) -> Result<RawBatchCursor, Ended> {
        let from = match place {
            Some(place) => place,
            // There has to be something of which it is the tail.
            None => self.tell_where_to_begin().await?,
        };
        let tail = self
            .signals(since(from))
            .cursor_type(CursorType::TailableAwait)
            .max_await_time(AWAIT);
        let tail = tail
            .batch()
            .await
            .map_err(|failure| self.refused(&failure))?;
        // What follows the place is still there as long as something as old is.
        let is_gone = match place {
            None => false,
            Some(place) => self.first_told_at(doc! {}, 1).await? > Some(place),
        };
        if is_gone {
            Err(Ended::Lost(None))
        } else {
            Ok(tail)
        }
    }

    /// Tells a mark, and gives when that was told.
    async fn tell_where_to_begin(&self) -> Result<ClusterTime, Ended> {
        let mark = self.tell(Vec::new()).await.map_err(ended)?;
        let own = doc! { "by": document::id(self.instance), "mark": mark };
        let told_at = self.first_told_at(own, -1).await?;
        told_at.ok_or(Ended::Lost(None))
    }

    /// When the first of such signals was told, in the order of the collection or against it.
    async fn first_told_at(&self, of: Document, order: i32) -> Result<Option<ClusterTime>, Ended> {
        let first = self.signals(of).sort(doc! { "$natural": order }).limit(1);
        let found = async {
            let mut found = first.await?;
            let is_there = found.advance().await?;
            Ok(is_there.then(|| told_at(found.current())).flatten())
        };
        found.await.map_err(|failure| self.refused(&failure))
    }

    /// Signals as the server has them, be it that a majority does not yet: what a majority has is shown later, and a
    /// question for what is new would not wake up for that.
    fn signals(&self, filter: Document) -> Find<'_, RawDocumentBuf> {
        let find = Collection::find(&self.collections.signals, filter);
        find.read_concern(ReadConcern::local())
    }

    fn refused(&self, failure: &mongodb::error::Error) -> Ended {
        match &*failure.kind {
            ErrorKind::Command(command) if command.code == error::UNAUTHORIZED => {
                tracing::warn!(
                    "MongoDB: the right to find in the collection signals in {} is missing. Without it, what happens on \
                     other servers is seen up to two seconds later, and typing not at all.",
                    self.place
                );
                Ended::Deaf
            }
            _ => ended(error::from_driver(failure)),
        }
    }

    async fn listen(
        store: &Weak<Self>,
        stop: &CancellationToken,
        mut tail: RawBatchCursor,
    ) -> Ended {
        let Some(ears) = store.upgrade().map(|inner| inner.signalling.ears.clone()) else {
            return Ended::Closed;
        };
        let mut is_first = true;
        loop {
            let asked = Instant::now();
            let next = in_time(async move {
                let next = tail.next().await;
                (tail, next)
            });
            let next = stop.run_until_cancelled(next).await;
            let (Some(next), Some(inner)) = (next, store.upgrade()) else {
                return Ended::Closed;
            };
            let batch = match next {
                None => return Ended::Broken(error::late()),
                Some((_, None)) => return Ended::Lost(None),
                Some((_, Some(Err(failure)))) => {
                    return Ended::Broken(error::from_driver(&failure));
                }
                Some((goes_on, Some(Ok(batch)))) => {
                    tail = goes_on;
                    batch
                }
            };
            let documents = batch.doc_slices().into_iter().flatten();
            let mut is_empty = true;
            // One after the other: with a mark, what came before it has to be said already.
            for document in documents {
                is_empty = false;
                let document = document.ok().and_then(RawBsonRef::as_document);
                if let Some(ended) = say(&ears, stop, inner.read_heard(document)).await {
                    return ended;
                }
            }
            // The first answer may be older than the question. And with others there, it takes a mark of one's own: a
            // server that has lost its office can have no news for long.
            let counts = is_empty && !mem::take(&mut is_first) && !inner.has_company();
            if let Some(ended) = say(&ears, stop, counts.then_some(Heard::UpTo(asked))).await {
                return ended;
            }
        }
    }

    fn read_heard(&self, document: Option<&RawDocument>) -> Option<Heard> {
        let heard = document.ok_or_else(|| unreadable("signals"));
        let heard = heard.and_then(|document| self.heard(document));
        heard.unwrap_or_else(|failure| {
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

/// What may have been told since then, by the database. The release before did not say, so that its clock has to do.
fn since(place: ClusterTime) -> Document {
    let begin = ClusterTime {
        time: place.time.saturating_sub(BEFORE),
        increment: 0,
    };
    let first = ObjectId::from_parts(begin.time, [0; 5], [0; 3]);
    doc! { "$or": [
        { TOLD_AT: { "$gt": begin } },
        { TOLD_AT: { "$exists": false }, "_id": { "$gt": first } },
    ] }
}

/// How it ends with a failure.
fn ended(failure: Error) -> Ended {
    match failure {
        Error::Unavailable(_) => Ended::Broken(failure),
        other => Ended::Lost(Some(other)),
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
