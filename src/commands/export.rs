//! `chinwag export`: everything in one file, the same for both stores.
//!
//! People and blocks come first; then the log, merged from all lanes in the order of ranks, each conversation before its
//! first entry; then how far everyone has read.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use serde::Serialize;
use tokio::time::sleep;

use super::{
    Failure,
    format::{
        BlockLine, ConversationChangedLine, ConversationLine, Counts, EstrangedLine, FORMAT,
        Header, LeftLine, Line, MemberLine, MessageChangedLine, MessageLine, ReactionLine,
        ReadMarkLine, UserLine, VERSION,
    },
    opened::Opened,
    progress::{Progress, counted},
    whole_file::WholeFile,
};
use crate::{
    app::Config,
    domain::{
        Account, Conversation, Entry, Fingerprint, Happening, Member, Message, MessageId, Position,
        Progress as Covered, Record, Timestamp,
    },
    settings::ExportOrder,
    store::WholeStore,
};

/// How many accounts, blocks or conversations are read at a time.
const PAGE: usize = 500;

/// How many records of each lane are read at a time.
const LOG_PAGE: usize = 500;

/// How long to wait for what a read of several lanes has missed.
const PAUSE: Duration = Duration::from_millis(500);

/// How often the log is read once more for what others have written meanwhile.
const LAST_LOOKS: usize = 20;

/// Writes everything into a new file; gives the line that says how much that was.
pub async fn run(config: &Config, order: &ExportOrder) -> Result<String, Failure> {
    let file = WholeFile::begin(&order.file)?;
    let store = Opened::existing(config).await?;
    let mut export = Export {
        store: store.clone(),
        file,
        counts: Counts::default(),
        emitted: Covered::default(),
        progress: Progress::start("messages exported", None),
    };
    let whole = export.write_all().await;
    let Export {
        file,
        counts,
        progress,
        ..
    } = export;
    store.close().await;
    progress.finish();
    whole?;
    file.finish()?;
    Ok(format!(
        "exported {}, {}, {}\n",
        counted(counts.users, "user"),
        counted(counts.messages, "message"),
        counted(counts.conversations, "conversation")
    ))
}

struct Export {
    store: WholeStore,
    file: WholeFile,
    counts: Counts,
    /// What of the log is in the file.
    emitted: Covered,
    progress: Progress,
}

impl Export {
    async fn write_all(&mut self) -> Result<(), Failure> {
        self.put(&Line::Header(Header {
            format: FORMAT.to_owned(),
            version: VERSION,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            exported_at: Timestamp::now(),
        }))?;
        self.put_users().await?;
        self.put_blocks().await?;
        self.put_log().await?;
        self.put_read_marks().await?;
        self.put(&Line::End(self.counts))
    }

    fn put(&mut self, line: &impl Serialize) -> Result<(), Failure> {
        let line = serde_json::to_vec(line).map_err(Failure::new)?;
        self.file.write(&line)
    }

    async fn put_users(&mut self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let accounts = self.store.accounts_behind(after, PAGE).await?;
            let Some(last) = accounts.last() else {
                return Ok(());
            };
            after = Some(last.user.id);
            let ids: Vec<_> = accounts.iter().map(|account| account.user.id).collect();
            let seen: HashMap<_, _> = self.store.last_seen(&ids).await?.into_iter().collect();
            for account in accounts {
                let last_seen_at = seen.get(&account.user.id).copied();
                self.put(&Line::User(user_line(account, last_seen_at)))?;
                self.counts.users += 1;
            }
        }
    }

    async fn put_blocks(&mut self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let blocks = self.store.blocks_behind(after, PAGE).await?;
            let Some(last) = blocks.last() else {
                return Ok(());
            };
            after = Some((last.blocker, last.blocked));
            for block in blocks {
                self.put(&Line::Block(BlockLine {
                    blocker: block.blocker,
                    blocked: block.blocked,
                    at: block.at,
                }))?;
            }
        }
    }

    /// Reads until nothing is new, so that what was changed meanwhile is there with its change; of one that others write
    /// all the time, up to some way behind where it ended at the beginning.
    async fn put_log(&mut self) -> Result<(), Failure> {
        let heads = self.store.heads().await?;
        let (mut looks, mut stuck) = (0, 0);
        loop {
            let mut records = self.store.log_after(&self.emitted, LOG_PAGE).await?;
            if records.is_empty() {
                return Ok(());
            }
            if self.emitted.includes(&heads) {
                looks += 1;
                if looks > LAST_LOOKS {
                    return Ok(());
                }
            }
            let safe = safe_rank(&records);
            records.sort_unstable_by_key(|record| (record.rank(), record.position()));
            let mut next = Vec::new();
            let mut covered = self.emitted;
            for record in records {
                if record.rank() > safe || !follows(&record, &covered) {
                    break;
                }
                covered.advance(record.position());
                next.push(record);
            }
            // One read of several lanes is no snapshot: what is missing was written before, so the next read has it.
            stuck = if next.is_empty() { stuck + 1 } else { 0 };
            if stuck > LAST_LOOKS {
                return Err(Failure::new("the log has a hole; see `chinwag check`"));
            }
            if stuck > 0 {
                sleep(PAUSE).await;
            }
            self.put_entries(next.into_iter().filter_map(entry).collect())
                .await?;
            self.emitted = covered;
        }
    }

    async fn put_entries(&mut self, entries: Vec<Entry>) -> Result<(), Failure> {
        let made = entries.iter().filter(|entry| entry.step == 1);
        let made: Vec<_> = made.map(|entry| entry.conversation_id).collect();
        let made = self.store.conversations(&made).await?;
        let mut made: HashMap<_, _> = made.into_iter().map(|one| (one.id, one)).collect();
        let changed: HashSet<MessageId> =
            entries.iter().filter_map(Entry::changed_message).collect();
        let changed: Vec<_> = changed.into_iter().collect();
        let changed = self.store.messages(&changed).await?;
        let changed: HashMap<_, _> = changed.iter().map(|one| (one.id, one)).collect();
        for entry in entries {
            if let Some(conversation) = made.remove(&entry.conversation_id) {
                self.put(&Line::Conversation(conversation_line(conversation)))?;
                self.counts.conversations += 1;
            }
            if entry.message().is_some() {
                self.counts.messages += 1;
                self.progress.step(1);
            }
            let line = entry_line(entry, |id| changed.get(&id).copied());
            let missing = || Failure::new("a message is missing; see `chinwag check`");
            self.put(&line.ok_or_else(missing)?)?;
        }
        Ok(())
    }

    async fn put_read_marks(&mut self) -> Result<(), Failure> {
        let mut after = None;
        loop {
            let ids = self.store.conversations_behind(after, PAGE).await?;
            let Some(last) = ids.last() else {
                return Ok(());
            };
            after = Some(*last);
            let mut marks = self.store.read_marks(&ids).await?;
            marks.retain(|mark| mark.seq > 0);
            marks.sort_unstable_by_key(|mark| (mark.conversation_id, mark.user_id));
            for mark in marks {
                self.put(&Line::ReadMark(ReadMarkLine {
                    conversation: mark.conversation_id,
                    user: mark.user_id,
                    seq: mark.seq,
                }))?;
            }
        }
    }
}

/// Up to which rank records are there from all lanes: a lane of which a full page came may have more.
fn safe_rank(records: &[Record]) -> i64 {
    let mut lanes = HashMap::<_, (usize, i64)>::new();
    for record in records {
        let (count, last) = lanes.entry(record.position().lane()).or_default();
        *count += 1;
        *last = record.rank().max(*last);
    }
    let cut_short = lanes.values().filter(|(count, _)| *count >= LOG_PAGE);
    cut_short.map(|(_, last)| *last).min().unwrap_or(i64::MAX)
}

fn follows(record: &Record, covered: &Covered) -> bool {
    match record {
        Record::Seal(_) => true,
        Record::Entry(entry) => entry.before == Position::START || covered.covers(entry.before),
    }
}

fn entry(record: Record) -> Option<Entry> {
    match record {
        Record::Entry(entry) => Some(entry),
        Record::Seal(_) => None,
    }
}

fn user_line(account: Account, last_seen_at: Option<Timestamp>) -> UserLine {
    let user = account.user;
    let shown = |text: &str| (!user.is_deleted()).then(|| text.to_owned());
    UserLine {
        id: user.id,
        username: shown(user.username.as_str()),
        username_key: account.username_key,
        display_name: shown(user.display_name.as_str()),
        avatar_url: user.avatar_url.as_ref().map(|url| url.as_str().to_owned()),
        password_hash: account.password_hash,
        created_at: user.created_at,
        deleted_at: user.deleted_at,
        leaving: account.leaving,
        last_seen_at,
    }
}

fn conversation_line(conversation: Conversation) -> ConversationLine {
    ConversationLine {
        id: conversation.id,
        kind: conversation.kind.into(),
        title: conversation.title,
        created_at: conversation.created_at,
        members: conversation.members.iter().map(member_line).collect(),
    }
}

fn member_line(member: &Member) -> MemberLine {
    MemberLine {
        user: member.user_id,
        role: member.role.into(),
        joined_at: member.joined_at,
        since: member.since,
    }
}

/// `None` when the message that it is about is not there.
fn entry_line<'a>(entry: Entry, find: impl Fn(MessageId) -> Option<&'a Message>) -> Option<Line> {
    let (id, conversation, step) = (entry.id, entry.conversation_id, entry.step);
    Some(match entry.what {
        Happening::Sent(message) => Line::Message(MessageLine {
            id: message.id,
            conversation,
            step,
            seq: message.seq,
            sender: message.sender_id,
            body: message.body.as_str().to_owned(),
            sent_at: message.sent_at,
            client_message_id: message
                .client_message_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
            reply_to: message.reply_to,
            edited_at: message.edited_at,
            deleted_at: message.deleted_at,
        }),
        Happening::MessageChanged(change) => {
            let message = find(change.message_id)?;
            Line::MessageChanged(MessageChangedLine {
                id,
                conversation,
                step,
                message: message.id,
                body: message.body.as_str().to_owned(),
                edited_at: message.edited_at,
                deleted_at: message.deleted_at,
                fingerprint: message.first.map(hexadecimal),
            })
        }
        Happening::Reacted(change) => Line::Reaction(ReactionLine {
            id,
            conversation,
            step,
            message: change.message_id,
            user: change.user_id,
            emoji: change.emoji.as_str().to_owned(),
            added: change.added,
        }),
        Happening::Estranged(pair) => Line::Estranged(EstrangedLine {
            id,
            conversation,
            step,
            one: pair.low(),
            other: pair.high(),
        }),
        Happening::ConversationChanged(state) => {
            Line::ConversationChanged(ConversationChangedLine {
                id,
                conversation,
                step,
                title: state.title,
                members: state.members.iter().map(member_line).collect(),
                left: state
                    .departures
                    .iter()
                    .map(|left| LeftLine {
                        user: left.user_id,
                        since: left.since,
                    })
                    .collect(),
            })
        }
    })
}

fn hexadecimal(Fingerprint(bytes): Fingerprint) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
