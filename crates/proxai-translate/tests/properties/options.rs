//! What clients ask for beside the conversation.

use proptest::prelude::*;
use proxai_types::Protocol;

use crate::json::{Json, any_value, raw, unknown};

/// Members beside the conversation.
pub(crate) type Members = Vec<(String, Json)>;

/// A few of the members that a protocol's clients send, plain and hostile.
pub(crate) fn options(protocol: Protocol) -> impl Strategy<Value = Members> {
    let all: &[(&str, &str)] = &[
        ("stream", "true"),
        ("temperature", "1.7"),
        ("top_p", "0.5"),
        ("top_k", "40"),
        ("metadata", r#"{"user_id":"u","k":"v"}"#),
        ("service_tier", r#""flex""#),
        ("x_future", "[[{}]]"),
        ("safety_identifier", r#""someone""#),
    ];
    let own: &[(&str, &str)] = match protocol {
        Protocol::Chat => &[
            ("max_tokens", "7"),
            ("reasoning_effort", r#""high""#),
            (
                "tool_choice",
                r#"{"type":"function","function":{"name":"a"}}"#,
            ),
            ("response_format", r#"{"type":"json_object"}"#),
            ("stop", r#"["\n","x"]"#),
            ("seed", "-9"),
            ("logit_bias", r#"{"1":2}"#),
            ("stream_options", r#"{"include_usage":true}"#),
            ("parallel_tool_calls", "false"),
        ],
        Protocol::Responses => &[
            ("max_output_tokens", "7"),
            ("reasoning", r#"{"effort":"high","summary":"auto"}"#),
            ("tool_choice", r#"{"type":"custom","name":"a"}"#),
            (
                "text",
                r#"{"format":{"type":"json_schema","name":"n","schema":{}}}"#,
            ),
            ("include", r#"["reasoning.encrypted_content"]"#),
            ("store", "false"),
            ("truncation", r#""auto""#),
            ("parallel_tool_calls", "false"),
        ],
        Protocol::Messages => &[
            ("max_tokens", "3000"),
            ("thinking", r#"{"type":"enabled","budget_tokens":2000}"#),
            (
                "tool_choice",
                r#"{"type":"any","disable_parallel_tool_use":true}"#,
            ),
            ("stop_sequences", r#"["\n","x"]"#),
            (
                "output_config",
                r#"{"effort":"low","format":{"type":"json_schema","schema":{}}}"#,
            ),
            ("mcp_servers", r#"[{"name":"x"}]"#),
        ],
    };
    let menu: Members = all
        .iter()
        .chain(own)
        .map(|(name, value)| ((*name).to_owned(), raw(*value)))
        .collect();
    let most = menu.len();
    (
        prop::sample::subsequence(menu, 0..=most.min(5)),
        unknown(),
        prop::option::weighted(0.1, any_value(1)),
    )
        .prop_map(|(mut members, unknown, odd)| {
            // One member of any value: mostly the wrong one.
            if let (Some((_, value)), Some(odd)) = (members.first_mut(), odd) {
                *value = odd;
            }
            members.retain(|(name, _)| !unknown.iter().any(|(other, _)| other == name));
            members.extend(unknown);
            members
        })
}
