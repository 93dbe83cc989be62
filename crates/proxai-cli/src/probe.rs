//! Which of the usual local servers answer, for somebody who has configured nothing (K4).

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use proxai_config::local_servers;
use proxai_providers::{Registry, Scheme};

/// On this machine a server answers at once or is not there.
const TIMEOUT: Duration = Duration::from_millis(50);

/// The ids of the rows whose server takes a connection on this machine.
pub fn answering(registry: &Registry) -> Vec<String> {
    local_servers(registry)
        .into_iter()
        .filter(|provider| {
            let base = &provider.base;
            let port = if base.scheme() == Scheme::Https {
                443
            } else {
                80
            };
            address(base.authority(), port)
                .is_some_and(|address| TcpStream::connect_timeout(&address, TIMEOUT).is_ok())
        })
        .map(|provider| provider.row)
        .collect()
}

fn address(authority: &str, default_port: u16) -> Option<SocketAddr> {
    authority
        .to_socket_addrs()
        .or_else(|_| (authority, default_port).to_socket_addrs())
        .ok()?
        .find(|address| address.ip().is_loopback())
}
