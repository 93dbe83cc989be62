//! The keys of a provider: they take turns, and one that was refused rests (P3).
//!
//! A key rests after 429 for as long as the upstream says, and after 401 for minutes, since nothing
//! but a person changes that; longest after a 429 that says that its quota is used up. With one key alone there is nobody to take over, so it never rests.
//! Where all rest, the one that rests the shortest is used: an upstream's refusal tells a client
//! more than one of ours would.
//!
//! Keys are known by their position here. Nothing prints one.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Request, StatusCode};
use proxai_ir::FailureKind;
use proxai_providers::{Applied, Key, Provider, Resource, Secret};
use proxai_types::{Operation, Protocol};
use serde_json::Value;
use tokio::time::Instant;

use crate::problem::Problem;
use crate::upstream::provider::with_query;

/// How long a key rests after 429 if the upstream does not say.
const AFTER_RATE_LIMIT: Duration = Duration::from_secs(30);

/// How long a key rests that is not valid.
const AFTER_UNAUTHORIZED: Duration = Duration::from_mins(5);

/// How long a key rests whose quota is used up: until somebody pays, so it is tried now and then.
const AFTER_USED_UP: Duration = MAX_REST;

/// No longer, whatever the upstream says: a daily quota may be raised meanwhile.
const MAX_REST: Duration = Duration::from_hours(1);

/// No shorter: a key that was just refused is not asked again by the same request.
const MIN_REST: Duration = Duration::from_secs(1);

/// What the SDKs of OpenAI and Anthropic ask before they ask again.
pub(crate) const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// One key, where it goes.
#[derive(Clone, Debug)]
enum Credential {
    Nothing,
    Header(HeaderName, HeaderValue),
    Query(Secret),
}

/// The keys of one provider.
#[derive(Debug)]
pub(crate) struct KeyRing {
    /// For each lane one credential per key, in the order of the keys.
    credentials: [Result<Vec<Credential>, String>; 5],
    /// Until when each key rests, in milliseconds since `began`.
    rests: Vec<AtomicU64>,
    turn: AtomicUsize,
    began: Instant,
}

/// An endpoint as far as it may take keys in its own way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// One of a protocol, and what lies beside it.
    Generate(Protocol),
    Embeddings,
    Models,
}

/// A key's position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyIndex(usize);

impl KeyRing {
    pub(crate) fn new(provider: &Provider, keys: &[Key]) -> Self {
        Self {
            credentials: Lane::ALL.map(|lane| credentials(provider, lane.resource(), keys)),
            rests: keys.iter().map(|_| AtomicU64::new(0)).collect(),
            turn: AtomicUsize::new(0),
            began: Instant::now(),
        }
    }

    /// Whether there are keys to choose from.
    pub(crate) fn several(&self) -> bool {
        self.rests.len() > 1
    }

    /// What keeps the requests of a lane from being sent.
    pub(crate) fn problem(&self, lane: Lane) -> Option<&str> {
        self.credentials[lane.index()]
            .as_ref()
            .err()
            .map(String::as_str)
    }

    /// The key whose turn it is, or the one that rests the shortest.
    pub(crate) fn pick(&self) -> KeyIndex {
        if !self.several() {
            return KeyIndex(0);
        }
        self.awake().unwrap_or_else(|| {
            let until = |index: &usize| self.rests[*index].load(Ordering::Relaxed);
            KeyIndex((0..self.rests.len()).min_by_key(until).unwrap_or(0))
        })
    }

    /// The next key that does not rest.
    pub(crate) fn awake(&self) -> Option<KeyIndex> {
        let count = self.rests.len();
        let now = self.now();
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        (0..count)
            .map(|step| first.wrapping_add(step) % count)
            .find(|index| self.rests[*index].load(Ordering::Relaxed) <= now)
            .map(KeyIndex)
    }

    /// Takes note of an answer. Returns whether the key rests now.
    pub(crate) fn judge(&self, key: KeyIndex, status: StatusCode, headers: &HeaderMap) -> bool {
        let rest = match status {
            StatusCode::TOO_MANY_REQUESTS => {
                retry_after(headers, SystemTime::now()).unwrap_or(AFTER_RATE_LIMIT)
            }
            StatusCode::UNAUTHORIZED => AFTER_UNAUTHORIZED,
            _ => return false,
        };
        self.rest(key, rest)
    }

    /// Takes note that a key's quota is used up. Returns whether it rests now.
    pub(crate) fn used_up(&self, key: KeyIndex) -> bool {
        self.rest(key, AFTER_USED_UP)
    }

    fn rest(&self, key: KeyIndex, rest: Duration) -> bool {
        let Some(until) = self.rests.get(key.0).filter(|_| self.several()) else {
            return false;
        };
        let rest = rest.clamp(MIN_REST, MAX_REST);
        until.store(self.now().saturating_add(millis(rest)), Ordering::Relaxed);
        true
    }

    /// Puts a key into a request.
    pub(crate) fn place(&self, key: KeyIndex, lane: Lane, request: &mut Request<Bytes>) {
        let Ok(credentials) = &self.credentials[lane.index()] else {
            return;
        };
        match credentials.get(key.0) {
            None | Some(Credential::Nothing) => {}
            Some(Credential::Header(name, value)) => {
                request.headers_mut().insert(name.clone(), value.clone());
            }
            Some(Credential::Query(pair)) => {
                *request.uri_mut() = with_query(request.uri(), None, Some(pair.expose()));
            }
        }
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

impl Lane {
    const ALL: [Self; 5] = [
        Self::Generate(Protocol::Chat),
        Self::Generate(Protocol::Responses),
        Self::Generate(Protocol::Messages),
        Self::Embeddings,
        Self::Models,
    ];

    pub(crate) const fn of(operation: Operation, protocol: Protocol) -> Self {
        match operation {
            Operation::Embeddings => Self::Embeddings,
            Operation::Models => Self::Models,
            _ => Self::Generate(protocol),
        }
    }

    /// The lane of what serves a resource.
    pub(crate) fn serving(resource: Resource<'_>) -> Self {
        match resource {
            Resource::Embeddings => Self::Embeddings,
            Resource::Models => Self::Models,
            other => Self::Generate(other.family()),
        }
    }

    const fn resource(self) -> Resource<'static> {
        match self {
            Self::Generate(protocol) => Resource::Generate(protocol),
            Self::Embeddings => Resource::Embeddings,
            Self::Models => Resource::Models,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Generate(Protocol::Chat) => 0,
            Self::Generate(Protocol::Responses) => 1,
            Self::Generate(Protocol::Messages) => 2,
            Self::Embeddings => 3,
            Self::Models => 4,
        }
    }
}

impl KeyIndex {
    /// For people, who count from one.
    pub(crate) const fn number(self) -> usize {
        self.0 + 1
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn credentials(
    provider: &Provider,
    resource: Resource<'_>,
    keys: &[Key],
) -> Result<Vec<Credential>, String> {
    let applied = |key: Option<&Key>| {
        let applied = provider
            .authenticate_at(resource, key)
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(match applied {
            Applied::Nothing => Credential::Nothing,
            Applied::Header { name, value } => {
                let unprintable =
                    || format!("the key of provider `{}` cannot be sent", provider.name);
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unprintable())?;
                let mut value = HeaderValue::from_str(value.expose()).map_err(|_| unprintable())?;
                value.set_sensitive(true);
                Credential::Header(name, value)
            }
            Applied::Query { pair } => Credential::Query(pair),
        })
    };
    if keys.is_empty() {
        return Ok(vec![applied(None)?]);
    }
    keys.iter().map(|key| applied(Some(key))).collect()
}

/// Makes a problem of an answer whose quota is used up: clients that ask again by themselves are
/// told not to. What the upstream said stays.
pub(crate) fn tell_final(problem: &mut Problem) {
    problem.failure.kind = FailureKind::Quota;
    let never = HeaderValue::from_static("false");
    problem.headers.entry(SHOULD_RETRY).or_insert(never);
}

/// When an upstream wants to be asked again: `retry-after-ms`, or `Retry-After` as seconds or as a
/// date (RFC 9110, 10.2.3).
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = |name: &str| Some(headers.get(name)?.to_str().ok()?.trim());
    let number = |text: &str| {
        let number: f64 = text.parse().ok()?;
        (0.0..1e9).contains(&number).then_some(number)
    };
    if let Some(after) = text("retry-after-ms").and_then(number) {
        return Some(Duration::from_secs_f64(after / 1000.0));
    }
    let after = text(RETRY_AFTER.as_str())?;
    number(after).map(Duration::from_secs_f64).or_else(|| {
        let date = httpdate::parse_http_date(after).ok()?;
        Some(date.duration_since(now).unwrap_or_default())
    })
}

/// The most of an error that is read to learn whether it is final.
pub(crate) const MAX_REFUSAL_BYTES: usize = 1 << 20;

/// Whether an error names one of the codes that waiting does not cure (R6). Codes are strings or
/// numbers, in `error` or beside it, and some vendors give them as the type.
pub(crate) fn is_final(body: &[u8], codes: &[String]) -> bool {
    let Ok(said) = serde_json::from_slice::<Value>(body) else {
        return false;
    };
    // Google and some others put the error into a list.
    let said = said.get(0).unwrap_or(&said);
    [Some(said), said.get("error")]
        .into_iter()
        .flatten()
        .flat_map(|object| [object.get("code"), object.get("type"), object.get("status")])
        .flatten()
        .any(|code| match code {
            Value::String(code) => codes.contains(code),
            Value::Number(code) => codes.contains(&code.to_string()),
            _ => false,
        })
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use proxai_providers::{ProviderOverride, Registry};

    use super::*;

    fn ring(keys: usize) -> KeyRing {
        let cells = ProviderOverride {
            base: Some("http://up.test/v1".into()),
            ..ProviderOverride::default()
        };
        let provider = Registry::builtin()
            .build("up", None, &cells, &|_| None)
            .unwrap();
        let keys: Vec<Key> = (0..keys)
            .map(|n| Key::from(Secret::from(format!("sk-{n}"))))
            .collect();
        KeyRing::new(&provider, &keys)
    }

    fn after(seconds: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(seconds));
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_rests_as_long_as_it_was_told_and_no_longer() {
        let ring = ring(2);
        assert_eq!((ring.pick(), ring.pick()), (KeyIndex(0), KeyIndex(1)));
        assert!(ring.judge(KeyIndex(0), StatusCode::TOO_MANY_REQUESTS, &after("7")));
        for _ in 0..3 {
            assert_eq!(ring.pick(), KeyIndex(1));
        }
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!((ring.pick(), ring.pick()), (KeyIndex(1), KeyIndex(1)));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_ne!(ring.pick(), ring.pick());
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_rest_the_first_to_wake_is_used() {
        let ring = ring(3);
        let none = HeaderMap::new();
        assert!(ring.judge(KeyIndex(0), StatusCode::UNAUTHORIZED, &none));
        assert!(ring.judge(KeyIndex(1), StatusCode::TOO_MANY_REQUESTS, &none));
        assert!(ring.judge(KeyIndex(2), StatusCode::TOO_MANY_REQUESTS, &after("40")));
        assert_eq!(ring.awake(), None);
        assert_eq!(ring.pick(), KeyIndex(1));
        assert!(!ring.judge(KeyIndex(1), StatusCode::FORBIDDEN, &none));
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!(ring.awake(), Some(KeyIndex(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_alone_never_rests() {
        let ring = ring(1);
        assert!(!ring.judge(KeyIndex(0), StatusCode::UNAUTHORIZED, &HeaderMap::new()));
        assert_eq!(ring.pick(), KeyIndex(0));
        assert!(!format!("{ring:?}").contains("sk-0"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_whose_quota_is_used_up_rests_for_long() {
        let ring = ring(2);
        assert!(ring.used_up(KeyIndex(0)));
        tokio::time::advance(AFTER_UNAUTHORIZED + AFTER_RATE_LIMIT).await;
        assert_eq!((ring.pick(), ring.pick()), (KeyIndex(1), KeyIndex(1)));
        tokio::time::advance(AFTER_USED_UP).await;
        assert_ne!(ring.pick(), ring.pick());
    }

    #[test]
    fn a_final_error_is_known_by_its_code_wherever_it_stands() {
        let codes = ["1113".to_owned(), "insufficient_quota".to_owned()];
        for said in [
            r#"{"error":{"code":"1113","message":"no balance"}}"#,
            r#"{"error":{"code":1113}}"#,
            r#"{"code":1113,"msg":"x"}"#,
            r#"{"error":{"type":"insufficient_quota","code":null}}"#,
            r#"[{"error":{"code":429,"status":"insufficient_quota"}}]"#,
        ] {
            assert!(is_final(said.as_bytes(), &codes), "{said}");
        }
        for said in [
            r#"{"error":{"code":"1302","message":"1113"}}"#,
            r#"{"error":"insufficient_quota"}"#,
            r#"{"error":{"code":"rate_limit_exceeded"}}"#,
            "<html>1113</html>",
            "",
        ] {
            assert!(!is_final(said.as_bytes(), &codes), "{said}");
        }
    }

    #[test]
    fn both_forms_of_retry_after_are_read() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_770);
        let date = after("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after(&date, now), Some(Duration::from_secs(7)));
        let past = now + Duration::from_mins(1);
        assert_eq!(retry_after(&date, past), Some(Duration::ZERO));
        assert_eq!(retry_after(&after("2"), now), Some(Duration::from_secs(2)));
        assert_eq!(retry_after(&after("soon"), now), None);
        assert_eq!(retry_after(&after("-1"), now), None);
        let mut both = after("2");
        both.insert("retry-after-ms", HeaderValue::from_static("250"));
        assert_eq!(retry_after(&both, now), Some(Duration::from_millis(250)));
    }
}
