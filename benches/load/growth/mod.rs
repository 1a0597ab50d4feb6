//! How cost grows with the work: each figure at several sizes, so that one sees what stays flat and what is linear.

mod conversations;
mod descriptors;
mod history;
mod search;
mod sockets;
mod users;
mod watchers;

pub use conversations::{PAGE as CONVERSATIONS, conversations};
pub use history::history;
pub use search::search;
pub use sockets::sockets;
pub use users::users;
pub use watchers::watchers;

use crate::{Bench, Result};

/// All of it.
pub async fn growth(bench: &Bench) -> Result<()> {
    sockets(bench).await?;
    watchers(bench).await?;
    history(bench).await?;
    search(bench).await?;
    conversations(bench).await?;
    users(bench).await
}
