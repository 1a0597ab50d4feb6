//! What the commands say when they cannot do what they are told, and what they leave then: one line, and nothing by halves.

use std::{
    collections::VecDeque,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use chinwag::app::StoreConfig;

use super::{does, launch, text, tries};
use crate::support::{
    TestApp,
    app::Place,
    launch::{Ended, Launch},
    store::{StoreKind, TempDir},
    strace,
};

/// A store that was stopped, a copy and an export of it, and a folder for what comes of trying.
struct Desk {
    place: Place,
    files: TempDir,
}

impl Desk {
    async fn new() -> Self {
        let app = TestApp::start(StoreKind::Embedded).await;
        let (ann, bob) = (app.user("ann").await, app.user("bob").await);
        for _ in 0..30 {
            ann.send(&bob, &"long ".repeat(800)).await;
        }
        let desk = Self {
            place: app.stop().await,
            files: TempDir::new(),
        };
        fs::create_dir(desk.files.path()).expect("a folder");
        for command in ["backup", "export"] {
            let to = desk.file(command);
            does(launch(&desk.place), &[command, &to]).await;
        }
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        text(&self.path(name)).to_owned()
    }

    /// A folder that is not there yet, or an empty one.
    fn folder(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(&path).expect("a folder");
        path
    }

    /// Each command that writes, into this folder.
    fn writing(&self, to: &Path) -> Vec<(&'static str, Launch)> {
        let (file, data) = (to.join("file"), to.join("data"));
        let over = || Launch::bare().env("DATA_DIR", text(&data));
        let from = |name: &str| self.file(name);
        vec![
            ("export", launch(&self.place).args(&["export", text(&file)])),
            ("backup", launch(&self.place).args(&["backup", text(&file)])),
            ("restore", over().args(&["restore", &from("backup")])),
            (
                "import",
                over().args(&["import", "--from", &from("export")]),
            ),
        ]
    }
}

/// One line that says this, and exit code 1.
fn fails(command: &str, ended: &Ended, says: &str) {
    assert!(ended.stderr.contains(says), "{command}: {ended:?}");
    ended.refused(&[]);
}

/// What is in a folder that a command worked in, as far as it was.
fn left(listing: &str) -> Vec<&str> {
    let files = listing
        .lines()
        .filter(|line| !line.ends_with(':') && !line.is_empty());
    files.filter(|name| *name != "data").collect()
}

#[tokio::test]
async fn every_command_shows_an_example() {
    let mut commands = VecDeque::from([Vec::<String>::new()]);
    let mut walked = 0;
    while let Some(command) = commands.pop_front() {
        let mut words = command.iter().map(String::as_str).collect::<Vec<_>>();
        words.push("--help");
        let help = does(Launch::bare(), &words).await;
        if !command.is_empty() {
            let (_, example) = help
                .split_once("\nExample")
                .unwrap_or_else(|| panic!("{command:?}: {help}"));
            let told = format!("\n  chinwag {}", command.join(" "));
            assert!(example.contains(&told), "{command:?}: {example}");
            walked += 1;
        }
        let listed = help.split_once("\nCommands:\n");
        let listed = listed.map_or("", |(_, rest)| rest.split("\n\n").next().unwrap_or(rest));
        for line in listed.lines() {
            let name = line.split_whitespace().next().expect("a name");
            let inner = command.iter().cloned().chain([name.to_owned()]);
            commands.push_back(inner.collect());
        }
    }
    assert!(walked > 12, "{walked}");
}

#[tokio::test]
async fn a_wrong_path_is_one_line() {
    let desk = Desk::new().await;
    for (to, says) in [
        (desk.path("missing"), "No such file or directory"),
        (desk.path("export"), "Not a directory"),
    ] {
        for (command, ended) in desk.writing(&to).into_iter().take(2) {
            fails(command, &ended.ends().await, says);
        }
    }
    let beneath = desk.path("export").join("data");
    for (command, file) in [("restore", "backup"), ("import", "export")] {
        let words = match command {
            "import" => vec![command, "--from"],
            _ => vec![command],
        };
        let run = |data: &Path, from: &str| {
            let words = [words.as_slice(), &[from]].concat();
            Launch::bare()
                .env("DATA_DIR", text(data))
                .args(&words)
                .ends()
        };
        fails(
            command,
            &run(&beneath, &desk.file(file)).await,
            "Not a directory",
        );
        let data = desk.path("data");
        let missing = run(&data, &desk.file("missing")).await;
        fails(command, &missing, "missing");
        let folder = run(&data, text(desk.files.path())).await;
        fails(command, &folder, text(desk.files.path()));
        assert!(!data.join("chinwag.db").exists(), "{command}");
    }
    let nowhere = desk.file("nowhere");
    for words in [
        &["export", "file"][..],
        &["backup", "file"],
        &["check"],
        &["admin", "users"],
        &["admin", "stats"],
    ] {
        let over = Launch::bare().env("DATA_DIR", &nowhere);
        let ended = tries(over, words).await;
        fails(
            words[0],
            &ended,
            &format!("there is no store in {nowhere} (DATA_DIR)"),
        );
    }
    assert!(!Path::new(&nowhere).exists() && !Path::new("file").exists());
    let mut there = fs::read_dir(desk.files.path())
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .filter(|name| name != "data")
        .collect::<Vec<_>>();
    there.sort();
    assert_eq!(there, ["backup", "export"]);
}

#[tokio::test]
async fn a_full_disk_is_one_line_and_leaves_nothing_by_halves() {
    let desk = Desk::new().await;
    let disk = desk.folder("disk");
    let listing = desk.file("listing");
    // A disk of its own, which only the command sees.
    let script = format!(
        "mount -t tmpfs -o size=64k none {disk} || exit 99; mkdir {disk}/data; $1; code=$?; \
         ls -AR {disk} > {listing}; exit $code",
        disk = text(&disk)
    );
    for (command, launch) in desk.writing(&disk) {
        let ended = launch
            .by(&["unshare", "-rm", "sh", "-c", &script, "sh"])
            .ends()
            .await;
        assert_ne!(ended.code, Some(99), "no disk could be made: {ended:?}");
        // As the system says it, or SQLite.
        let is_full = ["No space left on device", "disk is full"]
            .iter()
            .any(|says| ended.stderr.contains(says));
        assert!(is_full, "{command}: {ended:?}");
        ended.refused(&[]);
        let listing = fs::read_to_string(&listing).expect("a list");
        // An import goes on from what there is.
        if command != "import" {
            assert_eq!(left(&listing), <[&str; 0]>::default(), "{command}");
        }
    }
}

#[tokio::test]
async fn a_folder_without_rights_is_one_line() {
    let desk = Desk::new().await;
    let closed = desk.folder("closed");
    fs::set_permissions(&closed, Permissions::from_mode(0o500)).expect("its mode");
    // What modes forbid is allowed to root, unless it gives that up.
    let script = "if [ $(id -u) = 0 ]; then exec setpriv --bounding-set=-all --inh-caps=-all $1; else exec $1; fi";
    for (command, launch) in desk.writing(&closed) {
        let ended = launch.by(&["sh", "-c", script, "sh"]).ends().await;
        fails(command, &ended, "ermission denied");
    }
    assert_eq!(fs::read_dir(&closed).expect("a folder").count(), 0);
}

#[tokio::test]
async fn what_a_running_server_has_open_is_left_alone() {
    let desk = Desk::new().await;
    let app = TestApp::start(StoreKind::Embedded).await;
    let StoreConfig::Embedded { dir } = &app.place.store else {
        unreachable!("it is embedded");
    };
    let export = desk.file("export");
    for words in [
        &["export", "file"][..],
        &["import", "--from", &export],
        &["check"],
    ] {
        let ended = tries(launch(&app.place), words).await;
        fails(words[0], &ended, "in use by another chinwag");
    }
    let ended = tries(launch(&app.place), &["restore", &desk.file("backup")]).await;
    fails("restore", &ended, "only an empty folder will do");
    assert!(!Path::new("file").exists());
    assert!(!dir.join("chinwag.db.unfinished").exists());
    app.user("ann").await;
    app.stop().await;
}

#[tokio::test]
async fn an_interrupted_run_is_one_line_and_leaves_nothing_by_halves() {
    if !strace::is_there() {
        return;
    }
    let desk = Desk::new().await;
    for (n, interrupted) in ["export", "backup", "restore"].into_iter().enumerate() {
        let to = desk.folder(&format!("interrupted{n}"));
        fs::create_dir(to.join("data")).expect("a folder");
        let unfinished = match interrupted {
            "restore" => to.join("data/chinwag.db.unfinished"),
            _ => to.join("file.unfinished"),
        };
        let mut commands = desk.writing(&to).into_iter();
        let (_, launch) = commands
            .find(|(command, _)| *command == interrupted)
            .expect("a command");
        // What strace has to say is nobody's business. Each write takes so long that none comes to an end; it is stopped as soon as it has begun.
        let script = format!(
            "strace -f -o /dev/null -e trace=write,pwrite64,copy_file_range,fsync \
             -e inject=write,pwrite64,copy_file_range,fsync:delay_enter=300000 \
             /bin/sh -c 'exec $1 2>&3' sh \"$1\" 3>&2 2>/dev/null & strace=$!\n\
             until [ -e {} ]; do kill -0 $strace || exit 99; sleep 0.01; done\n\
             kill -TERM $(cat /proc/$strace/task/$strace/children); wait $strace",
            text(&unfinished)
        );
        let ended = launch.by(&["sh", "-c", &script, "sh"]).ends().await;
        fails(interrupted, &ended, "interrupted");
        let left = fs::read_dir(&to).expect("a folder").count();
        assert_eq!(left, 1, "{interrupted}: nothing but the folder for data");
        let left = fs::read_dir(to.join("data")).expect("a folder").count();
        assert_eq!(left, 0, "{interrupted}");
    }
}
