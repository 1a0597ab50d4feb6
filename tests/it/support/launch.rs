//! The program as whoever operates it sees it: settings in, lines and an exit code out, signals in between.

use std::{
    io::{BufRead, BufReader, Read},
    mem::take,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{client::Client, eventually, ws::PATIENCE};

/// A start of the program, with nothing from the environment of the tests.
pub struct Launch(Command);

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// A start that failed as it should: one line, which says this, and nothing done.
    pub fn refused(&self, says: &[&str]) {
        assert_eq!(self.code, Some(1), "{self:?}");
        assert_eq!(self.stdout, "");
        let line = &self.stderr;
        assert_eq!(line.lines().count(), 1, "{line}");
        assert!(
            line.ends_with('\n') && line.starts_with("chinwag: "),
            "{line}"
        );
        for word in says {
            assert!(line.contains(word), "{word}: {line}");
        }
    }
}

/// The program while it serves; killed when dropped.
pub struct Serving {
    child: Child,
    pub address: SocketAddr,
    stdout: Lines,
    stderr: Lines,
}

/// What the program wrote to one of its outputs so far.
type Lines = Arc<Mutex<String>>;

impl Launch {
    /// On a free port, over a data directory, with hashes as cheap as the program lets them be.
    pub fn over(dir: &Path) -> Self {
        Self::bare()
            .env("PORT", "0")
            .env("BCRYPT_COST", "10")
            .env("DATA_DIR", dir.to_str().expect("UTF-8"))
    }

    /// With nothing set.
    pub fn bare() -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(command)
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.0.env(name, value);
        self
    }

    pub fn args(mut self, args: &[&str]) -> Self {
        self.0.args(args);
        self
    }

    /// With its log written elsewhere.
    pub fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.0.stderr(to);
        self
    }

    /// Started by way of another program, which is given the command as its last word.
    pub fn by(self, wrapper: &[&str]) -> Self {
        let (program, first) = wrapper.split_first().expect("a program");
        let words = std::iter::once(self.0.get_program()).chain(self.0.get_args());
        let words = words.map(|word| word.to_str().expect("UTF-8"));
        let command = words.collect::<Vec<_>>().join(" ");
        let mut wrapped = Command::new(program);
        wrapped.args(first).arg(command).env_clear();
        let set = self.0.get_envs();
        wrapped.envs(set.filter_map(|(name, value)| Some((name, value?))));
        // Held open and never written to: `script` gives up soon after the end of its input.
        wrapped
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(wrapped)
    }

    /// Waits until it ends by itself.
    pub async fn ends(mut self) -> Ended {
        let mut child = self.0.spawn().expect("the program starts");
        let outputs = outputs(&mut child);
        ended(child, outputs).await
    }

    /// Kills it after some time, unless it ends before.
    pub async fn killed_after(mut self, after: Duration) {
        let mut child = self.0.spawn().expect("the program starts");
        let _outputs = outputs(&mut child);
        tokio::time::sleep(after).await;
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Waits until it serves.
    pub async fn serves(mut self) -> Serving {
        let mut child = self.0.spawn().expect("the program starts");
        let (stdout, stderr) = outputs(&mut child);
        let began = Instant::now();
        let address = loop {
            let line = stdout.lock().lines().find_map(|line| {
                let address = served_on(line)?;
                Some(address.parse().expect("an address"))
            });
            if let Some(address) = line {
                break address;
            }
            let over = child.try_wait().expect("it can be asked").is_some();
            assert!(!over && began.elapsed() < PATIENCE, "{}", stderr.lock());
            tokio::time::sleep(Duration::from_millis(10)).await;
        };
        Serving {
            child,
            address,
            stdout,
            stderr,
        }
    }
}

impl Serving {
    /// Sends it a signal, such as "-TERM".
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill is there").success(), "kill {signal} {id}");
    }

    /// What it printed so far.
    pub fn stdout(&self) -> String {
        self.stdout.lock().clone()
    }

    /// What it logged so far.
    pub fn stderr(&self) -> String {
        self.stderr.lock().clone()
    }

    /// Waits until it ends, now that it was told to.
    pub async fn ended(mut self) -> Ended {
        let code = exit(&mut self.child).await;
        finish(code, (take(&mut self.stdout), take(&mut self.stderr))).await
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Someone who is not signed in.
    pub fn anonymous(&self) -> Client {
        Client::new(self.url("/graphql"))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Over already, when the test was about that.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The address in a line of the banner, which is text or JSON.
fn served_on(line: &str) -> Option<String> {
    let url = match serde_json::from_str::<serde_json::Value>(line) {
        Ok(banner) => banner["serves"].as_str()?.to_owned(),
        Err(_) => line.strip_prefix("chinwag serves on ")?.to_owned(),
    };
    Some(url.strip_prefix("http://")?.to_owned())
}

/// Gathers both outputs in threads, so that a full pipe stops nothing.
fn outputs(child: &mut Child) -> (Lines, Lines) {
    let stdout = child.stdout.take().map(gather).unwrap_or_default();
    let stderr = child.stderr.take().map(gather).unwrap_or_default();
    (stdout, stderr)
}

fn gather(output: impl Read + Send + 'static) -> Lines {
    let lines = Lines::default();
    let gathered = lines.clone();
    thread::spawn(move || {
        let mut output = BufReader::new(output);
        let mut line = Vec::new();
        while output
            .read_until(b'\n', &mut line)
            .is_ok_and(|read| read > 0)
        {
            gathered.lock().push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    lines
}

async fn ended(mut child: Child, outputs: (Lines, Lines)) -> Ended {
    let code = exit(&mut child).await;
    finish(code, outputs).await
}

async fn exit(child: &mut Child) -> Option<i32> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("it can be asked") {
            return status.code();
        }
        if began.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the program does not end");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The threads let go of the texts when they have read all of them.
async fn finish(code: Option<i32>, outputs: (Lines, Lines)) -> Ended {
    let text = |lines: Lines| async move {
        let all_read = async || Arc::strong_count(&lines) == 1;
        eventually("its output is read", all_read).await;
        lines.lock().clone()
    };
    Ended {
        code,
        stdout: text(outputs.0).await,
        stderr: text(outputs.1).await,
    }
}
