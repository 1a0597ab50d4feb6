//! The log's records as documents of one collection: messages sent, changes, and seals.
//!
//! A record of before there were steps has no `rank`: its position's number is as good, as every other rank is greater.

use std::sync::Arc;

use mongodb::bson::{
    DateTime, Document, RawArray, RawArrayBuf, RawDocument, RawDocumentBuf, doc,
    raw::{RawBinaryRef, RawBsonRef, cstr},
    spec::BinarySubtype,
};
use uuid::Uuid;

use super::document::{
    self, Fields, raw_id, read_id, read_number, read_pair, read_time, unreadable,
};
use crate::{
    domain::{
        Body, ClientMessageId, ConversationId, ConversationState, Departure, Emoji, Entry,
        Fingerprint, Happening, Member, MemberRole, Message, MessageChange, MessageId,
        MessageState, Pair, Position, ReactionChange, Record, Seal, Timestamp, UserId,
    },
    error::Result,
};

/// An entry as a document.
pub(super) fn encode(entry: &Entry) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), raw_id(&entry.id));
    document.append(cstr!("position"), entry.position.0);
    document.append(cstr!("rank"), entry.rank);
    document.append(cstr!("conversation"), raw_id(&entry.conversation_id.0));
    document.append(cstr!("step"), entry.step);
    document.append(cstr!("before"), entry.before.0);
    match &entry.what {
        Happening::Sent(message) => append_message(&mut document, message),
        Happening::MessageChanged(change) => {
            document.append(cstr!("lastSeq"), entry.seq);
            document.append(cstr!("message"), raw_id(&change.message_id.0));
            if let Some(state) = &change.state {
                document.append(cstr!("state"), encode_state(state));
            }
        }
        Happening::Reacted(change) => {
            let mut reaction = RawDocumentBuf::new();
            reaction.append(cstr!("user"), raw_id(&change.user_id.0));
            reaction.append(cstr!("emoji"), change.emoji.as_str());
            reaction.append(cstr!("added"), change.added);
            document.append(cstr!("lastSeq"), entry.seq);
            document.append(cstr!("message"), raw_id(&change.message_id.0));
            document.append(cstr!("reaction"), reaction);
        }
        Happening::ConversationChanged(state) => {
            document.append(cstr!("lastSeq"), entry.seq);
            if let Some(title) = &state.title {
                document.append(cstr!("title"), title.as_str());
            }
            let mut members = RawArrayBuf::new();
            for member in encode_members(&state.members) {
                // Nothing in it can be refused.
                members.push(RawDocumentBuf::try_from(&member).unwrap_or_default());
            }
            document.append(cstr!("members"), members);
            if !state.departures.is_empty() {
                let mut departures = RawArrayBuf::new();
                for departure in &state.departures {
                    let mut left = RawDocumentBuf::new();
                    left.append(cstr!("user"), raw_id(&departure.user_id.0));
                    left.append(cstr!("since"), departure.since);
                    departures.push(left);
                }
                document.append(cstr!("departures"), departures);
            }
        }
        Happening::Estranged(pair) => {
            let bytes = &pair.to_bytes();
            let subtype = BinarySubtype::Generic;
            document.append(cstr!("lastSeq"), entry.seq);
            document.append(cstr!("estranged"), RawBinaryRef { subtype, bytes });
        }
    }
    document
}

/// A seal as a document, with an id that tells it from every other try.
pub(super) fn encode_seal(seal: &Seal, id: Uuid) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("_id"), raw_id(&id));
    document.append(cstr!("position"), seal.position.0);
    document.append(cstr!("rank"), seal.rank);
    document.append(cstr!("mark"), i64::from(seal.mark));
    document
}

fn append_message(document: &mut RawDocumentBuf, message: &Message) {
    document.append(cstr!("seq"), message.seq);
    document.append(cstr!("sender"), raw_id(&message.sender_id.0));
    document.append(cstr!("body"), message.body.as_str());
    if let Some(client_message_id) = &message.client_message_id {
        document.append(cstr!("clientMessageId"), client_message_id.as_str());
    }
    document.append(cstr!("sentAt"), DateTime::from_millis(message.sent_at.0));
    if let Some(reply_to) = &message.reply_to {
        document.append(cstr!("replyTo"), raw_id(&reply_to.0));
    }
}

/// What of a message can change, as an entry tells it.
fn encode_state(state: &MessageState) -> RawDocumentBuf {
    let mut document = RawDocumentBuf::new();
    document.append(cstr!("body"), state.body.as_str());
    if let Some(at) = state.edited_at {
        document.append(cstr!("editedAt"), DateTime::from_millis(at.0));
    }
    if let Some(at) = state.deleted_at {
        document.append(cstr!("deletedAt"), DateTime::from_millis(at.0));
    }
    if let Some(first) = state.first {
        let bytes = &first.0;
        let subtype = BinarySubtype::Generic;
        document.append(cstr!("first"), RawBinaryRef { subtype, bytes });
    }
    document
}

fn decode_state(state: &RawDocument) -> Result<MessageState> {
    Ok(MessageState {
        body: Body::stored(state.text("body")?),
        edited_at: state.time_if_any("editedAt")?,
        deleted_at: state.time_if_any("deletedAt")?,
        first: state.get("first").ok().flatten().and_then(read_fingerprint),
    })
}

fn read_fingerprint(value: RawBsonRef<'_>) -> Option<Fingerprint> {
    value.as_binary()?.bytes.try_into().ok().map(Fingerprint)
}

fn decode_reaction(message_id: MessageId, reaction: &RawDocument) -> Result<ReactionChange> {
    Ok(ReactionChange {
        message_id,
        user_id: document::user_id(reaction)?,
        emoji: Emoji::stored(reaction.text("emoji")?),
        added: reaction
            .get_bool("added")
            .map_err(|_| unreadable("added"))?,
    })
}

fn decode_departures(departures: &RawArray) -> Result<Vec<Departure>> {
    let departure = |left: RawBsonRef<'_>| {
        let left = left.as_document().ok_or_else(|| unreadable("departure"))?;
        Ok(Departure {
            user_id: document::user_id(left)?,
            since: left.number("since")?,
        })
    };
    departures
        .into_iter()
        .map(|found| departure(found.map_err(|_| unreadable("departure"))?))
        .collect()
}

/// Members as they stand in a conversation and in the entry that changes them.
pub(super) fn encode_members(members: &[Member]) -> Vec<Document> {
    let encode = |member: &Member| {
        let role = match member.role {
            MemberRole::Owner => "owner",
            MemberRole::Member => "member",
        };
        doc! {
            "user": document::id(member.user_id.0), "role": role, "joinedAt": document::time(member.joined_at),
            "since": member.since,
        }
    };
    members.iter().map(encode).collect()
}

pub(super) fn decode_members(members: &RawArray) -> Result<Vec<Member>> {
    let member = |member: RawBsonRef<'_>| {
        let member = member.as_document().ok_or_else(|| unreadable("member"))?;
        let role = match member.text("role")? {
            "owner" => MemberRole::Owner,
            "member" => MemberRole::Member,
            _ => return Err(unreadable("role")),
        };
        Ok(Member {
            user_id: document::user_id(member)?,
            role,
            joined_at: member.time("joinedAt")?,
            since: member.number_or_zero("since")?,
        })
    };
    members
        .into_iter()
        .map(|found| member(found.map_err(|_| unreadable("member"))?))
        .collect()
}

/// A record as it is read.
pub(super) fn decode(document: &RawDocument) -> Result<Record> {
    let found = Found::read(document)?;
    let position = Position(found.position.ok_or_else(|| unreadable("position"))?);
    let rank = found.rank.unwrap_or(position.number());
    if let Some(mark) = found.mark {
        let mark = u32::try_from(mark).map_err(|_| unreadable("mark"))?;
        return Ok(Record::Seal(Seal {
            position,
            rank,
            mark,
        }));
    }
    let conversation_id = found.conversation_id()?;
    let seq = found.seq.or(found.last_seq);
    Ok(Record::Entry(Entry {
        id: found.id.ok_or_else(|| unreadable("_id"))?,
        position,
        rank,
        conversation_id,
        step: found.step.or(found.seq).ok_or_else(|| unreadable("step"))?,
        before: Position(found.before.unwrap_or(Position::START.0)),
        seq: seq.ok_or_else(|| unreadable("seq"))?,
        what: if found.seq.is_some() {
            Happening::Sent(Arc::new(found.message()?))
        } else if let (Some(message), Some(reaction)) = (found.message, found.reaction) {
            Happening::Reacted(decode_reaction(MessageId(message), reaction)?)
        } else if let Some(message) = found.message {
            Happening::MessageChanged(MessageChange {
                message_id: MessageId(message),
                state: found.state.map(decode_state).transpose()?,
            })
        } else if let Some(pair) = found.estranged {
            Happening::Estranged(pair)
        } else {
            Happening::ConversationChanged(ConversationState {
                title: found.title.map(str::to_owned),
                members: decode_members(found.members.ok_or_else(|| unreadable("members"))?)?,
                departures: match found.departures {
                    Some(departures) => decode_departures(departures)?,
                    None => Vec::new(),
                },
            })
        },
    }))
}

/// An entry as it is read, where there can be no seal.
pub(super) fn decode_entry(document: &RawDocument) -> Result<Entry> {
    match decode(document)? {
        Record::Entry(entry) => Ok(entry),
        Record::Seal(_) => Err(unreadable("conversation")),
    }
}

/// A message as it is read.
pub(super) fn decode_message(document: &RawDocument) -> Result<Message> {
    Found::read(document)?.message()
}

/// The fields of a record, found in one walk.
#[derive(Default)]
struct Found<'a> {
    id: Option<Uuid>,
    position: Option<i64>,
    rank: Option<i64>,
    mark: Option<i64>,
    conversation: Option<Uuid>,
    step: Option<i64>,
    before: Option<i64>,
    seq: Option<i64>,
    last_seq: Option<i64>,
    sender: Option<Uuid>,
    body: Option<&'a str>,
    client_message_id: Option<&'a str>,
    sent_at: Option<Timestamp>,
    reply_to: Option<Uuid>,
    edited_at: Option<Timestamp>,
    deleted_at: Option<Timestamp>,
    first: Option<Fingerprint>,
    changed: Option<i64>,
    reacted: Option<i64>,
    message: Option<Uuid>,
    reaction: Option<&'a RawDocument>,
    departures: Option<&'a RawArray>,
    estranged: Option<Pair>,
    state: Option<&'a RawDocument>,
    title: Option<&'a str>,
    members: Option<&'a RawArray>,
}

impl<'a> Found<'a> {
    fn read(document: &'a RawDocument) -> Result<Self> {
        let mut found = Self::default();
        for field in document {
            let (key, value) = field.map_err(|_| unreadable("record"))?;
            match key.as_str() {
                "_id" => found.id = read_id(value),
                "position" => found.position = read_number(value),
                "rank" => found.rank = read_number(value),
                "mark" => found.mark = read_number(value),
                "conversation" => found.conversation = read_id(value),
                "step" => found.step = read_number(value),
                "before" => found.before = read_number(value),
                "seq" => found.seq = read_number(value),
                "lastSeq" => found.last_seq = read_number(value),
                "sender" => found.sender = read_id(value),
                "body" => found.body = value.as_str(),
                "clientMessageId" => found.client_message_id = value.as_str(),
                "sentAt" => found.sent_at = read_time(value),
                "replyTo" => found.reply_to = read_id(value),
                "editedAt" => found.edited_at = read_time(value),
                "deletedAt" => found.deleted_at = read_time(value),
                "first" => found.first = read_fingerprint(value),
                "changed" => found.changed = read_number(value),
                "reacted" => found.reacted = read_number(value),
                "reaction" => found.reaction = value.as_document(),
                "departures" => found.departures = value.as_array(),
                "estranged" => found.estranged = read_pair(value),
                "message" => found.message = read_id(value),
                "state" => found.state = value.as_document(),
                "title" => found.title = value.as_str(),
                "members" => found.members = value.as_array(),
                _ => {}
            }
        }
        Ok(found)
    }

    fn conversation_id(&self) -> Result<ConversationId> {
        let id = self.conversation.ok_or_else(|| unreadable("conversation"));
        id.map(ConversationId)
    }

    fn message(&self) -> Result<Message> {
        Ok(Message {
            id: MessageId(self.id.ok_or_else(|| unreadable("_id"))?),
            conversation_id: self.conversation_id()?,
            seq: self.seq.ok_or_else(|| unreadable("seq"))?,
            sender_id: UserId(self.sender.ok_or_else(|| unreadable("sender"))?),
            body: Body::stored(self.body.ok_or_else(|| unreadable("body"))?),
            client_message_id: self.client_message_id.map(ClientMessageId::stored),
            sent_at: self.sent_at.ok_or_else(|| unreadable("sentAt"))?,
            reply_to: self.reply_to.map(MessageId),
            edited_at: self.edited_at,
            deleted_at: self.deleted_at,
            first: self.first,
            changed: self.changed.unwrap_or(0),
            reacted: self.reacted.unwrap_or(0),
        })
    }
}
