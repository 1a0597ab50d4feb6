//! The session cookie.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};

use crate::{domain::Timestamp, graphql::SessionCookie};

/// What the cookie is called and who may get it.
pub(super) struct CookiePolicy {
    secure: bool,
}

impl CookiePolicy {
    pub(super) fn new(secure: bool) -> Self {
        Self { secure }
    }

    /// With the `__Host-` prefix a browser takes it from a secure origin of exactly this host only (RFC 6265bis,
    /// section 4.1.3.2).
    fn name(&self) -> &'static str {
        if self.secure {
            "__Host-chinwag_session"
        } else {
            "chinwag_session"
        }
    }

    /// The token that a request's cookie carries.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<String> {
        let jar = CookieJar::from_headers(headers);
        jar.get(self.name())
            .map(|cookie| cookie.value().to_owned())
            .filter(|token| !token.is_empty())
    }

    /// The `Set-Cookie` header for a change.
    pub(super) fn header(
        &self,
        change: &SessionCookie,
    ) -> Option<(header::HeaderName, HeaderValue)> {
        let (value, max_age) = match change {
            SessionCookie::Set { token, session } => {
                // Some milliseconds of its life are over already, and whole seconds are said.
                let left = session.expires_at.since(Timestamp::now());
                (token.clone(), left + Duration::from_millis(999))
            }
            SessionCookie::Clear => (String::new(), Duration::ZERO),
        };
        let cookie = Cookie::build((self.name(), value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Lax)
            .secure(self.secure)
            .max_age(max_age.try_into().ok()?)
            .build();
        Some((
            header::SET_COOKIE,
            HeaderValue::from_str(&cookie.to_string()).ok()?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Session, SessionId, UserId};

    #[test]
    fn a_cookie_lasts_as_long_as_its_session() {
        let now = Timestamp::now();
        let session = Session {
            id: SessionId::new(),
            user_id: UserId::new(),
            device: None,
            created_at: now,
            last_used_at: now,
            expires_at: now.after(Duration::from_hours(1)),
        };
        let token = "token".to_owned();
        let change = SessionCookie::Set { token, session };
        let (_, value) = CookiePolicy::new(false).header(&change).expect("a header");
        let value = value.to_str().expect("text");
        assert!(value.contains("; Max-Age=3600"), "{value}");
    }
}
