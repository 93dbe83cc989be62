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
    /// A request is sent again if the upstream cannot have seen it (its connection was closed
    /// while it lay idle, and not one byte was taken), and once more, on a new connection, if a
    /// connection from the pool ends without a byte of an answer. The second is the race every
    /// keep-alive client has with a server that closes: llama.cpp promises to keep a connection
    /// and closes it right behind each stream (2026-11). A new connection is never tried twice.
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
                // It was closing while it was taken from the pool.
                Err(unanswered) if unanswered.silent => break,
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

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

    fn pool() -> Arc<Pool> {
        Arc::new(Pool::new(Duration::from_secs(5), Duration::from_mins(1), 8))
    }

    async fn ask(pool: &Arc<Pool>, address: std::net::SocketAddr) -> Result<(), H1Error> {
        let request = Request::post(format!("http://{address}/v1"))
            .body(Bytes::from_static(b"{}"))
            .expect("a valid request");
        let mut body = pool.send(&request).await?.into_body();
        while let Some(frame) = http_body_util::BodyExt::frame(&mut body).await {
            frame.expect("a whole answer");
        }
        Ok(())
    }

    /// Takes connections, answers as often as `answers` says on each, and closes behind the next
    /// request without a word; counts the requests it read.
    async fn serve(listener: TcpListener, answers: Vec<usize>) -> usize {
        let mut requests = 0;
        for count in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut buffer = [0; 4096];
            for turn in 0..=count {
                if stream.read(&mut buffer).await.expect("readable") == 0 {
                    break;
                }
                requests += 1;
                if turn < count {
                    stream.write_all(ANSWER).await.expect("writable");
                }
            }
        }
        requests
    }

    #[tokio::test]
    async fn a_pooled_connection_that_closes_without_a_word_is_replaced_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = tokio::spawn(serve(listener, vec![1, 1]));
        let pool = pool();
        ask(&pool, address).await.expect("the first answer");
        ask(&pool, address)
            .await
            .expect("the answer of the second connection");
        drop(pool);
        assert_eq!(server.await.expect("the server ends"), 3);
    }

    #[tokio::test]
    async fn a_new_connection_that_closes_without_a_word_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = tokio::spawn(serve(listener, vec![0]));
        assert!(ask(&pool(), address).await.is_err());
        assert_eq!(server.await.expect("the server ends"), 1);
    }
}
