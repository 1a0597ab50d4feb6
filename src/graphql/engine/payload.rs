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

use super::{
    answer::Hole,
    execute::Resolved,
    operation::Reply,
    subscription::{Event, EventPlace},
};
use crate::domain::UserId;

/// How many events' payloads are kept for readers that are a little behind. Those farther behind make their own.
const EVENTS_KEPT: usize = 8;
/// Bytes of payloads that are kept, all in all; what goes beyond is made for each reader.
const BYTES_KEPT: usize = 32 * 1024 * 1024;

/// A response, as JSON.
pub struct Payload {
    text: Text,
    place: Option<EventPlace>,
}

enum Text {
    Whole(String),
    Shared(Arc<Template>, Option<UserId>),
}

impl Payload {
    /// For one reader alone.
    pub(super) fn whole(reply: &Reply, event: &Event) -> Self {
        Self {
            text: Text::Whole(reply.to_json()),
            place: event.place.clone(),
        }
    }

    /// For one of those who share it.
    pub(super) fn shared(template: Arc<Template>, event: &Event, reader: Option<UserId>) -> Self {
        Self {
            text: Text::Shared(template, reader),
            place: event.place.clone(),
        }
    }

    /// The cursor that goes with it, for transports that name events.
    pub fn cursor(&self) -> Option<&str> {
        self.place.as_ref().map(|place| &*place.cursor)
    }

    /// Its length in bytes, or a little more.
    pub fn size(&self) -> usize {
        match &self.text {
            Text::Whole(json) => json.len(),
            Text::Shared(template, _) => {
                let cursor = self.cursor().map_or(0, str::len);
                template.bytes + template.holes.len() * (cursor + 4)
            }
        }
    }

    /// Appends it to `json`.
    pub fn write_to(&self, json: &mut String) {
        match &self.text {
            Text::Whole(text) => json.push_str(text),
            Text::Shared(template, reader) => {
                let place = self.place.as_ref();
                fill(json, &template.text, &template.holes, *reader, place);
            }
        }
    }
}

impl Resolved {
    /// The response for one reader, whose event has this place.
    pub(super) fn reply(self, reader: Option<UserId>, place: Option<&EventPlace>) -> Reply {
        // Everything in it was text before.
        let data = String::from_utf8(self.data).unwrap_or_default();
        if self.holes.is_empty() {
            return Reply::of(self.errors, data);
        }
        let mut filled = String::with_capacity(2 * data.len());
        fill(&mut filled, &data, &self.holes, reader, place);
        Reply::of(self.errors, filled)
    }
}

/// Appends a text to `json` with its holes filled for a reader.
fn fill(
    json: &mut String,
    text: &str,
    holes: &[(usize, Hole)],
    reader: Option<UserId>,
    place: Option<&EventPlace>,
) {
    let mut from = 0;
    for (at, hole) in holes {
        json.push_str(&text[from..*at]);
        hole.fill(json, reader, place);
        from = *at;
    }
    json.push_str(&text[from..]);
}

impl Hole {
    /// Appends what this reader has in its place.
    fn fill(&self, json: &mut String, reader: Option<UserId>, place: Option<&EventPlace>) {
        let mut cursor = |of: fn(&EventPlace) -> &Arc<str>| {
            json.push('"');
            // Cursors are letters, digits, hyphens and underscores, which JSON writes as they are.
            json.push_str(place.map_or("", |place| of(place)));
            json.push('"');
        };
        match self {
            Self::Cursor => cursor(|place| &place.cursor),
            Self::Previous => cursor(|place| &place.previous),
            Self::Among(users) => {
                let is_among = reader.is_some_and(|reader| users.contains(&reader));
                json.push_str(if is_among { "true" } else { "false" });
            }
            Self::OwnersOnly { owner, json: own } if reader == Some(*owner) => json.push_str(own),
            Self::OwnersOnly { .. } => json.push_str("null"),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Cursor | Self::Previous => 0,
            Self::Among(users) => size_of_val(&**users),
            Self::OwnersOnly { json, .. } => json.len(),
        }
    }
}

impl From<&Reply> for Payload {
    fn from(reply: &Reply) -> Self {
        Self {
            text: Text::Whole(reply.to_json()),
            place: None,
        }
    }
}

/// A payload with holes for what is each reader's own.
pub(super) struct Template {
    text: Box<str>,
    holes: Vec<(usize, Hole)>,
    bytes: usize,
    kept: Arc<AtomicUsize>,
}

impl Drop for Template {
    fn drop(&mut self) {
        self.kept.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// All payloads that are kept.
#[derive(Default)]
pub(super) struct Payloads {
    bytes: Arc<AtomicUsize>,
    /// By plan and the values of the variables that count.
    readers: Mutex<HashMap<(usize, String), Weak<Readers>>>,
}

/// Subscriptions that share their payloads, for as long as there is one.
pub(super) struct Readers {
    payloads: Arc<Payloads>,
    key: (usize, String),
    recent: Mutex<VecDeque<Kept>>,
}

struct Kept {
    /// Kept with it: while it is there, no other event can get its identity.
    event: Event,
    made: Made,
}

/// A payload once it is made; none when it cannot be shared.
pub(super) type Made = Arc<OnceCell<Option<Arc<Template>>>>;

impl Payloads {
    /// Joins the subscriptions that follow a plan, named by its address, with these variables.
    pub(super) fn join(self: &Arc<Self>, plan: usize, variables: String) -> Arc<Readers> {
        let key = (plan, variables);
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

    /// Keeps what came of an event for all its readers, when there is room for it. What went wrong each of them finds
    /// out on its own.
    pub(super) fn keep(&self, resolved: Resolved) -> Option<Arc<Template>> {
        const BEFORE: &str = "{\"data\":";
        if !resolved.errors.is_empty() {
            return None;
        }
        let data = String::from_utf8(resolved.data).ok()?;
        let text = format!("{BEFORE}{data}}}").into_boxed_str();
        let holes = resolved.holes.into_iter();
        let holes = holes
            .map(|(at, hole)| (BEFORE.len() + at, hole))
            .collect::<Vec<_>>();
        let bytes = text.len() + holes.iter().map(|(_, hole)| hole.bytes()).sum::<usize>();
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let template = Template {
            text,
            holes,
            bytes,
            kept: self.bytes.clone(),
        };
        (before + bytes <= BYTES_KEPT).then(|| Arc::new(template))
    }
}

impl Readers {
    /// The place of an event's payload. `None` when there is nobody to share it with.
    pub(super) fn place(self: &Arc<Self>, event: &Event) -> Option<Made> {
        if Arc::strong_count(self) == 1 {
            return None;
        }
        let identity = event.identity?;
        let mut recent = self.recent.lock();
        let found = recent
            .iter()
            .rev()
            .find(|kept| kept.event.identity == Some(identity));
        if let Some(kept) = found {
            return Some(kept.made.clone());
        }
        if recent.len() == EVENTS_KEPT {
            recent.pop_front();
        }
        let made = Made::default();
        recent.push_back(Kept {
            event: event.clone(),
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
