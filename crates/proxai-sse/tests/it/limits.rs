//! Frames over the limit are an error, not memory (requirement S2).

use bytes::Bytes;
use proxai_sse::{Decoder, fuzzing::decode};
use proxai_testkit::splits::every_split;

#[test]
fn a_frame_may_be_as_large_as_the_limit_and_not_one_byte_larger() {
    let input = b"data: 1\n\n\ndata: 12\n\n: 3\r\r";
    every_split(input, |chunks| {
        assert_eq!(decode(chunks, 11).unwrap().0.len(), 3);
        assert_eq!(decode(chunks, 10).unwrap_err().limit(), 10);
    });
}

#[test]
fn an_endless_frame_is_refused_before_it_is_stored() {
    let mut decoder = Decoder::with_max_frame(1_000);
    let mut fed = 0;
    let error = loop {
        decoder.push(Bytes::from_static(&[b'x'; 64]));
        fed += 64;
        match decoder.next_frame() {
            Ok(None) => assert!(decoder.buffered() <= 1_000, "{}", decoder.buffered()),
            Ok(Some(frame)) => panic!("no frame ends here: {frame:?}"),
            Err(error) => break error,
        }
    };
    assert_eq!(fed, 1_024);
    assert_eq!(decoder.buffered(), 0);
    assert!(error.to_string().contains("1000 bytes"), "{error}");
}

#[test]
fn endless_blank_lines_are_refused_too() {
    let mut decoder = Decoder::with_max_frame(8);
    decoder.push(Bytes::from_static(b"\n\n\n\n\n\n\n\n"));
    assert!(decoder.next_frame().unwrap().is_none());
    decoder.push(Bytes::from_static(b"\n"));
    assert_eq!(decoder.next_frame().unwrap_err().limit(), 8);
}

#[test]
fn frames_in_front_of_the_large_one_come_out_and_the_error_stays() {
    let mut decoder = Decoder::with_max_frame(10);
    decoder.push(Bytes::from_static(b"data: 1\n\ndata: 12345\n\ndata: 2\n\n"));
    assert_eq!(decoder.next_frame().unwrap().unwrap().data(), b"1");
    let error = decoder.next_frame().unwrap_err();
    decoder.push(Bytes::from_static(b"data: 3\n\n"));
    assert_eq!(decoder.buffered(), 0);
    assert_eq!(decoder.next_frame().unwrap_err(), error);
    assert_eq!(decoder.finish().unwrap_err(), error);
    assert!(decoder.take_blank_lines().is_empty());
}
