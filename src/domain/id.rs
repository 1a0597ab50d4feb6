//! One id type an entity, so that none is passed for another. As text ids are `TypeIDs` (version 0.3 of that
//! specification): a word for the kind, `_`, and 26 characters of Crockford's base 32 for a UUID.

use std::fmt;

use uuid::Uuid;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// Characters of 5 bits that hold a UUID's 128.
const SUFFIX: usize = 26;

/// An id as text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TypeId {
    prefix: &'static str,
    uuid: Uuid,
}

impl TypeId {
    /// Reads an id of the kind that `prefix` is the word for; nothing but what [`fmt::Display`] writes is one.
    fn parse(prefix: &str, text: &str) -> Option<Uuid> {
        let suffix = text.strip_prefix(prefix)?.strip_prefix('_')?;
        // 26 characters would hold 130 bits.
        if suffix.len() != SUFFIX || suffix.as_bytes()[0] > b'7' {
            return None;
        }
        let digit = |byte: u8| ALPHABET.iter().position(|letter| *letter == byte);
        let mut bits = 0_u128;
        for byte in suffix.bytes() {
            bits = bits << 5 | u128::try_from(digit(byte)?).ok()?;
        }
        Some(Uuid::from_u128(bits))
    }
}

impl TypeId {
    /// The word for its kind.
    pub fn prefix(&self) -> &'static str {
        self.prefix
    }

    /// What comes behind the `_`, in ASCII.
    pub fn suffix(&self) -> [u8; SUFFIX] {
        let bits = self.uuid.as_u128();
        let mut suffix = [0; SUFFIX];
        for (place, letter) in suffix.iter_mut().rev().enumerate() {
            let digit = bits >> (5 * place) & 31;
            *letter = usize::try_from(digit).map_or(0, |digit| ALPHABET[digit]);
        }
        suffix
    }
}

impl fmt::Display for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let suffix = self.suffix();
        let suffix = str::from_utf8(&suffix).map_err(|_| fmt::Error)?;
        write!(f, "{}_{suffix}", self.prefix)
    }
}

/// What has an id.
pub trait Identifies {
    /// The id as it goes out.
    fn typed(self) -> TypeId;
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh one, a UUID of version 7 (RFC 9562, section 5.7).
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// Reads what a client sent. What is malformed, or of another kind, is no id.
            pub fn parse(text: &str) -> Option<Self> {
                TypeId::parse($prefix, text).map(Self)
            }
        }

        impl Identifies for $name {
            fn typed(self) -> TypeId {
                TypeId {
                    prefix: $prefix,
                    uuid: self.0,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.typed(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.typed(), f)
            }
        }
    };
}

id!(
    /// Names a user.
    UserId,
    "user"
);
id!(
    /// Names a conversation.
    ConversationId,
    "conv"
);
id!(
    /// Names a message.
    MessageId,
    "msg"
);
id!(
    /// Names a session. No secret: what proves a session is the signature of the token that names it.
    SessionId,
    "sess"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn suffix(uuid: &str) -> String {
        let uuid = uuid.parse().expect("a UUID");
        UserId(uuid).to_string().replace("user_", "")
    }

    /// The specification's own vectors.
    #[test]
    fn ids_are_written_and_read_as_specified() {
        for (uuid, text) in [
            (
                "00000000-0000-0000-0000-000000000000",
                "00000000000000000000000000",
            ),
            (
                "00000000-0000-0000-0000-000000000001",
                "00000000000000000000000001",
            ),
            (
                "00000000-0000-0000-0000-00000000000a",
                "0000000000000000000000000a",
            ),
            (
                "00000000-0000-0000-0000-000000000010",
                "0000000000000000000000000g",
            ),
            (
                "00000000-0000-0000-0000-000000000020",
                "00000000000000000000000010",
            ),
            (
                "ffffffff-ffff-ffff-ffff-ffffffffffff",
                "7zzzzzzzzzzzzzzzzzzzzzzzzz",
            ),
            (
                "0110c853-1d09-52d8-d73e-1194e95b5f19",
                "0123456789abcdefghjkmnpqrs",
            ),
            (
                "01890a5d-ac96-774b-bcce-b302099a8057",
                "01h455vb4pex5vsknk084sn02q",
            ),
        ] {
            assert_eq!(suffix(uuid), text);
            let read = UserId::parse(&format!("user_{text}"));
            assert_eq!(read.map(|id| id.0), uuid.parse().ok());
        }
    }

    #[test]
    fn nothing_else_is_an_id() {
        for bad in [
            "",
            "user",
            "user_",
            "_01h455vb4pex5vsknk084sn02q",
            "01h455vb4pex5vsknk084sn02q",
            "msg_01h455vb4pex5vsknk084sn02q",
            "USER_01h455vb4pex5vsknk084sn02q",
            "user_01H455VB4PEX5VSKNK084SN02Q",
            "user_01h455vb4pex5vsknk084sn02",
            "user_01h455vb4pex5vsknk084sn02qq",
            "user_8zzzzzzzzzzzzzzzzzzzzzzzzz",
            "user_01h455vb4pex5vsknk084sn02u",
            "user_01h455vb4pex5vsknk084sn0-q",
            "user__1h455vb4pex5vsknk084sn02q",
            "user_01h455vb4pex5vsknk084sn0ä",
            "user_01890a5d-ac96-774b-bcce-b302099a8057",
            "01890a5d-ac96-774b-bcce-b302099a8057",
        ] {
            assert_eq!(UserId::parse(bad), None, "{bad}");
        }
    }
}
