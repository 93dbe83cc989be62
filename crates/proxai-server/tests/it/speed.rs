//! Coarse bounds that only a mistake exceeds (S8). Real numbers come from the benchmarks.

use std::time::{Duration, Instant};

use bytes::Bytes;
use proxai_testkit::upstream::{Reply, Upstream};
use tokio::task::JoinSet;

use crate::harness::{CHAT, Client, Running};

const BODY: &str = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";

fn hundred() -> (Vec<Bytes>, String) {
    let mut frames: Vec<String> = (0..100)
        .map(|n| format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{n}\"}},\"finish_reason\":null}}]}}\n\n"))
        .collect();
    frames.push("data: [DONE]\n\n".to_owned());
    let whole = frames.concat();
    (frames.into_iter().map(Bytes::from).collect(), whole)
}

#[tokio::test]
async fn a_hundred_small_writes_do_not_wait_for_acknowledgements() {
    let (frames, whole) = hundred();
    let upstream = Upstream::start().await;
    upstream.will(Reply::new("text/event-stream", frames));
    let gateway = Running::before(&upstream, CHAT);
    let mut client = gateway.client().await;
    client.post("/v1/chat/completions", &[], BODY).await;
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let begin = Instant::now();
        let got = client.post("/v1/chat/completions", &[], BODY).await;
        best = best.min(begin.elapsed());
        assert_eq!(got.text(), whole);
    }
    // One acknowledgement that is waited for is 40 ms.
    assert!(best < Duration::from_millis(35), "{best:?}");
}

#[tokio::test]
async fn sixteen_streams_at_once_do_not_mix() {
    let (frames, whole) = hundred();
    let upstream = Upstream::start().await;
    upstream.will(Reply::new("text/event-stream", frames));
    let gateway = Running::before(&upstream, CHAT);
    let mut clients = JoinSet::new();
    for _ in 0..16 {
        let address = gateway.proxy;
        let whole = whole.clone();
        clients.spawn(async move {
            let mut client = Client::connect(address).await;
            for _ in 0..5 {
                let got = client.post("/v1/chat/completions", &[], BODY).await;
                assert_eq!(got.text(), whole);
            }
        });
    }
    while let Some(joined) = clients.join_next().await {
        joined.unwrap();
    }
    assert_eq!(gateway.log.records().len(), 80);
}
