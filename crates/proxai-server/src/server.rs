//! Binding, serving and stopping.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::accept;
use crate::admin;
use crate::state::State;

/// Between telling load balancers and refusing connections; shorter than the deadline at most.
const READYZ_LEAD: Duration = Duration::from_millis(200);

/// Why the server could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// An address is taken, or is none of this machine's.
    #[error("cannot listen on {address} for {purpose}; is another proxai running?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What it was for.
        purpose: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
}

/// Where the two listeners are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Where clients connect to.
    pub proxy: SocketAddr,
    /// Where operators connect to.
    pub admin: SocketAddr,
}

/// Two bound listeners, not yet served.
#[derive(Debug)]
pub struct Server {
    proxy: TcpListener,
    admin: TcpListener,
    bound: Bound,
}

impl Server {
    /// Binds both listeners; port 0 lets the system choose.
    pub fn bind(proxy: SocketAddr, admin: SocketAddr) -> Result<Self, ServerError> {
        let bind = |address, purpose| {
            let failed = |source| ServerError::Bind {
                address,
                purpose,
                source,
            };
            let listener = accept::bind(address).map_err(failed)?;
            let bound = listener.local_addr().map_err(failed)?;
            Ok((listener, bound))
        };
        let (proxy, proxy_address) = bind(proxy, "clients")?;
        let (admin, admin_address) = bind(admin, "administration")?;
        Ok(Self {
            proxy,
            admin,
            bound: Bound {
                proxy: proxy_address,
                admin: admin_address,
            },
        })
    }

    /// Where the listeners are.
    pub const fn bound(&self) -> Bound {
        self.bound
    }

    /// Serves until `stop` resolves, then lets what is in flight finish within `deadline`.
    ///
    /// Returns how many requests were cut off by it.
    pub async fn run(
        self,
        state: State,
        stop: impl Future<Output = ()>,
        deadline: Duration,
    ) -> usize {
        let (tell_proxy, proxy_stops) = watch::channel(false);
        let (tell_admin, admin_stops) = watch::channel(false);
        let gateway = state.gateway.clone();
        let proxy = accept::serve(self.proxy, proxy_stops, move |request| {
            let gateway = gateway.clone();
            async move { gateway.handle(request).await }
        });
        let watched = state.clone();
        let admin = accept::serve(self.admin, admin_stops, move |request| {
            let answer = admin::answer(&watched, &request);
            async move { answer }
        });
        let proxy = tokio::spawn(proxy);
        let admin = tokio::spawn(admin);
        stop.await;

        state.drain();
        tokio::time::sleep(READYZ_LEAD.min(deadline)).await;
        tell_proxy.send_replace(true);
        // The admin listener goes on answering 503 until there is nothing left to wait for.
        let drained = tokio::time::timeout(deadline, proxy).await;
        tell_admin.send_replace(true);
        admin.abort();
        if matches!(drained, Ok(Ok(()))) {
            0
        } else {
            state.gateway.in_flight()
        }
    }
}
