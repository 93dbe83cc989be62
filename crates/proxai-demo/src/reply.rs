//! Decides what is answered.
//!
//! In order: the result of a tool is given back; a tool is called if one is required, or offered
//! and asked for; a schema is filled; otherwise the text is echoed. Reasoning comes first if it was
//! asked for.

use proxai_ir::{
    At, Content, Finish, Format, Part, Reasoning, ReasoningMode, Request, Response, Role, Sealed,
    StopReason, TextPart, Tool, ToolCall, ToolChoice, ToolDefinition, ToolKind, Turn,
};
use proxai_json::Str;
use proxai_translate::estimate;
use proxai_types::{Protocol, Usage};
use serde_json::{Value, json};

use crate::NAME;
use crate::sample::Sampler;

/// English text has about four bytes to a token.
const BYTES_PER_TOKEN: u64 = 4;
/// How much of a long text is echoed.
const MAX_ECHO: usize = 400;
/// What stands for the signature of the demo's thoughts; it has nothing to protect.
const SIGNATURE: &str = "ZGVtbw==";

/// The answer to `request`, the same whenever it is asked.
pub(crate) fn to(
    request: &Request<'_>,
    protocol: Protocol,
    id: &str,
    created: u64,
) -> Response<'static> {
    let asked = Asked::of(request);
    let mut parts = Vec::new();
    if wants_reasoning(request, &asked) {
        parts.push(reasoning(request, protocol, &asked));
    }
    let mut finish = Finish::default();
    if let Some(results) = &asked.results {
        let text = format!("The tool answered: {results}");
        parts.push(text_part(text, request, &mut finish));
    } else if let Some(tool) = tool_to_call(request, &asked) {
        parts.push(tool_call(tool, &asked, id));
        finish.reason = StopReason::ToolCalls;
    } else {
        let text = formatted(request, &asked).unwrap_or_else(|| echo(request, protocol, &asked));
        parts.push(text_part(text, request, &mut finish));
    }
    let usage = usage(request, &parts);
    Response {
        id: id.to_owned().into(),
        model: request.model.clone().into_static(),
        created: Some(created),
        service_tier: None,
        parts,
        finish,
        usage: Some(usage),
    }
}

/// What the end of the conversation asks for.
struct Asked {
    /// The last text of the user.
    text: String,
    /// How many pictures, documents and sounds came with it.
    media: usize,
    /// What tools gave, if that is the last thing said.
    results: Option<String>,
}

impl Asked {
    fn of(request: &Request<'_>) -> Self {
        let spoken = |turn: &&Turn<'_>| !matches!(turn.role, Role::System | Role::Developer);
        let results = match request.turns.iter().rfind(spoken) {
            Some(turn) if turn.role == Role::Tool => Some(results(request)),
            _ => None,
        };
        let user = request.turns.iter().rfind(|turn| turn.role == Role::User);
        let parts = user.map_or(&[][..], |turn| turn.parts.as_slice());
        let media = parts
            .iter()
            .filter(|part| matches!(part.content, Content::Media(_)));
        Self {
            media: media.count(),
            text: text_of(parts),
            results,
        }
    }

    fn mentions(&self, words: &[&str]) -> bool {
        let text = self.text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    }
}

/// What the tools gave since the model spoke last.
fn results(request: &Request<'_>) -> String {
    let recent = request.turns.iter().rev();
    let mut texts: Vec<String> = recent
        .take_while(|turn| turn.role != Role::Assistant)
        .flat_map(|turn| turn.parts.iter().rev())
        .filter_map(|part| match &part.content {
            Content::ToolResult(result) => Some(text_of(&result.parts)),
            _ => None,
        })
        .collect();
    texts.reverse();
    texts.join("\n")
}

fn text_of(parts: &[Part<'_>]) -> String {
    let texts = parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn wants_reasoning(request: &Request<'_>, asked: &Asked) -> bool {
    let config = request.reasoning.as_ref();
    let off = config.is_some_and(|config| {
        config.mode == Some(ReasoningMode::Disabled) || config.effort.as_deref() == Some("none")
    });
    let on = config.is_some_and(|config| {
        config.mode.is_some() || config.effort.is_some() || config.budget.is_some()
    });
    !off && (on || asked.mentions(&["think"]))
}

fn reasoning(request: &Request<'_>, protocol: Protocol, asked: &Asked) -> Part<'static> {
    let what = match &asked.results {
        Some(_) => "A tool has answered, so its result is what they are waiting for.",
        None => "I know nothing, so the honest answer is to say what I was asked.",
    };
    let text = format!(
        "The user wrote {} characters. {what}",
        asked.text.chars().count()
    );
    // Messages always signs, Responses seals when asked to, Chat has no form for it.
    let asked_to = request
        .reasoning
        .as_ref()
        .is_some_and(|config| config.sealed);
    let sealed = match protocol {
        Protocol::Messages => true,
        Protocol::Responses => asked_to,
        Protocol::Chat => false,
    };
    let sealed = sealed.then(|| Sealed {
        origin: protocol,
        issuer: None,
        data: SIGNATURE.into(),
    });
    let reasoning = Reasoning {
        text: text.into(),
        summary: protocol == Protocol::Responses,
        sealed,
        ..Reasoning::default()
    };
    Part::new(At::default(), Content::Reasoning(reasoning))
}

/// The tool to call, if one must be called, or one is offered and the text asks for it.
fn tool_to_call<'r, 'a>(request: &'r Request<'a>, asked: &Asked) -> Option<&'r Tool<'a>> {
    let mut offered: Vec<&Tool<'_>> = request
        .tools
        .iter()
        .filter(|tool| {
            !matches!(
                tool.definition,
                ToolDefinition::Hosted { .. } | ToolDefinition::WebSearch(_)
            )
        })
        .collect();
    let mut required = false;
    match &request.tool_choice {
        Some(ToolChoice::None) => return None,
        Some(ToolChoice::Required) => required = true,
        Some(ToolChoice::Named { name, .. }) => {
            required = true;
            offered.retain(|tool| tool.name == *name);
        }
        Some(ToolChoice::Allowed {
            required: must,
            names,
        }) => {
            required = *must;
            offered.retain(|tool| names.iter().any(|allowed| allowed.name == tool.name));
        }
        Some(ToolChoice::Auto | ToolChoice::Hosted(_)) | None => {}
    }
    let named = offered.iter().find(|tool| names_tool(asked, &tool.name));
    let any = required || asked.mentions(&["tool", "call ", "function"]);
    named.or(offered.first().filter(|_| any)).copied()
}

/// Whether the text has the tool's name or one of the longer words in it.
fn names_tool(asked: &Asked, name: &str) -> bool {
    /// Shorter words, such as `get` and `run`, name nothing.
    const LEAST_WORD: usize = 4;
    let name = name.to_lowercase();
    let mut words: Vec<&str> = name
        .split(|character: char| !character.is_alphanumeric())
        .collect();
    words.retain(|word| word.len() >= LEAST_WORD);
    words.push(&name);
    asked.mentions(&words)
}

fn tool_call(tool: &Tool<'_>, asked: &Asked, id: &str) -> Part<'static> {
    let sampled = |schema: &str| {
        let schema: Value = serde_json::from_str(schema).unwrap_or(Value::Null);
        match Sampler::new(&schema, &asked.text).sample() {
            Value::Object(members) => Value::Object(members).to_string(),
            _ => "{}".to_owned(),
        }
    };
    let (kind, input) = match &tool.definition {
        ToolDefinition::Function { parameters, .. } => (
            ToolKind::Function,
            parameters.map_or_else(|| "{}".to_owned(), |p| sampled(p.get())),
        ),
        ToolDefinition::Native { parameters, .. } => (ToolKind::Native, sampled(parameters)),
        ToolDefinition::Custom { .. }
        | ToolDefinition::Hosted { .. }
        | ToolDefinition::WebSearch(_) => (ToolKind::Custom, asked.text.clone()),
    };
    let call = ToolCall {
        id: format!("call_{id}").into(),
        name: tool.name.clone().into_static(),
        namespace: tool.namespace.clone().map(Str::into_static),
        kind,
        input: input.into(),
        ..ToolCall::default()
    };
    Part::new(At::default(), Content::ToolCall(call))
}

/// The answer in the form that was asked for, if one was.
fn formatted(request: &Request<'_>, asked: &Asked) -> Option<String> {
    match request.output.format.as_ref()? {
        Format::Text => None,
        Format::JsonObject => {
            Some(json!({"model": &*request.model, "you_said": asked.text}).to_string())
        }
        Format::JsonSchema { schema, .. } => {
            let schema: Value =
                serde_json::from_str(schema.map_or("{}", |schema| schema.get())).ok()?;
            Some(Sampler::new(&schema, &asked.text).sample().to_string())
        }
    }
}

fn echo(request: &Request<'_>, protocol: Protocol, asked: &Asked) -> String {
    let name = match protocol {
        Protocol::Chat => "Chat Completions",
        Protocol::Responses => "Responses",
        Protocol::Messages => "Messages",
    };
    let mut said: String = asked.text.chars().take(MAX_ECHO).collect();
    if said.len() < asked.text.len() {
        said.push('…');
    }
    let attached = match asked.media {
        0 => String::new(),
        1 => " There was one attachment.".to_owned(),
        count => format!(" There were {count} attachments."),
    };
    format!(
        "You said: \"{said}\".{attached} I am `{}`, the {NAME} model inside proxai, and I was asked in \
         the {name} protocol. I need no key and know nothing; configure a provider and the same \
         request gets a real answer. Offer me a tool and name it, say \"think\", or ask for a JSON \
         schema to see more.",
        request.model
    )
}

/// Text that keeps the stop texts and the token limit of the request.
fn text_part(
    mut text: String,
    request: &Request<'_>,
    finish: &mut Finish<'static>,
) -> Part<'static> {
    let stops = request.sampling.stop.iter().filter(|stop| !stop.is_empty());
    let first = stops
        .filter_map(|stop| Some((text.find(stop.as_str())?, stop)))
        .min_by_key(|(at, _)| *at);
    if let Some((at, stop)) = first {
        finish.reason = StopReason::StopSequence;
        finish.stop_sequence = Some(stop.clone().into_static());
        text.truncate(at);
    }
    let most = request.sampling.max_output_tokens.unwrap_or(u64::MAX);
    let most = usize::try_from(most.saturating_mul(BYTES_PER_TOKEN)).unwrap_or(usize::MAX);
    if text.len() > most {
        finish.reason = StopReason::Length;
        finish.stop_sequence = None;
        text.truncate(text.floor_char_boundary(most));
    }
    let part = TextPart {
        text: text.into(),
        ..TextPart::default()
    };
    Part::new(At::default(), Content::Text(part))
}

fn usage(request: &Request<'_>, parts: &[Part<'_>]) -> Usage {
    let tokens = |bytes: usize| (bytes as u64).div_ceil(BYTES_PER_TOKEN);
    let (mut output, mut reasoning) = (0, 0);
    for part in parts {
        output += match &part.content {
            Content::Text(text) => tokens(text.text.len()),
            Content::ToolCall(call) => tokens(call.name.len() + call.input.len()),
            Content::Reasoning(thought) => {
                reasoning += tokens(thought.text.len());
                tokens(thought.text.len())
            }
            _ => 0,
        };
    }
    Usage {
        input: Some(estimate::prompt_tokens(request)),
        output: Some(output),
        reasoning: Some(reasoning),
        ..Usage::default()
    }
}
