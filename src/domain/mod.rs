//! Types and their invariants: no I/O, no async, no framework.

pub mod avatar;
pub mod conversation;
pub mod event;
pub mod id;
pub mod limits;
pub mod message;
pub mod page;
pub mod session;
pub mod shown;
pub mod time;
pub mod user;

pub use avatar::{AvatarHost, AvatarHosts, AvatarUrl};
pub use conversation::{
    Conversation, ConversationActivity, ConversationKind, ConversationRef, Member, MemberRole,
    Pair, ReadMark,
};
pub use event::{MessageEvent, OnlineChange, TypingEvent};
pub use id::{ConversationId, Identifies, MessageId, SessionId, TypeId, UserId};
pub use limits::Limits;
pub use message::{Body, ClientMessageId, Draft, Message, Position, Seq};
pub use page::{Page, PageArgs, Window};
pub use session::Session;
pub use time::Timestamp;
pub use user::{DisplayName, Password, User, Username};
