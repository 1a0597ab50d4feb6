//! `chinwag backup` and `chinwag restore`, of the embedded store.

use std::path::PathBuf;

use tokio::task::spawn_blocking;

use super::{Failure, progress::counted, whole_file::WholeFile};
use crate::{
    app::{Config, StoreConfig},
    settings::{BackupOrder, RestoreOrder},
    store::embedded,
};

/// Copies the database beside whoever uses it; gives what is to be printed.
pub async fn back_up(config: &Config, order: &BackupOrder) -> Result<String, Failure> {
    let StoreConfig::Embedded { dir } = &config.store else {
        return Err(of_mongodb("mongodump --oplog"));
    };
    let file = WholeFile::begin(&order.file)?;
    let (dir, unfinished) = (dir.clone(), file.unfinished().to_owned());
    // Whoever interrupts this drops the file, and with it what is of it so far.
    let copying = spawn_blocking(move || embedded::back_up(&dir, &unfinished));
    copying.await.map_err(Failure::new)??;
    let finishing = spawn_blocking(|| file.finish());
    finishing.await.map_err(Failure::new)??;
    Ok(format!("backed up to {}\n", order.file.display()))
}

/// Puts a copy into an empty data directory; gives what is to be printed.
pub async fn restore(config: &Config, order: &RestoreOrder) -> Result<String, Failure> {
    let StoreConfig::Embedded { dir } = &config.store else {
        return Err(of_mongodb("mongorestore --oplogReplay"));
    };
    let (dir, path) = (dir.clone(), order.file.clone());
    let _unfinished = Unfinished(embedded::unfinished(&dir));
    let copying = spawn_blocking(move || {
        embedded::restore(&path, &dir)?;
        let there = embedded::Unopened::look(&dir).map_err(Failure::new)?;
        let users = counted(there.map_or(0, |there| there.users), "user");
        Ok::<_, Failure>(format!("restored {users} to {}\n", dir.display()))
    });
    copying.await.map_err(Failure::new)?
}

/// A copy that has not got its name yet; gone when this is dropped.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn of_mongodb(tool: &str) -> Failure {
    Failure::new(format_args!(
        "MongoDB has tools of its own for this ({tool}); see docs/running.md"
    ))
}
