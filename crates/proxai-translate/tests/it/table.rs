//! The table of features against what the adapters do: for every row, every client whose protocol
//! spells it and every foreign target, a request that carries the feature comes out as the cell
//! says, with the cell's own words, at the place where the row says the client wrote it.
//!
//! The requests are data, in `table/<client's protocol>.json`, as the vendors' libraries type
//! them. A row that a protocol spells and that has no sample there for each target fails.

use std::collections::{BTreeMap, BTreeSet};

use proxai_testkit::fixtures::{Facts, Sent};
use proxai_translate::features::{Row, Support, TABLE};
use proxai_translate::ir::{Loss, LossKind};
use proxai_translate::{Prepared, RequestError};
use proxai_types::Protocol;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::drive;
use crate::facts::check_facts;

/// The samples of one protocol.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Samples {
    /// A request without features, but for a limit, which one target demands.
    base: Map<String, Value>,
    /// By the name of the feature.
    samples: BTreeMap<String, Vec<Sample>>,
}

/// A request that carries one feature.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sample {
    /// Members that take the place of those of the base; null takes one out.
    request: Map<String, Value>,
    /// Where the feature stands; the row's own spelling where that holds no list.
    at: Option<String>,
    /// What each target gets, by JSON pointer; null for what it must not get.
    to: BTreeMap<String, Facts>,
    /// Abilities of the target beside the usual ones.
    #[serde(default)]
    abilities: Vec<String>,
    /// Outcomes other than those of the cells, by target.
    #[serde(default)]
    instead: BTreeMap<String, Outcome>,
    /// Why there are such abilities or outcomes.
    because: Option<String>,
    /// Where else the request loses something with the feature.
    #[serde(default)]
    also: Vec<String>,
}

impl Sample {
    fn body(&self, base: &Map<String, Value>) -> Vec<u8> {
        let mut body = base.clone();
        for (member, value) in &self.request {
            if value.is_null() {
                body.remove(member);
            } else {
                body.insert(member.clone(), value.clone());
            }
        }
        serde_json::to_vec(&body).expect("JSON can be written")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Native,
    Approximated,
    Dropped,
    Defaulted,
    Refused,
}

impl Outcome {
    const fn of(support: Support) -> Self {
        match support {
            Support::Native | Support::Mapped(_) => Self::Native,
            Support::Approximated(_) => Self::Approximated,
            Support::Dropped(_) => Self::Dropped,
            Support::Refused(_) => Self::Refused,
        }
    }

    const fn loss(self) -> Option<LossKind> {
        match self {
            Self::Native | Self::Refused => None,
            Self::Approximated => Some(LossKind::Approximated),
            Self::Dropped => Some(LossKind::Dropped),
            Self::Defaulted => Some(LossKind::Defaulted),
        }
    }
}

/// One sample for one target.
struct Check<'s> {
    client: Protocol,
    target: Protocol,
    support: Support,
    sample: &'s Sample,
    facts: &'s Facts,
    at: &'s str,
}

impl Check<'_> {
    fn run(&self, base: &Map<String, Value>, found: &mut Vec<String>) {
        let sent = Sent {
            protocol: self.client,
            extension: "json".to_owned(),
            body: self.sample.body(base),
        };
        let target = drive::able(&self.sample.abilities);
        let exception = self.sample.instead.get(self.target.name());
        let outcome = exception.copied().unwrap_or(Outcome::of(self.support));
        let note = exception.is_none().then_some(self.support.note());
        match (drive::request(&sent, self.target, &target), outcome) {
            (Err(error), Outcome::Refused) => self.refusal(&error, note, found),
            (Err(error), _) => found.push(format!("refused at {:?}: {error}", error.path())),
            (Ok(_), Outcome::Refused) => found.push("not refused".to_owned()),
            (Ok(prepared), _) => self.sent(&prepared, outcome, note, found),
        }
    }

    fn refusal(&self, error: &RequestError, note: Option<&str>, found: &mut Vec<String>) {
        if error.path() != Some(self.at) {
            found.push(format!("refused at {:?}, not {}", error.path(), self.at));
        }
        let said = match error {
            RequestError::Unsupported { message, .. } => message.as_str(),
            _ => "a mistake of the client",
        };
        if note.is_some_and(|note| note != said) {
            found.push(format!("refused with other words: {said}"));
        }
        if !self.facts.is_empty() {
            found.push("facts about a request that is refused".to_owned());
        }
    }

    fn sent(
        &self,
        prepared: &Prepared,
        outcome: Outcome,
        note: Option<&str>,
        found: &mut Vec<String>,
    ) {
        let expected = |loss: &&Loss| loss.path == self.at && Some(loss.kind) == outcome.loss();
        let also = |loss: &Loss| self.sample.also.contains(&loss.path);
        match (outcome.loss(), prepared.losses.iter().find(expected)) {
            (Some(kind), None) => found.push(format!("not {} at {}", kind.name(), self.at)),
            (Some(_), Some(loss)) if note.is_some_and(|note| note != loss.why) => {
                found.push(format!("reported with other words: {loss}"));
            }
            _ => {}
        }
        for loss in &prepared.losses {
            if !expected(&loss) && !also(loss) {
                found.push(format!("reported beside it: {loss}"));
            }
        }
        for path in &self.sample.also {
            if !prepared.losses.iter().any(|loss| loss.path == *path) {
                found.push(format!("nothing is lost at {path}"));
            }
        }
        if self.facts.is_empty() {
            found.push("say what arrives, or what must not".to_owned());
        }
        let arrives = self.facts.values().any(|fact| !fact.is_null());
        if outcome == Outcome::Native && !arrives {
            found.push("say what arrives".to_owned());
        }
        let (facts, absent): (Facts, Facts) = self
            .facts
            .clone()
            .into_iter()
            .partition(|(_, fact)| !fact.is_null());
        check_facts(found, Some(&facts), &prepared.body, "sent");
        let body: Value = serde_json::from_slice(&prepared.body).expect("it is JSON");
        for pointer in absent.keys() {
            if let Some(value) = body.pointer(pointer) {
                found.push(format!("{pointer} must not be there: {value}"));
            }
        }
    }
}

fn samples(client: Protocol) -> Samples {
    let text = match client {
        Protocol::Chat => include_str!("table/chat.json"),
        Protocol::Responses => include_str!("table/responses.json"),
        Protocol::Messages => include_str!("table/messages.json"),
    };
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{client}: {error}"))
}

fn name(row: &Row) -> String {
    format!("{:?}", row.feature)
}

/// A path without the indexes in it.
fn shape(path: &str) -> String {
    path.chars().filter(|c| !c.is_ascii_digit()).collect()
}

fn check_row(row: &Row, client: Protocol, samples: &Samples, found: &mut Vec<String>) {
    let spelling = row.paths[client.index()];
    let of_row = samples.samples.get(&name(row));
    let targets = Protocol::ALL.into_iter().filter(|target| *target != client);
    if spelling.is_empty() {
        if of_row.is_some() {
            found.push(format!("{client}: a sample, but no spelling"));
        }
        return;
    }
    let of_row = of_row.map(Vec::as_slice).unwrap_or_default();
    let mut missing: BTreeSet<&str> = targets.map(Protocol::name).collect();
    for (number, sample) in of_row.iter().enumerate() {
        let at = sample.at.as_deref().unwrap_or(spelling);
        let whom = format!("{client} sample {number}");
        if shape(at) != spelling || at.contains("[]") {
            found.push(format!("{whom}: `{at}` is no place of `{spelling}`"));
        }
        let excepted = !sample.abilities.is_empty() || !sample.instead.is_empty();
        if excepted != sample.because.is_some() {
            found.push(format!("{whom}: an exception and its reason go together"));
        }
        for (target, facts) in &sample.to {
            let Some(target) = Protocol::ALL
                .into_iter()
                .find(|known| known.name() == target && *known != client)
            else {
                found.push(format!("{whom}: {target} is no foreign target"));
                continue;
            };
            if !sample.instead.contains_key(target.name()) {
                missing.remove(target.name());
            }
            let mut of_target = Vec::new();
            let check = Check {
                client,
                target,
                support: row.feature.support(target),
                sample,
                facts,
                at,
            };
            check.run(&samples.base, &mut of_target);
            found.extend(
                of_target
                    .into_iter()
                    .map(|problem| format!("{whom} to {target}: {problem}")),
            );
        }
    }
    // A cell may be wrong for all that a client can say; then each of its samples says why.
    missing.retain(|target| {
        !of_row
            .iter()
            .any(|sample| sample.instead.contains_key(*target))
    });
    for target in missing {
        found.push(format!("{client}: no sample for {target}"));
    }
}

#[test]
fn every_cell_of_the_table_is_what_a_request_meets() {
    let mut problems = Vec::new();
    for client in Protocol::ALL {
        let samples = samples(client);
        let known: BTreeSet<String> = TABLE.iter().map(name).collect();
        for unknown in samples.samples.keys().filter(|name| !known.contains(*name)) {
            problems.push(format!("{unknown}: {client}: no row has this name"));
        }
        for row in TABLE {
            let mut found = Vec::new();
            check_row(row, client, &samples, &mut found);
            problems.extend(
                found
                    .into_iter()
                    .map(|problem| format!("{}: {problem}", name(row))),
            );
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems\n{}",
        problems.len(),
        problems.join("\n")
    );
}

/// Every request of the samples: its feature, its client, and the abilities of the targets.
pub(crate) fn requests() -> Vec<(String, Protocol, Vec<u8>, Vec<String>)> {
    let mut requests = Vec::new();
    for client in Protocol::ALL {
        let Samples { base, samples } = samples(client);
        for (name, samples) in samples {
            for sample in samples {
                let body = sample.body(&base);
                requests.push((name.clone(), client, body, sample.abilities));
            }
        }
    }
    requests
}
