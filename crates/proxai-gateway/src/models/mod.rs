//! `/v1/models`, in both shapes (E3).
//!
//! Which shape is asked for shows in one header: only Anthropic's SDKs send `anthropic-version`.
//!
//! Listed is what a client may write: models that routes, aliases and providers name, and those
//! that upstreams list themselves (P14) where the configuration does not. The latter bear their
//! provider's name in front, unless there is but one provider and it takes them without.

mod answer;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proxai_router::{Ask, Table};
use proxai_types::Protocol;
use serde::Serialize;
use tokio::time::Instant;

use crate::date;
use crate::upstream::discovery::{Discovery, MAX_WAIT};
use crate::upstream::provider::Upstream;

pub(crate) use self::answer::answer;

/// Most ids that one page of the Anthropic shape holds, as its reference says.
const MAX_PAGE: usize = 1000;
/// How many it holds unless asked.
const DEFAULT_PAGE: usize = 20;

/// How long an error waits for the names that a server of this machine has.
const MAX_WAIT_LOCAL: Duration = Duration::from_millis(500);

/// What stands for a date that nobody knows. Both references demand one; Anthropic's names the epoch
/// for this (<https://docs.claude.com/en/api/models-list>, 2026-11).
const UNKNOWN_DATE: u64 = 0;

/// The models a client may name.
#[derive(Debug, Default)]
pub struct ModelList {
    entries: Vec<Entry>,
    /// Who is asked for more.
    asked: Vec<Arc<Discovery>>,
    /// Whether names need their provider's.
    several: bool,
}

/// All models, as they are known at one moment.
#[derive(Debug)]
pub(crate) struct Listing {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    id: String,
    owner: String,
    /// The name for people, if it is another.
    title: Option<String>,
    /// Seconds since 1970, where the upstream says it.
    created: Option<u64>,
}

#[derive(Serialize)]
struct OpenAiModel<'a> {
    id: &'a str,
    object: &'static str,
    created: u64,
    owned_by: &'a str,
}

#[derive(Serialize)]
struct OpenAiList<'a> {
    object: &'static str,
    data: Vec<OpenAiModel<'a>>,
}

#[derive(Serialize)]
struct AnthropicModel<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    id: &'a str,
    display_name: &'a str,
    created_at: String,
}

#[derive(Serialize)]
struct AnthropicList<'a> {
    data: Vec<AnthropicModel<'a>>,
    has_more: bool,
    first_id: Option<&'a str>,
    last_id: Option<&'a str>,
}

impl Entry {
    fn openai(&self) -> OpenAiModel<'_> {
        OpenAiModel {
            id: &self.id,
            object: "model",
            created: self.created.unwrap_or(UNKNOWN_DATE),
            owned_by: &self.owner,
        }
    }

    fn anthropic(&self) -> AnthropicModel<'_> {
        AnthropicModel {
            kind: "model",
            id: &self.id,
            display_name: self.title.as_deref().unwrap_or(&self.id),
            created_at: date::text(self.created.unwrap_or(UNKNOWN_DATE)),
        }
    }
}

impl ModelList {
    pub(crate) fn of(table: &Table, upstreams: &[Arc<Upstream>]) -> Self {
        let mut entries: Vec<Entry> = table
            .models()
            .into_iter()
            .map(|model| Entry {
                owner: upstreams
                    .get(model.provider.index())
                    .map_or_else(String::new, |upstream| upstream.provider.name.clone()),
                id: model.id,
                title: None,
                created: None,
            })
            .collect();
        // One made for a route is reached by that route alone.
        let visible = |upstream: &&Arc<Upstream>| {
            let found = table.find_provider(&upstream.provider.name);
            found.is_some_and(|id| Arc::ptr_eq(&upstreams[id.index()], upstream))
        };
        let several = upstreams.iter().filter(visible).count() > 1;
        let mut asked = Vec::new();
        for upstream in upstreams.iter().filter(visible) {
            let owner = &upstream.provider.name;
            let default = table
                .find_provider(owner)
                .and_then(|id| table.facts(id)?.default_model.as_deref());
            for model in upstream.local_models().iter().copied().chain(default) {
                let id = public_name(table, several, owner, model);
                if entries.iter().all(|entry| entry.id != id) {
                    entries.push(Entry {
                        id,
                        owner: owner.clone(),
                        title: None,
                        created: None,
                    });
                }
            }
            if lists_itself(upstream) {
                asked.push(Discovery::new(Arc::clone(upstream)));
            }
        }
        Self {
            entries,
            asked,
            several,
        }
    }

    /// All models, the upstreams' own included as far as they are known in time.
    pub(crate) async fn current(&self, table: &Table) -> Listing {
        let mut entries = self.entries.clone();
        let mut seen: HashSet<String> = entries
            .iter()
            .map(|entry| entry.id.to_ascii_lowercase())
            .collect();
        let deadline = Instant::now() + MAX_WAIT;
        for discovery in &self.asked {
            discovery.refresh();
        }
        for discovery in &self.asked {
            let provider = &discovery.upstream.provider;
            for model in discovery.models(deadline).await.iter() {
                if !provider.allows_model(&model.id) {
                    continue;
                }
                let id = public_name(table, self.several, &provider.name, &model.id);
                if seen.insert(id.to_ascii_lowercase()) {
                    entries.push(Entry {
                        id,
                        owner: provider.name.clone(),
                        title: model.title.clone(),
                        created: model.created,
                    });
                }
            }
        }
        Listing { entries }
    }

    /// The names that are known without asking anybody, those that upstreams told before included.
    pub(crate) fn remembered(&self, table: &Table) -> Vec<String> {
        let mut names: Vec<String> = self.entries.iter().map(|entry| entry.id.clone()).collect();
        for discovery in &self.asked {
            let provider = &discovery.upstream.provider;
            for model in discovery.known().iter() {
                if provider.allows_model(&model.id) {
                    names.push(public_name(table, self.several, &provider.name, &model.id));
                }
            }
        }
        names
    }

    /// Asks the servers of this machine, so that what they have is remembered. Others are not asked for
    /// the sake of a suggestion.
    pub(crate) async fn ask_local(&self) {
        let local = || {
            let all = self.asked.iter();
            all.filter(|discovery| discovery.upstream.provider.local)
        };
        let deadline = Instant::now() + MAX_WAIT_LOCAL;
        local().for_each(Discovery::refresh);
        for discovery in local() {
            discovery.models(deadline).await;
        }
    }

    /// One model that is known without asking anybody.
    pub(crate) fn known(&self, id: &str, anthropic: bool) -> Option<Bytes> {
        find(&self.entries, id, anthropic)
    }

    /// How many models are known without asking anybody.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none of these.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Whether a provider is asked for its models: it is elsewhere, can be asked, and the configuration
/// does not name them all.
fn lists_itself(upstream: &Upstream) -> bool {
    let provider = &upstream.provider;
    let open = provider
        .models
        .as_ref()
        .is_none_or(|models| models.iter().any(|entry| entry.contains('*')));
    open && !provider.embedded && upstream.key_problem().is_none()
}

/// What a client writes for a provider's model.
fn public_name(table: &Table, several: bool, owner: &str, model: &str) -> String {
    let ask = Ask {
        protocol: Some(Protocol::Chat),
        ..Ask::new(model)
    };
    // An id may look like a route or a provider's name, which then takes it somewhere else.
    let bare = !several
        && proxai_router::resolve(table, &ask).is_ok_and(|plan| {
            plan.attempts.first().is_some_and(|attempt| {
                Some(attempt.provider) == table.find_provider(owner)
                    && attempt.upstream_model == model
            })
        });
    if bare {
        model.to_owned()
    } else {
        format!("{owner}/{model}")
    }
}

/// One model, in either shape.
fn find(entries: &[Entry], id: &str, anthropic: bool) -> Option<Bytes> {
    let id = percent_decode(id);
    let entry = entries.iter().find(|entry| entry.id == id)?;
    Some(
        if anthropic {
            proxai_json::to_vec(&entry.anthropic())
        } else {
            proxai_json::to_vec(&entry.openai())
        }
        .into(),
    )
}

impl Listing {
    /// The whole list in OpenAI's shape.
    pub(crate) fn openai(&self) -> Bytes {
        let list = OpenAiList {
            object: "list",
            data: self.entries.iter().map(Entry::openai).collect(),
        };
        proxai_json::to_vec(&list).into()
    }

    /// A page in Anthropic's shape; `query` may hold `limit`, `after_id` and `before_id`.
    pub(crate) fn anthropic(&self, query: Option<&str>) -> Bytes {
        let parameter = |name: &str| {
            query?
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| percent_decode(value))
        };
        let position = |id: String| self.entries.iter().position(|entry| entry.id == id);
        let limit = parameter("limit")
            .and_then(|limit| limit.parse().ok())
            .unwrap_or(DEFAULT_PAGE)
            .clamp(1, MAX_PAGE);
        let after = parameter("after_id").and_then(position).map(|at| at + 1);
        let before = parameter("before_id").and_then(position);
        let (start, end, has_more) = match (after, before) {
            (None, Some(before)) => {
                let start = before.saturating_sub(limit);
                (start, before, start > 0)
            }
            (after, _) => {
                let start = after.unwrap_or(0);
                let end = (start + limit).min(self.entries.len());
                (start, end, end < self.entries.len())
            }
        };
        let page = &self.entries[start..end];
        let list = AnthropicList {
            data: page.iter().map(Entry::anthropic).collect(),
            has_more,
            first_id: page.first().map(|entry| entry.id.as_str()),
            last_id: page.last().map(|entry| entry.id.as_str()),
        };
        proxai_json::to_vec(&list).into()
    }

    /// One model, in either shape.
    pub(crate) fn find(&self, id: &str, anthropic: bool) -> Option<Bytes> {
        find(&self.entries, id, anthropic)
    }
}

/// Model ids hold slashes and colons, which some clients encode.
fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let decoded = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(decoded.unwrap_or(bytes[at]));
        at += if decoded.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &[&str]) -> Listing {
        Listing {
            entries: ids
                .iter()
                .map(|id| Entry {
                    id: (*id).to_owned(),
                    owner: "up".to_owned(),
                    title: None,
                    created: None,
                })
                .collect(),
        }
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repeat() {
        let models = list(&["a", "b/x", "c"]);
        let first = models.anthropic(Some("limit=2"));
        let text = std::str::from_utf8(&first).unwrap();
        assert!(
            text.contains(r#""has_more":true,"first_id":"a","last_id":"b/x""#),
            "{text}"
        );
        let second = models.anthropic(Some("after_id=b%2Fx&limit=2"));
        let text = std::str::from_utf8(&second).unwrap();
        assert!(
            text.contains(r#""has_more":false,"first_id":"c","last_id":"c""#),
            "{text}"
        );
        let back = models.anthropic(Some("before_id=c&limit=1"));
        assert!(
            std::str::from_utf8(&back)
                .unwrap()
                .contains(r#""first_id":"b/x""#)
        );
    }

    #[test]
    fn an_empty_list_is_a_list_in_both_shapes() {
        let models = list(&[]);
        assert_eq!(models.openai(), r#"{"object":"list","data":[]}"#);
        assert!(
            models
                .anthropic(None)
                .starts_with(br#"{"data":[],"has_more":false"#)
        );
        assert!(models.find("a", false).is_none());
    }
}
