//! The table of `proxai doctor`, with everything that deserves a look below it.

use std::io::Write;

use serde_json::{Value, json};

use super::advice::time;
use super::finding::{Check, Finding, Report, Verdict};
use crate::outcome::Stop;
use crate::terminal::{Cell, Paint, Table, Tone};
use crate::text::{count, quote};

/// Writes the reports for people.
pub(crate) fn print(reports: &[Report], out: &mut dyn Write, paint: Paint) -> Result<(), Stop> {
    let mut headings = vec!["PROVIDER".to_owned(), "MODEL".to_owned()];
    headings.extend(Check::ALL.iter().map(|check| check.name().to_uppercase()));
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let mut table = Table::with_headings(&headings);
    for report in reports {
        // It may come from the provider's own list.
        let model = quote(report.model.as_deref().unwrap_or("-"), &[]);
        let mut cells: Vec<Cell> = vec![report.provider.as_str().into(), model.into()];
        cells.extend(Check::ALL.iter().map(|check| cell(report.finding(*check))));
        table.row(cells);
    }
    table.write(out, paint, "")?;
    for report in reports {
        remarks(report, out, paint)?;
    }
    let bad = reports.iter().filter(|report| !report.is_good()).count();
    let all = count(reports.len(), "provider");
    if bad == 0 {
        let text = format!("{all} tested, no failure");
        writeln!(out, "\n{}", paint.text(Tone::Good, &text))?;
    } else {
        let text = format!("{bad} of {all} failed");
        writeln!(out, "\n{}", paint.text(Tone::Bad, &text))?;
    }
    Ok(())
}

fn cell(finding: Option<&Finding>) -> Cell {
    let Some(finding) = finding else {
        return Cell::new(Tone::Faint, "-");
    };
    let good = || match (finding.check, finding.latency) {
        (Check::Models, _) => finding.seen.split(' ').next().unwrap_or("ok").to_owned(),
        (_, Some(latency)) => time(latency),
        (_, None) => "ok".to_owned(),
    };
    match finding.verdict {
        Verdict::Good => Cell::new(Tone::Good, good()),
        Verdict::Doubtful => Cell::new(Tone::Doubtful, "warn"),
        Verdict::Bad => Cell::new(Tone::Bad, "FAIL"),
        Verdict::Nothing => Cell::new(Tone::Faint, "-"),
    }
}

fn remarks(report: &Report, out: &mut dyn Write, paint: Paint) -> Result<(), Stop> {
    let worth = |finding: &&Finding| matches!(finding.verdict, Verdict::Bad | Verdict::Doubtful);
    let all: Vec<&Finding> = report.findings.iter().filter(worth).collect();
    if all.is_empty() {
        return Ok(());
    }
    let name = paint.text(Tone::Strong, &report.provider);
    writeln!(out, "\n{name} ({}, {})", report.base_url, report.protocol)?;
    for finding in all {
        let (tone, mark) = if finding.verdict == Verdict::Bad {
            (Tone::Bad, "FAIL")
        } else {
            (Tone::Doubtful, "warn")
        };
        let mark = paint.text(tone, mark);
        writeln!(out, "  {mark} {}: {}", finding.check.name(), finding.seen)?;
        if let Some(advice) = &finding.advice {
            writeln!(out, "       -> {advice}")?;
        }
    }
    Ok(())
}

/// The reports for programs.
pub(crate) fn as_json(reports: &[Report]) -> Value {
    let all: Vec<Value> = reports
        .iter()
        .map(|report| {
            let checks: Vec<Value> = Check::ALL
                .iter()
                .map(|check| match report.finding(*check) {
                    Some(finding) => json!({
                        "check": check.name(),
                        "result": finding.verdict.name(),
                        "seen": finding.seen,
                        "advice": finding.advice,
                        "milliseconds": finding.latency.map(|latency| latency.as_secs_f64() * 1000.0),
                    }),
                    None => json!({ "check": check.name(), "result": Verdict::Nothing.name() }),
                })
                .collect();
            json!({
                "provider": report.provider,
                "base_url": report.base_url,
                "protocol": report.protocol.name(),
                "model": report.model,
                "ok": report.is_good(),
                "checks": checks,
            })
        })
        .collect();
    let ok = reports.iter().all(Report::is_good);
    json!({ "ok": ok, "providers": all })
}
