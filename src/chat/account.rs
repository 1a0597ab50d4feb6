//! Signing up, in and out.

use std::sync::Arc;

use super::{Chat, Origin};
use crate::{
    auth::{TokenError, Viewer},
    domain::{AvatarUrl, DisplayName, Password, Session, Timestamp, User, UserId, Username},
    error::{Error, Result},
};

/// What someone who signs up gives, checked.
pub struct Signup {
    pub username: Username,
    pub password: Password,
    /// The username when left out.
    pub display_name: Option<DisplayName>,
    pub avatar_url: Option<AvatarUrl>,
}

/// A fresh sign-in.
pub struct SignedIn {
    pub user: Arc<User>,
    pub session: Session,
    pub token: String,
}

impl Chat {
    /// Makes an account and signs it in.
    ///
    /// # Errors
    /// A taken username is a conflict; signup may be closed; limits; the store's.
    pub async fn signup(&self, origin: Origin, signup: Signup) -> Result<SignedIn> {
        let Signup {
            username,
            password,
            display_name,
            avatar_url,
        } = signup;
        if !self.0.signup_open {
            return Err(Error::Forbidden("Signing up is closed here."));
        }
        if let Some(throttles) = &self.0.throttles {
            throttles
                .signup(origin, &username.key())
                .inspect_err(|_| log_attempt("signup limited", origin, Some(&username)))?;
        }
        let taken = || Error::conflict("input.username", "This username is taken.");
        let key = username.key();
        let still_free = async {
            match self.0.store.credentials(&key).await? {
                None => Ok(()),
                Some(_) => Err(taken()),
            }
        };
        let hash = self.0.hasher.hash(password, still_free).await?;
        let user = User {
            id: UserId::new(),
            display_name: display_name.unwrap_or_else(|| DisplayName::stored(username.as_str())),
            username,
            avatar_url,
            created_at: Timestamp::now(),
        };
        if !self.0.store.create_user(&user, &hash).await? {
            return Err(taken());
        }
        log_attempt("signed up", origin, Some(&user.username));
        self.sign_in(user).await
    }

    /// Signs someone in. An unknown username and a wrong password get the same answer after the same time.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`]; limits; the store's.
    pub async fn login(
        &self,
        origin: Origin,
        username: &str,
        password: Password,
    ) -> Result<SignedIn> {
        let username = Username::parse("input.username", username).ok();
        if let Some(throttles) = &self.0.throttles {
            throttles
                .login(origin, username.as_ref().map(Username::key).as_deref())
                .inspect_err(|_| log_attempt("login limited", origin, username.as_ref()))?;
        }
        let found = match &username {
            Some(username) => self.0.store.credentials(&username.key()).await?,
            None => None,
        };
        let (user, hash) = found.unzip();
        let matches = self.0.hasher.verify(password, hash).await?;
        match user {
            Some(user) if matches => self.sign_in(user).await,
            _ => {
                log_attempt("login failed", origin, username.as_ref());
                Err(Error::Unauthenticated(
                    "The username or the password is wrong.",
                ))
            }
        }
    }

    async fn sign_in(&self, user: User) -> Result<SignedIn> {
        let (session, token) = self.0.sessions.begin(user.id).await?;
        Ok(SignedIn {
            user: Arc::new(user),
            session,
            token,
        })
    }

    /// Ends the viewer's session, or all of the viewer's sessions, for good; sockets that hold them are closed.
    ///
    /// # Errors
    /// The store's.
    pub async fn logout(&self, viewer: &Viewer, everywhere: bool) -> Result<()> {
        if everywhere {
            self.0.sessions.end_all(viewer.user_id).await
        } else {
            self.0.sessions.end(viewer.session_id).await
        }
    }

    /// Who a token stands for; `Err(TokenError)` inside for one that is forged, ended or expired.
    ///
    /// # Errors
    /// The store's.
    pub async fn viewer(&self, token: &str) -> Result<Result<Viewer, TokenError>> {
        self.0.sessions.viewer(token).await
    }
}

/// Tells the log what someone tried. The form is a promise: the README gives a filter of fail2ban's for it. What is no
/// username is not shown, as it could hold anything, line breaks and addresses too.
fn log_attempt(what: &'static str, Origin(address): Origin, username: Option<&Username>) {
    let username = username.map_or_else(|| "(invalid)".to_owned(), Username::key);
    tracing::info!(%address, %username, "{what}");
}
