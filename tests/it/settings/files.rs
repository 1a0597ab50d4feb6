//! Settings from files: all of them in one, and secrets in one each.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use crate::support::{launch::Launch, store::TempDir};

const SECRET: &str = "canary-of-at-least-thirty-two-bytes!";

/// A folder with files of this test.
struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        let dir = TempDir::new();
        fs::create_dir(dir.path()).expect("a folder");
        Self(dir)
    }

    /// A file that only its owner may read.
    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("its mode");
        path.to_str().expect("UTF-8").to_owned()
    }

    fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    /// The program with this settings file, which says where the data is.
    fn with(&self, text: &str) -> Launch {
        let data = self.data();
        let text = format!("{text}\nport = 0\ndata-dir = '{}'\n", data.display());
        Launch::bare().env("CONFIG", &self.file("chinwag.toml", &text))
    }
}

/// What the first line about serving says of settings.
async fn settings_of(launch: Launch) -> String {
    let serving = launch.serves().await;
    serving.signal("-TERM");
    let log = serving.ended().await.stderr;
    assert!(!log.contains("canary"), "{log}");
    let (_, settings) = log.split_once(" settings=\"").expect(&log);
    settings
        .split_once('"')
        .expect("its end")
        .0
        .split(' ')
        .filter(|setting| !setting.starts_with("CONFIG=") && !setting.starts_with("DATA_DIR="))
        .collect::<Vec<_>>()
        .join(" ")
}

#[tokio::test]
async fn a_file_says_what_flags_would() {
    let desk = Desk::new();
    let launch = desk.with(&format!(
        "# all kinds\n\
         jwt-secret = ['{SECRET}', \"another {SECRET}\"]\n\
         secure-cookies = true\n\
         introspection = \"off\"\n\
         allowed-origins = 'https://a.example,https://b.example'\n\
         trusted-proxies = [\n  '10.0.0.1', # one\n  '::1',\n]\n\
         session-ttl = '12h'\n\
         avatar-hosts = []\n\
         bcrypt-cost = 10\n"
    ));
    let settings = settings_of(launch).await;
    assert_eq!(
        settings,
        "PORT=0 JWT_SECRET=(set) SESSION_TTL=12h BCRYPT_COST=10 \
         ALLOWED_ORIGINS=https://a.example,https://b.example SECURE_COOKIES=on TRUSTED_PROXIES=10.0.0.1,::1 \
         INTROSPECTION=off"
    );
    for (format, command) in [("text", "stats"), ("json", "users")] {
        let launch = desk.with(&format!("log-format = '{format}'"));
        let launch = launch.args(&["admin", command]);
        let ended = launch.ends().await;
        assert_eq!(
            (ended.code, ended.stderr.as_str()),
            (Some(0), ""),
            "the same store"
        );
    }
}

#[tokio::test]
async fn flags_and_the_environment_win_over_the_file() {
    let desk = Desk::new();
    let text = "signup = 'closed'\nlog = 'debug'\nbcrypt-cost = 13\nrate-limits = false\nhost = '192.0.2.1'";
    let launch = desk.with(text);
    let launch = launch
        .env("SIGNUP", "open")
        .env("CHINWAG_LOG", "info")
        .args(&["--bcrypt-cost", "10", "--host=127.0.0.1"]);
    let settings = settings_of(launch).await;
    assert_eq!(settings, "PORT=0 BCRYPT_COST=10 RATE_LIMITS=off");
    let named = desk
        .with(text)
        .env("CHINWAG_CONFIG", "/nowhere")
        .ends()
        .await;
    named.refused(&["/nowhere (--config) cannot be read"]);
    let other = desk.file("other.toml", "port = 0\nsignup = 'closed'");
    let launch = desk.with(text).args(&["--config", &other]);
    let launch = launch.env("DATA_DIR", desk.data().to_str().expect("UTF-8"));
    assert_eq!(settings_of(launch).await, "PORT=0 SIGNUP=closed");
}

#[tokio::test]
async fn help_is_the_same_with_a_file_and_without() {
    let desk = Desk::new();
    let without = Launch::bare().args(&["--help"]).ends().await;
    let with = desk
        .with("port = 4711\nlog = 'trace'\nnonsense = 'canary'")
        .args(&["--help"]);
    assert_eq!(with.ends().await.stdout, without.stdout);
}

#[tokio::test]
async fn what_is_wrong_in_a_file_is_one_line_with_its_place_and_no_value() {
    let desk = Desk::new();
    for (text, line, says) in [
        (
            "prot = 'canary'",
            1,
            "there is no setting prot; did you mean port?",
        ),
        (
            "\njwt_secret = 'canary'",
            2,
            "there is no setting jwt_secret; did you mean jwt-secret?",
        ),
        ("[server]\nhost = 'canary'", 1, "there is no setting server"),
        ("config = 'canary'", 1, "there is no setting config"),
        (
            "\n\nsignup = 'canary'",
            3,
            "signup must be one of: open, closed",
        ),
        (
            "secure-cookies = 'canary'",
            1,
            "secure-cookies must be one of: on, off",
        ),
        ("secure-cookies = canary", 1, "string values must be quoted"),
        (
            "bcrypt-cost = 9",
            1,
            "bcrypt-cost is wrong: it is a number from 10 to 15",
        ),
        (
            "bcrypt-cost = [10]",
            1,
            "bcrypt-cost is wrong: it takes one value, not a list",
        ),
        (
            "bcrypt-cost = { canary = 1 }",
            1,
            "bcrypt-cost is wrong: it is a text, a number",
        ),
        ("bcrypt-cost = 10\nbcrypt-cost = 11", 2, "duplicate key"),
        (
            "jwt-secret = 'canary'",
            1,
            "jwt-secret is wrong: a secret has at least 32 bytes",
        ),
        ("jwt-secret = 'canary", 1, "invalid literal string"),
        (
            "mongodb-uri = 'canary'",
            1,
            "mongodb-uri is wrong: it is no connection string",
        ),
        (
            "allowed-origins = ['https://a.example',\n'canary']",
            1,
            "allowed-origins is wrong",
        ),
        ("host: canary", 1, "key with no value"),
        ("log = 'canary'", 1, "log is wrong: it is a level"),
    ] {
        let ended = desk.with(text).ends().await;
        ended.refused(&[&format!("chinwag.toml, line {line}: {says}")]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
        let ended = desk.with(text).args(&["admin", "users"]).ends().await;
        ended.refused(&[&format!("chinwag.toml, line {line}: {says}")]);
    }
    assert!(!desk.data().exists(), "nothing was begun");
    let ended = desk.with("log-format = 'json'\nsignup = 1").ends().await;
    let line = serde_json::from_str::<serde_json::Value>(&ended.stderr).expect("JSON");
    let message = line["fields"]["message"].as_str().expect("a message");
    assert!(
        message.ends_with("line 2: signup must be one of: open, closed"),
        "{message}"
    );
}

#[tokio::test]
async fn a_file_with_a_secret_that_others_may_read_is_warned_of() {
    let desk = Desk::new();
    let secret = format!("jwt-secret = '{SECRET}'");
    for (text, mode, warned) in [
        (secret.as_str(), 0o604, true),
        (secret.as_str(), 0o640, false),
        ("signup = 'open'", 0o644, false),
    ] {
        let launch = desk.with(text);
        let path = desk.0.path().join("chinwag.toml");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("its mode");
        let serving = launch.serves().await;
        serving.signal("-TERM");
        let log = serving.ended().await.stderr;
        let lines = log
            .lines()
            .filter(|line| line.contains("holds a secret (jwt-secret)"));
        assert_eq!(lines.count(), usize::from(warned), "{mode:o}: {log}");
        assert!(!log.contains("canary"), "{log}");
    }
}

/// The secrets that the program knows, by its help.
async fn secrets() -> Vec<(String, String)> {
    let help = Launch::bare().args(&["--help"]).ends().await.stdout;
    let entries = help.split("\n      --").skip(1);
    let secrets = entries.filter_map(|entry| {
        let flag = entry.split_whitespace().next()?.strip_suffix("-file")?;
        let (_, variable) = entry.split_once("[env: ")?;
        Some((flag.to_owned(), variable.split_once("_FILE]")?.0.to_owned()))
    });
    secrets.collect()
}

#[tokio::test]
async fn a_secret_may_be_in_a_file() {
    let desk = Desk::new();
    let secrets = secrets().await;
    for flag in ["jwt-secret", "mongodb-uri"] {
        assert!(
            secrets.iter().any(|(secret, _)| secret == flag),
            "{secrets:?}"
        );
    }
    let path = desk.file("secret", &format!("{SECRET}\r\n"));
    let uri = desk.file(
        "uri",
        "mongodb://canary@127.0.0.1:1/?serverSelectionTimeoutMS=1\n",
    );
    for launch in [
        Launch::over(&desk.data()).env("JWT_SECRET_FILE", &path),
        Launch::over(&desk.data()).env("CHINWAG_JWT_SECRET_FILE", &path),
        Launch::over(&desk.data()).args(&["--jwt-secret-file", &path]),
        desk.with(&format!("jwt-secret-file = '{path}'")),
    ] {
        let settings = settings_of(launch).await;
        assert!(
            settings.contains(&format!("JWT_SECRET=(set) JWT_SECRET_FILE={path}")),
            "{settings}"
        );
    }
    let ended = Launch::bare().env("MONGODB_URI_FILE", &uri).ends().await;
    ended.refused(&["127.0.0.1:1"]);
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    // Without its line break it is one byte too short.
    let short = desk.file("short", &format!("{}\n", &SECRET[..31]));
    let ended = Launch::bare().env("JWT_SECRET_FILE", &short).ends().await;
    ended.refused(&["short (--jwt-secret-file) is wrong: a secret has at least 32 bytes"]);
    assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_secrets_file_that_gives_none_is_one_line() {
    let (desk, other) = (Desk::new(), Desk::new());
    let path = desk.file("secret", SECRET);
    let folder = desk.0.path().to_str().expect("UTF-8").to_owned();
    let binary = Path::new(&folder).join("binary");
    fs::write(&binary, [0xff; 40]).expect("a file");
    for (flag, variable) in secrets().await {
        let file = format!("{variable}_FILE");
        let both = format!(
            "--{flag} (or {variable}) and --{flag}-file (or {file}) are both given: leave one out"
        );
        for (given, says) in [
            ("/nowhere/secret", "cannot be read: No such file"),
            (&folder, "cannot be read"),
            (
                binary.to_str().expect("UTF-8"),
                "cannot be read: it is no text",
            ),
            (&desk.file("empty", ""), "is empty"),
            (&desk.file("break", "\n"), "is empty"),
        ] {
            let ended = Launch::bare().env(&file, given).ends().await;
            ended.refused(&[&format!("{given} (--{flag}-file) {says}")]);
        }
        // What the value is does not matter to any of these, as long as it can be read.
        let value = match flag.as_str() {
            "mongodb-uri" => "mongodb://canary",
            _ => SECRET,
        };
        for launch in [
            Launch::bare().env(&variable, value).env(&file, &path),
            Launch::bare()
                .args(&[&format!("--{flag}={value}")])
                .env(&file, &path),
            desk.with(&format!("{flag} = '{value}'\n{flag}-file = '{path}'")),
            other.with(&format!("{flag} = '{value}'")).env(&file, &path),
            Launch::bare()
                .args(&["check"])
                .env(&variable, value)
                .env(&format!("CHINWAG_{file}"), &path),
        ] {
            let ended = launch.ends().await;
            ended.refused(&[&both]);
            assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
        }
    }
}
