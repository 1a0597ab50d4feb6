//! The way from a server to its database, which a test can cut off.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// Passes bytes on to an address, as long as it is not held.
pub struct Link {
    pub address: SocketAddr,
    held: watch::Sender<bool>,
    /// Connections up to this number are dead.
    dead: watch::Sender<usize>,
    accepted: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Link {
    /// The connection string for a database of a MongoDB behind it.
    pub fn uri_for(&self, database: &str) -> String {
        format!(
            "mongodb://{}/{database}?directConnection=true",
            self.address
        )
    }

    pub async fn to(address: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.await.expect("a free port");
        let (held, hold) = watch::channel(false);
        let (dead, die) = watch::channel(0);
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = accepted.clone();
        let here = listener.local_addr().expect("an address");
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(&address).await else {
                    continue;
                };
                for stream in [&near, &far] {
                    stream.set_nodelay(true).expect("an option");
                }
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                let number = count.fetch_add(1, Ordering::Relaxed) + 1;
                let way = Way {
                    number,
                    held: hold.clone(),
                    dead: die.clone(),
                };
                tokio::spawn(way.clone().pass_on(near_in, far_out));
                tokio::spawn(way.pass_on(far_in, near_out));
            }
        });
        Self {
            address: here,
            held,
            dead,
            accepted,
            accepting,
        }
    }

    /// Nothing passes any more, and no connection is told.
    pub fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Nothing passes ever again on the connections that are open, and none of them is told; new ones are as good as
    /// ever.
    pub fn strand(&self) {
        self.dead
            .send_replace(self.accepted.load(Ordering::Relaxed));
    }

    /// What was held passes on.
    pub fn release(&self) {
        self.held.send_replace(false);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// One connection.
#[derive(Clone)]
struct Way {
    number: usize,
    held: watch::Receiver<bool>,
    dead: watch::Receiver<usize>,
}

impl Way {
    async fn pass_on(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut bytes = vec![0; 64 * 1024];
        while let Ok(count @ 1..) = from.read(&mut bytes).await {
            if !self.is_open().await || to.write_all(&bytes[..count]).await.is_err() {
                return;
            }
        }
        // Whoever closes is heard when the link is whole.
        self.is_open().await;
    }

    /// Waits until something may pass; false when the link is gone.
    async fn is_open(&mut self) -> bool {
        if self.held.wait_for(|held| !held).await.is_err() {
            return false;
        }
        if *self.dead.borrow() >= self.number {
            std::future::pending::<()>().await;
        }
        true
    }
}
