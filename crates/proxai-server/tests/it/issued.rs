//! Conversations of Responses clients on several Responses targets: each turn goes to who has the
//! state of the one before (case 118).

use std::fmt::Write as _;

use proxai_config::{Memory, Overrides, load};
use proxai_server::{Assembly, snapshot};
use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{Got, MESSAGES, RESPONSES, Running};

/// How many conversations are held at once. With a route that tosses a coin, the chance that none
/// of their turns goes astray is one in 2^60.
const CONVERSATIONS: usize = 20;

const PATH: &str = "/v1/responses";

/// A route over `a` and `b`, which share equally.
fn config(first: (&Upstream, &str), second: (&Upstream, &str)) -> String {
    let provider = |name: &str, (upstream, protocol): (&Upstream, &str)| {
        format!(
            "[providers.{name}]\nprotocol = \"{protocol}\"\nbase_url = \"{}\"\napi_key = \"sk-{name}\"\n",
            upstream.base_url()
        )
    };
    format!(
        "[[routing.routes]]\nmodel_pattern = \"*\"\n[[routing.routes.targets]]\nprovider = \"a\"\n[[routing.routes.targets]]\nprovider = \"b\"\n{}{}",
        provider("a", first),
        provider("b", second)
    )
}

/// The answer of a provider to one turn, with ids and a seal of its own.
fn told(provider: &str, turn: &str) -> Value {
    json!({"id":format!("resp_{provider}_{turn}"),"object":"response","created_at":1,"status":"completed","model":"m","output":[
        {"type":"reasoning","id":format!("rs_{provider}_{turn}"),"summary":[],"encrypted_content":format!("gAAA{provider}/{turn}==")},
        // Some servers have one id for all messages.
        {"type":"message","id":"msg_0","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hello","annotations":[]}]}
    ],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}})
}

fn reply(provider: &str, turn: &str, stream: bool) -> Reply {
    let told = told(provider, turn);
    if !stream {
        // In two pieces, neither of which is the whole.
        let text = told.to_string();
        let (begin, end) = text.split_at(text.len() / 3);
        let pieces = vec![begin.to_owned().into(), end.to_owned().into()];
        return Reply::new("application/json", pieces);
    }
    let mut frames = String::new();
    let mut event = |name: &str, member: &str, value: &Value| {
        let data = json!({"type":name,"sequence_number":1,"output_index":0,member:value});
        write!(frames, "event: {name}\ndata: {data}\n\n").unwrap();
    };
    let begun = json!({"id":told["id"],"object":"response","status":"in_progress","output":[]});
    event("response.created", "response", &begun);
    for item in told["output"].as_array().unwrap() {
        event("response.output_item.added", "item", item);
        event("response.output_item.done", "item", item);
    }
    event("response.completed", "response", &told);
    Reply::frames(&frames)
}

/// What the client keeps of an answer, however it came.
fn kept(got: &Got, stream: bool) -> Value {
    assert_eq!(got.status, 200, "{}", got.text());
    if !stream {
        return got.json();
    }
    let mut data = got
        .text()
        .lines()
        .filter_map(|line| line.strip_prefix("data: "));
    let last: Value = serde_json::from_str(data.next_back().unwrap()).unwrap();
    last["response"].clone()
}

/// The ways in which a turn goes on from the one before.
fn follow_ups(before: &Value) -> [Value; 3] {
    let user = json!({"role":"user","content":"go on"});
    let thought = &before["output"][0];
    let message = &before["output"][1];
    [
        json!({"previous_response_id":before["id"],"input":[user]}),
        json!({"store":false,"input":[user, thought, message, user]}),
        json!({"input":[{"type":"item_reference","id":thought["id"]}, user]}),
    ]
}

async fn ask(
    gateway: &Running,
    upstreams: [&Upstream; 2],
    turn: &str,
    stream: bool,
    mut body: Value,
) -> (String, Value) {
    for (name, upstream) in ["a", "b"].into_iter().zip(upstreams) {
        upstream.will_only(reply(name, turn, stream));
    }
    body["model"] = json!("m");
    body["stream"] = json!(stream);
    let got = gateway.post(PATH, body.to_string()).await;
    let provider = got.header("x-proxai-provider").to_owned();
    (provider, kept(&got, stream))
}

#[tokio::test]
async fn every_turn_goes_to_who_has_the_state_of_the_one_before() {
    for stream in [false, true] {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let gateway = Running::start(&config((&first, RESPONSES), (&second, RESPONSES)));
        let upstreams = [&first, &second];
        let mut open = Vec::new();
        for count in 0..CONVERSATIONS {
            let turn = format!("{stream}{count}");
            let hello = json!({"input":"hello"});
            open.push(ask(&gateway, upstreams, &turn, stream, hello).await);
        }
        let at_first = open.iter().filter(|(provider, _)| provider == "a").count();
        assert!((1..CONVERSATIONS).contains(&at_first), "both are asked");
        // Turns of all conversations in between, so that the latest says nothing.
        for way in 0..3 {
            for (count, (origin, before)) in open.iter_mut().enumerate() {
                let turn = format!("{stream}{count}.{way}");
                let body = follow_ups(before)[way].clone();
                let (provider, answer) = ask(&gateway, upstreams, &turn, stream, body).await;
                assert_eq!(provider, *origin, "{way} of {count}, {stream}");
                *before = answer;
            }
        }
        // None of them cost a request elsewhere.
        let asked = first.received().len() + second.received().len();
        assert_eq!(asked, 4 * CONVERSATIONS);
    }
}

/// The answer comes in the other form than it was asked for (P13).
#[tokio::test]
async fn the_form_of_an_answer_does_not_matter_to_what_is_remembered_of_it() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = Running::start(&config((&first, RESPONSES), (&second, RESPONSES)));
    for count in 0..CONVERSATIONS {
        let stream = count % 2 == 0;
        for (name, upstream) in [("a", &first), ("b", &second)] {
            upstream.will_only(reply(name, &count.to_string(), !stream));
        }
        let body = json!({"model":"m","stream":stream,"input":"hello"});
        let got = gateway.post(PATH, body.to_string()).await;
        assert_eq!(got.status, 200, "{}", got.text());
        let origin = got.header("x-proxai-provider").to_owned();
        let id = format!("resp_{origin}_{count}");
        assert!(got.text().contains(&id), "{}", got.text());
        let body = json!({"model":"m","previous_response_id":id,"input":"go on","stream":stream});
        let got = gateway.post(PATH, body.to_string()).await;
        assert_eq!(got.header("x-proxai-provider"), origin, "{count}");
    }
}

#[tokio::test]
async fn a_reload_forgets_nothing() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let config = config((&first, RESPONSES), (&second, RESPONSES));
    let gateway = Running::start(&config);
    let upstreams = [&first, &second];
    let mut open = Vec::new();
    for count in 0..CONVERSATIONS {
        let hello = json!({"input":"hello"});
        open.push(ask(&gateway, upstreams, &count.to_string(), false, hello).await);
    }
    // A provider more, so that places in a list mean something else now.
    let url = first.base_url();
    let config =
        format!("{config}[providers.aa]\nprotocol = \"{RESPONSES}\"\nbase_url = \"{url}\"\n");
    let sources = Memory::default().with_file("proxai.toml", &config);
    let overrides = Overrides {
        config: Some("proxai.toml".into()),
        ..Overrides::default()
    };
    let settings = load(&sources, &overrides).unwrap().settings;
    gateway
        .live
        .replace(snapshot(2, &settings, &Assembly::default()));
    for (count, (origin, before)) in open.iter().enumerate() {
        let body = follow_ups(before)[0].clone();
        let (provider, _) = ask(&gateway, upstreams, &format!("{count}.1"), false, body).await;
        assert_eq!(provider, *origin, "{count}");
    }
}

/// What one cannot be asked for any more is asked of the other, which may know better.
#[tokio::test]
async fn an_origin_that_is_down_keeps_no_request_from_the_others() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = Running::start(&config((&first, RESPONSES), (&second, RESPONSES)));
    let upstreams = [&first, &second];
    let (origin, before) = ask(&gateway, upstreams, "0", false, json!({"input":"hi"})).await;
    let (own, other) = if origin == "a" {
        (&first, &second)
    } else {
        (&second, &first)
    };
    own.will_only(Reply::json(r#"{"error":{"message":"down"}}"#).status(500));
    let mut body = follow_ups(&before)[1].clone();
    body["model"] = json!("m");
    let asked = (own.received().len(), other.received().len());
    let got = gateway.post(PATH, body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-proxai-fallback-count"), "1");
    let now = (own.received().len(), other.received().len());
    assert_eq!(now, (asked.0 + 1, asked.1 + 1));
}

/// A thought of one kind of upstream and one of another kind: the latest decides.
#[tokio::test]
async fn beside_targets_of_another_kind_the_latest_thought_decides() {
    let thinking = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"SigOfB"},{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = Running::start(&config((&first, RESPONSES), (&second, MESSAGES)));
    let mut thoughts: [Option<Value>; 2] = [None, None];
    let mut count = 0;
    while thoughts.iter().any(Option::is_none) {
        assert!(count < 64, "both are asked");
        count += 1;
        first.will_only(reply("a", &count.to_string(), false));
        second.will_only(Reply::json(thinking));
        let body = json!({"model":"m","input":"hi","reasoning":{"effort":"high"},"include":["reasoning.encrypted_content"]});
        let got = gateway.post(PATH, body.to_string()).await;
        let by = usize::from(got.header("x-proxai-provider") == "b");
        thoughts[by] = Some(got.json()["output"][0].clone());
    }
    let [Some(of_a), Some(of_b)] = thoughts else {
        unreachable!("both were found")
    };
    let user = json!({"role":"user","content":"go on"});
    for _ in 0..CONVERSATIONS {
        for (input, origin) in [
            (json!([user, of_b, user, of_a, user]), "a"),
            (json!([user, of_a, user, of_b, user]), "b"),
        ] {
            let body = json!({"model":"m","input":input});
            let got = gateway.post(PATH, body.to_string()).await;
            assert_eq!(got.header("x-proxai-provider"), origin, "{}", got.text());
        }
    }
}

/// A stored answer is fetched, cancelled and deleted where it is.
#[tokio::test]
async fn a_path_that_names_an_answer_goes_to_who_has_it() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = Running::start(&config((&first, RESPONSES), (&second, RESPONSES)));
    for count in 0..CONVERSATIONS {
        let turn = count.to_string();
        let body = json!({"input":"hi","background":true});
        let (origin, told) = ask(&gateway, [&first, &second], &turn, false, body).await;
        let id = told["id"].as_str().unwrap();
        for path in [format!("{PATH}/{id}"), format!("{PATH}/{id}/input_items")] {
            let got = gateway.get(&path).await;
            assert_eq!(
                got.header("x-proxai-provider"),
                origin,
                "{path}: {}",
                got.text()
            );
        }
    }
}

/// What compacts a conversation is a path of its own, and what it makes is read by its maker only.
#[tokio::test]
async fn a_compacted_conversation_goes_on_where_it_was_compacted() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = Running::start(&config((&first, RESPONSES), (&second, RESPONSES)));
    for count in 0..CONVERSATIONS {
        let turn = count.to_string();
        let ask = async |body| ask(&gateway, [&first, &second], &turn, false, body).await;
        let (origin, told) = ask(json!({"store":false,"input":"hi"})).await;
        for (name, upstream) in [("a", &first), ("b", &second)] {
            let compacted = format!(
                r#"{{"id":"resp_c{count}","object":"response.compaction","output":[{{"type":"compaction","id":"cmp_{count}","encrypted_content":"gAAAc{name}{count}"}}]}}"#
            );
            upstream.will_only(Reply::json(compacted));
        }
        let thought = &told["output"][0];
        let body = json!({"model":"m","input":[thought]}).to_string();
        let got = gateway.post("/v1/responses/compact", body).await;
        assert_eq!(got.header("x-proxai-provider"), origin, "{}", got.text());
        let compacted = got.json()["output"][0].clone();
        let (by, _) = ask(json!({"store":false,"input":[compacted]})).await;
        assert_eq!(by, origin);
    }
}

/// Some servers have one id for all messages, and a message is read anywhere.
#[tokio::test]
async fn a_message_alone_binds_to_nobody() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = Running::start(&config((&first, RESPONSES), (&second, RESPONSES)));
    let mut seen = [0, 0];
    for count in 0..2 * CONVERSATIONS {
        let message = told("a", "0")["output"][1].clone();
        let body = json!({"input":[message,{"role":"user","content":"hi"}]});
        let turn = count.to_string();
        let (by, _) = ask(&gateway, [&first, &second], &turn, false, body).await;
        seen[usize::from(by == "b")] += 1;
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
}
