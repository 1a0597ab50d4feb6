//! Settings that are read again while the program serves.

use std::{fs, path::PathBuf};

use super::{Home, origins::preflight};
use crate::support::{eventually, launch::Serving, store::StoreKind, ws::Ws};

const FRIEND: &str = "https://friend.example";

/// A server with a settings file.
struct Reread {
    serving: Serving,
    file: PathBuf,
    _home: Home,
}

impl Reread {
    async fn start(text: &str, variables: &[(&str, &str)]) -> Self {
        let home = Home::new(StoreKind::Embedded).await;
        fs::create_dir(home.dir.path()).expect("a folder");
        let file = home.dir.path().join("chinwag.toml");
        fs::write(&file, text).expect("a file");
        let mut launch = home.launch().env("CONFIG", file.to_str().expect("UTF-8"));
        for (name, value) in variables {
            launch = launch.env(name, value);
        }
        Self {
            serving: launch.serves().await,
            file,
            _home: home,
        }
    }

    /// Has the file read as it is now, and gives the lines about that, of which the last one says `until`.
    async fn again(&self, text: Option<&str>, until: &str) -> Vec<String> {
        match text {
            Some(text) => fs::write(&self.file, text).expect("a file"),
            None => fs::remove_file(&self.file).expect("no file"),
        }
        let before = self.serving.stderr().len();
        let new = || self.serving.stderr()[before..].to_owned();
        self.serving.signal("-HUP");
        eventually(until, async || new().contains(until)).await;
        // What else was logged before may come up here only now.
        let lines = new();
        let lines = lines
            .lines()
            .filter(|line| line.contains("settings") || line.contains("holds a secret"));
        lines.map(str::to_owned).collect()
    }

    async fn lets_in(&self, origin: &str) -> bool {
        let headers = [
            ("sec-websocket-protocol", "graphql-transport-ws"),
            ("origin", origin),
        ];
        let socket = Ws::open_with(self.serving.address, &headers).await.is_ok();
        let (status, _) = preflight(&self.serving, origin.as_bytes()).await;
        assert_eq!(socket, status == 200, "both or neither");
        socket
    }
}

#[tokio::test]
async fn a_hangup_reads_level_and_origins_again() {
    for format in ["text", "json"] {
        let base = format!("log-format = '{format}'\n");
        let server = Reread::start(&format!("{base}log = 'warn'"), &[]).await;
        assert!(!server.lets_in("https://one.example").await);
        assert!(!server.lets_in(FRIEND).await);
        let others = "signup = 'closed'\njwt-secret = 'canary-of-at-least-thirty-two-bytes!'\n";
        let text = format!("{base}{others}log = 'info'\nallowed-origins = ['{FRIEND}']");
        let lines = server.again(Some(&text), "the next start").await;
        let told = format!("\"ALLOWED_ORIGINS={FRIEND} LOG=info\"");
        assert!(lines[0].contains("settings read again"), "{lines:?}");
        assert!(lines[0].contains(&told), "{lines:?}");
        let last = lines.last().expect("a line");
        assert!(
            last.contains("WARN") && last.contains("\"JWT_SECRET SIGNUP\""),
            "{last}"
        );
        assert!(server.lets_in(FRIEND).await);
        assert!(!server.lets_in("https://two.example").await);
        server.serving.anonymous().sign_up("ann").await;

        let wrong = format!("{text}\nsession-ttl = 'canary'");
        for text in [Some(wrong.as_str()), None] {
            let lines = server.again(text, "the settings stay as they are").await;
            assert_eq!(lines.len(), 1, "{lines:?}");
            assert!(lines[0].contains("chinwag.toml"), "{lines:?}");
            assert!(server.lets_in(FRIEND).await);
        }
        let lines = server.again(Some(&base), "read again").await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let told = "\"ALLOWED_ORIGINS=\"";
        assert!(
            lines[0].contains(told),
            "what holds since and no more: {lines:?}"
        );
        assert!(!server.lets_in(FRIEND).await);
        let lines = server
            .again(Some(&format!("{base}log = 'error'")), "LOG=error")
            .await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(!server.lets_in("https://three.example").await);

        server.serving.signal("-TERM");
        let Reread { serving, .. } = server;
        let log = serving.ended().await.stderr;
        for (origin, logged) in [("one", false), ("two", true), ("three", false)] {
            assert_eq!(log.contains(&format!("{origin}.example")), logged, "{log}");
        }
        assert!(
            !log.contains("canary") && !log.contains("stopping"),
            "{log}"
        );
        if format == "json" {
            for line in log.lines() {
                serde_json::from_str::<serde_json::Value>(line).expect(line);
            }
        }
    }
}

#[tokio::test]
async fn what_flags_and_the_environment_say_stays() {
    let given = [("ALLOWED_ORIGINS", FRIEND), ("LOG", "info")];
    let server = Reread::start("", &given).await;
    let lines = server
        .again(
            Some("log = 'error'\nallowed-origins = ['https://other.example']"),
            "read again",
        )
        .await;
    // That it serves may be logged late.
    let last = lines.last().expect("a line");
    assert!(last.contains("changed=\"\""), "{lines:?}");
    assert!(server.lets_in(FRIEND).await);
    assert!(!server.lets_in("https://other.example").await);
}

#[tokio::test]
async fn without_a_settings_file_a_hangup_is_the_end() {
    let home = Home::new(StoreKind::Embedded).await;
    // Whoever started this may have said that hangups are nothing, as `nohup` does.
    let heeding = ["env", "--default-signal=HUP", "-S"];
    let serving = home.launch().by(&heeding).serves().await;
    serving.signal("-HUP");
    assert_eq!(serving.ended().await.code, None, "as of any program");
}
