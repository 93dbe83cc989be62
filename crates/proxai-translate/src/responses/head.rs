//! The response object around the items.
//!
//! The API repeats most of the request in every response object, and its official types demand
//! those members. They come from the request's echo; what the client did not send has the
//! default that the API documents.

use proxai_ir::Failure;
use proxai_json::{Nullable, RawValue, Str};
use proxai_responses::lenient::Seconds;
use proxai_responses::{
    IncompleteDetails, InputTokensDetails, OutputTokensDetails, Response, Status, Tool, ToolUsage,
    Usage, WebSearchUsage,
};

use super::failure;
use super::raw::{constant, one_line};
use crate::context::ReplyContext;
use crate::ids;

/// What the official types demand beside the count of searches.
const NO_PICTURES: &str = r#"{"input_tokens":0,"input_tokens_details":{"image_tokens":0,"text_tokens":0},"output_tokens":0,"total_tokens":0}"#;

/// What stays the same in all response objects of one answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) id: String,
    created: u64,
    model: Box<str>,
    service_tier: Option<String>,
    echo: Vec<(Box<str>, Box<RawValue>)>,
    /// The client searches for tools itself, so a call of that name is such a search.
    pub(super) client_search: bool,
}

/// How an answer ended, as the response object says it.
pub(super) struct Ending<'e> {
    pub(super) status: Status<'static>,
    pub(super) incomplete: Option<&'static str>,
    pub(super) failure: Option<&'e Failure>,
    pub(super) usage: Option<proxai_types::Usage>,
}

impl Ending<'_> {
    /// An answer that has only begun.
    pub(super) const fn none_yet() -> Self {
        Self {
            status: Status::InProgress,
            incomplete: None,
            failure: None,
            usage: None,
        }
    }
}

impl Head {
    pub(super) fn new(
        context: &ReplyContext,
        upstream_id: &str,
        created: Option<u64>,
        service_tier: Option<&str>,
    ) -> Self {
        let mut client_search = false;
        let echo = context
            .echo
            .iter()
            .filter_map(|(name, value)| {
                let value = one_line(value);
                let value = match &**name {
                    "tools" => repeated_tools(&value, &mut client_search),
                    _ => RawValue::from_string(value.into_owned()).ok(),
                };
                Some((name.clone(), value?))
            })
            .collect();
        Self {
            id: ids::answer("resp_", upstream_id, &context.id),
            created: created.unwrap_or(context.created),
            model: (&*context.model).into(),
            service_tier: service_tier.map(tier),
            echo,
            client_search,
        }
    }

    fn echoed(&self, name: &str) -> Option<&RawValue> {
        let (_, value) = self.echo.iter().find(|(key, _)| **key == *name)?;
        Some(value.as_ref())
    }

    fn nullable(&self, name: &str) -> Nullable<&RawValue> {
        Nullable::or_null(self.echoed(name))
    }

    fn or(&self, name: &str, default: &'static str) -> &RawValue {
        self.echoed(name).unwrap_or_else(|| constant(default))
    }

    /// The response object with these items.
    pub(super) fn object<'h>(
        &'h self,
        output: Vec<&'h RawValue>,
        ending: &Ending<'h>,
    ) -> Response<'h> {
        let service_tier = self.service_tier.as_deref().map(Str::from);
        Response {
            id: self.id.as_str().into(),
            object: Some("response".into()),
            created_at: Some(Seconds(self.created)),
            status: Some(ending.status.clone()),
            background: Some(constant("false")),
            error: Nullable::or_null(ending.failure.map(failure::in_response)),
            incomplete_details: Nullable::or_null(ending.incomplete.map(|reason| {
                IncompleteDetails {
                    reason: Some(reason.into()),
                }
            })),
            instructions: self.nullable("instructions"),
            max_output_tokens: self.nullable("max_output_tokens"),
            max_tool_calls: self.nullable("max_tool_calls"),
            model: Some(Str::from(&*self.model)),
            output,
            parallel_tool_calls: Some(self.or("parallel_tool_calls", "true")),
            previous_response_id: self.nullable("previous_response_id"),
            prompt_cache_key: self.nullable("prompt_cache_key"),
            prompt_cache_retention: self.nullable("prompt_cache_retention"),
            reasoning: Some(self.or("reasoning", r#"{"effort":null,"summary":null}"#)),
            safety_identifier: self.nullable("safety_identifier"),
            service_tier: service_tier.or_else(|| {
                let asked = self.echoed("service_tier")?;
                serde_json::from_str(asked.get()).ok()
            }),
            store: Some(self.or("store", "true")),
            temperature: self.nullable("temperature"),
            text: Some(self.or("text", r#"{"format":{"type":"text"}}"#)),
            tool_choice: Some(self.or("tool_choice", r#""auto""#)),
            tools: Some(self.or("tools", "[]")),
            top_logprobs: Some(self.or("top_logprobs", "0")),
            top_p: self.nullable("top_p"),
            truncation: Some(self.or("truncation", r#""disabled""#)),
            usage: Nullable::or_null(ending.usage.map(|usage| write_usage(&usage))),
            tool_usage: ending.usage.and_then(|usage| {
                let num_requests = Some(usage.web_searches.filter(|count| *count > 0)?);
                Some(ToolUsage {
                    image_gen: Some(constant(NO_PICTURES)),
                    web_search: Some(WebSearchUsage {
                        num_requests,
                        ..WebSearchUsage::default()
                    }),
                    ..ToolUsage::default()
                })
            }),
            user: self.nullable("user"),
            metadata: Some(self.or("metadata", "{}")),
            ..Response::default()
        }
    }
}

/// The tiers that other vendors name differently.
fn tier(upstream: &str) -> String {
    match upstream {
        "standard" | "standard_only" => "default".to_owned(),
        other => other.to_owned(),
    }
}

/// The tools as answers repeat them: functions have all members that the official types demand.
fn repeated_tools(value: &str, client_search: &mut bool) -> Option<Box<RawValue>> {
    let Ok(mut tools) = serde_json::from_str::<Vec<Tool<'_>>>(value) else {
        return RawValue::from_string(value.to_owned()).ok();
    };
    for tool in &mut tools {
        match tool {
            Tool::Function(function) => {
                function.strict.get_or_insert(false);
                function
                    .parameters
                    .get_or_insert(constant(r#"{"type":"object","properties":{}}"#));
            }
            Tool::ToolSearch(search) => {
                *client_search |= search.execution.as_deref() == Some("client");
            }
            _ => {}
        }
    }
    serde_json::value::to_raw_value(&tools).ok()
}

/// Usage with both details objects, which Codex needs when it counts (103).
fn write_usage(usage: &proxai_types::Usage) -> Usage<'static> {
    Usage {
        input_tokens: Some(usage.input.unwrap_or(0)),
        input_tokens_details: Some(InputTokensDetails {
            cached_tokens: Some(usage.cache_read.unwrap_or(0)),
            cache_write_tokens: Some(usage.cache_write.unwrap_or(0)),
            audio_tokens: usage.audio_input.filter(|count| *count > 0),
            ..InputTokensDetails::default()
        }),
        output_tokens: Some(usage.output.unwrap_or(0)),
        output_tokens_details: Some(OutputTokensDetails {
            reasoning_tokens: Some(usage.reasoning.unwrap_or(0)),
            audio_tokens: usage.audio_output.filter(|count| *count > 0),
            ..OutputTokensDetails::default()
        }),
        total_tokens: Some(usage.total_or_sum()),
        ..Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(echo: &[(&str, &str)]) -> ReplyContext {
        let echo = echo
            .iter()
            .map(|(name, value)| (Box::from(*name), Box::from(*value)))
            .collect();
        ReplyContext {
            echo,
            ..ReplyContext::new("m", "up", proxai_types::Protocol::Responses, "x", 7)
        }
    }

    #[test]
    fn the_object_repeats_the_request_and_has_every_demanded_member() {
        let context = context(&[
            (
                "tools",
                r#"[{"type":"function","name":"f"},{"type":"web_search","a":1}]"#,
            ),
            ("temperature", "0.50"),
        ]);
        let head = Head::new(&context, "chatcmpl-9", None, Some("standard"));
        let json = proxai_json::to_string(&head.object(Vec::new(), &Ending::none_yet()));
        for member in [
            r#""id":"resp_9""#,
            r#""created_at":7,"#,
            r#""temperature":0.50"#,
            r#""top_p":null"#,
            r#""parallel_tool_calls":true"#,
            r#""service_tier":"default""#,
            r#"{"type":"function","name":"f","parameters":{"type":"object","properties":{}},"strict":false}"#,
            r#"{"type":"web_search","a":1}"#,
            r#""usage":null"#,
            r#""error":null"#,
        ] {
            assert!(json.contains(member), "{member} in {json}");
        }
    }

    #[test]
    fn usage_always_has_its_details() {
        let usage = proxai_types::Usage {
            input: Some(5),
            output: Some(2),
            cache_read: Some(3),
            ..proxai_types::Usage::default()
        };
        assert_eq!(
            proxai_json::to_string(&write_usage(&usage)),
            r#"{"input_tokens":5,"input_tokens_details":{"cached_tokens":3,"cache_write_tokens":0},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":0},"total_tokens":7}"#
        );
    }
}
