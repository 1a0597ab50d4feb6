//! What the program can do besides serving, a file a command. All take the store from the same settings as serving, end
//! with 0 or 1, and say in one line what went wrong.

mod admin;
mod backup;
mod check;
mod export;
mod failure;
mod format;
mod health;
mod import;
mod opened;
mod progress;
mod whole_file;

use std::io::Write;

use futures_util::future::LocalBoxFuture;

pub use failure::Failure;

use crate::settings::{Command, Settings};

/// Carries out the command of the settings, and gives what is to be printed; nothing when there is none.
///
/// # Errors
/// One line that says what went wrong.
pub fn run(settings: &Settings) -> LocalBoxFuture<'_, Result<(), Failure>> {
    Box::pin(carry_out(settings))
}

async fn carry_out(settings: &Settings) -> Result<(), Failure> {
    let config = settings.config();
    let said = match &settings.command {
        None => return Ok(()),
        Some(Command::Schema) => crate::graphql::sdl(),
        Some(Command::Export(order)) => export::run(&config, order).await?,
        Some(Command::Admin(order)) => admin::run(&config, order).await?,
        Some(Command::Backup(order)) => backup::back_up(&config, order).await?,
        Some(Command::Restore(order)) => backup::restore(&config, order).await?,
        Some(Command::Check(_)) => check::run(&config).await?,
        Some(Command::Health(_)) => health::run((settings.host, settings.port).into()).await?,
        Some(Command::Import(order)) => import::run(&config, order).await?,
    };
    say(&said);
    Ok(())
}

/// Whoever reads it may be gone, which is no reason to stop.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}
