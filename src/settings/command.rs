//! What the program can be told to do besides serving.

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::{Args, Subcommand};
use secrecy::SecretString;

/// What else the program can do.
#[derive(Subcommand)]
pub enum Command {
    /// Print the GraphQL schema
    #[command(after_help = "Example:\n  chinwag schema > schema.graphql")]
    Schema,
    /// Write everything into one file, to keep or to move elsewhere
    Export(ExportOrder),
    /// Take over what was exported, or what another backend has in MongoDB
    Import(ImportOrder),
    /// Copy the embedded store's database into a file, beside the server that runs
    Backup(BackupOrder),
    /// Put such a copy into an empty data directory
    Restore(RestoreOrder),
    /// Go through everything and say whether it is whole
    Check(CheckOrder),
    /// List people, help the one who forgot the password, see how much there is
    Admin(AdminOrder),
    /// Ask the server that runs with these settings whether it is ready
    Health(HealthOrder),
}

/// Ask the server that runs with these settings whether it is ready.
///
/// It is asked at its host and port for /readyz; where it listens on all addresses, on this machine's own. Prints `ready`
/// and ends with 0, or ends with 1 where there is no server, it is not ready, or does not answer within 5 seconds.
#[derive(Args)]
#[command(after_help = "Example:\n  chinwag health --port 4000")]
pub struct HealthOrder {}

/// Copy the embedded store's database into a file, beside the server that runs.
///
/// No write waits for it. The file is there whole or not at all, and only its owner may read it: it has the hashes of
/// passwords and the secret that signs sessions.
#[derive(Args)]
#[command(after_help = "Example:\n  chinwag backup monday.db --data-dir ./data")]
pub struct BackupOrder {
    /// Where to; a file that is there already is left alone
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Put a copy that `chinwag backup` made into an empty data directory.
#[derive(Args)]
#[command(after_help = "Example:\n  chinwag restore monday.db --data-dir ./restored")]
pub struct RestoreOrder {
    /// The copy
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Go through everything and say whether it is whole.
///
/// The embedded store's server has to be stopped, or check a backup, restored; on MongoDB servers may go on.
#[derive(Args)]
#[command(after_help = "Example:\n  chinwag check --data-dir ./data")]
pub struct CheckOrder {}

/// List people, help the one who forgot the password, see how much there is.
///
/// It works while the server runs: on the embedded store through a socket file in its data directory, which only the owner
/// of that may use.
#[derive(Args)]
#[command(
    disable_help_subcommand = true,
    after_help = "Examples:\n  chinwag admin users --data-dir ./data\n  chinwag admin reset-password ann"
)]
pub struct AdminOrder {
    #[command(subcommand)]
    pub task: AdminTask,
    /// Print JSON lines
    #[arg(long, global = true)]
    pub json: bool,
}

/// What an operator does.
#[derive(Subcommand)]
pub enum AdminTask {
    /// List everyone with an account, by display name
    #[command(after_help = "Example:\n  chinwag admin users --json")]
    Users,
    /// Give someone a new password, the last word that is printed, and end all sessions
    #[command(after_help = "Example:\n  chinwag admin reset-password ann")]
    ResetPassword { username: String },
    /// Delete someone's account, as its owner could; messages stay, with a deleted sender
    #[command(after_help = "Example:\n  chinwag admin delete-user ann")]
    DeleteUser { username: String },
    /// Sign someone out everywhere
    #[command(after_help = "Example:\n  chinwag admin end-sessions ann")]
    EndSessions { username: String },
    /// Count people, conversations, messages and sessions
    #[command(after_help = "Example:\n  chinwag admin stats --json")]
    Stats,
}

/// Write everything into one file, to keep or to move elsewhere.
///
/// The file has JSON lines, the same for both stores, with the hashes of passwords: only its owner may read it. The
/// embedded store's server has to be stopped; on MongoDB servers may go on.
#[derive(Args)]
#[command(after_help = "Example:\n  chinwag export everything.jsonl --data-dir ./data")]
pub struct ExportOrder {
    /// Where to; a file that is there already is left alone
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
}

/// Take over what was exported, or what another backend has in MongoDB.
///
/// It can be stopped at any moment and run again: what is there already is left as it is. The embedded store's server has
/// to be stopped; on MongoDB servers may go on.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  chinwag import --from everything.jsonl --mongodb-uri mongodb://localhost/chinwag\n  \
                  chinwag import --from mongodb://localhost/chat-app --data-dir ./data"
)]
pub struct ImportOrder {
    /// A file of `chinwag export`, or the connection string (mongodb://host:port/database) of an Express and Mongoose
    /// backend
    #[arg(long, value_name = "FILE|URI", value_parser = Source::from_str)]
    pub from: Source,
    /// Only say what would be imported into an empty store; no store is opened
    #[arg(long)]
    pub dry_run: bool,
    /// Of another backend: where to write what was not imported or was changed, and why
    #[arg(long, value_name = "FILE", default_value = "import-report.jsonl")]
    pub report: PathBuf,
    /// Of another backend, which knows no read marks: take all that is imported as read; else what others wrote since
    /// one's own last message is unread
    #[arg(long)]
    pub as_read: bool,
}

/// What is imported.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file of `chinwag export`.
    File(PathBuf),
    /// The database of another backend.
    Backend(SecretString),
}

impl FromStr for Source {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let is_address = ["mongodb:", "mongodb+srv:"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        Ok(if is_address {
            Self::Backend(SecretString::from(text.to_owned()))
        } else {
            Self::File(text.into())
        })
    }
}
