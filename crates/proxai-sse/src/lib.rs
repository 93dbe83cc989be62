//! Server-sent events over [`bytes::Bytes`]: incremental, bounded, zero-copy.
//!
//! [`Decoder`] cuts a byte stream into [`Frame`]s and [`encode`] writes frames. Both are pure
//! functions over bytes: no clock, no socket, no runtime, no JSON. The reader accepts what the
//! [specification](https://html.spec.whatwg.org/multipage/server-sent-events.html) allows and
//! what model servers send instead (requirement S2): LF, CRLF, CR and any mixture of them, splits
//! at any byte, comments, runs of blank lines, `data:` without a space, a JSON line without any
//! `data:`, several `data:` lines, a byte order mark, `[done]` in any case, and a last frame
//! without its blank line.
//!
//! Two surprises. Unlike a browser it returns frames that carry nothing but comments, because a
//! gateway has to see keep-alives. And it keeps the bytes: [`Frame::raw`] of all frames, in order,
//! followed by [`Decoder::take_blank_lines`], is the input exactly, so a frame that is
//! [well formed](Frame::well_formed) can be forwarded as it lay and only the others need
//! [`encode::canonical`] (requirements T1 and P10).
//!
//! Bytes are never decoded to text here, so a character split over two reads cannot be damaged,
//! and U+2028 and U+0085, which some line splitters cut at, stay inside their line.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use proxai_sse::{Decoder, encode};
//!
//! let mut decoder = Decoder::new();
//! let mut seen = Vec::new();
//! // Reads cut the stream anywhere, here inside a line end.
//! for chunk in ["event: delta\r\ndata:{\"n\":1}\r\n\r", "\n: keep-alive\n\ndata: [done]"] {
//!     decoder.push(Bytes::from_static(chunk.as_bytes()));
//!     while let Some(frame) = decoder.next_frame()? {
//!         seen.push(frame);
//!     }
//! }
//! while let Some(frame) = decoder.finish()? {
//!     seen.push(frame);
//! }
//!
//! assert_eq!(seen[0].event(), Some("delta"));
//! assert_eq!(seen[0].data(), b"{\"n\":1}");
//! assert!(seen[1].is_comment());
//! assert!(seen[2].is_done() && !seen[2].well_formed());
//!
//! let mut out = BytesMut::new();
//! encode::canonical(&seen[2], &mut out);
//! assert_eq!(out, encode::DONE);
//! # Ok::<(), proxai_sse::Oversized>(())
//! ```

mod decoder;
pub mod encode;
mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod line;
mod oversized;
mod scan;

pub use decoder::{DEFAULT_MAX_FRAME, Decoder};
pub use frame::Frame;
pub use oversized::Oversized;
