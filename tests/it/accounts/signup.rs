//! Signing up: who somebody is.

use chinwag::domain::AvatarHosts;
use serde_json::{Value, json};

use super::{LOGIN, SIGNUP, signup};
use crate::{
    on_both_stores,
    support::{TestApp, json as at, store::StoreKind},
};

on_both_stores!(
    a_person_is_what_the_signup_said,
    input_outside_the_rules_is_refused_by_its_field,
    fifty_signups_of_one_name_make_one_user,
    all_that_is_wrong_is_said_at_once,
    avatars_come_from_hosts_that_are_allowed,
    hostile_texts_are_only_texts,
    signup_can_be_closed,
);

async fn a_person_is_what_the_signup_said(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let input = json!({
        "username": "Ann.O-Neil_1",
        "password": "pässwörd🔑",
        "displayName": "Ann 🦊 O’Neil",
        "avatarUrl": "https://example.org/ann.png?size=2#top",
    });
    let nobody = app.anonymous();
    let made = nobody.ok(SIGNUP, json!({ "input": input })).await["signup"].clone();
    let user = &made["user"];
    assert_eq!(user["username"], "Ann.O-Neil_1");
    assert_eq!(user["displayName"], "Ann 🦊 O’Neil");
    assert_eq!(user["avatarUrl"], "https://example.org/ann.png?size=2#top");
    for instant in [&user["createdAt"], &made["expiresAt"]] {
        let text = instant.as_str().expect("an instant");
        assert_eq!(
            (text.len(), &text[10..11], &text[19..20], &text[23..]),
            (24, "T", ".", "Z")
        );
    }
    let ann = nobody.with_token(made["token"].as_str().expect("a token"));
    let seen = ann
        .ok(
            "{ me { id username displayName avatarUrl createdAt } }",
            json!({}),
        )
        .await;
    assert_eq!(seen["me"], *user);

    let input = json!({ "username": "bob", "password": "password1", "displayName": null });
    let plain = nobody.ok(SIGNUP, json!({ "input": input })).await;
    assert_eq!(
        plain["signup"]["user"]["displayName"], "bob",
        "the username when left out"
    );
    assert_eq!(plain["signup"]["user"]["avatarUrl"], Value::Null);
    let fresh = "mutation($input: SignupInput!) { signup(input: $input) {
        user { online lastSeenAt directConversation { id } }
    } }";
    let fresh = nobody.ok(fresh, signup("carol", "password1")).await;
    assert_eq!(
        fresh["signup"]["user"],
        json!({ "online": false, "lastSeenAt": null, "directConversation": null })
    );
    app.stop().await;
}

async fn input_outside_the_rules_is_refused_by_its_field(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let nobody = app.anonymous();
    let good = json!({ "username": "fine", "password": "password1" });
    let long_url = format!("https://example.org/{}", "x".repeat(2_029));
    let cases = [
        (
            "username",
            vec![
                json!(""),
                json!("ab"),
                json!("a".repeat(33)),
                json!("a b c"),
                json!("änn"),
                json!("ann\u{0}"),
                json!("ann\n"),
                json!("$where"),
                json!("{\"$ne\":null}"),
                json!(".*?"),
                json!("ann'--"),
                json!("ann\""),
                json!("а́nn"),
                json!("\u{202e}nna"),
                json!("ann🦊"),
                json!("ａｎｎ"),
            ],
        ),
        (
            "password",
            vec![
                json!(""),
                json!("seven77"),
                json!("🔑".repeat(7)),
                json!("x".repeat(72)),
                json!("é".repeat(36)),
                json!("🔑".repeat(18)),
                json!("pass\u{0}word"),
                json!("password\u{0}"),
            ],
        ),
        (
            "displayName",
            vec![
                json!(""),
                json!(" "),
                json!("\u{3000}\u{a0}"),
                json!("x".repeat(65)),
                json!("a\u{0}b"),
                json!("a\nb"),
                json!("a\u{85}b"),
                json!("\u{200b}"),
                json!(" \u{200d}\u{feff} "),
                json!("\u{2800}\u{2800}"),
                json!("\u{3164}"),
                json!("\u{301}"),
                json!("\u{202e}nna"),
                json!("Ann\u{2066}"),
                json!("Ann\u{2028}Bob"),
            ],
        ),
        (
            "avatarUrl",
            vec![
                json!(""),
                json!("x"),
                json!("//example.org/x"),
                json!("javascript:alert(1)"),
                json!("data:image/png;base64,AA"),
                json!("ftp://example.org/x"),
                json!("file:///etc/passwd"),
                json!("https://"),
                json!("https://a b/"),
                json!("https://example.org/\n"),
                json!(" https://example.org/"),
                json!(long_url),
            ],
        ),
    ];
    for (field, values) in cases {
        for value in values {
            let mut input = good.clone();
            input[field] = value.clone();
            let error = nobody
                .fails("BAD_USER_INPUT", SIGNUP, json!({ "input": input }))
                .await;
            assert_eq!(
                error["extensions"]["field"],
                format!("input.{field}"),
                "{value}"
            );
            assert_eq!(error["path"], json!(["signup"]));
        }
    }
    for (field, value) in [
        ("username", json!("x".repeat(32))),
        ("username", json!("A.b")),
        ("password", json!("x".repeat(71))),
        ("password", json!("🔑".repeat(8))),
        ("password", json!("        ")),
        ("displayName", json!("🦊".repeat(64))),
        ("displayName", json!("\u{200f}x \"' {$ne}")),
        ("displayName", json!("مريم\u{200c}ها")),
        ("avatarUrl", json!("http://[::1]:8080/x")),
        ("avatarUrl", json!(long_url[..2_048])),
    ] {
        let mut input = good.clone();
        input["username"] = json!(format!("user{}", uuid::Uuid::new_v4().simple())[..20]);
        input[field] = value.clone();
        let made = nobody.ok(SIGNUP, json!({ "input": input })).await;
        if field != "password" {
            assert_eq!(made["signup"]["user"][field], value);
        }
        let again =
            json!({ "input": { "username": input["username"], "password": input["password"] } });
        nobody.ok(LOGIN, again).await;
    }
    nobody.ok(SIGNUP, json!({ "input": good })).await;
    app.stop().await;
}

async fn all_that_is_wrong_is_said_at_once(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    app.user("ann").await;
    let bad = |username: &str| {
        json!({ "input": {
            "username": username, "password": "short", "displayName": " ", "avatarUrl": "ftp://x",
        } })
    };
    let nobody = app.anonymous();
    let faults = async |variables: Value| {
        let reply = nobody.run(SIGNUP, variables).await;
        assert_eq!(reply["data"], Value::Null);
        let errors = reply["errors"].as_array().expect("errors").clone();
        let fault = |error: &Value| {
            assert_eq!(error["path"], json!(["signup"]), "{error}");
            assert!(error["locations"][0]["line"].is_u64(), "{error}");
            let code = error["extensions"]["code"].as_str().expect("a code");
            let field = error["extensions"]["field"].as_str().expect("a field");
            format!("{code} {field}")
        };
        errors.iter().map(fault).collect::<Vec<_>>()
    };
    let others = [
        "BAD_USER_INPUT input.password",
        "BAD_USER_INPUT input.displayName",
        "BAD_USER_INPUT input.avatarUrl",
    ];
    let with = |first: &str| {
        let all = std::iter::once(first).chain(others);
        all.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        faults(bad("x")).await,
        with("BAD_USER_INPUT input.username")
    );
    assert_eq!(faults(bad("ANN")).await, with("CONFLICT input.username"));
    assert_eq!(faults(bad("bob")).await, others);
    app.user("bob").await;
    app.stop().await;
}

async fn avatars_come_from_hosts_that_are_allowed(kind: StoreKind) {
    let app = TestApp::with(kind, |config| {
        let hosts = ["pics.example.org", "*.example.net"];
        let hosts = hosts.map(|host| host.parse().expect("a host"));
        config.avatar_hosts = AvatarHosts(hosts.into());
    })
    .await;
    let input = |name: &str, url: &str| json!({ "input": { "username": name, "password": "password1", "avatarUrl": url } });
    for url in ["https://example.org/a.png", "https://example.net/a.png"] {
        let elsewhere = input("ann", url);
        let nobody = app.anonymous();
        let error = nobody.fails("BAD_USER_INPUT", SIGNUP, elsewhere).await;
        assert_eq!(error["extensions"]["field"], "input.avatarUrl");
    }
    for (name, url) in [
        ("ann", "https://pics.example.org/a.png"),
        ("bob", "https://a.example.net/a.png"),
    ] {
        let made = app.anonymous().ok(SIGNUP, input(name, url)).await;
        assert_eq!(made["signup"]["user"]["avatarUrl"], url);
    }
    let page = reqwest::get(app.url("/")).await.expect("the page");
    let policy = page.headers()["content-security-policy"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        policy.contains("img-src 'self' pics.example.org *.example.net;"),
        "{policy}"
    );
    let html = page.text().await.expect("HTML");
    let told = r#"<meta name="avatar-hosts" content="pics.example.org *.example.net" />"#;
    assert!(html.contains(told), "{html}");
    app.stop().await;
}

#[tokio::test]
async fn pictures_of_all_hosts_may_be_allowed() {
    let app = TestApp::with(StoreKind::Embedded, |config| {
        config.avatar_hosts = AvatarHosts(vec!["*".parse().expect("any host")]);
    })
    .await;
    let page = reqwest::get(app.url("/")).await.expect("the page");
    let policy = &page.headers()["content-security-policy"];
    let policy = policy.to_str().expect("text").to_owned();
    let images = policy.split("; ").find(|rule| rule.starts_with("img-src"));
    assert_eq!(images, Some("img-src 'self' http: https:"), "{policy}");
    let html = page.text().await.expect("HTML");
    assert!(html.contains(r#"<meta name="avatar-hosts" content="*" />"#));
    app.stop().await;
}

async fn fifty_signups_of_one_name_make_one_user(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let names = ["ann", "Ann", "ANN", "aNN", "anN"];
    let signups = (0..50).map(|n| {
        let client = app.anonymous();
        async move {
            client
                .run(
                    SIGNUP,
                    signup(names[n % names.len()], &format!("password{n}")),
                )
                .await
        }
    });
    let answers = futures_util::future::join_all(signups).await;
    let made = answers
        .iter()
        .filter(|answer| answer.get("errors").is_none());
    let ids = made
        .map(|answer| at(answer, "data.signup.user.id"))
        .collect::<Vec<_>>();
    assert_eq!(ids.len(), 1, "{answers:?}");
    for refused in answers
        .iter()
        .filter(|answer| answer.get("errors").is_some())
    {
        assert_eq!(at(refused, "errors.0.extensions.code"), "CONFLICT");
        assert_eq!(at(refused, "errors.0.extensions.field"), "input.username");
    }
    let winner = answers
        .iter()
        .position(|answer| answer.get("errors").is_none())
        .expect("one");
    let back = app
        .anonymous()
        .ok(LOGIN, signup("ann", &format!("password{winner}")))
        .await;
    assert_eq!(back["login"]["user"]["id"], ids[0]);
    let bob = app.user("bob").await;
    let others = bob.ok("{ sidebarUsers { nodes { id } } }", json!({})).await;
    assert_eq!(others["sidebarUsers"]["nodes"], json!([{ "id": ids[0] }]));
    app.stop().await;
}

async fn hostile_texts_are_only_texts(kind: StoreKind) {
    let app = TestApp::start(kind).await;
    let texts = [
        "$where",
        "{\"$ne\": null}",
        "'; DROP TABLE users; --",
        "\" OR \"\"=\"",
        "%",
        "_",
        "\\",
        "a\\u0000b",
        "*",
        "(",
        "[a-z]+",
        "\u{200f}gnp.exe",
        "👩‍👩‍👧‍👦",
        "𝒜𝓃𝓃",
        "ZA̡͊͠͝LGO",
        "\u{feff}bom",
        "<script>alert(1)</script>",
        "${7*7}",
        "{{7*7}}",
        "null",
        "ß İ ı",
    ];
    let mut ids = Vec::new();
    for (n, text) in texts.iter().enumerate() {
        let input = json!({ "username": format!("user-{n}"), "password": "password1", "displayName": text });
        let made = app.anonymous().ok(SIGNUP, json!({ "input": input })).await;
        assert_eq!(made["signup"]["user"]["displayName"], *text);
        ids.push(made["signup"]["user"]["id"].clone());
    }
    let eve = app.user("eve").await;
    let search = "query($text: String) { sidebarUsers(search: $text, first: 100) { nodes { id displayName } } }";
    for (text, id) in texts.iter().zip(&ids) {
        let found = eve.ok(search, json!({ "text": text })).await["sidebarUsers"]["nodes"].clone();
        let found = found.as_array().expect("a list");
        assert!(
            found.iter().any(|user| user["id"] == *id),
            "{text} is found by itself"
        );
        for user in found {
            let name = user["displayName"].as_str().expect("a name").to_lowercase();
            assert!(name.contains(&text.to_lowercase()), "{text} found {name}");
        }
    }
    for text in [
        ".*",
        "^",
        "user-.",
        "\u{0}",
        "{\"$regex\": \".\"}",
        &"x".repeat(10_000),
    ] {
        let found = eve.ok(search, json!({ "text": text })).await;
        assert_eq!(found["sidebarUsers"]["nodes"], json!([]), "{text:?}");
    }
    let by_id = "query($id: ID!) { user(id: $id) { id } conversation(id: $id) { id } }";
    for text in texts.iter().copied().chain([
        "",
        "\u{0}",
        "00000000-0000-0000-0000-000000000000",
        "{}",
        "1",
    ]) {
        assert_eq!(
            eve.ok(by_id, json!({ "id": text })).await,
            json!({ "user": null, "conversation": null })
        );
        let error = eve
            .fails(
                "BAD_USER_INPUT",
                "query($c: String) { sidebarUsers(after: $c) { nodes { id } } }",
                json!({ "c": text }),
            )
            .await;
        assert_eq!(error["extensions"]["field"], "after");
    }
    app.stop().await;
}

async fn signup_can_be_closed(kind: StoreKind) {
    let place = {
        let app = TestApp::start(kind).await;
        app.user("ann").await;
        app.stop().await
    };
    let app = TestApp::at(place, |config| config.signup_open = false).await;
    let nobody = app.anonymous();
    for name in ["bob", "ann"] {
        let reply = nobody.run(SIGNUP, signup(name, "password1")).await;
        assert_eq!(
            at(&reply, "errors.0.extensions.code"),
            "FORBIDDEN",
            "{reply}"
        );
    }
    let ann = nobody.ok(LOGIN, signup("ann", "password1")).await;
    let ann = nobody.with_token(ann["login"]["token"].as_str().expect("a token"));
    let others = ann.ok("{ sidebarUsers { nodes { id } } }", json!({})).await;
    assert_eq!(others["sidebarUsers"]["nodes"], json!([]));
    app.stop().await;
}
