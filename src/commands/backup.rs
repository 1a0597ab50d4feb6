//! `chinwag backup` and `chinwag restore`, of the embedded store.

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
    let (dir, path) = (dir.clone(), order.file.clone());
    let copying = spawn_blocking(move || {
        let file = WholeFile::begin(&path)?;
        embedded::back_up(&dir, file.unfinished())?;
        file.finish()?;
        Ok::<_, Failure>(format!("backed up to {}\n", path.display()))
    });
    copying.await.map_err(Failure::new)?
}

/// Puts a copy into an empty data directory; gives what is to be printed.
pub async fn restore(config: &Config, order: &RestoreOrder) -> Result<String, Failure> {
    let StoreConfig::Embedded { dir } = &config.store else {
        return Err(of_mongodb("mongorestore --oplogReplay"));
    };
    let (dir, path) = (dir.clone(), order.file.clone());
    let copying = spawn_blocking(move || {
        embedded::restore(&path, &dir)?;
        let there = embedded::Unopened::look(&dir).map_err(Failure::new)?;
        let users = counted(there.map_or(0, |there| there.users), "user");
        Ok::<_, Failure>(format!("restored {users} to {}\n", dir.display()))
    });
    copying.await.map_err(Failure::new)?
}

fn of_mongodb(tool: &str) -> Failure {
    Failure::new(format_args!(
        "MongoDB has tools of its own for this ({tool}); see docs/running.md"
    ))
}
