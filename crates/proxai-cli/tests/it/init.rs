//! K5: `proxai init`.

use proxai_cli::Exit;
use proxai_config::{Memory, Overrides, load};

use crate::Setting;

#[tokio::test]
async fn what_is_found_is_configured_and_loads_without_a_remark() {
    let mut setting = Setting::default()
        .var("GROQ_API_KEY", "gsk-quite-secret")
        .var("MISTRAL_API_KEY", "m-quite-secret");
    setting.answering = vec!["ollama".to_owned()];
    let ran = setting.run(&["init", "--output", "-"]).await;
    assert_eq!(ran.exit, Exit::Yes);
    assert!(!ran.out.contains("quite-secret"), "a key is never written");
    ran.says("[providers.groq]\napi_key = \"${GROQ_API_KEY}\"\n");

    let sources = setting.sources.with_file("proxai.toml", &ran.out);
    let loaded = load(&sources, &Overrides::default()).unwrap_or_else(|all| panic!("{all}"));
    let names: Vec<&str> = loaded
        .settings
        .providers
        .iter()
        .map(|configured| configured.provider.name.as_str())
        .collect();
    assert_eq!(names, ["groq", "mistral", "ollama"]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert!(loaded.settings.unimplemented().is_empty());
}

#[tokio::test]
async fn a_single_provider_becomes_the_default() {
    let ran = Setting::default()
        .var("GROQ_API_KEY", "k")
        .run(&["init", "--output", "-"])
        .await;
    ran.says("\n[default]\nprovider = \"groq\"\n");
    let nothing = Setting::default().run(&["init", "--output", "-"]).await;
    nothing.says("\n#[default]\n");
}

#[tokio::test]
async fn everything_that_is_commented_out_is_valid_too() {
    let ran = Setting::default().run(&["init", "--output", "-"]).await;
    let on: Vec<&str> = ran
        .out
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
            _ => line,
        })
        .collect();
    let sources = Memory::default()
        .with_var("MY_SERVER_KEY", "k")
        .with_file("proxai.toml", &on.join("\n"));
    let loaded = load(&sources, &Overrides::default()).unwrap_or_else(|all| panic!("{all}"));
    assert_eq!(loaded.settings.table.routes().count(), 1);
}

#[tokio::test]
async fn a_file_that_is_there_is_replaced_only_by_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("below/proxai.toml");
    let file = path.to_str().unwrap();
    let setting = Setting::default().var("GROQ_API_KEY", "k");

    let ran = setting.run(&["init", "--output", file]).await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    ran.says("groq with GROQ_API_KEY");
    let first = std::fs::read_to_string(&path).unwrap();
    assert!(first.contains("[providers.groq]"));

    std::fs::write(&path, "# mine\n").unwrap();
    let ran = setting.run(&["init", "--output", file]).await;
    assert_eq!(ran.exit, Exit::No);
    assert!(
        ran.err.contains("is there already; use --force"),
        "{}",
        ran.err
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "# mine\n");

    let ran = setting.run(&["init", "--output", file, "--force"]).await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first);
    assert_eq!(
        std::fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_variable_of_several_regions_enables_one_and_offers_the_others() {
    let ran = Setting::default()
        .var("DASHSCOPE_API_KEY", "k")
        .run(&["init", "--output", "-"])
        .await;
    let live = ran
        .out
        .matches("\napi_key = \"${DASHSCOPE_API_KEY}\"")
        .count();
    let offered = ran
        .out
        .matches("\n#api_key = \"${DASHSCOPE_API_KEY}\"")
        .count();
    assert_eq!(live, 1, "{}", ran.out);
    assert!(offered >= 2, "{}", ran.out);
    assert!(ran.out.lines().all(|line| line.len() < 140), "{}", ran.out);
}
