//! What an event comes to as JSON, made once for all its readers where their documents and variables are the same.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Weak,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::{event::Event, operation::Reply};

/// Events whose payloads are kept for readers that come a little later. Those who come later still make their own.
const EVENTS_KEPT: usize = 8;
/// Bytes of payloads that are kept, all in all; what goes beyond is made for each reader.
const BYTES_KEPT: usize = 32 * 1024 * 1024;

/// A response, as JSON.
pub struct Payload {
    text: Text,
    cursor: Option<Arc<str>>,
}

enum Text {
    Whole(String),
    Shared(Arc<Pieces>),
}

impl Payload {
    pub(super) fn whole(reply: &Reply, event: &Event) -> Self {
        Self {
            text: Text::Whole(reply.to_json()),
            cursor: event.cursor().cloned(),
        }
    }

    pub(super) fn shared(pieces: Arc<Pieces>, event: &Event) -> Self {
        Self {
            text: Text::Shared(pieces),
            cursor: event.cursor().cloned(),
        }
    }

    /// The cursor that goes with it, for transports that name events.
    pub fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Its length in bytes.
    pub fn size(&self) -> usize {
        match &self.text {
            Text::Whole(json) => json.len(),
            Text::Shared(pieces) => {
                let holes = pieces.parts.len() - 1;
                pieces.bytes + holes * self.cursor.as_ref().map_or(0, |cursor| cursor.len())
            }
        }
    }

    /// Appends it to `json`.
    pub fn write_to(&self, json: &mut String) {
        match &self.text {
            Text::Whole(text) => json.push_str(text),
            Text::Shared(pieces) => {
                for (index, part) in pieces.parts.iter().enumerate() {
                    if index > 0 {
                        // Cursors are letters, digits and hyphens, which JSON writes as they are.
                        json.push_str(self.cursor.as_deref().unwrap_or_default());
                    }
                    json.push_str(part);
                }
            }
        }
    }
}

impl From<&Reply> for Payload {
    fn from(reply: &Reply) -> Self {
        Self {
            text: Text::Whole(reply.to_json()),
            cursor: None,
        }
    }
}

/// A payload in which the reader's cursor goes between every two parts.
pub(super) struct Pieces {
    parts: Vec<Box<str>>,
    bytes: usize,
    kept: Arc<AtomicUsize>,
}

impl Drop for Pieces {
    fn drop(&mut self) {
        self.kept.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Stands in a payload for its readers' cursors. Made after the event was, so that nothing in it can look the same.
pub(super) struct Placeholder(String);

impl Placeholder {
    pub(super) fn new() -> Self {
        Self(Uuid::new_v4().simple().to_string())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// All payloads that are kept.
#[derive(Default)]
pub(super) struct Payloads {
    bytes: Arc<AtomicUsize>,
    /// By document and the values of the variables that count.
    readers: Mutex<HashMap<(usize, String), Weak<Readers>>>,
}

/// Subscriptions that share their payloads, for as long as there is one.
pub(super) struct Readers {
    payloads: Arc<Payloads>,
    key: (usize, String),
    recent: Mutex<VecDeque<Kept>>,
}

struct Kept {
    /// Held, so that no other event gets its identity.
    event: Event,
    own: bool,
    made: Made,
}

/// What becomes of making a payload: none when it cannot be shared.
pub(super) type Made = Arc<OnceCell<Option<Arc<Pieces>>>>;

impl Payloads {
    /// Joins the subscriptions to a document, named by its address, with these variables.
    pub(super) fn join(self: &Arc<Self>, document: usize, variables: String) -> Arc<Readers> {
        let key = (document, variables);
        let mut readers = self.readers.lock();
        if let Some(readers) = readers.get(&key).and_then(Weak::upgrade) {
            return readers;
        }
        let new = Arc::new(Readers {
            payloads: self.clone(),
            key: key.clone(),
            recent: Mutex::default(),
        });
        readers.insert(key, Arc::downgrade(&new));
        new
    }

    /// Keeps a payload, when there is room for it.
    pub(super) fn keep(&self, json: &str, placeholder: &Placeholder) -> Option<Arc<Pieces>> {
        let parts = json.split(placeholder.as_str()).map(Box::<str>::from);
        let parts = parts.collect::<Vec<_>>();
        let bytes = parts.iter().map(|part| part.len()).sum();
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let pieces = Pieces {
            parts,
            bytes,
            kept: self.bytes.clone(),
        };
        (before + bytes <= BYTES_KEPT).then(|| Arc::new(pieces))
    }
}

impl Readers {
    /// The place of an event's payload; `own` is whether it is for the sender. `None` when there is nobody to share
    /// it with.
    pub(super) fn place(self: &Arc<Self>, event: &Event, own: bool) -> Option<Made> {
        if Arc::strong_count(self) == 1 {
            return None;
        }
        let identity = event.identity()?;
        let mut recent = self.recent.lock();
        let found = recent
            .iter()
            .rev()
            .find(|kept| kept.own == own && kept.event.identity() == Some(identity));
        if let Some(kept) = found {
            return Some(kept.made.clone());
        }
        if recent.len() == EVENTS_KEPT {
            recent.pop_front();
        }
        let made = Made::default();
        recent.push_back(Kept {
            event: event.clone(),
            own,
            made: made.clone(),
        });
        Some(made)
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        let mut readers = self.payloads.readers.lock();
        // Someone may have come, and found this one gone.
        if readers
            .get(&self.key)
            .is_some_and(|readers| readers.strong_count() == 0)
        {
            readers.remove(&self.key);
        }
    }
}
