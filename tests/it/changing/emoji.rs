//! What is an emoji, and which are the same.

use super::*;

on_both_stores!(
    each_emoji_is_kept_in_its_fully_qualified_form,
    what_is_not_exactly_one_emoji_is_refused,
    an_emoji_is_one_kind_however_it_is_written,
    skin_tones_are_kinds_of_their_own,
);

/// What someone may send, and what is kept of it.
const GOOD: [(&str, &str); 22] = [
    ("👍", "👍"),
    ("😀", "😀"),
    // Hearts with and without the presentation selector.
    ("\u{2764}\u{fe0f}", "\u{2764}\u{fe0f}"),
    ("\u{2763}", "\u{2763}\u{fe0f}"),
    ("\u{263a}", "\u{263a}\u{fe0f}"),
    ("\u{a9}", "\u{a9}\u{fe0f}"),
    // Skin tones, of one and of two people.
    ("👋🏽", "👋🏽"),
    ("🧑🏻‍🤝‍🧑🏿", "🧑🏻‍🤝‍🧑🏿"),
    ("\u{270c}\u{1f3ff}", "\u{270c}\u{1f3ff}"),
    // Flags of countries, of a part of one, and of none.
    ("🇩🇪", "🇩🇪"),
    ("🇺🇳", "🇺🇳"),
    ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
    ("🏴‍☠️", "🏴‍☠️"),
    ("🏳\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"),
    // Families and the like.
    ("👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"),
    ("👩‍🚀", "👩‍🚀"),
    ("🕵🏽\u{200d}\u{2640}", "🕵🏽\u{200d}\u{2640}\u{fe0f}"),
    (
        "🕵\u{200d}\u{2642}\u{fe0f}",
        "🕵\u{fe0f}\u{200d}\u{2642}\u{fe0f}",
    ),
    ("\u{2764}\u{200d}🔥", "\u{2764}\u{fe0f}\u{200d}🔥"),
    // Keycaps.
    ("1\u{fe0f}\u{20e3}", "1\u{fe0f}\u{20e3}"),
    ("#\u{20e3}", "#\u{fe0f}\u{20e3}"),
    ("🔟", "🔟"),
];

const BAD: [&str; 35] = [
    "",
    " ",
    "\0",
    "a",
    "ä",
    "1",
    "#",
    "*",
    "12",
    "text",
    ":thumbsup:",
    "&#128077;",
    "漢",
    "\u{301}",
    // Two, and one with something around it.
    "👍👍",
    "👍❤️",
    "🇩🇪🇫🇷",
    " 👍",
    "👍 ",
    "👍a",
    "👍\u{301}",
    "a👍",
    "👍\n",
    // Parts of emoji alone.
    "\u{200d}",
    "\u{fe0f}",
    "\u{20e3}",
    "🇩",
    "a\u{fe0f}\u{20e3}",
    "👨\u{200d}",
    "\u{200d}👨",
    "🏴\u{e0067}",
    // One grapheme cluster each, and no emoji that anyone draws.
    "🇩🇩",
    "👍\u{200d}👍",
    "🚗🏽",
    "👨\u{200d}👩\u{200d}👧\u{200d}👦\u{200d}👦",
];

async fn each_emoji_is_kept_in_its_fully_qualified_form(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    for (sent, kept) in GOOD {
        let said = say(&ann, &bob, "hello").await;
        let reacted = bob.react(&said.id, sent).await.done();
        let reaction = json!({
            "emoji": kept, "count": 1, "viewerReacted": true, "users": [{ "username": "bob" }],
        });
        assert_eq!(reacted["reactions"], json!([reaction]), "{sent}");
        let shown = ann.message(&said.id).await;
        assert_eq!(shown["reactions"][0]["emoji"], kept, "{sent}");
    }
    app.stop().await;
}

async fn what_is_not_exactly_one_emoji_is_refused(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    let many = "👍".repeat(1_000);
    for emoji in BAD.into_iter().chain([many.as_str()]) {
        let answer = bob.react(&said.id, emoji).await;
        assert_eq!(answer.code(), Some("BAD_USER_INPUT"), "{emoji:?}");
        assert_eq!(answer.refused("BAD_USER_INPUT"), "emoji", "{emoji:?}");
    }
    assert_eq!(ann.message(&said.id).await["reactions"], json!([]));
    app.stop().await;
}

async fn an_emoji_is_one_kind_however_it_is_written(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, eve) = three(&app).await;
    let group = ann.group("tea", &[&bob, &eve]).await;
    let said = ann.say_in(&group, "hello").await;
    for forms in [
        ["\u{2764}", "\u{2764}\u{fe0f}"],
        ["🏳\u{200d}🌈", "🏳\u{fe0f}\u{200d}🌈"],
        ["1\u{20e3}", "1\u{fe0f}\u{20e3}"],
        ["👍\u{fe0f}", "👍"],
    ] {
        let [loose, kept] = forms;
        ann.react(&said.id, loose).await.done();
        bob.react(&said.id, kept).await.done();
        let again = ann.react(&said.id, kept).await.done();
        let reactions = &again["reactions"];
        assert_eq!(reactions.as_array().map(Vec::len), Some(1), "{reactions}");
        assert_eq!(
            (&reactions[0]["emoji"], &reactions[0]["count"]),
            (&json!(kept), &json!(2))
        );
        // Either form takes it back.
        ann.unreact(&said.id, kept).await.done();
        let none = bob.unreact(&said.id, loose).await.done();
        assert_eq!(none["reactions"], json!([]), "{loose}");
    }
    app.stop().await;
}

async fn skin_tones_are_kinds_of_their_own(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let (ann, bob, _) = three(&app).await;
    let said = say(&ann, &bob, "hello").await;
    for emoji in ["👍", "👍🏿", "👍🏻"] {
        bob.react(&said.id, emoji).await.done();
    }
    assert_eq!(state(&ann.message(&said.id).await), "hello 👍×1 👍🏿×1 👍🏻×1");
    let left = bob.unreact(&said.id, "👍🏿").await.done();
    assert_eq!(state(&left), "hello 👍×1 👍🏻×1");
    app.stop().await;
}
