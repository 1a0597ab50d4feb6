//! What a text shows to whoever reads it, by the properties that Unicode gives its characters (UAX #44).

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{
        BidiClass, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, WhiteSpace,
    },
};

/// Characters that are drawn without ink although no property says so: BRAILLE PATTERN BLANK and MUSICAL SYMBOL NULL
/// NOTEHEAD.
const WITHOUT_INK: [char; 2] = ['\u{2800}', '\u{1D159}'];

/// Whether there is anything to see: some character that is no space, joiner, filler or other ignorable, and no mark,
/// which needs another to stand on.
pub fn shows_something(text: &str) -> bool {
    let space = CodePointSetData::new::<WhiteSpace>();
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let category = CodePointMapData::<GeneralCategory>::new();
    text.chars().any(|c| {
        let hidden = GeneralCategoryGroup::Other
            .union(GeneralCategoryGroup::Mark)
            .union(GeneralCategoryGroup::Separator);
        !space.contains(c)
            && !ignorable.contains(c)
            && !WITHOUT_INK.contains(&c)
            && !hidden.contains(category.get(c))
    })
}

/// Whether something in a text acts on what stands around it instead of being shown: a control, a line break, or what
/// embeds, overrides or isolates a direction of writing (UAX #9), with which one text can look like another.
pub fn acts_on_its_surroundings(text: &str) -> bool {
    let category = CodePointMapData::<GeneralCategory>::new();
    let direction = CodePointMapData::<BidiClass>::new();
    text.chars().any(|c| {
        matches!(
            category.get(c),
            GeneralCategory::Control
                | GeneralCategory::LineSeparator
                | GeneralCategory::ParagraphSeparator
        ) || matches!(
            direction.get(c),
            BidiClass::LeftToRightEmbedding
                | BidiClass::RightToLeftEmbedding
                | BidiClass::LeftToRightOverride
                | BidiClass::RightToLeftOverride
                | BidiClass::PopDirectionalFormat
                | BidiClass::LeftToRightIsolate
                | BidiClass::RightToLeftIsolate
                | BidiClass::FirstStrongIsolate
                | BidiClass::PopDirectionalIsolate
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shows_nothing_is_known() {
        for nothing in [
            "",
            " \t\u{a0}\u{3000}",
            "\u{200b}\u{200d}\u{feff}\u{2060}",
            "\u{2800}",
            "\u{3164}\u{115f}\u{ffa0}",
            "\u{ad}\u{34f}\u{180e}",
            "\u{301}\u{20dd}",
            "\u{fe0f}",
            "\u{e0041}",
        ] {
            assert!(!shows_something(nothing), "{nothing:?}");
        }
        for something in [
            "a",
            ".",
            "👨‍👩‍👧",
            "é",
            "e\u{301}",
            "アン",
            "한",
            "न\u{94d}",
            "\u{200b}a",
        ] {
            assert!(shows_something(something), "{something:?}");
        }
    }

    #[test]
    fn what_acts_on_its_surroundings_is_known() {
        for acts in [
            "a\u{202e}b",
            "\u{202a}",
            "a\u{2066}b\u{2069}",
            "a\nb",
            "\u{7f}",
            "\u{85}",
            "\u{2028}",
        ] {
            assert!(acts_on_its_surroundings(acts), "{acts:?}");
        }
        // Marks of direction belong to names in Hebrew and Arabic that hold Latin letters or digits.
        for plain in ["Ann", "\u{5d0}\u{200f}1", "👨‍👩‍👧", "مريم", "e\u{301}"] {
            assert!(!acts_on_its_surroundings(plain), "{plain:?}");
        }
    }
}
