//! A whole server on ports of the system's choice, and a client that hides nothing.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use proxai_config::{Memory, Overrides, load};
use proxai_gateway::{Gateway, Journal, Live, Record};
use proxai_server::{Assembly, Server, State, snapshot};
use proxai_testkit::upstream::Upstream;
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

/// A running server.
pub(crate) struct Running {
    pub(crate) proxy: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) log: Arc<Log>,
    pub(crate) live: Arc<Live>,
    stop: Option<oneshot::Sender<()>>,
    pub(crate) task: JoinHandle<usize>,
}

/// The records of all requests that have ended.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Vec<Record>>, Notify);

impl Log {
    pub(crate) fn records(&self) -> Vec<Record> {
        self.0.lock().unwrap().clone()
    }

    /// The latest record. It is written when the body is dropped, which may be after the client
    /// has all of it.
    pub(crate) async fn last(&self) -> Record {
        loop {
            let written = self.1.notified();
            if let Some(record) = self.0.lock().unwrap().last() {
                return record.clone();
            }
            tokio::time::timeout(Duration::from_secs(10), written)
                .await
                .expect("a record within ten seconds");
        }
    }
}

impl Journal for Log {
    fn record(&self, record: &Record) {
        self.0.lock().unwrap().push(record.clone());
        self.1.notify_waiters();
    }
}

/// What a client got.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body ended as HTTP wants it.
    pub(crate) whole: bool,
}

impl Got {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

impl Running {
    /// Starts a server with this configuration.
    pub(crate) fn start(config: &str) -> Self {
        let sources = Memory::default().with_file("proxai.toml", config);
        let overrides = Overrides {
            config: Some(PathBuf::from("proxai.toml")),
            set: vec![
                ("server.port".into(), "0".into()),
                ("mcp.port".into(), "0".into()),
            ],
        };
        let loaded = load(&sources, &overrides).unwrap_or_else(|problems| panic!("{problems}"));
        let settings = loaded.settings;
        let log = Arc::<Log>::default();
        let live = Arc::new(Live::new(snapshot(1, &settings, &Assembly::default())));
        let gateway = Gateway::new(Arc::clone(&live), Arc::clone(&log) as Arc<dyn Journal>);
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(loopback, loopback).unwrap();
        let bound = server.bound();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { drop(stopped.await) };
        let deadline = settings.server.shutdown_deadline;
        let task = tokio::spawn(server.run(State::new(gateway), stopped, deadline));
        Self {
            proxy: bound.proxy,
            admin: bound.admin,
            log,
            live,
            stop: Some(stop),
            task,
        }
    }

    /// A server in front of one upstream that speaks this protocol and takes every model as
    /// `up/…`.
    pub(crate) fn before(upstream: &Upstream, protocol: &str) -> Self {
        Self::start(&one(upstream, protocol, ""))
    }

    /// Tells the server to stop.
    pub(crate) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.proxy).await
    }

    /// Posts a JSON body on a connection of its own.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Got {
        self.client().await.post(path, &[], body).await
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        self.client().await.send(Method::GET, path, &[], "").await
    }
}

/// A configuration with one provider called `up`.
pub(crate) fn one(upstream: &Upstream, protocol: &str, more: &str) -> String {
    format!(
        "{more}\n[default]\nprovider = \"up\"\n[providers.up]\nprotocol = \"{protocol}\"\nbase_url = \"{}\"\napi_key = \"sk-upstream\"\nread_idle_timeout_secs = 5\n",
        upstream.base_url()
    )
}

/// One connection.
pub(crate) struct Client(SendRequest<Full<Bytes>>);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Got {
        self.send(Method::POST, path, headers, body).await
    }

    pub(crate) async fn send(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Got {
        let response = self.begin(method, path, headers, body).await;
        let (parts, mut body) = response.into_parts();
        let mut joined = BytesMut::new();
        let mut whole = true;
        while let Some(frame) = tokio::time::timeout(Duration::from_secs(10), body.frame())
            .await
            .expect("the body goes on within ten seconds")
        {
            let Ok(frame) = frame else {
                whole = false;
                break;
            };
            if let Ok(data) = frame.into_data() {
                joined.extend_from_slice(&data);
            }
        }
        Got {
            status: parts.status,
            headers: parts.headers,
            body: joined.freeze(),
            whole,
        }
    }

    /// Sends a request and returns when the head of the answer is there.
    pub(crate) async fn begin(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> http::Response<Incoming> {
        let body = body.into();
        let mut request = Request::builder().method(method).uri(path);
        if headers.iter().all(|(name, _)| *name != "host") {
            request = request.header("host", "gateway.test");
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.0.ready().await.unwrap();
        self.0
            .send_request(request.body(Full::new(body)).unwrap())
            .await
            .unwrap()
    }
}

pub(crate) const CHAT: &str = "openai_chat_completions";
pub(crate) const RESPONSES: &str = "openai_responses";
pub(crate) const MESSAGES: &str = "anthropic_messages";

/// Path, configuration name, a request in odd spelling and a stream, for each protocol.
pub(crate) fn protocols() -> [(&'static str, &'static str, &'static str, &'static str); 3] {
    [
        (
            "/v1/chat/completions",
            CHAT,
            "{ \"stream\" : true,\n \"model\":\"m/x\", \"stream_options\":{ \"include_usage\" :true}, \"temperature\": 1.0e0, \"unheard_of\" : [ 1 ,2],\"messages\":[{\"role\":\"user\",\"content\":\"h\\u00e9\"}] }",
            "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\ndata:{\"id\":\"c1\", \"x\":1.50,\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hé\"},\"finish_reason\":null}]}\r\n\r\n: note\n\ndata: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
        ),
        (
            "/v1/responses",
            RESPONSES,
            "{\"model\" : \"m/x\",\"input\":\"hi\", \"stream\":true , \"store\":false}",
            "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\",\"output\":[]}}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"a\"}\n\nevent: vendor.new\ndata: {\"type\":\"vendor.new\",\"sequence_number\":2}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":3,\"response\":{\"id\":\"resp_1\",\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n",
        ),
        (
            "/v1/messages",
            MESSAGES,
            "{\"model\":\"m/x\",\"max_tokens\":10,\"stream\":true,\"messages\":[ {\"role\":\"user\", \"content\":\"hi\"}]}",
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":2}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        ),
    ]
}
