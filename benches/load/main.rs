//! `cargo bench --bench load`: what the server costs. Starts the real server on an empty store, drives it from this
//! process over real sockets and prints CPU time an operation, beside what the parts below it cost in the same run.
//!
//! Whatever was sent must arrive once, in order, and stay: else the run fails. `-- --help` lists the arguments.

mod audience;
mod chat;
mod delivery;
mod floors;
mod http;
mod idle;
mod login;
#[path = "../../tests/it/support/mongod.rs"]
#[expect(dead_code, reason = "tests use all of it")]
mod mongod;
mod pages;
mod place;
mod presence;
mod process;
mod report;
mod stand_in;
mod start;
mod talk;
mod ws;

use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use mongod::OwnMongod;
use place::Place;
use process::Process;
use stand_in::StandIn;

/// Anything that keeps a run from its end: what was lost, or what the system refused.
type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What the server costs, an operation.
#[derive(Parser)]
struct Arguments {
    /// The store to run on; both, when left out
    #[arg(long)]
    store: Option<Store>,
    /// The rows to run, separated by commas; all, when left out
    #[arg(long, value_delimiter = ',')]
    only: Vec<Row>,
    /// A tenth of the work: to see that all is well, not for figures
    #[arg(long)]
    quick: bool,
    /// Serves as what the server is compared with; for this program itself
    #[arg(long, hide = true)]
    stand_in: Option<StandIn>,
    /// What `cargo bench` says to every benchmark
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Store {
    Embedded,
    Mongo,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Row {
    Start,
    Login,
    Floors,
    Chat,
    Delivery,
    Presence,
    Idle,
    History,
    Sidebar,
}

/// One run on one store.
struct Bench {
    store: Store,
    quick: bool,
    mongod: Option<OwnMongod>,
    /// The database server's process, where there is one.
    database: Option<Process>,
}

impl Bench {
    async fn new(store: Store, quick: bool) -> Result<Self> {
        let mongod = match store {
            Store::Embedded => None,
            Store::Mongo => Some(mongod::own().await?),
        };
        let database = match &mongod {
            Some(mongod) => Some(place::process_of(&mongod.uri_for("")).await?),
            None => None,
        };
        Ok(Self {
            store,
            quick,
            mongod,
            database,
        })
    }

    /// An empty place for a server.
    fn place(&self) -> Place {
        match &self.mongod {
            Some(mongod) => Place::mongo(mongod.uri_for(&mongod::fresh_database())),
            None => Place::folder(),
        }
    }

    /// How many of something to do.
    fn count(&self, full: u32) -> u32 {
        if self.quick { full / 10 } else { full }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.stand_in {
        Some(kind) => stand_in::serve(kind).await,
        None => run(&arguments).await,
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            println!("FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    report::heading()?;
    for store in [Store::Embedded, Store::Mongo] {
        if arguments.store.is_some_and(|only| only != store) {
            continue;
        }
        let bench = Bench::new(store, arguments.quick).await?;
        for row in Row::value_variants() {
            if arguments.only.is_empty() || arguments.only.contains(row) {
                bench.row(*row).await?;
            }
        }
    }
    Ok(())
}

impl Bench {
    async fn row(&self, row: Row) -> Result<()> {
        match row {
            Row::Start => start::start(self).await,
            Row::Login => login::login(self).await,
            Row::Floors => floors::floors(self).await,
            Row::Chat => chat::chat(self).await,
            Row::Delivery => delivery::delivery(self).await,
            Row::Presence => presence::presence(self).await,
            Row::Idle => idle::idle(self).await,
            Row::History => pages::history(self).await,
            Row::Sidebar => pages::sidebar(self).await,
        }
    }
}

/// Fails the run, saying what, unless it holds.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(what().into()) }
}
