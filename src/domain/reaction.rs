//! Emoji that people put under messages.

use std::sync::Arc;

use super::{MessageId, Step, UserId};
use crate::error::{Error, Result};

/// One of Unicode's emoji for general interchange (RGI, UTS #51 ED-27), in its fully qualified form.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Emoji(Arc<str>);

impl Emoji {
    /// How many kinds one message takes.
    pub const KINDS: usize = 20;

    /// Checks a text from a client; `field` is the argument's path. Presentation selectors may be left out, as keyboards
    /// do: ❤ and ❤️ are one.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        let known = emojis::get(text).map(|emoji| Self(emoji.as_str().into()));
        let known = known.or_else(|| is_component(text).then(|| Self(text.into())));
        known.ok_or_else(|| Error::bad_input(field, "A reaction is exactly one emoji."))
    }

    /// Takes what a store kept, which was checked before it was kept.
    pub fn stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether it is a skin tone or a kind of hair, which the crate knows only as parts of others.
fn is_component(text: &str) -> bool {
    let mut chars = text.chars();
    let is_one = |char| matches!(char, '\u{1f3fb}'..='\u{1f3ff}' | '\u{1f9b0}'..='\u{1f9b3}');
    chars.next().is_some_and(is_one) && chars.next().is_none()
}

/// An emoji that someone has under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reactor {
    pub message_id: MessageId,
    pub user_id: UserId,
    pub emoji: Emoji,
    /// The step that put it there.
    pub since: Step,
}

/// All of one emoji under a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reaction {
    pub emoji: Emoji,
    /// Who put it there, the first first.
    pub users: Vec<UserId>,
}

impl Reaction {
    /// The reactions of one message, in the order in which the first of each came.
    pub fn of(mut reactors: Vec<Reactor>) -> Vec<Self> {
        reactors.sort_unstable_by_key(|reactor| reactor.since);
        let mut reactions = Vec::<Self>::new();
        for Reactor { emoji, user_id, .. } in reactors {
            match reactions.iter_mut().find(|known| known.emoji == emoji) {
                Some(known) => known.users.push(user_id),
                None => reactions.push(Self {
                    emoji,
                    users: vec![user_id],
                }),
            }
        }
        reactions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_one_emoji_is_kept_in_its_full_form_and_nothing_else_is() {
        for (text, kept) in [
            ("👍", "👍"),
            ("❤", "❤\u{fe0f}"),
            ("❤\u{fe0f}", "❤\u{fe0f}"),
            ("👍🏽", "👍🏽"),
            ("🇩🇪", "🇩🇪"),
            ("👩\u{200d}👩\u{200d}👧", "👩\u{200d}👩\u{200d}👧"),
            ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
            ("1\u{20e3}", "1\u{fe0f}\u{20e3}"),
            ("🏳\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"),
            ("🏽", "🏽"),
            ("\u{1f9b3}", "\u{1f9b3}"),
        ] {
            let emoji = Emoji::parse("emoji", text).expect(text);
            assert_eq!(emoji.as_str(), kept);
        }
        for text in [
            "", " ", "a", "1", "👍👍", "👍 ", "\u{200d}", "\u{fe0f}", "🇩", "🏽🏽", ":+1:",
            "thumbsup",
        ] {
            assert!(Emoji::parse("emoji", text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn reactions_stand_in_the_order_of_their_first() {
        let message_id = MessageId::new();
        let users = [UserId::new(), UserId::new(), UserId::new()];
        let reactor = |user: usize, emoji, since| Reactor {
            message_id,
            user_id: users[user],
            emoji: Emoji::stored(emoji),
            since,
        };
        let reactions = Reaction::of(vec![
            reactor(0, "b", 7),
            reactor(1, "a", 3),
            reactor(2, "a", 9),
            reactor(2, "b", 4),
        ]);
        let expected = [("a", [1, 2]), ("b", [2, 0])].map(|(emoji, by)| Reaction {
            emoji: Emoji::stored(emoji),
            users: by.map(|user| users[user]).to_vec(),
        });
        assert_eq!(reactions, expected);
    }
}
