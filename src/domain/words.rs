//! Words: what a search finds texts by.
//!
//! Where a word begins and ends is Unicode's rule (UAX #29). Words are compared folded: decomposed for compatibility,
//! without marks, and case folded in full, so that `ＣＡＦÉ` is `cafe` and `Straße` is `strasse`.

use std::borrow::Cow;

use icu_casemap::{CaseMapper, CaseMapperBorrowed};
use icu_normalizer::{DecomposingNormalizer, DecomposingNormalizerBorrowed};
use icu_properties::{
    CodePointMapData, CodePointMapDataBorrowed,
    props::{GeneralCategory, GeneralCategoryGroup},
};
use unicode_segmentation::UnicodeSegmentation;

use crate::error::{Error, Result};

/// How long a text to search for may be, in characters.
const LONGEST: usize = 200;

/// How many words one may have.
const MOST_WORDS: usize = 10;

/// From how many letters and digits on the last word may be the beginning of a longer one.
const BEGINNING: usize = 2;

const CASES: CaseMapperBorrowed<'static> = CaseMapper::new();
const DECOMPOSED: DecomposingNormalizerBorrowed<'static> = DecomposingNormalizer::new_nfkd();
const CATEGORIES: CodePointMapDataBorrowed<'static, GeneralCategory> = CodePointMapData::new();

/// The words of a text, folded, in its order; one that comes twice is there twice.
pub fn words(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.unicode_words()
        .map(fold)
        .filter(|word| !word.is_empty())
}

fn fold(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return if word.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(word.to_ascii_lowercase())
        } else {
            Cow::Borrowed(word)
        };
    }
    let is_mark = |c: &char| GeneralCategoryGroup::Mark.contains(CATEGORIES.get(*c));
    let bare: String = DECOMPOSED
        .normalize_iter(word.chars())
        .filter(|c| !is_mark(c))
        .collect();
    Cow::Owned(CASES.fold_string(&bare).into_owned())
}

/// What someone looks for: texts that hold all of these words.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchText {
    /// Each once.
    words: Vec<String>,
    /// Whether the last of them may also be the beginning of a word.
    last_is_open: bool,
}

/// One of the words that someone looks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sought<'a> {
    pub word: &'a str,
    /// Whether it may also be the beginning of a word.
    pub is_open: bool,
}

impl SearchText {
    /// Checks a text from a client; `field` is the argument's path.
    pub fn parse(field: &str, text: &str) -> Result<Self> {
        if text.chars().count() > LONGEST {
            let rule = format!("A search has at most {LONGEST} characters.");
            return Err(Error::bad_input(field, rule));
        }
        let mut found: Vec<String> = Vec::new();
        let mut last_is_open = false;
        for word in words(text) {
            let known = found.iter().position(|known| *known == word);
            // One that came earlier is to be there as a whole.
            last_is_open = known.is_none_or(|at| at + 1 == found.len());
            if known.is_none() {
                found.push(word.into_owned());
            }
        }
        let Some(last) = found.last() else {
            let rule = "A search needs a word: something with a letter or a digit.";
            return Err(Error::bad_input(field, rule));
        };
        if found.len() > MOST_WORDS {
            let rule = format!("A search has at most {MOST_WORDS} words.");
            return Err(Error::bad_input(field, rule));
        }
        let letters = last.chars().filter(|c| c.is_alphanumeric());
        let last_is_open = last_is_open && letters.count() >= BEGINNING;
        Ok(Self {
            words: found,
            last_is_open,
        })
    }

    /// The words, each once.
    pub fn words(&self) -> impl Iterator<Item = Sought<'_>> {
        let last = self.words.len() - 1;
        let sought = move |(number, word): (usize, _)| Sought {
            word,
            is_open: self.last_is_open && number == last,
        };
        self.words
            .iter()
            .map(String::as_str)
            .enumerate()
            .map(sought)
    }

    /// Whether a text holds all of them.
    pub fn fits(&self, text: &str) -> bool {
        let mut missing: Vec<Sought<'_>> = self.words().collect();
        for word in words(text) {
            missing.retain(|sought| !sought.is(&word));
            if missing.is_empty() {
                return true;
            }
        }
        false
    }
}

impl Sought<'_> {
    fn is(&self, word: &str) -> bool {
        if self.is_open {
            word.starts_with(self.word)
        } else {
            word == self.word
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).map(Cow::into_owned).collect()
    }

    fn finds(search: &str, text: &str) -> bool {
        SearchText::parse("text", search).expect("words").fits(text)
    }

    #[test]
    fn words_are_compared_without_case_marks_and_forms() {
        for (one, other) in [
            ("Cafe", "café"),
            ("CAFÉ", "cafe\u{301}"),
            ("ПРИВЕТ", "привет"),
            ("ёлка", "елка"),
            ("ΟΔΟΣ", "οδος"),
            ("οδός", "ΟΔΟΣ"),
            ("Straße", "STRASSE"),
            ("ＡＢＣ１２", "abc12"),
            ("ﬁn", "fin"),
            ("İstanbul", "istanbul"),
            ("مُحَمَّد", "محمد"),
            ("שָׁלוֹם", "שלום"),
            ("한국", "\u{1112}\u{1161}\u{11ab}\u{1100}\u{116e}\u{11a8}"),
            ("ｶﾞｷﾞ", "ガギ"),
        ] {
            assert_eq!(folded(one), folded(other), "{one} {other}");
            assert_eq!(folded(one).len(), 1, "{one}");
        }
        for (one, other) in [("ı", "i"), ("o", "ø"), ("а", "a")] {
            assert_ne!(folded(one), folded(other), "{one} {other}");
        }
    }

    #[test]
    fn words_begin_and_end_where_unicode_says() {
        assert_eq!(
            folded("I can't: e.g. 3.14, foo_bar, a-b!"),
            ["i", "can't", "e.g", "3.14", "foo_bar", "a", "b"]
        );
        assert_eq!(folded("日本語"), ["日", "本", "語"]);
        assert_eq!(folded("👍 … -- _ \u{301} 🇩🇪"), [] as [&str; 0]);
    }

    #[test]
    fn all_words_are_to_be_there_and_the_last_may_be_a_beginning() {
        let text = "The quick brown fox can't jump";
        for search in ["fox the", "QUICK fox", "the qui", "can't", "fox fox", "ju"] {
            assert!(finds(search, text), "{search}");
        }
        for search in ["qui the", "fox dog", "uick", "j", "the fo fox", "fo the fo"] {
            assert!(!finds(search, text), "{search}");
        }
        assert!(finds("fo fo", text), "which counts once, and is the last");
    }

    #[test]
    fn a_search_has_1_to_10_words_and_200_characters() {
        let refused = |text: &str| match SearchText::parse("text", text) {
            Err(Error::BadUserInput { field, message }) => (field, message),
            other => panic!("{other:?}"),
        };
        let faults = [
            refused(&"a".repeat(201)),
            refused("a b c d e f g h i j k"),
            refused(" … 👍 "),
        ];
        assert!(faults.iter().all(|(field, _)| field == "text"));
        let sentences: std::collections::HashSet<_> =
            faults.iter().map(|(_, message)| message).collect();
        assert_eq!(sentences.len(), faults.len());
        assert!(SearchText::parse("text", &"é".repeat(200)).is_ok());
        assert!(SearchText::parse("text", "a b c d e f g h i j a B C").is_ok());
    }
}
