//! One attempt of a plan, worked out as the gateway would and not made.

use proxai_config::ProviderSettings;
use proxai_gateway::{abilities, needs_hub};
use proxai_ir::{LossKind, Losses};
use proxai_providers::quirks::{self, StreamSupport};
use proxai_providers::{Applied, HttpVersion, Provider, Quirks, Resource};
use proxai_router::Attempt;
use proxai_translate::features::{Support, TABLE};
use proxai_translate::{RequestInfo, Target, translate_request};
use proxai_types::Protocol;

use super::RouteArgs;
use crate::text::shown;

/// Stands where a key would be.
const REDACTED: &str = "[redacted]";

/// One attempt as it would be made.
pub(super) struct Leg<'a> {
    pub(super) attempt: &'a Attempt,
    pub(super) provider: String,
    pub(super) protocol: Protocol,
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) http: &'static str,
    pub(super) quirks: Quirks,
    pub(super) remarks: Vec<String>,
    pub(super) fate: Option<Result<Fate, String>>,
}

/// What would become of a request body.
#[derive(Default)]
pub(super) struct Fate {
    pub(super) losses: Losses,
    pub(super) changes: Vec<quirks::Change>,
}

impl<'a> Leg<'a> {
    pub(super) fn new(
        args: &RouteArgs,
        configured: &ProviderSettings,
        attempt: &'a Attempt,
        body: Option<&[u8]>,
    ) -> Self {
        let provider = &configured.provider;
        let protocol = provider.protocol_for(args.protocol);
        let quirks = provider.quirks(protocol, &attempt.upstream_model);
        let mut remarks = Vec::new();
        let mut url = match provider.url(Resource::Generate(protocol)) {
            _ if provider.embedded => "inside this process".to_owned(),
            Ok(url) => shown(&url),
            Err(error) => error.to_string(),
        };
        let mut headers: Vec<(String, String)> = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            (
                "accept".to_owned(),
                if args.stream {
                    "text/event-stream"
                } else {
                    "application/json"
                }
                .to_owned(),
            ),
        ];
        // The values may be tokens: only names are certain to be no secret.
        let fixed = provider.headers(protocol);
        headers.extend(fixed.map(|(name, value)| {
            let shown = if name == proxai_providers::auth::ANTHROPIC_VERSION_HEADER {
                value
            } else {
                REDACTED
            };
            (name.to_owned(), shown.to_owned())
        }));
        match provider.authenticate(protocol, configured.keys.first()) {
            Ok(Applied::Header { name, .. }) => {
                headers.push((name.to_owned(), REDACTED.to_owned()));
            }
            Ok(Applied::Query { pair }) => {
                let name = pair.expose().split('=').next().unwrap_or_default();
                let joint = if url.contains('?') { '&' } else { '?' };
                url = format!("{url}{joint}{name}={REDACTED}");
            }
            Ok(_) => {}
            Err(error) => remarks.push(error.to_string()),
        }
        if let Some(agent) = quirks.user_agent() {
            headers.push(("user-agent".to_owned(), agent.to_owned()));
        }
        match (quirks.stream(), args.stream) {
            (StreamSupport::Never, true) => remarks.push(
                "the provider does not stream: its whole answer is replayed as a stream".to_owned(),
            ),
            (StreamSupport::Always, false) => remarks
                .push("the provider only streams: its stream is folded into one answer".to_owned()),
            _ => {}
        }
        if !attempt.options.is_empty() {
            remarks.push("the target's `options` are merged into the body".to_owned());
        }
        Self {
            provider: provider.name.clone(),
            protocol,
            url,
            headers,
            http: match provider.http {
                HttpVersion::Auto => "auto",
                HttpVersion::Http1 => "1.1",
                HttpVersion::Http2 => "2",
            },
            fate: body.map(|body| fate(args, provider, protocol, attempt, &quirks, body)),
            quirks,
            remarks,
            attempt,
        }
    }

    pub(super) fn quirk_lines(&self) -> Vec<String> {
        toml::Table::try_from(&self.quirks)
            .unwrap_or_default()
            .iter()
            .map(|(name, value)| format!("{name} = {value}"))
            .collect()
    }
}

fn fate(
    args: &RouteArgs,
    provider: &Provider,
    protocol: Protocol,
    attempt: &Attempt,
    quirks: &Quirks,
    body: &[u8],
) -> Result<Fate, String> {
    let mut fate = Fate::default();
    let translated;
    let mut upstream_body = body;
    if protocol != args.protocol || needs_hub(quirks, protocol, body) {
        let mut target = Target::new(&attempt.upstream_model, &provider.name);
        target.abilities = abilities(quirks);
        let info = RequestInfo {
            id: "route",
            created: 0,
            model: &args.model,
        };
        let prepared =
            translate_request(args.protocol, protocol, body, &target, &info).map_err(|error| {
                match error.path() {
                    Some(path) => format!("{path}: {error}"),
                    None => error.to_string(),
                }
            })?;
        fate.losses = prepared.losses;
        translated = prepared.body;
        upstream_body = &translated;
    }
    let edited = quirks::request_edits(quirks, protocol, upstream_body)
        .map_err(|error| error.to_string())?;
    fate.changes = edited.changes;
    Ok(fate)
}

/// What a translation between two protocols cannot carry, as far as requests have it: for somebody
/// who has no request at hand.
pub(super) fn possible_losses(client: Protocol, upstream: Protocol) -> Losses {
    let mut losses = Losses::new();
    if client == upstream {
        return losses;
    }
    let spelled = |row: &&proxai_translate::features::Row| {
        let own = Protocol::ALL
            .iter()
            .position(|protocol| *protocol == client);
        own.is_some_and(|own| row.paths.get(own).is_some_and(|path| !path.is_empty()))
    };
    for row in TABLE.iter().filter(spelled) {
        let (kind, why) = match row.feature.support(upstream) {
            Support::Approximated(why) => (LossKind::Approximated, why),
            Support::Dropped(why) | Support::Refused(why) => (LossKind::Dropped, why),
            Support::Native | Support::Mapped(_) => continue,
        };
        losses.push(row.feature.path(client), kind, why);
    }
    losses
}
