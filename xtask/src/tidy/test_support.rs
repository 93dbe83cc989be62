//! Small made-up workspaces for the tests of the rules.

use serde_json::{Value, json};

use super::metadata::Workspace;
use super::{Finding, TextFile};

/// A member of a made-up workspace: name, layer, sans-IO, dependencies as `(name, kind)`.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) layer: Option<u32>,
    pub(super) sans_io: bool,
    pub(super) dependencies: &'static [(&'static str, &'static str)],
}

pub(super) fn member(
    name: &'static str,
    layer: u32,
    dependencies: &'static [(&'static str, &'static str)],
) -> Member {
    Member {
        name,
        layer: Some(layer),
        sans_io: false,
        dependencies,
    }
}

fn kind(kind: &str) -> Value {
    match kind {
        "normal" => Value::Null,
        other => json!(other),
    }
}

/// Builds what `cargo metadata` would print. `foreign` lists `(name, version, dependencies)`.
pub(super) fn workspace(
    members: &[Member],
    foreign: &[(&'static str, &'static str, &[&'static str])],
) -> Workspace {
    let mut packages = Vec::new();
    let mut nodes = Vec::new();
    let mut ids = Vec::new();
    for member in members {
        let dependencies: Vec<_> = member
            .dependencies
            .iter()
            .map(|(name, k)| json!({"name": name, "kind": kind(k)}))
            .collect();
        let deps: Vec<_> = member
            .dependencies
            .iter()
            .map(|(name, k)| json!({"pkg": name, "dep_kinds": [{"kind": kind(k)}]}))
            .collect();
        let metadata = member.layer.map_or(
            Value::Null,
            |layer| json!({"proxai": {"layer": layer, "sans_io": member.sans_io}}),
        );
        let folder = if member.name == "xtask" {
            ""
        } else {
            "crates/"
        };
        packages.push(json!({
            "id": member.name, "name": member.name, "version": "0.1.0", "source": null,
            "dependencies": dependencies, "metadata": metadata,
            "manifest_path": format!("/r/{folder}{}/Cargo.toml", member.name),
        }));
        nodes.push(json!({"id": member.name, "deps": deps}));
        ids.push(member.name);
    }
    for (name, version, dependencies) in foreign {
        let deps: Vec<_> = dependencies
            .iter()
            .map(|name| json!({"pkg": name, "dep_kinds": [{"kind": null}]}))
            .collect();
        packages.push(json!({
            "id": name, "name": name, "version": version, "source": "registry",
            "dependencies": [], "metadata": null, "manifest_path": "/c/Cargo.toml",
        }));
        nodes.push(json!({"id": name, "deps": deps}));
    }
    let metadata = json!({
        "packages": packages, "workspace_members": ids, "resolve": {"nodes": nodes},
    });
    Workspace::parse(&metadata.to_string()).expect("the made-up metadata is well formed")
}

pub(super) fn file(path: &str, text: &str) -> TextFile {
    TextFile {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

pub(super) fn places(findings: &[Finding]) -> Vec<&str> {
    findings.iter().map(|f| f.place.as_str()).collect()
}
