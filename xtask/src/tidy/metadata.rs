//! What the rules need of `cargo metadata`: packages, declared dependencies, resolved edges.
//!
//! Declared dependencies (`Package::dependencies`) hold for all platforms and features; resolved
//! edges (`Workspace::reaches`) only for the platform that the metadata was filtered for.

use std::collections::{HashMap, HashSet};

use anyhow::{Context, Result};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(super) struct Workspace {
    pub(super) packages: Vec<Package>,
    workspace_members: HashSet<String>,
    resolve: Resolve,
}

#[derive(Debug, Deserialize)]
pub(super) struct Package {
    id: String,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) dependencies: Vec<Dependency>,
    metadata: Option<Metadata>,
    manifest_path: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Dependency {
    /// The package's name, whatever the manifest renames it to.
    pub(super) name: String,
    kind: Option<String>,
}

impl Dependency {
    pub(super) fn is_dev(&self) -> bool {
        self.kind.as_deref() == Some("dev")
    }
}

#[derive(Debug, Deserialize)]
struct Metadata {
    proxai: Option<Place>,
}

/// `[package.metadata.proxai]`.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Place {
    pub(super) layer: u32,
    pub(super) sans_io: bool,
}

#[derive(Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Edge>,
}

#[derive(Debug, Deserialize)]
struct Edge {
    pkg: String,
    dep_kinds: Vec<EdgeKind>,
}

#[derive(Debug, Deserialize)]
struct EdgeKind {
    kind: Option<String>,
}

impl Package {
    pub(super) fn place(&self) -> Option<Place> {
        self.metadata.as_ref().and_then(|metadata| metadata.proxai)
    }

    pub(super) fn sans_io(&self) -> bool {
        self.place().is_some_and(|place| place.sans_io)
    }

    /// Part of the product, as opposed to the automation beside it.
    pub(super) fn in_crates(&self) -> bool {
        self.manifest_path
            .replace('\\', "/")
            .ends_with(&format!("/crates/{}/Cargo.toml", self.name))
    }
}

impl Workspace {
    pub(super) fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("cannot read the output of `cargo metadata`")
    }

    pub(super) fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| self.workspace_members.contains(&package.id))
    }

    pub(super) fn member(&self, name: &str) -> Option<&Package> {
        self.members().find(|package| package.name == name)
    }

    /// For each package that `from` links into its library, the way there, `from` first.
    /// Build and dev-dependencies are not linked and do not count.
    pub(super) fn reaches<'a>(&'a self, from: &'a Package) -> HashMap<&'a str, Vec<&'a str>> {
        let names: HashMap<&str, &str> = self
            .packages
            .iter()
            .map(|package| (package.id.as_str(), package.name.as_str()))
            .collect();
        let nodes: HashMap<&str, &Node> = self
            .resolve
            .nodes
            .iter()
            .map(|node| (node.id.as_str(), node))
            .collect();
        let mut ways = HashMap::new();
        let mut seen = HashSet::from([from.id.as_str()]);
        let mut open = vec![(from.id.as_str(), vec![from.name.as_str()])];
        while let Some((id, way)) = open.pop() {
            let Some(node) = nodes.get(id) else { continue };
            for edge in &node.deps {
                let linked = edge.dep_kinds.iter().any(|kind| kind.kind.is_none());
                let Some(&name) = names.get(edge.pkg.as_str()) else {
                    continue;
                };
                if linked && seen.insert(&edge.pkg) {
                    let mut way = way.clone();
                    way.push(name);
                    ways.insert(name, way.clone());
                    open.push((&edge.pkg, way));
                }
            }
        }
        ways
    }
}
