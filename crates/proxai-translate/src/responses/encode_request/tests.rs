//! Requests as they are written.

use proxai_ir::{At, Part, Role, Sampling, Turn};
use proxai_json::RawValue;

use super::*;

fn request() -> Request<'static> {
    let mut request = Request::new(Protocol::Responses, "alias");
    let at = At::item("messages", 0);
    request.turns = vec![Turn::new(at, Role::User, vec![Part::text(at, "hi")])];
    request
}

fn try_written(request: &Request<'_>) -> Result<(String, Losses), RequestError> {
    let (mut losses, mut out) = (Losses::new(), Vec::new());
    encode(
        request,
        &Target::new("up-model", "up"),
        &mut losses,
        &mut out,
    )?;
    Ok((String::from_utf8(out).unwrap(), losses))
}

fn written(request: &Request<'_>) -> (String, Losses) {
    try_written(request).unwrap()
}

fn raw(text: &'static str) -> &'static RawValue {
    serde_json::from_str(text).unwrap()
}

fn tool(name: &'static str, definition: ToolDefinition<'static>) -> Tool<'static> {
    Tool {
        at: At::item("tools", 0),
        name: name.into(),
        namespace: None,
        description: None,
        definition,
        cache: None,
        deferred: false,
    }
}

fn function(strict: Option<bool>) -> ToolDefinition<'static> {
    ToolDefinition::Function {
        parameters: None,
        strict,
    }
}

#[test]
fn a_plain_request_asks_for_nothing_and_stores_nothing() {
    let (body, losses) = written(&request());
    assert_eq!(
        body,
        r#"{"model":"up-model","input":[{"type":"message","role":"user","content":"hi"}],"store":false}"#
    );
    assert!(losses.is_empty());
}

#[test]
fn parameters_without_a_place_are_reported_unless_they_change_nothing() {
    let mut request = request();
    request.sampling = Sampling {
        max_output_tokens: Some(5),
        temperature: Some(0.7),
        top_k: Some(3),
        stop: vec!["END".into()],
        frequency_penalty: Some(0.0),
        presence_penalty: Some(0.5),
        seed: Some(1),
        logit_bias: Some(raw("{}")),
        n: Some(1),
        logprobs: Some(true),
        top_logprobs: Some(2),
        ..Sampling::default()
    };
    let (body, losses) = written(&request);
    for member in [
        r#""max_output_tokens":16"#,
        r#""temperature":0.7"#,
        r#""top_logprobs":2"#,
        r#""include":["message.output_text.logprobs"]"#,
    ] {
        assert!(body.contains(member), "{member} in {body}");
    }
    assert_eq!(losses.iter().count(), 5, "{losses:?}");
    request.sampling.n = Some(2);
    assert!(matches!(
        try_written(&request),
        Err(RequestError::Unsupported { .. })
    ));
}

#[test]
fn strict_is_never_added() {
    let mut request = request();
    request.tools = vec![
        tool("a", function(None)),
        tool("b", function(Some(true))),
        tool("c", ToolDefinition::Custom { grammar: None }),
        tool(
            "d",
            ToolDefinition::Native {
                kind: "shell".into(),
                parameters: r#"{"type":"object"}"#,
            },
        ),
        tool(
            "e",
            ToolDefinition::Hosted {
                kind: "web".into(),
                settings: proxai_json::Extra::new(),
            },
        ),
    ];
    request.tool_choice = Some(ToolChoice::Allowed {
        required: true,
        names: vec!["a".into(), "c".into()],
    });
    request.parallel_tool_calls = Some(false);
    let (body, losses) = written(&request);
    for member in [
        r#"{"type":"function","name":"a","parameters":{"type":"object","properties":{}},"strict":false}"#,
        r#""name":"b","parameters":{"type":"object","properties":{}},"strict":true}"#,
        r#"{"type":"custom","name":"c"}"#,
        r#"{"type":"function","name":"d","parameters":{"type":"object"},"strict":false}"#,
        r#""tool_choice":{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"a"},{"type":"custom","name":"c"}]}"#,
        r#""parallel_tool_calls":false"#,
    ] {
        assert!(body.contains(member), "{member} in {body}");
    }
    assert_eq!(losses.iter().count(), 1);
}

#[test]
fn a_choice_about_tools_that_could_not_be_sent_is_dropped() {
    let mut request = request();
    request.tools = vec![tool(
        "e",
        ToolDefinition::Hosted {
            kind: "web".into(),
            settings: proxai_json::Extra::new(),
        },
    )];
    request.tool_choice = Some(ToolChoice::Required);
    let (body, losses) = written(&request);
    assert!(!body.contains("tool_choice") && !body.contains("\"tools\""));
    assert_eq!(losses.iter().count(), 2);
}

#[test]
fn reasoning_is_asked_for_sealed_when_it_is_wanted() {
    let wanted = |config: ReasoningConfig<'static>| {
        let mut request = request();
        request.reasoning = Some(config);
        written(&request)
    };
    let mode = |mode, budget| ReasoningConfig {
        mode: Some(mode),
        budget,
        ..ReasoningConfig::default()
    };
    let (body, losses) = wanted(mode(ReasoningMode::Enabled, Some(31_999)));
    assert!(
        body.contains(r#""include":["reasoning.encrypted_content"]"#),
        "{body}"
    );
    assert!(
        body.contains(r#""reasoning":{"effort":"high","summary":"auto"}"#),
        "{body}"
    );
    assert_eq!(losses.iter().count(), 1);
    let (body, losses) = wanted(mode(ReasoningMode::Adaptive, None));
    assert!(body.contains(r#""reasoning":{"summary":"auto"}"#) && losses.is_empty());
    let (body, losses) = wanted(mode(ReasoningMode::Disabled, None));
    assert!(!body.contains("reasoning"), "{body}");
    assert_eq!(losses.iter().count(), 1);
    let (body, losses) = wanted(ReasoningConfig {
        effort: Some("none".into()),
        ..ReasoningConfig::default()
    });
    assert!(body.contains(r#""reasoning":{"effort":"none"}"#) && !body.contains("include"));
    assert!(losses.is_empty());
}

#[test]
fn long_ids_are_hashed_and_a_marked_cache_gets_a_key() {
    let mut request = request();
    let long = "u".repeat(90);
    request.end_user = Some(long.as_str().into());
    request.turns[0].parts[0].cache = Some(proxai_ir::CacheMark::new("cache_control", None));
    let (body, losses) = written(&request);
    let hash = format!("sum_{:016x}", crate::seal::checksum(long.as_bytes()));
    assert!(
        body.contains(&format!(r#""prompt_cache_key":"{hash}""#)),
        "{body}"
    );
    assert!(body.contains(&format!(r#""safety_identifier":"{hash}""#)));
    assert_eq!(losses.iter().count(), 2, "{losses:?}");
}

#[test]
fn structured_output_keeps_its_name_and_gets_one_if_it_has_none() {
    let mut request = request();
    request.output.format = Some(Format::JsonSchema {
        name: None,
        description: None,
        schema: Some(raw(r#"{"type":"object"}"#)),
        strict: None,
    });
    let (body, _) = written(&request);
    assert!(body.contains(r#""text":{"format":{"type":"json_schema","name":"response","schema":{"type":"object"}}}"#), "{body}");
}

#[test]
fn a_longer_history_begins_with_the_bytes_of_the_shorter_one() {
    let at = At::item("messages", 1);
    let mut request = request();
    request.tools = vec![tool("a", function(None))];
    let mut shorter = written(&request).0;
    for (role, text) in [
        (Role::Assistant, "hello"),
        (Role::System, "be brief"),
        (Role::User, "why"),
    ] {
        request
            .turns
            .push(Turn::new(at, role, vec![Part::text(at, text)]));
        let longer = written(&request).0;
        let end = shorter.find(r#"],"store""#).unwrap();
        assert!(longer.starts_with(&shorter[..end]), "{longer}");
        shorter = longer;
    }
}
