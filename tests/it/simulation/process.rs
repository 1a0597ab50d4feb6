//! Processes: a chat each, with its own way to the shared log, that are started, stopped for a while, and killed.

use std::{future::Future, sync::Arc, time::Duration};

use chinwag::{
    auth::Viewer,
    chat::{Chat, Parts},
    domain::{AvatarHosts, Limits, SessionId, Timestamp, UserId},
    metrics::Metrics,
};
use parking_lot::Mutex;
use tokio::{sync::watch, time::sleep};

use super::store::{Life, Shared, SimStore};

/// A running process.
#[derive(Clone)]
pub struct Process {
    pub number: usize,
    pub chat: Chat,
    life: watch::Sender<Life>,
}

impl Process {
    /// Starts one, as often as it takes; `None` when it is killed meanwhile.
    async fn start(shared: &Arc<Shared>, number: usize, limits: &Limits) -> Self {
        loop {
            let life = watch::Sender::new(Life::Runs);
            let store = SimStore::new(number, shared.clone(), life.subscribe());
            let started = Chat::start(Parts {
                store: Arc::new(store),
                metrics: Arc::new(Metrics::new("simulated")),
                secrets: vec!["a secret".into()],
                session_ttl: Duration::from_hours(1),
                bcrypt_cost: 4,
                signup_open: false,
                avatar_hosts: AvatarHosts::default(),
                rate_limits: false,
                limits: limits.clone(),
            })
            .await;
            match started {
                Ok(chat) => return Self { number, chat, life },
                Err(chinwag::error::Error::Unavailable(_)) => {
                    sleep(Duration::from_millis(50)).await;
                }
                Err(error) => {
                    shared
                        .broken
                        .lock()
                        .push(format!("a start failed: {error:?}"));
                    std::future::pending::<()>().await;
                }
            }
        }
    }

    /// Runs something that its clients do; `None` when it is killed first.
    pub async fn run<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        let mut life = self.life.subscribe();
        tokio::select! {
            biased;
            _ = life.wait_for(|life| *life == Life::Dead) => None,
            done = what => Some(done),
        }
    }

    fn becomes(&self, life: Life) {
        self.life.send_replace(life);
    }

    pub fn is_dead(&self) -> bool {
        *self.life.borrow() == Life::Dead
    }
}

/// Someone who is signed in.
pub fn viewer(user_id: UserId) -> Viewer {
    Viewer {
        user_id,
        session_id: SessionId::new(),
        expires_at: Timestamp::now().after(Duration::from_hours(10)),
    }
}

/// All processes of a simulation.
pub struct Processes {
    pub shared: Arc<Shared>,
    pub limits: Limits,
    places: Vec<Mutex<Option<Process>>>,
    next: Mutex<usize>,
}

impl Processes {
    pub fn new(shared: Arc<Shared>, count: usize, limits: Limits) -> Self {
        Self {
            shared,
            limits,
            places: (0..count).map(|_| Mutex::new(None)).collect(),
            next: Mutex::new(100),
        }
    }

    pub fn count(&self) -> usize {
        self.places.len()
    }

    /// Starts one at a place.
    pub async fn start(&self, place: usize) {
        let number = {
            let mut next = self.next.lock();
            *next += 1;
            *next
        };
        let process = Process::start(&self.shared, number, &self.limits).await;
        *self.places[place].lock() = Some(process);
    }

    pub fn at(&self, place: usize) -> Option<Process> {
        self.places[place].lock().clone()
    }

    /// One that runs, or is stopped for a while.
    pub async fn any(&self) -> Process {
        loop {
            let place = self.shared.dice.number(0..=self.count() - 1);
            if let Some(process) = self.at(place) {
                return process;
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    pub fn kill(&self, place: usize) {
        if let Some(process) = self.places[place].lock().take() {
            process.becomes(Life::Dead);
        }
    }

    /// Stops one as its operator would.
    pub async fn stop(&self, place: usize) {
        let process = self.places[place].lock().take();
        if let Some(process) = process {
            process.chat.stop().await;
            process.becomes(Life::Dead);
        }
    }

    pub fn pause(&self, place: usize) {
        if let Some(process) = self.at(place) {
            process.becomes(Life::Paused);
        }
    }

    pub fn break_down(&self, place: usize) {
        if let Some(process) = self.at(place) {
            process.becomes(Life::Broken);
        }
    }

    pub fn wake(&self, place: usize) {
        if let Some(process) = self.at(place) {
            process.becomes(Life::Runs);
        }
    }
}
