//! Sessions: rows in the store, cached while they are in use, and the sockets that end with them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use moka::sync::Cache;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::token::{Signer, TokenError};
use crate::{
    domain::{Session, SessionId, Timestamp, UserId},
    error::Result,
    store::DynStore,
};

/// Sessions that are kept in memory while they are in use.
const CACHED_SESSIONS: u64 = 100_000;
/// How long it is known without the store that a session ended here: longer than a read of the store may take.
const ENDED_KEPT: Duration = Duration::from_mins(1);

/// Someone who is signed in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Viewer {
    pub user_id: UserId,
    pub session_id: SessionId,
    pub expires_at: Timestamp,
}

/// Begins, recognises and ends sessions. Cheap to clone.
#[derive(Clone)]
pub struct Sessions(Arc<Inner>);

struct Inner {
    store: DynStore,
    signer: Signer,
    ttl: Duration,
    cache: Cache<SessionId, Viewer>,
    /// Sessions that ended lately: what was read from the store just before must not stay in the cache.
    ended: Cache<SessionId, ()>,
    sockets: Mutex<HashMap<SessionId, Sockets>>,
}

/// The open sockets of one session.
#[derive(Default)]
struct Sockets {
    count: usize,
    ended: CancellationToken,
}

impl Sessions {
    /// Sessions live for `ttl`; one found valid is not looked up again for `cached`, unless it is ended here.
    pub fn new(store: DynStore, signer: Signer, ttl: Duration, cached: Duration) -> Self {
        Self(Arc::new(Inner {
            store,
            signer,
            ttl,
            cache: Cache::builder()
                .max_capacity(CACHED_SESSIONS)
                .time_to_live(cached)
                .build(),
            ended: Cache::builder()
                .max_capacity(CACHED_SESSIONS)
                .time_to_live(ENDED_KEPT)
                .build(),
            sockets: Mutex::default(),
        }))
    }

    /// Signs `user` in and gives the token with the session.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn begin(&self, user: UserId) -> Result<(Session, String)> {
        let created_at = Timestamp::now();
        let session = Session {
            id: SessionId::new(),
            user_id: user,
            created_at,
            expires_at: created_at.after(self.0.ttl),
        };
        let token = self.0.signer.sign(&session)?;
        self.0.store.create_session(&session).await?;
        Ok((session, token))
    }

    /// Who a token stands for; `Err(TokenError)` inside for one that is forged, ended or expired.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn viewer(&self, token: &str) -> Result<Result<Viewer, TokenError>> {
        let id = match self.0.signer.verify(token) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let viewer = if let Some(viewer) = self.0.cache.get(&id) {
            viewer
        } else {
            let Some(session) = self.0.store.session(id).await? else {
                return Ok(Err(TokenError));
            };
            let viewer = Viewer {
                user_id: session.user_id,
                session_id: id,
                expires_at: session.expires_at,
            };
            self.0.cache.insert(id, viewer);
            if self.0.ended.contains_key(&id) {
                self.0.cache.invalidate(&id);
                return Ok(Err(TokenError));
            }
            viewer
        };
        Ok(if viewer.expires_at > Timestamp::now() {
            Ok(viewer)
        } else {
            Err(TokenError)
        })
    }

    /// Ends one session for good.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn end(&self, id: SessionId) -> Result<()> {
        self.0.store.end_session(id).await?;
        self.forget(id);
        Ok(())
    }

    /// Ends all sessions of `user` for good.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn end_all(&self, user: UserId) -> Result<()> {
        for id in self.0.store.end_sessions_of(user).await? {
            self.forget(id);
        }
        Ok(())
    }

    /// Drops what other processes ended.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn follow_others(&self) -> Result<()> {
        for id in self.0.store.sessions_ended_elsewhere().await? {
            self.forget(id);
        }
        Ok(())
    }

    /// Tells a socket when its session ends.
    pub fn watch(&self, id: SessionId) -> Revocation {
        let mut sockets = self.0.sockets.lock();
        let entry = sockets.entry(id).or_default();
        entry.count += 1;
        let ended = entry.ended.clone();
        if self.0.ended.contains_key(&id) {
            ended.cancel();
        }
        Revocation {
            sessions: self.clone(),
            id,
            ended,
        }
    }

    fn forget(&self, id: SessionId) {
        self.0.ended.insert(id, ());
        self.0.cache.invalidate(&id);
        if let Some(sockets) = self.0.sockets.lock().get(&id) {
            sockets.ended.cancel();
        }
    }
}

/// Held by a socket for as long as it is open.
pub struct Revocation {
    sessions: Sessions,
    id: SessionId,
    ended: CancellationToken,
}

impl Revocation {
    /// Waits until the session is ended.
    pub fn revoked(&self) -> impl Future<Output = ()> + Send + use<> {
        self.ended.clone().cancelled_owned()
    }

    /// Whether the session was ended.
    pub fn is_revoked(&self) -> bool {
        self.ended.is_cancelled()
    }
}

impl Drop for Revocation {
    fn drop(&mut self) {
        let mut sockets = self.sessions.0.sockets.lock();
        if let Some(entry) = sockets.get_mut(&self.id) {
            entry.count -= 1;
            if entry.count == 0 {
                sockets.remove(&self.id);
            }
        }
    }
}
