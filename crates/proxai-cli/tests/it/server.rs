//! A scripted upstream whose answer depends on what is asked, down to the bytes of the connection.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }

    pub(crate) fn wants_stream(&self) -> bool {
        self.json()["stream"] == true
    }
}

/// What is answered.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Status, content type and body.
    Whole(u16, &'static str, String),
    /// The same with a header more.
    With(u16, &'static str, String),
    /// These bytes, then the connection is closed.
    Raw(&'static [u8]),
    /// Nothing, and the connection stays open.
    Silence,
}

pub(crate) fn json(status: u16, body: &str) -> Reply {
    Reply::Whole(status, "application/json", body.to_owned())
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// A scripted upstream. Stops when it is dropped.
pub(crate) struct Server {
    origin: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    task: AbortHandle,
}

impl Server {
    pub(crate) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (log, script) = (
            Arc::clone(&asked),
            Arc::<Script>::from(Box::new(script) as Box<Script>),
        );
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&log)));
            }
        })
        .abort_handle();
        Self {
            origin,
            asked,
            task,
        }
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, script: Arc<Script>, log: Arc<Mutex<Vec<Asked>>>) {
    let Some(asked) = read(&mut stream).await else {
        return;
    };
    let reply = script(&asked);
    log.lock().unwrap().push(asked);
    let bytes = match reply {
        Reply::Whole(status, kind, body) => format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
        Reply::With(status, header, body) => format!(
            "HTTP/1.1 {status} Scripted\r\n{header}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
        Reply::Raw(bytes) => bytes.to_vec(),
        Reply::Silence => std::future::pending().await,
    };
    drop(stream.write_all(&bytes).await);
    drop(stream.shutdown().await);
}

async fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
    let line = String::from_utf8_lossy(&bytes[..end]);
    let line = line.lines().next().unwrap_or_default().to_owned();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
        .unwrap_or(0);
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let body = String::from_utf8_lossy(&bytes[end..]).into_owned();
    Some(Asked { line, head, body })
}

const LIST: &str =
    r#"{"object":"list","data":[{"id":"text-embedding-9"},{"id":"pond-2"},{"id":"pond-1"}]}"#;

/// Everything as the reference of Chat Completions has it.
pub(crate) fn healthy(asked: &Asked) -> Reply {
    if asked.path().ends_with("/models") {
        return json(200, LIST);
    }
    if !asked.path().ends_with("/chat/completions") {
        return json(404, r#"{"error":{"message":"no such path"}}"#);
    }
    let request = asked.json();
    if asked.wants_stream() {
        return Reply::Whole(200, "text/event-stream", stream());
    }
    if request.get("tools").is_some() {
        let call = r#""tool_calls":[{"id":"call_1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]"#;
        return json(
            200,
            &answer(&format!(r#""content":null,{call}"#), "tool_calls"),
        );
    }
    if request.get("reasoning_effort").is_some() {
        let thought = r#""content":"391","reasoning_content":"17 times 20 and 17 times 3""#;
        return json(200, &answer(thought, "stop"));
    }
    json(200, &answer(r#""content":"pong""#, "stop"))
}

fn answer(message: &str, reason: &str) -> String {
    format!(
        r#"{{"id":"c1","object":"chat.completion","created":1,"model":"pond-2","choices":[{{"index":0,"message":{{"role":"assistant",{message}}},"finish_reason":"{reason}"}}],"usage":{{"prompt_tokens":3,"completion_tokens":1,"total_tokens":4}}}}"#
    )
}

fn stream() -> String {
    let chunk = |delta: &str, reason: &str| {
        format!(
            "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"pond-2\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":{reason}}}]}}\n\n"
        )
    };
    let first = chunk(r#"{"role":"assistant","content":"pong"}"#, "null");
    format!("{first}{}data: [DONE]\n\n", chunk("{}", "\"stop\""))
}
