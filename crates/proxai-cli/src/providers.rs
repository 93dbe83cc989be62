//! `proxai providers`: the registry for people and programs (P1).

use std::io::Write;

use clap::Args;
use proxai_config::Sources;
use proxai_providers::{AuthStyle, HttpVersion, Quirks, Row};
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::outcome::{Exit, Stop};
use crate::terminal::{Cell, Paint, Table, Tone};
use crate::world::World;

pub(crate) const EXAMPLES: &str = "Examples:
  proxai providers                 all of them
  proxai providers groq            one with endpoints, keys and quirks
  proxai providers --json          for programs

A `*` behind a key variable means that it is set.";

/// Arguments of `providers`.
#[derive(Clone, Debug, Args)]
pub struct ProvidersArgs {
    /// Show this one only; any of its names.
    name: Option<String>,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &ProvidersArgs, world: &mut World<'_>) -> Result<Exit, Stop> {
    let registry = world.registry;
    let paint = world.paint();
    match &args.name {
        Some(name) => {
            let row = registry
                .resolve(name)
                .map_err(|unknown| Stop::because(unknown.to_string()))?;
            if args.json {
                world.write_json(&as_json(row, world.sources))?;
            } else {
                detail(row, world.sources, world.out, paint)?;
            }
        }
        None if args.json => {
            let rows: Vec<Value> = registry
                .rows()
                .map(|row| as_json(row, world.sources))
                .collect();
            world.write_json(&Value::from(rows))?;
        }
        None => {
            let mut table = Table::with_headings(&["NAME", "PROTOCOLS", "KEY", "BASE URL"]);
            for row in registry.rows() {
                table.row(vec![
                    Cell::new(Tone::Strong, row.identity.id.as_str()),
                    protocols(row).join(" ").into(),
                    key_cell(row, world.sources),
                    place(row).into(),
                ]);
            }
            table.write(world.out, paint, "")?;
        }
    }
    Ok(Exit::Yes)
}

fn protocols(row: &Row) -> Vec<&'static str> {
    row.protocols().into_iter().map(Protocol::name).collect()
}

fn place(row: &Row) -> String {
    match &row.cells.base {
        _ if row.cells.embedded == Some(true) => "inside this process".to_owned(),
        Some(base) => base.clone(),
        None => "as configured (base_url)".to_owned(),
    }
}

/// The variables of a row with whether each is set.
fn variables<'r>(row: &'r Row, sources: &dyn Sources) -> Vec<(&'r str, bool)> {
    let names = row.cells.auth.env.iter().flatten();
    names
        .map(|variable| {
            let value = sources.var(variable.name());
            let is_set = value.is_some_and(|value| !value.trim().is_empty());
            (variable.name(), is_set)
        })
        .collect()
}

fn key_cell(row: &Row, sources: &dyn Sources) -> Cell {
    let variables = variables(row, sources);
    let set = variables.iter().find(|(_, is_set)| *is_set);
    match (set, variables.first()) {
        (Some((name, _)), _) => Cell::new(Tone::Good, format!("{name} *")),
        (None, Some((name, _))) => (*name).into(),
        (None, None) => Cell::new(Tone::Faint, "-"),
    }
}

/// The style of a row in words.
fn auth(row: &Row) -> String {
    match AuthStyle::from_cells(&row.cells.auth) {
        Ok(AuthStyle::Bearer) => "authorization: Bearer <key>".to_owned(),
        Ok(AuthStyle::XApiKey) => "x-api-key: <key>".to_owned(),
        Ok(AuthStyle::ApiKey) => "api-key: <key>".to_owned(),
        Ok(AuthStyle::Header { name, prefix }) => format!("{name}: {prefix}<key>"),
        Ok(AuthStyle::Query { name }) => format!("?{name}=<key>"),
        Ok(AuthStyle::None) => "none".to_owned(),
        // A row without a header or parameter gets it from the configuration.
        Ok(_) | Err(_) => "as configured".to_owned(),
    }
}

/// `name = value` for each quirk of a layer.
fn quirk_lines(quirks: &Quirks) -> Vec<String> {
    let table = toml::Table::try_from(quirks).unwrap_or_default();
    table
        .iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect()
}

/// Every layer of quirks with where it holds.
fn layers(row: &Row) -> Vec<(String, &Quirks)> {
    let cells = &row.cells;
    let mut layers = vec![("everywhere".to_owned(), &cells.quirks)];
    for protocol in Protocol::ALL {
        if let Some(endpoint) = cells.endpoint.of(protocol) {
            layers.push((format!("{protocol} endpoint"), &endpoint.quirks));
        }
    }
    for url in &cells.url {
        layers.push((format!("base URLs like {}", url.pattern), &url.quirks));
    }
    for model in &cells.model {
        layers.push((format!("models like {}", model.pattern), &model.quirks));
    }
    layers.retain(|(_, quirks)| **quirks != Quirks::default());
    layers
}

fn detail(row: &Row, sources: &dyn Sources, out: &mut dyn Write, paint: Paint) -> Result<(), Stop> {
    let identity = &row.identity;
    let heading = paint.text(Tone::Strong, &identity.title);
    writeln!(out, "{heading} ({})", identity.id)?;
    let mut table = Table::default();
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            table.row(vec![Cell::new(Tone::Faint, name), value.into()]);
        }
    };
    line("names", row.names().collect::<Vec<_>>().join(", "));
    line("protocols", protocols(row).join(", "));
    line("base URL", place(row));
    for protocol in Protocol::ALL {
        let cells = row.cells.endpoint.of(protocol);
        let base = cells.and_then(|cells| cells.base.as_deref());
        let path = cells.and_then(|cells| cells.path.as_deref());
        if base.is_some() || path.is_some() {
            let text = format!("{} {}", base.unwrap_or_default(), path.unwrap_or_default());
            line(&format!("{protocol} at"), text.trim().to_owned());
        }
    }
    line("auth", auth(row));
    let keys: Vec<String> = variables(row, sources)
        .into_iter()
        .map(|(name, is_set)| format!("{name}{}", if is_set { " *" } else { "" }))
        .collect();
    line("key", keys.join(", "));
    line("http", http(row.cells.http).unwrap_or_default().to_owned());
    line("docs", format!("{} ({})", identity.docs, identity.verified));
    table.write(out, paint, "  ")?;
    let layers = layers(row);
    if layers.is_empty() {
        writeln!(out, "\nno quirks")?;
    }
    for (place, quirks) in layers {
        writeln!(out, "\nquirks, {place}")?;
        for quirk in quirk_lines(quirks) {
            writeln!(out, "  {quirk}")?;
        }
    }
    Ok(())
}

fn http(version: Option<HttpVersion>) -> Option<&'static str> {
    match version? {
        HttpVersion::Auto => None,
        HttpVersion::Http1 => Some("1.1"),
        HttpVersion::Http2 => Some("2"),
    }
}

fn as_json(row: &Row, sources: &dyn Sources) -> Value {
    let keys: Vec<Value> = variables(row, sources)
        .into_iter()
        .map(|(name, is_set)| json!({ "variable": name, "set": is_set }))
        .collect();
    let quirks: Vec<Value> = layers(row)
        .into_iter()
        .map(|(place, quirks)| json!({ "where": place, "quirks": quirks_json(quirks) }))
        .collect();
    json!({
        "id": row.identity.id,
        "names": row.names().collect::<Vec<_>>(),
        "title": row.identity.title,
        "docs": row.identity.docs,
        "verified": row.identity.verified,
        "protocols": protocols(row),
        "base_url": row.cells.base,
        "auth": auth(row),
        "keys": keys,
        "http": http(row.cells.http).unwrap_or("auto"),
        "local": row.cells.local == Some(true),
        "embedded": row.cells.embedded == Some(true),
        "quirks": quirks,
    })
}

fn quirks_json(quirks: &Quirks) -> Value {
    serde_json::to_value(quirks).unwrap_or_default()
}
