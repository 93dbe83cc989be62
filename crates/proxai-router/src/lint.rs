//! What is allowed in a table and yet surely not meant: `proxai check` prints it (R2, R3).

use std::fmt;

use crate::table::{Route, Table};

/// Words that people give to targets which are to come last.
const SPARE_WORDS: [&str; 3] = ["fallback", "backup", "spare"];

/// Something suspicious about a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    /// The route, in file order.
    pub route: usize,
    /// Its name or pattern.
    pub name: String,
    /// What it is.
    pub kind: LintKind,
}

/// What is suspicious.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LintKind {
    /// An earlier route takes everything that this one would.
    Shadowed {
        /// The earlier route, in file order.
        by: usize,
        /// Its name or pattern.
        by_name: String,
    },
    /// A target whose name says that it comes last is tried first. Lower priorities come first.
    SpareFirst {
        /// The target's name.
        target: String,
    },
    /// No target has a weight: only file order decides, since 0 means "when nothing is left".
    NoWeight,
}

impl fmt::Display for Lint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "route {} `{}` ", self.route + 1, self.name)?;
        match &self.kind {
            LintKind::Shadowed { by, by_name } => write!(
                f,
                "can never match: route {} `{by_name}` takes all its requests; move it up or remove it",
                by + 1
            ),
            LintKind::SpareFirst { target } => write!(
                f,
                "tries target `{target}` first; lower `priority` is tried first, so give it a higher one"
            ),
            LintKind::NoWeight => {
                f.write_str("has only targets of weight 0; give one a weight above 0")
            }
        }
    }
}

impl Table {
    /// Everything suspicious, in file order.
    pub fn lints(&self) -> Vec<Lint> {
        let mut lints = Vec::new();
        for (index, route) in self.routes.iter().enumerate() {
            let mut add = |kind| {
                lints.push(Lint {
                    route: index,
                    name: route.name.to_string(),
                    kind,
                });
            };
            let earlier = self.routes.iter().take(index).enumerate();
            if let Some((by, first)) = earlier.into_iter().find(|(_, first)| shadows(first, route))
            {
                add(LintKind::Shadowed {
                    by,
                    by_name: first.name.to_string(),
                });
            }
            if let Some(target) = spare_first(route) {
                add(LintKind::SpareFirst { target });
            }
            if route.targets.len() > 1 && route.targets.iter().all(|target| target.weight == 0) {
                add(LintKind::NoWeight);
            }
        }
        lints
    }
}

fn shadows(first: &Route, later: &Route) -> bool {
    first.path == later.path
        && (first.guard.is_none() || first.guard == later.guard)
        && first
            .headers
            .iter()
            .all(|demand| later.headers.contains(demand))
        && first.pattern.covers(&later.pattern)
}

/// The target in the first tier that calls itself a spare while another is in a later tier.
fn spare_first(route: &Route) -> Option<String> {
    let tier = |target: &crate::table::Target| (target.weight == 0, target.priority);
    let first = route.targets.iter().map(tier).min()?;
    let others_later = route.targets.iter().any(|target| tier(target) != first);
    route
        .targets
        .iter()
        .filter(|target| others_later && tier(target) == first)
        .map(|target| target.name.to_string())
        .find(|name| {
            let name = name.to_ascii_lowercase();
            SPARE_WORDS.iter().any(|word| name.contains(word))
        })
}
