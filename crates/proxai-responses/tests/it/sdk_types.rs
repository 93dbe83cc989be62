//! Every kind and member of the official SDK has its place in these types. No kind falls to an open
//! variant; the few members that do stand on a list that says why.

use proxai_responses::{
    Annotation, ContentPart, Item, Request, Response, StreamEvent, TextFormat, Tool, ToolChoice,
};

const LIST: &str = include_str!("sdk_types.txt");

/// Members of answers that stay in `extra`: only their provider's own client reads them.
const EXTRA: &[&str] = &[
    "access_programs",
    "conversation",
    "image",
    "input_transformations",
    "moderation",
    "prompt_cache_diagnostics",
    "prompt_cache_options",
];

fn declared(union: &str) -> Option<&'static [&'static str]> {
    Some(match union {
        "item" => Item::KINDS,
        "content" => ContentPart::KINDS,
        "annotation" => Annotation::KINDS,
        "tool" => Tool::KINDS,
        "tool_choice" => ToolChoice::KINDS,
        "format" => TextFormat::KINDS,
        "event" => StreamEvent::KINDS,
        _ => return None,
    })
}

/// The lines of the list: union, type, discriminators or members.
fn lines() -> impl Iterator<Item = (&'static str, &'static str, Vec<&'static str>)> {
    LIST.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, kinds) = line.split_once(": ").expect("`union Type: kinds`");
            let (union, type_name) = name.split_once(' ').expect("`union Type`");
            (union, type_name, kinds.split_whitespace().collect())
        })
}

#[test]
fn every_kind_of_the_sdk_is_typed() {
    let mut seen = 0;
    for (union, type_name, kinds) in lines() {
        let Some(declared) = declared(union) else {
            continue;
        };
        for kind in kinds {
            seen += 1;
            assert!(
                declared.contains(&kind),
                "{union} `{kind}` ({type_name}) is not typed"
            );
        }
    }
    assert!(seen > 130, "the list has only {seen} kinds");
}

#[test]
fn every_member_of_requests_and_answers_is_named() {
    for (union, type_name, members) in lines() {
        for member in members {
            let body = format!(r#"{{"{member}":null}}"#);
            let unnamed = match union {
                "request" => {
                    let read: Request<'_> = proxai_json::from_str(&body).unwrap();
                    !read.extra.is_empty()
                }
                "response" => {
                    let read: Response<'_> = proxai_json::from_str(&body).unwrap();
                    !read.extra.is_empty() && !EXTRA.contains(&member)
                }
                _ => false,
            };
            assert!(!unnamed, "`{member}` of {type_name} is not named");
        }
    }
}
