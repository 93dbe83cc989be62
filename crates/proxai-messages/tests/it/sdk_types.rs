//! Every kind that the official SDK knows is typed here, or left open on purpose.
//!
//! `sdk_types.txt` lists the types that are reachable from the request, answer, stream and error
//! types of the `anthropic` Python package 2.11, with the values of their `type` member; lines
//! that begin with `union` are unions.

use proxai_messages::{
    Amount, Caller, Citation, ContentBlock, ContextEdit, Delta, ErrorType, HostedContent,
    OutputFormat, Source, StreamEvent, Thinking, Thread, Tool, ToolChange, ToolChoice,
};

const SDK_TYPES: &str = include_str!("sdk_types.txt");

/// Kinds that are read as raw JSON or as a plain struct, and why.
const OPEN: &[(&str, &[&str])] = &[
    (
        "one kind only: a struct with a `type` member",
        &["ephemeral", "message"],
    ),
    ("JSON schemas: kept raw", &["object"]),
    (
        "settings of hosted tools and of the account: kept raw, only their provider reads them",
        &[
            "approximate",
            "only",
            "except",
            "billing_policy",
            "summarize",
            "tokens",
        ],
    ),
    (
        "parts of answers that nobody but the provider's own client reads: kept raw",
        &[
            "advisor_message",
            "fallback_message",
            "thinking_dropped",
            "thinking_mismatch_allowed",
            "messages_changed",
            "model_changed",
            "previous_message_not_found",
            "system_changed",
            "tools_changed",
            "unavailable",
            "redeemed",
            "not_applied",
            "refusal",
        ],
    ),
    (
        "the state of the browser toolset: kept in the block's other members",
        &[
            "download_completed",
            "download_failed",
            "download_started",
            "tab_opened",
        ],
    ),
    ("a skill of a container: kept raw", &["anthropic"]),
];

fn typed() -> Vec<&'static str> {
    [
        ContentBlock::KINDS,
        HostedContent::KINDS,
        Source::KINDS,
        Citation::KINDS,
        Caller::KINDS,
        ToolChange::KINDS,
        Tool::KINDS,
        ToolChoice::KINDS,
        Thinking::KINDS,
        OutputFormat::KINDS,
        ContextEdit::KINDS,
        Amount::KINDS,
        Thread::KINDS,
        StreamEvent::KINDS,
        Delta::KINDS,
        ErrorType::VALUES,
    ]
    .concat()
}

#[test]
fn every_kind_of_the_sdk_is_typed_or_left_open_on_purpose() {
    let typed = typed();
    let mut checked = 0;
    let mut missing = Vec::new();
    for line in SDK_TYPES.lines() {
        let (name, kinds) = line.split_once(": ").expect("`name: kinds`");
        for kind in kinds.split(' ') {
            checked += 1;
            let left_open = OPEN.iter().any(|(_, open)| open.contains(&kind));
            if !typed.contains(&kind) && !left_open {
                missing.push(format!("{name}: {kind}"));
            }
        }
    }
    assert!(checked > 500, "the list is cut: {checked}");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn each_union_of_the_sdk_is_covered_by_the_union_here() {
    for (name, kinds) in [
        ("BetaContentBlock", ContentBlock::KINDS),
        ("BetaContentBlockParam", ContentBlock::KINDS),
        ("BetaRawMessageStreamEvent", StreamEvent::KINDS),
        ("RawMessageStreamEvent", StreamEvent::KINDS),
        ("BetaTextCitation", Citation::KINDS),
        ("BetaTextCitationParam", Citation::KINDS),
        ("BetaThinkingConfigParam", Thinking::KINDS),
        ("BetaToolChoiceParam", ToolChoice::KINDS),
        ("BetaToolUnionParam", Tool::KINDS),
        ("MessageCountTokensToolParam", Tool::KINDS),
        ("BetaToolUseCaller", Caller::KINDS),
        ("Source", Source::KINDS),
    ] {
        let prefix = format!("union {name}: ");
        let line = SDK_TYPES
            .lines()
            .find_map(|line| line.strip_prefix(&prefix))
            .unwrap_or_else(|| panic!("no union {name}"));
        for kind in line.split(' ') {
            assert!(kinds.contains(&kind), "{name}: {kind}");
        }
    }
}

#[test]
fn nothing_is_left_open_without_need() {
    for (why, kinds) in OPEN {
        for kind in *kinds {
            let listed = SDK_TYPES
                .lines()
                .filter_map(|line| line.split_once(": "))
                .any(|(_, kinds)| kinds.split(' ').any(|known| known == *kind));
            assert!(listed, "`{kind}` ({why}) is not in the SDK");
            assert!(!typed().contains(kind), "`{kind}` is typed");
        }
    }
}
