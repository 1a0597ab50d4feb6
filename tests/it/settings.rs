//! What the program can be told, and what it says to nonsense.

mod files;

use std::{collections::BTreeSet, fs};

use serde_json::json;

use crate::support::{jwt, launch::Launch, store::TempDir};

#[tokio::test]
async fn help_lists_every_setting_and_tells_no_value() {
    let ended = Launch::bare()
        .env("JWT_SECRET", "canary-of-at-least-thirty-two-bytes!")
        .env("MONGODB_URI", "mongodb://ann:canary@localhost/db")
        .env("METRICS_TOKEN", "canary-of-sixteen-characters")
        .env("PORT", "4711")
        .args(&["--help"])
        .ends()
        .await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for (flag, variable, default) in [
        ("--config", "CONFIG", ""),
        ("--host", "HOST", "127.0.0.1"),
        ("--port", "PORT", "4000"),
        ("--mongodb-uri", "MONGODB_URI", ""),
        ("--mongodb-uri-file", "MONGODB_URI_FILE", ""),
        ("--data-dir", "DATA_DIR", "./data"),
        ("--jwt-secret", "JWT_SECRET", ""),
        ("--jwt-secret-file", "JWT_SECRET_FILE", ""),
        ("--session-ttl", "SESSION_TTL", "15d"),
        ("--bcrypt-cost", "BCRYPT_COST", "12"),
        ("--allowed-origins", "ALLOWED_ORIGINS", ""),
        ("--secure-cookies", "SECURE_COOKIES", "off"),
        ("--trusted-proxies", "TRUSTED_PROXIES", ""),
        ("--introspection", "INTROSPECTION", "on"),
        ("--rate-limits", "RATE_LIMITS", "on"),
        ("--log", "LOG", "info"),
        ("--log-format", "LOG_FORMAT", "text"),
        ("--signup", "SIGNUP", "open"),
        ("--public-metrics", "PUBLIC_METRICS", "off"),
        ("--metrics-token", "METRICS_TOKEN", ""),
        ("--avatar-hosts", "AVATAR_HOSTS", ""),
    ] {
        let from = ended
            .stdout
            .find(&format!("      {flag} "))
            .unwrap_or_else(|| panic!("{flag}"));
        let entry = ended.stdout[from..]
            .split("\n      --")
            .next()
            .expect("an entry");
        assert!(entry.contains(&format!("[env: {variable}]")), "{entry}");
        if !default.is_empty() {
            assert!(entry.contains(&format!("[default: {default}]")), "{entry}");
        }
    }
    assert!(ended.stdout.contains("schema"), "the other command");
    for hidden in ["canary", "4711"] {
        assert!(!ended.stdout.contains(hidden), "{hidden}");
    }
    let version = Launch::bare().args(&["--version"]).ends().await;
    assert_eq!(
        (version.code, version.stdout),
        (Some(0), format!("chinwag {}\n", env!("CARGO_PKG_VERSION")))
    );
}

/// Every setting of the help: flag, variable, default.
pub async fn listed() -> BTreeSet<(String, String, Option<String>)> {
    let help = Launch::bare().args(&["--help"]).ends().await.stdout;
    let after = |entry: &str, label: &str| {
        let (_, rest) = entry.split_once(label)?;
        Some(rest.split([']', '=', ' ']).next()?.to_owned())
    };
    let entries = help.split("\n      --").skip(1);
    let known = entries.filter_map(|entry| {
        let flag = entry.split_whitespace().next()?.to_owned();
        Some((flag, after(entry, "[env: ")?, after(entry, "[default: ")))
    });
    let known = known.collect::<BTreeSet<_>>();
    assert!(known.len() > 10, "{help}");
    known
}

#[tokio::test]
async fn the_documentation_lists_what_help_does() {
    let chapter = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/running.md"));
    let chapter = chapter.expect("the chapter");
    let rows = chapter
        .lines()
        .filter_map(|line| line.strip_prefix("| `--"));
    let told = rows.map(|row| {
        let cells = row.split(" | ").collect::<Vec<_>>();
        let code = |cell: &str| cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned);
        let flag = cells[0].trim_end_matches('`').to_owned();
        (flag, code(cells[1]).expect("a variable"), code(cells[2]))
    });
    assert_eq!(told.collect::<BTreeSet<_>>(), listed().await);
}

#[tokio::test]
async fn a_bad_setting_is_one_line_that_names_it() {
    let root = TempDir::new();
    for (n, (flag, variable, value)) in [
        ("--host", "HOST", "nonsense-canary"),
        ("--host", "HOST", "300.1.1.1"),
        ("--host", "HOST", "canary.invalid"),
        ("--host", "HOST", ""),
        ("--port", "PORT", "canary"),
        ("--port", "PORT", "65536"),
        ("--port", "PORT", "-1"),
        ("--session-ttl", "SESSION_TTL", "canary"),
        ("--session-ttl", "SESSION_TTL", "0s"),
        ("--session-ttl", "SESSION_TTL", "-1d"),
        ("--session-ttl", "SESSION_TTL", "15"),
        ("--session-ttl", "SESSION_TTL", "100000y"),
        ("--bcrypt-cost", "BCRYPT_COST", "9"),
        ("--bcrypt-cost", "BCRYPT_COST", "16"),
        ("--bcrypt-cost", "BCRYPT_COST", "canary"),
        ("--jwt-secret", "JWT_SECRET", "canary-too-short"),
        ("--jwt-secret", "JWT_SECRET", ""),
        (
            "--jwt-secret",
            "JWT_SECRET",
            "canary-of-at-least-thirty-two-bytes!,canary",
        ),
        (
            "--jwt-secret",
            "JWT_SECRET",
            "canary-of-at-least-thirty-two-bytes!,",
        ),
        ("--allowed-origins", "ALLOWED_ORIGINS", "*"),
        ("--allowed-origins", "ALLOWED_ORIGINS", "canary.example.org"),
        (
            "--allowed-origins",
            "ALLOWED_ORIGINS",
            "https://example.org,https://example.org/canary",
        ),
        ("--secure-cookies", "SECURE_COOKIES", "canary"),
        ("--secure-cookies", "SECURE_COOKIES", "true"),
        ("--trusted-proxies", "TRUSTED_PROXIES", "canary"),
        ("--trusted-proxies", "TRUSTED_PROXIES", "10.0.0.0/33"),
        ("--introspection", "INTROSPECTION", "canary"),
        ("--rate-limits", "RATE_LIMITS", ""),
        ("--log", "LOG", "canary=canary=canary"),
        ("--log", "LOG", ""),
        ("--log", "LOG", "canary"),
        ("--log", "LOG", "info,canary"),
        ("--log", "LOG", "chinwag=canary"),
        ("--log-format", "LOG_FORMAT", "canary"),
        ("--signup", "SIGNUP", "canary"),
        ("--public-metrics", "PUBLIC_METRICS", "canary"),
        ("--metrics-token", "METRICS_TOKEN", ""),
        ("--metrics-token", "METRICS_TOKEN", "canary-of-15-ch"),
        (
            "--metrics-token",
            "METRICS_TOKEN",
            "canary of sixteen characters",
        ),
        (
            "--metrics-token",
            "METRICS_TOKEN",
            "canary-of-sixteen-characters-é",
        ),
        ("--mongodb-uri", "MONGODB_URI", "canary"),
        ("--mongodb-uri", "MONGODB_URI", ""),
        (
            "--mongodb-uri",
            "MONGODB_URI",
            "mongodb://ann:canary@localhost:99999/db",
        ),
        (
            "--mongodb-uri",
            "MONGODB_URI",
            "mongodb://ann:can@ary@localhost/db?canary",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let dir = root.path().join(n.to_string());
        let joined = format!("{flag}={value}");
        let apart = [flag, value];
        let prefixed = format!("CHINWAG_{variable}");
        for (launch, named) in [
            (Launch::over(&dir).args(&[&joined]), flag),
            (Launch::over(&dir).args(&apart), flag),
            (Launch::over(&dir).env(variable, value), variable),
            (Launch::over(&dir).env(&prefixed, value), prefixed.as_str()),
        ] {
            let ended = launch.ends().await;
            assert!(
                ended.stderr.contains(named),
                "{variable}={value}: {}",
                ended.stderr
            );
            ended.refused(&[]);
            assert!(
                !ended.stderr.contains("canary"),
                "{variable}={value}: {}",
                ended.stderr
            );
            assert!(!dir.exists(), "{variable}={value} made {}", dir.display());
        }
    }
}

#[tokio::test]
async fn what_is_no_setting_is_named_without_its_value() {
    let dir = TempDir::new();
    for (args, says) in [
        (vec!["--nonsense"], vec!["--nonsense"]),
        (vec!["--jwt-secrets=canary"], vec!["--jwt-secrets"]),
        (vec!["--jwt-secrets", "canary"], vec!["--jwt-secrets"]),
        (vec!["canary"], vec!["no such command"]),
        (vec!["schema", "canary"], vec!["no such command"]),
        (vec!["--port"], vec!["--port", "PORT"]),
        (vec!["--port=1", "--port=2"], vec!["--port"]),
        (vec!["-x"], vec!["no such"]),
    ] {
        let ended = Launch::over(dir.path()).args(&args).ends().await;
        ended.refused(&says);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    assert!(!dir.path().exists());
}

#[tokio::test]
async fn a_flag_wins_over_the_environment() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path())
        .env("PORT", "1")
        .env("SIGNUP", "closed")
        .args(&["--port", "0", "--signup", "open"])
        .serves()
        .await;
    serving.anonymous().sign_up("ann").await;
}

#[tokio::test]
async fn a_prefixed_variable_wins_over_the_short_one_and_a_flag_over_both() {
    let dir = TempDir::new();
    let launch = || {
        Launch::over(dir.path())
            .env("PORT", "nonsense")
            .env("CHINWAG_PORT", "0")
            .env("SIGNUP", "open")
            .env("CHINWAG_SIGNUP", "closed")
    };
    let serving = launch().serves().await;
    let signup =
        "mutation { signup(input: { username: \"ann\", password: \"password1\" }) { token } }";
    serving
        .anonymous()
        .fails("FORBIDDEN", signup, json!({}))
        .await;
    drop(serving);
    let serving = launch().args(&["--signup", "open"]).serves().await;
    serving.anonymous().sign_up("ann").await;
    let help = Launch::bare().args(&["--help"]).ends().await;
    assert!(help.stdout.contains("`CHINWAG_PORT` wins over `PORT`"));
}

#[tokio::test]
async fn a_host_may_be_a_name() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path())
        .env("HOST", "localhost")
        .serves()
        .await;
    assert_eq!(serving.address.ip().to_string(), "127.0.0.1");
    serving.anonymous().sign_up("ann").await;
}

#[tokio::test]
async fn levels_and_directives_say_what_is_logged() {
    for (filter, shown) in [
        ("info", true),
        ("DEBUG", true),
        ("chinwag=debug,hyper=warn", true),
        ("warn,chinwag::chat=info", false),
        ("error", false),
        ("off", false),
    ] {
        let dir = TempDir::new();
        let serving = Launch::over(dir.path()).env("LOG", filter).serves().await;
        serving.signal("-TERM");
        let log = serving.ended().await.stderr;
        assert_eq!(log.contains("stopping"), shown, "{filter}: {log}");
    }
}

#[tokio::test]
async fn the_first_line_tells_the_settings_that_were_changed_and_no_secret() {
    let dir = TempDir::new();
    let serving = Launch::bare()
        .env("CHINWAG_PORT", "0")
        .env("DATA_DIR", dir.path().to_str().expect("UTF-8"))
        .env("JWT_SECRET", "canary-of-at-least-thirty-two-bytes!")
        .env("ALLOWED_ORIGINS", "https://a.example,https://b.example")
        .env("SESSION_TTL", "15d")
        .args(&["--bcrypt-cost", "10", "--signup=closed"])
        .serves()
        .await;
    let address = serving.address;
    serving.signal("-TERM");
    let ended = serving.ended().await;
    let first = ended.stderr.lines().next().expect("a line");
    for told in [
        " INFO ".to_owned(),
        format!("version=\"{}\"", env!("CARGO_PKG_VERSION")),
        format!("store=\"embedded store in {}\"", dir.path().display()),
        format!("address={address}"),
        format!(
            "settings=\"PORT=0 DATA_DIR={} JWT_SECRET=(set) BCRYPT_COST=10 \
             ALLOWED_ORIGINS=https://a.example,https://b.example SIGNUP=closed\"",
            dir.path().display()
        ),
    ] {
        assert!(first.contains(&told), "{told}: {first}");
    }
    let all = ended.stderr + &ended.stdout;
    assert!(!all.contains("canary"), "{all}");
}

#[tokio::test]
async fn secrets_and_cookies_are_as_they_were_set() {
    const SECRET: &str = "a secret of at least thirty-two bytes!!";
    let dir = TempDir::new();
    let serving = Launch::over(dir.path())
        .env(
            "JWT_SECRET",
            &format!("{SECRET}, an old secret of at least thirty-two bytes"),
        )
        .env("SECURE_COOKIES", "on")
        .env("SESSION_TTL", "1h")
        .env("HOST", "0.0.0.0")
        .serves()
        .await;
    let input = json!({ "input": { "username": "ann", "password": "password1" } });
    let document = "mutation($input: SignupInput!) { signup(input: $input) { token } }";
    let url = format!("http://127.0.0.1:{}/graphql", serving.address.port());
    let response = crate::support::Client::new(url)
        .request(document, input)
        .send()
        .await
        .expect("an answer");
    let cookie = response.headers()["set-cookie"]
        .to_str()
        .expect("text")
        .to_owned();
    assert!(
        cookie.starts_with("__Host-chinwag_session=") && cookie.contains("; Secure"),
        "{cookie}"
    );
    let age = cookie
        .split("Max-Age=")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .expect("an age");
    assert!(
        (3_500..=3_600).contains(&age.parse::<u32>().expect("seconds")),
        "{cookie}"
    );
    let token = cookie.split(['=', ';']).nth(1).expect("a token");
    let (message, signature) = token.rsplit_once('.').expect("a signature");
    let first = jwt::signature("HS256", SECRET, message);
    assert_eq!(signature, first, "the first secret signs");
}
