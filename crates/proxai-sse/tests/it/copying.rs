//! Which bytes are copied, and how often they are looked at.

use bytes::Bytes;
use proxai_sse::{Decoder, Frame};

fn lies_within(part: &[u8], whole: &[u8]) -> bool {
    whole.as_ptr_range().start <= part.as_ptr_range().start
        && part.as_ptr_range().end <= whole.as_ptr_range().end
}

fn drain(decoder: &mut Decoder) -> Vec<Frame> {
    std::iter::from_fn(|| decoder.next_frame().expect("within the limit")).collect()
}

#[test]
fn frames_within_one_chunk_are_slices_of_it() {
    let chunk = Bytes::from_static(b"event: a\ndata: 1\n\n: c\n\n{\"x\":2}\n\ndata: end");
    let mut decoder = Decoder::new();
    decoder.push(chunk.clone());
    let mut frames = drain(&mut decoder);
    frames.extend(decoder.finish().unwrap());
    assert_eq!(frames.len(), 4);
    for frame in &frames {
        assert!(lies_within(frame.raw(), &chunk), "{frame:?}");
    }
    for index in [0, 2, 3] {
        assert!(lies_within(frames[index].data(), &chunk));
    }
    assert!(lies_within(frames[0].event().unwrap().as_bytes(), &chunk));
}

#[test]
fn only_the_frame_that_straddles_two_chunks_is_copied() {
    let first = Bytes::from_static(b"data: 1\n\ndata: 2");
    let second = Bytes::from_static(b"2\n\ndata: 3\n\n");
    let mut decoder = Decoder::new();
    decoder.push(first.clone());
    let mut frames = drain(&mut decoder);
    decoder.push(second.clone());
    frames.extend(drain(&mut decoder));
    assert!(lies_within(frames[0].raw(), &first));
    assert_eq!(frames[1].data(), b"22");
    assert!(!lies_within(frames[1].raw(), &first) && !lies_within(frames[1].raw(), &second));
    assert!(lies_within(frames[1].data(), frames[1].raw()));
    assert!(lies_within(frames[2].raw(), &second));
}

#[test]
fn joined_data_is_the_only_other_copy() {
    let chunk = Bytes::from_static(b"data: 1\ndata: 2\n\n");
    let mut decoder = Decoder::new();
    decoder.push(chunk.clone());
    let frame = decoder.next_frame().unwrap().unwrap();
    assert!(lies_within(frame.raw(), &chunk));
    assert_eq!(frame.data(), b"1\n2");
    assert!(!lies_within(frame.data(), &chunk));
}

#[test]
fn a_large_frame_in_single_bytes_is_read_in_linear_time() {
    // Looking again at what was looked at before would make this 2 * 10^12 steps.
    let length = 2 << 20;
    let byte = Bytes::from_static(b"x");
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from_static(b"data: "));
    for _ in 0..length {
        decoder.push(byte.clone());
        assert!(decoder.next_frame().unwrap().is_none());
    }
    decoder.push(Bytes::from_static(b"\n\n"));
    let frame = decoder.next_frame().unwrap().unwrap();
    assert_eq!(frame.data().len(), length);
}
