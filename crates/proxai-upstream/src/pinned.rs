//! A GET from an address that the caller has checked.
//!
//! For URLs that a client of the gateway chose. Whoever asks has resolved the name and judged the
//! addresses; here the connection is made to exactly those, with the name only for TLS and the
//! `Host` header. Resolving it again would let a name point elsewhere in between (DNS rebinding).
//!
//! No pool, no redirects, no cookies, no proxy, no credentials, HTTP/1.1 only: nothing that one
//! fetch could leave for the next.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Scheme;
use http::{HeaderMap, Request, Response, Uri};
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::{Connect, HttpConnector};
use hyper_util::rt::TokioExecutor;
use rustls::ClientConfig;

use crate::error::UpstreamError;
use crate::reply::ReplyBody;
use crate::tls;

/// Fetches from checked addresses. The trust store is read for the first `https` URL.
#[derive(Default)]
pub struct PinnedClient(OnceLock<ClientConfig>);

impl fmt::Debug for PinnedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinnedClient")
    }
}

impl PinnedClient {
    /// Asks for a URL at one of `addresses` and waits for the head of the answer. Whoever asks
    /// sets the limit of time; `connect_timeout` is one within it.
    pub async fn get(
        &self,
        uri: &Uri,
        addresses: &[IpAddr],
        headers: HeaderMap,
        connect_timeout: Duration,
    ) -> Result<Response<ReplyBody>, UpstreamError> {
        let addresses: Arc<[IpAddr]> = addresses.into();
        let resolver = tower::service_fn(move |_: Name| {
            let addresses = Arc::clone(&addresses);
            async move {
                // The connector puts in the URL's port.
                let list: Vec<SocketAddr> = addresses
                    .iter()
                    .map(|address| SocketAddr::new(*address, 0))
                    .collect();
                Ok::<_, Infallible>(list.into_iter())
            }
        });
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(connect_timeout));
        let mut request = Request::new(Empty::<Bytes>::new());
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = headers;
        let sent = if uri.scheme() == Some(&Scheme::HTTPS) {
            let tls = self
                .tls()
                .map_err(|error| UpstreamError::exchange(error, true, uri))?;
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_only()
                .enable_http1()
                .wrap_connector(connector);
            send(connector, request).await
        } else {
            send(connector, request).await
        };
        match sent {
            Ok(response) => Ok(response.map(ReplyBody::from)),
            Err(error) => {
                let connecting = error.is_connect();
                Err(UpstreamError::exchange(error, connecting, uri))
            }
        }
    }

    fn tls(&self) -> Result<ClientConfig, rustls::Error> {
        if let Some(tls) = self.0.get() {
            return Ok(tls.clone());
        }
        let tls = tls::client_config()?;
        Ok(self.0.get_or_init(|| tls).clone())
    }
}

/// One request on a connection of its own.
async fn send<C>(
    connector: C,
    request: Request<Empty<Bytes>>,
) -> Result<Response<Incoming>, hyper_util::client::legacy::Error>
where
    C: Connect + Clone + Send + Sync + 'static,
{
    Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .retry_canceled_requests(false)
        .build(connector)
        .request(request)
        .await
}
