//! Moving in, out and from one store to the other, by the program's commands.

mod admin;
mod backend;
mod failing;
mod keeping;
mod own;
mod upgrade;

use std::path::Path;

use chinwag::app::StoreConfig;
use secrecy::ExposeSecret;

use crate::support::{
    app::Place,
    launch::{Ended, Launch},
    store::StoreKind,
};

impl StoreKind {
    /// The one to move to.
    fn other(self) -> Self {
        match self {
            Self::Embedded => Self::Mongo,
            Self::Mongo => Self::Embedded,
        }
    }
}

/// A start of the program over what is at a place.
pub fn launch(place: &Place) -> Launch {
    let launch = Launch::bare().env("BCRYPT_COST", "10");
    match &place.store {
        StoreConfig::Embedded { dir } => launch.env("DATA_DIR", dir.to_str().expect("UTF-8")),
        StoreConfig::Mongo { uri } => launch.env("MONGODB_URI", uri.expose_secret()),
    }
}

/// What a command that went well printed. What takes long says how far it is, on stderr.
async fn does(launch: Launch, args: &[&str]) -> String {
    let ended = launch.args(args).ends().await;
    let is_progress = |line: &str| {
        let number = line.split(' ').next().map(str::parse::<u64>);
        matches!(number, Some(Ok(_)))
    };
    let is_well = ended.code == Some(0) && ended.stderr.lines().all(is_progress);
    assert!(is_well, "{args:?}: {ended:?}");
    ended.stdout
}

/// What became of a command.
async fn tries(launch: Launch, args: &[&str]) -> Ended {
    launch.args(args).ends().await
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
