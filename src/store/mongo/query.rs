//! Queries that can be made again.

use std::{ops::Deref, time::Duration};

use mongodb::{
    Collection, Database,
    action::Find,
    bson::{Document, RawDocumentBuf},
    options::{FindOptions, Hint, ReadConcern},
};

/// A collection, in which [`find`](Self::find) begins a query that can be made again, and so one that sees all that was
/// acknowledged. What else reads in the driver's collection behind it may not, right after an election.
#[derive(Clone)]
pub(super) struct Documents(Collection<RawDocumentBuf>);

/// How much one answer may hold: as much as the driver takes, as a second round trip is the exception.
pub(super) const BATCH: u32 = 10_000;

/// What is to be found, and how.
#[derive(Clone)]
pub(super) struct Query<'a> {
    collection: &'a Documents,
    filter: Document,
    options: FindOptions,
}

impl Documents {
    pub(super) fn of(db: &Database, name: &str) -> Self {
        Self(db.collection(name))
    }

    pub(super) fn find(&self, filter: Document) -> Query<'_> {
        Query {
            collection: self,
            filter,
            options: FindOptions::default(),
        }
    }
}

impl Deref for Documents {
    type Target = Collection<RawDocumentBuf>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a> Query<'a> {
    pub(super) fn projection(self, projection: Document) -> Self {
        self.with(|options| options.projection = Some(projection))
    }

    pub(super) fn sort(self, sort: Document) -> Self {
        self.with(|options| options.sort = Some(sort))
    }

    /// Which index to use.
    pub(super) fn hint(self, index: &str) -> Self {
        self.with(|options| options.hint = Some(Hint::Name(index.to_owned())))
    }

    pub(super) fn limit(self, limit: i64) -> Self {
        self.with(|options| options.limit = Some(limit))
    }

    pub(super) fn read_concern(self, read_concern: ReadConcern) -> Self {
        self.with(|options| options.read_concern = Some(read_concern))
    }

    /// Makes the query, on which the server may work for so long.
    pub(super) fn make(self, patience: Duration) -> Find<'a, RawDocumentBuf> {
        let Self {
            collection,
            filter,
            options,
        } = self.with(|options| {
            options.max_time = Some(patience);
            options.batch_size = Some(BATCH);
        });
        collection.0.find(filter).with_options(options)
    }

    fn with(mut self, set: impl FnOnce(&mut FindOptions)) -> Self {
        set(&mut self.options);
        self
    }
}
