//! How this process stands with the database and the others there.

use tokio::sync::Semaphore;

use super::{CALLS, Inner, append::APPENDS};
use crate::{
    domain::Lane,
    store::{Queue, Vitals},
};

impl Inner {
    pub(super) fn vitals(&self) -> Vitals {
        let busy = |name, room: &Semaphore, capacity: usize| Queue {
            name,
            length: capacity.saturating_sub(room.available_permits()),
            capacity,
        };
        Vitals {
            lanes: Some(self.terms.lanes().len()),
            unfollowed: Some(Lane::all().map(|lane| self.overlay.owes(lane)).sum()),
            hears: Some(self.signalling.hears()),
            queues: vec![
                busy("mongodb_calls", &self.calls, CALLS),
                busy("mongodb_appends", &self.appends, APPENDS),
                self.signalling.unheard(),
            ],
            ..Vitals::default()
        }
    }
}
