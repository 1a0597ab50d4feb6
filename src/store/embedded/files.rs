//! The data directory: its lock, its database, and the connections to that.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    path::Path,
    thread::{self, available_parallelism},
    time::{Duration, Instant},
};

use rusqlite::{Connection, ErrorCode, OpenFlags, config::DbConfig};

use super::{presence, schema};
use crate::{domain::Timestamp, store::OpenError};

/// The name of the database's file.
pub(super) const DATABASE: &str = "chinwag.db";

/// The fewest and the most connections that read; in between, one a core.
const READERS: (usize, usize) = (2, 4);

/// How many statements a connection keeps prepared: more than there are.
const STATEMENTS: usize = 64;

/// How long a connection waits for a lock that a person's own tool may hold for a moment, such as a backup's.
const BUSY: Duration = Duration::from_secs(1);

/// How long a data directory that is in use is waited for.
const MOMENT: Duration = Duration::from_secs(1);

/// For every connection: at most 8 MiB of pages in memory, and sorting there too.
const SETTINGS: &str = "PRAGMA cache_size = -8192; PRAGMA temp_store = MEMORY;";

/// For the writer: a commit returns when it is on disk, and what is deleted is overwritten. The log is folded into the
/// database by a thread of its own; the writer does so only when the log has outgrown 4,000 pages (16 MiB) all the same,
/// and what it outgrows in a burst is given back beyond 64 MiB.
const WRITER_SETTINGS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA secure_delete = ON;
    PRAGMA wal_autocheckpoint = 4000;
    PRAGMA journal_size_limit = 67108864;";

/// What an open data directory consists of.
pub(super) struct Files {
    /// Keeps other processes out as long as it is open.
    pub(super) lock: File,
    pub(super) writer: Connection,
    pub(super) readers: Vec<Connection>,
    /// Folds the log into the database.
    pub(super) checkpointer: Connection,
}

/// Opens `dir`, made when there is none, for this process alone.
pub(super) fn open(dir: &Path) -> Result<Files, OpenError> {
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        OpenError::new(format!(
            "the data directory {} cannot be {what}: {error}",
            dir.display()
        ))
    };
    make_private(dir).map_err(|error| cannot("created", &error))?;
    let lock = private_file(&dir.join("lock")).map_err(|error| cannot("written", &error))?;
    lock_within(&lock, MOMENT).map_err(|refusal| match refusal {
        TryLockError::WouldBlock => OpenError::new(format!(
            "the data directory {} is in use by another chinwag",
            dir.display()
        )),
        TryLockError::Error(error) => cannot("locked", &error),
    })?;
    let path = dir.join(DATABASE);
    private_file(&path).map_err(|error| cannot("written", &error))?;
    connect(&path, lock)
}

/// Locks a file, or says why not once so long has passed. An earlier holder may be about to end, and a program that one
/// process is just starting holds on to that one's locks until it runs.
fn lock_within(file: &File, time: Duration) -> Result<(), TryLockError> {
    let began = Instant::now();
    loop {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) if began.elapsed() < time => {
                thread::sleep(Duration::from_millis(10));
            }
            outcome => return outcome,
        }
    }
}

fn connect(path: &Path, lock: File) -> Result<Files, OpenError> {
    let failed = |error: rusqlite::Error| {
        OpenError::new(match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => format!("{} is not a database", path.display()),
            _ => format!("the database {} cannot be opened: {error}", path.display()),
        })
    };
    let mut writer = connection(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?;
    let version = schema::version(&writer).map_err(failed)?;
    if version > schema::VERSION {
        return Err(OpenError::new(format!(
            "{} was written by a newer chinwag (its version is {version}, this one knows {})",
            path.display(),
            schema::VERSION
        )));
    }
    let journal: String = writer
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(failed)?;
    if journal != "wal" {
        return Err(OpenError::new(format!(
            "the file system of {} cannot hold a database with a write-ahead log",
            path.display()
        )));
    }
    writer.execute_batch(WRITER_SETTINGS).map_err(failed)?;
    schema::migrate(&mut writer).map_err(failed)?;
    presence::take_offline_those_left(&writer, Timestamp::now()).map_err(failed)?;

    let (fewest, most) = READERS;
    let count = available_parallelism().map_or(fewest, |cores| cores.get().clamp(fewest, most));
    let readers = (0..count).map(|_| connection(path, OpenFlags::SQLITE_OPEN_READ_ONLY));
    Ok(Files {
        lock,
        writer,
        readers: readers.collect::<Result<_, _>>().map_err(failed)?,
        checkpointer: connection(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(failed)?,
    })
}

pub(super) fn connection(path: &Path, access: OpenFlags) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(BUSY)?;
    // Plans do not hang on what is bound to a statement: else it would be prepared anew with each new value.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    db.execute_batch(SETTINGS)?;
    Ok(db)
}

/// The version of the tables in a file that nobody uses: 1 or more.
///
/// # Errors
/// There is no such file, or it is no database of ours.
pub(super) fn version_of(path: &Path) -> Result<u32, Box<dyn std::error::Error>> {
    let db = untouched(path)?;
    let version = schema::version(&db)?;
    if version == 0 || !db.table_exists(None, "meta")? {
        return Err("it is a database of something else".into());
    }
    Ok(version)
}

/// Reads a file without a lock, without a change, and without what may stand beside it.
pub(super) fn untouched(path: &Path) -> Result<Connection, Box<dyn std::error::Error>> {
    let mut uri = url::Url::from_file_path(std::path::absolute(path)?)
        .map_err(|()| "the path cannot be written as a URI")?;
    uri.set_query(Some("immutable=1"));
    let access = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    Ok(Connection::open_with_flags(uri.as_str(), access)?)
}

/// Makes a directory that only its owner may enter, unless it is there.
pub(super) fn make_private(dir: &Path) -> std::io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    private_dir().create(dir)
}

/// For a directory and its parents that only their owner may enter.
fn private_dir() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

/// Opens a file for writing; a new one only its owner may read, SQLite's files beside it inherit that.
pub(super) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
