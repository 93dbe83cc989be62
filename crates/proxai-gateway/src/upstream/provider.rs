//! A provider made ready for requests: URLs parsed, headers built, keys placed.
//!
//! A missing key is no reason not to start: other providers work without it. It is told to the
//! request that needs it, and by `check`.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use proxai_ir::FailureKind;
use proxai_providers::{Key, Provider, Resource, Url};
use proxai_types::{Operation, Protocol};
use proxai_upstream::{Client, ReplyBody, UpstreamError, UpstreamErrorKind};

use crate::headers::JSON;
use crate::problem::Problem;
use crate::upstream::keys::{KeyIndex, KeyRing, Lane, MAX_REFUSAL_BYTES, is_final};
use crate::upstream::learned::Learned;
use crate::upstream::permit::{Permit, PlaceLimits, Places};

/// Sent where neither client nor provider says who is asking.
const OWN_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("proxai/", env!("CARGO_PKG_VERSION")));

/// Answers from inside the process.
pub trait LocalUpstream: fmt::Debug + Send + Sync {
    /// Answers one request.
    fn answer(&self, ask: &LocalAsk<'_>) -> LocalAnswer;

    /// The models to list.
    fn models(&self) -> &[&str];
}

/// What is asked of this process.
#[derive(Clone, Copy, Debug)]
pub struct LocalAsk<'a> {
    /// What the client wants.
    pub operation: Operation,
    /// The protocol of the body.
    pub protocol: Protocol,
    /// The client's path.
    pub path: &'a str,
    /// The request's body.
    pub body: &'a [u8],
    /// An id for the answer, without prefix.
    pub id: &'a str,
    /// Seconds since 1970.
    pub now: u64,
}

/// What this process answers.
#[derive(Clone, Debug)]
pub struct LocalAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body; each piece becomes a frame.
    pub pieces: Vec<Bytes>,
    /// The time before each piece but the first.
    pub pause: Duration,
}

/// Who answers.
#[derive(Clone, Debug)]
pub enum Sender {
    /// A server elsewhere.
    Remote(Client),
    /// This process.
    Local(Arc<dyn LocalUpstream>),
}

/// What the configuration adds to a provider.
#[derive(Clone, Debug)]
pub struct UpstreamOptions {
    /// The keys; they take turns (P3).
    pub keys: Vec<Key>,
    /// How long the upstream may be silent, before its answer and within it.
    pub read_idle_timeout: Duration,
    /// Requests at once (R8).
    pub places: PlaceLimits,
    /// Who answers.
    pub sender: Sender,
}

/// A provider made ready for requests.
#[derive(Debug)]
pub struct Upstream {
    /// The provider.
    pub provider: Provider,
    /// Its name, to be shared.
    pub name: Arc<str>,
    /// How long it may be silent.
    pub read_idle_timeout: Duration,
    label: HeaderValue,
    doors: [Option<Door>; 3],
    embeddings: Option<Door>,
    /// The endpoint that stands in for a missing one, made when it is first needed (P5).
    spare: OnceLock<Option<Door>>,
    /// What it has taught us by refusing.
    pub(crate) learned: Learned,
    keys: KeyRing,
    sender: Sender,
    places: Places,
}

/// One endpoint, ready but for the key.
#[derive(Debug)]
struct Door {
    uri: Uri,
    headers: HeaderMap,
    lane: Lane,
}

/// What a request is about, for those who answer without reading its URI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) operation: Operation,
    pub(crate) protocol: Protocol,
    pub(crate) path: &'a str,
    pub(crate) id: &'a str,
    pub(crate) now: u64,
    /// Codes of a 429 that waiting does not cure (R6).
    pub(crate) final_codes: &'a [String],
}

/// Marks an answer that says that the quota of its key is used up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UsedUp;

/// Where a request goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To<'a> {
    Generate(Protocol),
    Embeddings,
    CountTokens,
    /// The list of models.
    Models,
    /// A path as the client wrote it.
    Path(&'a str),
}

impl Upstream {
    /// Makes a provider ready.
    pub fn new(provider: Provider, options: UpstreamOptions) -> Self {
        let door = |resource: Resource<'_>| Door::new(&provider, resource);
        let doors = Protocol::ALL.map(|protocol| door(Resource::Generate(protocol)));
        let embeddings = door(Resource::Embeddings);
        let keys = KeyRing::new(&provider, &options.keys);
        Self {
            name: provider.name.as_str().into(),
            label: HeaderValue::from_str(&provider.name)
                .unwrap_or(HeaderValue::from_static("unprintable")),
            read_idle_timeout: options.read_idle_timeout,
            places: Places::new(options.places),
            sender: options.sender,
            provider,
            doors,
            embeddings,
            spare: OnceLock::new(),
            learned: Learned::default(),
            keys,
        }
    }

    /// The provider's name as a header value.
    pub(crate) fn label(&self) -> HeaderValue {
        self.label.clone()
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> usize {
        self.places.taken()
    }

    /// Whether requests without a key make no sense and there is none: what to do about it.
    pub fn key_problem(&self) -> Option<&str> {
        Protocol::ALL
            .into_iter()
            .find_map(|protocol| self.keys.problem(Lane::Generate(protocol)))
    }

    /// The models that answer from inside the process.
    pub(crate) fn local_models(&self) -> &[&str] {
        match &self.sender {
            Sender::Remote(_) => &[],
            Sender::Local(local) => local.models(),
        }
    }

    /// Room for one more request (R8), waited for where the configuration says so.
    pub(crate) async fn enter(&self) -> Result<Permit, Box<Problem>> {
        self.places.enter().await.map_err(|full| {
            Problem::busy(
                "provider_busy",
                format!("provider `{}` {full}; ask again soon", self.provider.name),
            )
        })
    }

    /// Where to ask a model instead of an endpoint that is missing (P5).
    pub(crate) fn instead_of(&self, missing: Protocol, model: &str) -> Option<Protocol> {
        let (other, url) = self.provider.fallback(missing, model)?;
        if self.doors[other.index()].is_none() {
            self.spare
                .get_or_init(|| Door::at(&self.provider, &url, Resource::Generate(other)))
                .as_ref()
                .filter(|door| door.lane == Lane::Generate(other))?;
        }
        Some(other)
    }

    /// A request to one of the endpoints, complete but for the client's headers, the body and the
    /// key.
    /// `query` is the client's, if it means something there.
    pub(crate) fn request(
        &self,
        to: To<'_>,
        query: Option<&str>,
    ) -> Result<Request<Bytes>, Box<Problem>> {
        let made;
        let door = match to {
            To::Generate(protocol) => self.doors[protocol.index()].as_ref().or_else(|| {
                let spare = self.spare.get()?.as_ref();
                spare.filter(|door| door.lane == Lane::Generate(protocol))
            }),
            To::Embeddings => self.embeddings.as_ref(),
            To::CountTokens => {
                made = Door::new(&self.provider, Resource::CountTokens);
                made.as_ref()
            }
            To::Models => {
                made = Door::new(&self.provider, Resource::Models);
                made.as_ref()
            }
            To::Path(path) => {
                let resource = Resource::Path(path);
                if let Err(error) = self.provider.url(resource) {
                    return Err(Problem::new(
                        FailureKind::InvalidRequest,
                        "invalid_path",
                        error.to_string(),
                    ));
                }
                made = Door::new(&self.provider, resource);
                made.as_ref()
            }
        };
        let Some(door) = door else {
            return Err(Problem::new(
                FailureKind::NotFound,
                "endpoint_not_found",
                format!("provider `{}` has no such endpoint", self.provider.name),
            ));
        };
        if let Some(message) = self.keys.problem(door.lane) {
            return Err(Problem::not_configured(message));
        }
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = with_query(&door.uri, query, None);
        request.headers_mut().clone_from(&door.headers);
        Ok(request)
    }

    /// Sends a request with a key and waits for the head of the answer. A key that is refused makes
    /// way for the next one at once (P3). The answer's extensions hold the key that it was.
    pub(crate) async fn send(
        &self,
        asked: Asked<'_>,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, UpstreamError> {
        match &self.sender {
            Sender::Remote(client) => {
                let mut key = self.keys.pick();
                let template = self.keys.several().then(|| request.clone());
                let mut request = request;
                loop {
                    self.keys.place(key, asked.lane(), &mut request);
                    let response = self.send_to(client, request).await?;
                    let mut response = self.mark_final(response, asked.final_codes).await?;
                    response.extensions_mut().insert(key);
                    if !self.rests(key, &response) {
                        return Ok(response);
                    }
                    let status = response.status().as_u16();
                    tracing::warn!(provider = %self.name, key = key.number(), status, "a key rests");
                    // Ends: a key that rests is not found again.
                    let Some(next) = self.keys.awake() else {
                        return Ok(response);
                    };
                    let Some(again) = template.clone() else {
                        return Ok(response);
                    };
                    key = next;
                    request = again;
                }
            }
            Sender::Local(local) => Ok(answer_locally(&**local, asked, &request)),
        }
    }

    /// Sends a request that has to go out with the same key as one before it.
    pub(crate) async fn send_again(
        &self,
        asked: Asked<'_>,
        mut request: Request<Bytes>,
        key: Option<KeyIndex>,
    ) -> Result<Response<ReplyBody>, UpstreamError> {
        match (&self.sender, key) {
            (Sender::Remote(client), Some(key)) => {
                self.keys.place(key, asked.lane(), &mut request);
                let response = self.send_to(client, request).await?;
                let response = self.mark_final(response, asked.final_codes).await?;
                self.rests(key, &response);
                Ok(response)
            }
            _ => self.send(asked, request).await,
        }
    }
}

fn answer_locally(
    local: &dyn LocalUpstream,
    asked: Asked<'_>,
    request: &Request<Bytes>,
) -> Response<ReplyBody> {
    let answer = local.answer(&LocalAsk {
        operation: asked.operation,
        protocol: asked.protocol,
        path: asked.path,
        body: request.body(),
        id: asked.id,
        now: asked.now,
    });
    let body = ReplyBody::from_pieces(answer.pieces, answer.pause);
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    response
}

impl Asked<'_> {
    const fn lane(&self) -> Lane {
        Lane::of(self.operation, self.protocol)
    }
}

impl Upstream {
    /// Whether a key rests after this answer.
    fn rests(&self, key: KeyIndex, response: &Response<ReplyBody>) -> bool {
        if response.extensions().get::<UsedUp>().is_some() {
            return self.keys.used_up(key);
        }
        self.keys.judge(key, response.status(), response.headers())
    }

    /// Reads a 429 where the row knows codes that waiting does not cure, and marks it if it has one
    /// of them (R6).
    async fn mark_final(
        &self,
        response: Response<ReplyBody>,
        codes: &[String],
    ) -> Result<Response<ReplyBody>, UpstreamError> {
        if codes.is_empty() || response.status() != StatusCode::TOO_MANY_REQUESTS {
            return Ok(response);
        }
        let (mut parts, mut body) = response.into_parts();
        let mut pieces = Vec::new();
        let mut said = BytesMut::new();
        // What is longer is cut: its code stands at the beginning, or it is no error of an API.
        while said.len() < MAX_REFUSAL_BYTES {
            let next = tokio::time::timeout(self.read_idle_timeout, body.frame()).await;
            let Ok(Some(frame)) = next else { break };
            if let Ok(piece) = frame?.into_data() {
                said.extend_from_slice(&piece);
                pieces.push(piece);
            }
        }
        if is_final(&said, codes) {
            parts.extensions.insert(UsedUp);
        }
        let body = ReplyBody::from_pieces(pieces, Duration::ZERO);
        Ok(Response::from_parts(parts, body))
    }

    async fn send_to(
        &self,
        client: &Client,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, UpstreamError> {
        let uri = request.uri().clone();
        tokio::time::timeout(self.read_idle_timeout, client.send(request))
            .await
            .unwrap_or_else(|_| Err(UpstreamError::new(UpstreamErrorKind::HeadTimeout, &uri)))
    }
}

impl Door {
    fn new(provider: &Provider, resource: Resource<'_>) -> Option<Self> {
        Self::at(provider, &provider.url(resource).ok()?, resource)
    }

    fn at(provider: &Provider, url: &Url, resource: Resource<'_>) -> Option<Self> {
        let uri = Uri::builder()
            .scheme(url.scheme().as_str())
            .authority(url.authority())
            .path_and_query(url.path_and_query())
            .build()
            .ok()?;
        let mut headers = HeaderMap::with_capacity(16);
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, OWN_USER_AGENT);
        for (name, value) in provider.headers_at(resource) {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                headers.insert(name, value);
            }
        }
        Some(Self {
            uri,
            headers,
            lane: Lane::serving(resource),
        })
    }
}

/// The URI with the client's query and the key's parameter behind its own.
pub(crate) fn with_query(uri: &Uri, query: Option<&str>, pair: Option<&str>) -> Uri {
    if query.is_none() && pair.is_none() {
        return uri.clone();
    }
    let mut text = uri.path().to_owned();
    let mut separator = '?';
    for more in [uri.query(), query, pair].into_iter().flatten() {
        if !more.is_empty() {
            text.push(separator);
            text.push_str(more);
            separator = '&';
        }
    }
    let mut parts = uri.clone().into_parts();
    match text.parse() {
        Ok(path_and_query) => parts.path_and_query = Some(path_and_query),
        // A query that got here was read out of a URI, so it fits into one.
        Err(_) => return uri.clone(),
    }
    Uri::from_parts(parts).unwrap_or_else(|_| uri.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_joined_in_order() {
        let uri = Uri::from_static("https://a.test/v1/messages?api-version=2");
        assert_eq!(
            with_query(&uri, Some("beta=true"), Some("key=k")).to_string(),
            "https://a.test/v1/messages?api-version=2&beta=true&key=k"
        );
        assert_eq!(with_query(&uri, None, None), uri);
    }
}
