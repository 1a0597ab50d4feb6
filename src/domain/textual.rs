//! Ids and instants as the text that clients know them by.

use std::fmt::Display;

use super::{ConversationId, MessageId, Timestamp, UserId};

/// What can be read from the text that it is shown as.
pub trait Textual: Display + Sized {
    /// `None` for what is none.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! textual {
    ($($name:ident),*) => {$(
        impl Textual for $name {
            fn read(text: &str) -> Option<Self> {
                Self::parse(text)
            }
        }
    )*};
}

textual!(ConversationId, MessageId, Timestamp, UserId);

/// For serde: a text.
pub mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Textual;

    pub fn serialize<T: Textual, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub fn deserialize<'de, T: Textual, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(from)?;
        T::read(&text).ok_or_else(|| D::Error::custom("an id or an instant that is none"))
    }
}

/// For serde: a text that may be missing.
pub mod as_text_if_any {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::Textual;

    pub fn serialize<T: Textual, S: Serializer>(
        value: &Option<T>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => to.collect_str(value),
            None => to.serialize_none(),
        }
    }

    pub fn deserialize<'de, T: Textual, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<T>, D::Error> {
        let text = Option::<std::borrow::Cow<'_, str>>::deserialize(from)?;
        let read = |text: std::borrow::Cow<'_, str>| {
            T::read(&text).ok_or_else(|| D::Error::custom("an id or an instant that is none"))
        };
        text.map(read).transpose()
    }
}
