//! The socket file over which a server of an embedded store takes orders: a JSON line in, a JSON line back, and so on.
//! Only who owns the file may use it.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Answer, Desk, Order};
use crate::error::Error;

/// The name of the file in the data directory.
const NAME: &str = "admin.sock";

/// How long a line may be in bytes, to the server; back, there are whole lists.
const LONGEST_ORDER: u64 = 4_096;
const LONGEST_ANSWER: u64 = 4 * 1024 * 1024;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many operators are heard at once.
const AT_ONCE: usize = 4;

/// A server's end of it. Gone with it.
pub struct Socket {
    path: PathBuf,
    listener: UnixListener,
    owner: u32,
}

impl Socket {
    /// Makes the file in a data directory that is this process's own, in place of what an earlier process left.
    ///
    /// # Errors
    /// The system's.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join(NAME);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
        let owner = fs::metadata(&path)?.uid();
        Ok(Self {
            path,
            listener,
            owner,
        })
    }

    /// Takes orders until it is stopped; those under way then are finished.
    pub async fn serve(self, desk: Desk, stopping: CancellationToken) {
        let operators = TaskTracker::new();
        while let Some(accepted) = stopping.run_until_cancelled(self.listener.accept()).await {
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "an operator could not be heard");
                    // Too many open files, say.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            // Before the file had its rights, others may have found it.
            let is_owner = stream
                .peer_cred()
                .is_ok_and(|peer| [self.owner, 0].contains(&peer.uid()));
            if !is_owner || operators.len() >= AT_ONCE {
                continue;
            }
            let (desk, stopping) = (desk.clone(), stopping.clone());
            operators.spawn(async move {
                let heard = hear(stream, &desk, &stopping).await;
                if let Err(error) = heard {
                    tracing::debug!(%error, "an operator's line broke");
                }
            });
        }
        operators.close();
        operators.wait().await;
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

async fn hear(stream: UnixStream, desk: &Desk, stopping: &CancellationToken) -> io::Result<()> {
    let (from, mut to) = stream.into_split();
    let mut from = BufReader::new(from);
    loop {
        let mut line = Vec::new();
        let mut part = (&mut from).take(LONGEST_ORDER);
        let read = timeout(PATIENCE, part.read_until(b'\n', &mut line));
        let Some(read) = stopping.run_until_cancelled(read).await else {
            return Ok(());
        };
        if read?? == 0 {
            return Ok(());
        }
        let failed = |reason: &str| Answer::Failed {
            reason: reason.to_owned(),
        };
        let answer = match serde_json::from_slice::<Order>(&line) {
            Ok(order) => desk
                .carry_out(order)
                .await
                .unwrap_or_else(|error| match error {
                    Error::Unavailable(detail) | Error::Internal(detail) => failed(&detail),
                    other => failed(&other.to_string()),
                }),
            Err(_) => failed("the server does not know this order; is it of another version?"),
        };
        let mut answer = serde_json::to_vec(&answer)?;
        answer.push(b'\n');
        timeout(PATIENCE, to.write_all(&answer)).await??;
    }
}

/// An operator's end of it.
pub struct Line(BufReader<UnixStream>);

impl Line {
    /// To the server of a data directory; `None` when none serves there.
    ///
    /// # Errors
    /// There is one that this user may not speak to.
    pub async fn to(dir: &Path) -> io::Result<Option<Self>> {
        match UnixStream::connect(dir.join(NAME)).await {
            Ok(stream) => Ok(Some(Self(BufReader::new(stream)))),
            Err(error) => match error.kind() {
                // The last is a path of more bytes than a socket can have: no server has made one there.
                io::ErrorKind::NotFound
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::InvalidInput => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// Has an order carried out.
    ///
    /// # Errors
    /// The server went away, or does not answer.
    pub async fn ask(&mut self, order: &Order) -> io::Result<Answer> {
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        self.0.get_mut().write_all(&line).await?;
        let mut answer = Vec::new();
        let mut part = (&mut self.0).take(LONGEST_ANSWER);
        timeout(PATIENCE, part.read_until(b'\n', &mut answer)).await??;
        if answer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&answer)?)
    }
}
