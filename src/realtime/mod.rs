//! Who is listening now. Remembers nothing: the store is the truth, this is the fast path.

mod changes;
pub mod hub;
pub mod intake;
pub mod presence;
mod recent;
mod tails;
mod timeouts;
pub mod typing;

pub use hub::{Attachment, ConversationChanges, Hub, LogReceiver, Reads};
pub use presence::{Presence, PresenceReceiver};
pub use typing::Typing;
