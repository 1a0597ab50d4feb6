//! How people of the other backend become people here.

use icu_normalizer::DecomposingNormalizer;

use super::{ids::uuid_of, source::OldUser};
use crate::{
    auth::is_hash,
    domain::{Account, AvatarHosts, AvatarUrl, DisplayName, Timestamp, User, UserId, Username},
};

/// The longest username.
const LONGEST: usize = 32;

/// Someone as it is imported, unless its username is taken; and what was changed.
pub struct Person {
    pub account: Account,
    pub changes: Vec<String>,
    /// The name that it would have.
    name: String,
}

/// What becomes of someone; an error is why nothing does.
pub fn person(old: OldUser, hosts: &AvatarHosts) -> Result<Person, &'static str> {
    let id = old.id.ok_or("its _id is no ObjectId")?;
    let mut changes = Vec::new();
    let given = old.username.unwrap_or_default();
    let username = fitted(&given);
    if username != given {
        changes.push(format!("the username {given:?} became {username:?}"));
    }
    let full_name = old.full_name.filter(|name| !name.trim().is_empty());
    let display_name = full_name.as_deref().unwrap_or(&username);
    let display_name = DisplayName::parse("", display_name).unwrap_or_else(|_| {
        changes.push("the full name does not fit as display name and was cut".to_owned());
        shown(display_name, &username)
    });
    let avatar_url = old.picture.and_then(|url| {
        let avatar = AvatarUrl::parse("", &url, hosts);
        if avatar.is_err() {
            changes.push("the picture's address is not taken here and was left out".to_owned());
        }
        avatar.ok()
    });
    let password_hash = old
        .password
        .filter(|hash| is_hash(hash))
        .unwrap_or_else(|| {
            let rule =
                "it has no password's hash of bcrypt: `chinwag admin reset-password` gives it one";
            changes.push(rule.to_owned());
            String::new()
        });
    let name = username;
    let username = Username::stored(&name);
    Ok(Person {
        account: Account {
            username_key: username.key(),
            user: User {
                id: UserId(uuid_of(id)),
                username,
                display_name,
                avatar_url,
                created_at: old.created_at.unwrap_or(Timestamp(0)),
                deleted_at: None,
            },
            password_hash: Some(password_hash),
            leaving: false,
        },
        changes,
        name,
    })
}

impl Person {
    /// Gives it another of the names that it may have: `ann`, `ann-2`, `ann-3`, …
    pub fn rename(&mut self, number: usize) {
        let suffix = format!("-{number}");
        let base = self.name.chars().take(LONGEST - suffix.len());
        let username = Username::stored(&(base.collect::<String>() + &suffix));
        self.account.username_key = username.key();
        self.account.user.username = username;
    }

    /// What it is called.
    pub fn username(&self) -> &str {
        self.account.user.username.as_str()
    }
}

/// The nearest that a name comes to the rule for usernames: letters without their marks, `_` for what is none, at most 32
/// characters, at least 3.
fn fitted(name: &str) -> String {
    if Username::parse("", name).is_ok() {
        return name.to_owned();
    }
    let decomposed = DecomposingNormalizer::new_nfkd().normalize_iter(name.trim().chars());
    let is_mark = |c: &char| ('\u{300}'..='\u{36f}').contains(c);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let mut fitted = String::new();
    for c in decomposed.filter(|c| !is_mark(c)).take(LONGEST) {
        fitted.push(if allowed(c) { c } else { '_' });
    }
    if !fitted.contains(|c: char| c.is_ascii_alphanumeric()) {
        fitted = "user".to_owned();
    }
    while fitted.len() < 3 {
        fitted.push('_');
    }
    fitted
}

/// What can be shown of a full name that does not fit; the username where that is nothing.
fn shown(name: &str, username: &str) -> DisplayName {
    let plain = name.chars().filter(|c| !c.is_control());
    let cut = plain.take(64).collect::<String>();
    let cut = DisplayName::parse("", cut.trim());
    cut.unwrap_or_else(|_| DisplayName::stored(username))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_the_nearest_that_fits() {
        for (name, becomes) in [
            ("ann.lee", "ann.lee"),
            ("Änn Lée", "Ann_Lee"),
            ("ab", "ab_"),
            ("名前", "user"),
            ("", "user"),
            (" x ", "x__"),
            ("a@b.example", "a_b.example"),
        ] {
            assert_eq!(fitted(name), becomes, "{name}");
        }
        assert_eq!(fitted(&"é".repeat(40)), "e".repeat(32));
    }

    #[test]
    fn of_several_with_one_name_the_later_have_numbers() {
        let old = OldUser {
            id: Some(mongodb::bson::oid::ObjectId::new()),
            username: Some("a-very-long-name-of-32-character".to_owned()),
            ..OldUser::default()
        };
        let mut person = person(old, &AvatarHosts::default()).unwrap_or_else(|why| panic!("{why}"));
        for (number, name) in [
            (2, "a-very-long-name-of-32-charact-2"),
            (3, "a-very-long-name-of-32-charact-3"),
            (10, "a-very-long-name-of-32-charac-10"),
        ] {
            person.rename(number);
            assert_eq!(person.username(), name);
        }
    }
}
