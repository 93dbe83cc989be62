//! Compressed request bodies (E8).

use std::io::Write as _;

use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{CHAT, Running};

const BODY: &[u8] = b"{\"model\":\"m\",\"messages\":[]}";

/// Compressed by nobody: the formats' own frames around plain bytes, so that the test needs no
/// encoder for each.
fn packed(encoding: &str) -> Vec<u8> {
    let size = u8::try_from(BODY.len()).unwrap();
    match encoding {
        "gzip" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(BODY).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder =
                flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(BODY).unwrap();
            encoder.finish().unwrap()
        }
        // RFC 8878: one segment of a known size, and one raw block that is the last.
        "zstd" => {
            let block = (u32::from(size) << 3 | 1).to_le_bytes();
            let head = [&[0x28, 0xb5, 0x2f, 0xfd, 0x20, size], &block[..3]].concat();
            [&head, BODY].concat()
        }
        // RFC 7932: an uncompressed meta-block and an empty last one.
        "br" => {
            let head = (u32::from(size - 1) << 4 | 1 << 20).to_le_bytes();
            [&head[..3], BODY, &[3]].concat()
        }
        _ => BODY.to_vec(),
    }
}

/// Case 19: agents compress their requests, one of them with zstd.
#[tokio::test]
async fn every_encoding_is_read_and_any_other_is_told_what_works() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{}"));
    let gateway = Running::before(&upstream, CHAT);
    for encoding in ["gzip", "deflate", "zstd", "br"] {
        let got = gateway
            .client()
            .await
            .post(
                "/v1/chat/completions",
                &[("content-encoding", encoding)],
                packed(encoding),
            )
            .await;
        assert_eq!(got.status, 200, "{encoding}: {}", got.text());
        assert_eq!(upstream.last().body, BODY, "{encoding}");
    }
    let got = gateway
        .client()
        .await
        .post(
            "/v1/chat/completions",
            &[("content-encoding", "compress")],
            BODY,
        )
        .await;
    assert_eq!(got.status, 415);
    for encoding in ["gzip", "deflate", "zstd", "br"] {
        assert!(got.text().contains(encoding), "{}", got.text());
    }
}

#[tokio::test]
async fn a_compressed_body_goes_upstream_decoded() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{}"));
    let gateway = Running::before(&upstream, CHAT);
    let body = b"{\"model\":\"m\",\"messages\":[]}";
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(body).unwrap();
    let packed = encoder.finish().unwrap();
    let got = gateway
        .client()
        .await
        .post(
            "/v1/chat/completions",
            &[("content-encoding", "gzip")],
            packed,
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = upstream.last();
    assert_eq!(sent.body, &body[..]);
    assert_eq!(sent.header("content-encoding"), "");
    assert_eq!(sent.header("content-length"), body.len().to_string());
}
