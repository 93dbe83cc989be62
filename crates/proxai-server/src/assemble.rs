//! Settings to snapshot: the providers get their clients, the limits their names.

use std::sync::Arc;

use proxai_config::{Fetch, Settings};
use proxai_gateway::{
    AnswerModel, ErrorFormat, FetchOptions, FetchRules, Fetcher, Limits, LocalUpstream,
    PlaceLimits, Sender, Snapshot, Upstream, UpstreamOptions,
};
use proxai_upstream::{ClientOptions, Clients};

use crate::demo::Demo;

/// What outlives configurations and is shared by all of them.
#[derive(Clone, Debug)]
pub struct Assembly {
    /// The upstream clients with their pools.
    pub clients: Arc<Clients>,
    /// Who answers for providers inside the process.
    pub local: Arc<dyn LocalUpstream>,
}

impl Default for Assembly {
    fn default() -> Self {
        Self {
            clients: Arc::default(),
            local: Arc::new(Demo),
        }
    }
}

/// Puts a generation together.
pub fn snapshot(generation: u64, settings: &Settings, assembly: &Assembly) -> Snapshot {
    let upstreams = settings
        .providers
        .iter()
        .map(|configured| {
            let provider = configured.provider.clone();
            let sender = if provider.embedded {
                Sender::Local(Arc::clone(&assembly.local))
            } else {
                Sender::Remote(assembly.clients.get(ClientOptions {
                    http: provider.http,
                    ..ClientOptions::default()
                }))
            };
            let options = UpstreamOptions {
                keys: configured.keys.clone(),
                read_idle_timeout: configured.read_idle_timeout,
                places: PlaceLimits {
                    in_flight: configured.in_flight.max,
                    queue: configured.in_flight.queue,
                    queue_timeout: configured.in_flight.queue_timeout,
                },
                sender,
            };
            Arc::new(Upstream::new(provider, options))
        })
        .collect();
    let limits = Limits {
        request_body: settings.server.max_request_body_bytes,
        keepalive: settings.server.keepalive,
        tool_call_timeout: settings.tool_call_timeout,
        concurrent_requests: settings.server.max_concurrent_requests,
        ..Limits::default()
    };
    let errors = match settings.error_format {
        proxai_config::ErrorFormat::Json => ErrorFormat::Json,
        proxai_config::ErrorFormat::Text => ErrorFormat::Text,
    };
    Snapshot::new(
        generation,
        limits,
        errors,
        upstreams,
        settings.table.clone(),
    )
    .naming(match settings.answer_model {
        proxai_config::AnswerModel::Requested => AnswerModel::Requested,
        proxai_config::AnswerModel::Upstream => AnswerModel::Upstream,
    })
    .fetching(settings.fetch.as_ref().map(fetcher))
}

fn fetcher(fetch: &Fetch) -> Fetcher {
    Fetcher::new(FetchOptions {
        rules: FetchRules {
            allow_http: fetch.allow_http,
            hosts: fetch.hosts.clone(),
            internal_hosts: fetch.internal_hosts.clone(),
        },
        max_bytes: fetch.max_bytes,
        max_files: fetch.max_files,
        timeout: fetch.timeout,
        max_redirects: fetch.max_redirects,
    })
}
