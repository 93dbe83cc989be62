//! Streams with unusual framing give the same frames however they are cut (S2).

use std::collections::BTreeSet;

use bytes::Bytes;
use proxai_sse::{Decoder, Frame};
use proxai_testkit::{fixtures, splits};

fn frames(chunks: &[Bytes]) -> (Vec<Frame>, Vec<u8>) {
    let mut decoder = Decoder::new();
    let mut frames = Vec::new();
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Some(frame) = decoder.next_frame().expect("within the limit") {
            frames.push(frame);
        }
    }
    while let Some(frame) = decoder.finish().expect("within the limit") {
        frames.push(frame);
    }
    let rest = decoder.take_blank_lines().to_vec();
    (frames, rest)
}

fn told(frames: &[Frame]) -> String {
    let mut lines = Vec::new();
    for frame in frames {
        let kind = match (frame.is_done(), frame.is_comment()) {
            (true, _) => "done",
            (_, true) => "comment",
            _ => "data",
        };
        let form = if frame.well_formed() {
            ""
        } else {
            ", repaired"
        };
        let event = frame.event().unwrap_or("-");
        let data = String::from_utf8_lossy(frame.data());
        lines.push(format!("{kind}{form} | {event} | {data:?}"));
    }
    lines.join("\n")
}

#[test]
fn goldens_of_framings_hold_at_every_split() {
    let mut names = BTreeSet::new();
    for (name, body) in fixtures::framings() {
        let whole = told(&frames(&[Bytes::from(body.clone())]).0);
        splits::every_split(&body, |chunks| {
            assert_eq!(told(&frames(chunks).0), whole, "{name}");
        });
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(fixtures::root().join("sse/golden"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let stem = name.trim_end_matches(".sse");
        settings.bind(|| insta::assert_snapshot!(stem, whole));
        names.insert(name);
    }
    assert!(names.len() >= 10, "{names:?}");
}

#[test]
fn framings_forward_every_byte() {
    for (name, body) in fixtures::framings() {
        splits::every_split(&body, |chunks| {
            let (frames, rest) = frames(chunks);
            let mut again: Vec<u8> = frames.iter().flat_map(|f| f.raw().to_vec()).collect();
            again.extend(rest);
            assert_eq!(again, body, "{name}");
        });
    }
}
