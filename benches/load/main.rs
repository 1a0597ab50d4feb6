//! `cargo bench --bench load`: what the server costs. Starts the real server on an empty store, drives it from this
//! process over real sockets and prints CPU time an operation, beside what the parts below it cost in the same run.
//!
//! `-- --instructions` counts instructions instead, which do not depend on what else the machine does.
//!
//! Whatever was sent must arrive once, in order, and stay: else the run fails. `-- --help` lists the arguments.

mod audience;
mod callgrind;
mod changes;
mod chat;
mod delivery;
mod floors;
mod groups;
mod growth;
mod http;
mod idle;
mod inserts;
mod instructions;
mod login;
#[path = "../../tests/it/support/mongod.rs"]
#[expect(dead_code, reason = "tests use all of it")]
mod mongod;
mod pages;
#[path = "../../tests/it/support/pip.rs"]
mod pip;
mod place;
mod presence;
mod process;
mod processes;
mod report;
mod stand_in;
mod start;
mod talk;
mod work;
mod ws;

use std::{process::ExitCode, time::Duration};

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
    /// The rows to run, separated by commas; all but growth and processes, when left out
    #[arg(long, value_delimiter = ',')]
    only: Vec<Row>,
    /// A tenth of the work: to see that all is well, not for figures
    #[arg(long)]
    quick: bool,
    /// Counts the server's instructions under valgrind instead, on the embedded store: about 2 minutes
    #[arg(long, conflicts_with_all = ["store", "only"])]
    instructions: bool,
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
    Changes,
    Delivery,
    Groups,
    Presence,
    Idle,
    History,
    Sidebar,
    /// How cost grows with the work, in six rows: about 10 minutes on each store
    Growth,
    /// Idle sockets, 1,000 to 20,000: about 2 minutes
    GrowthSockets,
    /// Watchers of presence, 100 to 5,000, when 1,000 people come: about a minute
    GrowthWatchers,
    /// Messages in a conversation, 1,000 to 1,000,000: about a minute
    GrowthHistory,
    /// Searches in 10,000 to 1,000,000 messages: some minutes
    GrowthSearch,
    /// Conversations of one user, 10 and 1,000: seconds
    GrowthConversations,
    /// Users, 1,000 and 100,000: about a minute
    GrowthUsers,
    /// One, two and four processes on one MongoDB; nothing on the embedded store: about 5 minutes
    Processes,
    /// Of that, what processes hear of each other: about 2 minutes
    ProcessesHearing,
}

impl Row {
    /// Whether it runs only when it is named: it takes its time.
    fn is_long(self) -> bool {
        matches!(
            self,
            Self::Growth
                | Self::GrowthSockets
                | Self::GrowthWatchers
                | Self::GrowthHistory
                | Self::GrowthSearch
                | Self::GrowthConversations
                | Self::GrowthUsers
                | Self::Processes
                | Self::ProcessesHearing
        )
    }
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

    /// How long to do something.
    fn span(&self, full: Duration) -> Duration {
        if self.quick { full / 10 } else { full }
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.stand_in {
        Some(kind) => stand_in::serve(kind).await,
        None if arguments.instructions => instructions::instructions(arguments.quick).await,
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
            let named = arguments.only.contains(row);
            if named || arguments.only.is_empty() && !row.is_long() {
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
            Row::Changes => changes::changes(self).await,
            Row::Delivery => delivery::delivery(self).await,
            Row::Groups => groups::groups(self).await,
            Row::Presence => presence::presence(self).await,
            Row::Idle => idle::idle(self).await,
            Row::History => pages::history(self).await,
            Row::Sidebar => pages::sidebar(self).await,
            Row::Growth => growth::growth(self).await,
            Row::GrowthSockets => growth::sockets(self).await,
            Row::GrowthWatchers => growth::watchers(self).await,
            Row::GrowthHistory => growth::history(self).await,
            Row::GrowthSearch => growth::search(self).await,
            Row::GrowthConversations => growth::conversations(self).await,
            Row::GrowthUsers => growth::users(self).await,
            Row::Processes => processes::processes(self).await,
            Row::ProcessesHearing => processes::hear(self).await,
        }
    }
}

/// Fails the run, saying what, unless it holds.
fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(what().into()) }
}
