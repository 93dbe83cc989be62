//! What fetched bytes are, by their first bytes.
//!
//! A server's `Content-Type` is what somebody else's machine says; what goes to a model under a
//! media type must be of it. Only pictures and PDFs: text, HTML and SVG would carry whatever an
//! internal page says.

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum MediaKind {
    Image,
    Document,
}

/// Brands of the ISO base media format that are pictures.
const PICTURE_BRANDS: [(&[u8; 4], &str); 7] = [
    (b"avif", "image/avif"),
    (b"avis", "image/avif"),
    (b"heic", "image/heic"),
    (b"heix", "image/heic"),
    (b"hevc", "image/heic"),
    (b"mif1", "image/heif"),
    (b"msf1", "image/heif"),
];

/// The media type of a file, if it is one that is fetched.
pub(crate) fn media_type(bytes: &[u8]) -> Option<&'static str> {
    let named = [
        (&b"\x89PNG\r\n\x1a\n"[..], "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
    ];
    if let Some((_, name)) = named.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(name);
    }
    let at = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
    if at(0, 4) == b"RIFF" && at(8, 12) == b"WEBP" {
        return Some("image/webp");
    }
    // The size of the file and four bytes of zero follow.
    if at(0, 2) == b"BM" && at(6, 10) == [0; 4] {
        return Some("image/bmp");
    }
    if at(4, 8) == b"ftyp" {
        let brand = PICTURE_BRANDS
            .iter()
            .find(|(brand, _)| at(8, 12) == brand.as_slice());
        return brand.map(|(_, name)| *name);
    }
    None
}

impl MediaKind {
    /// Whether a file of this type is what was asked for.
    pub(crate) fn holds(self, media_type: &str) -> bool {
        (self == Self::Image) == media_type.starts_with("image/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_first_bytes() {
        for (bytes, expected) in [
            (&b"\x89PNG\r\n\x1a\n\0\0"[..], Some("image/png")),
            (b"\xff\xd8\xff\xe0JFIF", Some("image/jpeg")),
            (b"GIF89a..", Some("image/gif")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some("image/webp")),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"BM\x10\0\0\0\0\0\0\0", Some("image/bmp")),
            (b"BMW cars", None),
            (b"\0\0\0\x1cftypavif", Some("image/avif")),
            (b"\0\0\0\x1cftypheic", Some("image/heic")),
            (b"\0\0\0\x1cftypisom", None),
            (b"%PDF-1.7\n", Some("application/pdf")),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
            (b"<html>", None),
            (b"{\"AccessKeyId\":\"x\"}", None),
            (b"\x89PN", None),
            (b"", None),
        ] {
            assert_eq!(media_type(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_picture_is_no_document() {
        assert!(MediaKind::Image.holds("image/webp") && !MediaKind::Image.holds("application/pdf"));
        assert!(MediaKind::Document.holds("application/pdf"));
        assert!(!MediaKind::Document.holds("image/png"));
    }
}
