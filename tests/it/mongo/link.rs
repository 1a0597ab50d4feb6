//! A bad line to a server.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
};

/// A link to a server whose connections can go silent for good, as behind a firewall that forgets them, where later ones
/// work; and which can hold up all that is on its way, for as long as one likes.
pub struct Link {
    pub address: String,
    pub silence: watch::Sender<()>,
    pub hold: watch::Sender<bool>,
}

impl Link {
    /// What is sent arrives so much later.
    pub async fn to(server: String, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (silence, silenced) = watch::channel(());
        let (hold, held) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&server)
                    .await
                    .expect("the server listens");
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                let line = Line {
                    delay,
                    silenced: silenced.clone(),
                    held: held.clone(),
                };
                tokio::spawn(line.clone().forward(near_in, far_out));
                tokio::spawn(line.forward(far_in, near_out));
            }
        });
        Self {
            address,
            silence,
            hold,
        }
    }

    /// The connection string for a database behind it.
    pub fn uri_for(&self, database: &str) -> String {
        format!(
            "mongodb://{}/{database}?directConnection=true",
            self.address
        )
    }
}

#[derive(Clone)]
struct Line {
    delay: Duration,
    silenced: watch::Receiver<()>,
    held: watch::Receiver<bool>,
}

impl Line {
    /// Forwards until silenced; then keeps the connection open and says nothing.
    async fn forward(mut self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        self.silenced.mark_unchanged();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            tokio::select! {
                _ = self.silenced.changed() => return std::future::pending().await,
                read = from.read(&mut buffer) => {
                    let Ok(length @ 1..) = read else { return };
                    tokio::time::sleep(self.delay).await;
                    if self.held.wait_for(|held| !held).await.is_err() {
                        return;
                    }
                    if to.write_all(&buffer[..length]).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}
