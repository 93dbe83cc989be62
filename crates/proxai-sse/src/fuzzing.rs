//! The decoder against a slow twin, for the fuzz target and the tests; no part of the API.
//!
//! [`oracle`] reads the whole input at once, byte by byte and line by line, and shares no code with
//! the decoder. [`fuzz_decode`] demands that the decoder agrees with it however the input is cut,
//! that no byte is lost, that the limit is exact, and that what [`encode`] writes reads back.

use bytes::{Bytes, BytesMut};

use crate::{Decoder, Frame, Oversized, encode};

/// What a frame says, by value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    pub raw: Vec<u8>,
    pub event: Option<String>,
    pub data: Vec<u8>,
    pub done: bool,
    pub comment: bool,
    pub well_formed: bool,
}

impl From<&Frame> for Reading {
    fn from(frame: &Frame) -> Self {
        Self {
            raw: frame.raw().to_vec(),
            event: frame.event().map(str::to_owned),
            data: frame.data().to_vec(),
            done: frame.is_done(),
            comment: frame.is_comment(),
            well_formed: frame.well_formed(),
        }
    }
}

/// Checks everything above for one input. Panics where the decoder is wrong.
pub fn fuzz_decode(input: &[u8]) {
    let (expected, blank) = oracle(input);
    let whole = Bytes::copy_from_slice(input);
    for chunks in chunkings(&whole) {
        let (frames, rest) = decode(&chunks, usize::MAX).expect("there is no limit to exceed");
        let readings: Vec<Reading> = frames.iter().map(Reading::from).collect();
        assert_eq!(readings, expected, "cut into {chunks:?}");
        assert_eq!(rest, blank, "cut into {chunks:?}");
        frames.iter().for_each(assert_canonical);
        assert_blank_lines_can_be_taken_early(&chunks, input, &expected);
        assert_limit_is_exact(&chunks, &expected, &blank);
    }
    assert_encoded_reads_back(input);
}

/// All frames of `chunks`, and the blank lines behind the last one.
pub fn decode(chunks: &[Bytes], max_frame: usize) -> Result<(Vec<Frame>, Bytes), Oversized> {
    let mut decoder = Decoder::with_max_frame(max_frame);
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Some(frame) = decoder.next_frame()? {
            frames.push(frame);
        }
    }
    while let Some(frame) = decoder.finish()? {
        frames.push(frame);
    }
    let rest = decoder.take_blank_lines();
    assert_eq!(decoder.buffered(), 0, "bytes were left behind");
    Ok((frames, rest))
}

/// Reads `input` without any cleverness: its frames, and the blank lines behind the last one.
pub fn oracle(input: &[u8]) -> (Vec<Reading>, Vec<u8>) {
    let mut frames = Vec::new();
    let mut raw = Vec::new();
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut line = Vec::new();
    let mut bom = false;
    let mut position = 0;
    if input.starts_with(b"\xEF\xBB\xBF") {
        bom = true;
        raw.extend_from_slice(&input[..3]);
        position = 3;
    }
    while position < input.len() {
        let byte = input[position];
        position += 1;
        raw.push(byte);
        if byte != b'\n' && byte != b'\r' {
            line.push(byte);
            continue;
        }
        if byte == b'\r' && position < input.len() && input[position] == b'\n' {
            raw.push(b'\n');
            position += 1;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        } else if !lines.is_empty() {
            frames.push(read(std::mem::take(&mut raw), &lines, !bom));
            lines.clear();
            bom = false;
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    if !lines.is_empty() {
        frames.push(read(std::mem::take(&mut raw), &lines, false));
    }
    (frames, raw)
}

fn read(raw: Vec<u8>, lines: &[Vec<u8>], mut well_formed: bool) -> Reading {
    let mut event = Vec::new();
    let mut data: Vec<Vec<u8>> = Vec::new();
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':');
        let name = &line[..colon.unwrap_or(line.len())];
        let mut value = colon.map(|at| line[at + 1..].to_vec()).unwrap_or_default();
        if value.starts_with(b" ") {
            value.remove(0);
        }
        let mut unindented = line.clone();
        while unindented.starts_with(b" ") || unindented.starts_with(b"\t") {
            unindented.remove(0);
        }
        if name == b"data" {
            data.push(value);
        } else if name == b"event" {
            event = value;
        } else if name == b"id" || name == b"retry" || name.is_empty() {
        } else if unindented.starts_with(b"{") || unindented.starts_with(b"[") {
            data.push(unindented);
            well_formed = false;
        } else {
            well_formed = false;
        }
    }
    let data = data.join(&b'\n');
    let trimmed = data.trim_ascii().to_ascii_uppercase();
    let done = trimmed == b"[DONE]";
    Reading {
        raw,
        comment: event.is_empty() && trimmed.is_empty(),
        event: String::from_utf8(event)
            .ok()
            .filter(|event| !event.is_empty()),
        well_formed: well_formed && (!done || data == b"[DONE]"),
        done,
        data,
    }
}

/// Ways to cut `whole`: not at all, at every byte, at every single place if it is short, and a few
/// places that depend on the bytes alone, so that a failure can be repeated.
fn chunkings(whole: &Bytes) -> Vec<Vec<Bytes>> {
    let length = whole.len();
    let mut all = vec![vec![whole.clone()]];
    if length <= 1 << 12 {
        all.push((0..length).map(|at| whole.slice(at..=at)).collect());
    }
    if length <= 48 {
        all.extend((1..length).map(|at| vec![whole.slice(..at), whole.slice(at..)]));
    }
    let mut state = whole.iter().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
    });
    for longest in [3_u64, 17, 256] {
        let mut chunks = Vec::new();
        let mut rest = whole.clone();
        while !rest.is_empty() {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(1);
            let take = usize::try_from((state >> 33) % longest + 1).unwrap_or(1);
            chunks.push(rest.split_to(take.min(rest.len())));
        }
        all.push(chunks);
    }
    all
}

/// A repaired frame says the same, well.
fn assert_canonical(frame: &Frame) {
    let mut out = BytesMut::new();
    encode::canonical(frame, &mut out);
    let (frames, rest) = oracle(&out);
    assert!(rest.is_empty(), "{out:?}");
    if out.is_empty() {
        assert!(frame.is_comment(), "{frame:?}");
        return;
    }
    let [repaired] = frames.as_slice() else {
        panic!("{frame:?} became {out:?}");
    };
    assert!(repaired.well_formed, "{frame:?} became {out:?}");
    assert_eq!(repaired.event.as_deref(), frame.event());
    assert_eq!(repaired.done, frame.is_done());
    if !frame.is_done() {
        assert_eq!(repaired.data, frame.data());
    }
}

fn assert_blank_lines_can_be_taken_early(chunks: &[Bytes], input: &[u8], expected: &[Reading]) {
    let mut decoder = Decoder::new();
    let mut forwarded = Vec::new();
    let mut meanings = Vec::new();
    let mut forward = |frame: &Frame, forwarded: &mut Vec<u8>| {
        forwarded.extend_from_slice(frame.raw());
        meanings.push((frame.event().map(str::to_owned), frame.data().to_vec()));
    };
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Ok(Some(frame)) = decoder.next_frame() {
            forward(&frame, &mut forwarded);
        }
        forwarded.extend_from_slice(&decoder.take_blank_lines());
    }
    while let Ok(Some(frame)) = decoder.finish() {
        forward(&frame, &mut forwarded);
    }
    forwarded.extend_from_slice(&decoder.take_blank_lines());
    assert_eq!(forwarded, input, "forwarding changed the bytes");
    let expected: Vec<_> = expected
        .iter()
        .map(|frame| (frame.event.clone(), frame.data.clone()))
        .collect();
    assert_eq!(meanings, expected);
}

/// A limit as large as the largest frame is never exceeded, one byte less always is.
fn assert_limit_is_exact(chunks: &[Bytes], expected: &[Reading], blank: &[u8]) {
    let largest = expected.iter().map(|frame| frame.raw.len());
    let largest = largest.chain([blank.len()]).max().unwrap_or(0);
    let within = decode(chunks, largest).expect("no frame exceeds the limit");
    assert_eq!(within.0.len(), expected.len());
    if largest > 0 {
        let limit = largest - 1;
        let error = decode(chunks, limit).expect_err("a frame exceeds the limit");
        assert_eq!(error.limit(), limit);
    }
}

fn assert_encoded_reads_back(payload: &[u8]) {
    let text = String::from_utf8_lossy(payload);
    let mut out = BytesMut::new();
    encode::raw(&mut out, Some(&text), payload);
    encode::comment(&mut out, &text);
    let (frames, rest) = oracle(&out);
    let [frame, comment] = frames.as_slice() else {
        panic!("two frames were written, not {out:?}");
    };
    let event = text.replace(['\r', '\n'], "");
    assert_eq!(frame.event.as_deref().unwrap_or_default(), event);
    let lines = replace(&replace(payload, b"\r\n", b"\n"), b"\r", b"\n");
    assert_eq!(frame.data, lines);
    assert_eq!(frame.well_formed, !frame.done || lines == b"[DONE]");
    assert!(comment.comment && comment.well_formed && comment.data.is_empty());
    assert!(rest.is_empty());
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut position = 0;
    while position < text.len() {
        if text[position..].starts_with(from) {
            out.extend_from_slice(to);
            position += from.len();
        } else {
            out.push(text[position]);
            position += 1;
        }
    }
    out
}
