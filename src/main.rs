//! The program: read settings, start, run until a signal.

mod banner;
mod rereading;
mod service;

use std::{ffi::OsString, io::Write, net::SocketAddr, process::ExitCode, time::Duration};

use banner::Banner;
use chinwag::{
    app::App,
    commands,
    settings::{LogFormat, Settings, Unreadable},
    telemetry::{self, LogGate},
};
use rereading::Rereading;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Answers are made of many short texts, which it makes and drops in less time than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = std::env::args_os().collect::<Vec<_>>();
    let settings = match Settings::read(args.clone()) {
        Ok(settings) => settings,
        Err(Unreadable::Asked(text)) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err(Unreadable::Wrong(reason, log_format)) => return failed(&reason, log_format),
    };
    let log_format = settings.log_format;
    let log = telemetry::start(&settings.log, log_format);
    if let Some(warning) = &settings.warning {
        tracing::warn!("{warning}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return failed(&format!("no threads to run on: {error}"), log_format),
    };
    let served = runtime.block_on(async {
        match settings.command {
            None => serve(settings, args, log).await,
            Some(_) => carry_out(settings).await,
        }
    });
    // What still runs by now was given its time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => failed(&reason, log_format),
    }
}

/// Whoever reads it may be gone, which is no reason to stop.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn failed(reason: &str, format: LogFormat) -> ExitCode {
    telemetry::write_failure(reason, format);
    ExitCode::FAILURE
}

/// Does something else than to serve, unless a signal comes in between.
async fn carry_out(settings: Settings) -> Result<(), String> {
    let (mut terminate, mut interrupt) = signals()?;
    tokio::select! {
        done = commands::run(&settings) => done.map_err(|failure| failure.to_string()),
        () = either(&mut terminate, &mut interrupt) => Err("interrupted".to_owned()),
    }
}

/// SIGTERM and SIGINT.
fn signals() -> Result<(Signal, Signal), String> {
    let signals = |kind| signal(kind).map_err(|error| format!("no signals: {error}"));
    Ok((
        signals(SignalKind::terminate())?,
        signals(SignalKind::interrupt())?,
    ))
}

async fn serve(settings: Settings, args: Vec<OsString>, log: LogGate) -> Result<(), String> {
    let line = |error: chinwag::app::StartError| error.to_string();
    let (mut terminate, mut interrupt) = signals()?;
    let rereading =
        Rereading::prepare(args, &settings, log).map_err(|error| format!("no signals: {error}"))?;
    let starting = async {
        // The address first: a store that a running server uses is left alone.
        let listener = match service::listener()? {
            Some(listener) => listener,
            None => App::listen(SocketAddr::new(settings.host, settings.port)).map_err(line)?,
        };
        let app = App::start(settings.config()).await.map_err(line)?;
        Ok::<_, String>((app, listener))
    };
    let (app, listener) = tokio::select! {
        started = starting => started?,
        () = either(&mut terminate, &mut interrupt) => return Ok(()),
    };
    let address = listener
        .local_addr()
        .map_err(|error| format!("no address: {error}"))?;
    let banner = Banner {
        address,
        store: app.place(),
        graphiql: settings.config().http.graphiql,
        is_unused: app.is_unused(),
    };
    say(&banner.render(settings.log_format));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        store = app.place(),
        %address,
        settings = settings.told.changed().to_string(),
        "serving"
    );
    let origins = app.allowed_origins();
    let running = app.run(listener, async move {
        either(&mut terminate, &mut interrupt).await;
        tracing::info!("stopping");
        service::is_stopping();
        tokio::spawn(async move {
            either(&mut terminate, &mut interrupt).await;
            std::process::exit(1);
        });
    });
    service::is_ready();
    tokio::select! {
        outcome = running => outcome.map_err(|error| error.to_string()),
        never = rereading.run(origins) => match never {},
        never = service::lives() => match never {},
    }
}

async fn either(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
