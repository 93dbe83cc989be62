//! Downloads pictures and PDFs that a request names by URL, for upstreams that take only the bytes
//! (Z3, case 81). Off unless the configuration turns it on.
//!
//! The URLs are a client's, so each is a way into the network that proxai runs in. Therefore: a
//! name is resolved here, each of its addresses is judged, and the connection is made to those
//! addresses and no others, so that a name cannot change its mind in between. Redirects are
//! followed one at a time through the same checks. Size is counted while reading, time from
//! beginning to end, and what came must be a picture or a PDF by its own first bytes. Nothing of
//! the client's request is sent: no key, no cookie, no header.
//!
//! What went wrong is told to the client only as far as the URL itself says it: which addresses a
//! name has, and which ports are open, is nobody's business. The log has the rest.

mod address;
mod cache;
mod inline;
mod kind;
mod places;
mod rules;
mod target;

use std::fmt;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, HeaderValue, LOCATION,
    USER_AGENT,
};
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use proxai_upstream::{PinnedClient, ReplyBody};
use tokio::time::Instant;

pub use rules::FetchRules;

pub(crate) use inline::{inline, wanted};
pub(crate) use kind::MediaKind;
pub(crate) use places::Wanted;

use cache::Cache;
use kind::media_type;
use rules::Refusal;
use target::{Host, Target};

/// How long a connection may take; the whole has a limit of its own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A name with more addresses is not looked at further.
const MAX_ADDRESSES: usize = 32;

const OWN_USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("proxai/", env!("CARGO_PKG_VERSION")));

/// How files are fetched.
#[derive(Clone, Debug)]
pub struct FetchOptions {
    /// From where.
    pub rules: FetchRules,
    /// The largest file.
    pub max_bytes: usize,
    /// The most files of one request.
    pub max_files: usize,
    /// How long one file may take, redirects included.
    pub timeout: Duration,
    /// The most redirects.
    pub max_redirects: usize,
}

/// Says which addresses a name has.
pub(crate) trait Resolve: fmt::Debug + Send + Sync {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

pub(crate) type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// The system's resolver.
#[derive(Debug)]
struct System;

impl Resolve for System {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Fetches files.
#[derive(Clone, Debug)]
pub struct Fetcher(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: FetchOptions,
    client: PinnedClient,
    resolver: Box<dyn Resolve>,
    lately: Mutex<Cache>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fetched {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Bytes,
}

/// Why a file was not fetched, as a client may know it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("it redirects more than {0} times")]
    Redirects(usize),
    #[error("it could not be downloaded")]
    Unreachable,
    #[error("its server answered with status {0}")]
    Status(u16),
    #[error("it was not there within {0} s")]
    Timeout(u64),
    #[error("it is larger than {0} bytes")]
    TooLarge(usize),
    #[error("it is {0}")]
    WrongKind(&'static str),
}

impl Fetcher {
    /// A fetcher that asks the system for addresses.
    pub fn new(options: FetchOptions) -> Self {
        Self::with_resolver(options, Box::new(System))
    }

    pub(crate) fn with_resolver(options: FetchOptions, resolver: Box<dyn Resolve>) -> Self {
        Self(Arc::new(Inner {
            options,
            client: PinnedClient::default(),
            resolver,
            lately: Mutex::default(),
        }))
    }

    /// The most files of one request.
    pub(crate) fn max_files(&self) -> usize {
        self.0.options.max_files
    }

    /// Fetches one file, or has it from before.
    pub(crate) async fn get(&self, url: &str, kind: MediaKind) -> Result<Fetched, FetchError> {
        let lately = || {
            let lately = self.0.lately.lock();
            lately.unwrap_or_else(PoisonError::into_inner)
        };
        let known = lately().get(url, Instant::now());
        let file = if let Some(known) = known {
            known
        } else {
            let file = self.download(url).await?;
            lately().put(url, &file, Instant::now());
            file
        };
        if kind.holds(file.media_type) {
            return Ok(file);
        }
        Err(FetchError::WrongKind(match kind {
            MediaKind::Image => "no picture",
            MediaKind::Document => "no PDF",
        }))
    }

    async fn download(&self, url: &str) -> Result<Fetched, FetchError> {
        let limit = self.0.options.timeout;
        let bytes = tokio::time::timeout(limit, self.follow(url))
            .await
            .unwrap_or_else(|_| Err(FetchError::Timeout(limit.as_secs())))?;
        let media_type =
            media_type(&bytes).ok_or(FetchError::WrongKind("neither a picture nor a PDF"))?;
        Ok(Fetched { media_type, bytes })
    }

    async fn follow(&self, url: &str) -> Result<Bytes, FetchError> {
        let options = &self.0.options;
        let mut target = Target::parse(url)?;
        for _ in 0..=options.max_redirects {
            let response = self.ask(&target).await?;
            let Some(next) = redirect(&response) else {
                return self.read(response).await;
            };
            target = target.join(next)?;
        }
        Err(FetchError::Redirects(options.max_redirects))
    }

    /// Asks once, where it may.
    async fn ask(&self, target: &Target) -> Result<Response<ReplyBody>, FetchError> {
        let permit = target.admit(&self.0.options.rules)?;
        let mut addresses = match &target.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => self.0.resolver.resolve(name).await.map_err(|error| {
                tracing::debug!(host = %name, %error, "a host has no address");
                FetchError::Unreachable
            })?,
        };
        permit.check(&addresses).inspect_err(|_| {
            tracing::warn!(host = %target.host, "a request names a host that is not public");
        })?;
        addresses.truncate(MAX_ADDRESSES);
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(ACCEPT, HeaderValue::from_static("image/*, application/pdf"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(USER_AGENT, OWN_USER_AGENT);
        let client = &self.0.client;
        client
            .get(&target.uri, &addresses, headers, CONNECT_TIMEOUT)
            .await
            .map_err(|error| {
                tracing::debug!(host = %target.host, %error, "a file could not be fetched");
                FetchError::Unreachable
            })
    }

    async fn read(&self, response: Response<ReplyBody>) -> Result<Bytes, FetchError> {
        let limit = self.0.options.max_bytes;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(FetchError::Status(status.as_u16()));
        }
        let text = |name| {
            let value: Option<&HeaderValue> = response.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        if text(CONTENT_ENCODING).is_some_and(|coding| !coding.eq_ignore_ascii_case("identity")) {
            return Err(FetchError::WrongKind("compressed, which was not asked for"));
        }
        let length = text(CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
        if length.is_some_and(|length| usize::try_from(length).is_ok_and(|length| length > limit)) {
            return Err(FetchError::TooLarge(limit));
        }
        let mut body = response.into_body();
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                tracing::debug!(%error, "a file broke off");
                FetchError::Unreachable
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
            if whole.len() + data.len() > limit {
                return Err(FetchError::TooLarge(limit));
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}

/// Where an answer points to, if it does.
fn redirect(response: &Response<ReplyBody>) -> Option<&str> {
    matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308)
        .then(|| response.headers().get(LOCATION)?.to_str().ok())
        .flatten()
}

#[cfg(test)]
mod tests;
