//! One pooled client per way of speaking HTTP.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Builder, Client as Pool};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use proxai_providers::HttpVersion;

use crate::error::UpstreamError;
use crate::h1;
use crate::reply::ReplyBody;
use crate::tls;

/// Idle connections kept per upstream: as many as there may be requests at once on a busy machine.
const MAX_IDLE_PER_HOST: usize = 2048;

/// Vendors close idle connections after 60 seconds to some minutes; reusing one at the moment it
/// is closed costs a request.
const IDLE_TIMEOUT: Duration = Duration::from_secs(55);

/// How long an HTTP/2 connection may be silent before it is asked whether it still lives. A
/// connection behind a dead NAT entry would otherwise swallow requests for minutes.
const H2_PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long the answer to that may take.
const H2_PING_TIMEOUT: Duration = Duration::from_secs(10);

/// Flow control windows large enough that a stream of small events never waits for an update.
const H2_STREAM_WINDOW: u32 = 1 << 20;
const H2_CONNECTION_WINDOW: u32 = 8 << 20;

/// What distinguishes one client from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientOptions {
    /// Which HTTP version to speak (P7).
    pub http: HttpVersion,
    /// How long resolving, connecting and the handshake may take.
    pub connect_timeout: Duration,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            http: HttpVersion::Auto,
            connect_timeout: Duration::from_secs(10),
        }
    }
}

/// All clients of a process. Lives longer than any configuration.
#[derive(Debug, Default)]
pub struct Clients(Mutex<HashMap<ClientOptions, Client>>);

impl Clients {
    /// The client for these options, made when it is first asked for.
    pub fn get(&self, options: ClientOptions) -> Client {
        let mut clients = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        clients
            .entry(options)
            .or_insert_with(|| Client::new(options))
            .clone()
    }
}

type Plain = Pool<HttpConnector, Full<Bytes>>;
type Secure = Pool<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Sends requests and keeps connections for the next ones. A clone shares them.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    options: ClientOptions,
    /// Plain text, HTTP/1.1: local servers and everything behind a service mesh.
    h1: Arc<h1::Pool>,
    /// Plain text, HTTP/2 with prior knowledge.
    plain: OnceLock<Plain>,
    secure: OnceLock<Secure>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.0.options).finish()
    }
}

impl Client {
    /// A client with an empty pool.
    pub fn new(options: ClientOptions) -> Self {
        let h1 = h1::Pool::new(options.connect_timeout, IDLE_TIMEOUT, MAX_IDLE_PER_HOST);
        Self(Arc::new(Inner {
            options,
            h1: Arc::new(h1),
            plain: OnceLock::new(),
            secure: OnceLock::new(),
        }))
    }

    /// Sends a request and waits for the head of the answer.
    ///
    /// Only connecting has a time limit here: how long an answer may take depends on who asks.
    /// A request on a pooled connection that was just being closed, and gave no byte of an answer,
    /// is sent again on a new one; nothing else is ever repeated.
    pub async fn send(
        &self,
        request: Request<Bytes>,
    ) -> Result<Response<ReplyBody>, UpstreamError> {
        let secure = request.uri().scheme() == Some(&http::uri::Scheme::HTTPS);
        if !secure && self.0.options.http != HttpVersion::Http2 {
            return match self.0.h1.send(&request).await {
                Ok(response) => Ok(response.map(ReplyBody::from)),
                Err(error) => Err(UpstreamError::h1(error, request.uri())),
            };
        }
        let uri = request.uri().clone();
        let request = request.map(Full::new);
        let sent = if secure {
            match self.secure() {
                Ok(secure) => secure.request(request).await,
                Err(error) => return Err(UpstreamError::exchange(error, true, &uri)),
            }
        } else {
            let options = self.0.options;
            let plain = self
                .0
                .plain
                .get_or_init(|| builder(options).build(connector(options)));
            plain.request(request).await
        };
        match sent {
            Ok(response) => Ok(response.map(ReplyBody::from)),
            Err(error) => {
                let connecting = error.is_connect();
                Err(UpstreamError::exchange(error, connecting, &uri))
            }
        }
    }

    fn secure(&self) -> Result<&Secure, rustls::Error> {
        if let Some(secure) = self.0.secure.get() {
            return Ok(secure);
        }
        let options = self.0.options;
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client_config()?)
            .https_only();
        let https = match options.http {
            HttpVersion::Http1 => https.enable_http1().wrap_connector(connector(options)),
            HttpVersion::Http2 => https.enable_http2().wrap_connector(connector(options)),
            HttpVersion::Auto => https
                .enable_all_versions()
                .wrap_connector(connector(options)),
        };
        Ok(self.0.secure.get_or_init(|| builder(options).build(https)))
    }
}

fn connector(options: ClientOptions) -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(options.connect_timeout));
    connector.enforce_http(false);
    connector
}

fn builder(options: ClientOptions) -> Builder {
    let mut builder = Pool::builder(TokioExecutor::new());
    builder
        .pool_timer(TokioTimer::new())
        .timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        .http2_only(options.http == HttpVersion::Http2)
        .http2_initial_stream_window_size(H2_STREAM_WINDOW)
        .http2_initial_connection_window_size(H2_CONNECTION_WINDOW)
        .http2_keep_alive_interval(H2_PING_INTERVAL)
        .http2_keep_alive_timeout(H2_PING_TIMEOUT);
    builder
}
