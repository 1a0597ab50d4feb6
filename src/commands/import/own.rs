//! Taking over a file that `chinwag export` wrote. What is there already stays, so that it can be run again.

mod checking;
mod lines;

use std::{collections::HashMap, path::Path};

use futures_util::{StreamExt, TryStreamExt, stream};

use self::{
    checking::{Checked, checked},
    lines::Lines,
};
use super::{
    super::{
        Failure,
        format::Counts,
        opened::Opened,
        progress::{Progress, counted},
    },
    log::{LogWriter, Planned},
};
use crate::{
    app::Config,
    domain::{
        Account, Block, Conversation, ConversationId, ConversationKind, ReadMark, Stretch,
        Timestamp,
    },
    store::WholeStore,
};

/// How many lines are written together.
const BATCH: usize = 1_000;

/// How many calls of the store are under way at once.
const AT_ONCE: usize = 32;

/// Takes over what is in a file, or with `is_dry` only reads it.
pub async fn run(config: &Config, path: &Path, is_dry: bool) -> Result<String, Failure> {
    let mut file = Lines::open(path).await?;
    let expected = file.counts();
    if is_dry {
        let mut counts = Counts::default();
        while let Some(line) = file.next().await? {
            let line = checked(line).map_err(|reason| file.wrong(&reason))?;
            line.count(&mut counts);
        }
        file.is_whole(counts)?;
        return Ok(told("would import", counts));
    }
    let store = Opened::open(config).await?;
    let mut import = Import {
        writer: LogWriter::new(store.clone()),
        store: store.clone(),
        waiting: Waiting::default(),
        new: Counts::default(),
        progress: Progress::start("messages imported", Some(expected.messages)),
    };
    let done = import.take_all(&mut file).await;
    let Import { new, progress, .. } = import;
    store.close().await;
    progress.finish();
    done?;
    Ok(told("imported", new))
}

fn told(what: &str, counts: Counts) -> String {
    format!(
        "{what} {}, {}, {}\n",
        counted(counts.users, "user"),
        counted(counts.messages, "message"),
        counted(counts.conversations, "conversation")
    )
}

/// What is to be written together.
#[derive(Default)]
struct Waiting {
    users: Vec<(Account, Option<Timestamp>)>,
    blocks: Vec<Block>,
    conversations: Vec<Conversation>,
    entries: Vec<Planned>,
    marks: Vec<ReadMark>,
}

impl Waiting {
    fn len(&self) -> usize {
        self.users.len() + self.blocks.len() + self.entries.len() + self.marks.len()
    }
}

struct Import {
    store: WholeStore,
    writer: LogWriter,
    waiting: Waiting,
    /// What was not there before.
    new: Counts,
    progress: Progress,
}

impl Import {
    async fn take_all(&mut self, file: &mut Lines) -> Result<(), Failure> {
        let mut read = Counts::default();
        while let Some(line) = file.next().await? {
            let line = checked(line).map_err(|reason| file.wrong(&reason))?;
            line.count(&mut read);
            let waiting = &mut self.waiting;
            match line {
                Checked::User(account, seen) => waiting.users.push((*account, seen)),
                Checked::Block(block) => waiting.blocks.push(block),
                Checked::Conversation(conversation) => waiting.conversations.push(conversation),
                Checked::Entry(planned) => waiting.entries.push(*planned),
                Checked::ReadMark(mark) => waiting.marks.push(mark),
                Checked::Nothing => {}
            }
            if waiting.len() >= BATCH {
                self.write().await?;
            }
        }
        self.write().await?;
        file.is_whole(read)
    }

    /// Writes what waits: people before what they do, what was said before who has read it.
    async fn write(&mut self) -> Result<(), Failure> {
        let Waiting {
            users,
            blocks,
            conversations,
            entries,
            marks,
        } = std::mem::take(&mut self.waiting);
        self.add_users(users).await?;
        let store = &self.store;
        let block = async |block: Block| store.block(block.blocker, block.blocked, block.at).await;
        each(blocks, block).await?;
        self.add_conversations(conversations).await?;
        self.append(entries).await?;
        let store = &self.store;
        let read = async |mark: ReadMark| {
            let ReadMark {
                conversation_id,
                user_id,
                seq,
            } = mark;
            store.mark_read(conversation_id, user_id, seq).await
        };
        each(marks, read).await.map(drop)
    }

    async fn add_users(&mut self, users: Vec<(Account, Option<Timestamp>)>) -> Result<(), Failure> {
        if users.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = users.iter().map(|(account, _)| account.user.id).collect();
        let known = self.store.users(&ids).await?;
        let known: Vec<_> = known.into_iter().map(|user| user.id).collect();
        let seen = users
            .iter()
            .filter_map(|(account, seen)| Some((account.user.id, (*seen)?)));
        let seen: Vec<_> = seen.collect();
        let new = users.into_iter().map(|(account, _)| account);
        let new: Vec<_> = new
            .filter(|account| !known.contains(&account.user.id))
            .collect();
        let store = &self.store;
        let add = async |account: Account| {
            let added = store.add_account(&account).await?;
            Ok((!added).then_some(account.username_key))
        };
        for taken in each(new, add).await? {
            match taken {
                None => self.new.users += 1,
                Some(name) => {
                    return Err(Failure::new(format_args!(
                        "the username {name} is somebody else's in this store; import into an empty one"
                    )));
                }
            }
        }
        self.store
            .record_offline(&seen)
            .await
            .map_err(Failure::from)
    }

    async fn add_conversations(&mut self, all: Vec<Conversation>) -> Result<(), Failure> {
        if all.is_empty() {
            return Ok(());
        }
        let ids: Vec<ConversationId> = all.iter().map(|conversation| conversation.id).collect();
        let known = self.store.conversations(&ids).await?;
        let known: Vec<_> = known
            .into_iter()
            .map(|conversation| conversation.id)
            .collect();
        let new = all.into_iter().filter(|one| !known.contains(&one.id));
        let store = &self.store;
        let add = async |new: Conversation| {
            Ok(match new.kind {
                ConversationKind::Direct => {
                    let kept = store.create_direct(&new).await?;
                    (kept.id != new.id).then_some(new.id)
                }
                ConversationKind::Group => {
                    store.create_group(&new).await?;
                    None
                }
            })
        };
        for clash in each(new.collect(), add).await? {
            match clash {
                None => self.new.conversations += 1,
                Some(id) => {
                    return Err(Failure::new(format_args!(
                        "the two people of {id} have another conversation in this store; import into an empty one"
                    )));
                }
            }
        }
        Ok(())
    }

    /// Appends the entries that are not there.
    async fn append(&mut self, entries: Vec<Planned>) -> Result<(), Failure> {
        let messages = entries
            .iter()
            .filter(|planned| planned.is_message())
            .count();
        let of = |planned: &Planned| planned.new.conversation_id;
        let tails = self.writer.tails(entries.iter().map(of)).await?;
        let end = |planned: &Planned| tails.get(&of(planned)).map_or(0, |tail| tail.step);
        let is_there = |planned: &Planned| planned.step.is_some_and(|step| step <= end(planned));
        let (there, new): (Vec<_>, Vec<_>) = entries.into_iter().partition(is_there);
        self.are_the_same(&there).await?;
        let said = new.iter().filter(|planned| planned.is_message()).count();
        self.writer.write(new).await?;
        self.new.messages += said as u64;
        self.progress.step(messages as u64);
        Ok(())
    }

    /// What stands in the store at these steps has to be what the file has there.
    async fn are_the_same(&self, there: &[Planned]) -> Result<(), Failure> {
        let mut stretches = HashMap::<ConversationId, Stretch>::new();
        for planned in there {
            let (conversation_id, step) = (planned.new.conversation_id, planned.step.unwrap_or(0));
            let stretch = stretches.entry(conversation_id).or_insert(Stretch {
                conversation_id,
                first: step,
                last: step,
            });
            stretch.first = stretch.first.min(step);
            stretch.last = stretch.last.max(step);
        }
        let stretches: Vec<_> = stretches.into_values().collect();
        let found = self.store.entries(&stretches).await?;
        let found: HashMap<_, _> = found
            .iter()
            .map(|entry| ((entry.conversation_id, entry.step), entry.id))
            .collect();
        for planned in there {
            let id = planned.new.conversation_id;
            if found.get(&(id, planned.step.unwrap_or(0))) != Some(&planned.new.id) {
                return Err(super::log::goes_on_differently(id));
            }
        }
        Ok(())
    }
}

/// Does something with each, several at once, and gives what came of it in their order.
async fn each<T, U>(
    all: Vec<T>,
    what: impl AsyncFn(T) -> crate::error::Result<U>,
) -> Result<Vec<U>, Failure> {
    let done = stream::iter(all).map(|one| what(one)).buffered(AT_ONCE);
    done.try_collect().await.map_err(Failure::from)
}
