//! `docs/providers.md`: the registry as tables.

use proxai_providers::{Registry, Row};

use super::{cell, line};

pub(super) fn page() -> String {
    let rows: Vec<&Row> = Registry::builtin().rows().collect();
    let mut page = String::from(
        "# Providers\n\n\
         Every row is data under `crates/proxai-providers/providers/`; a `[providers.<name>]` \
         table in the configuration overrides any cell. Names are matched without regard to case, \
         and `-`, `_` and space are alike.\n",
    );
    table(
        &mut page,
        "Hosted",
        rows.iter().filter(|row| row.cells.local != Some(true)),
    );
    table(
        &mut page,
        "On this machine",
        rows.iter().filter(|row| row.cells.local == Some(true)),
    );
    page.push_str("\n## Quirks\n\nWhat proxai does because a provider differs from its protocol's reference. `proxai providers <name>` says what each means, why there is one, and where that is written.\n");
    for row in &rows {
        quirks(&mut page, row);
    }
    page
}

fn table<'r>(page: &mut String, title: &str, rows: impl Iterator<Item = &'r &'r Row>) {
    page.push_str("\n## ");
    page.push_str(title);
    page.push_str("\n\n| provider | names | base URL | speaks | key variables | checked |\n");
    page.push_str("|---|---|---|---|---|---|\n");
    for row in rows {
        let names: Vec<String> = row.names().map(|name| format!("`{name}`")).collect();
        let speaks: Vec<&str> = row
            .protocols()
            .into_iter()
            .map(proxai_types::Protocol::name)
            .collect();
        let keys: Vec<String> = row
            .cells
            .auth
            .env
            .iter()
            .flatten()
            .map(|name| format!("`{}`", name.name()))
            .collect();
        let base = row
            .cells
            .base
            .as_deref()
            .map_or_else(|| "–".to_owned(), |base| format!("`{base}`"));
        page.push_str(&line(&[
            format!("[{}]({})", cell(&row.identity.title), row.identity.docs),
            names.join(", "),
            cell(&base),
            speaks.join(", "),
            keys.join(", "),
            row.identity.verified.clone(),
        ]));
    }
}

fn quirks(page: &mut String, row: &Row) {
    let cells = &row.cells;
    let mut lines: Vec<String> = Vec::new();
    let mut add = |place: &str, quirks: &proxai_providers::Quirks| {
        let json = proxai_json::to_string(quirks);
        if json != "{}" {
            lines.push(format!("- {place}: `{json}`"));
        }
    };
    add("everywhere", &cells.quirks);
    for protocol in proxai_types::Protocol::ALL {
        if let Some(endpoint) = cells.endpoint.of(protocol) {
            add(protocol.name(), &endpoint.quirks);
        }
    }
    for url in &cells.url {
        add(&format!("base URL `{}`", url.pattern), &url.quirks);
    }
    for model in &cells.model {
        add(&format!("model `{}`", model.pattern), &model.quirks);
    }
    for note in &row.notes {
        lines.push(format!(
            "- note on {}: {}",
            cell(&note.about),
            cell(&note.text)
        ));
    }
    if let Some(version) = cells.http {
        lines.push(format!("- HTTP version: {version:?}"));
    }
    if !lines.is_empty() {
        page.push_str("\n### ");
        page.push_str(&row.identity.title);
        page.push_str("\n\n");
        page.push_str(&lines.join("\n"));
        page.push('\n');
    }
}
