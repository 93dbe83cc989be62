//! The explanation for people and for programs.

use std::io::Write;

use proxai_config::Settings;
use proxai_providers::quirks::ChangeKind;
use proxai_router::{Explanation, Rule, Step};
use serde_json::{Value, json};

use super::RouteArgs;
use super::leg::{Leg, possible_losses};
use crate::outcome::Stop;
use crate::terminal::{Cell, Paint, Table, Tone};
use crate::translate::losses_json;

const fn word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Rewritten => "rewritten",
        ChangeKind::Approximated => "approximated",
        ChangeKind::Dropped => "dropped",
    }
}

fn step_text(step: &Step) -> String {
    match step.rule {
        Rule::Route { index } => format!("route {} `{}`: {}", index + 1, step.label, step.outcome),
        _ => format!("{}: {}", step.label, step.outcome),
    }
}

/// Writes it for people.
pub(super) fn print(
    args: &RouteArgs,
    settings: &Settings,
    explanation: &Explanation,
    attempts: &[Leg<'_>],
    out: &mut dyn Write,
    paint: Paint,
) -> Result<(), Stop> {
    let kind = if args.stream { "stream" } else { "request" };
    writeln!(
        out,
        "model `{}`, {} {kind}",
        paint.text(Tone::Strong, &args.model),
        args.protocol
    )?;
    for step in &explanation.steps {
        writeln!(out, "  {}", step_text(step))?;
    }
    if let Err(error) = &explanation.result {
        let status = error.status();
        let mark = paint.text(Tone::Bad, &format!("{status} {}", error.code()));
        writeln!(out, "\n{mark}: {error}")?;
        if settings.providers.is_empty() {
            writeln!(
                out,
                "no provider is configured: `proxai init` writes a configuration"
            )?;
        }
    }
    for (index, leg) in attempts.iter().enumerate() {
        let target = &leg.attempt.target;
        let target = if **target == *leg.provider {
            String::new()
        } else {
            format!(", target `{target}`")
        };
        let provider = paint.text(Tone::Strong, &leg.provider);
        writeln!(
            out,
            "\nattempt {}: provider `{provider}`{target}",
            index + 1
        )?;
        details(args, leg).write(out, paint, "  ")?;
    }
    Ok(())
}

fn details(args: &RouteArgs, leg: &Leg<'_>) -> Table {
    let mut table = Table::default();
    let mut line = |name: &str, tone: Tone, value: String| {
        table.row(vec![Cell::new(Tone::Faint, name), Cell::new(tone, value)]);
    };
    line("model", Tone::Plain, leg.attempt.upstream_model.clone());
    let hop = if leg.protocol == args.protocol {
        "as the client, nothing is translated".to_owned()
    } else {
        format!("translated from {}", args.protocol)
    };
    line("protocol", Tone::Plain, format!("{} ({hop})", leg.protocol));
    line("url", Tone::Plain, leg.url.clone());
    line("http", Tone::Plain, leg.http.to_owned());
    for (at, (name, value)) in leg.headers.iter().enumerate() {
        let label = if at == 0 { "headers" } else { "" };
        line(label, Tone::Plain, format!("{name}: {value}"));
    }
    let quirks = leg.quirk_lines();
    for (at, quirk) in quirks.iter().enumerate() {
        line(
            if at == 0 { "quirks" } else { "" },
            Tone::Plain,
            quirk.clone(),
        );
    }
    if quirks.is_empty() {
        line("quirks", Tone::Plain, "none".to_owned());
    }
    for remark in &leg.remarks {
        line("note", Tone::Doubtful, remark.clone());
    }
    match &leg.fate {
        None => {
            // Without a request these are all that one could meet.
            let losses = possible_losses(args.protocol, leg.protocol);
            for (at, loss) in losses.iter().enumerate() {
                let label = if at == 0 { "may lose" } else { "" };
                line(label, Tone::Plain, loss.to_string());
            }
        }
        Some(Err(message)) => line("refused", Tone::Bad, message.clone()),
        Some(Ok(fate)) => {
            for (at, loss) in fate.losses.iter().enumerate() {
                let label = if at == 0 { "losses" } else { "" };
                line(label, Tone::Doubtful, loss.to_string());
            }
            if fate.losses.is_empty() {
                line("losses", Tone::Good, "none".to_owned());
            }
            for change in &fate.changes {
                let text = format!("{} {}", change.path, word(change.kind));
                line("quirk", Tone::Plain, format!("{text}: {}", change.quirk));
            }
        }
    }
    table
}

/// The same as JSON.
pub(super) fn as_json(args: &RouteArgs, explanation: &Explanation, attempts: &[Leg<'_>]) -> Value {
    let steps: Vec<String> = explanation.steps.iter().map(step_text).collect();
    let attempts: Vec<Value> = attempts
        .iter()
        .map(|leg| {
            let headers: serde_json::Map<String, Value> = leg
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
            let (losses, changes, refused) = match &leg.fate {
                None => (Value::Null, Value::Null, None),
                Some(Err(message)) => (Value::Null, Value::Null, Some(message)),
                Some(Ok(fate)) => {
                    let changes = fate.changes.iter().map(|change| {
                        json!({ "path": change.path, "kind": word(change.kind), "quirk": change.quirk })
                    });
                    (
                        losses_json(&fate.losses).into(),
                        changes.collect::<Vec<_>>().into(),
                        None,
                    )
                }
            };
            json!({
                "provider": leg.provider,
                "target": &*leg.attempt.target,
                "upstream_model": leg.attempt.upstream_model,
                "protocol": leg.protocol.name(),
                "translated": leg.protocol != args.protocol,
                "url": leg.url,
                "http": leg.http,
                "headers": headers,
                "quirks": serde_json::to_value(&leg.quirks).unwrap_or_default(),
                "notes": leg.remarks,
                "possible_losses": losses_json(&possible_losses(args.protocol, leg.protocol)),
                "losses": losses,
                "changes": changes,
                "refused": refused,
            })
        })
        .collect();
    let error = explanation.result.as_ref().err().map(|error| {
        json!({ "status": error.status(), "code": error.code(), "message": error.to_string() })
    });
    json!({
        "model": args.model,
        "protocol": args.protocol.name(),
        "stream": args.stream,
        "route": explanation.result.as_ref().ok().map(|plan| &*plan.route),
        "steps": steps,
        "attempts": attempts,
        "error": error,
    })
}
