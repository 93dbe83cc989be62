//! Whole requests: what counts, what does not, and against what vendors charged.

use proxai_ir::{
    At, Content, Format, Media, MediaKind, MediaSource, Opaque, Part, Reasoning, Request, Role,
    Sealed, Tool, ToolCall, ToolDefinition, ToolResult, Turn,
};
use proxai_json::RawValue;
use proxai_tokens::{count_request, count_text};
use proxai_types::Protocol;

const AT: At = At::root("messages");

fn turn(role: Role, contents: impl IntoIterator<Item = Content<'static>>) -> Turn<'static> {
    let parts = contents.into_iter().map(|content| Part::new(AT, content));
    Turn::new(AT, role, parts.collect())
}

fn says(role: Role, text: &'static str) -> Turn<'static> {
    Turn::new(AT, role, vec![Part::text(AT, text)])
}

fn request(turns: Vec<Turn<'static>>) -> Request<'static> {
    let mut request = Request::new(Protocol::Messages, "some-model");
    request.turns = turns;
    request
}

fn raw(json: &'static str) -> &'static RawValue {
    proxai_json::from_str(json).expect("JSON")
}

fn tool(name: &'static str, schema: &'static str) -> Tool<'static> {
    Tool {
        at: AT,
        name: name.into(),
        namespace: None,
        description: Some("Looks up the weather.".into()),
        definition: ToolDefinition::Function {
            parameters: Some(raw(schema)),
            strict: None,
        },
        cache: None,
        deferred: false,
    }
}

fn call() -> Content<'static> {
    Content::ToolCall(ToolCall {
        id: "call_17".into(),
        name: "get_weather".into(),
        input: r#"{"city":"Oslo"}"#.into(),
        ..ToolCall::default()
    })
}

fn result(parts: Vec<Part<'static>>) -> Content<'static> {
    Content::ToolResult(ToolResult {
        call_id: "call_17".into(),
        parts,
        ..ToolResult::default()
    })
}

#[test]
fn plain_messages_count_as_a_vendor_counts_them() {
    // Recorded usage of one vendor: text of 7 tokens in one message is an input of 14.
    assert_eq!(count_text("What is the capital of France?"), 7);
    let one = request(vec![says(Role::User, "What is the capital of France?")]);
    assert_eq!(count_request(&one), 14);
    // The published formula gives 4 for each further message.
    let two = request(vec![
        says(Role::System, "Be brief."),
        says(Role::User, "What is the capital of France?"),
    ]);
    assert_eq!(count_request(&two), 14 + 4 + count_text("Be brief."));
}

#[test]
fn an_empty_request_still_costs_the_beginning_of_the_answer() {
    assert_eq!(count_request(&request(Vec::new())), 3);
}

#[test]
fn layout_and_escapes_of_a_schema_do_not_count() {
    let mut dense = request(vec![says(Role::User, "hi")]);
    dense.tools = vec![tool("t", r#"{"type":"object","title":"é"}"#)];
    let mut loose = dense.clone();
    loose.tools = vec![tool(
        "t",
        "{\n  \"type\" : \"object\",\n\n  \"title\": \"\\u00e9\"\n}",
    )];
    assert_eq!(count_request(&dense), count_request(&loose));
}

#[test]
fn all_of_a_tool_counts_and_each_tool_again() {
    let plain = request(vec![says(Role::User, "hi")]);
    let mut with_one = plain.clone();
    let schema = r#"{"type":"object","properties":{"city":{"type":"string"}}}"#;
    with_one.tools = vec![tool("get_weather", schema)];
    let mut with_two = plain.clone();
    with_two.tools = vec![tool("get_weather", schema), tool("get_weather", schema)];
    let text = count_text("get_weather") + count_text("Looks up the weather.") + count_text(schema);
    let first = count_request(&with_one) - count_request(&plain);
    let second = count_request(&with_two) - count_request(&with_one);
    assert_eq!(second, text + 10);
    assert_eq!(first, second + 12);
}

#[test]
fn a_schema_too_deep_to_parse_still_counts() {
    let deep: &'static str = format!("{}1{}", "[".repeat(500), "]".repeat(500)).leak();
    let mut request = request(vec![says(Role::User, "hi")]);
    let without = count_request(&request);
    request.output.format = Some(Format::JsonSchema {
        name: None,
        description: None,
        schema: Some(raw(deep)),
        strict: None,
    });
    assert_eq!(count_request(&request), without + 5 + count_text(deep));
}

#[test]
fn calls_and_results_count_and_ids_do_not() {
    let before = request(vec![says(Role::User, "Weather?")]);
    let mut with_call = before.clone();
    with_call.turns.push(turn(Role::Assistant, [call()]));
    let text = count_text("get_weather") + count_text(r#"{"city":"Oslo"}"#);
    assert_eq!(
        count_request(&with_call) - count_request(&before),
        4 + 7 + text
    );

    let mut with_results = with_call.clone();
    with_results.turns.push(turn(
        Role::Tool,
        [
            result(vec![Part::text(AT, "12 degrees")]),
            result(vec![Part::text(AT, "12 degrees")]),
        ],
    ));
    assert_eq!(
        count_request(&with_results) - count_request(&with_call),
        2 * (4 + count_text("12 degrees"))
    );
}

#[test]
fn only_thoughts_behind_the_last_user_turn_count() {
    let thought = || {
        Content::Reasoning(Reasoning {
            text: "The user wants the weather in Oslo.".into(),
            sealed: Some(Sealed {
                origin: Protocol::Messages,
                issuer: None,
                data: "c2VhbGVk".repeat(100).into(),
            }),
            ..Reasoning::default()
        })
    };
    let running = |thoughts: Vec<Content<'static>>| {
        request(vec![
            says(Role::User, "Weather?"),
            turn(Role::Assistant, thoughts.into_iter().chain([call()])),
            turn(Role::Tool, [result(vec![Part::text(AT, "12 degrees")])]),
        ])
    };
    let tokens = count_text("The user wants the weather in Oslo.");
    let without = running(Vec::new());
    let with = running(vec![thought()]);
    assert_eq!(count_request(&with), count_request(&without) + tokens);

    let later = |mut request: Request<'static>| {
        request.turns.push(says(Role::User, "Thanks!"));
        count_request(&request)
    };
    assert_eq!(later(with), later(without));
}

#[test]
fn pictures_count_by_size_detail_and_place() {
    let picture = |source: MediaSource<'static>, detail: Option<&'static str>| {
        let mut media = Media::new(MediaKind::Image, source);
        media.detail = detail.map(Into::into);
        count_request(&request(vec![turn(Role::User, [Content::Media(media)])])) - 7
    };
    // The header of a PNG of 640 by 480 pixels.
    let png = "iVBORw0KGgoAAAANSUhEUgAAAoAAAAHgCAI=";
    assert_eq!(picture(MediaSource::Base64(png.into()), None), 85 + 2 * 170);
    assert_eq!(picture(MediaSource::Base64(png.into()), Some("low")), 85);
    assert_eq!(
        picture(MediaSource::Url("https://example.com/a.png".into()), None),
        765
    );
    assert_eq!(picture(MediaSource::File("file_1".into()), Some("low")), 85);
}

#[test]
fn a_picture_in_a_result_counts() {
    let image = Media::new(MediaKind::Image, MediaSource::File("file_1".into()));
    let request = request(vec![turn(
        Role::Tool,
        [result(vec![Part::new(AT, Content::Media(image))])],
    )]);
    assert_eq!(count_request(&request), 3 + 4 + 765);
}

#[test]
fn text_documents_count_as_their_text_however_they_come() {
    let document = |source: MediaSource<'static>| {
        let media = Media::new(MediaKind::Document, source);
        count_request(&request(vec![turn(Role::User, [Content::Media(media)])]))
    };
    let text = "Minutes of the meeting";
    let expected = 7 + count_text(text);
    assert_eq!(document(MediaSource::Text(text.into())), expected);
    assert_eq!(
        document(MediaSource::Parts(vec![Part::text(AT, text)])),
        expected
    );
    let base64 = "TWludXRlcyBvZiB0aGUgbWVldGluZw==";
    assert_eq!(document(MediaSource::Base64(base64.into())), expected);
}

#[test]
fn what_no_other_protocol_can_be_sent_does_not_count() {
    let opaque = Content::Opaque(Opaque {
        kind: "server_tool_use".into(),
        hosted: true,
    });
    let with = request(vec![turn(Role::Assistant, [opaque])]);
    assert_eq!(
        count_request(&with),
        count_request(&request(vec![turn(Role::Assistant, [])]))
    );
}
