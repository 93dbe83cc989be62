//! Both steps, on whole answers and on streams of them, cut everywhere.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proxai_ir::{
    Accumulator, At, Checked, Citation, Content, Event, Failure, FailureKind, Finish, Part, PartId,
    PartKind, Reasoning, Response, Sealed, Sink, Start, TextPart, ToolCall,
};
use proxai_types::Protocol;

use super::{ReasoningFields, ReasoningFilter, ReasoningPolicy, ReasoningRules, apply_response};

const POLICIES: [ReasoningPolicy; 4] = [
    ReasoningPolicy::Separate,
    ReasoningPolicy::Fallback,
    ReasoningPolicy::Inline,
    ReasoningPolicy::Drop,
];

const TAGS: ReasoningRules = rules(ReasoningPolicy::Separate, true);

const fn rules(policy: ReasoningPolicy, think_tags: bool) -> ReasoningRules {
    ReasoningRules {
        policy,
        think_tags,
        fields: ReasoningFields([None; 5]),
        wanted_back: false,
    }
}

fn part(content: Content<'static>) -> Part<'static> {
    Part::new(At::default(), content)
}

fn text(text: &str) -> Part<'static> {
    Part::text(At::default(), text.to_owned())
}

fn thought(text: &str) -> Part<'static> {
    part(Content::Reasoning(Reasoning {
        text: text.to_owned().into(),
        ..Reasoning::default()
    }))
}

fn call() -> Part<'static> {
    part(Content::ToolCall(ToolCall {
        id: "c1".into(),
        name: "look".into(),
        input: "{}".into(),
        ..ToolCall::default()
    }))
}

fn answer(parts: Vec<Part<'static>>) -> Response<'static> {
    Response {
        parts,
        ..Response::default()
    }
}

fn through(rules: ReasoningRules, events: impl IntoIterator<Item = Event<'static>>) -> String {
    let mut filter = ReasoningFilter::new(rules);
    let mut checked = Checked::new(Accumulator::new());
    for event in events {
        filter.pass(event, &mut checked);
    }
    let (accumulator, violations) = checked.into_parts();
    assert_eq!(violations, []);
    format!("{:#?}", accumulator.into_response())
}

/// The events of an answer, with each delta cut by `cut`.
fn events(
    response: &Response<'_>,
    cut: &mut dyn FnMut(&str) -> Vec<String>,
) -> Vec<Event<'static>> {
    let mut events = Vec::new();
    response.replay(&mut |event: Event<'_>| {
        events.extend(match event {
            Event::Delta { part, text } => cut(&text)
                .into_iter()
                .map(|piece| Event::Delta {
                    part,
                    text: piece.into(),
                })
                .collect(),
            other => vec![owned(other)],
        });
    });
    events
}

fn owned(event: Event<'_>) -> Event<'static> {
    match event {
        Event::Start(_) => Event::Start(Start::default()),
        Event::Open { part, kind } => Event::Open {
            part,
            kind: match kind {
                PartKind::Text => PartKind::Text,
                PartKind::Refusal => PartKind::Refusal,
                PartKind::Reasoning {
                    summary, redacted, ..
                } => PartKind::Reasoning {
                    id: None,
                    summary,
                    redacted,
                },
                PartKind::ToolCall { id, name, kind, .. } => PartKind::ToolCall {
                    id: id.into_static(),
                    item_id: None,
                    name: name.into_static(),
                    namespace: None,
                    kind,
                },
                other => panic!("{other:?}"),
            },
        },
        Event::Seal { part, sealed } => Event::Seal {
            part,
            sealed: Sealed {
                origin: sealed.origin,
                issuer: None,
                data: sealed.data.into_static(),
            },
        },
        Event::Cite { part, citation } => Event::Cite {
            part,
            citation: Citation {
                url: citation.url.into_static(),
                start: citation.start,
                end: citation.end,
                ..Citation::default()
            },
        },
        Event::Logprobs { part, json } => Event::Logprobs {
            part,
            json: json.into_static(),
        },
        Event::Close { part } => Event::Close { part },
        Event::Finish(finish) => Event::Finish(finish.into_static()),
        other => panic!("{other:?}"),
    }
}

/// What a client sees: the same of the answer and of each stream that tells it.
#[track_caller]
fn seen(rules: ReasoningRules, response: &Response<'static>) -> Vec<Part<'static>> {
    let mut filtered = response.clone();
    apply_response(rules, &mut filtered);
    let json = format!("{:#?}", Ok::<_, Failure>(&filtered));
    let whole = events(response, &mut |text| vec![text.to_owned()]);
    assert_eq!(through(rules, whole), json);
    let single = events(response, &mut |text| {
        text.chars().map(|char| char.to_string()).collect()
    });
    assert_eq!(through(rules, single), json, "character by character");
    let longest = (response.parts.iter())
        .map(|part| match &part.content {
            Content::Text(text) => text.text.len(),
            Content::Reasoning(thought) => thought.text.len(),
            _ => 0,
        })
        .max()
        .unwrap_or(0);
    for at in 0..longest {
        let cut = events(response, &mut |text| {
            let (head, tail) = text.split_at(text.floor_char_boundary(at));
            vec![head.to_owned(), tail.to_owned()]
        });
        assert_eq!(through(rules, cut), json, "cut at {at}");
    }
    filtered.parts
}

/// Parts in short: `t:` text, `r:` reasoning, `c` call.
fn short(parts: &[Part<'_>]) -> String {
    let parts: Vec<String> = parts
        .iter()
        .map(|part| match &part.content {
            Content::Text(text) => format!("t:{}", text.text),
            Content::Reasoning(thought) => format!("r:{}", thought.text),
            Content::Refusal(text) => format!("f:{text}"),
            Content::ToolCall(_) => "c".to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    parts.join("|")
}

#[track_caller]
fn check(rules: ReasoningRules, parts: Vec<Part<'static>>, expected: &str) {
    assert_eq!(short(&seen(rules, &answer(parts))), expected);
}

#[test]
fn a_tagged_thought_becomes_reasoning_before_the_text() {
    for (before, after) in [
        ("<think>hm</think>yes", "r:hm|t:yes"),
        ("<thinking>hm</thinking>yes", "r:hm|t:yes"),
        (" \n<think>\nhm é\n</think>\n\n yes \n", "r:hm é\n|t:yes \n"),
        ("<think>a </thinking> b</think>c", "r:a </thinking> b|t:c"),
        (
            "<think>a<think>b</think>c</think>d",
            "r:a<think>b|t:c</think>d",
        ),
        ("<think>a<</think>b", "r:a<|t:b"),
        ("<think>a</</think>b", "r:a</|t:b"),
        ("<think>only", "r:only"),
        ("<think>only</thi", "r:only</thi"),
        ("<think></thi", "r:</thi"),
        ("<think>only</think> \n", "r:only"),
        ("<think>\n\n</think>\n\nyes", "t:yes"),
        ("<think></think>", ""),
        ("<think>", ""),
    ] {
        check(TAGS, vec![text(before)], after);
    }
}

#[test]
fn a_tag_anywhere_else_is_text() {
    let far = format!("{}<think>x</think>y", " ".repeat(65));
    for before in [
        "so <think>x</think>y",
        "<thinker>x",
        "<thi",
        " <",
        " \n",
        "",
        "</think>y",
        "<THINK>x</THINK>y",
        &far,
    ] {
        check(TAGS, vec![text(before)], &format!("t:{before}"));
    }
    let second = "<think>x</think>y";
    check(
        TAGS,
        vec![text("a"), text(second)],
        &format!("t:a|t:{second}"),
    );
    check(
        ReasoningRules::default(),
        vec![text(second)],
        &format!("t:{second}"),
    );
}

#[test]
fn other_parts_keep_their_place_around_a_tagged_thought() {
    check(
        TAGS,
        vec![thought("r"), text("<think>hm</think>yes"), call()],
        "r:r|r:hm|t:yes|c",
    );
    check(TAGS, vec![text("<think>hm</think>\n"), call()], "r:hm|c");
    check(TAGS, vec![call(), text("<think>hm")], "c|r:hm");
}

#[test]
fn what_is_attached_to_a_divided_text_stays_with_the_text() {
    let attached = |text: &str| {
        part(Content::Text(TextPart {
            text: text.to_owned().into(),
            citations: vec![Citation {
                url: "u".into(),
                ..Citation::default()
            }],
            logprobs: Some("[1,2]".into()),
        }))
    };
    for (before, after) in [
        ("<think>hm</think>yes", "r:hm|t:yes"),
        ("<think>hm</think>", "r:hm|t:"),
        ("<think>hm", "r:hm|t:"),
        ("<think>", "t:"),
        ("yes", "t:yes"),
        ("<thi", "t:<thi"),
    ] {
        let parts = seen(TAGS, &answer(vec![attached(before)]));
        assert_eq!(short(&parts), after);
        let Some(Content::Text(text)) = parts.last().map(|part| &part.content) else {
            panic!("{before}")
        };
        assert_eq!(text.logprobs.as_deref(), Some("[1,2]"), "{before}");
        assert_eq!(text.citations.len(), 1, "{before}");
    }
}

#[test]
fn separate_leaves_reasoning_as_it_is() {
    let parts = vec![thought("a"), text("b"), call()];
    check(ReasoningRules::default(), parts, "r:a|t:b|c");
}

#[test]
fn fallback_tells_the_reasoning_as_text_if_there_is_nothing_else() {
    let fallback = rules(ReasoningPolicy::Fallback, false);
    for (parts, expected) in [
        (vec![thought("a")], "r:a|t:a"),
        (vec![thought("a"), thought("b")], "r:a|r:b|t:a\n\nb"),
        (vec![thought("a"), text("\n")], "r:a|t:\n|t:a"),
        (vec![thought("a"), text("b")], "r:a|t:b"),
        (vec![text("b"), thought("a")], "t:b|r:a"),
        (vec![thought("a"), call()], "r:a|c"),
        (vec![thought("")], "r:"),
        (vec![], ""),
        (
            vec![thought("a"), part(Content::Refusal("no".into()))],
            "r:a|f:no",
        ),
    ] {
        check(fallback, parts, expected);
    }
    let both = rules(ReasoningPolicy::Fallback, true);
    check(both, vec![text("<think>a</think>")], "r:a|t:a");
    check(both, vec![text("<think>a</think>b")], "r:a|t:b");
}

#[test]
fn fallback_tells_the_reasoning_at_once_and_the_text_before_the_end() {
    let mut filter = ReasoningFilter::new(rules(ReasoningPolicy::Fallback, false));
    let mut after_each = Vec::new();
    let mut told = 0;
    for event in events(&answer(vec![thought("ab")]), &mut |_| {
        vec!["a".into(), "b".into()]
    }) {
        filter.pass(event, &mut |_: Event<'_>| told += 1);
        after_each.push(told);
    }
    assert_eq!(after_each, [1, 2, 3, 4, 5, 9]);
}

#[test]
fn inline_parts_thoughts_from_the_text_by_a_blank_line() {
    let inline = rules(ReasoningPolicy::Inline, true);
    for (parts, expected) in [
        (vec![thought("a"), text("b")], "t:a|t:\n\nb"),
        (vec![thought("a"), thought("b")], "t:a|t:\n\nb"),
        (vec![thought("a"), text("b"), text("c")], "t:a|t:\n\nb|t:c"),
        (vec![thought("a"), call(), text("b")], "t:a|c|t:\n\nb"),
        (vec![thought(""), text("b")], "t:b"),
        (vec![text("b"), thought("a")], "t:b|t:a"),
        (vec![thought("a")], "t:a"),
        (vec![text("<think>a</think>b")], "t:a|t:\n\nb"),
    ] {
        check(inline, parts, expected);
    }
}

#[test]
fn inline_moves_citations_with_their_text() {
    let cited = part(Content::Text(TextPart {
        text: "see here".into(),
        citations: vec![Citation {
            url: "u".into(),
            start: Some(4),
            end: Some(8),
            ..Citation::default()
        }],
        logprobs: None,
    }));
    let response = answer(vec![thought("a"), cited]);
    let parts = seen(rules(ReasoningPolicy::Inline, false), &response);
    let Content::Text(text) = &parts[1].content else {
        panic!()
    };
    let citation = &text.citations[0];
    let place = |place: Option<u64>| usize::try_from(place.unwrap()).unwrap();
    let range = place(citation.start)..place(citation.end);
    assert_eq!(text.text.get(range), Some("here"));
}

#[test]
fn drop_leaves_nothing_of_reasoning_not_even_its_seal() {
    let sealed = part(Content::Reasoning(Reasoning {
        redacted: true,
        sealed: Some(Sealed {
            origin: Protocol::Messages,
            issuer: None,
            data: "s".into(),
        }),
        ..Reasoning::default()
    }));
    for policy in [ReasoningPolicy::Drop, ReasoningPolicy::Inline] {
        let parts = vec![sealed.clone(), text("b"), call()];
        check(rules(policy, false), parts, "t:b|c");
    }
    check(
        rules(ReasoningPolicy::Drop, true),
        vec![thought("a"), text("<think>a</think>b")],
        "t:b",
    );
}

#[test]
fn what_was_held_back_is_told_before_a_failure() {
    for (so_far, expected) in [("<thi", "<thi"), ("<think>a</th", "a</th")] {
        let mut filter = ReasoningFilter::new(TAGS);
        let mut told = String::new();
        let mut last = false;
        for event in [
            Event::Start(Start::default()),
            Event::Open {
                part: PartId(0),
                kind: PartKind::Text,
            },
            Event::Delta {
                part: PartId(0),
                text: so_far.into(),
            },
            Event::Failure(Failure::new(FailureKind::Overloaded, "busy")),
        ] {
            filter.pass(event, &mut |event: Event<'_>| {
                if let Event::Delta { text, .. } = &event {
                    told.push_str(text);
                }
                last = matches!(event, Event::Failure(_));
            });
        }
        assert_eq!((told.as_str(), last), (expected, true));
    }
}

#[test]
fn endless_attachments_before_the_first_word_are_not_kept() {
    for opening in ["", "<think>"] {
        let mut filter = ReasoningFilter::new(TAGS);
        let mut checked = Checked::new(Accumulator::new());
        let from = PartId(0);
        filter.pass(Event::Start(Start::default()), &mut checked);
        let kind = PartKind::Text;
        filter.pass(Event::Open { part: from, kind }, &mut checked);
        let text = opening.into();
        filter.pass(Event::Delta { part: from, text }, &mut checked);
        let mut told = 0;
        for _ in 0..1000 {
            let json = "[1]".into();
            let event = Event::Logprobs { part: from, json };
            filter.pass(event, &mut |event: Event<'_>| {
                told += 1;
                checked.event(event);
            });
        }
        assert_eq!(told, 1001, "all of them and the part");
        filter.pass(Event::Close { part: from }, &mut checked);
        filter.pass(Event::Finish(Finish::default()), &mut checked);
        assert_eq!(checked.into_parts().1, []);
    }
}

/// Texts in which tags are likely, whole and broken.
fn tagged() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "<think>",
        "</think>",
        "<thinking>",
        "</thinking>",
        "<th",
        "ink>",
        "</",
        "<",
        ">",
        " ",
        "\n",
        "é",
        "word",
    ]);
    prop::collection::vec(pieces, 0..8).prop_map(|pieces| pieces.concat())
}

fn any_part() -> impl Strategy<Value = Part<'static>> {
    prop_oneof![
        4 => tagged().prop_map(|value| text(&value)),
        2 => (tagged(), 0_u8..3).prop_map(|(value, count)| {
            let citations = (0..count)
                .map(|at| Citation {
                    url: format!("u{at}").into(),
                    start: Some(at.into()),
                    ..Citation::default()
                })
                .collect();
            part(Content::Text(TextPart {
                text: value.into(),
                citations,
                logprobs: (count == 1).then(|| "[7]".into()),
            }))
        }),
        3 => tagged().prop_map(|value| thought(&value)),
        1 => Just(call()),
        1 => tagged().prop_map(|value| part(Content::Refusal(value.into()))),
    ]
}

fn any_rules() -> impl Strategy<Value = ReasoningRules> {
    (select(POLICIES.to_vec()), any::<bool>(), any::<bool>()).prop_map(
        |(policy, tags, wanted_back)| ReasoningRules {
            wanted_back,
            ..rules(policy, tags)
        },
    )
}

proptest! {
    #[test]
    fn the_fold_of_a_filtered_stream_is_the_filtered_answer(
        parts in prop::collection::vec(any_part(), 0..5),
        rules in any_rules(),
        cuts in prop::collection::vec(any::<Index>(), 1..12),
    ) {
        let response = answer(parts);
        let mut filtered = response.clone();
        apply_response(rules, &mut filtered);
        let mut cuts = cuts.iter().cycle();
        let stream = events(&response, &mut |text| {
            let mut rest = text;
            let mut pieces = Vec::new();
            while !rest.is_empty() {
                let at = 1 + cuts.next().unwrap().index(rest.len());
                let (piece, tail) = rest.split_at(rest.ceil_char_boundary(at));
                pieces.push(piece.to_owned());
                rest = tail;
            }
            pieces
        });
        let json = format!("{:#?}", Ok::<_, Failure>(&filtered));
        prop_assert_eq!(through(rules, stream), json);
    }

    #[test]
    fn interleaved_parts_keep_the_grammar_and_every_word(
        parts in prop::collection::vec(any_part(), 1..5),
        rules in any_rules(),
        order in prop::collection::vec(any::<Index>(), 64),
    ) {
        // One queue of deltas per part, opened in order and then drawn from at random.
        let response = answer(parts);
        let mut stream = vec![Event::Start(Start::default())];
        let mut queues: Vec<Vec<Event<'static>>> = response.parts.iter().map(|_| Vec::new()).collect();
        for event in events(&response, &mut |text| {
            text.chars().map(|char| char.to_string()).collect()
        }) {
            match &event {
                Event::Open { .. } => stream.push(event),
                Event::Delta { part, .. }
                | Event::Seal { part, .. }
                | Event::Cite { part, .. }
                | Event::Logprobs { part, .. }
                | Event::Close { part } => queues[part.0 as usize].push(event),
                _ => {}
            }
        }
        let mut order = order.iter().cycle();
        loop {
            queues.retain(|queue| !queue.is_empty());
            if queues.is_empty() {
                break;
            }
            let at = order.next().unwrap().index(queues.len());
            stream.push(queues[at].remove(0));
        }
        stream.push(Event::Finish(Finish::default()));
        let mut filter = ReasoningFilter::new(rules);
        let mut checked = Checked::new(Accumulator::new());
        for event in stream {
            filter.pass(event, &mut checked);
        }
        let (accumulator, violations) = checked.into_parts();
        prop_assert_eq!(violations, []);
        let told = accumulator.into_response().unwrap();
        if !rules.think_tags {
            let count = |response: &Response<'_>| -> usize {
                (response.parts.iter())
                    .filter_map(|part| match &part.content {
                        Content::Text(text) => Some(text.text.matches("word").count()),
                        _ => None,
                    })
                    .sum()
            };
            prop_assert!(count(&told) >= count(&response));
        }
        prop_assert_eq!(told.has_tool_calls(), response.has_tool_calls());
    }
}
