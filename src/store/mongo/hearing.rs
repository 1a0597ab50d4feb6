//! How this process hears what others signal: it follows the tail of their collection, and goes on where it was after a
//! failure. Without that it is said again and again that something may have been missed.
//!
//! A change stream would read every entry of the database's own log to find these few. What the tail shows may not be kept
//! by a majority yet and be undone: then its process tells it again, with another mark, and it harms nobody to have heard
//! it.

use std::{
    mem,
    sync::{Weak, atomic::Ordering},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt};
use mongodb::{
    Collection,
    action::Find,
    bson::{Document, RawDocument, RawDocumentBuf, Timestamp as ClusterTime, doc, raw::RawBsonRef},
    error::ErrorKind,
    options::{CursorType, ReadConcern},
    raw_batch_cursor::RawBatchCursor,
};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Inner,
    document::{self, Fields, unreadable},
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

/// How long to wait after a failure, and after one that may well come again.
const PAUSE: Duration = Duration::from_millis(200);
const LONG_PAUSE: Duration = Duration::from_secs(5);

/// How many seconds before its place in the collection something may have been told, by the database: it takes the time
/// first, and then may have to wait for that place.
const BEFORE: u32 = 10;

/// How listening ended.
enum Ended {
    /// The store is closed.
    Closed,
    /// It can go on from its place. There may be no failure: another server is the primary now.
    Broken(Option<Error>),
    /// What comes next is not known any more.
    Lost(Option<Error>),
    /// There is nothing to be heard.
    Deaf,
}

impl Ended {
    fn by(failure: Error) -> Self {
        match failure {
            Error::Unavailable(_) => Self::Broken(Some(failure)),
            other => Self::Lost(Some(other)),
        }
    }
}

/// What follows a place among the signals.
struct Tail {
    cursor: RawBatchCursor,
    /// Who tells what stands at that place.
    beginner: Uuid,
    /// Which primary it is that shows it.
    primary: u64,
}

impl Inner {
    /// Hears as long as the store is open; from the first time on that somebody wants to.
    pub(super) async fn keep_hearing(store: Weak<Self>) {
        let mut is_well = true;
        loop {
            let Some(inner) = store.upgrade() else { return };
            if inner.is_standalone.get() == Some(&true) {
                drop(inner);
                return Self::stay_deaf(store).await;
            }
            let (stop, place) = (inner.stop.clone(), inner.signalling.place());
            let opening = in_time(async move { inner.open_tail(place).await });
            let ended = match opening.await.unwrap_or(Err(Ended::by(error::late()))) {
                Ok(tail) => {
                    let missed = place.is_none().then(|| Heard::Missed(Instant::now()));
                    Self::listen(&store, &stop, tail, missed, &mut is_well).await
                }
                Err(ended) => ended,
            };
            let Some(inner) = store.upgrade() else { return };
            inner.signalling.listens.store(false, Ordering::Relaxed);
            let mut pause = PAUSE;
            let failure = match ended {
                Ended::Closed => return,
                Ended::Deaf => {
                    drop(inner);
                    return Self::stay_deaf(store).await;
                }
                Ended::Broken(failure) => failure,
                Ended::Lost(failure) => {
                    inner.signalling.set_place(None);
                    let made = in_time(async move { inner.make_signals().await }).await;
                    match made {
                        Some(Err(refused)) => {
                            pause = LONG_PAUSE;
                            Some(error::from_driver(&refused))
                        }
                        _ => failure,
                    }
                }
            };
            // A call that closing cuts short says nothing about the server.
            if let (true, false, Some(failure)) = (is_well, stop.is_cancelled(), failure) {
                let detail = error::detail(&failure);
                tracing::warn!(
                    detail,
                    "MongoDB: other servers cannot be heard; trying again"
                );
                is_well = false;
            }
            if stop.run_until_cancelled(sleep(pause)).await.is_none() {
                return;
            }
        }
    }

    /// The tail from a place on, or from now.
    async fn open_tail(&self, place: Option<ClusterTime>) -> Result<Tail, Ended> {
        let primary = self.primaries.newest();
        let (beginner, from) = match place {
            Some(place) => (self.instance, place),
            None => self.tell_where_to_begin().await?,
        };
        let begin = ClusterTime {
            time: from.time.saturating_sub(BEFORE),
            increment: 0,
        };
        if self.stop.is_cancelled() {
            return Err(Ended::Closed);
        }
        // What does not say when it was told is of the release before. Of others, a mark alone is no news.
        let own = document::ids([self.instance, beginner]);
        let news = doc! {
            TOLD_AT: { "$not": { "$lte": begin } },
            "$or": [{ "signals.0": { "$exists": true } }, { "by": { "$in": own } }],
        };
        let cursor = self
            .signals(news)
            .cursor_type(CursorType::TailableAwait)
            .max_await_time(AWAIT);
        let cursor = cursor.batch().await;
        let cursor = cursor.map_err(|failure| self.refused(&failure))?;
        if let Some(place) = place {
            let dated = doc! { TOLD_AT: { "$exists": true } };
            let first = self.first_told_at(dated, 1).await?;
            // All that follows the place is still there as long as something as old is.
            if first.is_none_or(|first| first > place) {
                return Err(Ended::Lost(None));
            }
        }
        Ok(Tail {
            cursor,
            beginner,
            primary,
        })
    }

    /// Tells where to begin, as there has to be something of which it is the tail; gives by whom and when that was told. By
    /// somebody new, so that it is never taken for news of this process, which may tell some at the same time.
    async fn tell_where_to_begin(&self) -> Result<(Uuid, ClusterTime), Ended> {
        let beginner = Uuid::new_v4();
        let told = self.insert_signals(beginner, 0, Vec::new()).await;
        told.map_err(Ended::by)?;
        let told_at = self
            .first_told_at(doc! { "by": document::id(beginner) }, -1)
            .await?;
        let told_at = told_at.ok_or(Ended::Lost(None))?;
        Ok((beginner, told_at))
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
            _ => Ended::by(error::from_driver(failure)),
        }
    }

    async fn listen(
        store: &Weak<Self>,
        stop: &CancellationToken,
        tail: Tail,
        missed: Option<Heard>,
        is_well: &mut bool,
    ) -> Ended {
        let Tail {
            mut cursor,
            beginner,
            primary,
        } = tail;
        let Some(ears) = store.upgrade().map(|inner| {
            inner.signalling.listens.store(true, Ordering::Relaxed);
            inner.signalling.ears.clone()
        }) else {
            return Ended::Closed;
        };
        if let Some(ended) = say(&ears, stop, missed).await {
            return ended;
        }
        let (mut is_first, mut has_begun) = (true, false);
        loop {
            let asked = Instant::now();
            let next = in_time(async move {
                let next = cursor.next().await;
                (cursor, next)
            });
            let Some(next) = stop.run_until_cancelled(next).await else {
                return Ended::Closed;
            };
            let batch = match next {
                None => return Ended::by(error::late()),
                Some((_, None)) => return Ended::Lost(None),
                Some((_, Some(Err(failure)))) => {
                    return Ended::Broken(Some(error::from_driver(&failure)));
                }
                Some((goes_on, Some(Ok(batch)))) => {
                    cursor = goes_on;
                    batch
                }
            };
            let mut is_empty = true;
            // One after the other: with a mark, what came before it has to be said already. Nobody waits for room with the
            // store in hand, which may be what makes it.
            for document in batch.doc_slices().into_iter().flatten() {
                let Some(inner) = store.upgrade() else {
                    return Ended::Closed;
                };
                is_empty = false;
                let document = document.ok().and_then(RawBsonRef::as_document);
                has_begun |= document.is_some_and(|document| {
                    let by = document.id("by");
                    by.is_ok_and(|by| by == beginner)
                });
                // What does not say when it was told may be from long before.
                let is_news = has_begun || document.is_none_or(|told| told_at(told).is_some());
                let heard = is_news.then(|| inner.read_heard(document)).flatten();
                drop(inner);
                if let Some(ended) = say(&ears, stop, heard).await {
                    return ended;
                }
            }
            let Some((has_company, newest)) = store.upgrade().map(|inner| {
                let newest = inner.primaries.newest();
                (inner.has_company(), newest)
            }) else {
                return Ended::Closed;
            };
            // A server that has lost its office shows what it is given by the next one, when it is.
            if newest != primary {
                return Ended::Broken(None);
            }
            // The first answer is older than the question. And with others there, it takes a mark of one's own: a server
            // that has lost its office can have no news for long.
            let is_answer = !mem::take(&mut is_first);
            *is_well |= is_answer;
            let counts = is_answer && is_empty && !has_company;
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
    let call = timeout(PATIENCE, tokio::spawn(call.boxed())).await;
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
