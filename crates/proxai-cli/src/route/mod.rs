//! `proxai route`: where a request would go and what would become of it, without sending it (K5).

mod leg;
mod show;

use std::path::PathBuf;

use clap::Args;
use proxai_router::{Ask, explain};
use proxai_types::Protocol;

use crate::outcome::{Exit, Stop};
use crate::world::World;
use leg::Leg;

pub(crate) const EXAMPLES: &str = "Examples:
  proxai route gpt-4.1-mini
  proxai route claude-sonnet-4-5 --protocol messages --stream
  proxai route my-alias --request request.json      also what its translation would lose

Exit status: 1 if nothing takes the model or the request is refused.";

/// Arguments of `route`.
#[derive(Clone, Debug, Args)]
pub struct RouteArgs {
    /// The model as a client would ask for it.
    model: String,
    /// What the client speaks: chat, responses or messages.
    #[arg(long, value_name = "PROTOCOL", default_value = "chat")]
    protocol: Protocol,
    /// The client asks for a stream.
    #[arg(long)]
    stream: bool,
    /// The extra endpoint that the request comes in on, such as /hybrid.
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// A request header that routes look at; may be repeated.
    #[arg(long = "header", value_name = "NAME=VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A request body: says what it would lose on the way. `-` is standard input.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

fn header(text: &str) -> Result<(String, String), String> {
    text.split_once(['=', ':'])
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| "write it as name=value".to_owned())
}

pub(crate) fn run(args: &RouteArgs, world: &mut World<'_>) -> Result<Exit, Stop> {
    let body = match &args.request {
        Some(path) => Some(world.read(path)?),
        None => None,
    };
    let loaded = world.load()?;
    let settings = &loaded.settings;
    let path = args.path.as_deref().map(|path| path.trim_end_matches('/'));
    let find = |name: &str| {
        let mut found = args.headers.iter().filter(|(known, _)| known == name);
        found.next().map(|(_, value)| value.as_str())
    };
    let ask = Ask {
        protocol: Some(args.protocol),
        model: &args.model,
        path,
        header: &find,
        seed: 0,
    };
    let explanation = explain(&settings.table, &ask);
    let attempts: Vec<Leg<'_>> = explanation
        .result
        .iter()
        .flat_map(|plan| &plan.attempts)
        .filter_map(|attempt| {
            let configured = settings.provider(attempt.provider)?;
            Some(Leg::new(args, configured, attempt, body.as_deref()))
        })
        .collect();
    if args.json {
        world.write_json(&show::as_json(args, &explanation, &attempts))?;
    } else {
        let paint = world.paint();
        show::print(args, settings, &explanation, &attempts, world.out, paint)?;
    }
    let refused = |attempt: &Leg<'_>| matches!(attempt.fate, Some(Err(_)));
    Ok(Exit::when(
        explanation.result.is_ok() && !attempts.iter().all(refused),
    ))
}
