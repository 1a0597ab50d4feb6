//! What a line says, once it is found to keep the rules that people are held to.

use std::sync::Arc;

use uuid::Uuid;

use super::super::{
    super::format::{
        ConversationChangedLine, ConversationLine, Counts, LeftLine, Line, MemberLine,
        MessageChangedLine, MessageLine, UserLine,
    },
    log::Planned,
};
use crate::{
    auth::is_hash,
    domain::{
        Account, AvatarHosts, AvatarUrl, Block, Body, ClientMessageId, Conversation,
        ConversationId, ConversationKind, ConversationState, Departure, DisplayName, Emoji,
        Fingerprint, GroupTitle, Happening, Member, Message, MessageChange, MessageState, NewEntry,
        Pair, ReactionChange, ReadMark, Step, Timestamp, User, Username,
    },
    error::Error,
};

/// A line that keeps the rules.
pub enum Checked {
    /// With when it was last seen.
    User(Box<Account>, Option<Timestamp>),
    Block(Block),
    Conversation(Conversation),
    Entry(Box<Planned>),
    ReadMark(ReadMark),
    /// The first line, or the last.
    Nothing,
}

impl Checked {
    /// Counts it in.
    pub fn count(&self, counts: &mut Counts) {
        match self {
            Self::User(..) => counts.users += 1,
            Self::Conversation(_) => counts.conversations += 1,
            Self::Entry(planned) if planned.is_message() => counts.messages += 1,
            _ => {}
        }
    }
}

/// What a line says; an error is what is wrong with it.
pub fn checked(line: Line) -> Result<Checked, String> {
    Ok(match line {
        Line::Header(_) | Line::End(_) => Checked::Nothing,
        Line::User(line) => {
            let seen = line.last_seen_at;
            Checked::User(Box::new(account(line)?), seen)
        }
        Line::Block(line) => Checked::Block(Block {
            blocker: line.blocker,
            blocked: line.blocked,
            at: line.at,
        }),
        Line::Conversation(line) => Checked::Conversation(conversation(line)?),
        Line::Message(line) => {
            let (id, conversation, step) = (line.id.0, line.conversation, line.step);
            let sent = Happening::Sent(Arc::new(message(line)?));
            planned(id, conversation, step, sent)
        }
        Line::MessageChanged(line) => {
            let (id, conversation, step) = (line.id, line.conversation, line.step);
            planned(
                id,
                conversation,
                step,
                Happening::MessageChanged(change(line)?),
            )
        }
        Line::Reaction(line) => {
            let reaction = ReactionChange {
                message_id: line.message,
                user_id: line.user,
                emoji: Emoji::parse("emoji", &line.emoji).map_err(rule)?,
                added: line.added,
            };
            planned(
                line.id,
                line.conversation,
                line.step,
                Happening::Reacted(reaction),
            )
        }
        Line::ConversationChanged(line) => {
            let (id, conversation, step) = (line.id, line.conversation, line.step);
            planned(
                id,
                conversation,
                step,
                Happening::ConversationChanged(state(line)?),
            )
        }
        Line::Estranged(line) => {
            let pair = Pair::new(line.one, line.other).ok_or("a pair that is one person")?;
            let estranged = Happening::Estranged(pair);
            planned(line.id, line.conversation, line.step, estranged)
        }
        Line::ReadMark(line) => Checked::ReadMark(ReadMark {
            conversation_id: line.conversation,
            user_id: line.user,
            seq: line.seq,
        }),
    })
}

fn planned(id: Uuid, conversation_id: ConversationId, step: Step, what: Happening) -> Checked {
    let new = NewEntry {
        id,
        conversation_id,
        what,
    };
    let step = Some(step);
    Checked::Entry(Box::new(Planned { new, step }))
}

fn rule(error: Error) -> String {
    error.to_string()
}

fn account(line: UserLine) -> Result<Account, String> {
    let text = |text: Option<String>| text.ok_or("an account without a name or a password's hash");
    let user = if let Some(deleted_at) = line.deleted_at {
        User::deleted(line.id, line.created_at, deleted_at)
    } else {
        let avatar = |url: String| AvatarUrl::parse("avatarUrl", &url, &AvatarHosts::default());
        User {
            id: line.id,
            username: Username::parse("username", &text(line.username)?).map_err(rule)?,
            display_name: DisplayName::parse("displayName", &text(line.display_name)?)
                .map_err(rule)?,
            avatar_url: line.avatar_url.map(avatar).transpose().map_err(rule)?,
            created_at: line.created_at,
            deleted_at: None,
        }
    };
    let password_hash = match line.deleted_at {
        Some(_) => None,
        None => Some(text(line.password_hash)?),
    };
    // An empty one is nobody's password.
    if password_hash
        .as_ref()
        .is_some_and(|hash| !hash.is_empty() && !is_hash(hash))
    {
        return Err("a password's hash that bcrypt does not know".to_owned());
    }
    if !user.is_deleted() && user.username.key() != line.username_key {
        return Err("a usernameKey that is not the username's".to_owned());
    }
    Ok(Account {
        leaving: line.leaving && user.is_deleted(),
        user,
        username_key: line.username_key,
        password_hash,
    })
}

fn conversation(line: ConversationLine) -> Result<Conversation, String> {
    let conversation = Conversation {
        id: line.id,
        kind: line.kind.into(),
        title: title(line.title)?,
        members: line.members.into_iter().map(member).collect(),
        created_at: line.created_at,
        changed: 0,
    };
    let is_of_two = match conversation.members.as_slice() {
        [a, b] => Pair::new(a.user_id, b.user_id).is_some(),
        _ => false,
    };
    if conversation.kind == ConversationKind::Direct && !is_of_two {
        return Err("a direct conversation that is not of two people".to_owned());
    }
    Ok(conversation)
}

fn title(title: Option<String>) -> Result<Option<String>, String> {
    let checked = |title: String| {
        let checked = GroupTitle::parse("title", &title).map_err(rule);
        checked.map(|title| title.as_str().to_owned())
    };
    title.map(checked).transpose()
}

fn member(line: MemberLine) -> Member {
    Member {
        user_id: line.user,
        role: line.role.into(),
        joined_at: line.joined_at,
        since: line.since,
    }
}

/// A message as it is sent: what became of it later comes with a change.
fn message(line: MessageLine) -> Result<Message, String> {
    let called = |id: String| ClientMessageId::parse("clientMessageId", &id);
    Ok(Message {
        id: line.id,
        client_message_id: line
            .client_message_id
            .map(called)
            .transpose()
            .map_err(rule)?,
        reply_to: line.reply_to,
        ..Message::new(
            line.conversation,
            line.sender,
            body(&line.body, line.deleted_at)?,
            line.sent_at,
        )
    })
}

fn body(text: &str, deleted_at: Option<Timestamp>) -> Result<Body, String> {
    match deleted_at {
        Some(_) => Ok(Body::none()),
        None => Body::parse("body", text).map_err(rule),
    }
}

fn change(line: MessageChangedLine) -> Result<MessageChange, String> {
    Ok(MessageChange {
        message_id: line.message,
        state: Some(MessageState {
            body: body(&line.body, line.deleted_at)?,
            edited_at: line.edited_at,
            deleted_at: line.deleted_at,
            first: line.fingerprint.as_deref().map(fingerprint).transpose()?,
        }),
    })
}

fn fingerprint(text: &str) -> Result<Fingerprint, String> {
    let wrong = "a fingerprint that is none";
    if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(wrong.to_owned());
    }
    let bits = u128::from_str_radix(text, 16).map_err(|_| wrong)?;
    Ok(Fingerprint(bits.to_be_bytes()))
}

fn state(line: ConversationChangedLine) -> Result<ConversationState, String> {
    let departure = |LeftLine { user, since }: LeftLine| Departure {
        user_id: user,
        since,
    };
    Ok(ConversationState {
        title: title(line.title)?,
        members: line.members.into_iter().map(member).collect(),
        departures: line.left.into_iter().map(departure).collect(),
    })
}
