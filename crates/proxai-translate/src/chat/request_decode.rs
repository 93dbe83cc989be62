//! Reads a client's request.
//!
//! Everything official has a place in the hub or is reported. Of the vendors' additions those are
//! read that other protocols have too: `top_k`, `reasoning`, `thinking`, cache marks. Members that
//! are `null` or empty ask for nothing and are not reported.

use proxai_chat as wire;
use proxai_ir::{
    CacheHints, CacheMark, Format, Losses, Output, ReasoningConfig, ReasoningMode, Request,
    Sampling,
};
use proxai_json::{Extra, OneOrMany, RawValue, Str};
use proxai_types::Protocol;

use super::message_decode;
use super::tool_decode::{tool_choice, tools};
use crate::adapter::RequestError;

/// Reads the body.
pub(super) fn decode<'a>(body: &'a [u8], losses: &mut Losses) -> Result<Request<'a>, RequestError> {
    let mut wire: wire::Request<'a> = proxai_json::from_slice(body)?;
    if wire.model.is_empty() {
        return Err(RequestError::invalid(
            "model",
            "the request names no model: set `model`",
        ));
    }
    report_unread(&mut wire, losses);
    let mut request = Request::new(Protocol::Chat, std::mem::take(&mut wire.model));
    request.stream = wire.stream.unwrap_or(false);
    let options = wire.stream_options.take().unwrap_or_default();
    request.include_usage = Some(options.include_usage.unwrap_or(false));
    report_extra("stream_options", &options.extra, losses);
    request.sampling = sampling(&mut wire);
    request.reasoning = reasoning(&mut wire, losses);
    request.output = Output {
        format: wire
            .response_format
            .take()
            .and_then(|format| output_format(format, losses)),
        verbosity: wire.verbosity.take(),
    };
    request.cache = CacheHints {
        key: wire.prompt_cache_key.take(),
        retention: wire.prompt_cache_retention.take(),
        automatic: wire
            .cache_control
            .take()
            .map(|control| cache_mark("cache_control", control)),
    };
    let options = wire.prompt_cache_options.take();
    request.end_user = match (wire.safety_identifier.take(), wire.user.take()) {
        (Some(id), Some(user)) if id != user => {
            losses.dropped("user", "`safety_identifier` names the end user");
            Some(id)
        }
        (id, user) => id.or(user),
    };
    request.metadata = wire.metadata.filter(|value| !asks_nothing(value));
    request.service_tier = wire.service_tier.take();
    request.store = wire.store;
    request.parallel_tool_calls = wire.parallel_tool_calls;
    request.tools = tools(&mut wire, losses);
    request.tool_choice = tool_choice(&mut wire, losses);
    request.turns = message_decode::turns(wire.messages, losses);
    if let Some(options) = options {
        cache_options(options, &mut request, losses);
    }
    Ok(request)
}

/// Whether a member says nothing.
pub(super) fn asks_nothing(value: &RawValue) -> bool {
    matches!(value.get(), "null" | "[]" | "{}" | "\"\"")
}

/// Reports members that nobody reads.
pub(super) fn report_extra(place: &str, extra: &Extra<'_>, losses: &mut Losses) {
    for (name, value) in extra.iter() {
        if !asks_nothing(value) {
            let path = if place.is_empty() {
                name.to_owned()
            } else {
                format!("{place}.{name}")
            };
            losses.dropped(path, "it has no meaning outside of the client's protocol");
        }
    }
}

fn report_unread(wire: &mut wire::Request<'_>, losses: &mut Losses) {
    report_extra("", &wire.extra, losses);
    let only_text = |modality: &Str<'_>| modality == "text";
    if let Some(modalities) = wire.modalities.take()
        && !modalities.iter().all(only_text)
    {
        losses.dropped("modalities", "only text can be translated");
    }
    let unread = [
        ("audio", wire.audio.take(), "only text can be translated"),
        (
            "prediction",
            wire.prediction.take(),
            "predicted output exists only in Chat",
        ),
        (
            "moderation",
            wire.moderation.take(),
            "only the provider that offers it can run it",
        ),
    ];
    for (name, value, why) in unread {
        if value.is_some_and(|value| !asks_nothing(value)) {
            losses.dropped(name, why);
        }
    }
}

fn sampling<'a>(wire: &mut wire::Request<'a>) -> Sampling<'a> {
    Sampling {
        max_output_tokens: wire.max_completion_tokens.or(wire.max_tokens),
        temperature: wire.temperature,
        top_p: wire.top_p,
        top_k: wire.top_k.and_then(|k| u64::try_from(k).ok()),
        frequency_penalty: wire.frequency_penalty,
        presence_penalty: wire.presence_penalty,
        seed: wire.seed,
        stop: wire
            .stop
            .take()
            .map(OneOrMany::into_vec)
            .unwrap_or_default(),
        n: wire.n,
        logprobs: wire.logprobs,
        top_logprobs: wire.top_logprobs,
        logit_bias: wire.logit_bias.filter(|value| !asks_nothing(value)),
    }
}

/// Three spellings: the official effort, and the objects of two families of vendors.
fn reasoning<'a>(wire: &mut wire::Request<'a>, losses: &mut Losses) -> Option<ReasoningConfig<'a>> {
    let effort = wire.reasoning_effort.take();
    let object = wire.reasoning.take();
    let thinking = wire.thinking.take();
    if effort.is_none() && object.is_none() && thinking.is_none() {
        return None;
    }
    let off = effort.as_deref() == Some("none");
    let mut config = ReasoningConfig {
        mode: off.then_some(ReasoningMode::Disabled),
        effort,
        ..ReasoningConfig::default()
    };
    if let Some(object) = object {
        report_extra("reasoning", &object.extra, losses);
        let mode = object.enabled.map(|enabled| {
            if enabled {
                ReasoningMode::Enabled
            } else {
                ReasoningMode::Disabled
            }
        });
        config.mode = config.mode.or(mode);
        config.effort = config.effort.or(object.effort);
        config.budget = object.max_tokens;
        config.summary = object.summary;
        config.hidden = object.exclude.unwrap_or(false);
    }
    if let Some(thinking) = thinking {
        report_extra("thinking", &thinking.extra, losses);
        config.mode = match thinking.r#type.as_deref() {
            Some("enabled") => Some(ReasoningMode::Enabled),
            Some("disabled") => Some(ReasoningMode::Disabled),
            Some("adaptive" | "auto") => Some(ReasoningMode::Adaptive),
            _ => config.mode,
        };
        config.budget = thinking.budget_tokens.or(config.budget);
    }
    Some(config)
}

fn output_format<'a>(format: wire::ResponseFormat<'a>, losses: &mut Losses) -> Option<Format<'a>> {
    match format {
        wire::ResponseFormat::Text(_) => Some(Format::Text),
        wire::ResponseFormat::JsonObject(_) => Some(Format::JsonObject),
        wire::ResponseFormat::JsonSchema(format) => {
            let schema = format.json_schema;
            report_extra("response_format.json_schema", &schema.extra, losses);
            let name = (!schema.name.is_empty()).then_some(schema.name);
            // A schema that says nothing asks for any JSON.
            if (&name, &schema.description, schema.strict) == (&None, &None, None)
                && schema.schema.is_none()
            {
                return Some(Format::JsonObject);
            }
            Some(Format::JsonSchema {
                name,
                description: schema.description,
                schema: schema.schema,
                strict: schema.strict,
            })
        }
        other => {
            let why = format!("no protocol has the format `{}`", other.kind());
            losses.dropped("response_format", why);
            None
        }
    }
}

/// A breakpoint, in either spelling.
pub(super) fn cache_mark<'a>(
    member: &'static str,
    control: wire::CacheControl<'a>,
) -> CacheMark<'a> {
    CacheMark::new(member, control.ttl)
}

/// Unless told otherwise, the provider places a breakpoint by itself.
fn cache_options<'a>(
    options: wire::CacheControl<'a>,
    request: &mut Request<'a>,
    losses: &mut Losses,
) {
    const MEMBER: &str = "prompt_cache_options";
    report_extra(MEMBER, &options.extra, losses);
    if let Some(ttl) = &options.ttl {
        request.keep_marked(ttl);
    }
    if options.mode.as_deref() != Some("explicit") {
        let placed = cache_mark(MEMBER, options);
        request.cache.automatic.get_or_insert(placed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(members: &'a str, losses: &mut Losses) -> Request<'a> {
        decode(members.as_bytes(), losses).unwrap()
    }

    fn paths(body: &str) -> Vec<String> {
        let mut losses = Losses::new();
        read(body, &mut losses);
        losses.iter().map(|loss| loss.path.clone()).collect()
    }

    #[test]
    fn every_parameter_with_a_place_is_read_without_loss() {
        let body = r#"{"model":"m","messages":[],"stream":true,"stream_options":{"include_usage":true},
            "max_tokens":5,"max_completion_tokens":9,"temperature":0.3,"top_p":0.9,"top_k":40,
            "frequency_penalty":0.1,"presence_penalty":-0.1,"seed":3,"stop":"END","n":2,
            "logprobs":true,"top_logprobs":4,"logit_bias":{"50":1},"reasoning_effort":"high",
            "verbosity":"low","user":"u","prompt_cache_key":"k","prompt_cache_retention":"24h",
            "service_tier":"flex","store":false,"metadata":{"a":"b"},"parallel_tool_calls":false,
            "modalities":["text"],"tool_choice":"required","echo":null}"#;
        let mut losses = Losses::new();
        let request = read(body, &mut losses);
        assert_eq!(losses, Losses::new());
        assert_eq!(request.include_usage, Some(true));
        assert_eq!(request.sampling.max_output_tokens, Some(9));
        assert_eq!(request.sampling.top_k, Some(40));
        assert_eq!(request.sampling.stop, [Str::borrowed("END")]);
        assert_eq!(request.reasoning.unwrap().effort.as_deref(), Some("high"));
        assert_eq!(request.end_user.as_deref(), Some("u"));
        assert_eq!(request.metadata.unwrap().get(), r#"{"a":"b"}"#);
        assert_eq!(request.tool_choice, Some(proxai_ir::ToolChoice::Required));
        assert_eq!(request.parallel_tool_calls, Some(false));
    }

    #[test]
    fn what_has_no_place_is_named_with_its_path() {
        let body = r#"{"model":"m","messages":[],"modalities":["text","audio"],"audio":{"voice":"v"},
            "prediction":{"type":"content","content":"x"},"web_search_options":{"odd":1},
            "min_p":0.1,"reasoning":{"effort":"low","odd":1},"stream_options":{"include_obfuscation":true,"odd":1},
            "response_format":{"type":"grammar"},"tool_choice":"maybe",
            "tools":[{"type":"function","odd":1,"function":{"name":"f","odd":1}}]}"#;
        assert_eq!(
            paths(body),
            [
                "min_p",
                "modalities",
                "audio",
                "prediction",
                "stream_options.odd",
                "reasoning.odd",
                "response_format",
                "tools[0].odd",
                "tools[0].function.odd",
                "web_search_options.odd",
                "tool_choice"
            ]
        );
    }

    #[test]
    fn reasoning_is_read_in_the_vendors_spellings() {
        let config = |members: &str| {
            let body = format!(r#"{{"model":"m","messages":[],{members}}}"#);
            let mut losses = Losses::new();
            let config = read(&body, &mut losses).reasoning.unwrap();
            (
                config.mode,
                config.budget,
                config.effort.map(Str::into_static),
                config.hidden,
            )
        };
        assert_eq!(
            config(r#""reasoning":{"max_tokens":2000,"exclude":true}"#),
            (None, Some(2000), None, true)
        );
        assert_eq!(
            config(r#""reasoning_effort":"none""#),
            (
                Some(ReasoningMode::Disabled),
                None,
                Some("none".into()),
                false
            )
        );
        assert_eq!(
            config(r#""thinking":{"type":"disabled"}"#),
            (Some(ReasoningMode::Disabled), None, None, false)
        );
        assert_eq!(
            config(r#""reasoning":{"enabled":true,"effort":"low"}"#),
            (
                Some(ReasoningMode::Enabled),
                None,
                Some("low".into()),
                false
            )
        );
    }

    #[test]
    fn a_request_without_a_model_is_refused_with_its_path() {
        let error = decode(br#"{"messages":[]}"#, &mut Losses::new()).unwrap_err();
        assert_eq!(error.path(), Some("model"));
        let error = decode(
            br#"{"model":"m","messages":[{"content":7}]}"#,
            &mut Losses::new(),
        );
        assert_eq!(error.unwrap_err().path(), Some("messages[0].content"));
    }
}
