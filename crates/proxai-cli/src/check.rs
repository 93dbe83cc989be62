//! `proxai check`: what the configuration means, and everything that is wrong with it (K5).

use std::io::Write;

use clap::Args;
use proxai_config::{Loaded, Problem, Settings};
use proxai_providers::AuthError;
use proxai_router::ProviderId;
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::outcome::{Exit, Stop};
use crate::terminal::{Cell, Paint, Table, Tone};
use crate::text::{count, shown};
use crate::world::World;

pub(crate) const EXAMPLES: &str = "Examples:
  proxai check                          the configuration that `proxai serve` would use
  proxai check --config staging.toml    another file
  proxai check --json | jq .routes      for programs

Exit status: 0 if the configuration can be run, also with warnings; 1 if it has problems.";

/// Arguments of `check`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CheckArgs {
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: CheckArgs, world: &mut World<'_>) -> Result<Exit, Stop> {
    let loaded = match world.load() {
        Ok(loaded) => loaded,
        Err(problems) if args.json => {
            let problems: Vec<Value> = problems.0.iter().map(problem).collect();
            world.write_json(&json!({ "ok": false, "problems": problems }))?;
            return Ok(Exit::No);
        }
        Err(problems) => return Err(problems.into()),
    };
    if args.json {
        world.write_json(&as_json(&loaded))?;
    } else {
        let paint = world.paint();
        print(&loaded, world.out, paint)?;
    }
    Ok(Exit::Yes)
}

/// Keys that no header can hold. That one is missing is among the warnings of loading.
fn key_problems(settings: &Settings) -> Vec<String> {
    let mut found = Vec::new();
    for configured in &settings.providers {
        let provider = &configured.provider;
        for key in &configured.keys {
            for protocol in provider.protocols() {
                match provider.authenticate(protocol, Some(key)) {
                    Ok(_) | Err(AuthError::MissingKey { .. }) => {}
                    Err(error) => found.push(format!("provider `{}`: {error}", provider.name)),
                }
            }
        }
    }
    found.dedup();
    found
}

fn remarks(loaded: &Loaded) -> Vec<String> {
    let settings = &loaded.settings;
    let mut all: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    all.extend(settings.table.lints().iter().map(ToString::to_string));
    all.extend(key_problems(settings));
    let without_effect = settings.unimplemented().iter();
    all.extend(without_effect.map(|key| format!("no effect in this version: {key}")));
    all
}

fn name(settings: &Settings, id: ProviderId) -> &str {
    settings
        .provider(id)
        .map_or("?", |configured| configured.provider.name.as_str())
}

fn print(loaded: &Loaded, out: &mut dyn Write, paint: Paint) -> Result<(), Stop> {
    let settings = &loaded.settings;
    let heading = |text: &str| paint.text(Tone::Strong, text);
    match &loaded.file {
        Some(file) => writeln!(out, "{} {}", heading("configuration"), file.display())?,
        None => writeln!(
            out,
            "{} no file; `proxai init` writes one",
            heading("configuration")
        )?,
    }
    writeln!(out, "{} {}", heading("clients"), settings.server.listen())?;
    writeln!(out, "{} {}\n", heading("admin"), settings.admin)?;
    writeln!(out, "{}", heading("providers"))?;
    providers(settings).write(out, paint, "  ")?;
    writeln!(out, "\n{}", heading("routes, in the order they are tried"))?;
    routes(settings).write(out, paint, "  ")?;
    for rule in rules(settings) {
        writeln!(out, "  then {rule}")?;
    }
    let remarks = remarks(loaded);
    if remarks.is_empty() {
        writeln!(out, "\n{}", paint.text(Tone::Good, "nothing to remark"))?;
    } else {
        let heading = count(remarks.len(), "warning");
        writeln!(out, "\n{}", paint.text(Tone::Doubtful, &heading))?;
    }
    for remark in remarks {
        writeln!(out, "  {remark}")?;
    }
    Ok(())
}

fn providers(settings: &Settings) -> Table {
    let mut table = Table::default();
    for configured in &settings.providers {
        let provider = &configured.provider;
        let protocols: Vec<&str> = provider.protocols().map(Protocol::name).collect();
        let keys = match configured.keys.len() {
            0 if provider.auth.required => Cell::new(Tone::Doubtful, "key missing"),
            0 => Cell::new(Tone::Faint, "no key"),
            keys => count(keys, "key").into(),
        };
        let place = if provider.embedded {
            Cell::new(Tone::Faint, "inside this process")
        } else {
            shown(&provider.base).into()
        };
        table.row(vec![
            provider.name.as_str().into(),
            protocols.join(" ").into(),
            keys,
            place,
        ]);
    }
    table
}

fn routes(settings: &Settings) -> Table {
    let mut table = Table::default();
    for (index, route) in settings.table.routes().enumerate() {
        let targets: Vec<String> = route
            .targets
            .iter()
            .map(|(target, id)| match name(settings, *id) {
                provider if provider == *target => provider.to_owned(),
                provider => format!("{target} ({provider})"),
            })
            .collect();
        let guard = route.request_protocol.map_or("", Protocol::name);
        let label = if route.name == route.model_pattern {
            String::new()
        } else {
            format!("`{}`", route.name)
        };
        table.row(vec![
            format!("{}.", index + 1).into(),
            format!("{} {}", route.match_kind, route.model_pattern).into(),
            guard.into(),
            route.path.unwrap_or_default().into(),
            format!("-> {}", targets.join(", then ")).into(),
            Cell::new(Tone::Faint, label),
        ]);
    }
    table
}

/// The rules behind the routes (R1), as far as they can take anything.
fn rules(settings: &Settings) -> Vec<String> {
    let table = &settings.table;
    let mut rules = vec![
        "a `provider/model` prefix".to_owned(),
        "models that a provider declares".to_owned(),
    ];
    for protocol in Protocol::ALL {
        if let Some(id) = table.protocol_default(protocol) {
            rules.push(format!("{} for {protocol}", name(settings, id)));
        }
    }
    match table.default_provider() {
        Some((id, Some(model))) => {
            rules.push(format!("{} (default model {model})", name(settings, id)));
        }
        Some((id, None)) => rules.push(name(settings, id).to_owned()),
        None => rules.push("404 with the closest models".to_owned()),
    }
    rules
}

fn problem(problem: &Problem) -> Value {
    json!({
        "file": problem.file,
        "line": problem.line,
        "key": problem.key,
        "message": problem.message,
        "hint": problem.hint,
    })
}

fn as_json(loaded: &Loaded) -> Value {
    let settings = &loaded.settings;
    let providers: Vec<Value> = settings
        .providers
        .iter()
        .map(|configured| {
            let provider = &configured.provider;
            let protocols: Vec<&str> = provider.protocols().map(Protocol::name).collect();
            json!({
                "name": provider.name,
                "type": provider.row,
                "protocols": protocols,
                "base_url": (!provider.embedded).then(|| shown(&provider.base)),
                "keys": configured.keys.len(),
                "default_model": configured.default_model,
            })
        })
        .collect();
    let routes: Vec<Value> = settings
        .table
        .routes()
        .map(|route| {
            let targets: Vec<Value> = route
                .targets
                .iter()
                .map(|(target, id)| json!({ "name": target, "provider": name(settings, *id) }))
                .collect();
            json!({
                "name": route.name,
                "match_kind": route.match_kind.to_string(),
                "model_pattern": route.model_pattern,
                "request_protocol": route.request_protocol.map(Protocol::name),
                "path": route.path,
                "targets": targets,
            })
        })
        .collect();
    let lints: Vec<String> = settings
        .table
        .lints()
        .iter()
        .map(ToString::to_string)
        .collect();
    json!({
        "ok": true,
        "file": loaded.file,
        "listen": settings.server.listen().to_string(),
        "admin": settings.admin.to_string(),
        "providers": providers,
        "routes": routes,
        "then": rules(settings),
        "lints": lints,
        "warnings": loaded.warnings.iter().map(problem).collect::<Vec<_>>(),
        "key_problems": key_problems(settings),
        "unimplemented": settings.unimplemented(),
    })
}
