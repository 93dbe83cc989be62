//! The list of the official SDK's types against what is typed here.
//!
//! `sdk_types.txt` holds one type per line: module, class, and for a tag or the list of members
//! its values. A new edition of the SDK is a new list; what this crate lacks then fails here.

use proxai_chat::{
    Annotation, AnswerMessage, Choice, ContentPart, FinishReason, Message, Request, Response,
    ResponseFormat, Role, Tool, ToolCall, ToolChoice,
};

const LIST: &str = include_str!("sdk_types.txt");

/// Types whose values are kept raw on purpose, and why.
const KEPT_RAW: &[(&str, &str)] = &[
    (
        "Moderation",
        "results of a provider's own filter, never translated",
    ),
    ("CustomFormat", "goes from tool to tool as it is"),
    ("PredictionContent", "reported as lost, never read"),
    ("WebSearchOptions", "reported as lost, never read"),
];

/// Members that fall to `extra` on purpose.
const EXTRA_MEMBERS: &[&str] = &["metadata", "moderation"];

fn typed(name: &str, tag: &str) -> Option<&'static [&'static str]> {
    match tag {
        "role" => return Some(Role::VALUES),
        "finish_reason" => return Some(FinishReason::VALUES),
        _ => {}
    }
    let kinds: &[(&str, &'static [&'static str])] = &[
        ("tool_choice", ToolChoice::KINDS),
        ("allowed_tool", ToolChoice::KINDS),
        ("tool_call", ToolCall::KINDS),
        ("ToolCall", ToolCall::KINDS),
        ("content_part", ContentPart::KINDS),
        ("function_tool", Tool::KINDS),
        ("ChatCompletionCustomTool", Tool::KINDS),
        ("Annotation", Annotation::KINDS),
        ("response_format", ResponseFormat::KINDS),
    ];
    kinds
        .iter()
        .find(|(part, _)| name.contains(part))
        .map(|(_, kinds)| *kinds)
}

fn lines() -> impl Iterator<Item = (&'static str, &'static str, Vec<&'static str>)> {
    LIST.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (head, values) = line.split_once(':').expect("a colon in each line");
            let (name, tag) = head.split_once(' ').unwrap_or((head, ""));
            let values = values.trim();
            let values = if values.is_empty() {
                Vec::new()
            } else {
                values.split('/').collect()
            };
            (name, tag, values)
        })
}

#[test]
fn every_value_of_a_tag_is_typed_or_kept_raw_on_purpose() {
    let mut checked = 0;
    for (name, tag, values) in lines() {
        if values.is_empty() || tag == "members" {
            continue;
        }
        if KEPT_RAW.iter().any(|(part, _)| name.contains(part)) {
            continue;
        }
        let typed = typed(name, tag).unwrap_or_else(|| panic!("nothing stands for {name}"));
        for value in values {
            assert!(typed.contains(&value), "{name} has `{value}`, {typed:?}");
            checked += 1;
        }
    }
    assert!(checked > 40, "the list was not read");
}

macro_rules! assert_named {
    ($type:ident, $name:literal) => {{
        let (_, _, members) = lines()
            .find(|(line, tag, _)| *line == $name && *tag == "members")
            .expect($name);
        let body: Vec<String> = members
            .iter()
            .map(|member| format!("\"{member}\":null"))
            .collect();
        let body = format!("{{{}}}", body.join(","));
        let value: $type<'_> = proxai_json::from_str(&body).expect("null is accepted everywhere");
        let unnamed: Vec<&str> = value
            .extra
            .iter()
            .map(|(member, _)| member)
            .filter(|member| !EXTRA_MEMBERS.contains(member))
            .collect();
        assert!(unnamed.is_empty(), "{} lacks {unnamed:?}", $name);
    }};
}

#[test]
fn every_official_member_has_a_field() {
    assert_named!(
        Request,
        "completion_create_params.CompletionCreateParamsBase"
    );
    assert_named!(
        Message,
        "chat_completion_assistant_message_param.ChatCompletionAssistantMessageParam"
    );
    assert_named!(
        Message,
        "chat_completion_tool_message_param.ChatCompletionToolMessageParam"
    );
    assert_named!(
        Message,
        "chat_completion_user_message_param.ChatCompletionUserMessageParam"
    );
    assert_named!(Response, "chat_completion.ChatCompletion");
    assert_named!(Choice, "chat_completion.Choice");
    assert_named!(
        AnswerMessage,
        "chat_completion_message.ChatCompletionMessage"
    );
}
