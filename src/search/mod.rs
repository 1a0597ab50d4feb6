//! Finding messages by their words.
//!
//! The index consists of *segments*: each holds, for the words of some messages, in which conversations and at which
//! seqs they stand, sorted, cut into *parts* of some kilobytes, and never changed once written. The *catalogue* says which
//! segments count, and up to where the log is indexed. New messages are gathered for a moment and become one small
//! segment; of segments of like size some become one larger, as in every log-structured index: so a message costs a
//! few rewritings of some hundred bytes, and there are never more than a few dozen segments. A row or a key for every word
//! of every message costs ten times as much on either store.
//!
//! The store keeps parts as bytes under numbers, and the catalogue as a text that is replaced only by whoever knows the
//! one before: that alone keeps several processes out of each other's way. One of them indexes, for all; when it does not
//! any more, the next that notices goes on.
//!
//! What the index says is where to look: a message that was changed since stands there with its old words until
//! [`Index::purge`], so whoever asks has to look at the messages themselves.

mod builder;
mod catalogue;
mod checking;
mod finding;
mod keeping;
mod lookup;
mod merging;
mod part;
mod segment;

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

pub use catalogue::Catalogue;
pub use checking::Findable;
pub use keeping::News;
use keeping::Watch;

use crate::{
    cache::Cache,
    domain::{ConversationId, Seq, Timestamp},
    error::{Error, Result},
    store::{DynStore, broken},
};

/// How much of the parts that searches read stays in memory, in bytes.
const CACHE: usize = 16 * 1024 * 1024;

/// How often a change of the catalogue is tried when others come in between.
const AMENDS: usize = 100;

/// Where a message stands in what is found: searches list downwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub sent_at: Timestamp,
    pub conversation_id: ConversationId,
    pub seq: Seq,
}

/// The index of a store, as one process sees it. Cheap to clone.
#[derive(Clone)]
pub struct Index(Arc<Inner>);

struct Inner {
    store: DynStore,
    /// Tells this process from others in the catalogue.
    name: Uuid,
    /// Parts by their numbers; what one holds never changes.
    cache: Cache<i64, Bytes>,
    /// Held by who brings the index into shape.
    watch: tokio::sync::Mutex<Watch>,
}

impl Index {
    /// The index that a store keeps.
    pub fn new(store: DynStore) -> Self {
        Self(Arc::new(Inner {
            store,
            name: Uuid::new_v4(),
            cache: Cache::of_weight(CACHE, |_, part| part.len()),
            watch: tokio::sync::Mutex::default(),
        }))
    }

    /// The catalogue as it is now.
    ///
    /// # Errors
    /// The store's.
    pub async fn catalogue(&self) -> Result<Catalogue> {
        let (number, text) = self.0.store.catalogue().await?;
        Catalogue::read(number, &text)
    }

    /// Whether this process is the one that indexes.
    pub fn leads(&self, catalogue: &Catalogue) -> bool {
        catalogue.leader == Some(self.0.name)
    }

    /// Replaces the catalogue by what `change` makes of it, as often as another process comes in between; `None` when
    /// `change` has nothing to do with it any more.
    async fn amend(
        &self,
        mut known: Catalogue,
        mut change: impl FnMut(&mut Catalogue) -> Option<()>,
    ) -> Result<Option<Catalogue>> {
        for _ in 0..AMENDS {
            let number = known.number;
            if change(&mut known).is_none() {
                return Ok(None);
            }
            let text = known.write()?;
            if self.0.store.replace_catalogue(number, &text).await? {
                known.number = number + 1;
                return Ok(Some(known));
            }
            known = self.catalogue().await?;
        }
        Err(Error::Unavailable(
            "other processes replaced the search's catalogue again and again".to_owned(),
        ))
    }
}

/// The error for a part that is not what it should be.
fn unreadable() -> Error {
    broken("an unreadable part of the search's index")
}
