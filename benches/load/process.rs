//! Processes under measurement: what they cost, and the servers among them.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    Result,
    http::Http,
    place::{JWT_SECRET, Place},
};

/// The program of the server under test.
pub const BINARY: &str = env!("CARGO_BIN_EXE_chinwag");

/// The kernel counts CPU time for other processes in hundredths of a second, on every architecture.
const TICK: Duration = Duration::from_millis(10);

/// A running process.
#[derive(Clone, Copy)]
pub struct Process(pub u32);

impl Process {
    /// This one.
    pub fn own() -> Self {
        Self(std::process::id())
    }

    /// The CPU time that it and the kernel for it have used.
    pub fn cpu(self) -> Result<Duration> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        // The program's name, in brackets, may hold anything; state is the first field behind it, utime the 12th.
        let (_, fields) = stat.rsplit_once(')').ok_or("a stat without a name")?;
        let mut ticks = 0;
        for field in fields.split_whitespace().skip(11).take(2) {
            ticks += field.parse::<u32>()?;
        }
        Ok(TICK * ticks)
    }

    /// The bytes of memory that it has resident.
    pub fn memory(self) -> Result<i64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.ok_or("a process without memory")?;
        Ok(kilobytes.trim().trim_end_matches(" kB").parse::<i64>()? * 1_024)
    }
}

/// A server in a process of its own; killed when dropped.
pub struct Server {
    child: Child,
    /// Kept open: it goes on to write there.
    _output: BufReader<ChildStdout>,
    pub address: SocketAddr,
    pub process: Process,
    /// From the spawn to the first request that was answered.
    pub started_in: Duration,
}

impl Server {
    /// The server under test, on what a place holds.
    pub async fn start(place: &Place) -> Result<Self> {
        Self::start_by(&mut Command::new(BINARY), place).await
    }

    /// The same, by a command that runs its program.
    pub async fn start_by(command: &mut Command, place: &Place) -> Result<Self> {
        let (variable, value) = place.setting();
        Self::spawn(
            command
                .env_remove("MONGODB_URI")
                .env("PORT", "0")
                .env("RATE_LIMITS", "off")
                .env("BCRYPT_COST", "10")
                .env("JWT_SECRET", JWT_SECRET)
                .env("LOG", "warn")
                .env(variable, value),
        )
        .await
    }

    /// A program that prints its `http://` address first and answers at `/healthz`.
    pub async fn spawn(command: &mut Command) -> Result<Self> {
        let began = Instant::now();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let output = child.stdout.take().ok_or("a server without output")?;
        let mut output = BufReader::new(output);
        output.read_line(&mut line)?;
        let (_, address) = line.split_once("http://").ok_or("the server gave up")?;
        let address = address.trim().parse()?;
        let process = Process(child.id());
        let mut server = Self {
            child,
            _output: output,
            address,
            process,
            started_in: Duration::ZERO,
        };
        Http::open(address).await?.get("/healthz").await?;
        server.started_in = began.elapsed();
        Ok(server)
    }

    /// Waits until it says that it is ready.
    pub async fn ready(&self) -> Result<()> {
        for _ in 0..3_000 {
            if Http::open(self.address).await?.get("/readyz").await.is_ok() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err("a server never was ready".into())
    }

    /// What a counter or gauge of its metrics stands at.
    pub async fn metric(&self, name: &str) -> Result<u32> {
        let mut http = Http::open(self.address).await?;
        let page = http.get("/metrics").await?;
        let mut lines = page.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let value = line.ok_or_else(|| format!("no {name} among the metrics"))?;
        Ok(value.split('.').next().unwrap_or(value).parse()?)
    }

    /// Waits until so many subscriptions are under way.
    pub async fn subscriptions(&self, count: u32) -> Result<()> {
        for _ in 0..3_000 {
            if self.metric("chinwag_subscriptions").await? == count {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(format!("there never were {count} subscriptions").into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Measures from its start on.
pub struct Meter {
    servers: Vec<(Process, Duration)>,
    database: Option<(Process, Duration)>,
    began: Instant,
}

/// What something cost.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    /// Of all servers together.
    pub server: Duration,
    pub database: Option<Duration>,
    pub took: Duration,
}

impl Meter {
    /// For a server and the database below it.
    pub fn start(server: Process, database: Option<Process>) -> Result<Self> {
        Self::start_all([server], database)
    }

    /// For several servers and the database below them.
    pub fn start_all(
        servers: impl IntoIterator<Item = Process>,
        database: Option<Process>,
    ) -> Result<Self> {
        let now = |process: Process| Result::<_>::Ok((process, process.cpu()?));
        Ok(Self {
            servers: servers.into_iter().map(now).collect::<Result<_>>()?,
            database: database.map(now).transpose()?,
            began: Instant::now(),
        })
    }

    /// How long ago it was started.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// What was used since the start.
    pub fn stop(self) -> Result<Cost> {
        let took = self.began.elapsed();
        let since = |(process, then): (Process, Duration)| {
            Result::<_>::Ok(process.cpu()?.saturating_sub(then))
        };
        Ok(Cost {
            server: self.servers.into_iter().map(since).sum::<Result<_>>()?,
            database: self.database.map(since).transpose()?,
            took,
        })
    }
}

impl Cost {
    /// The same cost, of what took only this long.
    pub fn within(self, took: Duration) -> Self {
        Self { took, ..self }
    }

    /// This and the other, one after the other.
    pub fn and(self, other: Self) -> Self {
        let database = [self.database, other.database];
        Self {
            server: self.server + other.server,
            database: database
                .into_iter()
                .flatten()
                .reduce(|this, other| this + other),
            took: self.took + other.took,
        }
    }

    /// What this cost more than `base`, which did the same but for one thing.
    pub fn beyond(self, base: Self) -> Self {
        let database = self.database.zip(base.database);
        Self {
            server: self.server.saturating_sub(base.server),
            database: database.map(|(this, base)| this.saturating_sub(base)),
            took: self.took,
        }
    }
}
