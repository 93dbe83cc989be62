//! Protocols do not know each other, and the hub knows none of them.
//!
//! Between crates this is read from the manifests. Inside `proxai-translate` the three adapters
//! live side by side, so there it is read from the code: a module that names a sibling would be
//! the beginning of a pairwise translator.

use super::metadata::Workspace;
use super::{Finding, TextFile};

const PROTOCOLS: [&str; 3] = ["chat", "responses", "messages"];
const HUB: &str = "proxai-ir";
const ADAPTERS: &str = "crates/proxai-translate/src/";

pub(super) fn check(workspace: &Workspace, files: &[TextFile]) -> Vec<Finding> {
    let mut findings = manifests(workspace);
    for file in files {
        if let Some(own) = protocol_of(&file.path) {
            findings.extend(module(own, file));
        }
    }
    findings
}

/// How many source files the rule about adapters looks at.
pub(super) fn modules(files: &[TextFile]) -> usize {
    files
        .iter()
        .filter(|file| protocol_of(&file.path).is_some())
        .count()
}

fn manifests(workspace: &Workspace) -> Vec<Finding> {
    let protocol_crates = PROTOCOLS.map(|protocol| format!("proxai-{protocol}"));
    let mut findings = Vec::new();
    for package in workspace.members() {
        let is_protocol = protocol_crates.contains(&package.name);
        if !is_protocol && package.name != HUB {
            continue;
        }
        for dependency in &package.dependencies {
            let other = &dependency.name;
            if *other == package.name {
                continue;
            }
            if protocol_crates.contains(other) || (is_protocol && other == HUB) {
                findings.push(Finding::new(
                    &package.name,
                    format!("depends on {other}: only proxai-translate knows both sides"),
                ));
            }
        }
    }
    findings
}

fn module(own: &str, file: &TextFile) -> Vec<Finding> {
    let Some((_, rust)) = file.library_code() else {
        return Vec::new();
    };
    let mut findings = Vec::new();
    for other in PROTOCOLS.into_iter().filter(|other| *other != own) {
        let variant = capitalised(other);
        let names = [
            format!("proxai_{other}"),
            format!("crate::{other}"),
            format!("super::{other}"),
            format!("Protocol::{variant}"),
        ];
        for name in names {
            for line in rust.lines_naming(&name) {
                findings.push(Finding::new(
                    format!("{}:{line}", file.path),
                    format!("`{name}` in the {own} adapter: go through the hub"),
                ));
            }
        }
        for root in ["crate", "super"] {
            for line in rust.lines_grouping(root, other) {
                findings.push(Finding::new(
                    format!("{}:{line}", file.path),
                    format!("imports `{root}::{other}` in the {own} adapter: go through the hub"),
                ));
            }
        }
    }
    findings
}

/// `chat` for `src/chat.rs` and all below `src/chat/`.
fn protocol_of(path: &str) -> Option<&'static str> {
    let inside = path.strip_prefix(ADAPTERS)?;
    let (first, _) = inside.split_once(['/', '.'])?;
    PROTOCOLS.into_iter().find(|protocol| *protocol == first)
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars
        .next()
        .map(|first| first.to_ascii_uppercase())
        .into_iter()
        .chain(chars)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, member, places, workspace};
    use super::*;

    #[test]
    fn a_protocol_crate_that_knows_the_hub_or_a_sibling_is_found_even_in_tests() {
        let ws = workspace(
            &[
                member("proxai-ir", 2, &[("proxai-chat", "dev")]),
                member("proxai-chat", 3, &[("proxai-ir", "normal")]),
                member("proxai-messages", 4, &[("proxai-chat", "dev")]),
                member("proxai-responses", 4, &[("proxai-json", "normal")]),
                member("proxai-json", 1, &[]),
                member(
                    "proxai-translate",
                    5,
                    &[("proxai-chat", "normal"), ("proxai-ir", "normal")],
                ),
            ],
            &[],
        );
        assert_eq!(
            places(&check(&ws, &[])),
            ["proxai-ir", "proxai-chat", "proxai-messages"]
        );
    }

    #[test]
    fn an_adapter_that_names_a_sibling_is_found() {
        let ws = workspace(&[], &[]);
        let files = [
            file(
                "crates/proxai-translate/src/chat.rs",
                "use proxai_chat::Request;",
            ),
            file(
                "crates/proxai-translate/src/chat/stream.rs",
                "//! Unlike proxai_messages.\nuse proxai_messages::Event;",
            ),
            file(
                "crates/proxai-translate/src/messages/request.rs",
                "use crate::responses::item;\nfn f() -> P { Protocol::Chat }",
            ),
            file(
                "crates/proxai-translate/src/responses/reply.rs",
                "use super::{chat::text, part};",
            ),
            file(
                "crates/proxai-translate/src/adapter.rs",
                "use crate::{chat, messages, responses}; use proxai_messages::Event;",
            ),
        ];
        assert_eq!(modules(&files), 4);
        assert_eq!(
            places(&check(&ws, &files)),
            [
                "crates/proxai-translate/src/chat/stream.rs:2",
                "crates/proxai-translate/src/messages/request.rs:2",
                "crates/proxai-translate/src/messages/request.rs:1",
                "crates/proxai-translate/src/responses/reply.rs:1",
            ]
        );
    }
}
