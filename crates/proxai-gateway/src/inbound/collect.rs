//! A client's body, whole and decoded, within its limits (E8).
//!
//! One piece is used as it came; several are put together once. A length that says it is too
//! large is believed before a byte is read; one that says it is small is not.

use std::io::Read;
use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, HeaderMap, HeaderValue};
use http_body::Body;
use http_body_util::BodyExt;
use proxai_ir::FailureKind;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};

use crate::problem::Problem;

/// How much is reserved on a stated length alone; the rest grows with what really comes.
const MAX_TRUSTED_LENGTH: usize = 4 << 20;

/// The encodings that are understood, as told to clients that use another.
const ENCODINGS: &str = "gzip, br, zstd, deflate";

/// Reads a request's body.
pub(crate) async fn collect<B>(
    headers: &HeaderMap,
    body: B,
    limit: usize,
    timeout: Duration,
) -> Result<Bytes, Box<Problem>>
where
    B: Body<Data = Bytes>,
{
    let stated = body.size_hint().exact();
    if stated.is_some_and(|length| length > limit as u64) {
        return Err(too_large(limit));
    }
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let Ok(collected) = tokio::time::timeout(timeout, pieces(body, stated, limit)).await else {
        let mut problem = Problem::new(
            FailureKind::Timeout,
            "request_timeout",
            format!(
                "the request body did not arrive within {} s",
                timeout.as_secs()
            ),
        );
        problem.failure.status = Some(408);
        return Err(problem);
    };
    let collected = collected?;
    match headers.get(CONTENT_ENCODING) {
        None => Ok(collected),
        Some(encoding) => decode(encoding, collected, limit),
    }
}

async fn pieces<B>(body: B, stated: Option<u64>, limit: usize) -> Result<Bytes, Box<Problem>>
where
    B: Body<Data = Bytes>,
{
    let mut body = pin!(body);
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            return Err(Problem::new(
                FailureKind::InvalidRequest,
                "incomplete_body",
                "the request body broke off before its end",
            ));
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.is_empty() {
            continue;
        }
        if first.is_empty() && rest.is_empty() {
            first = data;
        } else {
            if rest.is_empty() {
                let stated = stated.and_then(|length| usize::try_from(length).ok());
                rest.reserve(stated.unwrap_or(first.len() * 4).min(MAX_TRUSTED_LENGTH));
                rest.extend_from_slice(&first);
                first = Bytes::new();
            }
            rest.extend_from_slice(&data);
        }
        if first.len().max(rest.len()) > limit {
            return Err(too_large(limit));
        }
    }
    Ok(if rest.is_empty() {
        first
    } else {
        rest.freeze()
    })
}

fn too_large(limit: usize) -> Box<Problem> {
    Problem::new(
        FailureKind::TooLarge,
        "request_too_large",
        format!(
            "the request body is larger than {limit} bytes; send less or raise server.max_request_body_bytes"
        ),
    )
}

fn decode(encoding: &HeaderValue, body: Bytes, limit: usize) -> Result<Bytes, Box<Problem>> {
    let listed = encoding.to_str().unwrap_or("?").to_owned();
    let mut body = body;
    // Applied first is listed first, so what is undone first is listed last.
    for encoding in listed.rsplit(',').map(str::trim) {
        body = match encoding.to_ascii_lowercase().as_str() {
            "identity" | "" => body,
            "gzip" | "x-gzip" => {
                inflate(flate2::read::MultiGzDecoder::new(&*body), encoding, limit)?
            }
            // What is called deflate is zlib by the standard and raw by some clients' habit.
            "deflate" if body.first().is_some_and(|byte| byte & 0x0f == 8) => {
                inflate(flate2::read::ZlibDecoder::new(&*body), encoding, limit)?
            }
            "deflate" => inflate(flate2::read::DeflateDecoder::new(&*body), encoding, limit)?,
            "br" => inflate(
                brotli_decompressor::Decompressor::new(&*body, 4096),
                encoding,
                limit,
            )?,
            "zstd" => frames(&body, encoding, limit)?,
            other => {
                let mut problem = Problem::new(
                    FailureKind::UnsupportedEncoding,
                    "unsupported_content_encoding",
                    format!(
                        "content-encoding `{other}` is not understood; use {ENCODINGS} or none"
                    ),
                );
                problem
                    .headers
                    .insert(ACCEPT_ENCODING, HeaderValue::from_static(ENCODINGS));
                return Err(problem);
            }
        };
    }
    Ok(body)
}

fn inflate(decoder: impl Read, encoding: &str, limit: usize) -> Result<Bytes, Box<Problem>> {
    let mut out = Vec::new();
    inflate_into(&mut out, decoder, encoding, limit)?;
    Ok(out.into())
}

fn inflate_into(
    out: &mut Vec<u8>,
    decoder: impl Read,
    encoding: &str,
    limit: usize,
) -> Result<(), Box<Problem>> {
    let room = limit - out.len();
    match decoder.take(room as u64 + 1).read_to_end(out) {
        Ok(_) if out.len() > limit => Err(too_large(limit)),
        Ok(_) => Ok(()),
        Err(error) => Err(undecodable(encoding, &error.to_string())),
    }
}

/// Zstandard frames, of which several may stand behind each other, some with nothing for us
/// (RFC 8878, 3).
fn frames(mut rest: &[u8], encoding: &str, limit: usize) -> Result<Bytes, Box<Problem>> {
    let mut out = Vec::new();
    loop {
        match StreamingDecoder::new(&mut rest) {
            Ok(decoder) => inflate_into(&mut out, decoder, encoding, limit)?,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length,
                ..
            })) => rest = rest.get(length as usize..).unwrap_or_default(),
            Err(error) => return Err(undecodable(encoding, &error.to_string())),
        }
        if rest.is_empty() {
            return Ok(out.into());
        }
    }
}

fn undecodable(encoding: &str, why: &str) -> Box<Problem> {
    Problem::new(
        FailureKind::InvalidRequest,
        "invalid_content_encoding",
        format!("the request body is not valid {encoding}: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;
    use std::io::Write;

    async fn collected(encoding: &'static str, body: Vec<u8>, limit: usize) -> Result<Bytes, u16> {
        let mut headers = HeaderMap::new();
        if !encoding.is_empty() {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        collect(
            &headers,
            Full::new(Bytes::from(body)),
            limit,
            Duration::from_secs(5),
        )
        .await
        .map_err(|problem| problem.status().as_u16())
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zlib(text: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(text: &[u8]) -> Vec<u8> {
        ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
    }

    #[tokio::test]
    async fn each_encoding_is_undone_and_a_chain_in_the_right_order() {
        let text = br#"{"model":"m"}"#;
        assert_eq!(collected("", text.to_vec(), 64).await.unwrap(), &text[..]);
        assert_eq!(collected("gzip", gzip(text), 64).await.unwrap(), &text[..]);
        assert_eq!(
            collected("Deflate", zlib(text), 64).await.unwrap(),
            &text[..]
        );
        assert_eq!(collected("zstd", zstd(text), 64).await.unwrap(), &text[..]);
        let (head, tail) = text.split_at(5);
        let skipped = [&0x184d_2a50_u32.to_le_bytes()[..], &[2, 0, 0, 0, 7, 7]].concat();
        let frames = [zstd(head), skipped, zstd(tail)].concat();
        assert_eq!(collected("zstd", frames, 64).await.unwrap(), &text[..]);
        // An empty meta-block list is the smallest brotli stream.
        assert_eq!(collected("br", vec![0x3b], 64).await.unwrap(), &b""[..]);
        let chain = gzip(&zlib(text));
        assert_eq!(
            collected("deflate, gzip", chain, 64).await.unwrap(),
            &text[..]
        );
    }

    #[tokio::test]
    async fn the_decoded_size_is_limited_too() {
        let bomb = gzip(&vec![b' '; 1 << 20]);
        assert!(bomb.len() < 8192);
        assert_eq!(collected("gzip", bomb, 8192).await, Err(413));
        assert_eq!(collected("", vec![b' '; 65], 64).await, Err(413));
        let frames = zstd(&[b' '; 40]).repeat(2);
        assert_eq!(collected("zstd", frames, 64).await, Err(413));
    }

    #[tokio::test]
    async fn what_is_not_understood_is_415_and_what_is_broken_is_400() {
        assert_eq!(collected("compress", vec![1], 64).await, Err(415));
        assert_eq!(collected("gzip", b"{}".to_vec(), 64).await, Err(400));
        assert_eq!(collected("zstd", b"{}".to_vec(), 64).await, Err(400));
    }
}
