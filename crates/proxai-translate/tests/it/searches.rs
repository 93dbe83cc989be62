//! Searches that the provider ran come home as they were, through clients of every protocol (T6, T7).

use proxai_testkit::fixtures::{Case, Kind, Sent, cases};
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::drive;

fn case(name: &str) -> Case {
    cases(Kind::Unary)
        .into_iter()
        .find(|case| case.name == name)
        .expect("the fixture is there")
}

/// The answer as a client gets it.
fn told(case: &Case, client: Protocol) -> Value {
    let body = drive::answer(case, client).expect("it is an answer").body;
    serde_json::from_slice(&body).expect("an answer is JSON")
}

/// What a client sends that repeats an answer and goes on.
fn history(client: Protocol, answer: &Value) -> Sent {
    let body = match client {
        Protocol::Chat => json!({"model": "house-model", "max_completion_tokens": 64, "messages": [
            {"role": "user", "content": "Tide?"},
            answer["choices"][0]["message"],
            {"role": "user", "content": "And then?"}]}),
        Protocol::Responses => {
            let mut input = vec![json!({"role": "user", "content": "Tide?"})];
            input.extend(answer["output"].as_array().expect("a list").iter().cloned());
            input.push(json!({"role": "user", "content": "And then?"}));
            json!({"model": "house-model", "max_output_tokens": 64, "input": input})
        }
        Protocol::Messages => json!({"model": "house-model", "max_tokens": 64, "messages": [
            {"role": "user", "content": "Tide?"},
            {"role": "assistant", "content": answer["content"]},
            {"role": "user", "content": "And then?"}]}),
    };
    Sent {
        protocol: client,
        extension: "json".to_owned(),
        body: serde_json::to_vec(&body).expect("it is JSON"),
    }
}

/// What `upstream` gets of that, and the paths of what is lost.
fn sent(history: &Sent, upstream: Protocol, issuer: &str) -> (Value, Vec<String>) {
    let target = proxai_translate::Target::new("upstream-model", issuer);
    let prepared = drive::request(history, upstream, &target).expect("it can be sent");
    let losses = prepared.losses.iter().map(|loss| loss.path.clone());
    let body = serde_json::from_slice(&prepared.body).expect("it is JSON");
    (body, losses.collect())
}

#[test]
fn blocks_of_a_search_come_home_through_every_client() {
    let case = case("messages-web-search");
    let original: Value = serde_json::from_slice(&case.upstream().body).expect("it is JSON");
    for client in [Protocol::Chat, Protocol::Responses] {
        let history = history(client, &told(&case, client));
        let (body, losses) = sent(&history, Protocol::Messages, drive::ISSUER);
        let content = &body["messages"][1]["content"];
        assert_eq!(content[0], original["content"][0], "{client}: {body}");
        assert_eq!(content[1], original["content"][1], "{client}: {body}");
        assert_eq!(content[2]["text"], "High at six.", "{client}: {body}");
        // Citations of earlier turns cannot be proven again; nothing else is lost.
        assert_eq!(losses.len(), 1, "{client}: {losses:?}");
    }
}

#[test]
fn items_of_a_search_come_home_through_every_client() {
    let case = case("responses-web-search-sources");
    let original: Value = serde_json::from_slice(&case.upstream().body).expect("it is JSON");
    for client in [Protocol::Chat, Protocol::Messages] {
        let history = history(client, &told(&case, client));
        let (body, losses) = sent(&history, Protocol::Responses, drive::ISSUER);
        for at in 0..3 {
            // Behind the user's item.
            assert_eq!(
                body["input"][at + 1],
                original["output"][at],
                "{client}: {body}"
            );
        }
        assert!(losses.is_empty(), "{client}: {losses:?}");
    }
}

#[test]
fn a_search_is_not_given_to_anybody_else_and_that_is_told() {
    for (name, origin, client) in [
        (
            "messages-web-search",
            Protocol::Messages,
            Protocol::Responses,
        ),
        (
            "responses-web-search-sources",
            Protocol::Responses,
            Protocol::Messages,
        ),
    ] {
        let case = case(name);
        let history = history(client, &told(&case, client));
        for (upstream, issuer) in [(origin, "elsewhere"), (Protocol::Chat, drive::ISSUER)] {
            let (body, losses) = sent(&history, upstream, issuer);
            let body = body.to_string();
            for word in ["web_search", "server_tool_use", "proxai1", "encrypted"] {
                assert!(!body.contains(word), "{client} to {upstream}: {body}");
            }
            assert!(!losses.is_empty(), "{client} to {upstream}");
        }
    }
}

#[test]
fn a_longer_history_with_searches_begins_with_the_bytes_of_the_shorter_one() {
    let case = case("responses-web-search-sources");
    let answer = told(&case, Protocol::Messages);
    let short = history(Protocol::Messages, &answer);
    let mut body: Value = serde_json::from_slice(&short.body).expect("it is JSON");
    let messages = body["messages"].as_array_mut().expect("a list");
    messages.push(json!({"role": "assistant", "content": "Ebb."}));
    messages.push(json!({"role": "user", "content": "Thanks."}));
    let long = Sent {
        body: serde_json::to_vec(&body).expect("it is JSON"),
        ..short.clone()
    };
    let input = |sent_body: &Value| sent_body["input"].as_array().expect("a list").clone();
    let (short, _) = sent(&short, Protocol::Responses, drive::ISSUER);
    let (long, _) = sent(&long, Protocol::Responses, drive::ISSUER);
    assert!(input(&long).starts_with(&input(&short)));
}
