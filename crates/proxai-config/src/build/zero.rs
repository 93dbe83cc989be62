//! The configuration of somebody who has none (K4).
//!
//! Every built-in provider whose key variable is set is enabled, and the ones inside the process.
//! With several of them a model without a prefix has no obvious home: then only a protocol that
//! exactly one of them prefers gets a default. A guess would send prompts to a stranger.

use std::collections::BTreeMap;

use proxai_providers::Row;
use proxai_router::{DefaultSpec, Table, TableSpec};
use proxai_types::Protocol;

use super::{Build, path};
use crate::options::{ModelCellsOr, ProviderOptions};

impl Build<'_> {
    /// Fills in the providers; `answering` are the local servers that were found.
    pub(super) fn zero_table(&mut self, answering: &[&str]) -> Table {
        let registry = self.registry;
        let mut inside = Vec::new();
        let mut outside = Vec::new();
        for row in registry.rows().filter(|row| !row.identity.generic) {
            let id = row.identity.id.as_str();
            if row.cells.embedded == Some(true) {
                let options = ProviderOptions {
                    model: Some(ModelCellsOr::Default(id.to_owned())),
                    ..ProviderOptions::default()
                };
                self.add_provider(id, &options, &path(&["providers", id]), false);
                inside.push(id.to_owned());
            } else if self.has_key(row) || answering.contains(&id) {
                let before = (self.problems.len(), self.facts.len());
                let key = path(&["providers", id]);
                self.add_provider(id, &ProviderOptions::default(), &key, false);
                if self.facts.len() > before.1 {
                    outside.push(id.to_owned());
                } else {
                    // Its key is there and its address is not: nothing that was asked for.
                    let wrong = self.problems.split_off(before.0);
                    self.warnings.extend(wrong);
                }
            }
        }
        let default = match (outside.as_slice(), inside.as_slice()) {
            ([only], _) | ([], [only, ..]) => Some(DefaultSpec {
                provider: only.clone(),
                model: None,
            }),
            _ => None,
        };
        let spec = TableSpec {
            providers: self.facts.clone(),
            protocol_defaults: self.preferred(&outside),
            default,
            ..TableSpec::default()
        };
        Table::build(spec).unwrap_or_default()
    }

    fn has_key(&self, row: &Row) -> bool {
        let mut variables = row.cells.auth.env.iter().flatten();
        variables.any(|variable| {
            let value = self.sources.var(variable.name());
            value.is_some_and(|value| !value.trim().is_empty())
        })
    }

    /// Per protocol, the provider that prefers it, if there is exactly one.
    fn preferred(&self, names: &[String]) -> BTreeMap<Protocol, String> {
        let preferring = |protocol| {
            let mut found = self.providers.iter().filter(|settings| {
                names.contains(&settings.provider.name)
                    && settings.provider.protocols().next() == Some(protocol)
            });
            match (found.next(), found.next()) {
                (Some(only), None) => Some((protocol, only.provider.name.clone())),
                _ => None,
            }
        };
        Protocol::ALL.into_iter().filter_map(preferring).collect()
    }
}
