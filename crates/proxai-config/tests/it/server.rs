//! Listeners, limits, and keys that have no effect yet.

use crate::{loaded, problems};

#[test]
fn a_listener_that_others_reach_needs_a_key_or_permission() {
    for host in ["0.0.0.0", "::", "192.168.1.4"] {
        let text = format!("[server]\nhost = \"{host}\"\n[mcp]\nhost = \"{host}\"\n");
        let found = problems(&text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("proxai.toml:2: server.host: "),
            "{found:?}"
        );
        assert!(found[0].contains("server.allow_open = true"), "{found:?}");
        assert!(
            found[1].starts_with("proxai.toml:4: mcp.host: "),
            "{found:?}"
        );
        let allowed = loaded(&text.replace("[mcp]", "allow_open = true\n[mcp]"));
        assert_eq!(allowed.settings.server.host.to_string(), host);
    }
    for host in ["127.0.0.1", "127.9.9.9", "::1"] {
        loaded(&format!("[server]\nhost = \"{host}\"\n"));
    }
}

#[test]
fn zero_is_no_limit_and_no_timeout() {
    for (table, key) in [
        ("server", "max_request_body_bytes"),
        ("server", "max_concurrent_requests"),
        ("server", "keepalive_secs"),
        ("tool_calls", "timeout_secs"),
    ] {
        let found = problems(&format!("[{table}]\n{key} = 0\n"));
        assert_eq!(
            found,
            [format!(
                "proxai.toml:2: {table}.{key}: must be greater than 0"
            )]
        );
    }
    let found = problems("[providers.x]\nbase_url = \"http://x\"\nread_idle_timeout_secs = 0\n");
    assert_eq!(
        found,
        ["proxai.toml:3: providers.x.read_idle_timeout_secs: must be greater than 0"]
    );
    let found = problems("[tool_calls]\ntimeout_secs = 120000\n");
    assert!(found[0].contains("the unit is seconds"), "{found:?}");
}

#[test]
fn keys_without_effect_are_listed_only_if_they_ask_for_something() {
    let text = r#"
[capture]
inbound_request_enabled = true
provider_request_enabled = false
dir = "captures"
[providers.a]
base_url = "http://a"
[providers.b]
base_url = "http://b"
[[routing.routes]]
model_pattern = "x"
balance = "weighted"
targets = [{ provider = "a" }]
[[routing.routes]]
model_pattern = "y"
balance = "cheapest"
targets = [{ provider = "a" }, { provider = "b" }]
"#;
    let loaded = loaded(text);
    assert_eq!(
        loaded.settings.unimplemented(),
        [
            "capture.inbound_request_enabled",
            "capture.dir",
            "routing.routes.1.balance",
        ]
    );
}

#[test]
fn what_a_running_program_cannot_take_over_is_named() {
    let before = loaded("[server]\nport = 1\nkeepalive_secs = 9\n").settings;
    let after = loaded("[server]\nport = 2\nkeepalive_secs = 8\n[mcp]\nhost = \"::1\"\n").settings;
    assert_eq!(before.needs_restart(&after), ["server.port", "mcp.host"]);
    assert!(after.needs_restart(&after).is_empty());
}
