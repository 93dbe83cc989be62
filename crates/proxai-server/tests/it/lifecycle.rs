//! Health, readiness and the way out (E6, Z5).

use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use proxai_testkit::upstream::{Ending, Reply, Upstream};
use tokio::net::TcpStream;

use crate::harness::{CHAT, Client, Running, one};

#[tokio::test]
async fn both_listeners_tell_that_the_process_lives() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    assert_eq!(gateway.get("/healthz").await.status, 200);
    let mut admin = Client::connect(gateway.admin).await;
    let host = [("host", "localhost")];
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/v1/models", 404)] {
        let got = admin.send(Method::GET, path, &host, "").await;
        assert_eq!(got.status, status, "{path}");
        // A name may have been rebound to this address by a web page.
        let got = admin.send(Method::GET, path, &[], "").await;
        assert_eq!(got.status, 403, "{path}");
    }
    assert_eq!(gateway.get("/readyz").await.status, 404);
}

#[tokio::test]
async fn a_stream_in_flight_is_not_cut_by_the_way_out() {
    let upstream = Upstream::start().await;
    let frames: Vec<bytes::Bytes> = (0..40)
        .map(|n| {
            format!("data: {{\"choices\":[{{\"delta\":{{\"content\":\"{n}\"}}}}]}}\n\n").into()
        })
        .chain([bytes::Bytes::from_static(b"data: [DONE]\n\n")])
        .collect();
    let whole: Vec<u8> = frames.concat();
    upstream.will(Reply::new("text/event-stream", frames).pause(Duration::from_millis(10)));
    let mut gateway = Running::before(&upstream, CHAT);
    let mut client = gateway.client().await;
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    let response = client
        .begin(Method::POST, "/v1/chat/completions", &[], body)
        .await;
    gateway.stop();
    let got = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(got, whole);
    let cut = (&mut gateway.task).await.unwrap();
    assert_eq!(cut, 0);
    assert!(TcpStream::connect(gateway.proxy).await.is_err());
}

#[tokio::test]
async fn what_does_not_end_is_cut_at_the_deadline() {
    let upstream = Upstream::start().await;
    upstream.will(
        Reply::events("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n")
            .ending(Ending::Hang),
    );
    let mut gateway = Running::start(&one(
        &upstream,
        CHAT,
        "[server]\nshutdown_deadline_secs = 1",
    ));
    let mut client = gateway.client().await;
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    let response = client
        .begin(Method::POST, "/v1/chat/completions", &[], body)
        .await;
    gateway.stop();
    assert_eq!((&mut gateway.task).await.unwrap(), 1);
    drop(response);
}
