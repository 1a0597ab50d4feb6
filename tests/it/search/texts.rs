//! Which texts are found by which words; each store is held to the same table.

use super::*;

on_both_stores!(a_text_is_found_by_its_words_and_by_nothing_else);

/// Texts, with what finds each of them and what does not.
const TEXTS: [(&str, &[&str], &[&str]); 22] = [
    (
        "Case IS no Matter",
        &["case", "MATTER is", "CaSe mAt"],
        &["ase", "cases"],
    ),
    (
        "Café au lait, naïve façade",
        &["cafe", "CAFÉ", "cafe\u{301}", "facade naive"],
        &["caf e"],
    ),
    (
        "Привет, Ёжик!",
        &["привет", "ПРИВЕТ ежик", "ёж", "ежи"],
        &["вет", "п"],
    ),
    (
        "Ο δρόμος ΜΑΚΡΥΣ",
        &["δρομος", "ΔΡΌΜΟΣ", "μακρυς", "μακρυσ"],
        &["δρόμο μακ ο"],
    ),
    ("مُحَمَّد هنا", &["محمد", "مُحَمَّد هنا"], &["حمد"]),
    ("שָׁלוֹם עולם", &["שלום", "עולם שלום", "שלו"], &["לום"]),
    ("東京都に住む", &["東京", "住", "京東"], &["西"]),
    (
        "한국어를 배워요",
        &["한국어를", "한국", "배워요 한국어를"],
        &["국어"],
    ),
    ("thumbs 👍🏽 up", &["thumbs up", "up"], &["thump"]),
    (
        "dots... and; semi-colons (brackets)",
        &["dots", "semi colons", "brackets dots"],
        &["semicolons"],
    ),
    (
        "I can't and won’t",
        &["can't", "CAN'T", "won’t"],
        &["cant", "t"],
    ),
    (
        "ｆｕｌｌ ｗｉｄｔｈ １２３",
        &["full", "width 123", "ｆｕｌｌ"],
        &["ul"],
    ),
    (
        "Große Straße",
        &["strasse", "STRASSE", "straße grosse", "groß"],
        &["strase"],
    ),
    ("İzmir and ılık", &["izmir", "ılık", "İzm"], &["ilik"]),
    (
        "version 3.14 of 2024-11",
        &["3.14", "2024", "11 version", "20"],
        &["14", "3.141"],
    ),
    ("a b c single", &["a", "b c", "a b c si"], &["s"]),
    (
        "snake_case kebab-case",
        &["snake_case", "kebab", "case kebab"],
        &["snake case"],
    ),
    ("ﬁne ﬂow ½ Ⅷ", &["fine", "flow", "viii"], &["fin flow x"]),
    (
        "twice twice once",
        &["twice", "twice twice", "once twice"],
        &["twi once"],
    ),
    (
        "line\nbreak\ttab",
        &["break", "line tab", "tab line"],
        &["linebreak"],
    ),
    (
        "https://example.org/Path?q=Value",
        &["example.org", "path", "https value"],
        &["xample"],
    ),
    ("हिन्दी में", &["हिन्दी", "हिन्दी में"], &["नदी"]),
];

async fn a_text_is_found_by_its_words_and_by_nothing_else(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    for (text, _, _) in TEXTS {
        ann.send(&bob, text).await;
    }
    ann.send(&bob, "lastly").await;
    bob.will_find("lastly", &["lastly"]).await;
    for (text, finding, missing) in TEXTS {
        for search in finding {
            let found = bob.finds(search).await;
            assert!(
                found.iter().any(|found| found == text),
                "{search} does not find {text}"
            );
        }
        for search in missing {
            let found = bob.finds(search).await;
            assert!(
                found.iter().all(|found| found != text),
                "{search} finds {text}"
            );
        }
    }
    let long = format!("{} end", "word".repeat(100));
    ann.send(&bob, &long).await;
    bob.will_find(&"word".repeat(40), &[&long]).await;
    bob.will_find(&"word".repeat(20), &[&long]).await;
    bob.will_find(&format!("{} end", "word".repeat(20)), &[])
        .await;
}
