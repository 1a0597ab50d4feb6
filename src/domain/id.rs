//! One id type an entity, so that none is passed for another.

use std::fmt;

use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $new:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub Uuid);

        impl $name {
            /// A fresh one.
            #[allow(clippy::new_without_default)]
            pub fn new() -> Self {
                Self(Uuid::$new())
            }

            /// Reads what a client sent; nothing but the canonical form that [`fmt::Display`] writes is an id.
            pub fn parse(text: &str) -> Option<Self> {
                (text.len() == 36).then(|| Uuid::try_parse(text).ok().map(Self)).flatten()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }
    };
}

id!(
    /// Names a user.
    UserId,
    now_v7
);
id!(
    /// Names a conversation.
    ConversationId,
    now_v7
);
id!(
    /// Names a message.
    MessageId,
    now_v7
);
id!(
    /// Names a session; random through and through, as it stands in tokens. What `uuid` draws from is fit for that: rand's
    /// generator of each thread, a cryptographic one that the operating system seeds now and then.
    SessionId,
    new_v4
);
