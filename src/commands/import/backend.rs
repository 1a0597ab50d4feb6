//! Taking over what the usual Express and Mongoose chat backend has in MongoDB: people, what two of them said to each
//! other, in its order.
//!
//! Each run reads all of it and writes what is not there yet: ids follow from the old ones, so that nothing is doubled,
//! whenever a run is stopped, and a later run brings what is new since.

mod ids;
mod people;
mod report;
mod source;
mod talks;

use std::collections::{HashMap, HashSet};

use mongodb::bson::oid::ObjectId;
use secrecy::ExposeSecret;

use self::{
    ids::uuid_of,
    people::{Person, person},
    report::{Kind, Report},
    source::{OldConversation, OldUser, Source},
    talks::Talks,
};
use super::super::{
    Failure,
    opened::Opened,
    progress::{Progress, counted},
};
use crate::{
    app::{Config, StoreConfig},
    domain::{Pair, UserId},
    settings::ImportOrder,
    store::WholeStore,
};

/// How many people are looked up at a time.
const PEOPLE: usize = 500;

/// Of how many people it is remembered whether they exist.
const KNOWN_PEOPLE: usize = 200_000;

/// Takes over everything that is not there yet.
pub async fn run(config: &Config, uri: &str, order: &ImportOrder) -> Result<String, Failure> {
    let target = match &config.store {
        StoreConfig::Mongo { uri } => Some(uri.expose_secret()),
        StoreConfig::Embedded { .. } => None,
    };
    let source = Source::open(uri, target).await?;
    let report = Report::begin(&order.report)?;
    let store = if order.dry_run {
        None
    } else {
        Some(Opened::open(config).await?)
    };
    let mut import = Import {
        config,
        as_read: order.as_read,
        source,
        store: store.as_deref().cloned(),
        people: HashMap::new(),
        report,
        tally: Tally::default(),
    };
    let done = import.take_all().await;
    let Import { report, tally, .. } = import;
    if let Some(store) = store {
        store.close().await;
    }
    let path = report.finish()?;
    done?;
    let verb = if order.dry_run {
        "would import"
    } else {
        "imported"
    };
    Ok(format!("{verb} {tally} (see {})\n", path.display()))
}

struct Import<'a> {
    config: &'a Config,
    as_read: bool,
    source: Source,
    /// None where nothing is to be written.
    store: Option<WholeStore>,
    /// Who exists, and who does not.
    people: HashMap<ObjectId, bool>,
    report: Report,
    tally: Tally,
}

/// What became of how many.
#[derive(Default)]
struct Tally {
    users: u64,
    messages: u64,
    conversations: u64,
    users_there: u64,
    messages_there: u64,
    users_left_out: u64,
    messages_left_out: u64,
    conversations_left_out: u64,
    changed: u64,
}

impl std::fmt::Display for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}, {}, {}; there already: {}, {}; left out: {}, {}, {}; changed: {}",
            counted(self.users, "user"),
            counted(self.messages, "message"),
            counted(self.conversations, "conversation"),
            counted(self.users_there, "user"),
            counted(self.messages_there, "message"),
            counted(self.users_left_out, "user"),
            counted(self.messages_left_out, "message"),
            counted(self.conversations_left_out, "conversation"),
            self.changed
        )
    }
}

impl Import<'_> {
    async fn take_all(&mut self) -> Result<(), Failure> {
        self.take_users().await?;
        self.look_at_conversations().await?;
        Talks::new(self).take_all().await
    }

    async fn take_users(&mut self) -> Result<(), Failure> {
        let total = self.source.count("users").await?;
        let mut progress = Progress::start("users imported", Some(total));
        let mut users = self.source.users().await?;
        let mut taken = HashSet::new();
        loop {
            let mut page = Vec::with_capacity(PEOPLE);
            while page.len() < PEOPLE
                && let Some(found) = users.next().await?
            {
                page.push(OldUser::from(found));
            }
            if page.is_empty() {
                break;
            }
            progress.step(page.len() as u64);
            let known = page.iter().filter_map(|user| user.id);
            let known: Vec<_> = known.map(|id| UserId(uuid_of(id))).collect();
            let known: HashSet<UserId> = match &self.store {
                Some(store) => store
                    .users(&known)
                    .await?
                    .iter()
                    .map(|user| user.id)
                    .collect(),
                None => HashSet::new(),
            };
            for old in page {
                let shown_id = old.shown_id.clone();
                match person(old, &self.config.avatar_hosts) {
                    Err(reason) => {
                        self.tally.users_left_out += 1;
                        self.report.tell(Kind::User, &shown_id, reason)?;
                    }
                    Ok(person) if known.contains(&person.account.user.id) => {
                        self.tally.users_there += 1;
                    }
                    Ok(person) => self.take_user(&shown_id, person, &mut taken).await?,
                }
            }
        }
        progress.finish();
        Ok(())
    }

    /// Adds someone under the first of its names that nobody has; `taken` are those of a run that writes nothing.
    async fn take_user(
        &mut self,
        shown_id: &str,
        mut person: Person,
        taken: &mut HashSet<String>,
    ) -> Result<(), Failure> {
        let first = person.username().to_owned();
        let mut number = 1;
        loop {
            let is_added = match &self.store {
                Some(store) => store.add_account(&person.account).await?,
                None => taken.insert(person.account.username_key.clone()),
            };
            if is_added {
                break;
            }
            number += 1;
            person.rename(number);
        }
        if number > 1 {
            let name = person.username().to_owned();
            let change = format!("the username {first:?} is taken; it became {name:?}");
            person.changes.push(change);
        }
        self.tally.users += 1;
        for change in &person.changes {
            self.tally.changed += 1;
            self.report.tell(Kind::User, shown_id, change)?;
        }
        Ok(())
    }

    /// Tells of those that become something else. What was said is found by who said it to whom, so that messages which
    /// no conversation names are there too.
    async fn look_at_conversations(&mut self) -> Result<(), Failure> {
        let mut conversations = self.source.conversations().await?;
        // Hashes, as there may be very many.
        let mut seen = HashSet::<u64>::new();
        let hash = std::hash::RandomState::new();
        loop {
            let mut page = Vec::with_capacity(PEOPLE);
            while page.len() < PEOPLE
                && let Some(found) = conversations.next().await?
            {
                page.push(OldConversation::from(found));
            }
            if page.is_empty() {
                return Ok(());
            }
            let people = page.iter().flat_map(|old| &old.participants);
            let people: Vec<ObjectId> = people.copied().flatten().collect();
            self.learn(&people).await?;
            for old in page {
                let reason = match old.participants.as_slice() {
                    [Some(a), Some(b)] if !self.is_known(*a) || !self.is_known(*b) => {
                        "a participant is no user"
                    }
                    [Some(a), Some(b)] => match pair(*a, *b) {
                        Some(pair) => {
                            use std::hash::BuildHasher;
                            if !seen.insert(hash.hash_one(pair)) {
                                self.tally.changed += 1;
                                let merged = "another one of the same two people; both became one";
                                self.report
                                    .tell(Kind::Conversation, &old.shown_id, merged)?;
                            }
                            continue;
                        }
                        None => "both participants are the same user",
                    },
                    _ => "it is not of two users",
                };
                self.tally.conversations_left_out += 1;
                self.report
                    .tell(Kind::Conversation, &old.shown_id, reason)?;
            }
        }
    }

    /// Finds out which of these people exist.
    async fn learn(&mut self, people: &[ObjectId]) -> Result<(), Failure> {
        if self.people.len() > KNOWN_PEOPLE {
            self.people.clear();
        }
        let unknown = people.iter().filter(|id| !self.people.contains_key(*id));
        let unknown: HashSet<ObjectId> = unknown.copied().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        let ids: Vec<ObjectId> = unknown.into_iter().collect();
        let known: HashSet<_> = if let Some(store) = &self.store {
            let users: Vec<_> = ids.iter().map(|id| UserId(uuid_of(*id))).collect();
            let known = store.users(&users).await?;
            known.into_iter().map(|user| user.id.0).collect()
        } else {
            let known = self.source.known_users(ids.clone()).await?;
            known.into_iter().map(uuid_of).collect()
        };
        for id in ids {
            self.people.insert(id, known.contains(&uuid_of(id)));
        }
        Ok(())
    }

    /// Whether someone exists, as [`Import::learn`] found.
    fn is_known(&self, id: ObjectId) -> bool {
        self.people.get(&id).copied().unwrap_or(false)
    }
}

/// The two people here; `None` when they are one.
fn pair(a: ObjectId, b: ObjectId) -> Option<Pair> {
    Pair::new(UserId(uuid_of(a)), UserId(uuid_of(b)))
}
