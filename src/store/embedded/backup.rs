//! A copy of the database, made beside whoever uses it, and put back.

use std::{
    error::Error,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};

use super::files::{self, DATABASE};
use crate::store::OpenError;

/// How many pages are copied before they are synced. A disk that gets much at once to sync lets everyone wait meanwhile
/// who has a write to sync there, senders among them.
const PART: i32 = 512;

/// Copies what the database in a data directory holds at this moment into a file, which is empty. Whoever serves the
/// directory goes on, and no write waits. Blocks on the disk; the end of the copy is not synced.
///
/// # Errors
/// One line: there is no database, or either cannot be read or written.
pub fn back_up(dir: &Path, to: &Path) -> Result<(), OpenError> {
    let from = dir.join(DATABASE);
    if !from.is_file() {
        let dir = dir.display();
        return Err(OpenError::new(format_args!(
            "there is no store in {dir} (DATA_DIR)"
        )));
    }
    let copy = || -> Result<(), Box<dyn Error>> {
        let from = files::connection(&from, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        // It is there, or whoever wanted it has taken it away again.
        let written = File::open(to)?;
        let mut to = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        // Until it has its name, it is nothing that anybody would go on with.
        to.execute_batch("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")?;
        // In one transaction: else what is written between two parts would have it begin anew.
        from.execute_batch("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1;")?;
        let backup = Backup::new(&from, &mut to)?;
        loop {
            match backup.step(PART)? {
                StepResult::Done => break,
                StepResult::More => written.sync_data()?,
                _ => return Err("it is locked".into()),
            }
        }
        drop(backup);
        Ok(to.close().map_err(|(_, error)| error)?)
    };
    copy().map_err(|error| {
        let (from, to) = (from.display(), to.display());
        OpenError::new(format_args!("{from} cannot be copied to {to}: {error}"))
    })
}

/// Puts a copy into a data directory, made when there is none, in which nothing is. Blocks on the disk.
///
/// # Errors
/// One line: the file is no copy of a database that this program knows, or something is in the directory.
pub fn restore(from: &Path, dir: &Path) -> Result<(), OpenError> {
    let shown = from.display();
    let version = files::version_of(from).map_err(|error| {
        OpenError::new(format_args!("{shown} is no backup of chinwag: {error}"))
    })?;
    if version > super::schema::VERSION {
        let newer = format_args!("{shown} was written by a newer chinwag");
        return Err(OpenError::new(newer));
    }
    put(from, dir).map_err(|error| {
        let dir = dir.display();
        OpenError::new(format_args!("{shown} cannot be restored to {dir}: {error}"))
    })
}

/// What a restore writes in a data directory until it is whole.
pub fn unfinished(dir: &Path) -> PathBuf {
    dir.join(format!("{DATABASE}.unfinished"))
}

fn put(from: &Path, dir: &Path) -> io::Result<()> {
    files::make_private(dir)?;
    let unfinished = unfinished(dir);
    for entry in fs::read_dir(dir)? {
        // That is what a restore left that was stopped.
        if entry?.path() != unfinished {
            return Err(io::Error::other(
                "there is something in it; only an empty folder will do",
            ));
        }
    }
    let mut copy = files::private_file(&unfinished)?;
    copy.set_len(0)?;
    io::copy(&mut File::open(from)?, &mut copy)?;
    copy.sync_all()?;
    fs::rename(&unfinished, dir.join(DATABASE))?;
    File::open(dir)?.sync_all()
}
