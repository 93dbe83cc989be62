//! Routes as they are written: order, targets, options, providers of their own.

use proxai_router::Ask;
use proxai_router::resolve;
use proxai_types::Protocol;

use crate::{goes_to, keys, loaded, plan, problems};

const PROVIDERS: &str = r#"
[providers.a]
base_url = "http://a"
api_key = "key-a"
[providers.b]
base_url = "http://b"
"#;

#[test]
fn both_kinds_of_routes_are_tried_in_the_order_of_the_file() {
    let text = format!(
        "{PROVIDERS}
[[model_routes]]
pattern = \"x-*\"
provider = \"a\"
[[routing.routes]]
model_pattern = \"*\"
provider = \"b\"
[[model_routes]]
pattern = \"y-*\"
provider = \"a\"
"
    );
    let loaded = loaded(&text);
    assert_eq!(goes_to(&loaded, "x-1").0, "a");
    assert_eq!(goes_to(&loaded, "y-1").0, "b");
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "proxai.toml:14: model_routes.1: route 3 `y-*` can never match: route 2 `*` takes all its requests; move it up or remove it"
        ]
    );
}

#[test]
fn a_route_with_an_address_of_its_own_never_gets_another_addresss_key() {
    let text = format!(
        "{PROVIDERS}
[[model_routes]]
pattern = \"x/*\"
provider = \"a\"
api_url = \"http://other\"
[[model_routes]]
pattern = \"y/*\"
provider = \"a\"
api_key = \"key-y\"
[[model_routes]]
pattern = \"z/*\"
api_url = \"http://third\"
"
    );
    let loaded = loaded(&text);
    assert!(keys(&loaded, "a@x/*").is_empty());
    assert_eq!(keys(&loaded, "a@y/*"), ["key-y"]);
    assert_eq!(
        goes_to(&loaded, "x/m").2,
        "http://other/v1/chat/completions"
    );
    assert_eq!(goes_to(&loaded, "y/m").2, "http://a/v1/chat/completions");
    assert_eq!(
        goes_to(&loaded, "z/m").2,
        "http://third/v1/chat/completions"
    );
    // Nobody else reaches them.
    let known: Vec<String> = loaded
        .settings
        .table
        .models()
        .into_iter()
        .map(|m| m.id)
        .collect();
    assert!(known.is_empty(), "{known:?}");
    let ask = Ask::new("a@x/m");
    assert!(resolve(&loaded.settings.table, &ask).is_err());
}

#[test]
fn options_of_route_and_target_are_merged_deep_and_the_model_is_taken_out() {
    let text = format!(
        "{PROVIDERS}
[[routing.routes]]
model_pattern = \"x\"
options = {{ temperature = 0.5, extra = {{ a = 1, b = [1] }} }}
forced_options = {{ store = false }}
[[routing.routes.targets]]
provider = \"a\"
options = {{ model = \"real\", extra = {{ b = [2], c = true }} }}
weight = 3
[[routing.routes.targets]]
provider = \"b\"
model = \"other\"
priority = 1
"
    );
    let loaded = loaded(&text);
    let plan = plan(&loaded, Protocol::Chat, "x");
    let first = &plan.attempts[0];
    assert_eq!(first.upstream_model, "real");
    assert_eq!(
        first.options.defaults.as_deref(),
        Some(r#"{"extra":{"a":1,"b":[2],"c":true},"temperature":0.5}"#)
    );
    assert_eq!(first.options.forced.as_deref(), Some(r#"{"store":false}"#));
    assert_eq!(plan.attempts[1].upstream_model, "other");
}

#[test]
fn headers_and_paths_select_a_route() {
    let text = format!(
        "{PROVIDERS}
[[routing.routes]]
model_pattern = \"*\"
headers = {{ X-Team = \"blue*\" }}
provider = \"a\"
[[routing.routes]]
path = \"/hybrid/\"
request_protocol = \"messages\"
provider = \"b\"
upstream_model = \"fixed\"
[default]
provider = \"b\"
"
    );
    let loaded = loaded(&text);
    let table = &loaded.settings.table;
    let provider = |ask: &Ask<'_>| resolve(table, ask).unwrap().attempts[0].provider.index();
    let with_header = Ask {
        header: &|name| (name == "x-team").then_some("blue-2"),
        ..Ask::new("m")
    };
    assert_eq!(provider(&with_header), 0);
    assert_eq!(provider(&Ask::new("m")), 1);
    assert_eq!(table.extra_endpoint("/hybrid").unwrap().path, "/hybrid");
}

#[test]
fn what_is_wrong_with_a_route_is_found_at_its_key() {
    let text = format!(
        "{PROVIDERS}
[[model_routes]]
pattern = \"x/[\"
provider = \"a\"
[[routing.routes]]
name = \"twice\"
model_pattern = \"(a)\"
provider = \"a\"
upstream_model = \"$2\"
[[routing.routes]]
name = \"twice\"
path = \"/v1/chat/completions\"
[[routing.routes]]
model_pattern = \"z\"
fallback_http_statuses = [200]
targets = [{{ provider = \"a\", api_key = \"k\", auth = {{ query = {{ key = \"k\" }} }} }}, {{ provider = \"c\" }}]
"
    );
    let found = problems(&text);
    let starts = [
        "proxai.toml:9: model_routes.0.pattern: ",
        "proxai.toml:15: routing.routes.0.upstream_model: `$2` is no capture",
        "proxai.toml:16: routing.routes.1.provider: the route sends nowhere",
        "proxai.toml:17: routing.routes.1.name: route name `twice` is taken",
        "proxai.toml:18: routing.routes.1.path: path `/v1/chat/completions` has a meaning",
        "proxai.toml:21: routing.routes.2.fallback_http_statuses: 200 is not an error status",
        "proxai.toml:22: routing.routes.2.targets.0.auth: more than one key",
        "proxai.toml:22: routing.routes.2.targets.1.provider: no provider `c`",
    ];
    assert_eq!(found.len(), starts.len(), "{found:#?}");
    for (found, start) in found.iter().zip(starts) {
        assert!(found.starts_with(start), "{found}\n{start}");
    }
}

#[test]
fn a_default_model_alone_may_name_its_provider() {
    let loaded = loaded("[default]\nmodel = \"groq/llama-3.3-70b-versatile\"\n");
    let (provider, model, _) = goes_to(&loaded, "default");
    assert_eq!((&*provider, &*model), ("groq", "llama-3.3-70b-versatile"));
    let found = problems("[default]\nmodel = \"llama\"\n");
    assert!(
        found[0].contains("nothing says which provider has `llama`"),
        "{found:?}"
    );
}
