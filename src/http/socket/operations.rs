//! The operations that are under way on one socket, by the ids that its client gave them.

use std::{
    mem,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{Stream, StreamExt};

use super::bell::Bell;
use crate::graphql::Outcome;

struct Running {
    id: Arc<str>,
    subscription: bool,
    outcomes: Pin<Box<dyn Stream<Item = Outcome> + Send>>,
    bell: Arc<Bell>,
    /// What came while there was no room for it, if anything did.
    waiting: Poll<Option<Outcome>>,
}

impl Running {
    fn poll_next(&mut self, context: &Context<'_>) -> Poll<Option<Outcome>> {
        let waiting = mem::replace(&mut self.waiting, Poll::Pending);
        if waiting.is_ready() {
            return waiting;
        }
        let outcomes = &mut self.outcomes;
        self.bell
            .poll(context, |context| outcomes.poll_next_unpin(context))
    }
}

/// Operations that take turns.
#[derive(Default)]
pub(super) struct Operations {
    running: Vec<Running>,
    /// Whose turn it is.
    turn: usize,
}

impl Operations {
    /// Begins to ask for what comes of an operation. Its id must be free.
    pub(super) fn start(
        &mut self,
        id: Arc<str>,
        subscription: bool,
        outcomes: impl Stream<Item = Outcome> + Send + 'static,
    ) {
        // Most sockets have one to three, and there are many sockets.
        self.running.reserve_exact(1);
        self.running.push(Running {
            id,
            subscription,
            outcomes: Box::pin(outcomes),
            bell: Bell::new(),
            waiting: Poll::Pending,
        });
    }

    /// Gives an operation up, if there is one with this id.
    pub(super) fn stop(&mut self, id: &str) {
        self.running.retain(|running| &*running.id != id);
    }

    /// Gives all subscriptions up.
    pub(super) fn stop_subscriptions(&mut self) {
        self.running.retain(|running| !running.subscription);
    }

    /// Gives everything up.
    pub(super) fn clear(&mut self) {
        self.running.clear();
    }

    /// Whether nothing is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Whether an id is taken.
    pub(super) fn has(&self, id: &str) -> bool {
        self.running.iter().any(|running| &*running.id == id)
    }

    /// How many subscriptions, or how many of the others, are under way.
    pub(super) fn count(&self, subscriptions: bool) -> usize {
        let alike = |running: &&Running| running.subscription == subscriptions;
        self.running.iter().filter(alike).count()
    }

    /// What comes of any of them next, `None` for its end, with the operation's id, which is free again after its end or an
    /// error. Pending while there is nothing, also when nothing is under way. Subscriptions are not asked while they are to
    /// be `silent`.
    pub(super) fn poll_next(
        &mut self,
        context: &Context<'_>,
        silent: bool,
    ) -> Poll<(Arc<str>, Option<Outcome>)> {
        let count = self.running.len();
        for index in (self.turn..count).chain(0..self.turn.min(count)) {
            let running = &mut self.running[index];
            if silent && running.subscription {
                continue;
            }
            let Poll::Ready(outcome) = running.poll_next(context) else {
                continue;
            };
            self.turn = index + 1;
            let id = match outcome {
                Some(Outcome::Next(_)) => running.id.clone(),
                Some(Outcome::Error(_)) | None => self.running.swap_remove(index).id,
            };
            return Poll::Ready((id, outcome));
        }
        Poll::Pending
    }

    /// Lets every operation go on, up to what comes of it next, for which there is no room yet. One that stood still could
    /// hold up operations of other sockets, which wait for what it loads together with theirs.
    pub(super) fn go_on(&mut self, context: &Context<'_>, silent: bool) {
        for running in &mut self.running {
            if silent && running.subscription {
                continue;
            }
            running.waiting = running.poll_next(context);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt, future::poll_fn, stream, task::noop_waker};

    use super::*;

    fn next(operations: &mut Operations) -> Option<(String, bool)> {
        let next = poll_fn(|context| operations.poll_next(context, false)).now_or_never()?;
        Some((next.0.to_string(), next.1.is_none()))
    }

    fn failing() -> Outcome {
        Outcome::Error(Vec::new())
    }

    #[test]
    fn each_has_its_turn_and_ends_once() {
        let mut operations = Operations::default();
        assert_eq!(next(&mut operations), None);
        for id in ["a", "b"] {
            operations.start(id.into(), true, stream::empty());
        }
        operations.start("c".into(), false, stream::pending());
        assert_eq!((operations.count(true), operations.count(false)), (2, 1));
        assert_eq!(next(&mut operations), Some(("a".to_owned(), true)));
        assert!(!operations.has("a") && operations.has("b"));
        assert_eq!(next(&mut operations), Some(("b".to_owned(), true)));
        assert_eq!(next(&mut operations), None);
        assert!(!operations.is_empty());
        operations.stop("c");
        assert!(operations.is_empty());
    }

    #[test]
    fn each_goes_on_to_one_event_that_waits_for_room() {
        let mut operations = Operations::default();
        operations.start("a".into(), true, stream::iter([failing()]));
        let begun = Arc::new(());
        let held = begun.clone();
        let begins = async move {
            drop(held);
            failing()
        };
        operations.start("b".into(), false, stream::once(begins));
        let waker = noop_waker();
        for _ in 0..2 {
            operations.go_on(&Context::from_waker(&waker), false);
        }
        assert_eq!(Arc::strong_count(&begun), 1, "it ran");
        assert_eq!(next(&mut operations), Some(("a".to_owned(), false)));
        assert_eq!(next(&mut operations), Some(("b".to_owned(), false)));
        assert!(operations.is_empty());
    }

    #[test]
    fn silent_subscriptions_tell_later_and_queries_answer() {
        let mut operations = Operations::default();
        operations.start("a".into(), true, stream::iter([failing()]));
        operations.start("b".into(), false, stream::iter([failing()]));
        let mut silently = || {
            let next = poll_fn(|context| operations.poll_next(context, true));
            next.now_or_never().map(|(id, _)| id.to_string())
        };
        assert_eq!(silently(), Some("b".to_owned()));
        assert_eq!(silently(), None);
        assert_eq!(next(&mut operations), Some(("a".to_owned(), false)));
    }

    #[test]
    fn an_error_is_the_end() {
        let mut operations = Operations::default();
        operations.start("a".into(), true, stream::iter([failing(), failing()]));
        assert_eq!(next(&mut operations), Some(("a".to_owned(), false)));
        assert!(operations.is_empty());
    }
}
