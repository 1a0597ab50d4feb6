//! The program: read settings, start, run until a signal.

use std::{io::Write, net::SocketAddr, process::ExitCode, time::Duration};

use chinwag::{
    app::App,
    settings::{Command, Settings, Unreadable},
    telemetry,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Answers are made of many short texts, which it makes and drops in less time than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = match Settings::read(std::env::args_os()) {
        Ok(settings) => settings,
        Err(asked @ Unreadable::Asked(_)) => {
            say(&asked.to_string());
            return ExitCode::SUCCESS;
        }
        Err(wrong @ Unreadable::Wrong(_)) => return failed(&wrong.to_string()),
    };
    if let Some(Command::Schema) = settings.command {
        say(&chinwag::graphql::sdl());
        return ExitCode::SUCCESS;
    }
    telemetry::start(&settings.log, settings.log_format);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("chinwag: no threads to run on: {error}")),
    };
    let served = runtime.block_on(serve(settings));
    // What still runs by now was given its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => failed(&reason),
    }
}

/// Whoever reads it may be gone, which is no reason to stop.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[expect(
    clippy::print_stderr,
    reason = "the one line that the person who starts it sees"
)]
fn failed(line: &str) -> ExitCode {
    eprintln!("{line}");
    ExitCode::FAILURE
}

async fn serve(settings: Settings) -> Result<(), String> {
    let line = |error: chinwag::app::StartError| format!("chinwag: {error}");
    let signals = |kind| signal(kind).map_err(|error| format!("chinwag: no signals: {error}"));
    let (mut terminate, mut interrupt) = (
        signals(SignalKind::terminate())?,
        signals(SignalKind::interrupt())?,
    );
    let starting = async {
        // The address first: a store that a running server uses is left alone.
        let listener = App::listen(SocketAddr::new(settings.host, settings.port)).map_err(line)?;
        let app = App::start(settings.config()).await.map_err(line)?;
        Ok::<_, String>((app, listener))
    };
    let (app, listener) = tokio::select! {
        started = starting => started?,
        () = either(&mut terminate, &mut interrupt) => return Ok(()),
    };
    let address = listener
        .local_addr()
        .map_err(|error| format!("chinwag: no address: {error}"))?;
    let graphiql = if settings.config().http.graphiql {
        format!("  GraphiQL   http://{address}/graphql\n")
    } else {
        String::new()
    };
    say(&format!(
        "chinwag serves on http://{address}\n  chat page  http://{address}/\n{graphiql}\
         \x20 endpoint   http://{address}/graphql (and ws://{address}/graphql)\n"
    ));
    app.run(listener, async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping");
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            std::process::exit(1);
        });
    })
    .await;
    Ok(())
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
