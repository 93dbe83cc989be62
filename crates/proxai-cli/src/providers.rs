//! `proxai providers`: the registry for people and programs (P1).

use std::io::Write;

use clap::Args;
use proxai_config::Sources;
use proxai_providers::quirks::{About, ReasoningQuirks};
use proxai_providers::{AuthStyle, HttpVersion, Note, Quirks, Row};
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::outcome::{Exit, Stop};
use crate::terminal::{Cell, Paint, Table, Tone};
use crate::world::World;

pub(crate) const EXAMPLES: &str = "Examples:
  proxai providers                 all of them
  proxai providers groq            one with endpoints, keys, and quirks with reasons
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

/// Where explanations stand, and how far they go.
const INDENT: &str = "      ";
const WIDTH: usize = 92;

/// `name = value` for each quirk of a layer, with what is known of it.
fn quirk_lines(quirks: &Quirks) -> Vec<(String, Option<About>)> {
    let table = toml::Table::try_from(quirks).unwrap_or_default();
    let mut lines = Vec::new();
    for (name, value) in &table {
        match value.as_table().filter(|_| name == "reasoning") {
            Some(inner) => lines.extend(inner.iter().map(|(field, value)| {
                let about = ReasoningQuirks::about(field);
                (format!("{name}.{field} = {value}"), about)
            })),
            None => lines.push((format!("{name} = {value}"), Quirks::about(name))),
        }
    }
    lines
}

/// Quirks that hold in one place, or for several patterns of models.
struct Layer<'r> {
    place: String,
    quirks: &'r Quirks,
    /// What the row's file says of it, beside what it says of single quirks.
    notes: Vec<&'r Note>,
}

/// Every layer of quirks with where it holds. Patterns with the same quirks are one layer.
fn layers(row: &Row) -> Vec<Layer<'_>> {
    let cells = &row.cells;
    let mut layers: Vec<Layer<'_>> = Vec::new();
    let notes = |about: &[String]| -> Vec<&Note> {
        let known = row.notes.iter();
        known.filter(|note| about.contains(&note.about)).collect()
    };
    layers.push(Layer {
        place: "everywhere".to_owned(),
        quirks: &cells.quirks,
        notes: Vec::new(),
    });
    for protocol in Protocol::ALL {
        if let Some(endpoint) = cells.endpoint.of(protocol) {
            let table = format!("endpoint.{protocol}");
            let about = [format!("{table}.quirks"), table];
            layers.push(Layer {
                place: format!("{protocol} endpoint"),
                quirks: &endpoint.quirks,
                notes: notes(&about),
            });
        }
    }
    for url in &cells.url {
        let place = format!("base URLs like {}", url.pattern);
        layers.push(Layer {
            notes: notes(std::slice::from_ref(&place)),
            place,
            quirks: &url.quirks,
        });
    }
    for model in &cells.model {
        let place = format!("models like {}", model.pattern);
        let about = notes(std::slice::from_ref(&place));
        let twin = layers
            .iter_mut()
            .find(|layer| layer.place.starts_with("models like") && *layer.quirks == model.quirks);
        match twin {
            Some(layer) => {
                layer.place = format!("{}, {}", layer.place, model.pattern);
                layer.notes.extend(about);
            }
            None => layers.push(Layer {
                place,
                quirks: &model.quirks,
                notes: about,
            }),
        }
    }
    layers.retain(|layer| *layer.quirks != Quirks::default());
    layers
}

/// Writes a text in lines of a bearable length.
fn wrapped(out: &mut dyn Write, paint: Paint, indent: &str, text: &str) -> std::io::Result<()> {
    let mut line = String::new();
    let mut write = |line: &mut String| {
        let text = paint.text(Tone::Faint, &std::mem::take(line));
        writeln!(out, "{indent}{text}")
    };
    for word in text.split_whitespace() {
        let length = indent.len() + line.chars().count() + 1 + word.chars().count();
        if !line.is_empty() && length > WIDTH {
            write(&mut line)?;
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.is_empty() {
        Ok(())
    } else {
        write(&mut line)
    }
}

/// Each layer with the reasons. A quirk that has been explained is not explained again.
fn write_layers(row: &Row, out: &mut dyn Write, paint: Paint) -> Result<(), Stop> {
    let layers = layers(row);
    if layers.is_empty() {
        writeln!(out, "\nno quirks")?;
    }
    let mut explained: Vec<String> = Vec::new();
    for layer in layers {
        writeln!(out, "\nquirks, {}", layer.place)?;
        for note in &layer.notes {
            wrapped(out, paint, "  ", &note.text)?;
        }
        for (quirk, about) in quirk_lines(layer.quirks) {
            writeln!(out, "  {quirk}")?;
            let name = quirk.split(" = ").next().unwrap_or_default().to_owned();
            let cell = format!("quirks.{}", name.split('.').next().unwrap_or_default());
            let own = row.notes.iter().find(|note| note.about == cell);
            if let Some(note) = own.filter(|_| layer.place == "everywhere") {
                wrapped(out, paint, INDENT, &note.text)?;
            }
            let Some(about) = about.filter(|_| !explained.contains(&name)) else {
                continue;
            };
            explained.push(name);
            wrapped(out, paint, INDENT, &about.meaning)?;
            if !about.reason.is_empty() {
                let reason = format!("For example {}", about.reason);
                wrapped(out, paint, INDENT, &reason)?;
            }
            if let Some(link) = about.link {
                wrapped(out, paint, INDENT, link)?;
            }
        }
    }
    Ok(())
}

/// Notes that are not about quirks: where it is, keys, what is left out.
fn other_notes(row: &Row) -> impl Iterator<Item = &Note> {
    let layers = layers(row);
    row.notes.iter().filter(move |note| {
        let shown = |layer: &Layer<'_>| layer.notes.contains(note);
        let of_quirks = note.about.contains("quirks") || note.about.contains(" like ");
        !(of_quirks || layers.iter().any(shown))
    })
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
    for note in other_notes(row) {
        writeln!(out)?;
        wrapped(out, paint, "  ", &note.text)?;
    }
    write_layers(row, out, paint)
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
        .map(|layer| {
            let why: serde_json::Map<String, Value> = quirk_lines(layer.quirks)
                .into_iter()
                .filter_map(|(quirk, about)| {
                    let about = about?;
                    let name = quirk.split(" = ").next()?.to_owned();
                    let why = json!({
                        "meaning": about.meaning,
                        "reason": about.reason,
                        "link": about.link,
                    });
                    Some((name, why))
                })
                .collect();
            json!({ "where": layer.place, "quirks": quirks_json(layer.quirks), "why": why })
        })
        .collect();
    let notes: Vec<Value> = row
        .notes
        .iter()
        .map(|note| json!({ "about": note.about, "text": note.text }))
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
        "notes": notes,
    })
}

fn quirks_json(quirks: &Quirks) -> Value {
    serde_json::to_value(quirks).unwrap_or_default()
}
