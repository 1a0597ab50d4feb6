//! A sign-in.

use std::{sync::Arc, time::Duration};

use super::{SessionId, Timestamp, UserId};

/// One sign-in of a user, from login to logout or expiry.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    pub id: SessionId,
    pub user_id: UserId,
    /// Where from; `None` when the client did not say.
    pub device: Option<Device>,
    pub created_at: Timestamp,
    /// To within ten minutes.
    pub last_used_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Session {
    /// Uses that are closer to each other count as one.
    pub const CLOSEST_USES: Duration = Duration::from_mins(4);
}

/// What a client says of itself in `User-Agent`.
#[derive(Clone, Debug, PartialEq)]
pub struct Device(Arc<str>);

impl Device {
    /// Characters that are kept; the rest is cut.
    const MAX: usize = 200;

    /// Of a header's bytes; `None` for one that says nothing.
    pub fn of(user_agent: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(user_agent);
        let cut = text.trim().chars().take(Self::MAX).collect::<String>();
        (!cut.is_empty()).then(|| Self(cut.into()))
    }

    /// Takes what a store kept.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// As the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_cut_between_characters_and_one_that_says_nothing_is_none() {
        let long = Device::of("é".repeat(300).as_bytes()).expect("says something");
        assert_eq!(long.as_str(), "é".repeat(200));
        for nothing in ["", " ", "\t"] {
            assert_eq!(Device::of(nothing.as_bytes()), None);
        }
    }
}
