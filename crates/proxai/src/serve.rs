//! `proxai serve`: load, bind, serve, drain.

use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use proxai_config::{Loaded, System};
use proxai_gateway::{Gateway, Live};
use proxai_providers::Registry;
use proxai_server::{Assembly, Server, State};
use tokio::runtime::{Builder, Runtime};

use crate::args::ConfigArgs;
use crate::{log, show};

/// Serves until a signal says to stop.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = proxai_cli::load(
        &System,
        &args.overrides(),
        Registry::builtin(),
        &proxai_cli::answering,
    )?;
    let sink = log::start(&loaded.settings.logging);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    for entry in loaded.settings.unimplemented() {
        // An entry with a reason has said all.
        if entry.contains(": ") {
            tracing::warn!("{entry}");
        } else {
            tracing::warn!("{entry}: has no effect in this version");
        }
    }
    let result = runtime()?.block_on(serve(loaded, &sink));
    sink.flush();
    result
}

/// One thread where there is one core: handing requests between threads would only cost.
fn runtime() -> std::io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut builder = if cores == 1 {
        Builder::new_current_thread()
    } else {
        Builder::new_multi_thread()
    };
    builder.enable_all().build()
}

async fn serve(loaded: Loaded, sink: &Arc<log::Sink>) -> anyhow::Result<ExitCode> {
    let settings = &loaded.settings;
    let assembly = Assembly::default();
    let snapshot = proxai_server::snapshot(1, settings, &assembly);
    // The signals are caught before anything is printed: whoever reads that we listen may stop us.
    let stop = stop_signal().context("cannot wait for signals")?;
    let server = Server::bind(settings.server.listen(), settings.admin)?;
    let file = loaded.file.as_ref().map_or_else(
        || "no configuration file".to_owned(),
        |file| file.display().to_string(),
    );
    let banner = show::banner(server.bound(), settings, &snapshot, &file);
    // A closed stdout is no reason not to serve.
    drop(std::io::stdout().write_all(banner.as_bytes()));

    let live = Arc::new(Live::new(snapshot));
    let journal = log::RequestLog::new(Arc::clone(sink), &settings.logging);
    let gateway = Gateway::new(live, Arc::new(journal));
    let state = State::new(gateway);
    let deadline = settings.server.shutdown_deadline;
    let cut = server.run(state, stop, deadline).await;
    if cut > 0 {
        tracing::warn!(
            "{cut} requests were cut off by the deadline of {} s",
            deadline.as_secs()
        );
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("draining");
    })
}

#[cfg(not(unix))]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        drop(tokio::signal::ctrl_c().await);
        tracing::info!("draining");
    })
}
