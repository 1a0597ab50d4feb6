//! Messages that are looked up one at a time. What is asked for while a read is under way travels together in the next
//! one, as reading several costs hardly more than reading one.

use std::{
    collections::{HashMap, HashSet},
    mem,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::timeout};

use crate::{
    domain::{Message, MessageId},
    error::{Error, Result},
    store::DynStore,
};

/// How long to wait for a read that is under way. Who has waited so long reads alone, as that one may be stuck.
const PATIENCE: Duration = Duration::from_millis(250);

pub(super) struct Lookups {
    store: DynStore,
    waiting: Mutex<Vec<Waiting>>,
    /// Held by who reads for those who wait.
    turn: tokio::sync::Mutex<()>,
}

struct Waiting {
    id: MessageId,
    answer: oneshot::Sender<Result<Option<Message>>>,
}

impl Lookups {
    pub(super) fn new(store: DynStore) -> Self {
        Self {
            store,
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// A message as it is by now, if there is one.
    pub(super) async fn message(&self, id: MessageId) -> Result<Option<Message>> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting.lock().push(Waiting { id, answer });
        let turn = timeout(PATIENCE, async {
            tokio::select! {
                biased;
                Ok(answer) = &mut answered => Err(answer),
                turn = self.turn.lock() => Ok(turn),
            }
        });
        let turn = match turn.await {
            Ok(Err(answer)) => return answer,
            Ok(Ok(turn)) => Some(turn),
            Err(_) => None,
        };
        // Whoever had the turn before may have answered just then.
        if let Ok(answer) = answered.try_recv() {
            return answer;
        }
        drop(answered);
        let mut others = Vec::new();
        if turn.is_some() {
            others = mem::take(&mut *self.waiting.lock());
        }
        // Some gave up, and this one asks for itself.
        others.retain(|waiting| !waiting.answer.is_closed());
        let ids = others.iter().map(|waiting| waiting.id).chain([id]);
        let ids: HashSet<MessageId> = ids.collect();
        let found = self.store.messages(&Vec::from_iter(ids)).await;
        let found = found.map(|found| {
            let found = found.into_iter().map(|message| (message.id, message));
            found.collect::<HashMap<_, _>>()
        });
        // One that cannot be read is no matter of the others', who read alone when nobody answers.
        if matches!(found, Ok(_) | Err(Error::Unavailable(_))) {
            for Waiting { id, answer } in others {
                let message = found.as_ref().map(|found| found.get(&id).cloned());
                // Whoever asked may have gone meanwhile.
                let _ = answer.send(message.map_err(Clone::clone));
            }
        }
        found.map(|mut found| found.remove(&id))
    }
}
