//! What frames say, for every cut and every line end (requirement S2).

use bytes::Bytes;
use proxai_sse::{
    Decoder, Frame,
    fuzzing::{Reading, decode, oracle},
};
use proxai_testkit::{
    mutate::Rng,
    splits::{every_split, line_ending_variants},
};

use crate::seeds::SEEDS;

/// `(event, data)` of each frame.
type Said<'a> = &'a [(Option<&'a str>, &'a [u8])];

fn read(chunks: &[Bytes]) -> Vec<Frame> {
    decode(chunks, 1 << 20).expect("within the limit").0
}

/// Reads `input` cut in every way and checks what it says each time.
fn assert_says(input: &[u8], expected: Said<'_>) {
    every_split(input, |chunks| {
        let frames = read(chunks);
        let said: Vec<_> = frames
            .iter()
            .map(|frame| (frame.event(), frame.data()))
            .collect();
        assert_eq!(said, expected, "cut into {chunks:?}");
    });
}

/// The same with LF, CRLF, CR and mixed line ends.
fn assert_says_with_any_line_end(lf_text: &[u8], expected: Said<'_>) {
    for (_, input) in line_ending_variants(lf_text) {
        assert_says(&input, expected);
    }
}

#[test]
fn all_line_ends_read_the_same_wherever_the_input_is_cut() {
    assert_says_with_any_line_end(
        b"event: start\ndata: {\"a\":1}\n\ndata: two\n\n: note\ndata: three\n\n",
        &[
            (Some("start"), b"{\"a\":1}"),
            (None, b"two"),
            (None, b"three"),
        ],
    );
}

#[test]
fn a_carriage_return_at_the_end_of_a_read_is_not_taken_for_a_blank_line() {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from_static(b"event: a\r"));
    assert!(decoder.next_frame().unwrap().is_none());
    decoder.push(Bytes::from_static(b"\ndata: b\r\n\r"));
    assert!(decoder.next_frame().unwrap().is_none());
    decoder.push(Bytes::from_static(b"\n"));
    let frame = decoder.next_frame().unwrap().unwrap();
    assert_eq!((frame.event(), frame.data()), (Some("a"), &b"b"[..]));
    assert_eq!(&frame.raw()[..], b"event: a\r\ndata: b\r\n\r\n");
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn characters_split_over_reads_stay_whole_and_unicode_separators_end_no_line() {
    let data = "ü€🎉 \u{2028}\u{2029}\u{85}\u{b}\u{c} end";
    assert_says_with_any_line_end(
        format!("data: {data}\n\n").as_bytes(),
        &[(None, data.as_bytes())],
    );
}

#[test]
fn the_space_behind_the_colon_is_optional_and_only_one_is_dropped() {
    assert_says(
        b"event:a\ndata:{}\n\nevent: b\ndata:  x \n\n",
        &[(Some("a"), b"{}"), (Some("b"), b" x ")],
    );
}

#[test]
fn several_data_lines_are_joined_with_line_feeds() {
    assert_says_with_any_line_end(
        b"data: {\ndata:  \"a\": 1\ndata\ndata:\ndata: }\n\n",
        &[(None, b"{\n \"a\": 1\n\n\n}")],
    );
}

#[test]
fn a_json_line_without_a_field_name_is_data() {
    assert_says_with_any_line_end(
        b"{\"error\":1}\n\n \t[1]\n\nevent: error\n{\"b\":2}\n\n[DONE]\n\n",
        &[
            (None, b"{\"error\":1}"),
            (None, b"[1]"),
            (Some("error"), b"{\"b\":2}"),
            (None, b"[DONE]"),
        ],
    );
}

#[test]
fn a_line_end_inside_json_leaves_json_that_does_not_parse() {
    assert_says(
        b"data: {\"text\":\"one\ntwo\"}\n\n",
        &[(None, b"{\"text\":\"one")],
    );
    assert_says(
        b"data: {\"text\":\"one\n{two\"}\n\n",
        &[(None, b"{\"text\":\"one\n{two\"}")],
    );
}

#[test]
fn comments_are_frames_of_their_own_or_part_of_the_next_one() {
    every_split(b": hello\n\n:\n\n: x\ndata: y\n\n", |chunks| {
        let frames = read(chunks);
        let comments: Vec<_> = frames.iter().map(Frame::is_comment).collect();
        assert_eq!(comments, [true, true, false]);
        assert_eq!(&frames[0].raw()[..], b": hello\n\n");
        assert_eq!(frames[2].data(), b"y");
    });
}

#[test]
fn frames_that_say_nothing_count_as_comments_and_named_events_do_not() {
    let says_nothing = |input: &'static [u8]| {
        let frames = read(&[Bytes::from_static(input)]);
        assert_eq!(frames.len(), 1, "{input:?}");
        frames[0].is_comment()
    };
    assert!(says_nothing(b"id: 1\n\n"));
    assert!(says_nothing(b"retry: 5\n\n"));
    assert!(says_nothing(b"data:\n\n"));
    assert!(says_nothing(b"data:   \n\n"));
    assert!(says_nothing(b"event:\n\n"));
    assert!(says_nothing(b"502 Bad Gateway\n\n"));
    assert!(!says_nothing(b"event: ping\n\n"));
    assert!(!says_nothing(b"data: 0\n\n"));
}

#[test]
fn a_byte_order_mark_is_skipped_at_the_start_of_the_stream_only() {
    assert_says_with_any_line_end(
        b"\xEF\xBB\xBFdata: a\n\n\xEF\xBB\xBFdata: b\n\n",
        &[(None, b"a"), (None, b"")],
    );
    assert_says_with_any_line_end(b"\xEF\xBB\xBF\n\ndata: a\n\n", &[(None, b"a")]);
    assert_says(
        b"\xEF\xBBdata: a\n\ndata: b\n\n",
        &[(None, b""), (None, b"b")],
    );
}

#[test]
fn half_a_byte_order_mark_is_a_line_that_means_nothing() {
    assert_says_with_any_line_end(b"\xEF\xBB\n\ndata: a\n\n", &[(None, b""), (None, b"a")]);
    assert_says(b"\xEF", &[(None, b"")]);
}

#[test]
fn done_is_recognised_in_any_case_and_padding_and_each_time() {
    every_split(
        b"data: [DONE]\n\ndata:[done]\n\ndata:  [Done]\t \n\n[DONE]\n\ndata: [DONE]x\n\n",
        |chunks| {
            let done: Vec<_> = read(chunks).iter().map(Frame::is_done).collect();
            assert_eq!(done, [true, true, true, true, false]);
        },
    );
}

#[test]
fn the_last_frame_needs_no_blank_line_and_no_line_end() {
    for end in ["", "\n", "\r", "\r\n", "\r\r", "\r\n\r"] {
        let input = format!("data: a\n\nevent: b\ndata: {{\"c\":1}}{end}");
        assert_says(input.as_bytes(), &[(None, b"a"), (Some("b"), b"{\"c\":1}")]);
    }
}

#[test]
fn the_last_of_several_event_names_counts_and_bad_text_is_no_name() {
    assert_says(
        b"event: a\nevent: b\ndata: x\n\nevent: \xFF\ndata: y\n\n",
        &[(Some("b"), b"x"), (None, b"y")],
    );
}

#[test]
fn names_that_only_resemble_fields_are_ignored() {
    assert_says(
        b"DATA: x\ndata : x\ndatax: x\n data: x\nevents: x\ndata: y\n\n",
        &[(None, b"y")],
    );
}

#[test]
fn finish_hands_out_everything_that_was_never_asked_for() {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from_static(b"data: a\n\nda"));
    decoder.push(Bytes::from_static(b"ta: b\n\ndata"));
    decoder.push(Bytes::new());
    decoder.push(Bytes::from_static(b": c"));
    assert_eq!(decoder.buffered(), 25);
    let mut data = Vec::new();
    while let Some(frame) = decoder.finish().unwrap() {
        data.push(frame.data_bytes().clone());
    }
    assert_eq!(data, ["a", "b", "c"]);
    assert_eq!(decoder.buffered(), 0);
    assert!(decoder.finish().unwrap().is_none());
}

#[test]
fn blank_lines_make_no_frame_and_no_byte_is_lost() {
    let input = b"\n\r\n\rdata: a\n\n\n\n: b\r\n\r\n\r\ndata: c\r\r\r\n\n";
    every_split(input, |chunks| {
        let (frames, blank) = decode(chunks, 1 << 20).unwrap();
        let raw: Vec<&[u8]> = frames.iter().map(|frame| &frame.raw()[..]).collect();
        assert_eq!(
            raw,
            [
                &b"\n\r\n\rdata: a\n\n"[..],
                b"\n\n: b\r\n\r\n",
                b"\r\ndata: c\r\r"
            ]
        );
        assert_eq!(&blank[..], b"\r\n\n");
    });
}

#[test]
fn blank_lines_sent_as_keep_alives_can_be_passed_on_at_once() {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::from_static(b"\n\n\r"));
    assert!(decoder.take_blank_lines().is_empty(), "not looked at yet");
    assert!(decoder.next_frame().unwrap().is_none());
    // The CR may be half of a CRLF, so it stays.
    assert_eq!(&decoder.take_blank_lines()[..], b"\n\n");
    decoder.push(Bytes::from_static(b"\n: x"));
    assert!(decoder.next_frame().unwrap().is_none());
    assert!(decoder.take_blank_lines().is_empty(), "a frame has begun");
    decoder.push(Bytes::from_static(b"\n\n"));
    let frame = decoder.next_frame().unwrap().unwrap();
    assert_eq!(&frame.raw()[..], b"\r\n: x\n\n");
}

#[test]
fn every_seed_reads_as_the_naive_reader_reads_it() {
    for seed in SEEDS {
        let (expected, _) = oracle(seed);
        every_split(seed, |chunks| {
            let readings: Vec<_> = read(chunks).iter().map(Reading::from).collect();
            assert_eq!(readings, expected, "cut into {chunks:?}");
        });
    }
}

#[test]
fn long_streams_survive_random_cuts() {
    let mut rng = Rng::new(11);
    let mut input = Vec::new();
    while input.len() < 40_000 {
        input.extend_from_slice(rng.choose(SEEDS).unwrap());
        input.extend_from_slice(b"data: ");
        input.resize(input.len() + rng.below(3_000), b'x');
        input.extend_from_slice(b"\n\n");
    }
    let (expected, _) = oracle(&input);
    every_split(&input, |chunks| {
        let readings: Vec<_> = read(chunks).iter().map(Reading::from).collect();
        assert!(readings == expected, "cut differently, read differently");
    });
}
