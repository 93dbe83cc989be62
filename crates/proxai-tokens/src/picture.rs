//! How many tokens a picture is, by its size in pixels.
//!
//! The size is read from the header of PNG, JPEG, GIF and WebP; pixels are never decoded. The
//! formula is the tile formula of
//! <https://platform.openai.com/docs/guides/images-vision#calculating-costs>, with
//! the numbers of the GPT-4o family, which compatible providers took over.

/// A picture at low detail, and the part of every other that does not depend on its size.
pub(crate) const BASE: u64 = 85;

/// One tile.
const TILE: u64 = 170;

/// Width and height of a tile in pixels.
const TILE_SIDE: u64 = 512;

/// A picture is first scaled down to fit a square of this side.
const LONG_SIDE: u64 = 2048;

/// Then its short side is scaled down to this.
const SHORT_SIDE: u64 = 768;

/// A picture of unknown size counts like one of 1024 by 1024 pixels, the vendor's own example.
pub(crate) const UNKNOWN: u64 = BASE + 4 * TILE;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u64,
    pub(crate) height: u64,
}

/// The tokens of a picture at high detail.
pub(crate) fn tokens(size: Size) -> u64 {
    let mut long = size.width.max(size.height).max(1);
    let mut short = size.width.min(size.height).max(1);
    if long > LONG_SIDE {
        short = (short * LONG_SIDE / long).max(1);
        long = LONG_SIDE;
    }
    if short > SHORT_SIDE {
        long = long * SHORT_SIDE / short;
        short = SHORT_SIDE;
    }
    BASE + TILE * long.div_ceil(TILE_SIDE) * short.div_ceil(TILE_SIDE)
}

/// The size that the header of a picture states; `header` is its beginning.
pub(crate) fn size(header: &[u8]) -> Option<Size> {
    png(header)
        .or_else(|| gif(header))
        .or_else(|| webp(header))
        .or_else(|| jpeg(header))
        .filter(|size| size.width > 0 && size.height > 0)
}

/// Reads an unsigned number, last byte first.
fn little(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |all, &byte| all << 8 | u64::from(byte)),
    )
}

/// Reads an unsigned number, first byte first.
fn big(bytes: &[u8], at: usize, length: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(length)?)?;
    Some(
        bytes
            .iter()
            .fold(0, |all, &byte| all << 8 | u64::from(byte)),
    )
}

fn png(header: &[u8]) -> Option<Size> {
    if !header.starts_with(b"\x89PNG\r\n\x1a\n") || header.get(12..16)? != b"IHDR" {
        return None;
    }
    Some(Size {
        width: big(header, 16, 4)?,
        height: big(header, 20, 4)?,
    })
}

fn gif(header: &[u8]) -> Option<Size> {
    if !header.starts_with(b"GIF8") {
        return None;
    }
    Some(Size {
        width: little(header, 6, 2)?,
        height: little(header, 8, 2)?,
    })
}

/// WebP has three forms of header: lossy, lossless and extended.
fn webp(header: &[u8]) -> Option<Size> {
    if !header.starts_with(b"RIFF") || header.get(8..12)? != b"WEBP" {
        return None;
    }
    match header.get(12..16)? {
        b"VP8 " => Some(Size {
            width: little(header, 26, 2)? & 0x3fff,
            height: little(header, 28, 2)? & 0x3fff,
        }),
        b"VP8L" => {
            let bits = little(header, 21, 4)?;
            Some(Size {
                width: (bits & 0x3fff) + 1,
                height: (bits >> 14 & 0x3fff) + 1,
            })
        }
        b"VP8X" => Some(Size {
            width: little(header, 24, 3)? + 1,
            height: little(header, 27, 3)? + 1,
        }),
        _ => None,
    }
}

/// In JPEG the size stands in the frame header, behind segments of any length.
fn jpeg(header: &[u8]) -> Option<Size> {
    if !header.starts_with(&[0xff, 0xd8]) {
        return None;
    }
    let mut at = 2;
    loop {
        if *header.get(at)? != 0xff {
            return None;
        }
        match *header.get(at + 1)? {
            // Padding, and markers without a segment.
            0xff => at += 1,
            0x01 | 0xd0..=0xd7 => at += 2,
            // Frame headers, but for the three codes among them that mean tables.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                return Some(Size {
                    width: big(header, at + 7, 2)?,
                    height: big(header, at + 5, 2)?,
                });
            }
            // The picture data, or its end, without a frame header before it.
            0xd9 | 0xda => return None,
            _ => {
                let length = big(header, at + 2, 2)?.max(2);
                at += 2 + usize::try_from(length).ok()?;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn of(width: u64, height: u64) -> Size {
        Size { width, height }
    }

    #[test]
    fn the_examples_of_the_vendor_come_out() {
        assert_eq!(tokens(of(1024, 1024)), 765);
        assert_eq!(tokens(of(2048, 4096)), 1105);
        assert_eq!(tokens(of(1024, 1024)), UNKNOWN);
    }

    #[test]
    fn small_pictures_are_one_tile_and_absurd_ones_are_bounded() {
        assert_eq!(tokens(of(1, 1)), 255);
        assert_eq!(tokens(of(u64::from(u32::MAX), 1)), BASE + 4 * TILE);
        assert_eq!(tokens(of(u64::from(u32::MAX), u64::from(u32::MAX))), 765);
    }

    #[test]
    fn the_size_is_read_from_each_format() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02";
        assert_eq!(size(png), Some(of(640, 480)));
        assert_eq!(size(b"GIF89a\x80\x02\xe0\x01\0"), Some(of(640, 480)));
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \0\0\0\0\0\0\0\x9d\x01\x2a\x80\x02\xe0\x01";
        assert_eq!(size(lossy), Some(of(640, 480)));
        let lossless = b"RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x7f\xc2\x77\0";
        assert_eq!(size(lossless), Some(of(640, 480)));
        let extended = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0";
        assert_eq!(size(extended), Some(of(640, 480)));
        let jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc2\x00\x11\x08\x01\xe0\x02\x80\x03";
        assert_eq!(size(jpeg), Some(of(640, 480)));
    }

    #[test]
    fn what_is_cut_off_or_no_picture_has_no_size() {
        let jpeg = b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc2\x00\x11\x08\x01\xe0\x02\x80\x03";
        for end in 0..jpeg.len() - 1 {
            assert_eq!(size(&jpeg[..end]), None, "cut at {end}");
        }
        assert_eq!(size(b"plain text, certainly"), None);
        assert_eq!(size(b"GIF89a\0\0\0\0"), None);
    }
}
