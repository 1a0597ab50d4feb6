//! What processes on one store tell each other in passing.

use std::time::Instant;

use async_trait::async_trait;

use crate::{
    domain::{ProcessId, Signal},
    error::Result,
};

/// What passes between the processes on one store; see [`crate::domain::signal`].
#[async_trait]
pub trait Signals: Send + Sync {
    /// Tells the other processes, in this order and after what was told before; nothing where there are none. One call
    /// at a time. An empty one is a mark: who hears it has heard all before.
    async fn signal(&self, signals: &[Signal]) -> Result<()>;

    /// What is heard next. Nothing ever where there can be no other process. One call at a time; it may be given up at
    /// any moment.
    async fn hear(&self) -> Heard;
}

/// What a process hears of the others.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// What another one signalled.
    Signals(ProcessId, Vec<Signal>),
    /// All that was signalled anywhere before this moment has been heard.
    UpTo(Instant),
    /// Something may have been signalled before this moment that is never heard. This comes again and again where
    /// there is no other way to know.
    Missed(Instant),
}
