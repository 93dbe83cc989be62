//! Asks upstreams which models they have (P14).
//!
//! Nobody is asked before somebody wants to know, and everybody who wants to know meanwhile waits
//! for the one answer. Whoever waits does so for [`MAX_WAIT`] at most and then gets what is known;
//! the question goes on, and who asks again gets its answer. An upstream that does not answer keeps
//! the models it had.
//!
//! Lists are read leniently: `data` or `models` or nothing around them, objects with `id` or `name`
//! or bare strings. What is no list is a failure, and failures are told in the log alone.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use proxai_json::{Container, Doc, Span};
use proxai_types::{Operation, Protocol};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use crate::answer::reply::collect;
use crate::date;
use crate::headers::JSON;
use crate::problem::Problem;
use crate::upstream::provider::{Asked, To, Upstream};

/// How long an upstream's answer is believed.
const FRESH: Duration = Duration::from_mins(5);

/// How long an upstream is left alone that gave none.
const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// How long an upstream may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a client waits. Claude Code gives up after three seconds.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(2);

/// The largest list; aggregators' are about one megabyte.
const MAX_LIST_BYTES: usize = 8 << 20;

/// The most models of one upstream.
const MAX_MODELS: usize = 10_000;

/// The longest id.
const MAX_ID: usize = 256;

/// The most pages, where an upstream gives its list in pages.
const MAX_PAGES: usize = 8;

/// A model that an upstream lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) id: String,
    /// The name for people, if there is one.
    pub(crate) title: Option<String>,
    /// When it was made, in seconds since 1970, if the upstream says so.
    pub(crate) created: Option<u64>,
}

/// What is known of the models of one upstream.
#[derive(Debug)]
pub(crate) struct Discovery {
    pub(crate) upstream: Arc<Upstream>,
    state: Mutex<State>,
    answered: Notify,
}

#[derive(Debug, Default)]
struct State {
    models: Arc<[Found]>,
    /// Nobody is asked before.
    until: Option<Instant>,
    asking: bool,
}

impl Discovery {
    pub(crate) fn new(upstream: Arc<Upstream>) -> Arc<Self> {
        Arc::new(Self {
            upstream,
            state: Mutex::default(),
            answered: Notify::new(),
        })
    }

    /// Asks, unless the answer is known or on its way.
    pub(crate) fn refresh(self: &Arc<Self>) {
        let mut state = self.state();
        if state.asking || state.is_fresh() {
            return;
        }
        state.asking = true;
        drop(state);
        let asking = Asking(Arc::clone(self));
        tokio::spawn(async move {
            let answer = timeout(ASK_TIMEOUT, list(&asking.0.upstream)).await;
            asking.0.note(
                answer.unwrap_or_else(|_| {
                    Err(format!("no answer within {} s", ASK_TIMEOUT.as_secs()))
                }),
            );
        });
    }

    /// What is known when the answer comes, or at the deadline.
    pub(crate) async fn models(&self, deadline: Instant) -> Arc<[Found]> {
        loop {
            // Made before looking: an answer in between is not missed.
            let answered = self.answered.notified();
            {
                let state = self.state();
                if !state.asking {
                    return Arc::clone(&state.models);
                }
            }
            if timeout_at(deadline, answered).await.is_err() {
                return Arc::clone(&self.state().models);
            }
        }
    }

    /// What is known now.
    pub(crate) fn known(&self) -> Arc<[Found]> {
        Arc::clone(&self.state().models)
    }

    fn note(&self, answer: Result<Vec<Found>, String>) {
        let mut state = self.state();
        let rest = match answer {
            Ok(models) => {
                state.models = models.into();
                FRESH
            }
            Err(error) => {
                tracing::info!(provider = %self.upstream.name, %error, "the models of a provider are not known");
                AFTER_FAILURE
            }
        };
        state.until = Some(Instant::now() + rest);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_fresh(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}

/// A question on its way. However it ends, nobody waits any longer.
struct Asking(Arc<Discovery>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.state().asking = false;
        self.0.answered.notify_waiters();
    }
}

/// All pages of an upstream's list.
async fn list(upstream: &Upstream) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    // Only the Messages API has pages, short ones unless asked:
    // https://docs.claude.com/en/api/models-list (2026-11)
    let paged =
        !upstream.provider.speaks(Protocol::Chat) && upstream.provider.speaks(Protocol::Messages);
    let mut query = paged.then(|| "limit=1000".to_owned());
    for _ in 0..MAX_PAGES {
        let body = page(upstream, query.as_deref()).await?;
        let next = read(&body, &mut found).ok_or("the answer is no list of models")?;
        match next.filter(|_| paged && found.len() < MAX_MODELS) {
            Some(last) => query = Some(format!("limit=1000&after_id={last}")),
            None => break,
        }
    }
    Ok(found)
}

async fn page(upstream: &Upstream, query: Option<&str>) -> Result<Bytes, String> {
    let told = |problem: Box<Problem>| problem.failure.message;
    let mut request = upstream.request(To::Models, query).map_err(told)?;
    *request.method_mut() = Method::GET;
    let headers = request.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.insert(ACCEPT, JSON);
    let asked = Asked {
        operation: Operation::Models,
        protocol: Protocol::Chat,
        path: "/v1/models",
        id: "",
        now: 0,
        final_codes: &[],
    };
    let response = upstream
        .send(asked, request)
        .await
        .map_err(|error| error.to_string())?;
    if !response.status().is_success() {
        return Err(format!("status {}", response.status().as_u16()));
    }
    collect(response.into_body(), MAX_LIST_BYTES, upstream)
        .await
        .map_err(told)
}

/// Reads a list; the answer is the id to go on from, if there is more.
#[expect(
    clippy::option_option,
    reason = "no list, no more and more are three things"
)]
fn read(body: &[u8], found: &mut Vec<Found>) -> Option<Option<String>> {
    let start = body.iter().position(|byte| !byte.is_ascii_whitespace())?;
    let (list, next) = if body[start] == b'[' {
        let whole = Span {
            start,
            end: body.len(),
        };
        (Container::scan(body, whole).ok()?, None)
    } else {
        let doc = Doc::scan(body).ok()?;
        let list = ["data", "models"]
            .into_iter()
            .filter_map(|key| doc.get(key))
            .find(|span| span.kind(body) == b'[')?;
        let next = doc
            .is_true("has_more")
            .then(|| doc.str("last_id"))
            .flatten();
        (
            Container::scan(body, list).ok()?,
            next.filter(|id| is_id(id)),
        )
    };
    for item in &list.items {
        let model = match item.value.kind(body) {
            b'"' => item.value.string(body).map(|id| Found {
                id: id.into_owned(),
                title: None,
                created: None,
            }),
            b'{' => Container::scan(body, item.value).ok().and_then(|model| {
                let text = |key: &str| {
                    let text = model.value(body, key)?.string(body)?;
                    Some(text.into_owned())
                };
                Some(Found {
                    id: text("id").or_else(|| text("name"))?,
                    title: text("display_name"),
                    created: model
                        .value(body, "created")
                        .and_then(|span| seconds(span.of(body)))
                        .or_else(|| date::seconds(&text("created_at")?)),
                })
            }),
            _ => None,
        };
        if let Some(model) = model
            && is_id(&model.id)
            && found.len() < MAX_MODELS
            && found
                .iter()
                .rev()
                .take(64)
                .all(|known| known.id != model.id)
        {
            found.push(model);
        }
    }
    Some(next.map(std::borrow::Cow::into_owned))
}

/// A number of seconds; some servers write it with a fraction, and 0 where they do not know.
fn seconds(number: &[u8]) -> Option<u64> {
    let number: f64 = std::str::from_utf8(number).ok()?.parse().ok()?;
    let whole = Duration::try_from_secs_f64(number).ok()?.as_secs();
    (whole > 0).then_some(whole)
}

/// Whether a text can stand in a URL and in a header.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(body: &str) -> Option<(Vec<String>, Option<String>)> {
        let mut found = Vec::new();
        let next = read(body.as_bytes(), &mut found)?;
        Some((found.into_iter().map(|model| model.id).collect(), next))
    }

    #[test]
    fn every_shape_of_a_list_is_read() {
        for body in [
            r#"{"object":"list","data":[{"id":"a/1","object":"model"},{"id":"b"}]}"#,
            r#"{"data":[{"type":"model","id":"a/1","display_name":"A"},{"type":"model","id":"b"}],"has_more":false,"last_id":"b"}"#,
            r#"{"models":[{"name":"a/1","size":3},{"name":"b"},{"no":1},7]}"#,
            r#" [{"id":"a/1"},"b"]"#,
        ] {
            assert_eq!(
                ids(body),
                Some((vec!["a/1".to_owned(), "b".to_owned()], None)),
                "{body}"
            );
        }
        let more = r#"{"data":[{"id":"b"}],"has_more":true,"last_id":"b"}"#;
        assert_eq!(ids(more).unwrap().1.as_deref(), Some("b"));
        for body in ["", "{}", "<html>", r#"{"data":{}}"#, r#"{"data":["#] {
            assert_eq!(ids(body), None, "{body}");
        }
    }

    #[test]
    fn the_time_a_model_was_made_is_read_in_both_ways() {
        let mut found = Vec::new();
        let body = br#"{"data":[{"id":"a","created":1735689600},{"id":"b","created":1735689600.5},{"id":"c","created_at":"2025-01-01T00:00:00Z"},{"id":"d","created":0},{"id":"e","created":null},{"id":"f","created":-1},{"id":"g"}]}"#;
        read(body, &mut found).unwrap();
        let created: Vec<_> = found.iter().map(|model| model.created).collect();
        let known = Some(1_735_689_600);
        assert_eq!(created, [known, known, known, None, None, None, None]);
    }

    #[test]
    fn ids_that_are_none_are_left_out() {
        let long = "x".repeat(MAX_ID + 1);
        let body = format!(r#"["", "a b", "\n", "{long}", "ok"]"#);
        assert_eq!(ids(&body).unwrap().0, ["ok"]);
    }
}
