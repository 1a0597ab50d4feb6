//! A server under valgrind's callgrind, which counts instructions: the same ones for the same work, however busy the
//! machine is. What the kernel does is not counted.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    Result, ensure,
    place::Place,
    process::{BINARY, Server},
};

/// A server whose instructions are counted between [`Counted::begin`] and [`Counted::end`].
pub struct Counted {
    pub server: Server,
    profile: PathBuf,
    profiles: u32,
}

/// Where profiles are kept, for `callgrind_annotate`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("instructions")
}

impl Counted {
    /// Starts it on what a place holds; its profiles are called `name`.
    pub async fn start(place: &Place, name: &str) -> Result<Self> {
        fs::create_dir_all(folder())?;
        let profile = folder().join(name);
        let mut command = Command::new("valgrind");
        command
            .args(["--quiet", "--tool=callgrind", "--instr-atstart=no"])
            .arg(format!("--callgrind-out-file={}", profile.display()))
            .arg(BINARY)
            // Else glibc fills and copies with instructions that count once a byte.
            .env(
                "GLIBC_TUNABLES",
                "glibc.cpu.x86_rep_stosb_threshold=1000000000:glibc.cpu.x86_rep_movsb_threshold=1000000000",
            )
            // One thread for all tasks: which of two would take one is chance.
            .env("TOKIO_WORKER_THREADS", "1");
        let server = Server::start_by(&mut command, place).await;
        let is_missing = |failure: &io::Error| failure.kind() == io::ErrorKind::NotFound;
        let server = server.map_err(|failure| match failure.downcast_ref() {
            Some(spawning) if is_missing(spawning) => {
                "there is no valgrind; on Debian and Ubuntu: apt-get install valgrind".into()
            }
            _ => failure,
        })?;
        Ok(Self {
            server,
            profile,
            profiles: 0,
        })
    }

    /// Counts from now on, at a fiftieth of the speed.
    pub fn begin(&self) -> Result<()> {
        self.control("--instr=on")?;
        self.control("--zero")
    }

    /// The instructions since the beginning.
    pub fn end(&mut self) -> Result<u64> {
        self.control("--dump")?;
        self.control("--instr=off")?;
        self.profiles += 1;
        let profile = fs::read_to_string(self.profile.with_extension(self.profiles.to_string()))?;
        let total = profile
            .lines()
            .find_map(|line| line.strip_prefix("totals:"));
        Ok(total.ok_or("a profile without a total")?.trim().parse()?)
    }

    fn control(&self, what: &str) -> Result<()> {
        let process = self.server.process.0.to_string();
        let output = Command::new("callgrind_control")
            .args([what, &process])
            .stdin(Stdio::null())
            .output()?;
        let answer = String::from_utf8_lossy(&output.stdout);
        ensure(output.status.success() && answer.contains("OK"), || {
            format!("callgrind_control {what}: {answer}")
        })
    }
}
