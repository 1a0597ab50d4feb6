//! What people do with their own accounts: their profile, their password, their sessions, the end.

use std::sync::Arc;

use tokio::time::Instant;

use super::{Chat, SignedIn};
use crate::{
    auth::Viewer,
    domain::{
        AvatarUrl, Change, Device, DisplayName, Password, ProfileChange, Session, SessionId,
        Signal, Timestamp, User, UserId,
    },
    error::{Error, Result},
};

/// What someone wants to change of a profile, as it came.
#[derive(Default)]
pub struct ProfileUpdate {
    pub display_name: Change<String>,
    pub avatar_url: Change<String>,
}

impl Chat {
    /// Changes what others see of the viewer, as far as something is given, and gives what they see then.
    ///
    /// # Errors
    /// All that is wrong with what was given, an error for each field; the store's.
    pub async fn update_profile(
        &self,
        viewer: UserId,
        update: ProfileUpdate,
    ) -> Result<Arc<User>, Vec<Error>> {
        let display_name = match update.display_name {
            Change::Stays => Ok(None),
            Change::Goes => {
                let rule = "There is always a display name.";
                Err(Error::bad_input("input.displayName", rule))
            }
            Change::Becomes(name) => DisplayName::parse("input.displayName", &name).map(Some),
        };
        let avatar_url = match update.avatar_url {
            Change::Stays => Ok(Change::Stays),
            Change::Goes => Ok(Change::Goes),
            Change::Becomes(url) => {
                AvatarUrl::parse("input.avatarUrl", &url, &self.0.avatar_hosts).map(Change::Becomes)
            }
        };
        let change = match (display_name, avatar_url) {
            (Ok(display_name), Ok(avatar_url)) => ProfileChange {
                display_name,
                avatar_url,
            },
            (name, url) => return Err([name.err(), url.err()].into_iter().flatten().collect()),
        };
        let changed = self.change_profile(viewer, change).await;
        changed.map_err(|error| vec![error])
    }

    async fn change_profile(&self, viewer: UserId, change: ProfileChange) -> Result<Arc<User>> {
        let changed = self.0.store.change_profile(viewer, &change).await;
        self.profile_changed(viewer);
        Ok(Arc::new(changed?.ok_or(Error::signed_out())?))
    }

    /// Lets a user be read anew, on all processes.
    pub(super) fn profile_changed(&self, user: UserId) {
        self.0.directory.forget_user(user);
        self.0.signalling.tell([Signal::ProfileChanged(user)]);
    }

    /// Gives the viewer another password and a new session, and ends all others.
    ///
    /// # Errors
    /// All that is wrong with what was given, an error for each field; limits; the store's.
    pub async fn change_password(
        &self,
        viewer: &Viewer,
        device: Option<Device>,
        current: &str,
        new: &str,
    ) -> Result<SignedIn, Vec<Error>> {
        let current = Password::recall("input.currentPassword", current);
        let new = Password::choose("input.newPassword", new);
        match (current, new) {
            (Ok(current), Ok(new)) => self
                .replace_password(viewer.user_id, device, current, new)
                .await
                .map_err(|error| vec![error]),
            (current, new) => Err([current.err(), new.err()].into_iter().flatten().collect()),
        }
    }

    async fn replace_password(
        &self,
        id: UserId,
        device: Option<Device>,
        current: Password,
        new: Password,
    ) -> Result<SignedIn> {
        let wrong = || wrong_password("input.currentPassword");
        let old = self.check_password(id, current.clone(), wrong).await?;
        let hash = self.0.hasher.hash(new, async { Ok(()) }).await?;
        if !self.0.store.change_password(id, &old, &hash).await? {
            // A login may have made the hash anew of the same password.
            let old = self.check_password(id, current, wrong).await?;
            if !self.0.store.change_password(id, &old, &hash).await? {
                return Err(wrong());
            }
        }
        let user = self.0.directory.user(id).await?;
        let user = user.ok_or(Error::signed_out())?;
        let signed_in = self.sign_in(user, &hash, device).await?;
        let signed_in = signed_in.ok_or_else(wrong)?;
        let keep = Some(signed_in.session.id);
        self.end_sessions(id, keep).await?;
        Ok(signed_in)
    }

    /// Deletes the viewer's account, ends all of its sessions and takes it out of all groups. What it wrote stays.
    ///
    /// # Errors
    /// Bad input for a wrong password; limits; the store's.
    pub async fn delete_account(
        &self,
        viewer: &Viewer,
        password: Password,
        deadline: Instant,
    ) -> Result<()> {
        let id = viewer.user_id;
        let wrong = || wrong_password("password");
        let hash = self.check_password(id, password.clone(), wrong).await?;
        let mut deleted = self.0.store.delete_user(id, &hash, Timestamp::now()).await;
        if deleted == Ok(false) {
            // A login may have made the hash anew of the same password.
            let hash = self.check_password(id, password, wrong).await?;
            deleted = self.0.store.delete_user(id, &hash, Timestamp::now()).await;
        }
        self.profile_changed(id);
        if !deleted? {
            return Err(wrong());
        }
        let ended = self.end_sessions(id, None).await;
        self.0.presence.take_offline(id);
        if let Err(error) = self.leave_all_groups(id, deadline).await {
            // It cannot be asked for again, as the account is gone.
            tracing::warn!(
                ?error,
                "a deleted account is still in groups; it leaves them soon"
            );
        }
        ended
    }

    /// The hash of the user's password, which this one is.
    async fn check_password(
        &self,
        id: UserId,
        password: Password,
        wrong: impl Fn() -> Error,
    ) -> Result<String> {
        if let Some(throttles) = &self.0.throttles {
            throttles.password(id)?;
        }
        let hash = self.0.store.password_hash(id).await?;
        let hash = hash.ok_or(Error::signed_out())?;
        if self.0.hasher.verify(password, Some(hash.clone())).await? {
            Ok(hash)
        } else {
            Err(wrong())
        }
    }

    /// Ends a session for good, on all processes.
    pub(super) async fn end_session(&self, id: SessionId) -> Result<()> {
        self.0.sessions.end(id).await?;
        self.0.signalling.tell([Signal::SessionEnded(id)]);
        Ok(())
    }

    /// Ends all of a user's sessions but `keep` for good, on all processes.
    pub(super) async fn end_sessions(&self, user: UserId, keep: Option<SessionId>) -> Result<()> {
        let ended = self.0.sessions.end_all(user, keep).await?.into_iter();
        self.0.signalling.tell(ended.map(Signal::SessionEnded));
        Ok(())
    }

    /// Where the viewer is signed in, the newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn sessions(&self, viewer: UserId) -> Result<Vec<Session>> {
        let most = self.0.limits.listed_sessions;
        self.0.sessions.of(viewer, most).await
    }

    /// A session of the viewer's.
    ///
    /// # Errors
    /// The store's.
    pub async fn session(&self, viewer: UserId, id: SessionId) -> Result<Option<Session>> {
        self.0.sessions.one_of(viewer, id).await
    }

    /// Ends a session of the viewer's for good; sockets that hold it are closed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for what is none of the viewer's live sessions; the store's.
    pub async fn revoke_session(&self, viewer: UserId, id: SessionId) -> Result<()> {
        match self.session(viewer, id).await? {
            Some(session) => self.end_session(session.id).await,
            None => Err(Error::no_session("id")),
        }
    }
}

fn wrong_password(field: &str) -> Error {
    Error::bad_input(field, "This is not your password.")
}
