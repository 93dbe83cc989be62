//! What is always counted: requests, tokens and losses (T4, T10).
//!
//! Totals since the start, for whoever renders them. Their number is bounded by the configuration
//! and by this program, never by what clients send: providers are those that are configured, and
//! losses go by their label and not by their path. No request waits here for longer than it takes
//! to add a few numbers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use proxai_ir::LossKind;
use proxai_translate::features;
use proxai_types::{Protocol, Usage};

use crate::account::record::{Journal, Outcome, Record};

/// Counts what has happened since the start.
#[derive(Debug, Default)]
pub struct Counters(Mutex<Totals>);

#[derive(Debug, Default)]
struct Totals {
    requests: BTreeMap<RequestLabels, u64>,
    tokens: BTreeMap<TokenLabels, u64>,
    losses: BTreeMap<LossLabels, u64>,
}

/// What tells one number of requests from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestLabels {
    /// The operation, as in [`Record::operation`].
    pub operation: &'static str,
    /// The provider's name; empty where the request reached none.
    pub provider: Arc<str>,
    /// The hundreds of the status.
    pub status: StatusClass,
    /// How it ended.
    pub outcome: Outcome,
}

/// The hundreds of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusClass {
    /// There was no answer: the client left before.
    None,
    /// 1xx to 5xx.
    Hundreds(u8),
}

/// What tells one number of tokens from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenLabels {
    /// The provider's name.
    pub provider: Arc<str>,
    /// Which tokens.
    pub kind: TokenKind,
}

/// Which tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenKind {
    /// Of the prompt, cached or not.
    Input,
    /// Of the prompt, read from a cache.
    CacheRead,
    /// Of the prompt, written to a cache.
    CacheWrite,
    /// Of the answer, reasoning and all.
    Output,
    /// Of the answer, spent on reasoning.
    Reasoning,
}

/// What tells one number of losses from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LossLabels {
    /// The client's protocol.
    pub client: Protocol,
    /// The upstream's protocol.
    pub upstream: Protocol,
    /// How much was lost.
    pub kind: LossKind,
    /// The place in the client's request, from a closed list.
    pub path: &'static str,
}

/// All numbers at one moment, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that have ended.
    pub requests: Vec<(RequestLabels, u64)>,
    /// What they cost.
    pub tokens: Vec<(TokenLabels, u64)>,
    /// What they or their answers lost.
    pub losses: Vec<(LossLabels, u64)>,
}

impl Counters {
    /// All numbers at this moment.
    pub fn counts(&self) -> Counts {
        fn listed<K: Clone>(map: &BTreeMap<K, u64>) -> Vec<(K, u64)> {
            map.iter()
                .map(|(key, count)| (key.clone(), *count))
                .collect()
        }
        let totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Counts {
            requests: listed(&totals.requests),
            tokens: listed(&totals.tokens),
            losses: listed(&totals.losses),
        }
    }
}

impl Journal for Counters {
    fn record(&self, record: &Record) {
        let mut totals = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let request = RequestLabels {
            operation: record.operation,
            provider: Arc::clone(&record.provider),
            status: StatusClass::of(record.status),
            outcome: record.outcome,
        };
        *totals.requests.entry(request).or_default() += 1;
        if let Some(usage) = &record.usage {
            for kind in TokenKind::ALL {
                if let Some(count) = kind.of(usage).filter(|count| *count > 0) {
                    let provider = Arc::clone(&record.provider);
                    let total = totals
                        .tokens
                        .entry(TokenLabels { provider, kind })
                        .or_default();
                    // An upstream may claim any number.
                    *total = total.saturating_add(count);
                }
            }
        }
        let protocols = protocol_named(record.operation).zip(record.upstream_protocol);
        if let Some((client, upstream)) = protocols {
            for loss in &record.losses {
                let lost = LossLabels {
                    client,
                    upstream,
                    kind: loss.kind,
                    path: features::label(&loss.path, client),
                };
                *totals.losses.entry(lost).or_default() += 1;
            }
        }
    }
}

fn protocol_named(name: &str) -> Option<Protocol> {
    [Protocol::Chat, Protocol::Responses, Protocol::Messages]
        .into_iter()
        .find(|protocol| protocol.name() == name)
}

impl StatusClass {
    fn of(status: u16) -> Self {
        match u8::try_from(status / 100) {
            Ok(hundreds @ 1..=5) => Self::Hundreds(hundreds),
            _ => Self::None,
        }
    }

    /// The word in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Hundreds(hundreds) => match hundreds {
                1 => "1xx",
                2 => "2xx",
                3 => "3xx",
                4 => "4xx",
                _ => "5xx",
            },
        }
    }
}

impl TokenKind {
    const ALL: [Self; 5] = [
        Self::Input,
        Self::CacheRead,
        Self::CacheWrite,
        Self::Output,
        Self::Reasoning,
    ];

    const fn of(self, usage: &Usage) -> Option<u64> {
        match self {
            Self::Input => usage.input,
            Self::CacheRead => usage.cache_read,
            Self::CacheWrite => usage.cache_write,
            Self::Output => usage.output,
            Self::Reasoning => usage.reasoning,
        }
    }

    /// The word in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::CacheRead => "cache_read",
            Self::CacheWrite => "cache_write",
            Self::Output => "output",
            Self::Reasoning => "reasoning",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::Losses;
    use std::time::Duration;
    use tokio::time::Instant;

    fn record(status: u16, losses: &[&str]) -> Record {
        let mut lost = Losses::new();
        for path in losses {
            lost.dropped(path, "no place for it");
        }
        Record {
            id: "req_1".into(),
            operation: "chat",
            upstream_protocol: Some(Protocol::Messages),
            provider: "up".into(),
            model: "m".into(),
            route: "r".into(),
            status,
            attempts: 1,
            continuations: 0,
            stream: false,
            started: Instant::now(),
            first_byte: None,
            duration: Duration::ZERO,
            usage: Some(Usage {
                input: Some(5),
                output: Some(u64::MAX),
                ..Usage::default()
            }),
            losses: lost,
            outcome: Outcome::End,
            error: None,
        }
    }

    #[test]
    fn everything_adds_up_and_absurd_counts_do_not_wrap() {
        let counters = Counters::default();
        for status in [200, 204, 404, 0] {
            counters.record(&record(status, &[]));
        }
        let counts = counters.counts();
        let classes: Vec<(&str, u64)> = counts
            .requests
            .iter()
            .map(|(request, count)| (request.status.name(), *count))
            .collect();
        assert_eq!(classes, [("none", 1), ("2xx", 2), ("4xx", 1)]);
        let tokens: Vec<(&str, u64)> = counts
            .tokens
            .iter()
            .map(|(tokens, count)| (tokens.kind.name(), *count))
            .collect();
        assert_eq!(tokens, [("input", 20), ("output", u64::MAX)]);
    }

    #[test]
    fn what_clients_send_does_not_make_more_numbers() {
        let counters = Counters::default();
        for n in 0..5000 {
            let (made_up, indexed) = (format!("x{n}"), format!("messages[{n}].name"));
            counters.record(&record(200, &["seed", &made_up, &indexed]));
        }
        let losses: Vec<(&str, u64)> = counters
            .counts()
            .losses
            .iter()
            .map(|(lost, count)| (lost.path, *count))
            .collect();
        assert_eq!(
            losses,
            [("messages[].name", 5000), ("other", 5000), ("seed", 5000)]
        );
    }
}
