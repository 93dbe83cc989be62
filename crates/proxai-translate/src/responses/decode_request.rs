//! Requests, read.
//!
//! Members that answers repeat are kept raw in the hub's `echo`. A stored prompt and a conversation
//! object hold text that only their provider knows: answering without it would mislead, so they
//! are refused (96). A `previous_response_id` goes into the hub, where the response store may have
//! resolved it.

use proxai_ir::{
    At, CacheHints, CacheMark, Format, Losses, Output, Part, ReasoningConfig, Request, Role,
    Sampling, Turn,
};
use proxai_json::{Extra, RawValue, Str};
use proxai_responses::lenient::Kept;
use proxai_responses::{self as wire, TextFormat};
use proxai_types::Protocol;

use super::{decode_input, decode_tools, search};
use crate::adapter::RequestError;

/// Reads a request.
pub(super) fn decode<'a>(body: &'a [u8], losses: &mut Losses) -> Result<Request<'a>, RequestError> {
    let wire: wire::Request<'a> = proxai_json::from_slice(body)?;
    refuse_stored(&wire)?;
    report_unheld(&wire, losses);
    let mut request = Request::new(Protocol::Responses, wire.model.clone());
    request.echo = echo(&wire);
    request.stream = wire.stream.unwrap_or(false);
    request.include_usage = None;
    if let Some(instructions) = wire.instructions {
        let at = At::root("instructions");
        let part = Part::text(at, instructions.value);
        request.turns.push(Turn::new(at, Role::System, vec![part]));
    }
    if let Some(tools) = wire.tools {
        let place = |index| At::item("tools", index);
        decode_tools::read_all(tools.value, place, &mut request.tools, losses);
    }
    if let Some(input) = wire.input {
        decode_input::read(input, &mut request.turns, &mut request.tools, losses);
    }
    if let Some(most) = value(wire.max_tool_calls) {
        search::limit(&mut request, most, losses);
    }
    request.tool_choice = wire
        .tool_choice
        .and_then(|choice| decode_tools::read_choice(choice.value, losses));
    request.parallel_tool_calls = value(wire.parallel_tool_calls);
    request.sampling = Sampling {
        max_output_tokens: value(wire.max_output_tokens),
        temperature: value(wire.temperature),
        top_p: value(wire.top_p),
        top_logprobs: value(wire.top_logprobs).filter(|count| *count > 0),
        ..Sampling::default()
    };
    request.reasoning = value(wire.reasoning).map(|config| reasoning(config, losses));
    request.output = value(wire.text)
        .map(|config| output(config, losses))
        .unwrap_or_default();
    include(wire.include.unwrap_or_default(), &mut request, losses);
    request.cache = CacheHints {
        key: value(wire.prompt_cache_key),
        retention: value(wire.prompt_cache_retention),
        automatic: None,
    };
    if let Some(options) = wire.prompt_cache_options {
        report(&options.extra, "prompt_cache_options", losses);
        if let Some(ttl) = &options.ttl {
            request.keep_marked(ttl);
        }
        if options.mode.as_deref() != Some("explicit") {
            let placed = CacheMark::new("prompt_cache_options", options.ttl);
            request.cache.automatic = Some(placed);
        }
    }
    request.end_user = end_user(wire.safety_identifier, wire.user, losses);
    request.metadata = wire
        .metadata
        .filter(|value| !matches!(value.get(), "{}" | "[]" | "\"\"" | "null"));
    request.service_tier = value(wire.service_tier);
    request.store = value(wire.store);
    request.previous_response = value(wire.previous_response_id).filter(|id| !id.is_empty());
    report(&wire.extra, "", losses);
    Ok(request)
}

fn value<T>(kept: Option<Kept<'_, T>>) -> Option<T> {
    kept.map(|kept| kept.value)
}

fn refuse_stored(wire: &wire::Request<'_>) -> Result<(), RequestError> {
    if wire.prompt.is_some() {
        return Err(RequestError::unsupported(
            "prompt",
            "a stored prompt is known only to the provider that stores it: send its text",
        ));
    }
    if wire.conversation.is_some() {
        return Err(RequestError::unsupported(
            "conversation",
            "a stored conversation is known only to the provider that stores it: send its items",
        ));
    }
    if wire.input.is_none() && wire.previous_response_id.is_none() {
        return Err(RequestError::invalid(
            "input",
            "`input` is missing: send a text or a list of items",
        ));
    }
    Ok(())
}

/// Members without a place in the hub.
fn report_unheld(wire: &wire::Request<'_>, losses: &mut Losses) {
    if wire.background == Some(true) {
        losses.approximated("background", "the answer is made while the client waits");
    }
    if wire
        .truncation
        .as_ref()
        .is_some_and(|truncation| truncation.value != "disabled")
    {
        losses.dropped("truncation", "a conversation that is too long is not cut");
    }
    for (name, value, why) in [
        (
            "context_management",
            wire.context_management,
            "the conversation is not compacted on the way",
        ),
        ("moderation", wire.moderation, "only its provider offers it"),
        (
            "access_programs",
            wire.access_programs,
            "only its provider offers it",
        ),
        ("image", wire.image, "only its provider offers it"),
    ] {
        if value.is_some() {
            losses.dropped(name, why);
        }
    }
    if let Some(options) = &wire.stream_options {
        report(&options.extra, "stream_options", losses);
        if options.include_obfuscation == Some(true) {
            losses.dropped(
                "stream_options.include_obfuscation",
                "deltas are not padded",
            );
        }
    }
}

fn report(extra: &Extra<'_>, parent: &str, losses: &mut Losses) {
    let dot = if parent.is_empty() { "" } else { "." };
    for (name, value) in extra.iter() {
        if value.get() != "null" {
            losses.dropped(
                format_args!("{parent}{dot}{name}"),
                "not a member that another protocol has",
            );
        }
    }
}

fn echo<'a>(wire: &wire::Request<'a>) -> Extra<'a> {
    fn raw<'a, T>(kept: Option<&Kept<'a, T>>) -> Option<&'a RawValue> {
        kept.and_then(|kept| kept.raw)
    }
    let members = [
        ("instructions", raw(wire.instructions.as_ref())),
        ("max_output_tokens", raw(wire.max_output_tokens.as_ref())),
        ("max_tool_calls", raw(wire.max_tool_calls.as_ref())),
        ("metadata", wire.metadata),
        (
            "parallel_tool_calls",
            raw(wire.parallel_tool_calls.as_ref()),
        ),
        (
            "previous_response_id",
            raw(wire.previous_response_id.as_ref()),
        ),
        ("prompt_cache_key", raw(wire.prompt_cache_key.as_ref())),
        (
            "prompt_cache_retention",
            raw(wire.prompt_cache_retention.as_ref()),
        ),
        ("reasoning", raw(wire.reasoning.as_ref())),
        ("safety_identifier", raw(wire.safety_identifier.as_ref())),
        ("service_tier", raw(wire.service_tier.as_ref())),
        ("store", raw(wire.store.as_ref())),
        ("temperature", raw(wire.temperature.as_ref())),
        ("text", raw(wire.text.as_ref())),
        ("tool_choice", raw(wire.tool_choice.as_ref())),
        ("tools", raw(wire.tools.as_ref())),
        ("top_logprobs", raw(wire.top_logprobs.as_ref())),
        ("top_p", raw(wire.top_p.as_ref())),
        ("truncation", raw(wire.truncation.as_ref())),
        ("user", raw(wire.user.as_ref())),
    ];
    let mut echo = Extra::new();
    for (name, raw) in members {
        if let Some(raw) = raw {
            echo.push(name, raw);
        }
    }
    echo
}

fn reasoning<'a>(config: wire::ReasoningConfig<'a>, losses: &mut Losses) -> ReasoningConfig<'a> {
    report(&config.extra, "reasoning", losses);
    if config.context.is_some_and(|context| context != "auto") {
        losses.dropped(
            "reasoning.context",
            "every turn's reasoning is treated alike",
        );
    }
    if config.mode.is_some_and(|mode| mode != "standard") {
        losses.dropped("reasoning.mode", "only its provider offers it");
    }
    ReasoningConfig {
        effort: config.effort,
        summary: config.summary.or(config.generate_summary),
        ..ReasoningConfig::default()
    }
}

fn output<'a>(config: wire::TextConfig<'a>, losses: &mut Losses) -> Output<'a> {
    report(&config.extra, "text", losses);
    let format = match config.format {
        None => None,
        Some(TextFormat::Text(_)) => Some(Format::Text),
        Some(TextFormat::JsonObject(_)) => Some(Format::JsonObject),
        Some(TextFormat::JsonSchema(format)) => {
            report(&format.extra, "text.format", losses);
            Some(Format::JsonSchema {
                name: format.name,
                description: format.description,
                schema: format.schema,
                strict: format.strict,
            })
        }
        Some(other) => {
            losses.dropped(
                "text.format",
                format!("`{}` is not a known format", other.kind()),
            );
            None
        }
    };
    Output {
        format,
        verbosity: config.verbosity,
    }
}

fn include<'a>(list: Vec<Str<'a>>, request: &mut Request<'a>, losses: &mut Losses) {
    for (index, name) in list.into_iter().enumerate() {
        match name.as_str() {
            "reasoning.encrypted_content" => {
                request.reasoning.get_or_insert_default().sealed = true;
            }
            "message.output_text.logprobs" => request.sampling.logprobs = Some(true),
            // Told without being asked for.
            search::SOURCES => {}
            _ => losses.dropped(
                format_args!("include[{index}]"),
                "it asks for details of tools that the provider runs",
            ),
        }
    }
}

fn end_user<'a>(
    identifier: Option<Kept<'a, Str<'a>>>,
    user: Option<Kept<'a, Str<'a>>>,
    losses: &mut Losses,
) -> Option<Str<'a>> {
    let (identifier, user) = (value(identifier), value(user));
    if let (Some(identifier), Some(user)) = (&identifier, &user)
        && identifier != user
    {
        losses.dropped("user", "safety_identifier is sent instead");
    }
    identifier.or(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::Content;

    fn read<'a>(body: &'a str, losses: &mut Losses) -> Request<'a> {
        decode(body.as_bytes(), losses).unwrap()
    }

    #[test]
    fn what_the_hub_carries_is_not_reported() {
        let mut losses = Losses::new();
        let request = read(
            r#"{"model":"m","input":"hi","instructions":"be brief","stream":true,"store":false,
                "include":["reasoning.encrypted_content","message.output_text.logprobs"],
                "reasoning":{"effort":"low","summary":"auto"},"text":{"verbosity":"low","format":{"type":"json_schema","name":"n","schema":{"type":"object"},"strict":true}},
                "temperature":0.5,"top_p":1,"max_output_tokens":99,"parallel_tool_calls":false,"tool_choice":"auto",
                "truncation":"disabled","stream_options":{"include_obfuscation":false},"prompt_cache_key":"k","user":"u","metadata":{"a":"b"}}"#,
            &mut losses,
        );
        assert!(losses.is_empty(), "{losses:?}");
        let reasoning = request.reasoning.unwrap();
        assert!(reasoning.sealed);
        assert_eq!(reasoning.effort.as_deref(), Some("low"));
        assert_eq!(request.sampling.logprobs, Some(true));
        assert_eq!(request.turns.len(), 2);
        assert_eq!(request.store, Some(false));
        assert_eq!(request.echo.get("top_p").unwrap().get(), "1");
        assert_eq!(
            request
                .echo
                .get("text")
                .unwrap()
                .get()
                .matches("low")
                .count(),
            1
        );
    }

    #[test]
    fn what_it_does_not_carry_is_reported_under_its_path() {
        let mut losses = Losses::new();
        read(
            r#"{"model":"m","input":"hi","background":true,"truncation":"auto","max_tool_calls":3,"context_management":[{}],
                "client_metadata":{"x":"y"},"reasoning":{"context":"all_turns"},"include":["file_search_call.results"],"user":"a","safety_identifier":"b"}"#,
            &mut losses,
        );
        let paths: Vec<&str> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "background",
                "truncation",
                "context_management",
                "max_tool_calls",
                "reasoning.context",
                "include[0]",
                "user",
                "client_metadata",
            ]
        );
    }

    #[test]
    fn what_only_its_provider_stores_is_refused() {
        for (body, path) in [
            (r#"{"input":"a","prompt":{"id":"p"}}"#, "prompt"),
            (r#"{"input":"a","conversation":"c"}"#, "conversation"),
            (r#"{"model":"m"}"#, "input"),
        ] {
            let error = decode(body.as_bytes(), &mut Losses::new()).unwrap_err();
            assert_eq!(error.path(), Some(path));
        }
    }

    #[test]
    fn tools_among_the_items_join_the_list() {
        let request = read(
            r#"{"model":"m","tools":[{"type":"function","name":"a"}],"input":[{"type":"additional_tools","role":"developer","tools":[{"type":"namespace","name":"n","tools":[{"type":"custom","name":"b"}]}]},{"role":"user","content":"hi"}]}"#,
            &mut Losses::new(),
        );
        let names: Vec<String> = request
            .tools
            .iter()
            .map(|tool| format!("{}:{}", tool.at, tool.name))
            .collect();
        assert_eq!(names, ["tools[0]:a", "input[0].tools[0]:b"]);
        assert!(
            matches!(&request.turns[0].parts[0].content, Content::Text(text) if text.text == "hi")
        );
    }

    #[test]
    fn a_member_of_the_wrong_type_is_named() {
        let error = decode(br#"{"model":"m","input":5}"#, &mut Losses::new()).unwrap_err();
        assert_eq!(error.path(), Some("input"));
    }
}
