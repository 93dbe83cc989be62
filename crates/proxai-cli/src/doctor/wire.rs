//! One request to one provider, as the gateway would send it.
//!
//! Where HTTP/2 breaks, the request is made once more with HTTP/1.1; if that works, all further
//! requests use it and the caller is told (P7). No redirect is followed.

use std::cell::RefCell;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_TYPE, LOCATION, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request};
use http_body_util::BodyExt;
use proxai_providers::{Applied, HttpVersion, Key, Provider, Resource, Scheme, Url};
use proxai_types::Protocol;
use proxai_upstream::{Client, ClientOptions, UpstreamError, UpstreamErrorKind};
use tokio::time::Instant;

/// The largest answer that is read. The longest lists of models have about 2 MB.
const MAX_ANSWER: usize = 16 << 20;

const OWN_USER_AGENT: &str = concat!("proxai/", env!("CARGO_PKG_VERSION"), " doctor");

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) url: Url,
    /// Whose headers and authentication go with it.
    pub(crate) family: Protocol,
    /// `None` is a GET.
    pub(crate) body: Option<Bytes>,
    pub(crate) stream: bool,
    pub(crate) user_agent: Option<String>,
}

/// What an answer says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Events,
    Json,
    Page,
    Other,
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) kind: Kind,
    pub(crate) location: Option<String>,
    pub(crate) body: Bytes,
    /// Until the first byte of the body.
    pub(crate) first: Duration,
    /// Until the last.
    pub(crate) whole: Duration,
    /// The body broke off.
    pub(crate) cut: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The connection.
    Transport(UpstreamErrorKind, String),
    /// No answer within the time allowed.
    Timeout(Duration),
    /// The key cannot be sent, or there is none.
    Key(String),
    /// The request cannot be made.
    Request(String),
}

/// The way to one provider.
#[derive(Debug)]
pub(crate) struct Wire<'a> {
    pub(crate) provider: &'a Provider,
    timeout: Duration,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    client: Client,
    http: HttpVersion,
    /// What HTTP/2 failed with, once it has and HTTP/1.1 has not.
    downgraded: Option<String>,
}

impl<'a> Wire<'a> {
    pub(crate) fn new(provider: &'a Provider, timeout: Duration) -> Self {
        Self {
            provider,
            timeout,
            state: RefCell::new(State {
                client: client(provider.http, timeout),
                http: provider.http,
                downgraded: None,
            }),
        }
    }

    /// What HTTP/2 failed with where HTTP/1.1 works.
    pub(crate) fn downgraded(&self) -> Option<String> {
        self.state.borrow().downgraded.clone()
    }

    /// Asks.
    pub(crate) async fn ask(
        &self,
        question: &Question,
        key: Option<&Key>,
    ) -> Result<Answer, Trouble> {
        if self.provider.embedded {
            return Ok(embedded(question));
        }
        let (client, http) = {
            let state = self.state.borrow();
            (state.client.clone(), state.http)
        };
        let result = self.once(&client, question, key).await;
        let broke = match &result {
            Err(Trouble::Transport(kind, message)) if may_be_http2(*kind) => message.clone(),
            Ok(answer) => match &answer.cut {
                Some(message) => message.clone(),
                None => return result,
            },
            Err(_) => return result,
        };
        // Plain text is HTTP/1.1 unless HTTP/2 is asked for.
        let spoke_http2 = http == HttpVersion::Http2
            || http == HttpVersion::Auto && question.url.scheme() == Scheme::Https;
        if !spoke_http2 {
            return result;
        }
        let older = self::client(HttpVersion::Http1, self.timeout);
        let again = self.once(&older, question, key).await;
        match again {
            Ok(answer) if answer.cut.is_none() => {
                let mut state = self.state.borrow_mut();
                state.client = older;
                state.http = HttpVersion::Http1;
                state.downgraded = Some(broke);
                Ok(answer)
            }
            _ => result,
        }
    }

    async fn once(
        &self,
        client: &Client,
        question: &Question,
        key: Option<&Key>,
    ) -> Result<Answer, Trouble> {
        let request = self.request(question, key)?;
        tokio::time::timeout(self.timeout, exchange(client, request))
            .await
            .unwrap_or(Err(Trouble::Timeout(self.timeout)))
    }

    fn request(&self, question: &Question, key: Option<&Key>) -> Result<Request<Bytes>, Trouble> {
        let cannot = |error: &dyn std::fmt::Display| Trouble::Request(error.to_string());
        let mut request = Request::new(question.body.clone().unwrap_or_default());
        if question.body.is_some() {
            *request.method_mut() = Method::POST;
        }
        let mut url = question.url.clone();
        let headers = request.headers_mut();
        let accept = if question.stream {
            "text/event-stream"
        } else {
            "application/json"
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        if question.body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        headers.insert(USER_AGENT, HeaderValue::from_static(OWN_USER_AGENT));
        for (name, value) in self.provider.headers(question.family) {
            let name = HeaderName::try_from(name).map_err(|error| cannot(&error))?;
            let value = HeaderValue::from_str(value).map_err(|error| cannot(&error))?;
            headers.insert(name, value);
        }
        if let Some(agent) = &question.user_agent {
            let agent = HeaderValue::from_str(agent).map_err(|error| cannot(&error))?;
            headers.insert(USER_AGENT, agent);
        }
        let applied = self
            .provider
            .authenticate(question.family, key)
            .map_err(|error| Trouble::Key(error.to_string()))?;
        match applied {
            Applied::Header { name, value } => {
                let name = HeaderName::try_from(name).map_err(|error| cannot(&error))?;
                let mut value =
                    HeaderValue::from_str(value.expose()).map_err(|error| cannot(&error))?;
                value.set_sensitive(true);
                headers.insert(name, value);
            }
            Applied::Query { pair } => url = url.with_more_query(pair.expose()),
            Applied::Nothing => {}
        }
        *request.uri_mut() = url.to_string().parse().map_err(|error| cannot(&error))?;
        Ok(request)
    }

    /// The question for a resource.
    pub(crate) fn get(&self, resource: Resource<'_>) -> Result<Question, Trouble> {
        let url = self
            .provider
            .url(resource)
            .map_err(|error| Trouble::Request(error.to_string()))?;
        Ok(Question {
            url,
            family: resource.family(),
            body: None,
            stream: false,
            user_agent: None,
        })
    }
}

fn client(http: HttpVersion, timeout: Duration) -> Client {
    let options = ClientOptions::default();
    Client::new(ClientOptions {
        http,
        connect_timeout: options.connect_timeout.min(timeout),
    })
}

/// Failures that another HTTP version may not have.
const fn may_be_http2(kind: UpstreamErrorKind) -> bool {
    matches!(
        kind,
        UpstreamErrorKind::Closed | UpstreamErrorKind::Protocol | UpstreamErrorKind::Connect
    )
}

async fn exchange(client: &Client, request: Request<Bytes>) -> Result<Answer, Trouble> {
    let failed = |error: &UpstreamError| Trouble::Transport(error.kind(), error.to_string());
    let started = Instant::now();
    let response = client.send(request).await.map_err(|error| failed(&error))?;
    let (parts, mut body) = response.into_parts();
    let text = |name: HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let mut whole = BytesMut::new();
    let mut first = None;
    let mut cut = None;
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => {
                cut = Some(error.to_string());
                break;
            }
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.is_empty() {
            continue;
        }
        first.get_or_insert_with(|| started.elapsed());
        if whole.len() + data.len() > MAX_ANSWER {
            cut = Some(format!(
                "the answer is larger than {} MiB",
                MAX_ANSWER >> 20
            ));
            break;
        }
        whole.extend_from_slice(&data);
    }
    let elapsed = started.elapsed();
    Ok(Answer {
        status: parts.status.as_u16(),
        kind: kind(&text(CONTENT_TYPE).unwrap_or_default()),
        location: text(LOCATION),
        body: whole.freeze(),
        first: first.unwrap_or(elapsed),
        whole: elapsed,
        cut,
    })
}

fn kind(content_type: &str) -> Kind {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    match essence.to_ascii_lowercase().as_str() {
        "text/event-stream" => Kind::Events,
        "application/json" => Kind::Json,
        "text/html" => Kind::Page,
        _ => Kind::Other,
    }
}

/// The answer of a provider inside the process.
fn embedded(question: &Question) -> Answer {
    let (status, content_type, body) = match &question.body {
        None => {
            let list: Vec<serde_json::Value> = proxai_demo::models()
                .iter()
                .map(|id| serde_json::json!({ "id": id }))
                .collect();
            let body = serde_json::json!({ "object": "list", "data": list });
            (200, "application/json", body.to_string().into_bytes())
        }
        Some(body) => {
            let answer = proxai_demo::answer(question.family, body, "doctor", 0);
            (answer.status, answer.content_type, answer.chunks.concat())
        }
    };
    Answer {
        status,
        kind: kind(content_type),
        location: None,
        body: body.into(),
        first: Duration::ZERO,
        whole: Duration::ZERO,
        cut: None,
    }
}
