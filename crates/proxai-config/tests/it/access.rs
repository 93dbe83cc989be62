//! Who may read the files that hold keys (Z2), and how much a provider gets at once (R8).

use std::time::Duration;

use proxai_config::{Memory, Overrides, System, load};

use crate::{loaded, problems};

fn warnings(sources: &Memory) -> Vec<String> {
    let overrides = Overrides {
        config: Some("conf/proxai.toml".into()),
        ..Overrides::default()
    };
    let loaded = load(sources, &overrides).unwrap();
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[test]
fn a_key_that_others_can_read_is_warned_about_once_and_not_shown() {
    let text = "[providers.groq]\napi_keys = [\"sk-one\", \"sk-two\"]\n[providers.mistral]\napi_key = \"sk-three\"\n";
    let open = Memory::default().with_open_file("conf/proxai.toml", text);
    assert_eq!(
        warnings(&open),
        [
            "conf/proxai.toml:2: providers.groq.api_keys.0: others can read the key in conf/proxai.toml; chmod 600 conf/proxai.toml"
        ]
    );
    let closed = Memory::default().with_file("conf/proxai.toml", text);
    assert!(warnings(&closed).is_empty());
}

#[test]
fn a_file_without_keys_may_be_read_and_the_files_it_names_may_not() {
    let text = "[providers.groq]\napi_key = \"${MY_KEY}\"\n[providers.mistral]\napi_key = { file = \"keys/mistral\" }\n";
    let sources = Memory::default()
        .with_var("MY_KEY", "sk-one")
        .with_open_file("conf/proxai.toml", text);
    let closed = sources.clone().with_file("conf/keys/mistral", "sk-two\n");
    assert!(warnings(&closed).is_empty());
    let open = sources.with_open_file("conf/keys/mistral", "sk-two\n");
    let told = warnings(&open);
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("chmod 600 conf/keys/mistral"), "{told:?}");
}

#[cfg(unix)]
#[test]
fn the_mode_of_a_real_file_is_read() {
    use std::os::unix::fs::PermissionsExt;

    let path = std::env::temp_dir().join(format!("proxai-mode-{}.toml", std::process::id()));
    std::fs::write(&path, "[providers.groq]\napi_key = \"sk-one\"\n").unwrap();
    let told = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let overrides = Overrides {
            config: Some(path.clone()),
            ..Overrides::default()
        };
        load(&System, &overrides).unwrap().warnings.len()
    };
    let counts = [0o600, 0o640, 0o604, 0o700].map(told);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(counts, [0, 1, 1, 0]);
}

#[test]
fn places_and_a_queue_are_for_those_who_say_so() {
    let loaded = loaded(
        "[providers.groq]\napi_key = \"k\"\nmax_in_flight = 4\nmax_queue = 2\nqueue_timeout_secs = 3\n[providers.mistral]\napi_key = \"k\"\n",
    );
    let [groq, mistral] = &loaded.settings.providers[..] else {
        panic!("two providers");
    };
    assert_eq!((groq.in_flight.max, groq.in_flight.queue), (Some(4), 2));
    assert_eq!(groq.in_flight.queue_timeout, Duration::from_secs(3));
    assert_eq!((mistral.in_flight.max, mistral.in_flight.queue), (None, 0));
}

#[test]
fn places_that_make_no_sense_are_problems() {
    let told = problems(
        "[providers.groq]\napi_key = \"k\"\nmax_in_flight = 0\n[providers.mistral]\napi_key = \"k\"\nmax_queue = 3\n",
    );
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains("max_in_flight: must be greater than 0"),
        "{told:?}"
    );
    assert!(
        told[1].contains("max_queue: nothing waits without"),
        "{told:?}"
    );
}
