//! Connections that wait for their next request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Request, Response};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout};

use super::H1Error;
use super::body::H1Body;
use super::connection::Connection;

/// The port of plain HTTP.
const DEFAULT_PORT: u16 = 80;

/// Idle connections by upstream, the latest last.
#[derive(Debug)]
pub(crate) struct Pool {
    idle: Mutex<HashMap<Authority, Vec<Idle>>>,
    connect_timeout: Duration,
    idle_timeout: Duration,
    max_idle: usize,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// Where a connection goes when its answer has been read.
#[derive(Debug)]
pub(super) struct Home {
    pool: Arc<Pool>,
    authority: Authority,
}

impl Pool {
    pub(crate) fn new(connect_timeout: Duration, idle_timeout: Duration, max_idle: usize) -> Self {
        Self {
            idle: Mutex::default(),
            connect_timeout,
            idle_timeout,
            max_idle,
        }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A request is sent a second time only if the upstream cannot have seen it: its connection
    /// was closed while it lay idle, and not one byte was taken.
    pub(crate) async fn send(
        self: &Arc<Self>,
        request: &Request<Bytes>,
    ) -> Result<Response<H1Body>, H1Error> {
        let Some(authority) = request.uri().authority() else {
            return Err(H1Error::Protocol("the base URL names no host"));
        };
        while let Some(mut connection) = self.take(authority) {
            match connection.exchange(request).await {
                Ok(head) => return Ok(self.response(connection, head, authority)),
                Err(unanswered) if unanswered.unseen => {}
                Err(unanswered) => return Err(unanswered.error),
            }
        }
        let mut connection = timeout(self.connect_timeout, connect(authority))
            .await
            .map_err(|_| H1Error::ConnectTimeout)??;
        match connection.exchange(request).await {
            Ok(head) => Ok(self.response(connection, head, authority)),
            Err(unanswered) => Err(unanswered.error),
        }
    }

    fn response(
        self: &Arc<Self>,
        connection: Connection,
        head: super::head::Head,
        authority: &Authority,
    ) -> Response<H1Body> {
        let home = head.keep_alive.then(|| Home {
            pool: Arc::clone(self),
            authority: authority.clone(),
        });
        head.response
            .map(|()| H1Body::new(connection, head.framing, home))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Authority, Vec<Idle>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The connection that was used last, if it is still good.
    fn take(&self, authority: &Authority) -> Option<Connection> {
        loop {
            let idle = self.lock().get_mut(authority)?.pop()?;
            // The clock is read only for one that looks good.
            if idle.connection.is_fresh() && idle.since.elapsed() < self.idle_timeout {
                return Some(idle.connection);
            }
        }
    }
}

impl Home {
    /// Puts a connection where the next request finds it, and lets go of one that nobody has used
    /// for too long.
    pub(super) fn give_back(self, mut connection: Connection) {
        if !connection.buffer.is_empty() {
            // More than was asked for: whose answer would that be?
            return;
        }
        connection.rest();
        let since = Instant::now();
        let timeout = self.pool.idle_timeout;
        let mut map = self.pool.lock();
        let idle = map.entry(self.authority).or_default();
        let stale = idle
            .first()
            .is_some_and(|first| since.duration_since(first.since) >= timeout);
        let dropped = stale.then(|| idle.remove(0));
        if idle.len() < self.pool.max_idle {
            idle.push(Idle { connection, since });
        }
        drop(map);
        drop(dropped);
    }
}

async fn connect(authority: &Authority) -> Result<Connection, H1Error> {
    let host = authority.host();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let port = authority.port_u16().unwrap_or(DEFAULT_PORT);
    let addresses = lookup_host((host, port)).await.map_err(H1Error::Resolve)?;
    let mut last = None;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(Connection::new(stream));
            }
            Err(error) => last = Some(error),
        }
    }
    Err(last.map_or_else(
        || H1Error::Resolve(std::io::ErrorKind::NotFound.into()),
        H1Error::Io,
    ))
}
