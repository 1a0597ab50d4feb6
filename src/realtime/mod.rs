//! Who is listening now. Remembers nothing: the store is the truth, this is the fast path.

pub mod hub;
pub mod presence;
mod timeouts;
pub mod typing;

pub use hub::{Attachment, Changes, Hub};
pub use presence::{Presence, PresenceReceiver};
pub use typing::Typing;
