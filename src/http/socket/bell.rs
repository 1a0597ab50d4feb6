//! Parts of a task that are asked only when something woke them. A socket's task waits for many things and is woken by
//! one of them; to ask all the others each time would cost more than what there is to do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::task::{ArcWake, AtomicWaker, waker_ref};

/// Rings when its part is woken, and wakes the task.
pub(super) struct Bell {
    rung: AtomicBool,
    task: AtomicWaker,
}

impl Bell {
    /// Of a part that nobody has asked yet.
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            rung: AtomicBool::new(true),
            task: AtomicWaker::new(),
        })
    }

    /// Asks the part if its bell rang. One that had something is asked again next time, until it has nothing.
    pub(super) fn poll<T>(
        self: &Arc<Self>,
        context: &Context<'_>,
        part: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        // In this order: whoever rings from here on wakes the task.
        self.task.register(context.waker());
        if !self.rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = part(&mut Context::from_waker(&waker_ref(self)));
        if polled.is_ready() {
            self.rung.store(true, Ordering::Release);
        }
        polled
    }
}

impl ArcWake for Bell {
    fn wake_by_ref(bell: &Arc<Self>) {
        bell.rung.store(true, Ordering::Release);
        bell.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use futures_util::task::{noop_waker, waker};

    use super::*;

    #[derive(Default)]
    struct Task(AtomicU32);

    impl ArcWake for Task {
        fn wake_by_ref(task: &Arc<Self>) {
            task.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_part_is_asked_until_it_has_nothing_and_then_when_it_was_woken() {
        let (task, bell) = (Arc::new(Task::default()), Bell::new());
        let woken = || task.0.swap(0, Ordering::Relaxed);
        let waker = waker(task.clone());
        let context = Context::from_waker(&waker);
        let mut left = 2;
        let mut wakers = Vec::new();
        let mut ask = || {
            let mut asked = false;
            let polled = bell.poll(&context, |context| {
                asked = true;
                if left > 0 {
                    left -= 1;
                    return Poll::Ready(());
                }
                wakers.push(context.waker().clone());
                Poll::Pending
            });
            (asked, polled)
        };
        assert_eq!(ask(), (true, Poll::Ready(())));
        assert_eq!(ask(), (true, Poll::Ready(())));
        assert_eq!(ask(), (true, Poll::Pending));
        assert_eq!(ask(), (false, Poll::Pending), "nobody woke it");
        assert_eq!(woken(), 0);
        waker_ref(&bell).wake_by_ref();
        assert_eq!(woken(), 1);
        assert_eq!(ask(), (true, Poll::Pending));
        assert_eq!(ask(), (false, Poll::Pending));
        wakers.remove(0).wake();
        assert_eq!(woken(), 1, "the part's waker is the bell's");
    }

    #[test]
    fn a_part_that_wakes_itself_is_asked_again() {
        let (task, bell) = (Arc::new(Task::default()), Bell::new());
        let waker = waker(task.clone());
        let polled = bell.poll(&Context::from_waker(&waker), |context| {
            context.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(polled, Poll::Pending);
        assert_eq!(task.0.load(Ordering::Relaxed), 1);
        let other = noop_waker();
        let polled = bell.poll(&Context::from_waker(&other), |_| Poll::Ready(()));
        assert_eq!(polled, Poll::Ready(()));
    }
}
