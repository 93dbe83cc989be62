//! Whole bodies, read and written again. A member that is `null` reads as missing, so none is here.

use proxai_chat::{Chunk, Request, Response};

#[test]
fn a_request_keeps_everything_it_does_not_know() {
    let body = concat!(
        r#"{"model":"m","temperature":0.30000000000000004,"tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}},"#,
        r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","maximum":1e400}}},{"type":"vendor:search","depth":3}],"#,
        r#""messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"hologram","x":[1]}]},"#,
        r#"{"role":"assistant","tool_calls":[{"type":"function","id":"c","function":{"name":"f","arguments":"{\"x\":1}"}}],"mood":"good"},"#,
        r#"{"role":"critic","content":"no"}],"vendor_knob":{"a":null}}"#
    );
    let request: Request<'_> = proxai_json::from_str(body).unwrap();
    assert_eq!(proxai_json::to_string(&request), body);
}

#[test]
fn an_answer_keeps_everything_it_does_not_know() {
    let body = concat!(
        r#"{"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hi","#,
        r#""annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}},{"type":"file","file":{"hash":"h"}}],"#,
        r#""mood":"good"},"finish_reason":"stop","seed":4}],"provider":"p"}"#
    );
    let response: Response<'_> = proxai_json::from_str(body).unwrap();
    assert_eq!(proxai_json::to_string(&response), body);
}

#[test]
fn a_chunk_is_read_with_as_little_as_vendors_send() {
    for body in [
        "{}",
        r#"{"choices":null,"usage":null}"#,
        r#"{"id":null,"choices":[{"delta":null,"finish_reason":null}]}"#,
        r#"{"created":1.5,"choices":[{"index":0,"delta":{"tool_calls":[{"function":{"arguments":{"x":1}}}]}}]}"#,
        r#"{"error":"gone","code":"502"}"#,
    ] {
        proxai_json::from_str::<Chunk<'_>>(body).unwrap_or_else(|error| panic!("{body}: {error}"));
    }
}
