//! Streams of every upstream for every client.

use proptest::prelude::*;
use proxai_translate::fuzzing::check_stream;
use proxai_types::Protocol;

use crate::frames::stream;
use crate::requests::config;

/// What [`check_stream`] demands, for every client and where the stream is cut at any place.
fn holds(upstream: Protocol, body: &[u8], seed: usize) {
    for client in Protocol::ALL {
        check_stream(client, upstream, body, seed);
        check_stream(client, upstream, &body[..seed % (body.len() + 1)], seed);
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn chat_streams_reach_every_client(body in stream(Protocol::Chat), seed in 0_usize..5000) {
        holds(Protocol::Chat, &body, seed);
    }

    #[test]
    fn responses_streams_reach_every_client(body in stream(Protocol::Responses), seed in 0_usize..5000) {
        holds(Protocol::Responses, &body, seed);
    }

    #[test]
    fn messages_streams_reach_every_client(body in stream(Protocol::Messages), seed in 0_usize..5000) {
        holds(Protocol::Messages, &body, seed);
    }
}
