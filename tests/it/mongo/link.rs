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

/// A link to a server whose connections can go silent for good, as behind a firewall that forgets them; later ones
/// work.
pub struct Link {
    pub address: String,
    pub silence: watch::Sender<()>,
}

impl Link {
    /// What is sent arrives so much later.
    pub async fn to(server: String, delay: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (silence, silenced) = watch::channel(());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&server)
                    .await
                    .expect("the server listens");
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                tokio::spawn(forward(near_in, far_out, delay, silenced.clone()));
                tokio::spawn(forward(far_in, near_out, delay, silenced.clone()));
            }
        });
        Self { address, silence }
    }
}

/// Forwards until silenced; then keeps the connection open and says nothing.
async fn forward(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    delay: Duration,
    mut silenced: watch::Receiver<()>,
) {
    silenced.mark_unchanged();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        tokio::select! {
            _ = silenced.changed() => return std::future::pending().await,
            read = from.read(&mut buffer) => {
                let Ok(length @ 1..) = read else { return };
                tokio::time::sleep(delay).await;
                if to.write_all(&buffer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
