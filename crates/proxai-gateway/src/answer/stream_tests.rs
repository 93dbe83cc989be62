//! The clock of a stream, hop by hop (case 15, S3, S4).

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proxai_sse::Decoder;
use proxai_translate::{ReplyContext, StreamTranslator};
use proxai_types::Protocol;
use proxai_upstream::ReplyBody;
use tokio::time::Instant;

use crate::account::record::Outcome;
use crate::answer::declined::Scout;
use crate::answer::pulse::Pulse;
use crate::answer::stream::{Engine, StreamBody};
use crate::answer::tap::Tap;

const KEEPALIVE: Duration = Duration::from_secs(15);

/// The beginning of a stream, and the rest of it.
fn halves(upstream: Protocol) -> [&'static str; 2] {
    match upstream {
        Protocol::Chat => [
            "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"a\"},\"finish_reason\":null}]}\n\n",
            "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
        ],
        Protocol::Responses => [
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"in_progress\",\"content\":[]}}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"output_index\":0,\"content_index\":0,\"item_id\":\"msg_1\",\"delta\":\"a\"}\n\n",
            "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":3,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\",\"output\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"text\":\"a\",\"annotations\":[]}]}],\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n",
        ],
        Protocol::Messages => [
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ],
    }
}

/// A stream whose pieces come this long after each other.
fn stream(
    client: Protocol,
    upstream: Protocol,
    pieces: &[&'static str],
    pause: Duration,
) -> StreamBody {
    let pieces = pieces
        .iter()
        .map(|piece| Bytes::from_static(piece.as_bytes()));
    let body = ReplyBody::from_pieces(pieces.collect(), pause);
    let engine = if client == upstream {
        Engine::Tap(Box::new(Tap::new(client, 1 << 20, "req_1".into())))
    } else {
        let reply = ReplyContext::new("m", "up", upstream, "1", 1);
        let translator = StreamTranslator::new(client, Arc::new(reply));
        Engine::Translate(Decoder::new(), Box::new(translator))
    };
    let idle = Duration::from_mins(5);
    StreamBody::new(body, engine, Pulse::new(KEEPALIVE, idle, idle))
}

/// What a client gets, and after how many seconds.
async fn told(mut body: StreamBody) -> (Vec<(u64, String)>, StreamBody) {
    let begun = Instant::now();
    let mut told = Vec::new();
    while let Some(bytes) = poll_fn(|cx| body.poll_next(cx)).await {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        told.push((begun.elapsed().as_secs(), text));
    }
    (told, body)
}

fn sign_of_life(client: Protocol) -> &'static str {
    match client {
        Protocol::Chat => ": keep-alive\n\n",
        // Codex counts events and not comments.
        Protocol::Responses => {
            "event: keepalive\ndata: {\"type\":\"keepalive\",\"sequence_number\":"
        }
        Protocol::Messages => "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    }
}

/// Case 15: Claude Code gives up after 300 s without a byte, Codex after 300 s without an event.
#[tokio::test(start_paused = true)]
async fn a_silent_upstream_is_bridged_in_the_clients_own_words_on_every_hop() {
    for client in Protocol::ALL {
        for upstream in Protocol::ALL {
            let what = format!("{upstream} to {client}");
            let silence = Duration::from_secs(200);
            let body = stream(client, upstream, &halves(upstream), silence);
            let (told, body) = told(body).await;
            let signs: Vec<u64> = told
                .iter()
                .filter(|(_, text)| text.starts_with(sign_of_life(client)))
                .map(|(at, _)| *at)
                .collect();
            let every: Vec<u64> = (1..=13).map(|count| 15 * count).collect();
            assert_eq!(signs, every, "{what}: {told:?}");
            assert_eq!(body.outcome(), Outcome::End, "{what}");
            let last = &told.last().unwrap().1;
            let end = match client {
                Protocol::Chat => "[DONE]",
                Protocol::Responses => "response.completed",
                Protocol::Messages => "message_stop",
            };
            assert!(last.contains(end), "{what}: {last}");
        }
    }
}

/// The numbers of a Responses stream stay in order, whoever counts them.
#[tokio::test(start_paused = true)]
async fn signs_of_life_do_not_disturb_the_numbers_of_events() {
    for upstream in Protocol::ALL {
        let body = stream(
            Protocol::Responses,
            upstream,
            &halves(upstream),
            Duration::from_secs(50),
        );
        let (told, _) = told(body).await;
        let mut last = -1;
        for line in told.iter().flat_map(|(_, text)| text.lines()) {
            let Some(data) = line.strip_prefix("data: {") else {
                continue;
            };
            let event: serde_json::Value = serde_json::from_str(&format!("{{{data}")).unwrap();
            let number = event["sequence_number"].as_i64().unwrap();
            let sign = event["type"] == "keepalive";
            assert!(
                number > last || sign && number == last,
                "{upstream}: {told:?}"
            );
            last = number;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_silence_that_does_not_end_ends_in_an_error() {
    for client in Protocol::ALL {
        for upstream in Protocol::ALL {
            let pieces = [halves(upstream)[0], halves(upstream)[1]];
            let body = stream(client, upstream, &pieces, Duration::from_secs(400));
            let (told, body) = told(body).await;
            let (at, last) = told.last().unwrap();
            let what = format!("{upstream} to {client}: {last}");
            assert_eq!(*at, 300, "{what}");
            assert!(last.contains("sent nothing for 300 s"), "{what}");
            assert_eq!(body.outcome(), Outcome::Stalled, "{what}");
        }
    }
}

/// A model that thinks for long before it refuses is not worth a client that leaves (R5, S4).
#[tokio::test(start_paused = true)]
async fn a_stream_is_held_for_a_refusal_until_a_sign_of_life_is_due() {
    let thought = "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"},\"finish_reason\":null}]}\n\n";
    let refusal = "data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"no\"},\"finish_reason\":null}]}\n\n";
    for client in [Protocol::Chat, Protocol::Responses] {
        for (pause, held, is_refusal) in [(4, 12, true), (6, 15, false)] {
            let pieces = [thought, thought, thought, refusal];
            let pause = Duration::from_secs(pause);
            let mut body = stream(client, Protocol::Chat, &pieces, pause);
            body.scout(Scout::new(Protocol::Chat, 1 << 20));
            let begun = Instant::now();
            body.begin().await.unwrap();
            let after = begun.elapsed().as_secs();
            assert_eq!((after, body.take_refusal()), (held, is_refusal), "{client}");
        }
    }
}

/// Case 12: a role is held like any other beginning, and no longer (R5, S4).
#[tokio::test(start_paused = true)]
async fn a_role_is_held_until_the_first_word_or_a_sign_of_life() {
    let role = "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
    let text = halves(Protocol::Chat)[0];
    for (pause, held, sign) in [(4, 4, ""), (20, 15, ": keep-alive\n\n")] {
        let pause = Duration::from_secs(pause);
        let mut body = stream(Protocol::Chat, Protocol::Chat, &[role, text], pause);
        let begun = Instant::now();
        body.begin().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), held);
        let (told, _) = told(body).await;
        let got: String = told.into_iter().map(|(_, text)| text).collect();
        assert!(got.starts_with(&format!("{role}{sign}{text}")), "{got}");
    }
}
