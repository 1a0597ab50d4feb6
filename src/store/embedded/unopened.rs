//! What lies in a data directory that is not opened, as another store serves.

use std::{fmt, path::Path};

use super::{
    files::{self, DATABASE},
    user,
};

/// How many users a directory holds that nobody opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unopened {
    pub users: u64,
    /// Whether a log beside the file may hold more.
    pub or_more: bool,
}

impl Unopened {
    /// Looks at the database file alone, without a lock and without a change, whoever else may use it; none where
    /// there is no such file. Blocks on the disk.
    ///
    /// # Errors
    /// One line for the log when what is there cannot be read.
    pub fn look(dir: &Path) -> Result<Option<Self>, String> {
        let path = dir.join(DATABASE);
        if !path.is_file() {
            return Ok(None);
        }
        let log = dir.join(format!("{DATABASE}-wal"));
        let or_more = log.metadata().is_ok_and(|log| log.len() > 0);
        let users = count(&path).map_err(|error| error.to_string())?;
        Ok(Some(Self { users, or_more }))
    }

    /// Whether there may be anyone.
    pub fn has_users(&self) -> bool {
        self.users > 0 || self.or_more
    }
}

fn count(path: &Path) -> Result<u64, Box<dyn std::error::Error>> {
    let db = files::untouched(path)?;
    // All that a server wrote before it was killed at once may stand in the log.
    if db.table_exists(None, "users")? {
        Ok(user::count(&db)?)
    } else {
        Ok(0)
    }
}

impl fmt::Display for Unopened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.or_more { " or more" } else { "" };
        write!(f, "{}{more}", self.users)
    }
}
