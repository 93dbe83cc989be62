//! Accepting connections and serving each until it or the process is done.
//!
//! Three settings matter more than all code behind them (S8): a listen backlog that a thousand
//! clients at once fit into, `TCP_NODELAY` on what is accepted (with Nagle's algorithm each small
//! event waits 40 ms for an acknowledgement), and a bound on the time a head may take, so that
//! slow clients cannot hold connections by the thousand (Z5).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};

/// Connections that may wait to be accepted. The kernel lowers it to its own limit.
const BACKLOG: u32 = 4096;

/// Connections at once; each costs a socket and some kB.
const MAX_CONNECTIONS: usize = 65_536;

/// How long a client may take to send a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Headers per request; SDKs send below 30.
const MAX_HEADERS: usize = 128;

/// The buffer that a request's head has to fit into.
const MAX_HEAD_BYTES: usize = 256 << 10;

/// Concurrent streams on one HTTP/2 connection.
const MAX_H2_STREAMS: u32 = 1024;

/// How long to wait after the system refused a connection, for instance for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Binds an address.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A restart must not wait until the connections of the process before have been forgotten.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves a listener until `stop` says so, and its connections until they are done.
///
/// Returns when the last connection is; the caller sets the deadline.
pub(crate) async fn serve<H, F, B>(listener: TcpListener, stop: watch::Receiver<bool>, handle: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = bytes::Bytes, Error: std::error::Error + Send + Sync>
        + Send
        + 'static,
{
    let builder = Arc::new(builder());
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut stopped = stop.clone();
    let accepting = async {
        loop {
            // Closed never.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let stream = match listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    if !is_of_the_connection(&error) {
                        tracing::warn!(%error, "no connection could be accepted; is the limit of open files too low?");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                    continue;
                }
            };
            let connection = connection(Arc::clone(&builder), stream, stop.clone(), handle.clone());
            tokio::spawn(async move {
                connection.await;
                drop(place);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    drop(listener);
    let all = u32::try_from(MAX_CONNECTIONS).expect("the constant fits");
    // Given back when the last connection ends.
    drop(places.acquire_many(all).await);
}

async fn connection<H, F, B>(
    builder: Arc<auto::Builder<TokioExecutor>>,
    stream: TcpStream,
    mut stop: watch::Receiver<bool>,
    handle: H,
) where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: http_body::Body<Data = bytes::Bytes, Error: std::error::Error + Send + Sync>
        + Send
        + 'static,
{
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "no TCP_NODELAY");
    }
    let service = service_fn(move |request| {
        let answer = handle(request);
        async move { Ok::<_, std::convert::Infallible>(answer.await) }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let told = async { drop(stop.wait_for(|stop| *stop).await) };
    let ended = tokio::select! {
        biased;
        result = connection.as_mut() => Some(result),
        () = told => None,
    };
    let result = if let Some(result) = ended {
        result
    } else {
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended with an error");
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEAD_BYTES)
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_H2_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEAD_BYTES).expect("the constant fits"))
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(20));
    builder
}

/// Whether only the one connection is lost.
fn is_of_the_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
