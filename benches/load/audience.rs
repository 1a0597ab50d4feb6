//! Many sockets that listen, and what they heard.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{Result, ensure, place::Person, process::Server, ws::Ws};

/// Sockets opened at a time.
const AT_ONCE: usize = 16;
/// How long nothing need be heard before what is missing counts as lost.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long to listen for what should not come.
const SILENCE: Duration = Duration::from_millis(300);

/// Listening sockets, each with the things that it heard, in order.
pub struct Audience<T> {
    listeners: Vec<JoinHandle<Result<Vec<T>>>>,
    heard: Arc<Semaphore>,
    frames: Arc<AtomicU32>,
    over: CancellationToken,
}

impl<T: Send + 'static> Audience<T> {
    /// Opens a socket for each of `people`, who may be named many times, and subscribes it. `read` gives the things
    /// that a frame brings. Returns when all subscriptions are live.
    pub async fn gather<'a>(
        server: &Server,
        people: impl IntoIterator<Item = &'a Person>,
        document: &'static str,
        read: impl Fn(&str) -> Result<Vec<T>> + Clone + Send + 'static,
    ) -> Result<Self> {
        let address = server.address;
        let open = people.into_iter().zip(0..).map(|(person, number)| {
            let token = person.token.clone();
            async move {
                let mut ws = Ws::open(address, number, &token).await?;
                ws.subscribe(document).await?;
                Result::<_>::Ok(ws)
            }
        });
        let sockets = stream::iter(open).buffered(AT_ONCE);
        let sockets = sockets.try_collect::<Vec<_>>().await?;
        let (heard, frames) = (Arc::new(Semaphore::new(0)), Arc::default());
        let over = CancellationToken::new();
        let listen = |ws| {
            let (heard, frames) = (Arc::clone(&heard), Arc::clone(&frames));
            tokio::spawn(listen(ws, read.clone(), heard, frames, over.clone()))
        };
        let listeners = sockets.into_iter().map(listen).collect::<Vec<_>>();
        server.subscriptions(listeners.len().try_into()?).await?;
        Ok(Self {
            listeners,
            heard,
            frames,
            over,
        })
    }

    /// How many frames have come.
    pub fn frames(&self) -> u32 {
        self.frames.load(Ordering::Relaxed)
    }

    /// Waits until so many more things were heard, all sockets together.
    pub async fn hear(&mut self, count: u32) -> Result<()> {
        if let Ok(heard) = timeout(PATIENCE, self.heard.acquire_many(count)).await {
            heard?.forget();
            return Ok(());
        }
        for listener in self.listeners.iter_mut().filter(|one| one.is_finished()) {
            listener.await??;
        }
        let heard = self.heard.available_permits();
        Err(format!("lost: {heard} of {count} deliveries came").into())
    }

    /// What each socket heard, in the order of their people. Nothing may come that was not waited for.
    pub async fn dismiss(self) -> Result<Vec<Vec<T>>> {
        tokio::time::sleep(SILENCE).await;
        let surplus = self.heard.available_permits();
        ensure(surplus == 0, || format!("{surplus} deliveries too many"))?;
        self.over.cancel();
        let mut heard = Vec::with_capacity(self.listeners.len());
        for listener in self.listeners {
            heard.push(listener.await??);
        }
        Ok(heard)
    }
}

async fn listen<T>(
    mut ws: Ws,
    read: impl Fn(&str) -> Result<Vec<T>>,
    heard: Arc<Semaphore>,
    frames: Arc<AtomicU32>,
    over: CancellationToken,
) -> Result<Vec<T>> {
    let mut all = Vec::new();
    loop {
        let frame = tokio::select! {
            frame = ws.next() => frame?,
            () = over.cancelled() => return Ok(all),
        };
        let news = read(&frame)?;
        frames.fetch_add(1, Ordering::Relaxed);
        heard.add_permits(news.len());
        all.extend(news);
    }
}
