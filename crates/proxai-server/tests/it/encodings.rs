//! Compressed request bodies (E8).

use std::io::Write as _;

use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{CHAT, Running};

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
