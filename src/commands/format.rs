//! The lines of an export, which `docs/moving.md` describes: one JSON object a line, of a kind each.
//!
//! What stands in a file is as hostile as any other input: ids, names and texts are checked when they are read.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::{
    ConversationId, ConversationKind, MemberRole, MessageId, Seq, Step, Timestamp, UserId,
    textual::{as_text, as_text_if_any},
};

/// What the first line calls the format.
pub const FORMAT: &str = "chinwag-export";

/// The version of it that this program writes, and the newest that it reads.
pub const VERSION: u32 = 1;

/// A line longer than this is none of an export's.
pub const LONGEST_LINE: u64 = 4 * 1024 * 1024;

/// A line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum Line {
    Header(Header),
    User(UserLine),
    Block(BlockLine),
    Conversation(ConversationLine),
    Message(MessageLine),
    MessageChanged(MessageChangedLine),
    Reaction(ReactionLine),
    ConversationChanged(ConversationChangedLine),
    Estranged(EstrangedLine),
    ReadMark(ReadMarkLine),
    End(Counts),
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    pub format: String,
    pub version: u32,
    /// The program that wrote it.
    pub program: String,
    #[serde(with = "as_text")]
    pub exported_at: Timestamp,
}

/// How many lines there are of some kinds; the last line has it, so that a file that was cut short is noticed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub users: u64,
    pub conversations: u64,
    pub messages: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UserLine {
    #[serde(with = "as_text")]
    pub id: UserId,
    /// Not of a deleted account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// What keeps the username from others, deleted or not.
    pub username_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub avatar_url: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_hash: Option<String>,
    #[serde(with = "as_text")]
    pub created_at: Timestamp,
    #[serde(
        default,
        with = "as_text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub deleted_at: Option<Timestamp>,
    /// Whether it is deleted and may still be in groups.
    #[serde(default, skip_serializing_if = "is_false")]
    pub leaving: bool,
    #[serde(
        default,
        with = "as_text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub last_seen_at: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
pub struct BlockLine {
    #[serde(with = "as_text")]
    pub blocker: UserId,
    #[serde(with = "as_text")]
    pub blocked: UserId,
    #[serde(with = "as_text")]
    pub at: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConversationLine {
    #[serde(with = "as_text")]
    pub id: ConversationId,
    #[serde(rename = "type")]
    pub kind: Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    #[serde(with = "as_text")]
    pub created_at: Timestamp,
    pub members: Vec<MemberLine>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Direct,
    Group,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberLine {
    #[serde(with = "as_text")]
    pub user: UserId,
    pub role: Role,
    #[serde(with = "as_text")]
    pub joined_at: Timestamp,
    /// The step that made it a member.
    pub since: Step,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Owner,
    Member,
}

/// A message in its newest state, at the step that sent it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageLine {
    #[serde(with = "as_text")]
    pub id: MessageId,
    #[serde(with = "as_text")]
    pub conversation: ConversationId,
    pub step: Step,
    pub seq: Seq,
    #[serde(with = "as_text")]
    pub sender: UserId,
    pub body: String,
    #[serde(with = "as_text")]
    pub sent_at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<String>,
    #[serde(
        default,
        with = "as_text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub reply_to: Option<MessageId>,
    #[serde(
        default,
        with = "as_text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub edited_at: Option<Timestamp>,
    #[serde(
        default,
        with = "as_text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub deleted_at: Option<Timestamp>,
}

/// That a message was edited or deleted, with its newest state.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MessageChangedLine {
    pub id: Uuid,
    #[serde(with = "as_text")]
    pub conversation: ConversationId,
    pub step: Step,
    #[serde(with = "as_text")]
    pub message: MessageId,
    pub body: String,
    #[serde(
        default,
        with = "as_text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub edited_at: Option<Timestamp>,
    #[serde(
        default,
        with = "as_text_if_any",
        skip_serializing_if = "Option::is_none"
    )]
    pub deleted_at: Option<Timestamp>,
    /// Of what was first sent, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
}

#[derive(Serialize, Deserialize)]
pub struct ReactionLine {
    pub id: Uuid,
    #[serde(with = "as_text")]
    pub conversation: ConversationId,
    pub step: Step,
    #[serde(with = "as_text")]
    pub message: MessageId,
    #[serde(with = "as_text")]
    pub user: UserId,
    pub emoji: String,
    /// Whether it is there from then on.
    pub added: bool,
}

#[derive(Serialize, Deserialize)]
pub struct ConversationChangedLine {
    pub id: Uuid,
    #[serde(with = "as_text")]
    pub conversation: ConversationId,
    pub step: Step,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub members: Vec<MemberLine>,
    /// Who was a member until then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<LeftLine>,
}

/// That one of a pair has blocked the other, which is told to nobody; that it lasts is a block's to say.
#[derive(Serialize, Deserialize)]
pub struct EstrangedLine {
    pub id: Uuid,
    #[serde(with = "as_text")]
    pub conversation: ConversationId,
    pub step: Step,
    #[serde(with = "as_text")]
    pub one: UserId,
    #[serde(with = "as_text")]
    pub other: UserId,
}

#[derive(Serialize, Deserialize)]
pub struct LeftLine {
    #[serde(with = "as_text")]
    pub user: UserId,
    /// The step that had made it a member.
    pub since: Step,
}

#[derive(Serialize, Deserialize)]
pub struct ReadMarkLine {
    #[serde(with = "as_text")]
    pub conversation: ConversationId,
    #[serde(with = "as_text")]
    pub user: UserId,
    pub seq: Seq,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_false(value: &bool) -> bool {
    !value
}

macro_rules! same_words {
    ($($word:ident is $other:ident { $($variant:ident),* })*) => {$(
        impl From<$other> for $word {
            fn from(other: $other) -> Self {
                match other { $($other::$variant => Self::$variant,)* }
            }
        }

        impl From<$word> for $other {
            fn from(word: $word) -> Self {
                match word { $($word::$variant => Self::$variant,)* }
            }
        }
    )*};
}

same_words! {
    Kind is ConversationKind { Direct, Group }
    Role is MemberRole { Owner, Member }
}
