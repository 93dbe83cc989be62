//! The chunked transfer coding (RFC 9112, section 7.1), read from a buffer that grows.
//!
//! Sans-IO. All chunks that lie in the buffer come out joined; one alone comes out as a slice of
//! it, not copied.

use bytes::{Buf as _, Bytes, BytesMut};

use super::H1Error;

/// The longest line of a chunk's size with its extensions. Nobody uses extensions.
const MAX_SIZE_LINE: usize = 1024;

/// All trailers together. Nobody uses those either.
const MAX_TRAILERS: usize = 16 << 10;

/// Where in the coding the next byte of the buffer lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Chunked {
    /// At the beginning of a size line.
    #[default]
    Size,
    /// Inside a chunk with this many bytes to come.
    Data(u64),
    /// At the line end behind a chunk.
    DataEnd,
    /// Behind the last chunk, with this many bytes of trailers seen.
    Trailers(usize),
    /// Behind the end.
    Done,
}

impl Chunked {
    /// Takes from the buffer what is complete. Empty means that more has to be read, or that
    /// this is [`Chunked::Done`].
    pub(super) fn decode(&mut self, buffer: &mut BytesMut) -> Result<Bytes, H1Error> {
        let mut at = 0;
        let mut single: Option<(usize, usize)> = None;
        let mut joined = BytesMut::new();
        loop {
            let rest = &buffer[at..];
            match *self {
                Self::Size => match line(rest, MAX_SIZE_LINE)? {
                    None => break,
                    Some((size, consumed)) => {
                        at += consumed;
                        *self = match chunk_size(size)? {
                            0 => Self::Trailers(0),
                            size => Self::Data(size),
                        };
                    }
                },
                Self::Data(left) => {
                    if rest.is_empty() {
                        break;
                    }
                    let take = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    match single {
                        None => single = Some((at, at + take)),
                        Some((start, end)) => {
                            if joined.is_empty() {
                                joined.reserve(buffer.len() - start);
                                joined.extend_from_slice(&buffer[start..end]);
                            }
                            joined.extend_from_slice(&rest[..take]);
                        }
                    }
                    at += take;
                    *self = match left - take as u64 {
                        0 => Self::DataEnd,
                        left => Self::Data(left),
                    };
                }
                Self::DataEnd => match rest {
                    [b'\r', b'\n', ..] => {
                        at += 2;
                        *self = Self::Size;
                    }
                    [b'\n', ..] => {
                        at += 1;
                        *self = Self::Size;
                    }
                    [] | [b'\r'] => break,
                    _ => return Err(H1Error::Protocol("a chunk is longer than it said")),
                },
                Self::Trailers(seen) => match line(rest, MAX_TRAILERS)? {
                    None => break,
                    Some((trailer, consumed)) => {
                        at += consumed;
                        let seen = seen + consumed;
                        if seen > MAX_TRAILERS {
                            return Err(H1Error::Protocol("the trailers are too long"));
                        }
                        *self = if trailer.is_empty() {
                            Self::Done
                        } else {
                            Self::Trailers(seen)
                        };
                    }
                },
                Self::Done => break,
            }
        }
        Ok(match single {
            None => {
                buffer.advance(at);
                Bytes::new()
            }
            Some((start, end)) if joined.is_empty() => {
                let mut data = buffer.split_to(end);
                data.advance(start);
                buffer.advance(at - end);
                data.freeze()
            }
            Some(_) => {
                buffer.advance(at);
                joined.freeze()
            }
        })
    }
}

/// The first line without its end, and how long it is with it.
fn line(rest: &[u8], limit: usize) -> Result<Option<(&[u8], usize)>, H1Error> {
    match memchr::memchr(b'\n', rest) {
        Some(end) if end <= limit => {
            let line = &rest[..end];
            Ok(Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1)))
        }
        None if rest.len() <= limit => Ok(None),
        _ => Err(H1Error::Protocol(
            "a line of the chunked coding is too long",
        )),
    }
}

fn chunk_size(line: &[u8]) -> Result<u64, H1Error> {
    let digits = line
        .iter()
        .position(|byte| !byte.is_ascii_hexdigit())
        .unwrap_or(line.len());
    let behind = line[digits..].trim_ascii_start();
    if digits == 0 || digits > 15 || !(behind.is_empty() || behind.starts_with(b";")) {
        return Err(H1Error::Protocol("a chunk has no valid size"));
    }
    Ok(line[..digits].iter().fold(0, |size, digit| {
        size << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or(0))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(wire: &[u8], size: usize) -> Result<(Vec<u8>, Chunked), H1Error> {
        let mut state = Chunked::default();
        let mut buffer = BytesMut::new();
        let mut out = Vec::new();
        for piece in wire.chunks(size) {
            buffer.extend_from_slice(piece);
            out.extend_from_slice(&state.decode(&mut buffer)?);
        }
        Ok((out, state))
    }

    const WIRE: &[u8] =
        b"3\r\nabc\r\n1B;ext=\"1\"\r\ndefghijklmnopqrstuvwxyz0123\r\n0\r\nx-t: 1\r\n\r\n";

    #[test]
    fn every_cut_gives_the_same_bytes() {
        for size in 1..=WIRE.len() {
            let (out, state) = decoded(WIRE, size).unwrap();
            assert_eq!(out, b"abcdefghijklmnopqrstuvwxyz0123", "{size}");
            assert_eq!(state, Chunked::Done, "{size}");
        }
        for end in 0..WIRE.len() {
            let (_, state) = decoded(&WIRE[..end], 7).unwrap();
            assert_ne!(state, Chunked::Done, "{end}");
        }
    }

    #[test]
    fn one_chunk_is_not_copied() {
        let mut buffer = BytesMut::from(&b"3\r\nabc\r\n"[..]);
        let inside = buffer[3..].as_ptr();
        let out = Chunked::default().decode(&mut buffer).unwrap();
        assert_eq!((&*out, out.as_ptr()), (&b"abc"[..], inside));
        assert!(buffer.is_empty());
    }

    #[test]
    fn framing_that_could_be_read_two_ways_is_refused() {
        for wire in [
            &b"3\r\nabcd\r\n"[..],
            b"\r\nabc",
            b"-1\r\n",
            b"+3\r\nabc\r\n",
            b"0x3\r\nabc\r\n",
            b"3 3\r\nabc\r\n",
            b"ffffffffffffffff\r\n",
            b"g\r\n",
        ] {
            assert!(decoded(wire, 100).is_err(), "{wire:?}");
        }
        assert!(decoded(&[b'0'; 5000], 100).is_err());
    }
}
