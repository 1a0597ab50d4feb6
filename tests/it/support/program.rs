//! The program itself, in a process of its own that can be killed.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
};

use chinwag::app::StoreConfig;
use secrecy::ExposeSecret;

use super::{app::Place, client::Client, eventually};

/// A running program, ready to serve; killed when dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    /// Open as long as the program runs, as it may print.
    _output: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it on what an earlier one left, with cheap passwords and no rate limits.
    pub async fn start(place: &Place) -> Self {
        Self::launch(&[], place, 0).await.expect("it serves")
    }

    /// The same, by way of another program that starts it as its own process.
    pub async fn start_under(wrapper: &[&str], place: &Place) -> Self {
        Self::launch(wrapper, place, 0).await.expect("it serves")
    }

    /// The same, on a port that an earlier one may have had; started again, as a supervisor does, while its database is
    /// not there.
    pub async fn start_on(port: u16, place: &Place) -> Self {
        let mut program = None;
        eventually(&format!("port {port} is served"), async || {
            program = Self::launch(&[], place, port).await;
            program.is_some()
        })
        .await;
        program.expect("it serves")
    }

    /// Starts it; nothing when it ends without having served.
    async fn launch(wrapper: &[&str], place: &Place, port: u16) -> Option<Self> {
        let mut words = wrapper
            .iter()
            .copied()
            .chain([env!("CARGO_BIN_EXE_chinwag")]);
        let mut command = Command::new(words.next().expect("the program"));
        command
            .args(words)
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .args([
                "--bcrypt-cost",
                "10",
                "--rate-limits",
                "off",
                "--log",
                "error",
            ])
            .env_remove("MONGODB_URI")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        match &place.store {
            StoreConfig::Embedded { dir } => command.arg("--data-dir").arg(dir),
            StoreConfig::Mongo { uri } => command.env("MONGODB_URI", uri.expose_secret()),
        };
        tokio::task::spawn_blocking(move || {
            let mut child = command.spawn().expect("the program starts");
            let mut output = BufReader::new(child.stdout.take().expect("an output"));
            let mut line = String::new();
            output.read_line(&mut line).expect("a line");
            let address = line.trim().strip_prefix("chinwag serves on http://");
            let Some(address) = address else {
                child.wait().expect("it ends");
                assert_eq!(line, "", "it says something else first");
                return None;
            };
            Some(Self {
                address: address.parse().expect("an address"),
                child,
                _output: output,
            })
        })
        .await
        .expect("it starts")
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Someone who is not signed in.
    pub fn anonymous(&self) -> Client {
        Client::new(self.url("/graphql"))
    }

    /// Someone who signed up, or at an earlier program on the same place.
    pub fn knows(&self, client: &Client) -> Client {
        client.at(self.url("/graphql"))
    }

    /// Bytes of memory that it holds.
    pub fn memory(&self) -> u64 {
        let path = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(path).expect("a running program");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.and_then(|rest| rest.trim().strip_suffix("kB"));
        let kilobytes = kilobytes.expect("its size").trim().parse::<u64>();
        kilobytes.expect("a number") * 1024
    }

    /// Sends it a signal, such as "-STOP"; it must not have ended by itself.
    pub fn signal(&mut self, signal: &str) {
        self.still_runs();
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill is there").success(), "kill {signal} {id}");
    }

    /// Makes sure that it did not end by itself.
    pub fn still_runs(&mut self) {
        let ended = self.child.try_wait().expect("it can be asked");
        assert!(ended.is_none(), "{} ended: {ended:?}", self.address);
    }

    /// Kills it with no time for anything.
    pub fn kill(&mut self) {
        self.child.kill().expect("it is ours to kill");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Dead already, when the test was about that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
