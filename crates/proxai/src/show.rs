//! What is printed at start.

use std::fmt::Write as _;

use proxai_config::Settings;
use proxai_gateway::Snapshot;
use proxai_server::Bound;
use proxai_types::Protocol;

/// The first thing a user sees.
pub(crate) fn banner(bound: Bound, settings: &Settings, snapshot: &Snapshot, file: &str) -> String {
    let mut out = String::new();
    line(
        &mut out,
        &format!("proxai {} ({file})", env!("CARGO_PKG_VERSION")),
    );
    line(&mut out, &format!("  clients  http://{}", bound.proxy));
    line(&mut out, &format!("  admin    http://{}", bound.admin));
    out.push('\n');
    providers(&mut out, settings, snapshot);
    let only_embedded = settings
        .providers
        .iter()
        .all(|configured| configured.provider.embedded);
    if let (true, Some(first)) = (only_embedded, settings.providers.first()) {
        examples(&mut out, bound, &first.provider.name);
    }
    out
}

/// The providers as a table.
fn providers(out: &mut String, settings: &Settings, snapshot: &Snapshot) {
    if settings.providers.is_empty() {
        line(out, "no provider is configured; see `proxai --help`");
        return;
    }
    let rows: Vec<[String; 4]> = settings
        .providers
        .iter()
        .zip(&snapshot.upstreams)
        .map(|(configured, upstream)| {
            let provider = &configured.provider;
            let protocols: Vec<&str> = provider.protocols().map(Protocol::name).collect();
            let key = match (upstream.key_problem(), configured.keys.len()) {
                (Some(_), _) => "key missing".to_owned(),
                (None, 0) => "no key".to_owned(),
                (None, 1) => "1 key".to_owned(),
                (None, count) => format!("{count} keys"),
            };
            let place = if provider.embedded {
                "inside this process".to_owned()
            } else {
                provider.base.to_string()
            };
            [provider.name.clone(), protocols.join(" "), key, place]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths = [width(0), width(1), width(2)];
    for [name, protocols, key, place] in &rows {
        line(
            out,
            &format!(
                "  {name:0$}  {protocols:1$}  {key:2$}  {place}",
                widths[0], widths[1], widths[2]
            ),
        );
    }
}

/// One request per protocol that works without any key.
fn examples(out: &mut String, bound: Bound, provider: &str) {
    out.push('\n');
    line(out, "try it:");
    for (path, rest) in [
        (
            "chat/completions",
            r#""messages":[{"role":"user","content":"hello"}]"#,
        ),
        ("responses", r#""input":"hello""#),
        (
            "messages",
            r#""max_tokens":256,"messages":[{"role":"user","content":"hello"}]"#,
        ),
    ] {
        line(
            out,
            &format!(
                "  curl http://{}/v1/{path} -H 'content-type: application/json' -d '{{\"model\":\"{provider}/demo\",{rest}}}'",
                bound.proxy
            ),
        );
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes any text");
}
