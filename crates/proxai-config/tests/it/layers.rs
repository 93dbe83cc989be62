//! K1: built-in defaults, file, environment, command line, in this order.

use proxai_config::{LogLevel, Memory, Overrides, load};

use crate::{keys, try_load};

#[test]
fn each_layer_beats_the_one_below() {
    let text = "[server]\nport = 2\nkeepalive_secs = 2\n[logging]\nlevel = \"warn\"\n";
    let sources = Memory::default()
        .with_file("proxai.toml", text)
        .with_var("PROXAI_SERVER__PORT", "3")
        .with_var("PROXAI_LOGGING__LEVEL", "error")
        .with_var("PROXAI_CONFIG", "not a key");
    let overrides = Overrides {
        set: vec![("server.port".to_owned(), "4".to_owned())],
        ..Overrides::default()
    };
    let settings = load(&sources, &overrides).unwrap().settings;
    assert_eq!(settings.server.port, 4, "command line");
    assert_eq!(settings.logging.level, LogLevel::Error, "environment");
    assert_eq!(settings.server.keepalive.as_secs(), 2, "file");
    assert_eq!(settings.admin.port(), 18081, "default");
}

#[test]
fn the_first_of_the_usual_files_is_used_and_named() {
    let sources = Memory::default()
        .with_var("HOME", "/home/u")
        .with_file("/home/u/.proxai/config.toml", "[server]\nport = 7\n");
    let loaded = load(&sources, &Overrides::default()).unwrap();
    assert_eq!(loaded.settings.server.port, 7);
    assert_eq!(
        loaded.file.unwrap().to_str(),
        Some("/home/u/.proxai/config.toml")
    );

    let both = sources.with_file("proxai.toml", "[server]\nport = 8\n");
    let loaded = load(&both, &Overrides::default()).unwrap();
    assert_eq!(loaded.settings.server.port, 8);
}

#[test]
fn a_key_of_digits_in_a_variable_stays_text() {
    let sources = Memory::default().with_var("PROXAI_PROVIDERS__UP_CHAT__API_KEY", "00123");
    let text = "[providers.up-chat]\nbase_url = \"http://up/v1\"\n";
    let loaded = try_load(sources, text).unwrap();
    assert_eq!(loaded.settings.providers.len(), 1, "up_chat is up-chat");
    assert_eq!(keys(&loaded, "up-chat"), ["00123"]);
}

#[test]
fn a_wrong_variable_or_flag_is_named_as_the_place() {
    let sources = Memory::default()
        .with_var("PROXAI_SERVER__PROT", "3")
        .with_var("PROXAI_SERVER__PORT", "many");
    let overrides = Overrides {
        set: vec![("tool_calls.timeout_secs".to_owned(), "0".to_owned())],
        ..Overrides::default()
    };
    let problems = load(&sources, &overrides).unwrap_err();
    let mut found: Vec<String> = problems.0.iter().map(ToString::to_string).collect();
    found.sort();
    assert_eq!(
        found,
        [
            "command line: tool_calls.timeout_secs: must be greater than 0",
            "environment variable PROXAI_SERVER__PORT: server.port: expected a whole number from 0 to 65535, found text",
            "environment variable PROXAI_SERVER__PROT: server.prot: unknown key `prot`; did you mean `port`?",
        ]
    );
}
