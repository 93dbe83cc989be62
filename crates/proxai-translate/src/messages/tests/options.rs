//! Settings as an upstream of this protocol gets them.

use proxai_ir::{
    Format, ReasoningConfig, ReasoningMode, Request, Role, Tool, ToolChoice, ToolDefinition,
};
use proxai_json::RawValue;
use serde_json::{Value, json};

use super::{call, request, result, sent, text};

fn asked(change: impl FnOnce(&mut Request<'_>)) -> Request<'static> {
    let mut request = request(vec![(Role::User, vec![text("hi")])]);
    change(&mut request);
    request
}

fn effort(effort: &'static str) -> ReasoningConfig<'static> {
    ReasoningConfig {
        effort: Some(effort.into()),
        ..ReasoningConfig::default()
    }
}

fn by_budget(request: &Request<'_>) -> (Value, Vec<String>) {
    sent(request, |target| target.abilities.adaptive_thinking = false)
}

#[test]
fn a_missing_limit_is_made_up_and_reported() {
    let (body, losses) = sent(&asked(|r| r.sampling.max_output_tokens = None), |target| {
        target.abilities.default_max_tokens = 77;
    });
    assert_eq!(body["max_tokens"], 77);
    assert_eq!(losses, ["max_completion_tokens defaulted"]);
}

#[test]
fn sampling_is_clamped_and_left_out_beside_thinking() {
    let warm = |r: &mut Request<'_>| {
        r.sampling.temperature = Some(1.6);
        r.sampling.top_p = Some(0.5);
        r.sampling.top_k = Some(3);
        r.sampling.seed = Some(1);
        r.sampling.presence_penalty = Some(0.0);
    };
    let (body, losses) = sent(&asked(warm), |_| {});
    assert_eq!(
        (&body["temperature"], &body["top_p"], &body["top_k"]),
        (&json!(1.0), &json!(0.5), &json!(3))
    );
    assert_eq!(losses, ["temperature approximated", "seed dropped"]);
    let (body, losses) = sent(
        &asked(|r| {
            warm(r);
            r.reasoning = Some(effort("high"));
        }),
        |_| {},
    );
    assert_eq!(body["thinking"], json!({"type": "adaptive"}));
    assert_eq!(body["output_config"], json!({"effort": "high"}));
    for member in ["temperature", "top_p", "top_k"] {
        assert!(body.get(member).is_none(), "{member}");
    }
    assert_eq!(losses.len(), 4, "{losses:?}");
}

#[test]
fn an_effort_becomes_a_budget_below_the_limit() {
    let (body, losses) = by_budget(&asked(|r| r.reasoning = Some(effort("low"))));
    assert_eq!(
        body["thinking"],
        json!({"type": "enabled", "budget_tokens": 2048})
    );
    assert_eq!(body["max_tokens"], 4000);
    assert_eq!(losses, ["reasoning_effort approximated"]);
    let (body, _) = by_budget(&asked(|r| r.reasoning = Some(effort("max"))));
    assert_eq!(body["thinking"]["budget_tokens"], 2000);
    let (body, losses) = by_budget(&asked(|r| {
        r.reasoning = Some(effort("high"));
        r.sampling.max_output_tokens = Some(900);
    }));
    assert!(body.get("thinking").is_none() && body["max_tokens"] == 900);
    assert!(losses.contains(&"reasoning_effort dropped".to_owned()));
    let (body, _) = by_budget(&asked(|r| {
        r.reasoning = Some(effort("high"));
        r.sampling.max_output_tokens = None;
    }));
    assert_eq!(body["max_tokens"], 16_384 + 16_384);
}

#[test]
fn no_effort_turns_thinking_off() {
    for off in [
        effort("none"),
        ReasoningConfig {
            mode: Some(ReasoningMode::Disabled),
            ..ReasoningConfig::default()
        },
    ] {
        let (body, losses) = sent(&asked(|r| r.reasoning = Some(off)), |_| {});
        assert_eq!(body["thinking"], json!({"type": "disabled"}));
        assert!(losses.is_empty());
    }
    let (body, _) = sent(
        &asked(|r| r.reasoning = Some(ReasoningConfig::default())),
        |_| {},
    );
    assert!(body.get("thinking").is_none());
}

#[test]
fn thinking_gives_way_to_a_forced_tool() {
    let (body, losses) = sent(
        &asked(|r| {
            r.reasoning = Some(effort("high"));
            r.tool_choice = Some(ToolChoice::Required);
            r.tools.push(Tool {
                at: proxai_ir::At::item("tools", 0),
                name: "f".into(),
                namespace: None,
                description: None,
                definition: ToolDefinition::Function {
                    parameters: None,
                    strict: None,
                },
                cache: None,
                deferred: false,
            });
        }),
        |_| {},
    );
    assert_eq!(body["tool_choice"], json!({"type": "any"}));
    assert!(body.get("thinking").is_none());
    assert_eq!(losses, ["reasoning_effort dropped"]);
}

#[test]
fn a_budget_is_not_sent_into_a_tool_loop_that_began_without_thought() {
    let mut looping = request(vec![
        (Role::User, vec![text("hi")]),
        (Role::Assistant, vec![call("a", "{}")]),
        (Role::Tool, vec![result("a", "1")]),
    ]);
    looping.reasoning = Some(effort("low"));
    let (body, losses) = by_budget(&looping);
    assert!(body.get("thinking").is_none());
    assert_eq!(losses, ["reasoning_effort dropped"]);
    assert_eq!(sent(&looping, |_| {}).0["thinking"]["type"], "adaptive");
}

#[test]
fn a_schema_is_sent_as_a_format_or_as_an_instruction() {
    let raw: &RawValue = serde_json::from_str(r#"{"type":"object"}"#).unwrap();
    let mut asked = asked(|_| {});
    asked.output.format = Some(Format::JsonSchema {
        name: Some("out".into()),
        description: None,
        schema: Some(raw),
        strict: Some(true),
    });
    let (body, losses) = sent(&asked, |_| {});
    assert_eq!(
        body["output_config"]["format"],
        json!({"type": "json_schema", "schema": {"title": "out", "type": "object"}})
    );
    assert!(losses.is_empty());
    let (body, losses) = sent(&asked, |target| target.abilities.output_format = false);
    assert!(
        body["system"]
            .as_str()
            .unwrap()
            .ends_with(r#"{"title":"out","type":"object"}"#)
    );
    assert_eq!(losses.len(), 1);
    asked.output.format = Some(Format::JsonObject);
    let (body, losses) = sent(&asked, |_| {});
    assert!(body["system"].as_str().unwrap().contains("JSON object"));
    assert_eq!(losses, ["response_format approximated"]);
}

#[test]
fn who_asks_and_when_to_stop_are_kept() {
    let (body, losses) = sent(
        &asked(|r| {
            r.end_user = Some("u1".into());
            r.sampling.stop = vec!["END".into(), "\n".into()];
            r.service_tier = Some("default".into());
            r.stream = true;
        }),
        |_| {},
    );
    assert_eq!(body["metadata"], json!({"user_id": "u1"}));
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(body["service_tier"], "standard_only");
    assert_eq!(body["stream"], true);
    assert_eq!(losses, ["stop dropped"]);
}
