//! Who is typing where; fades by itself.

use std::{collections::HashMap, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::{sync::Notify, time::Instant};

use super::timeouts::Timeouts;
use crate::domain::{ConversationId, UserId};

/// Signs of life of one typist that are closer than this count as one.
const CLOSEST_SIGNS: Duration = Duration::from_millis(250);

/// What a sign of life of a typist is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// That someone begins to type.
    First,
    /// That someone types on.
    Another,
    /// So close to the last one that it says nothing.
    Close,
}

/// A member in a conversation.
pub type Typist = (ConversationId, UserId);

/// The people who are typing now. Cheap to clone.
#[derive(Clone)]
pub struct Typing(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    changed: Notify,
}

struct State {
    /// Each typist with its latest sign of life.
    typists: HashMap<Typist, Instant>,
    fading: Timeouts<(Typist, Instant)>,
}

impl State {
    fn sign(&mut self, typist: Typist, now: Instant) {
        self.typists.insert(typist, now);
        self.fading.push((typist, now));
    }
}

impl Typing {
    /// Nobody types; a sign of life lasts for `fade`.
    pub fn new(fade: Duration) -> Self {
        let state = State {
            typists: HashMap::new(),
            fading: Timeouts::new(fade),
        };
        Self(Arc::new(Inner {
            state: Mutex::new(state),
            changed: Notify::new(),
        }))
    }

    /// Notes that someone types.
    pub fn start(&self, typist: Typist) -> Sign {
        let mut state = self.0.state.lock();
        let now = Instant::now();
        let latest = state.typists.get(&typist).copied();
        // Closer signs of life add nothing but deadlines to keep.
        if latest.is_some_and(|sign| now - sign < CLOSEST_SIGNS) {
            return Sign::Close;
        }
        state.sign(typist, now);
        self.0.changed.notify_one();
        if latest.is_none() {
            Sign::First
        } else {
            Sign::Another
        }
    }

    /// Notes that someone stopped; true when that is news.
    pub fn stop(&self, typist: Typist) -> bool {
        self.0.state.lock().typists.remove(&typist).is_some()
    }

    /// Takes note that nobody could be told that someone stopped: it fades once more, to be told then.
    pub fn keep(&self, typist: Typist) {
        self.0.state.lock().sign(typist, Instant::now());
        self.0.changed.notify_one();
    }

    /// Waits for the next typists who fade.
    pub async fn faded(&self) -> Vec<Typist> {
        loop {
            let next = {
                let mut state = self.0.state.lock();
                let now = Instant::now();
                let mut faded = Vec::new();
                while let Some((typist, sign)) = state.fading.pop_due(now) {
                    if state.typists.get(&typist) == Some(&sign) {
                        state.typists.remove(&typist);
                        faded.push(typist);
                    }
                }
                if !faded.is_empty() {
                    return faded;
                }
                state.fading.next()
            };
            match next {
                Some(due) => tokio::time::sleep_until(due).await,
                None => self.0.changed.notified().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn typing_fades_after_the_last_sign_of_life() {
        let typing = Typing::new(Duration::from_secs(6));
        let typist = (ConversationId::new(), UserId::new());
        let began = Instant::now();
        assert_eq!(typing.start(typist), Sign::First);
        tokio::time::advance(Duration::from_secs(4)).await;
        assert_eq!(typing.start(typist), Sign::Another);
        assert_eq!(typing.start(typist), Sign::Close);
        assert_eq!(typing.faded().await, [typist]);
        assert_eq!(began.elapsed().as_secs(), 10);
        assert!(!typing.stop(typist), "it has stopped already");
        typing.keep(typist);
        assert_eq!(typing.faded().await, [typist]);
    }
}
