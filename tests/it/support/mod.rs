//! What tests stand on: servers, clients, stores, a real mongod.

pub mod acts;
pub mod app;
pub mod client;
pub mod feed;
pub mod frames;
pub mod jwt;
pub mod launch;
pub mod link;
pub mod mongod;
pub mod npm;
pub mod picture;
pub mod pip;
pub mod program;
pub mod raw;
pub mod reader;
pub mod record;
pub mod replicas;
pub mod schema;
pub mod store;
pub mod strace;
pub mod turns;
pub mod ws;

pub use app::TestApp;
pub use client::{Client, json};
pub use reader::Reader;

/// What a test needs that this machine may lack. Where it does, CI fails, and elsewhere it is said aloud.
pub fn or_skipped<T>(what: &str, found: Result<T, String>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(reason) if std::env::var_os("CI").is_none() => {
            eprintln!("SKIPPED: there is no {what} to test with: {reason}");
            None
        }
        Err(reason) => panic!("there is no {what} to test with: {reason}"),
    }
}

/// Asks again and again until the answer is yes.
pub async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !holds().await {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    assert!(
        tokio::time::timeout(ws::PATIENCE, asking).await.is_ok(),
        "still waiting until {what}"
    );
}

/// Makes each test run on every kind of store: `name::embedded` and `name::mongo`. A test is an
/// `async fn(StoreKind)`; it starts the servers that it needs with [`TestApp`].
#[macro_export]
macro_rules! on_both_stores {
    ($($name:ident),+ $(,)?) => {
        $(
            mod $name {
                use $crate::support::store::StoreKind;

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn embedded() {
                    super::$name(StoreKind::Embedded).await;
                }

                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn mongo() {
                    if $crate::support::store::mongo_is_there().await {
                        super::$name(StoreKind::Mongo).await;
                    }
                }
            }
        )+
    };
}
