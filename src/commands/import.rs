//! `chinwag import`: from a file that `chinwag export` wrote, or from the usual Express and Mongoose backend.

mod backend;
mod log;
mod own;

use secrecy::ExposeSecret;

use super::Failure;
use crate::{
    app::Config,
    settings::{ImportOrder, Source},
};

/// Takes over what the source holds; gives the line that says how much that was.
pub async fn run(config: &Config, order: &ImportOrder) -> Result<String, Failure> {
    match &order.from {
        Source::File(path) => own::run(config, path, order.dry_run).await,
        Source::Backend(uri) => backend::run(config, uri.expose_secret(), order).await,
    }
}
