//! What is looked up one at a time. What is asked for while a read is under way travels together in the next one, as
//! reading several costs hardly more than reading one.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
    mem,
    time::Duration,
};

use parking_lot::Mutex;
use tokio::{sync::oneshot, time::timeout};

use crate::error::{Error, Result};

/// How long to wait for a read that is under way. Who has waited so long reads alone, as that one may be stuck.
const PATIENCE: Duration = Duration::from_millis(250);

/// Lookups of values by their keys.
pub(super) struct Lookups<K, V> {
    waiting: Mutex<Vec<Waiting<K, V>>>,
    /// Held by who reads for those who wait.
    turn: tokio::sync::Mutex<()>,
}

struct Waiting<K, V> {
    key: K,
    answer: oneshot::Sender<Result<Option<V>>>,
}

impl<K, V> Default for Lookups<K, V> {
    fn default() -> Self {
        Self {
            waiting: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Lookups<K, V> {
    /// The value of a key as it is by now, if there is one. `read` reads those of several keys, and is the same for all.
    pub(super) async fn one<F>(&self, key: K, read: impl FnOnce(Vec<K>) -> F) -> Result<Option<V>>
    where
        F: Future<Output = Result<HashMap<K, V>>>,
    {
        let (answer, mut answered) = oneshot::channel();
        self.waiting.lock().push(Waiting { key, answer });
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
        let keys = others.iter().map(|waiting| waiting.key).chain([key]);
        let keys: HashSet<K> = keys.collect();
        let found = read(keys.into_iter().collect()).await;
        // One that cannot be read is no matter of the others', who read alone when nobody answers.
        if matches!(found, Ok(_) | Err(Error::Unavailable(_))) {
            for Waiting { key, answer } in others {
                let value = found.as_ref().map(|found| found.get(&key).cloned());
                // Whoever asked may have gone meanwhile.
                let _ = answer.send(value.map_err(Clone::clone));
            }
        }
        found.map(|mut found| found.remove(&key))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{
        sync::Notify,
        task::{JoinHandle, yield_now},
    };

    use super::*;

    /// What stands at a key that cannot be read.
    const DAMAGED: u8 = 0;

    /// Lookups of names of numbers; the first read of 1 hangs until it may go on.
    #[derive(Default)]
    struct Numbers {
        lookups: Lookups<u8, String>,
        reads: Mutex<Vec<Vec<u8>>>,
        goes_on: Notify,
    }

    impl Numbers {
        async fn read(&self, mut keys: Vec<u8>) -> Result<HashMap<u8, String>> {
            keys.sort_unstable();
            self.reads.lock().push(keys.clone());
            if keys == [1] {
                self.goes_on.notified().await;
            }
            if keys.contains(&DAMAGED) {
                return Err(Error::Internal("damaged".into()));
            }
            let known = keys.into_iter().filter(|key| *key < 100);
            Ok(known.map(|key| (key, key.to_string())).collect())
        }

        /// Asks, and goes on once the question waits.
        async fn ask(self: &Arc<Self>, key: u8) -> JoinHandle<Result<Option<String>>> {
            let numbers = self.clone();
            let asked = tokio::spawn(async move {
                let read = |keys| numbers.read(keys);
                numbers.lookups.one(key, read).await
            });
            yield_now().await;
            asked
        }
    }

    async fn answer(asked: JoinHandle<Result<Option<String>>>) -> Result<Option<String>> {
        asked.await.expect("no panic")
    }

    #[tokio::test(start_paused = true)]
    async fn those_who_ask_while_a_read_is_under_way_share_the_next() {
        let numbers = Arc::new(Numbers::default());
        let first = numbers.ask(1).await;
        let mut others = Vec::new();
        for key in [2, 3, 2, 200] {
            others.push(numbers.ask(key).await);
        }
        let given_up = numbers.ask(4).await;
        given_up.abort();
        assert!(given_up.await.is_err());
        numbers.goes_on.notify_one();
        assert_eq!(answer(first).await, Ok(Some("1".to_owned())));
        let mut answers = Vec::new();
        for other in others {
            answers.push(answer(other).await.expect("answers"));
        }
        let [two, three] = ["2", "3"].map(|name| Some(name.to_owned()));
        assert_eq!(answers, [two.clone(), three, two, None]);
        assert_eq!(*numbers.reads.lock(), [vec![1], vec![2, 3, 200]]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_hangs_keeps_nobody_waiting_for_long() {
        let numbers = Arc::new(Numbers::default());
        let stuck = numbers.ask(1).await;
        let other = numbers.ask(2).await;
        let other = timeout(Duration::from_secs(1), answer(other)).await;
        assert_eq!(other, Ok(Ok(Some("2".to_owned()))));
        assert!(!stuck.is_finished());
        assert_eq!(*numbers.reads.lock(), [[1], [2]]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_reads_for_others_and_goes_leaves_them_to_read() {
        let numbers = Arc::new(Numbers::default());
        let first = numbers.ask(1).await;
        let other = numbers.ask(2).await;
        first.abort();
        assert_eq!(answer(other).await, Ok(Some("2".to_owned())));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_cannot_be_read_is_no_matter_of_the_others() {
        let numbers = Arc::new(Numbers::default());
        let first = numbers.ask(1).await;
        let (damaged, sound) = (numbers.ask(DAMAGED).await, numbers.ask(2).await);
        numbers.goes_on.notify_one();
        assert!(answer(first).await.is_ok());
        assert!(answer(damaged).await.is_err());
        assert_eq!(answer(sound).await, Ok(Some("2".to_owned())));
    }
}
