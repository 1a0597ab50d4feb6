//! The program at work: how it stops, what it logs, what it tells of itself.

mod accounts;
mod backup;
mod health;
mod lines;
mod logs;
mod origins;
mod readiness;
mod rereading;
mod service;
mod stopping;

use crate::support::{
    launch::Launch,
    mongod,
    store::{StoreKind, TempDir},
};

/// A place for a program, and how to start one there.
struct Home {
    dir: TempDir,
    uri: Option<String>,
}

impl Home {
    async fn new(kind: StoreKind) -> Self {
        let uri = match kind {
            StoreKind::Embedded => None,
            StoreKind::Mongo => {
                let mongod = mongod::shared().await.expect("a mongod");
                Some(mongod.uri_for(&mongod::fresh_database()))
            }
        };
        Self {
            dir: TempDir::new(),
            uri,
        }
    }

    fn launch(&self) -> Launch {
        let launch = Launch::over(self.dir.path());
        match &self.uri {
            Some(uri) => launch.env("MONGODB_URI", uri),
            None => launch,
        }
    }
}
