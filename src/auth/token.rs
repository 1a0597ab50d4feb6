//! Tokens: a session's id, signed, so that forged ones never reach the store.

use std::sync::Arc;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hs256;
use crate::{
    domain::{Session, SessionId},
    error::{Error, Result},
};

/// Signs and checks tokens: JWT (RFC 7519), HS256 and nothing else. Cheap to clone.
#[derive(Clone)]
pub struct Signer(Arc<Inner>);

struct Inner {
    signing: EncodingKey,
    verifying: Vec<DecodingKey>,
    header: Header,
    validation: Validation,
}

/// The token is not one of ours, or its time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenError;

#[derive(Serialize, Deserialize)]
struct Claims {
    sid: String,
    iat: i64,
    exp: i64,
}

impl Signer {
    /// The first secret signs, all verify, so that a secret can be replaced while tokens of the old one live.
    /// `None` without any.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        hs256::install();
        let secrets = secrets.into_iter().collect::<Vec<_>>();
        let mut validation = Validation::new(Algorithm::HS256);
        validation.leeway = 0;
        validation.set_required_spec_claims(&["exp"]);
        Some(Self(Arc::new(Inner {
            signing: EncodingKey::from_secret(secrets.first()?.as_bytes()),
            verifying: secrets
                .iter()
                .map(|secret| DecodingKey::from_secret(secret.as_bytes()))
                .collect(),
            header: Header::new(Algorithm::HS256),
            validation,
        })))
    }

    /// The token that names `session`.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be signed.
    pub fn sign(&self, session: &Session) -> Result<String> {
        let claims = Claims {
            sid: session.id.0.to_string(),
            iat: session.created_at.0.div_euclid(1_000),
            // Rounded up: the session's row is what ends it to the millisecond.
            exp: session.expires_at.0.div_euclid(1_000) + 1,
        };
        jsonwebtoken::encode(&self.0.header, &claims, &self.0.signing)
            .map_err(|error| Error::Internal(format!("signing a token: {error}")))
    }

    /// The session that a token names.
    ///
    /// # Errors
    /// [`TokenError`] for whatever is not one of ours or has expired.
    pub fn verify(&self, token: &str) -> Result<SessionId, TokenError> {
        self.0
            .verifying
            .iter()
            .find_map(|key| jsonwebtoken::decode::<Claims>(token, key, &self.0.validation).ok())
            .and_then(|data| Uuid::try_parse(&data.claims.sid).ok())
            .map(SessionId)
            .ok_or(TokenError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Timestamp, UserId};

    const OLD: &str = "an old secret of at least thirty-two bytes";
    const NEW: &str = "a new secret of at least thirty-two bytes!";

    fn session(lives_ms: i64) -> Session {
        let now = Timestamp::now();
        let expires_at = Timestamp(now.0 + lives_ms);
        Session {
            id: SessionId::new(),
            user_id: UserId::new(),
            device: None,
            created_at: now,
            last_used_at: now,
            expires_at,
        }
    }

    #[test]
    fn a_replaced_secret_still_verifies_until_it_is_dropped() {
        let session = session(60_000);
        let token = Signer::new([OLD])
            .expect("secret")
            .sign(&session)
            .expect("signed");
        assert_eq!(
            Signer::new([NEW, OLD]).expect("secrets").verify(&token),
            Ok(session.id)
        );
        assert_eq!(
            Signer::new([NEW]).expect("secret").verify(&token),
            Err(TokenError)
        );
    }

    #[test]
    fn nothing_but_our_own_live_tokens_pass() {
        let signer = Signer::new([NEW]).expect("secret");
        let expired = signer.sign(&session(-5_000)).expect("signed");
        let none = "eyJhbGciOiJub25lIn0.eyJzaWQiOiJ4IiwiZXhwIjo5OTk5OTk5OTk5fQ.";
        for bad in [expired.as_str(), none, "", "a.b.c", "\0"] {
            assert_eq!(signer.verify(bad), Err(TokenError), "{bad}");
        }
    }
}
