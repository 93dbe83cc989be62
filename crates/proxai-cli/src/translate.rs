//! `proxai translate`: one translation by hand, with what it loses (K5, T4).
//!
//! The same adapters as in the gateway, without a provider: no quirks, and the abilities that
//! every upstream of a protocol has. Within one protocol nothing is touched, as on the wire.

use std::sync::Arc;

use bytes::BytesMut;
use clap::Args;
use proxai_ir::Losses;
use proxai_sse::Decoder;
use proxai_translate::{
    ReplyContext, ReplyError, RequestError, RequestInfo, StreamTranslator, Target,
    translate_request, translate_response,
};
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::outcome::{Exit, Stop};
use crate::world::World;

pub(crate) const EXAMPLES: &str = "Examples:
  proxai translate --from chat --to messages < request.json
  proxai translate --from messages --to responses --stream < events.txt
  proxai translate --from responses --to chat --response --json < answer.json

The result goes to standard output, what is lost to standard error.
Exit status: 1 if the request is refused or the input cannot be read.";

/// Names the answer where it must have an id and the upstream gave none.
const ID: &str = "translated";

/// Who answers, in seals. No provider has this name, so nothing can be opened that is not ours.
const ISSUER: &str = "translate";

/// Arguments of `translate`.
#[derive(Clone, Debug, Args)]
#[command(group(clap::ArgGroup::new("what")))]
pub struct TranslateArgs {
    /// The protocol of the input: chat, responses or messages.
    #[arg(long, value_name = "PROTOCOL")]
    from: Protocol,
    /// The protocol of the output.
    #[arg(long, value_name = "PROTOCOL")]
    to: Protocol,
    /// The input is a request (the default).
    #[arg(long, group = "what")]
    request: bool,
    /// The input is a whole answer.
    #[arg(long, group = "what")]
    response: bool,
    /// The input is an event stream.
    #[arg(long, group = "what")]
    stream: bool,
    /// The model to write instead of the one in the input.
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,
    /// Body and losses in one JSON object.
    #[arg(long)]
    json: bool,
}

struct Done {
    body: Vec<u8>,
    losses: Losses,
}

struct Refused {
    message: String,
    path: Option<String>,
}

pub(crate) fn run(args: &TranslateArgs, world: &mut World<'_>) -> Result<Exit, Stop> {
    let input = world.read_input()?;
    let result = if args.response {
        response(args, &input)
    } else if args.stream {
        stream(args, &input)
    } else {
        request(args, &input)
    };
    match result {
        Ok(done) if args.json => {
            world.write_json(&json!({
                "body": body_json(&done.body),
                "losses": losses_json(&done.losses),
            }))?;
            Ok(Exit::Yes)
        }
        Ok(done) => {
            world.out.write_all(&done.body)?;
            if !done.body.ends_with(b"\n") {
                world.out.write_all(b"\n")?;
            }
            for loss in &done.losses {
                writeln!(world.err, "{loss}")?;
            }
            Ok(Exit::Yes)
        }
        Err(refused) if args.json => {
            let error = json!({ "message": refused.message, "path": refused.path });
            world.write_json(&json!({ "error": error }))?;
            Ok(Exit::No)
        }
        Err(refused) => {
            let place = refused
                .path
                .map_or_else(String::new, |path| format!("{path}: "));
            writeln!(world.err, "refused: {place}{}", refused.message)?;
            Ok(Exit::No)
        }
    }
}

/// The losses as programs read them.
pub(crate) fn losses_json(losses: &Losses) -> Vec<Value> {
    losses
        .iter()
        .map(|loss| json!({ "path": loss.path, "kind": loss.kind.name(), "why": loss.why }))
        .collect()
}

fn body_json(body: &[u8]) -> Value {
    serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into())
}

impl From<RequestError> for Refused {
    fn from(error: RequestError) -> Self {
        Self {
            message: error.to_string(),
            // An error of reading has its path in its message.
            path: match &error {
                RequestError::Json(_) => None,
                _ => error.path().map(str::to_owned),
            },
        }
    }
}

impl From<ReplyError> for Refused {
    fn from(error: ReplyError) -> Self {
        Self {
            message: error.to_string(),
            path: None,
        }
    }
}

impl Refused {
    fn because(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            path: None,
        }
    }
}

/// Within one protocol the input is the result, if it is what it is said to be.
fn unchanged(input: &[u8]) -> Result<Done, Refused> {
    serde_json::from_slice::<serde::de::IgnoredAny>(input)
        .map_err(|error| Refused::because(format!("the input is not JSON: {error}")))?;
    Ok(Done {
        body: input.to_vec(),
        losses: Losses::new(),
    })
}

fn model_of(input: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(input).ok()?;
    Some(body.get("model")?.as_str()?.to_owned())
}

fn request(args: &TranslateArgs, input: &[u8]) -> Result<Done, Refused> {
    if args.from == args.to && args.model.is_none() {
        return unchanged(input);
    }
    let asked = model_of(input).unwrap_or_default();
    let model = args.model.as_deref().unwrap_or(&asked);
    let target = Target::new(model, ISSUER);
    let info = RequestInfo {
        id: ID,
        created: 0,
        model: &asked,
    };
    let prepared = translate_request(args.from, args.to, input, &target, &info)?;
    Ok(Done {
        body: prepared.body,
        losses: prepared.losses,
    })
}

fn context(args: &TranslateArgs) -> ReplyContext {
    let model = args.model.as_deref().unwrap_or_default();
    ReplyContext::new(model, ISSUER, args.from, ID, 0)
}

fn response(args: &TranslateArgs, input: &[u8]) -> Result<Done, Refused> {
    if args.from == args.to && args.model.is_none() {
        return unchanged(input);
    }
    let mut context = context(args);
    if let (None, Some(model)) = (&args.model, model_of(input)) {
        context.model = model.into();
    }
    let translated = translate_response(args.to, &context, input)?;
    Ok(Done {
        body: translated.body,
        losses: translated.losses,
    })
}

fn stream(args: &TranslateArgs, input: &[u8]) -> Result<Done, Refused> {
    if args.from == args.to && args.model.is_none() {
        return Ok(Done {
            body: input.to_vec(),
            losses: Losses::new(),
        });
    }
    let mut frames = Decoder::new();
    frames.push(bytes::Bytes::copy_from_slice(input));
    let mut all = Vec::new();
    loop {
        let next = match frames.next_frame() {
            Ok(None) => frames.finish(),
            next => next,
        };
        match next {
            Ok(Some(frame)) => all.push(frame),
            Ok(None) => break,
            Err(error) => return Err(Refused::because(error.to_string())),
        }
    }
    let mut context = context(args);
    if args.model.is_none()
        && let Some(model) = all.iter().find_map(|frame| model_of_event(frame.data()))
    {
        context.model = model.into();
    }
    let mut translator = StreamTranslator::new(args.to, Arc::new(context));
    let mut out = BytesMut::new();
    for frame in &all {
        translator.push(frame, &mut out);
    }
    translator.end(&mut out);
    if let Some(failure) = translator.failure_before_start() {
        return Err(Refused::because(failure.to_string()));
    }
    Ok(Done {
        body: out.to_vec(),
        losses: translator.take_losses(),
    })
}

/// The model as an event names it, wherever its protocol puts that.
fn model_of_event(data: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(data).ok()?;
    let places = ["/model", "/message/model", "/response/model"];
    let mut found = places.iter().filter_map(|place| event.pointer(place));
    Some(found.next()?.as_str()?.to_owned())
}
