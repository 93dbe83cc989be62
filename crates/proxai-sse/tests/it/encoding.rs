//! What is written, and that it reads back.

use bytes::{Bytes, BytesMut};
use proxai_sse::{Frame, encode, fuzzing::decode};

fn read(bytes: &[u8]) -> Vec<Frame> {
    let (frames, rest) =
        decode(&[Bytes::copy_from_slice(bytes)], 1 << 20).expect("within the limit");
    assert!(rest.is_empty());
    frames
}

#[test]
fn a_frame_is_written_in_one_form() {
    let mut out = BytesMut::new();
    encode::raw(&mut out, Some("delta"), b"{\"a\":1}");
    encode::raw(&mut out, None, b"{}");
    encode::comment(&mut out, "keep-alive");
    encode::open(&mut out, Some("ping"));
    out.extend_from_slice(b"{\"type\":\"ping\"}");
    encode::close(&mut out);
    out.extend_from_slice(encode::DONE);
    assert_eq!(
        &out[..],
        b"event: delta\ndata: {\"a\":1}\n\n\
          data: {}\n\n\
          : keep-alive\n\n\
          event: ping\ndata: {\"type\":\"ping\"}\n\n\
          data: [DONE]\n\n"
    );
    assert!(read(&out).iter().all(Frame::well_formed));
}

#[test]
fn data_with_line_ends_becomes_several_lines_and_reads_back_with_line_feeds() {
    let mut out = BytesMut::new();
    encode::raw(&mut out, None, b"a\nb\r\nc\rd\n\n e\n");
    assert_eq!(
        &out[..],
        b"data: a\ndata: b\ndata: c\ndata: d\ndata: \ndata:  e\ndata: \n\n"
    );
    assert_eq!(read(&out)[0].data(), b"a\nb\nc\nd\n\n e\n");
}

#[test]
fn neither_data_nor_names_nor_comments_can_forge_a_frame() {
    let mut out = BytesMut::new();
    encode::raw(
        &mut out,
        Some("a\n\ndata: x\r\n"),
        b"\n\nevent: forged\n\ndata: y\n\n",
    );
    encode::comment(&mut out, "c\n\ndata: z");
    let frames = read(&out);
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].event(), Some("adata: x"));
    assert_eq!(frames[0].data(), b"\n\nevent: forged\n\ndata: y\n\n");
    assert!(frames[1].is_comment());
}

#[test]
fn empty_data_and_an_empty_name_are_fine() {
    let mut out = BytesMut::new();
    encode::raw(&mut out, Some(""), b"");
    assert_eq!(&out[..], b"data: \n\n");
}
