//! Signing up, in and out.

use std::sync::Arc;

use super::{Chat, Origin};
use crate::{
    auth::{TokenError, Viewer},
    domain::{
        AvatarUrl, Device, DisplayName, Password, Session, Timestamp, User, UserId, Username,
    },
    error::{Error, Result},
};

/// How often a login is tried whose password's hash changes in between, as another login makes it anew.
const LOGIN_TRIES: usize = 3;

/// What someone who signs up gives, as it came.
pub struct Signup {
    pub username: String,
    pub password: String,
    /// The username when left out.
    pub display_name: Option<String>,
    pub avatar_url: Option<String>,
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
    /// All that is wrong with what was given, an error for each field, a taken username among them; signup may be
    /// closed; limits; the store's.
    pub async fn signup(
        &self,
        origin: Origin,
        device: Option<Device>,
        signup: Signup,
    ) -> Result<SignedIn, Vec<Error>> {
        if !self.0.signup_open {
            return Err(vec![Error::Forbidden("Signing up is closed here.")]);
        }
        let mut faults = Vec::new();
        let mut note = |fault| faults.push(fault);
        let username = Username::parse("input.username", &signup.username).map_err(&mut note);
        let password = Password::choose("input.password", &signup.password).map_err(&mut note);
        let display_name = signup
            .display_name
            .map(|name| DisplayName::parse("input.displayName", &name))
            .transpose()
            .map_err(&mut note);
        let avatar_url = signup
            .avatar_url
            .map(|url| AvatarUrl::parse("input.avatarUrl", &url, &self.0.avatar_hosts))
            .transpose()
            .map_err(&mut note);
        match (username, password, display_name, avatar_url) {
            (Ok(username), Ok(password), Ok(display_name), Ok(avatar_url)) => {
                let user = User {
                    id: UserId::new(),
                    display_name: display_name
                        .unwrap_or_else(|| DisplayName::stored(username.as_str())),
                    username,
                    avatar_url,
                    created_at: Timestamp::now(),
                    deleted_at: None,
                };
                let signed_up = self.create_account(origin, device, user, password).await;
                signed_up.map_err(|error| vec![error])
            }
            (Ok(username), ..) => {
                // That is worth knowing at once, as far as anyone may ask.
                let asked = self.throttle_signup(origin, &username);
                if asked.is_ok() && self.still_free(&username).await == Err(taken()) {
                    faults.insert(0, taken());
                }
                Err(faults)
            }
            _ => Err(faults),
        }
    }

    async fn create_account(
        &self,
        origin: Origin,
        device: Option<Device>,
        user: User,
        password: Password,
    ) -> Result<SignedIn> {
        self.throttle_signup(origin, &user.username)?;
        let still_free = self.still_free(&user.username);
        let hash = self.0.hasher.hash(password, still_free).await?;
        if !self.0.store.create_user(&user, &hash).await? {
            return Err(taken());
        }
        self.0.metrics.signups.inc();
        log_attempt("signed up", origin, Some(&user.username));
        let signed_in = self.sign_in(Arc::new(user), &hash, device).await?;
        signed_in.ok_or(Error::signed_out())
    }

    fn throttle_signup(&self, origin: Origin, username: &Username) -> Result<()> {
        match &self.0.throttles {
            Some(throttles) => throttles
                .signup(origin, &username.key())
                .inspect_err(|_| log_attempt("signup limited", origin, Some(username))),
            None => Ok(()),
        }
    }

    async fn still_free(&self, username: &Username) -> Result<()> {
        if self.0.store.is_taken(&username.key()).await? {
            return Err(taken());
        }
        Ok(())
    }

    /// Signs someone in. An unknown username and a wrong password get the same answer after the same time.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`]; limits; the store's.
    pub async fn login(
        &self,
        origin: Origin,
        device: Option<Device>,
        username: &str,
        password: Password,
    ) -> Result<SignedIn> {
        let username = Username::parse("input.username", username).ok();
        if let Some(throttles) = &self.0.throttles {
            throttles
                .login(origin, username.as_ref().map(Username::key).as_deref())
                .inspect_err(|_| log_attempt("login limited", origin, username.as_ref()))?;
        }
        for _ in 0..LOGIN_TRIES {
            let found = match &username {
                Some(username) => self.0.store.credentials(&username.key()).await?,
                None => None,
            };
            let hash = found.as_ref().map(|(_, hash)| hash.clone());
            let matches = self.0.hasher.verify(password.clone(), hash).await?;
            let Some((user, hash)) = found.filter(|_| matches) else {
                break;
            };
            let id = user.id;
            if let Some(signed_in) = self.sign_in(Arc::new(user), &hash, device.clone()).await? {
                self.0.metrics.logins.inc();
                self.renew_hash(id, &hash, password).await;
                return Ok(signed_in);
            }
        }
        self.0.metrics.login_failures.inc();
        log_attempt("login failed", origin, username.as_ref());
        if !password.fits() {
            return Err(Password::too_long("input.password"));
        }
        Err(Error::Unauthenticated(
            "The username or the password is wrong.",
        ))
    }

    /// Hashes a password anew that was found right, where its hash was made with less work than is asked for now.
    async fn renew_hash(&self, user: UserId, old: &str, password: Password) {
        // Who has a longer one keeps the hash that knows of its first bytes, until it is changed.
        if !self.0.hasher.is_outdated(old) || !password.fits() {
            return;
        }
        let renew = async {
            let new = self.0.hasher.hash(password, async { Ok(()) }).await?;
            self.0.store.change_password(user, old, &new).await
        };
        // The next login tries again.
        if let Err(error) = renew.await {
            tracing::warn!(?error, "a password's hash could not be made anew");
        }
    }

    /// Begins a session of someone whose password was found to be the one behind `hash`; `None` when that has changed.
    ///
    /// Whoever changes a password ends the sessions that have begun by then. So a session first begins, and holds when
    /// the hash is still the same after that.
    pub(super) async fn sign_in(
        &self,
        user: Arc<User>,
        hash: &str,
        device: Option<Device>,
    ) -> Result<Option<SignedIn>> {
        let (session, token) = self.0.sessions.begin(user.id, device).await?;
        if self.0.store.password_hash(user.id).await?.as_deref() != Some(hash) {
            self.end_session(session.id).await?;
            return Ok(None);
        }
        Ok(Some(SignedIn {
            user,
            session,
            token,
        }))
    }

    /// Ends the viewer's session, or all of the viewer's sessions, for good; sockets that hold them are closed.
    ///
    /// # Errors
    /// The store's.
    pub async fn logout(&self, viewer: &Viewer, everywhere: bool) -> Result<()> {
        if everywhere {
            self.end_sessions(viewer.user_id, None).await
        } else {
            self.end_session(viewer.session_id).await
        }
    }

    /// Whether the viewer's session was ended, as far as is known here.
    pub fn has_ended(&self, viewer: &Viewer) -> bool {
        self.0.sessions.has_ended(viewer.session_id)
    }

    /// Who a token stands for; `Err(TokenError)` inside for one that is forged, ended or expired.
    ///
    /// # Errors
    /// The store's.
    pub async fn viewer(&self, token: &str) -> Result<Result<Viewer, TokenError>> {
        let is_trusted = self.0.trust.holds();
        self.0.sessions.viewer(token, is_trusted).await
    }
}

fn taken() -> Error {
    Error::conflict("input.username", "This username is taken.")
}

/// Tells the log what someone tried. The form is a promise: `docs/running.md` gives a filter of fail2ban's for it. What
/// is no username is not shown, as it could hold anything, line breaks and addresses too.
fn log_attempt(what: &'static str, Origin(address): Origin, username: Option<&Username>) {
    let username = username.map_or_else(|| "(invalid)".to_owned(), Username::key);
    tracing::info!(%address, %username, "{what}");
}
