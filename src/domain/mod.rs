//! Types and their invariants: no I/O, no async, no framework.

pub mod account;
pub mod avatar;
pub mod conversation;
pub mod event;
pub mod id;
pub mod limits;
pub mod log;
pub mod message;
pub mod page;
pub mod reaction;
pub mod session;
pub mod shown;
pub mod signal;
pub mod terms;
pub mod textual;
pub mod time;
pub mod user;
pub mod words;

pub use account::{Account, Block, Totals};
pub use avatar::{AvatarHost, AvatarHosts, AvatarUrl};
pub use conversation::{
    Conversation, ConversationActivity, ConversationKind, ConversationRef, GroupTitle, Member,
    MemberRole, MovedMark, Pair, ReadMark, Stamp,
};
pub use event::{LogEvent, MessageEvent, OnlineChange, ReadEvent, Stand, Told, TypingEvent};
pub use id::{ConversationId, Identifies, MessageId, SessionId, TypeId, UserId};
pub use limits::Limits;
pub use log::{
    ConversationState, Departure, Entry, Happening, Lane, MessageChange, MessageState, NewEntry,
    Pen, Position, Progress, Rank, ReactionChange, Record, Seal, Stay, Step, Stretch, Tail, Unseen,
};
pub use message::{Body, ClientMessageId, Fingerprint, Message, Seq};
pub use page::{Page, PageArgs, Window};
pub use reaction::{Emoji, Reaction, Reactor};
pub use session::{Device, Session};
pub use signal::{ProcessId, RateLimit, Signal, Spent};
pub use terms::{Terms, TermsCheck};
pub use time::Timestamp;
pub use user::{Change, DisplayName, Password, ProfileChange, User, Username};
pub use words::{SearchText, Sought};
