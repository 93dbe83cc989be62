//! Names of tools that the target takes, each for one tool only (cases 42 and 48).
//!
//! A name without a namespace that is legal is never changed. A namespace is written before the
//! name with two underscores, unless another tool would have the same name then. Whatever cannot
//! stay gets a hash of itself behind it. All of it depends on which tools there are, not on their
//! order, so that a list in another order gives the same names (T5).

use std::collections::{BTreeSet, HashMap, HashSet};

use proxai_types::Protocol;

/// Most characters of a tool name. OpenAI documents 64 for functions; Messages takes 128
/// (both checked 2026-11-21).
const fn max_name(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Chat | Protocol::Responses => 64,
        Protocol::Messages => 128,
    }
}

/// Characters of a hash and the underscore before it.
const HASH: usize = 9;

/// A tool as the client knows it: namespace and name.
type Tool = (Option<String>, String);

/// How names are made legal.
pub(super) struct Naming {
    max: usize,
    /// What each tool of the request is called.
    names: HashMap<Tool, String>,
    /// The names that these tools have.
    taken: HashSet<String>,
}

impl Naming {
    /// Names for `tools`, each a namespace and a name.
    pub(super) fn new<'t>(
        protocol: Protocol,
        tools: impl Iterator<Item = (Option<&'t str>, &'t str)>,
    ) -> Self {
        let tools: BTreeSet<Tool> = tools
            .map(|(namespace, name)| (namespace.map(str::to_owned), name.to_owned()))
            .collect();
        let mut naming = Self {
            max: max_name(protocol),
            names: HashMap::with_capacity(tools.len()),
            taken: HashSet::with_capacity(tools.len()),
        };
        let mut wanted: HashMap<String, usize> = HashMap::new();
        for (namespace, name) in &tools {
            let full = full(name, namespace.as_deref());
            if namespace.is_none() && naming.is_legal(&full) {
                naming.take(namespace.as_deref(), name, full);
            } else {
                *wanted.entry(full).or_default() += 1;
            }
        }
        let mut rest = Vec::new();
        for (namespace, name) in &tools {
            let full = full(name, namespace.as_deref());
            if namespace.is_none() && naming.is_legal(&full) {
                continue;
            }
            let alone = wanted.get(&full) == Some(&1) && !naming.taken.contains(&full);
            if alone && naming.is_legal(&full) {
                naming.take(namespace.as_deref(), name, full);
            } else {
                rest.push((namespace, name));
            }
        }
        for (namespace, name) in rest {
            let wire = naming.hashed(name, namespace.as_deref());
            naming.take(namespace.as_deref(), name, wire);
        }
        naming
    }

    fn take(&mut self, namespace: Option<&str>, name: &str, wire: String) {
        self.taken.insert(wire.clone());
        self.names
            .insert((namespace.map(str::to_owned), name.to_owned()), wire);
    }

    fn is_legal(&self, name: &str) -> bool {
        !name.is_empty() && name.len() <= self.max && name.chars().all(legal)
    }

    /// What the target knows a tool by. One that is no longer on offer, as calls of a history can
    /// name it, gets no name of one that is; without a namespace it may well be that one, from
    /// before the client had namespaces.
    pub(super) fn wire(&self, name: &str, namespace: Option<&str>) -> String {
        let tool = (namespace.map(str::to_owned), name.to_owned());
        if let Some(known) = self.names.get(&tool) {
            return known.clone();
        }
        let full = full(name, namespace);
        if self.is_legal(&full) && (namespace.is_none() || !self.taken.contains(&full)) {
            return full;
        }
        self.hashed(name, namespace)
    }

    /// A name with a hash that no other tool has.
    fn hashed(&self, name: &str, namespace: Option<&str>) -> String {
        let full = full(name, namespace);
        let head: String = full
            .chars()
            .map(|c| if legal(c) { c } else { '_' })
            .take(self.max - HASH)
            .collect();
        let mut source = format!("{namespace:?}{name}");
        loop {
            let sum = crate::seal::checksum(source.as_bytes()) >> 32;
            let wire = format!("{head}_{sum:08x}");
            if !self.taken.contains(&wire) {
                return wire;
            }
            source.push('\0');
        }
    }
}

fn full(name: &str, namespace: Option<&str>) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}__{name}"),
        None => name.to_owned(),
    }
}

fn legal(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(tools: &[(Option<&str>, &str)]) -> Vec<String> {
        let naming = Naming::new(Protocol::Chat, tools.iter().copied());
        let wire = |(namespace, name): &(Option<&str>, &str)| naming.wire(name, *namespace);
        tools.iter().map(wire).collect()
    }

    #[test]
    fn two_tools_never_have_one_name_in_whatever_order_they_stand() {
        let of_dots = names(&[(None, "a.b")]).remove(0);
        let again = names(&[(None, "a.b"), (None, &of_dots)]).remove(0);
        let tools = [
            (Some("a"), "b__c"),
            (Some("a__b"), "c"),
            (Some("x"), "y"),
            (None, "x__y"),
            (Some("sea"), "tide"),
            (None, "a.b"),
            (None, of_dots.as_str()),
            (None, again.as_str()),
        ];
        let found = names(&tools);
        let distinct: HashSet<&String> = found.iter().collect();
        assert_eq!(distinct.len(), tools.len(), "{found:?}");
        assert!(
            found
                .iter()
                .all(|name| name.len() <= 64 && name.chars().all(legal))
        );
        for (at, kept) in [(3, "x__y"), (4, "sea__tide"), (6, &of_dots), (7, &again)] {
            assert_eq!(found[at], kept);
        }
        let mut turned = tools;
        turned.reverse();
        let mut found_turned = names(&turned);
        found_turned.reverse();
        assert_eq!(found, found_turned);
    }

    #[test]
    fn a_call_of_a_tool_that_is_gone_is_no_call_of_another() {
        let naming = Naming::new(Protocol::Chat, [(Some("a"), "b__c")].into_iter());
        assert_eq!(naming.wire("b__c", Some("a")), "a__b__c");
        assert_ne!(naming.wire("c", Some("a__b")), "a__b__c");
        assert_eq!(naming.wire("a__b__c", None), "a__b__c");
        assert_eq!(naming.wire("gone", Some("a")), "a__gone");
    }
}
