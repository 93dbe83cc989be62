//! K6: six upstreams, of which one is well.

use std::time::Duration;

use proxai_cli::Exit;

use crate::Setting;
use crate::server::{Asked, Reply, Server, healthy, json};

/// The refusal of a key, which quotes it as real ones do.
fn unauthorized(asked: &Asked) -> Reply {
    let key = asked
        .head
        .lines()
        .find_map(|line| line.strip_prefix("authorization: bearer "))
        .unwrap_or_default();
    json(
        401,
        &format!(
            r#"{{"error":{{"message":"Incorrect API key provided: {key}","type":"invalid_request_error","code":"invalid_api_key"}}}}"#
        ),
    )
}

fn below_v1_only(asked: &Asked) -> Reply {
    if asked.path().starts_with("/api/v1/") {
        healthy(asked)
    } else {
        json(404, r#"{"detail":"Not Found"}"#)
    }
}

fn without_stream(asked: &Asked) -> Reply {
    if asked.wants_stream() {
        healthy(&Asked {
            body: r#"{"messages":[]}"#.to_owned(),
            ..asked.clone()
        })
    } else {
        healthy(asked)
    }
}

/// Speaks HTTP/1.1 well and answers HTTP/2 with a GOAWAY whose code is PROTOCOL_ERROR.
fn broken_http2(asked: &Asked) -> Reply {
    if asked.line.starts_with("PRI * HTTP/2") {
        Reply::Raw(b"\0\0\x08\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01")
    } else {
        healthy(asked)
    }
}

fn slow(asked: &Asked) -> Reply {
    if asked.path().ends_with("/models") {
        healthy(asked)
    } else {
        Reply::Silence
    }
}

struct Six([Server; 6]);

impl Six {
    async fn start() -> Self {
        Self([
            Server::start(healthy).await,
            Server::start(unauthorized).await,
            Server::start(below_v1_only).await,
            Server::start(without_stream).await,
            Server::start(broken_http2).await,
            Server::start(slow).await,
        ])
    }

    fn setting(&self) -> Setting {
        let [well, locked, lost, still, old, lame] = self.0.each_ref().map(Server::origin);
        Setting::with(&format!(
            r#"
[providers.well]
base_url = "{well}/v1"
api_key = "sk-well-0001"
model = "pond-2"
[providers.locked]
base_url = "{locked}/v1"
api_key = "${{LOCKED_KEY}}"
model = "pond-2"
[providers.lost]
base_url = "{lost}/api"
api_key = "sk-lost-0001"
model = "pond-2"
[providers.still]
base_url = "{still}/v1"
api_key = "sk-still-0001"
model = "pond-2"
[providers.old]
base_url = "{old}/v1"
api_key = "sk-old-0001"
model = "pond-2"
http = "2"
[providers.lame]
base_url = "{lame}/v1"
api_key = "sk-lame-0001"
model = "pond-2"
"#
        ))
        .var("LOCKED_KEY", "sk-locked-0001")
    }
}

#[tokio::test]
async fn six_upstreams_get_the_right_diagnosis_and_the_right_advice() {
    let six = Six::start().await;
    let ran = six.setting().run(&["doctor", "--timeout", "2"]).await;
    assert_eq!(ran.exit, Exit::No);
    let origin = |index: usize| six.0[index].origin();

    // Healthy: numbers, no remark.
    let well = ran
        .out
        .lines()
        .find(|line| line.starts_with("well"))
        .unwrap();
    assert!(!well.contains("FAIL") && !well.contains("warn"), "{well}");
    assert!(well.contains("pond-2") && well.contains(" ms"), "{well}");
    assert!(!ran.out.contains("\nwell ("), "{}", ran.out);

    ran.says(&format!(
        "FAIL authenticated: 401 at {}/v1/models: Incorrect API key provided: [redacted]",
        origin(1)
    ));
    ran.says("-> the key from variable LOCKED_KEY is refused: put a valid one there");

    ran.says(&format!(
        "FAIL chat: 404 at {}/api/chat/completions: the base URL lacks /v1",
        origin(2)
    ));
    ran.says(&format!(
        "-> set base_url = \"{}/api/v1\" in [providers.lost]; it answers there",
        origin(2)
    ));

    assert!(!ran.out.contains("no list"), "said once: {}", ran.out);

    ran.says("FAIL stream: no stream: one JSON answer came instead of events");
    ran.says("-> set stream = \"never\" in [providers.still.quirks]");

    ran.says("FAIL reachable: HTTP/2 is broken there and HTTP/1.1 works");
    ran.says("-> set http = \"1.1\" in [providers.old]");

    ran.says("FAIL chat: too slow: no answer within 2.0 s");
    ran.says("clients are given up on after read_idle_timeout_secs = 120 of [providers.lame]");

    ran.says("5 of 6 providers failed");
    for secret in [
        "sk-well",
        "sk-locked",
        "sk-lost",
        "sk-still",
        "sk-old",
        "sk-lame",
    ] {
        assert!(
            !ran.out.contains(secret) && !ran.err.contains(secret),
            "{ran:?}"
        );
    }
    assert!(
        ran.err.is_empty(),
        "no progress without a terminal: {}",
        ran.err
    );
}

#[tokio::test]
async fn the_same_is_there_for_programs() {
    let six = Six::start().await;
    let ran = six
        .setting()
        .run(&["doctor", "--json", "--timeout", "2"])
        .await;
    assert_eq!(ran.exit, Exit::No);
    let report = ran.json();
    assert_eq!(report["ok"], false);
    let ok: Vec<(&str, bool)> = report["providers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["provider"].as_str().unwrap(), row["ok"] == true))
        .collect();
    let expected = ["well", "locked", "lost", "still", "old", "lame"];
    assert_eq!(ok, expected.map(|name| (name, name == "well")));
    let well = &report["providers"][0];
    for (at, name) in [
        "reachable",
        "authenticated",
        "models",
        "chat",
        "stream",
        "tools",
        "reasoning",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(well["checks"][at]["check"], *name);
        assert_eq!(well["checks"][at]["result"], "ok", "{well}");
    }
    assert!(well["checks"][3]["milliseconds"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn each_provider_sees_its_own_key_and_nobody_else_is_asked() {
    let six = Six::start().await;
    six.setting()
        // A key of a built-in provider that is not configured.
        .var("OPENAI_API_KEY", "sk-elsewhere-0001")
        .run(&["doctor", "--timeout", "2"])
        .await;
    let keys = ["well", "locked", "lost", "still", "old", "lame"];
    for (server, own) in six.0.iter().zip(keys) {
        let asked = server.asked();
        assert!(!asked.is_empty(), "{own} was asked nothing");
        for asked in asked.iter().filter(|asked| !asked.line.starts_with("PRI")) {
            let sent = format!("authorization: bearer sk-{own}-0001");
            assert!(asked.head.contains(&sent), "{own}: {}", asked.head);
        }
    }
}

#[tokio::test]
async fn one_provider_can_be_named_and_a_healthy_one_exits_with_zero() {
    let six = Six::start().await;
    let setting = six.setting();
    for line in [
        ["doctor", "WELL"].as_slice(),
        &["doctor", "--provider", "well"],
    ] {
        let ran = setting.run(line).await;
        assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
        ran.says("1 provider tested, no failure");
    }
    assert!(six.0[1].asked().is_empty(), "only the named one is asked");
    let ran = setting.run(&["doctor", "wel"]).await;
    assert_eq!(ran.exit, Exit::No);
    assert!(
        ran.err.contains("no provider `wel` is configured"),
        "{}",
        ran.err
    );
}

#[tokio::test]
async fn progress_is_shown_on_a_terminal_and_taken_away() {
    let well = Server::start(healthy).await;
    let mut setting = Setting::with(&format!(
        "[providers.well]\nbase_url = \"{}/v1\"\napi_key = \"k\"\n",
        well.origin()
    ));
    setting.terminal.progress = true;
    setting.terminal.colour = true;
    let ran = setting.run(&["doctor"]).await;
    assert!(
        ran.err.contains("\x1b[2K[0/1] well: stream …"),
        "{:?}",
        ran.err
    );
    assert!(ran.err.ends_with("\r\x1b[2K"), "{:?}", ran.err);
    ran.says("\x1b[32m");
    ran.says("pond-2");
}

#[tokio::test]
async fn a_late_answer_is_a_warning_and_no_failure() {
    let late = Server::start(|asked: &Asked| {
        // The script runs on the runtime of the server, which has nothing else to do.
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_millis(30) {
            std::hint::spin_loop();
        }
        healthy(asked)
    })
    .await;
    let setting = Setting::with(&format!(
        "[providers.late]\nbase_url = \"{}/v1\"\napi_key = \"k\"\nmodel = \"pond-1\"\n",
        late.origin()
    ));
    let ran = setting.run(&["doctor", "--slow", "0.02"]).await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    ran.says("warn chat: slow: the answer began after");
    ran.says("-> choose a nearer region or a faster model");
}

#[tokio::test]
async fn with_nothing_configured_there_is_nothing_to_test_but_what_was_asked_for() {
    let ran = Setting::default().run(&["doctor"]).await;
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.err.contains("no provider is configured"), "{}", ran.err);
    let ran = Setting::default()
        .run(&["doctor", "demo", "--model", "demo"])
        .await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
}
