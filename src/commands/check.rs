//! `chinwag check`: whether a store is whole: the file, the log's lanes, each conversation's steps, and what follows from
//! them.

mod conversation;
mod search;

use std::collections::HashMap;

use self::search::Search;
use super::{
    Failure,
    opened::Opened,
    progress::{Progress, counted},
};
use crate::{
    app::Config,
    domain::{Lane, Position, Progress as Covered, Record},
    store::WholeStore,
};

/// How many records or conversations are read at a time.
const PAGE: usize = 500;

/// How many faults are told of each kind; of what is broken all over, the first say enough.
const TOLD: usize = 20;

/// Goes through everything; gives what it found.
pub async fn run(config: &Config) -> Result<String, Failure> {
    let store = Opened::existing(config).await?;
    let mut check = Check {
        store: store.clone(),
        faults: Faults::default(),
    };
    let checked = check.all().await;
    let Check { faults, .. } = check;
    store.close().await;
    let counts = checked?;
    if faults.count == 0 {
        return Ok(format!("{counts}: all is well\n"));
    }
    super::say(&faults.told);
    let count = counted(faults.count, "fault");
    Err(Failure::new(format_args!("{counts}: {count} found")))
}

/// What is wrong, a line each.
#[derive(Default)]
pub struct Faults {
    told: String,
    count: u64,
}

impl Faults {
    /// Takes note of one.
    pub fn tell(&mut self, fault: &str) {
        if self.count < TOLD as u64 {
            self.told.push_str(fault);
            self.told.push('\n');
        }
        self.count += 1;
    }
}

struct Check {
    store: WholeStore,
    faults: Faults,
}

impl Check {
    async fn all(&mut self) -> Result<String, Failure> {
        for fault in self.store.damage(TOLD).await? {
            self.faults.tell(&fault);
        }
        let (lanes, entries) = self.lanes().await?;
        let conversations = self.conversations().await?;
        let users = self.store.totals().await?.users;
        Ok(format!(
            "{}, {}, {}, {}",
            counted(users, "user"),
            counted(conversations, "conversation"),
            counted(entries, "entry").replace("entrys", "entries"),
            counted(lanes, "lane")
        ))
    }

    /// Each lane counts 1, 2, 3, … and its ranks grow, and what messages say is found. Data of before there were lanes may begin later.
    async fn lanes(&mut self) -> Result<(u64, u64), Failure> {
        let heads = self.store.heads().await?;
        let mut search = Search::begin(&self.store).await?;
        let mut read = Covered::default();
        let mut last = HashMap::<Lane, (Position, i64)>::new();
        let mut entries = 0;
        let mut progress = Progress::start("entries of the log checked", None);
        while !read.includes(&heads) {
            let records = self.store.log_after(&read, PAGE).await?;
            if records.is_empty() {
                self.faults.tell("the log ends before its own end");
                break;
            }
            progress.step(records.len() as u64);
            search.look(&records).await?;
            for record in records {
                let (position, rank) = (record.position(), record.rank());
                read.advance(position);
                entries += u64::from(matches!(record, Record::Entry(_)));
                let before = last.insert(position.lane(), (position, rank));
                let (before, rank_before) = before.unwrap_or((position.lane().start(), i64::MIN));
                if position != before.next() {
                    let fault = format!(
                        "lane {} has a hole before {position}",
                        position.lane().number()
                    );
                    self.faults.tell(&fault);
                }
                if rank <= rank_before {
                    self.faults.tell(&format!(
                        "the rank at {position} is not greater than before"
                    ));
                }
            }
        }
        progress.finish();
        for fault in search.faults(read).await? {
            self.faults.tell(&fault);
        }
        Ok((last.len() as u64, entries))
    }

    async fn conversations(&mut self) -> Result<u64, Failure> {
        let mut progress = Progress::start("conversations checked", None);
        let (mut after, mut count) = (None, 0);
        loop {
            let ids = self.store.conversations_behind(after, PAGE).await?;
            let Some(last) = ids.last() else {
                progress.finish();
                return Ok(count);
            };
            after = Some(*last);
            for id in &ids {
                for fault in conversation::faults_of(&self.store, *id).await? {
                    self.faults.tell(&fault);
                }
                progress.step(1);
            }
            count += ids.len() as u64;
        }
    }
}
