//! Sessions: rows in the store, cached while they are in use, and the sockets that end with them.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::Arc,
    time::Duration,
};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::token::{Signer, TokenError};
use crate::{
    cache::Cache,
    domain::{Device, Session, SessionId, Timestamp, User, UserId},
    error::Result,
    store::DynStore,
};

/// Sessions that are kept in memory while they are in use.
const CACHED_SESSIONS: usize = 100_000;
/// How long it is known without the store that a session ended here: longer than a read of the store may take.
const ENDED_KEPT: Duration = Duration::from_mins(1);
/// How many sessions are asked for at a time.
const ASKED_AT_ONCE: usize = 5_000;
/// How often it is looked at which sessions have open sockets.
const SOCKETS_LOOKED_AT: Duration = Duration::from_mins(1);

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
    uses: Mutex<Uses>,
}

/// The open sockets of one session.
struct Sockets {
    user_id: UserId,
    count: usize,
    ended: CancellationToken,
    /// When the store was last told, or knew, that the session is in use.
    noted: Timestamp,
}

/// What the store has not been told of yet.
struct Uses {
    sessions: HashSet<SessionId>,
    sockets_looked_at: Timestamp,
}

impl Sessions {
    /// Sessions live for `ttl`; one found valid is not looked up again for `cached`, unless it is ended here.
    pub fn new(store: DynStore, signer: Signer, ttl: Duration, cached: Duration) -> Self {
        Self(Arc::new(Inner {
            store,
            signer,
            ttl,
            cache: Cache::new(CACHED_SESSIONS).lasting(cached),
            ended: Cache::of_latest(CACHED_SESSIONS).lasting(ENDED_KEPT),
            sockets: Mutex::default(),
            uses: Mutex::new(Uses {
                sessions: HashSet::new(),
                sockets_looked_at: Timestamp::now(),
            }),
        }))
    }

    /// Signs `user` in from a device and gives the token with the session.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn begin(&self, user: UserId, device: Option<Device>) -> Result<(Session, String)> {
        let created_at = Timestamp::now();
        let session = Session {
            id: SessionId::new(),
            user_id: user,
            device,
            created_at,
            last_used_at: created_at,
            expires_at: created_at.after(self.0.ttl),
        };
        let token = self.0.signer.sign(&session)?;
        self.0.store.create_session(&session).await?;
        Ok((session, token))
    }

    /// Who a token stands for; `Err(TokenError)` inside for one that is forged, ended or expired. What is in memory
    /// counts when it `is_trusted`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn viewer(
        &self,
        token: &str,
        is_trusted: bool,
    ) -> Result<Result<Viewer, TokenError>> {
        let id = match self.0.signer.verify(token) {
            Ok(id) => id,
            Err(error) => return Ok(Err(error)),
        };
        let known = self.0.cache.get(&id).filter(|_| is_trusted);
        let viewer = if let Some(viewer) = known {
            viewer
        } else {
            let age = self.0.cache.age();
            let Some(session) = self.0.store.session(id).await? else {
                return Ok(Err(TokenError));
            };
            // A deletion may have been cut short before it ended the account's sessions.
            let users = self.0.store.users(&[session.user_id]).await?;
            if users.iter().any(User::is_deleted) {
                return Ok(Err(TokenError));
            }
            let viewer = Viewer {
                user_id: session.user_id,
                session_id: id,
                expires_at: session.expires_at,
            };
            if Timestamp::now().since(session.last_used_at) >= Session::CLOSEST_USES {
                self.0.uses.lock().sessions.insert(id);
            }
            self.0.cache.insert_of(age, id, viewer);
            if self.0.ended.contains(&id) {
                self.0.cache.forget(&id);
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

    /// Ends one session for good. Where nobody knows whether it was ended, it counts as ended here.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn end(&self, id: SessionId) -> Result<()> {
        let ended = self.0.store.end_session(id).await;
        self.forget(id);
        ended.map(drop)
    }

    /// Ends all sessions of `user` but `keep` for good and names those that were live. Where nobody knows whether they
    /// were ended, those that are in use here count as ended here.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn end_all(&self, user: UserId, keep: Option<SessionId>) -> Result<Vec<SessionId>> {
        let ended = self.0.store.end_sessions_of(user, keep).await;
        let over = ended.clone().unwrap_or_else(|_| self.in_use(user, keep));
        for id in over {
            self.forget(id);
        }
        ended
    }

    /// The sessions of `user` but `keep` that are known here.
    fn in_use(&self, user: UserId, keep: Option<SessionId>) -> Vec<SessionId> {
        let sockets = self.0.sockets.lock();
        let open = sockets.iter().filter(|(_, open)| open.user_id == user);
        let mut ids: Vec<SessionId> = open.map(|(id, _)| *id).collect();
        drop(sockets);
        let cached = self.0.cache.iter();
        let cached = cached.filter(|(_, viewer)| viewer.user_id == user);
        ids.extend(cached.map(|(id, _)| id));
        ids.retain(|id| Some(*id) != keep);
        ids
    }

    /// Whether a session is known to have ended lately.
    pub fn has_ended(&self, id: SessionId) -> bool {
        self.0.ended.contains(&id)
    }

    /// Whether a session was not ended, as the store has it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn is_live(&self, id: SessionId) -> Result<bool> {
        Ok(!self.has_ended(id) && self.0.store.session(id).await?.is_some())
    }

    /// The user's sessions, the newest first, at most `limit`.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn of(&self, user: UserId, limit: usize) -> Result<Vec<Session>> {
        self.0.store.sessions_of(user, limit).await
    }

    /// A session of the user's.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn one_of(&self, user: UserId, id: SessionId) -> Result<Option<Session>> {
        let found = self.0.store.session(id).await?;
        Ok(found.filter(|session| session.user_id == user))
    }

    /// Drops what other processes ended, and lets the store know which sessions are in use.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn follow_others(&self) -> Result<()> {
        for id in self.0.store.sessions_ended_elsewhere().await? {
            self.forget(id);
        }
        self.note_uses().await
    }

    /// Asks the store for all sessions that have sockets, and lets the others be looked up anew.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn look_again(&self) -> Result<()> {
        self.0.cache.forget_all();
        let held: Vec<SessionId> = self.0.sockets.lock().keys().copied().collect();
        for ids in held.chunks(ASKED_AT_ONCE) {
            let live: HashSet<SessionId> =
                self.0.store.live_sessions(ids).await?.into_iter().collect();
            for id in ids.iter().filter(|id| !live.contains(id)) {
                self.forget(*id);
            }
        }
        Ok(())
    }

    /// Takes note that a session was ended elsewhere.
    pub fn heard_end(&self, id: SessionId) {
        self.forget(id);
    }

    async fn note_uses(&self) -> Result<()> {
        let now = Timestamp::now();
        let used = {
            let mut uses = self.0.uses.lock();
            if now.since(uses.sockets_looked_at) >= SOCKETS_LOOKED_AT {
                uses.sockets_looked_at = now;
                let mut sockets = self.0.sockets.lock();
                let quiet = sockets
                    .iter_mut()
                    .filter(|(_, sockets)| now.since(sockets.noted) >= Session::CLOSEST_USES);
                for (id, sockets) in quiet {
                    sockets.noted = now;
                    uses.sessions.insert(*id);
                }
            }
            mem::take(&mut uses.sessions)
        };
        if used.is_empty() {
            return Ok(());
        }
        let ids = used.iter().copied().collect::<Vec<_>>();
        let noted = self.0.store.note_use(&ids, now).await;
        if noted.is_err() {
            self.0.uses.lock().sessions.extend(used);
        }
        noted
    }

    /// Tells a socket when its session ends.
    pub fn watch(&self, viewer: &Viewer) -> Revocation {
        let id = viewer.session_id;
        let mut sockets = self.0.sockets.lock();
        // Whoever opens a socket has just been looked up.
        let entry = sockets.entry(id).or_insert_with(|| Sockets {
            user_id: viewer.user_id,
            count: 0,
            ended: CancellationToken::new(),
            noted: Timestamp::now(),
        });
        entry.count += 1;
        let ended = entry.ended.clone();
        if self.0.ended.contains(&id) {
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
        self.0.cache.forget(&id);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{DisplayName, Username},
        store::{Sessions as _, StoreLimits, Upkeep, Users as _, embedded::EmbeddedStore},
    };

    async fn begun() -> (Sessions, EmbeddedStore, std::path::PathBuf) {
        let dir = std::env::temp_dir().join(format!("chinwag-{}", SessionId::new()));
        let opened = EmbeddedStore::open(&dir, StoreLimits::default(), Arc::new(|_, _| {}));
        let store = opened.await.expect("opens");
        let signer = Signer::new(["a secret of at least thirty-two bytes!!"]).expect("a secret");
        let ttl = Duration::from_hours(1);
        let sessions = Sessions::new(Arc::new(store.clone()), signer, ttl, Duration::ZERO);
        (sessions, store, dir)
    }

    #[tokio::test]
    async fn a_session_that_outlived_its_account_counts_for_nothing() {
        let (sessions, store, dir) = begun().await;
        let user = User {
            id: UserId::new(),
            username: Username::stored("ann"),
            display_name: DisplayName::stored("Ann"),
            avatar_url: None,
            created_at: Timestamp::now(),
            deleted_at: None,
        };
        store.create_user(&user, "hash").await.expect("answers");
        let (_, token) = sessions.begin(user.id, None).await.expect("begins");
        assert!(
            sessions
                .viewer(&token, true)
                .await
                .expect("answers")
                .is_ok()
        );
        let now = Timestamp::now();
        let deleted = store.delete_user(user.id, "hash", now).await;
        assert_eq!(deleted, Ok(true));
        assert!(
            sessions
                .viewer(&token, true)
                .await
                .expect("answers")
                .is_err()
        );
        store.close().await;
        std::fs::remove_dir_all(dir).expect("is there");
    }

    #[tokio::test]
    async fn a_use_is_noted_when_the_last_one_lies_back_and_sockets_are_uses() {
        let (sessions, store, dir) = begun().await;
        let user = UserId::new();
        let (fresh, token) = sessions.begin(user, None).await.expect("begins");
        let used_at = async |id| {
            sessions.follow_others().await.expect("answers");
            let session = store.session(id).await.expect("answers");
            session.expect("is live").last_used_at
        };
        sessions
            .viewer(&token, true)
            .await
            .expect("answers")
            .expect("is live");
        assert_eq!(used_at(fresh.id).await, fresh.last_used_at);

        let begun = Timestamp(Timestamp::now().0 - 600_000);
        let old = Session {
            id: SessionId::new(),
            created_at: begun,
            last_used_at: begun,
            ..fresh
        };
        store.create_session(&old).await.expect("answers");
        assert_eq!(used_at(old.id).await, begun);
        let token = sessions.0.signer.sign(&old).expect("signed");
        sessions
            .viewer(&token, true)
            .await
            .expect("answers")
            .expect("is live");
        let used = used_at(old.id).await;
        assert!(used > begun);

        let _socket = sessions.watch(&Viewer {
            user_id: user,
            session_id: old.id,
            expires_at: old.expires_at,
        });
        let long_ago = |sessions: &Sessions| {
            let mut sockets = sessions.0.sockets.lock();
            sockets.values_mut().for_each(|one| one.noted = begun);
            sessions.0.uses.lock().sockets_looked_at = begun;
        };
        while Timestamp::now() == used {
            tokio::task::yield_now().await;
        }
        assert_eq!(used_at(old.id).await, used);
        long_ago(&sessions);
        assert!(used_at(old.id).await > used);
        store.close().await;
        std::fs::remove_dir_all(dir).expect("is there");
    }
}
