//! Frames are repaired only where malformed (requirement P10).

use bytes::{Bytes, BytesMut};
use proxai_sse::{Frame, encode, fuzzing::decode};

fn only_frame(bytes: &[u8]) -> Frame {
    let (frames, _) = decode(&[Bytes::copy_from_slice(bytes)], 1 << 20).expect("within the limit");
    let [frame] = frames.as_slice() else {
        panic!("one frame, not {frames:?}");
    };
    frame.clone()
}

#[test]
fn what_the_specification_allows_is_well_formed() {
    for wire in [
        &b"data: {}\n\n"[..],
        b"data:{}\r\n\r\n",
        b"data: {}\r\r",
        b"\n\ndata: after blank lines\n\n",
        b"event: a\ndata: 1\ndata: 2\nid: 3\nretry: 4\n: note\n\n",
        b": comment\n\n",
        b"data\n\n",
        b"data:[DONE]\n\n",
    ] {
        assert!(only_frame(wire).well_formed(), "{wire:?}");
    }
}

#[test]
fn what_was_understood_out_of_kindness_is_repaired() {
    let cases: &[(&[u8], &[u8])] = &[
        (b"{\"a\":1}\n\n", b"data: {\"a\":1}\n\n"),
        (b"event: e\n  [1]\n\n", b"event: e\ndata: [1]\n\n"),
        (b"data: [done]\r\n\r\n", b"data: [DONE]\n\n"),
        (b"data:  [DONE] \n\n", b"data: [DONE]\n\n"),
        (b"[DONE]\n\n", b"data: [DONE]\n\n"),
        (
            b"event: end\ndata: [Done]\n\n",
            b"event: end\ndata: [DONE]\n\n",
        ),
        (b"data: {\"last\":1}", b"data: {\"last\":1}\n\n"),
        (b"event: x\ndata: y\n", b"event: x\ndata: y\n\n"),
        (b"\xEF\xBB\xBFdata: x\n\n", b"data: x\n\n"),
        (b"\xEF\xBB\xBFdata:\n\n", b"data: \n\n"),
        (b"garbage\ndata: x\n\n", b"data: x\n\n"),
        (
            b"data: 1\ndata: 2\nid: 3\n: note",
            b"id: 3\n: note\ndata: 1\ndata: 2\n\n",
        ),
        (b"event: a\nevent: b\n", b"event: b\n\n"),
        (b": cut", b": cut\n\n"),
        (b"502 Bad Gateway\n\n", b""),
    ];
    for (wire, repaired) in cases {
        let frame = only_frame(wire);
        assert!(!frame.well_formed(), "{wire:?}");
        let mut out = BytesMut::from(&b"kept"[..]);
        encode::canonical(&frame, &mut out);
        assert_eq!(out.strip_prefix(b"kept").unwrap(), *repaired, "{wire:?}");
        if !repaired.is_empty() {
            let again = only_frame(repaired);
            assert!(again.well_formed(), "{wire:?}");
            assert_eq!(again.event(), frame.event());
        }
    }
}

#[test]
fn a_frame_that_ends_the_stream_with_its_blank_line_needs_no_repair() {
    // The second CR could have been half of a CRLF until the stream ended.
    assert!(only_frame(b"data: x\r\r").well_formed());
    assert!(only_frame(b"data: x\n\r").well_formed());
    for cut in [&b"data: x"[..], b"data: x\n", b"data: x\r", b"data: x\r\n"] {
        assert!(!only_frame(cut).well_formed(), "{cut:?}");
    }
}
