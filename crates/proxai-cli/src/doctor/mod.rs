//! `proxai doctor`: tests what is configured, and says what to change (K6).
//!
//! Each provider is asked with its own key at its own base URL and nobody else is asked anything:
//! a key never leaves for a host that the configuration does not name. The requests are the
//! gateway's own, made by the same translators, quirks and client.
//!
//! Small answers are asked for, so a run costs a fraction of a cent per provider.

mod abilities;
mod advice;
mod body;
mod examine;
mod finding;
mod list;
mod report;
mod subject;
mod wire;

use std::io::Write;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use proxai_config::{ProviderSettings, Settings};
use proxai_providers::normalize_name;
use proxai_types::Protocol;

use crate::outcome::{Exit, Stop};
use crate::terminal::Progress;
use crate::world::World;
use examine::{Patience, examine};
use subject::Subject;

pub(crate) const EXAMPLES: &str = "Examples:
  proxai doctor                    every configured provider
  proxai doctor groq               one of them
  proxai doctor models             what models each of them lists
  proxai doctor --json             for programs

Exit status: 0 if all providers work, 1 if one does not.";

/// The word that asks for models instead of checks.
const MODELS: &str = "models";

/// Arguments of `doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// `models` lists the models; a provider's name tests only that one.
    #[arg(value_name = "models|PROVIDER")]
    target: Option<String>,
    /// Only this provider.
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The model to ask; otherwise the configured one, else the first that is listed.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// The protocol to ask in; otherwise the best one that the provider speaks.
    #[arg(long, value_name = "PROTOCOL")]
    protocol: Option<Protocol>,
    /// Seconds that one answer may take.
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,
    /// Seconds after which an answer counts as slow.
    #[arg(long, value_name = "SECONDS", default_value = "8", value_parser = seconds)]
    slow: Duration,
    /// One JSON object instead of a table.
    #[arg(long)]
    json: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds")?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "must be above zero".to_owned())
}

pub(crate) async fn run(args: &DoctorArgs, world: &mut World<'_>) -> Result<Exit, Stop> {
    let loaded = world.load()?;
    let (wants_models, name) = match (args.target.as_deref(), args.provider.as_deref()) {
        (Some(MODELS), name) => (true, name),
        (Some(target), None) => (false, Some(target)),
        (Some(_), Some(_)) => {
            return Err(Stop::because(
                "name one provider: either behind `doctor` or with --provider",
            ));
        }
        (None, name) => (false, name),
    };
    let chosen = choose(&loaded.settings, name)?;
    let paint = world.paint();
    let subjects = chosen.into_iter().map(|configured| {
        Subject::new(configured, &loaded.settings, world.registry, world.sources)
    });
    let subjects: Vec<Subject<'_>> = subjects.collect();
    let progress = Progress::new(world.err, world.terminal.progress, subjects.len());
    if wants_models {
        let lists = join_all(
            subjects
                .iter()
                .map(|subject| list::models(subject, args.timeout, &progress)),
        )
        .await;
        progress.clear();
        if args.json {
            world.write_json(&list::as_json(&lists))?;
        } else {
            list::print(&lists, world.out, paint)?;
        }
        return Ok(Exit::when(lists.iter().all(|list| list.result.is_ok())));
    }
    let patience = Patience {
        timeout: args.timeout,
        slow: args.slow,
    };
    let asked = (args.model.as_deref(), args.protocol);
    let reports = join_all(
        subjects
            .iter()
            .map(|subject| examine(subject, asked, patience, &progress)),
    )
    .await;
    progress.clear();
    if args.json {
        world.write_json(&report::as_json(&reports))?;
    } else {
        report::print(&reports, world.out as &mut dyn Write, paint)?;
    }
    Ok(Exit::when(reports.iter().all(finding::Report::is_good)))
}

/// The providers to test. Those inside the process are nobody's configuration unless they were
/// written down or asked for by name.
fn choose<'s>(
    settings: &'s Settings,
    name: Option<&str>,
) -> Result<Vec<&'s ProviderSettings>, Stop> {
    let all = &settings.providers;
    if let Some(name) = name {
        let by_table = settings.table.find_provider(name);
        let found = by_table.and_then(|id| settings.provider(id)).or_else(|| {
            let wanted = normalize_name(name);
            all.iter()
                .find(|configured| normalize_name(&configured.provider.name) == wanted)
        });
        return found.map(|found| vec![found]).ok_or_else(|| {
            let names: Vec<&str> = all
                .iter()
                .map(|known| known.provider.name.as_str())
                .collect();
            Stop::because(format!(
                "no provider `{name}` is configured; configured: {}",
                names.join(", ")
            ))
        });
    }
    let chosen: Vec<&ProviderSettings> = all
        .iter()
        .filter(|configured| !(settings.zero_config && configured.provider.embedded))
        .collect();
    if chosen.is_empty() {
        return Err(Stop::because(
            "no provider is configured; set a key variable (`proxai providers` lists them) or run `proxai init`",
        ));
    }
    Ok(chosen)
}
