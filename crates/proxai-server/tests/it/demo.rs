//! The provider inside the process: a newcomer's first answer (K4).

use crate::harness::Running;

#[tokio::test]
async fn every_protocol_is_answered_without_any_key() {
    let gateway = Running::start("[default]\nprovider = \"demo\"\n[providers.demo]\n");
    for (path, body, end) in [
        (
            "/v1/chat/completions",
            "{\"model\":\"demo\",\"messages\":[{\"role\":\"user\",\"content\":\"Ahoy\"}]}",
            "data: [DONE]\n\n",
        ),
        (
            "/v1/responses",
            "{\"model\":\"demo/demo\",\"input\":\"Ahoy\"}",
            "response.completed",
        ),
        (
            "/v1/messages",
            "{\"model\":\"demo\",\"max_tokens\":200,\"messages\":[{\"role\":\"user\",\"content\":\"Ahoy\"}]}",
            "event: message_stop",
        ),
    ] {
        let got = gateway.post(path, body).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert!(got.text().contains("Ahoy"), "{}", got.text());
        assert_eq!(got.header("x-proxai-provider"), "demo");
        let stream = body.replacen('{', "{\"stream\":true,", 1);
        let got = gateway.post(path, stream).await;
        assert!(got.text().contains(end), "{}", got.text());
    }
    let got = gateway
        .post("/v1/embeddings", "{\"model\":\"demo\",\"input\":\"x\"}")
        .await;
    assert!(got.json()["data"][0]["embedding"].is_array());
    let list = gateway.get("/v1/models").await;
    // A lone provider's models need no name in front, and are taken with it too.
    assert!(list.text().contains("\"id\":\"demo\""), "{}", list.text());
    let two = Running::start("[providers.demo]\n[providers.vllm]\n");
    let one = two.get("/v1/models/demo/demo").await;
    assert_eq!(one.json()["owned_by"], "demo", "{}", one.text());
    let got = gateway.get("/v1/files").await;
    assert_eq!(got.status, 404, "{}", got.text());
}
