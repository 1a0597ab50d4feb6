//! The way from a server to its database, which a test can cut off.

use std::net::{Ipv4Addr, SocketAddr};

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
    accepting: JoinHandle<()>,
}

impl Link {
    pub async fn to(address: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = listener.await.expect("a free port");
        let (held, hold) = watch::channel(false);
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
                tokio::spawn(pass_on(near_in, far_out, hold.clone()));
                tokio::spawn(pass_on(far_in, near_out, hold.clone()));
            }
        });
        Self {
            address: here,
            held,
            accepting,
        }
    }

    /// Nothing passes any more, and no connection is told.
    pub fn hold(&self) {
        self.held.send_replace(true);
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

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut held: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        if held.wait_for(|held| !held).await.is_err()
            || to.write_all(&bytes[..count]).await.is_err()
        {
            return;
        }
    }
    // Whoever closes is heard when the link is whole.
    let _ = held.wait_for(|held| !held).await;
}
