//! Starting the program: what it takes, what it says, and that a bad start leaves nothing behind.

use std::{fs, net::TcpListener, path::Path};

use serde_json::json;

use crate::support::{
    launch::{Ended, Launch},
    mongod,
    store::{TempDir, mongo_is_there},
};

/// A start that failed as it should: one line, which says this, and nothing done.
fn refused(ended: &Ended, says: &[&str]) {
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "");
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
    assert!(
        ended.stderr.ends_with('\n') && ended.stderr.starts_with("chinwag: "),
        "{}",
        ended.stderr
    );
    for word in says {
        assert!(ended.stderr.contains(word), "{word}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn it_prints_where_it_serves() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path()).serves().await;
    assert_ne!(serving.address.port(), 0);
    let reply = serving.anonymous().ok("{ __typename }", json!({})).await;
    assert_eq!(reply, json!({ "__typename": "Query" }));
    let address = serving.address;
    serving.signal("-TERM");
    let ended = serving.ended().await;
    for line in [
        format!("chinwag serves on http://{address}"),
        format!("http://{address}/\n"),
        format!("GraphiQL   http://{address}/graphql\n"),
        format!("endpoint   http://{address}/graphql"),
    ] {
        assert!(ended.stdout.contains(&line), "{line}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn help_lists_every_setting_and_tells_no_value() {
    let ended = Launch::bare()
        .env("JWT_SECRET", "canary-of-at-least-thirty-two-bytes!")
        .env("MONGODB_URI", "mongodb://ann:canary@localhost/db")
        .env("PORT", "4711")
        .args(&["--help"])
        .ends()
        .await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    for (flag, variable, default) in [
        ("--host", "HOST", "127.0.0.1"),
        ("--port", "PORT", "4000"),
        ("--mongodb-uri", "MONGODB_URI", ""),
        ("--data-dir", "DATA_DIR", "./data"),
        ("--jwt-secret", "JWT_SECRET", ""),
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

#[tokio::test]
async fn a_bad_setting_is_one_line_that_names_it() {
    let root = TempDir::new();
    for (n, (flag, variable, value)) in [
        ("--host", "HOST", "nonsense-canary"),
        ("--host", "HOST", "300.1.1.1"),
        ("--port", "PORT", "canary"),
        ("--port", "PORT", "65536"),
        ("--port", "PORT", "-1"),
        ("--session-ttl", "SESSION_TTL", "canary"),
        ("--session-ttl", "SESSION_TTL", "0s"),
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
        ("--log-format", "LOG_FORMAT", "canary"),
        ("--signup", "SIGNUP", "canary"),
        ("--public-metrics", "PUBLIC_METRICS", "canary"),
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
        for launch in [
            Launch::over(&dir).args(&[&joined]),
            Launch::over(&dir).env(variable, value),
        ] {
            let ended = launch.ends().await;
            assert!(
                ended.stderr.contains(flag) || ended.stderr.contains(variable),
                "{variable}={value}: {}",
                ended.stderr
            );
            refused(&ended, &[]);
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
        refused(&ended, &says);
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
async fn a_data_directory_that_cannot_be_had_is_named() {
    let root = TempDir::new();
    fs::create_dir_all(root.path()).expect("a folder");
    let file = root.path().join("file");
    fs::write(&file, "x").expect("a file");
    let ended = Launch::over(&file.join("data")).ends().await;
    refused(&ended, &["data directory", file.to_str().expect("UTF-8")]);
    let ended = Launch::over(&file).ends().await;
    refused(&ended, &["data directory", file.to_str().expect("UTF-8")]);
    let ended = Launch::over(Path::new("/proc/chinwag")).ends().await;
    refused(&ended, &["data directory", "/proc/chinwag"]);
    let dir = root.path().join("rubbish");
    fs::create_dir_all(&dir).expect("a folder");
    fs::write(
        dir.join("chinwag.db"),
        "this is no database, and long enough to show it".repeat(100),
    )
    .expect("a file");
    let ended = Launch::over(&dir).ends().await;
    refused(&ended, &["chinwag.db", "not a database"]);
}

#[tokio::test]
async fn a_data_directory_has_one_process_at_a_time() {
    let dir = TempDir::new();
    let first = Launch::over(dir.path()).serves().await;
    refused(
        &Launch::over(dir.path()).ends().await,
        &["in use", dir.path().to_str().expect("UTF-8")],
    );
    first.anonymous().sign_up("ann").await;
    first.signal("-KILL");
    first.ended().await;
    let second = Launch::over(dir.path()).serves().await;
    second.anonymous().sign_up("bob").await;
}

#[tokio::test]
async fn data_of_a_newer_version_is_left_alone() {
    let dir = TempDir::new();
    let serving = Launch::over(dir.path()).serves().await;
    serving.signal("-TERM");
    serving.ended().await;
    let path = dir.path().join("chinwag.db");
    let db = rusqlite::Connection::open(&path).expect("a database");
    db.pragma_update(None, "user_version", 9_999)
        .expect("it can be set");
    drop(db);
    let before = fs::read(&path).expect("a file");
    refused(&Launch::over(dir.path()).ends().await, &["newer", "9999"]);
    assert_eq!(fs::read(&path).expect("a file"), before);

    if mongo_is_there().await {
        let uri = mongod::shared()
            .await
            .expect("a mongod")
            .uri_for(&mongod::fresh_database());
        let serving = Launch::bare()
            .env("PORT", "0")
            .env("MONGODB_URI", &uri)
            .serves()
            .await;
        serving.signal("-TERM");
        serving.ended().await;
        let client = mongodb::Client::with_uri_str(&uri).await.expect("a client");
        let meta = client
            .default_database()
            .expect("named")
            .collection::<mongodb::bson::Document>("meta");
        let newer = mongodb::bson::doc! { "$set": { "version": 9_999 } };
        meta.update_one(mongodb::bson::doc! { "_id": "schema" }, newer)
            .await
            .expect("it can be set");
        let ended = Launch::bare()
            .env("PORT", "0")
            .env("MONGODB_URI", &uri)
            .ends()
            .await;
        refused(&ended, &["newer", "9999"]);
    }
}

#[tokio::test]
async fn a_mongodb_that_is_not_there_is_named_without_the_password() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let silent = silent.local_addr().expect("an address");
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let dir = TempDir::new();
    let starts = [
        (
            closed.to_string(),
            format!("mongodb://ann:canary@{closed}/db"),
        ),
        (
            silent.to_string(),
            format!(
                "mongodb://ann:canary@{silent}/db?connectTimeoutMS=60000&serverSelectionTimeoutMS=60000"
            ),
        ),
        (
            "nowhere.invalid".into(),
            "mongodb://ann:canary@nowhere.invalid/db".into(),
        ),
        (
            "nowhere.invalid".into(),
            "mongodb+srv://ann:canary@nowhere.invalid/db".into(),
        ),
    ];
    let starts = starts.map(|(address, uri)| {
        let launch = Launch::over(dir.path()).env("MONGODB_URI", &uri);
        async move { (address, launch.ends().await) }
    });
    for (address, ended) in futures_util::future::join_all(starts).await {
        refused(&ended, &["MongoDB", &address]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    assert!(
        !dir.path().exists(),
        "the embedded store is not used instead"
    );
    if mongo_is_there().await {
        let uri = mongod::shared().await.expect("a mongod").uri_for("db");
        let uri = uri.replace("mongodb://", "mongodb://ann:canary@");
        let ended = Launch::over(dir.path())
            .env("MONGODB_URI", &uri)
            .ends()
            .await;
        refused(&ended, &["MongoDB", "user name and password"]);
        assert!(!ended.stderr.contains("canary"), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn an_address_that_is_taken_is_named_before_the_store_is_touched() {
    let dir = TempDir::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address");
    let port = address.port().to_string();
    let ended = Launch::over(dir.path())
        .args(&["--port", &port])
        .ends()
        .await;
    refused(&ended, &["cannot listen", &address.to_string()]);
    let ended = Launch::over(dir.path())
        .args(&["--host", "192.0.2.1"])
        .ends()
        .await;
    refused(&ended, &["cannot listen", "192.0.2.1"]);
    assert!(!dir.path().exists());
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
    let key = jsonwebtoken::DecodingKey::from_secret(SECRET.as_bytes());
    let validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    jsonwebtoken::decode::<serde_json::Value>(token, &key, &validation)
        .expect("the first secret signs");
}

#[tokio::test]
async fn the_schema_can_be_printed() {
    let ended = Launch::bare().args(&["schema"]).ends().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let kept =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql")).expect("a file");
    assert!(
        ended.stdout == kept,
        "schema.graphql is not current: `cargo run -- schema > schema.graphql`"
    );
}
