//! People: what they are called and how they prove it.

use std::{fmt, sync::Arc};

use super::{
    AvatarUrl, Timestamp, UserId,
    shown::{acts_on_its_surroundings, shows_something},
};
use crate::error::{Error, Result};

/// What others see of a person. Presence is not part of it: that changes by the second.
#[derive(Clone, Debug, PartialEq)]
pub struct User {
    pub id: UserId,
    pub username: Username,
    pub display_name: DisplayName,
    pub avatar_url: Option<AvatarUrl>,
    pub created_at: Timestamp,
    /// When the account was deleted; of such a user nothing else is kept but the id and when it was made.
    pub deleted_at: Option<Timestamp>,
}

impl User {
    /// What is shown of someone whose account was deleted.
    pub fn deleted(id: UserId, created_at: Timestamp, deleted_at: Timestamp) -> Self {
        Self {
            id,
            username: Username::stored(""),
            display_name: DisplayName::stored("Deleted account"),
            avatar_url: None,
            created_at,
            deleted_at: Some(deleted_at),
        }
    }

    /// Whether the account was deleted.
    pub fn is_deleted(&self) -> bool {
        self.deleted_at.is_some()
    }

    /// Where each word of the display name and username starts, the text from there on, in lower case: a search
    /// matches when one of these starts with it.
    pub fn search_keys(&self) -> Vec<String> {
        let names = self.names();
        let mut keys = names
            .iter()
            .flat_map(|name| from_each_word(name))
            .map(str::to_owned)
            .collect::<Vec<_>>();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// Whether one of the [`User::search_keys`] starts with this text.
    pub fn fits(&self, search: &str) -> bool {
        let mut names = self.names().into_iter();
        names.any(|name| from_each_word(&name).any(|key| key.starts_with(search)))
    }

    fn names(&self) -> [String; 2] {
        [
            self.display_name.as_str().to_lowercase(),
            self.username.key(),
        ]
    }

    /// What the sidebar sorts by, before the id.
    pub fn sort_key(&self) -> String {
        self.display_name.as_str().to_lowercase()
    }
}

/// The text from its start, and from the start of each word, on.
fn from_each_word(name: &str) -> impl Iterator<Item = &str> {
    let mut inside_word = false;
    name.char_indices().filter_map(move |(at, c)| {
        let starts = at == 0 || (c.is_alphanumeric() && !inside_word);
        inside_word = c.is_alphanumeric();
        starts.then(|| &name[at..])
    })
}

/// What someone changes of what others see; the rest stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ProfileChange {
    pub display_name: Option<DisplayName>,
    pub avatar_url: Change<AvatarUrl>,
}

/// What becomes of something that there may be or not.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Change<T> {
    #[default]
    Stays,
    Goes,
    Becomes(T),
}

impl<T> Change<T> {
    /// What there is after it.
    pub fn applied_to(self, before: Option<T>) -> Option<T> {
        match self {
            Self::Stays => before,
            Self::Goes => None,
            Self::Becomes(value) => Some(value),
        }
    }
}

impl ProfileChange {
    /// Whether nothing is to be changed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The user with it.
    pub fn applied_to(self, user: User) -> User {
        User {
            display_name: self.display_name.unwrap_or(user.display_name),
            avatar_url: self.avatar_url.applied_to(user.avatar_url),
            ..user
        }
    }
}

/// 3 to 32 ASCII letters, digits, `_`, `.` and `-`; shown as typed, compared by [`Username::key`].
#[derive(Clone, Debug, PartialEq)]
pub struct Username(Arc<str>);

impl Username {
    /// Checks a name from a client; `field` is the argument's path.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        if !(3..=32).contains(&text.chars().count()) || !text.chars().all(allowed) {
            let rule = "A username has 3 to 32 characters: letters, digits, '_', '.' and '-'.";
            return Err(Error::bad_input(field, rule));
        }
        Ok(Self(text.into()))
    }

    /// Takes what a store kept, which was checked before it was kept.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// As the person typed it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// In lower case: two names with one key are the same name.
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// 1 to 64 characters that show something, and none that deceives about the others.
#[derive(Clone, Debug, PartialEq)]
pub struct DisplayName(Arc<str>);

impl DisplayName {
    /// Checks a name from a client; `field` is the argument's path.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let length = text.chars().count();
        let rule = if !(1..=64).contains(&length) {
            "A display name has 1 to 64 characters."
        } else if acts_on_its_surroundings(text) {
            "A display name has no control characters, line breaks or changes of direction."
        } else if !shows_something(text) {
            "A display name shows something, not only spaces and invisible characters."
        } else {
            return Ok(Self(text.into()));
        };
        Err(Error::bad_input(field, rule))
    }

    /// Takes what a store kept, which was checked before it was kept.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// As the person typed it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A password that bcrypt takes in full. Never shown.
#[derive(Clone)]
pub struct Password(Arc<str>);

impl Password {
    /// What bcrypt reads: 72 bytes, of which its closing NUL takes one.
    pub const MAX_BYTES: usize = 71;

    /// Checks a password that someone chooses.
    pub fn choose(field: &str, text: &str) -> Result<Self> {
        if text.chars().count() < 8 {
            return Err(Error::bad_input(
                field,
                "A password has at least 8 characters.",
            ));
        }
        Self::attempt(field, text)
    }

    /// Checks that bcrypt takes a password in full.
    fn attempt(field: &str, text: &str) -> Result<Self> {
        let password = Self::recall(field, text)?;
        if password.fits() {
            Ok(password)
        } else {
            Err(Self::too_long(field))
        }
    }

    /// A password that may be older than this rule: bcrypt alone takes of a longer one the first 72 bytes.
    pub fn recall(field: &str, text: &str) -> Result<Self> {
        if text.contains('\0') {
            return Err(Self::too_long(field));
        }
        Ok(Self(text.into()))
    }

    /// Whether bcrypt takes it in full.
    pub fn fits(&self) -> bool {
        self.0.len() <= Self::MAX_BYTES
    }

    /// What is said of one that bcrypt could not take in full.
    pub fn too_long(field: &str) -> Error {
        let rule = "A password has at most 71 bytes in UTF-8 and no NUL character.";
        Error::bad_input(field, rule)
    }

    /// The secret itself, for the hash function only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(display_name: &str, username: &str) -> User {
        User {
            id: UserId::new(),
            username: Username::stored(username),
            display_name: DisplayName::stored(display_name),
            avatar_url: None,
            created_at: Timestamp(0),
            deleted_at: None,
        }
    }

    #[test]
    fn search_keys_start_at_every_word() {
        let keys = user("Ann-Marie O'Neil", "am.oneil").search_keys();
        assert_eq!(
            keys,
            [
                "am.oneil",
                "ann-marie o'neil",
                "marie o'neil",
                "neil",
                "o'neil",
                "oneil"
            ]
        );
    }

    #[test]
    fn usernames_outside_the_rule_are_refused() {
        for bad in ["ab", "a b c", "änn", "", "x\0yz", &"a".repeat(33)] {
            assert!(Username::parse("f", bad).is_err(), "{bad:?}");
        }
        assert_eq!(
            Username::parse("f", "Ann_1.-").expect("fits").key(),
            "ann_1.-"
        );
    }

    #[test]
    fn passwords_are_measured_in_bytes_and_never_shown() {
        assert!(Password::choose("f", &"é".repeat(36)).is_err());
        assert!(Password::choose("f", &"a".repeat(71)).is_ok());
        assert!(Password::choose("f", "abcd\0efgh").is_err());
        let old = Password::recall("f", &"a".repeat(90));
        assert!(!old.expect("there may be one").fits());
        assert_eq!(
            format!("{:?}", Password::recall("f", "secret").expect("fits")),
            "Password(…)"
        );
    }
}
