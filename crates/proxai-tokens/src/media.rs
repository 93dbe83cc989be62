//! How many tokens pictures, documents, sound and video are.
//!
//! Vendors publish rules for sizes, pages and seconds, not for bytes, so those are found out as far
//! as headers tell. Nothing is fetched, rendered or decoded. What cannot be known counts like the
//! typical case named at the constant.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use proxai_ir::{Media, MediaKind};

use crate::picture;

/// Text tokens of one page: the lower end of the 1,500 to 3,000 in
/// <https://platform.claude.com/docs/en/build-with-claude/pdf-support>. The other
/// vendors give no number for pages.
const PAGE: u64 = 1_500;

/// Bytes of a page, for a PDF that hides its pages in compressed streams.
const PAGE_BYTES: u64 = 64 * 1024;

/// Tokens of a second of sound: one for 100 ms, as
/// <https://platform.openai.com/docs/guides/realtime-costs> says of input.
const SOUND_SECOND: u64 = 10;

/// Bytes of a second of compressed sound, at the usual 128 kbit/s.
const COMPRESSED_SECOND: u64 = 16_000;

/// Bytes of a second of bare samples: 16 bits at 24 kHz, the one such format the vendors take.
const SAMPLES_SECOND: u64 = 48_000;

/// Seconds of sound or video of unknown length.
const UNKNOWN_SECONDS: u64 = 10;

/// Tokens of a second of video: <https://ai.google.dev/gemini-api/docs/tokens>, about
/// 300 with sound. The OpenAI and Messages protocols take none.
const VIDEO_SECOND: u64 = 300;

/// Bytes of a second of video, at 2 Mbit/s.
const VIDEO_SECOND_BYTES: u64 = 250_000;

/// Base64 characters of a picture that are decoded to find its header; a multiple of four. JPEG may
/// have colour profiles and previews of 64 KiB each before it.
const HEADER: usize = 256 * 1024;

/// Accepts base64 with and without padding, as clients send both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// What a document holds.
pub(crate) enum Document {
    /// Text to be counted.
    Text(String),
    /// Something that is this many tokens.
    Tokens(u64),
}

/// The tokens of media whose bytes are not at hand.
pub(crate) fn elsewhere(media: &Media<'_>) -> u64 {
    match media.kind {
        MediaKind::Image if is_low(media) => picture::BASE,
        MediaKind::Image => picture::UNKNOWN,
        MediaKind::Document => PAGE,
        MediaKind::Audio => UNKNOWN_SECONDS * SOUND_SECOND,
        MediaKind::Video => UNKNOWN_SECONDS * VIDEO_SECOND,
    }
}

/// The tokens of media given as base64, or the text of a text document.
pub(crate) fn inline(media: &Media<'_>, base64: &str) -> Document {
    let length = (base64.len() / 4 * 3) as u64;
    Document::Tokens(match media.kind {
        MediaKind::Image if is_low(media) => picture::BASE,
        MediaKind::Image => {
            picture::size(&beginning(base64)).map_or(picture::UNKNOWN, picture::tokens)
        }
        MediaKind::Document => return document(media, base64),
        MediaKind::Audio => {
            let second = match wave_second(&beginning(base64)) {
                Some(second) => second,
                None if is_samples(media) => SAMPLES_SECOND,
                None => COMPRESSED_SECOND,
            };
            (length * SOUND_SECOND).div_ceil(second).max(1)
        }
        MediaKind::Video => (length * VIDEO_SECOND).div_ceil(VIDEO_SECOND_BYTES).max(1),
    })
}

fn is_low(media: &Media<'_>) -> bool {
    media.detail.as_deref() == Some("low")
}

fn is_samples(media: &Media<'_>) -> bool {
    let kind = media.media_type.as_deref().unwrap_or_default();
    kind.contains("pcm") || kind.contains("L16")
}

/// The first bytes; empty if they are no base64.
fn beginning(base64: &str) -> Vec<u8> {
    let end = base64.len().min(HEADER);
    let text = base64.as_bytes().get(..end).unwrap_or_default();
    BASE64.decode(text).unwrap_or_default()
}

/// Bytes per second, as the header of a WAVE file states them.
fn wave_second(header: &[u8]) -> Option<u64> {
    if !header.starts_with(b"RIFF") || header.get(8..12)? != b"WAVE" {
        return None;
    }
    // Chunks of any kind may stand before the format.
    let mut at = 12;
    while header.get(at..at + 4)? != b"fmt " {
        let length = number(header, at + 4)? as usize;
        at = at.checked_add(length)?.checked_add(8 + length % 2)?;
    }
    number(header, at + 16)
        .map(u64::from)
        .filter(|&second| second > 0)
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    bytes.try_into().map(u32::from_le_bytes).ok()
}

fn document(media: &Media<'_>, base64: &str) -> Document {
    let Ok(bytes) = BASE64.decode(base64) else {
        return Document::Tokens(PAGE);
    };
    if bytes.starts_with(b"%PDF-") || media.media_type.as_deref() == Some("application/pdf") {
        return Document::Tokens(pages(&bytes) * PAGE);
    }
    String::from_utf8(bytes).map_or_else(
        |error| Document::Tokens(error.as_bytes().len() as u64 * PAGE / PAGE_BYTES + PAGE),
        Document::Text,
    )
}

/// The pages of a PDF: objects of type `Page`, or by its length if it shows none.
fn pages(pdf: &[u8]) -> u64 {
    const TYPE: &[u8] = b"/Type";
    let mut pages = 0;
    let mut rest = pdf;
    while let Some(at) = rest.windows(TYPE.len()).position(|window| window == TYPE) {
        rest = rest.get(at + TYPE.len()..).unwrap_or_default();
        let name = rest.trim_ascii_start();
        if let Some(behind) = name.strip_prefix(b"/Page")
            && !behind.first().is_some_and(u8::is_ascii_alphanumeric)
        {
            pages += 1;
        }
    }
    if pages == 0 {
        pages = (pdf.len() as u64).div_ceil(PAGE_BYTES).max(1);
    }
    pages
}

#[cfg(test)]
mod tests {
    use proxai_ir::MediaSource;

    use super::*;

    fn tokens(kind: MediaKind, bytes: &[u8]) -> u64 {
        let base64 = BASE64.encode(bytes);
        let media = Media::new(kind, MediaSource::Base64(base64.as_str().into()));
        match inline(&media, &base64) {
            Document::Tokens(tokens) => tokens,
            Document::Text(text) => panic!("a text: {text}"),
        }
    }

    #[test]
    fn pages_are_counted_and_page_trees_are_not() {
        let pdf = b"%PDF-1.4\n<</Type/Pages/Count 2>> <</Type /Page>> <</Type/Page/Parent 1>>";
        assert_eq!(tokens(MediaKind::Document, pdf), 2 * PAGE);
        assert_eq!(
            tokens(MediaKind::Document, b"%PDF-1.7\nall in streams"),
            PAGE
        );
        let mut long = b"%PDF-1.7\n".to_vec();
        long.resize(3 * 64 * 1024, b'x');
        assert_eq!(tokens(MediaKind::Document, &long), 3 * PAGE);
    }

    #[test]
    fn a_second_of_sound_is_ten_tokens() {
        let mut wave = b"RIFF\0\0\0\0WAVEnote\x03\0\0\0abc\0fmt \x10\0\0\0\x01\0\x01\0".to_vec();
        wave.extend_from_slice(&16_000_u32.to_le_bytes());
        wave.extend_from_slice(&32_000_u32.to_le_bytes());
        wave.resize(96_000, 0);
        assert_eq!(tokens(MediaKind::Audio, &wave), 30);
        assert_eq!(tokens(MediaKind::Audio, &vec![7; 48_000]), 30);
    }

    #[test]
    fn what_is_no_base64_counts_as_unknown() {
        let image = Media::new(MediaKind::Image, MediaSource::Base64("%%%".into()));
        let Document::Tokens(tokens) = inline(&image, "%%%") else {
            panic!("a picture is no text");
        };
        assert_eq!(tokens, picture::UNKNOWN);
    }
}
