//! What is sent, byte for byte, and what is reported, for every place where a seal may stand.

use proxai_ir::Sealed;

use super::*;

const THOUGHT: [&str; 3] = [
    "it goes back only to the provider that issued it",
    "it goes back only to the provider that issued it",
    "only a thought with this provider's own signature goes back",
];
const CALL: &str = "the call was sealed by another provider";
const SEARCH: &str = "a search goes back only to the provider that ran it; its answer stays";

fn wrap(origin: Protocol, issuer: &str, data: &str, id: Option<&str>) -> String {
    let sealed = Sealed {
        origin,
        issuer: None,
        data: data.into(),
    };
    seal::wrap(&sealed, issuer, id)
}

/// What is sent to `up`, and what is reported.
fn sent(protocol: Protocol, body: &str) -> (String, Vec<String>) {
    let mut losses = Losses::new();
    let sent = in_place(protocol, "up", body.as_bytes(), &mut losses);
    let sent = sent.map_or(body.to_owned(), |sent| String::from_utf8(sent).unwrap());
    assert!(!seal::stands_in(sent.as_bytes()), "{sent}");
    serde_json::from_str::<serde_json::Value>(&sent).unwrap();
    (sent, losses.iter().map(ToString::to_string).collect())
}

fn dropped(path: &str, why: &str) -> String {
    format!("{path} dropped: {why}")
}

/// Seals that are not for `up`, which speaks `protocol`.
fn foreign(protocol: Protocol) -> Vec<String> {
    let mut found: Vec<String> = Protocol::ALL
        .into_iter()
        .filter(|origin| *origin != protocol)
        .map(|origin| wrap(origin, "up", "x+/=", Some("rs_1")))
        .collect();
    found.push(wrap(protocol, "other", "x+/=", None));
    found
}

/// Case 63: every byte around the cut is the client's.
#[test]
fn foreign_thoughts_are_cut_out_of_messages_and_the_rest_keeps_its_bytes() {
    for seal in foreign(Protocol::Messages) {
        let body = |cut: [&str; 2]| {
            format!(
                "{{ \"x\" : 1.50,\r\n \"messages\":[{{\"role\":\"user\",\"content\":\"h\\u00e9\"}},\r\n {{\"role\":\"assistant\",\"content\":[\r\n  {}{{ \"type\":\"text\", \"text\":\"a\" }}{} ]}} , {{\"content\":\"b\",\"role\":\"user\"}}]}}\r\n",
                cut[0], cut[1]
            )
        };
        let thinking =
            format!(r#"{{"type":"thinking","thinking":"hm","signature":"{seal}"}}"#) + ",\r\n  ";
        let redacted = format!(" ,{{\"data\":\"{seal}\",\"type\":\"redacted_thinking\"}}");
        let (sent, losses) = sent(Protocol::Messages, &body([&thinking, &redacted]));
        assert_eq!(sent, body(["", ""]));
        let lost = ["messages[1].content[0]", "messages[1].content[2]"];
        assert_eq!(losses, lost.map(|path| dropped(path, THOUGHT[2])));
    }
}

#[test]
fn foreign_thoughts_are_cut_out_of_responses() {
    for seal in foreign(Protocol::Responses) {
        let body = |cut: &str| {
            format!(
                "{{\"input\" : [ {{\"role\":\"user\",\"content\":\"q\"}}{cut},\r\n{{\"type\":\"reasoning\",\"id\":\"rs_2\",\"summary\":[],\"encrypted_content\":\"gAAA\"}} ],\"store\":false}}"
            )
        };
        let item = format!(
            ",\n{{\"type\":\"reasoning\",\"id\":\"rs_1\",\"summary\":[{{\"type\":\"summary_text\",\"text\":\"hm\"}}],\"encrypted_content\" : \"{seal}\"}}"
        );
        let (sent, losses) = sent(Protocol::Responses, &body(&item));
        assert_eq!(sent, body(""));
        assert_eq!(losses, [dropped("input[1]", THOUGHT[1])]);
    }
}

#[test]
fn foreign_blocks_are_cut_out_of_chat_and_the_text_stays() {
    for seal in foreign(Protocol::Chat) {
        let block = format!(
            r#"{{"type":"reasoning.encrypted","data":"{seal}","format":"proxai-v1","index":0,"length":2}}"#
        );
        let body = |details: &str| {
            format!(
                "{{\"messages\":[ {{\"role\":\"assistant\" ,\"content\":\"a\",\"reasoning_content\":\"hm\"{details} }} ] }}"
            )
        };
        let whole = body(&format!(", \"reasoning_details\":[{block}]"));
        let (alone, losses) = sent(Protocol::Chat, &whole);
        assert_eq!(alone, body(""));
        let path = "messages[0].reasoning_details[0]";
        assert_eq!(losses, [dropped(path, THOUGHT[0])]);

        let vendors = r#"{"type":"reasoning.text","text":"v", "signature":"S"}"#;
        let both = format!(", \"reasoning_details\":[{block} , {vendors}]");
        let (kept, losses) = sent(Protocol::Chat, &body(&both));
        assert_eq!(kept, body(&format!(", \"reasoning_details\":[{vendors}]")));
        assert_eq!(losses.len(), 1);
    }
}

#[test]
fn the_seal_of_a_foreign_call_goes_and_the_call_stays() {
    let seal = wrap(Protocol::Responses, "other", "x", None);
    let body = |extra: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","content":null,"tool_calls":[{{"id":"c","type":"function","function":{{"name":"f","arguments":"{{}}"}}{extra}}}]}}]}}"#
        )
    };
    let path = "messages[0].tool_calls[0].extra_content";
    let ours = format!(r#""proxai":{{"seal":"{seal}"}}"#);
    let alone = sent(
        Protocol::Chat,
        &body(&format!(r#","extra_content":{{{ours}}}"#)),
    );
    assert_eq!(alone, (body(""), vec![dropped(path, CALL)]));
    let beside = body(&format!(r#","extra_content":{{"google":{{}}, {ours}}}"#));
    assert_eq!(
        sent(Protocol::Chat, &beside).0,
        body(r#","extra_content":{"google":{}}"#)
    );

    let seal = wrap(Protocol::Chat, "other", "{}", Some("toolu_1"));
    let call = r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#;
    let body =
        |cut: &str| format!(r#"{{"messages":[{{"role":"assistant","content":[{call}{cut}]}}]}}"#);
    let block = format!(r#",{{"type":"redacted_thinking","data":"{seal}"}}"#);
    let lost = dropped("messages[0].content[1]", CALL);
    assert_eq!(
        sent(Protocol::Messages, &body(&block)),
        (body(""), vec![lost])
    );

    let seal = wrap(Protocol::Chat, "other", "{}", Some("call_1"));
    let call = r#"{"type":"function_call","call_id":"call_1","name":"f","arguments":"{}"}"#;
    let body = |cut: &str| format!(r#"{{"input":[{call}{cut}]}}"#);
    let item =
        format!(r#",{{"type":"reasoning","id":"rs_9","summary":[],"encrypted_content":"{seal}"}}"#);
    assert_eq!(
        sent(Protocol::Responses, &body(&item)),
        (body(""), vec![dropped("input[1]", CALL)])
    );
}

#[test]
fn a_message_that_was_nothing_but_a_foreign_thought_goes_whole() {
    let question = r#"{"role":"user","content":"q"}"#;
    for (protocol, thought) in [
        (
            Protocol::Messages,
            r#"{"role":"assistant","content":[{"type":"redacted_thinking","data":"SEAL"}]}"#,
        ),
        (
            Protocol::Chat,
            r#"{"role":"assistant","content":null,"tool_calls":[ ],"reasoning_details":[{"type":"reasoning.encrypted","data":"SEAL"}]}"#,
        ),
    ] {
        let seal = wrap(Protocol::Responses, "other", "x", None);
        let thought = thought.replace("SEAL", &seal);
        let (sent, losses) = sent(
            protocol,
            &format!(r#"{{"messages":[{question}, {thought} , {question}]}}"#),
        );
        assert_eq!(sent, format!(r#"{{"messages":[{question} , {question}]}}"#));
        assert_eq!(losses.len(), 1, "{losses:?}");
    }
}

#[test]
fn what_comes_home_becomes_the_upstreams_own_value_again() {
    let seal = wrap(Protocol::Messages, "up", "Sig+/=", None);
    let body = |seal: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","content":[{{"type":"thinking", "thinking":"hm","signature" : "{seal}"}},{{"type":"redacted_thinking","data":"{seal}"}}]}}]}}"#
        )
    };
    let home = sent(Protocol::Messages, &body(&seal));
    assert_eq!(home, (body("Sig+/="), vec![]));

    let seal = wrap(Protocol::Responses, "up", "gA\"A=", Some("rs_up"));
    let body = |id: &str, seal: &str| {
        format!(
            r#"{{"input":[{{"type":"reasoning"{id}, "summary":[],"encrypted_content":"{seal}"}}]}}"#
        )
    };
    let home = sent(Protocol::Responses, &body(r#","id":"rs_ours""#, &seal));
    assert_eq!(home, (body(r#","id":"rs_up""#, "gA\\\"A="), vec![]));
    let seal = wrap(Protocol::Responses, "up", "gAAA", None);
    let home = sent(Protocol::Responses, &body(r#","id":"rs_ours""#, &seal));
    assert_eq!(home, (body("", "gAAA"), vec![]));

    let native = [r#"{"type":"a", "n":1.50}"#, r#"{"type":"b"}"#];
    let details = wrap(
        Protocol::Chat,
        "up",
        &format!("[{}]", native.join(",")),
        None,
    );
    let call = wrap(Protocol::Chat, "up", r#"{"google":{"s":"x"}}"#, None);
    let body = |details: &str, extra: &str| {
        format!(
            r#"{{"messages":[{{"role":"assistant","reasoning_details":[{details}],"tool_calls":[{{"id":"c","extra_content":{extra}}}]}}]}}"#
        )
    };
    let home = sent(
        Protocol::Chat,
        &body(
            &format!(r#"{{"type":"reasoning.encrypted","data":"{details}"}}"#),
            &format!(r#"{{"proxai":{{"seal":"{call}"}}}}"#),
        ),
    );
    assert_eq!(
        home,
        (body(&native.join(","), r#"{"google":{"s":"x"}}"#), vec![])
    );
}

#[test]
fn a_thought_without_words_comes_home_without_our_mark() {
    let hidden = seal::withheld("Sig");
    let seal = wrap(Protocol::Messages, "up", &hidden, None);
    let body = |seal: &str| {
        r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"SEAL"}]}]}"#
            .replace("SEAL", seal)
    };
    assert_eq!(
        sent(Protocol::Messages, &body(&seal)),
        (body("Sig"), vec![])
    );
}

#[test]
fn the_signature_of_a_whole_message_comes_home_to_its_place() {
    let body = |id: Option<&str>| {
        let seal = wrap(Protocol::Chat, "up", r#"{"google":1}"#, id);
        format!(
            r#"{{"messages":[{{"role":"assistant","content":"a","reasoning_details":[{{"data":"{seal}"}}],"tool_calls":[{{"id":"c"}}]}}]}}"#
        )
    };
    for (id, expected) in [
        (
            Some("c"),
            r#"{"messages":[{"role":"assistant","content":"a","tool_calls":[{"id":"c","extra_content":{"google":1}}]}]}"#,
        ),
        (
            None,
            r#"{"messages":[{"role":"assistant","content":"a","tool_calls":[{"id":"c"}],"extra_content":{"google":1}}]}"#,
        ),
    ] {
        assert_eq!(sent(Protocol::Chat, &body(id)), (expected.into(), vec![]));
    }
}

#[test]
fn a_changed_seal_is_cut_and_said_to_be_changed() {
    let seal = wrap(Protocol::Messages, "up", "Sig", None);
    let seal = &seal[..seal.len() - 1];
    for (protocol, body, path) in [
        (
            Protocol::Messages,
            r#"{"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"SEAL"},{"type":"text","text":"a"}]}]}"#,
            "messages[0].content[0]",
        ),
        (
            Protocol::Responses,
            r#"{"input":[{"type":"reasoning","encrypted_content":"SEAL"}]}"#,
            "input[0]",
        ),
        (
            Protocol::Chat,
            r#"{"messages":[{"role":"assistant","content":"a","reasoning_details":[{"data":"SEAL"}]}]}"#,
            "messages[0].reasoning_details[0]",
        ),
    ] {
        let (_, losses) = sent(protocol, &body.replace("SEAL", seal));
        assert_eq!(losses, [dropped(path, CHANGED)]);
    }
}

#[test]
fn a_search_that_was_shown_goes_with_its_seal() {
    let item = seal::item(Protocol::Responses, r#"{"type":"web_search_call"}"#).unwrap();
    let seal = seal::wrap(&item, "other", Some("srvtoolu_1"));
    let answer = r#"{"type":"text","text":"a"}"#;
    let shown = r#"{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{}},{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[]}"#;
    let own = r#"{"type":"server_tool_use","id":"srvtoolu_2","name":"web_search","input":{}}"#;
    let (kept, losses) = sent(
        Protocol::Messages,
        &format!(
            r#"{{"messages":[{{"role":"assistant","content":[{shown},{{"type":"redacted_thinking","data":"{seal}"}},{answer},{own}]}}]}}"#
        ),
    );
    assert_eq!(
        kept,
        format!(r#"{{"messages":[{{"role":"assistant","content":[{answer},{own}]}}]}}"#)
    );
    let mut paths = losses.clone();
    paths.sort();
    assert_eq!(
        paths,
        [0, 1, 2].map(|at| dropped(&format!("messages[0].content[{at}]"), SEARCH))
    );

    let item = seal::item(Protocol::Messages, "[{}]").unwrap();
    let seal = seal::wrap(&item, "other", Some("ws_1"));
    let (kept, losses) = sent(
        Protocol::Responses,
        &format!(
            r#"{{"input":[{{"type":"web_search_call","id":"ws_1","status":"completed"}},{{"type":"reasoning","encrypted_content":"{seal}"}},{{"type":"web_search_call","id":"ws_2"}}]}}"#
        ),
    );
    assert_eq!(
        kept,
        r#"{"input":[{"type":"web_search_call","id":"ws_2"}]}"#
    );
    assert_eq!(
        losses,
        ["input[1]", "input[0]"].map(|path| dropped(path, SEARCH))
    );
}

/// No part is changed twice, however oddly a body is made.
#[test]
fn oddly_made_bodies_are_cut_too() {
    let item = seal::item(Protocol::Messages, "[{}]").unwrap();
    let search = seal::wrap(&item, "other", Some("ws_1"));
    let own = wrap(Protocol::Responses, "up", "gAAA", Some("rs_1"));
    let (kept, _) = sent(
        Protocol::Responses,
        &format!(
            r#"{{"input":[],"input":[{{"type":"reasoning","encrypted_content":"{search}"}},{{"type":"web_search_call","id":"ws_1","encrypted_content":"{own}"}}]}}"#
        ),
    );
    assert_eq!(
        kept,
        r#"{"input":[],"input":[{"type":"web_search_call","id":"rs_1","encrypted_content":"gAAA"}]}"#
    );
    let block = format!(r#"{{"type":"reasoning.encrypted","data":"{own}"}}"#);
    let (kept, _) = sent(
        Protocol::Chat,
        &format!(
            r#"{{"messages":[{{"reasoning_details":[{block}],"role":"assistant","content":"a","reasoning_details":[{block},{block}]}},7,{{"role":"assistant","reasoning_details":[{block}]}}]}}"#
        ),
    );
    assert_eq!(
        kept,
        r#"{"messages":[{"role":"assistant","content":"a"},7]}"#
    );
}

/// Case 65.
#[test]
fn a_budget_of_thoughts_waits_until_the_turn_without_one_is_over() {
    let seal = wrap(Protocol::Chat, "other", "\u{1}", None);
    let thought = format!(r#"{{"type":"thinking","thinking":"hm","signature":"{seal}"}},"#);
    let call = r#"{"type":"tool_use","id":"t","name":"f","input":{}}"#;
    let body = |thinking: &str, thought: &str, more: &str| {
        format!(
            r#"{{"model":"m"{thinking},"messages":[{{"role":"assistant","content":[{thought}{call}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t"}}]}}{more}]}}"#
        )
    };
    let budget = r#", "thinking":{"type":"enabled","budget_tokens":2000}"#;
    let (inside, losses) = sent(Protocol::Messages, &body(budget, &thought, ""));
    assert_eq!(inside, body("", "", ""));
    assert!(losses[1].starts_with("thinking dropped: "), "{losses:?}");
    let next = r#",{"role":"assistant","content":"done"},{"role":"user","content":"thanks"}"#;
    for (thinking, more) in [(budget, next), (r#","thinking":{"type":"adaptive"}"#, "")] {
        let (kept, losses) = sent(Protocol::Messages, &body(thinking, &thought, more));
        assert_eq!(kept, body(thinking, "", more));
        assert_eq!(losses.len(), 1);
    }
    let native = r#"{"type":"thinking","thinking":"","signature":"Own"},"#;
    let both = body(budget, &format!("{native}{thought}"), "");
    assert_eq!(sent(Protocol::Messages, &both).0, body(budget, native, ""));
}

/// T5.
#[test]
fn a_longer_history_begins_with_the_bytes_of_the_shorter_one() {
    let seal = wrap(Protocol::Responses, "other", "x", None);
    let turn = |at: usize| {
        let place = if at.is_multiple_of(3) {
            ""
        } else {
            r#",{"type":"text","text":"a"}"#
        };
        format!(
            r#"{{"role":"user","content":"{at}"}}, {{"role":"assistant","content":[{{"type":"redacted_thinking","data":"{seal}"}}{place}]}}"#
        )
    };
    let body = |turns: usize| {
        let turns: Vec<String> = (0..turns).map(turn).collect();
        format!("{{\"messages\":[\r\n{}]}}", turns.join(",\r\n"))
    };
    let mut before = String::new();
    for turns in 1..8 {
        let (now, _) = sent(Protocol::Messages, &body(turns));
        assert_eq!(sent(Protocol::Messages, &body(turns)).0, now);
        let begin = before.trim_end_matches("]}");
        assert!(now.starts_with(begin), "{before}\n{now}");
        before = now;
    }
}

#[test]
fn a_body_without_a_seal_is_not_even_parsed_and_words_about_one_stay() {
    let mut losses = Losses::new();
    assert_eq!(
        in_place(Protocol::Chat, "up", b"not json", &mut losses),
        None
    );
    let seal = wrap(Protocol::Messages, "other", "x", None);
    for (protocol, body) in [
        (
            Protocol::Messages,
            format!(r#"{{"messages":[{{"role":"user","content":"{seal}"}}]}}"#),
        ),
        (
            Protocol::Messages,
            format!(
                r#"{{"messages":[{{"role":"user","content":[]}},{{"role":"user","x":"{seal}","content":[]}},{{"role":"user","content":[{{"type":"text","text":"{seal}"}}]}}]}}"#
            ),
        ),
        (Protocol::Responses, format!(r#"{{"input":"{seal}"}}"#)),
        (
            Protocol::Chat,
            format!(
                r#"{{"messages":[{{"role":"tool","content":"{seal}","reasoning_details":"{seal}","tool_calls":7}}]}}"#
            ),
        ),
    ] {
        let changed = in_place(protocol, "up", body.as_bytes(), &mut losses);
        assert_eq!(changed, None, "{body}");
    }
    assert!(losses.is_empty());
}
