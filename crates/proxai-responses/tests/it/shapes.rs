//! Shapes as vendors send them.

use proxai_json::Text;
use proxai_responses::{Item, Request, Response, StreamEvent, Tool};

/// Reads and writes again.
fn round_trip<'a, T: serde::Deserialize<'a> + serde::Serialize>(body: &'a str) -> String {
    proxai_json::to_string(&proxai_json::from_str::<T>(body).expect("the body is read"))
}

#[test]
fn items_come_out_as_they_went_in() {
    for body in [
        r#"{"type":"message","role":"user","content":"hi"}"#,
        r#"{"type":"function_call","id":"fc_1","call_id":"c","name":"f","namespace":"n","arguments":"{}","status":"completed","caller":{"type":"program","caller_id":"p"}}"#,
        r#"{"type":"shell_call","id":"sh","call_id":"c","action":{"commands":["ls"],"timeout_ms":9},"environment":{"type":"container_reference","container_id":"x"},"status":"completed"}"#,
        r#"{"type":"mcp_call","id":"m","status":"completed","server_label":"s","name":"t","arguments":"{}","output":null,"error":{"type":"http_error","code":1,"message":"x"}}"#,
        r#"{"type":"teleport_call","id":"t","destination":{"x":1e400}}"#,
    ] {
        assert_eq!(round_trip::<Item<'_>>(body), body);
    }
}

#[test]
fn tools_come_out_as_they_went_in() {
    for body in [
        r#"{"type":"function","name":"f","parameters":{"type":"object"},"strict":false}"#,
        r#"{"type":"custom","name":"c","format":{"type":"grammar","syntax":"lark","definition":"start: A"}}"#,
        r#"{"type":"namespace","name":"n","description":"d","tools":[{"type":"function","name":"g"}]}"#,
        r#"{"type":"web_search","external_web_access":true}"#,
        r#"{"type":"shell","environment":{"type":"container_auto","memory_limit":"4g"}}"#,
    ] {
        assert_eq!(round_trip::<Tool<'_>>(body), body);
    }
}

#[test]
fn a_request_keeps_the_text_of_what_answers_repeat() {
    let body = r#"{"model":"m","temperature":1.0,"input":[{"type":"additional_tools","role":"developer","tools":[{"type":"custom","name":"exec"}]}],"client_metadata":{"a":1}}"#;
    let request: Request<'_> = proxai_json::from_str(body).unwrap();
    assert_eq!(request.temperature.unwrap().raw.unwrap().get(), "1.0");
    assert!(request.extra.get("client_metadata").is_some());
    let Some(Text::Parts(items)) = request.input else {
        panic!()
    };
    assert!(matches!(&items[0], Item::AdditionalTools(item) if item.tools.len() == 1));
}

#[test]
fn drift_in_answers_is_read() {
    let body = r#"{"id":"r","created_at":1700000000.25,"status":"failed","error":{"code":503,"message":"m"},"usage":{"input_tokens":1,"input_tokens_details":null},"billing":{"payer":"x"}}"#;
    let response: Response<'_> = proxai_json::from_str(body).unwrap();
    assert_eq!(response.created_at.unwrap().0, 1_700_000_000);
    assert_eq!(
        response.error.as_ref().unwrap().code.as_ref().unwrap().0,
        "503"
    );
    assert!(response.extra.get("billing").is_some());
}

#[test]
fn an_event_of_an_unknown_kind_is_no_error() {
    let event: StreamEvent<'_> =
        proxai_json::from_str(r#"{"type":"response.rate_limits.updated","x":[1]}"#).unwrap();
    assert!(
        matches!(event, StreamEvent::Unknown(unknown) if unknown.kind == "response.rate_limits.updated")
    );
}
