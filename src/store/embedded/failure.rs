//! How it is noticed that one of the store's threads has ended by itself.

use std::{future, thread};

use tokio::sync::watch;

/// Whether the store has lost a thread, and which.
#[derive(Clone)]
pub(super) struct Failure(watch::Sender<Option<String>>);

/// Held by a thread while it works: a panic that ends the thread is the store's failure.
pub(super) struct Watched(Failure);

impl Failure {
    pub(super) fn none() -> Self {
        Self(watch::Sender::new(None))
    }

    /// For a thread that must not end by itself.
    pub(super) fn watch(&self) -> Watched {
        Watched(self.clone())
    }

    /// Completes when a thread has ended by itself, with a line that says which.
    pub(super) async fn happened(&self) -> String {
        let mut lost = self.0.subscribe();
        let first = lost.wait_for(Option::is_some).await;
        // As long as this waits the sender is there, so that there is one.
        let line = first.ok().and_then(|line| line.clone());
        match line {
            Some(line) => line,
            None => future::pending().await,
        }
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        if thread::panicking() {
            let thread = thread::current();
            let name = thread.name().unwrap_or("without a name");
            let line = format!("the embedded store's thread {name} panicked");
            self.0.0.send_replace(Some(line));
        }
    }
}
