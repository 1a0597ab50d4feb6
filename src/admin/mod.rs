//! Administration: what an operator asks for, done on the store and, where a server runs over it, told to that at once.
//!
//! On MongoDB it is done on the store, and the servers learn of it as they do of each other. The embedded store belongs to
//! one process: while that serves, it takes orders over a socket file in the data directory ([`socket`]).

pub mod order;
pub mod socket;

use std::sync::Arc;

use rand::RngExt;

pub use order::{Answer, Order, Totals};

use crate::{
    auth::Hasher,
    chat::Chat,
    domain::{Password, Signal, Timestamp, User, UserId, Username},
    error::{Error, Result},
    store::WholeStore,
};

/// How many people one answer lists.
const LISTED: usize = 500;

/// How many characters a password has that is made here: 100 bits.
const PASSWORD: usize = 20;

/// Of which: none that looks like another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz023456789";

/// How often a change is tried again whose account another one changed in between.
const TRIES: usize = 5;

/// Carries out orders.
#[derive(Clone)]
pub struct Desk {
    store: WholeStore,
    hasher: Hasher,
    /// The server over the store, if there is one in this process.
    chat: Option<Chat>,
}

impl Desk {
    /// Over a store that no server in this process serves.
    pub fn over(store: WholeStore, hasher: Hasher) -> Self {
        Self {
            store,
            hasher,
            chat: None,
        }
    }

    /// In a server.
    pub fn beside(chat: Chat, store: WholeStore) -> Self {
        Self {
            store,
            hasher: chat.hasher().clone(),
            chat: Some(chat),
        }
    }

    /// Does what is asked for, and says so in the log.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a username that nobody has; the store's.
    pub async fn carry_out(&self, order: Order) -> Result<Answer> {
        match order {
            Order::Users { after } => self.list(after).await,
            Order::Stats => self.totals().await,
            Order::ResetPassword { username } => self.reset_password(&username).await,
            Order::DeleteUser { username } => self.delete_user(&username).await,
            Order::EndSessions { username } => self.end_sessions(&username).await,
        }
    }

    async fn list(&self, after: Option<(String, UserId)>) -> Result<Answer> {
        let nobody = UserId(uuid::Uuid::nil());
        let users = self
            .store
            .sidebar_users(nobody, None, after.as_ref(), LISTED)
            .await?;
        let more = users.len() == LISTED;
        let next = users.last().filter(|_| more);
        let next = next.map(|user| (user.sort_key(), user.id));
        let ids: Vec<UserId> = users.iter().map(|user| user.id).collect();
        let seen = self.store.last_seen(&ids).await?;
        let seen = |id| seen.iter().find(|(user, _)| *user == id).map(|(_, at)| *at);
        let users = users.into_iter().map(|user| order::Listed {
            id: user.id,
            username: user.username.as_str().to_owned(),
            display_name: user.display_name.as_str().to_owned(),
            created_at: user.created_at,
            last_seen_at: seen(user.id),
        });
        Ok(Answer::Users {
            users: users.collect(),
            next,
        })
    }

    async fn totals(&self) -> Result<Answer> {
        let mut totals = self.store.totals().await?;
        totals.online = self.chat.as_ref().map(Chat::count_online);
        Ok(Answer::Stats(totals))
    }

    async fn reset_password(&self, username: &str) -> Result<Answer> {
        let user = self.find(username).await?;
        let password = fresh_password();
        let chosen = Password::choose("password", &password)?;
        let new = self.hasher.hash(chosen, async { Ok(()) }).await?;
        let mut tries = 0..TRIES;
        loop {
            let old = self.hash_of(&user, tries.next()).await?;
            if self.store.change_password(user.id, &old, &new).await? {
                break;
            }
        }
        let sessions = self.end_sessions_of(&user).await?;
        tracing::info!(
            username = user.username.key(),
            sessions,
            "an operator gave a new password"
        );
        Ok(Answer::NewPassword {
            username: user.username.as_str().to_owned(),
            password,
        })
    }

    async fn delete_user(&self, username: &str) -> Result<Answer> {
        let user = self.find(username).await?;
        let mut tries = 0..TRIES;
        loop {
            let hash = self.hash_of(&user, tries.next()).await?;
            let now = Timestamp::now();
            if self.store.delete_user(user.id, &hash, now).await? {
                break;
            }
        }
        let ended = self.end_sessions_of(&user).await;
        match &self.chat {
            Some(chat) => chat.account_is_deleted(user.id).await?,
            None => self.signal(&[Signal::ProfileChanged(user.id)]).await,
        }
        let sessions = ended?;
        tracing::info!(
            username = user.username.key(),
            sessions,
            "an operator deleted an account"
        );
        let username = user.username.as_str().to_owned();
        Ok(Answer::Deleted { username })
    }

    async fn end_sessions(&self, username: &str) -> Result<Answer> {
        let user = self.find(username).await?;
        let sessions = self.end_sessions_of(&user).await?;
        tracing::info!(
            username = user.username.key(),
            sessions,
            "an operator ended all sessions"
        );
        let username = user.username.as_str().to_owned();
        Ok(Answer::SessionsEnded { username, sessions })
    }

    async fn find(&self, username: &str) -> Result<Arc<User>> {
        let found = match Username::parse("username", username) {
            Ok(username) => self.store.credentials(&username.key()).await?,
            Err(_) => None,
        };
        let (user, _) = found.ok_or_else(|| Error::no_user("username"))?;
        Ok(Arc::new(user))
    }

    /// The hash of someone's password, for a change that holds only while it is that; at another try if there is one.
    async fn hash_of(&self, user: &User, another_try: Option<usize>) -> Result<String> {
        another_try.ok_or_else(|| Error::Unavailable("the account changes all the time".into()))?;
        let hash = self.store.password_hash(user.id).await?;
        hash.ok_or_else(|| Error::no_user("username"))
    }

    async fn end_sessions_of(&self, user: &User) -> Result<usize> {
        let Some(chat) = &self.chat else {
            let ended = self.store.end_sessions_of(user.id, None).await?;
            let signals = ended.iter().copied().map(Signal::SessionEnded);
            self.signal(&signals.collect::<Vec<_>>()).await;
            return Ok(ended.len());
        };
        let live = self
            .store
            .sessions_of(user.id, chat.limits().listed_sessions);
        let live = live.await?.len();
        chat.end_all_sessions(user.id).await?;
        Ok(live)
    }

    /// Tells the servers on the store, if there are any. Those that do not hear it see it when they look around.
    async fn signal(&self, signals: &[Signal]) {
        if let Err(error) = self.store.signal(signals).await {
            tracing::warn!(
                ?error,
                "servers could not be told; they see it within seconds"
            );
        }
    }
}

fn fresh_password() -> String {
    let mut random = rand::rng();
    let letters = (0..PASSWORD).map(|_| LETTERS[random.random_range(0..LETTERS.len())]);
    letters.map(char::from).collect()
}
