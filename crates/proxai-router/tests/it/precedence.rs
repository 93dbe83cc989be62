//! R1: routes, prefix, declared models, protocol default, default, in this order.

use std::collections::BTreeMap;

use proxai_router::{Ask, NoRoute, ProviderFacts, RouteSpec, Rule, Table, TableSpec, resolve};
use proxai_types::{Operation, Protocol};

use crate::{chat, default_to, first, route, spec, table};

#[test]
fn each_rule_comes_before_the_next() {
    let full = || TableSpec {
        providers: vec![
            ProviderFacts::named("a"),
            ProviderFacts::named("b"),
            ProviderFacts {
                models: Some(vec!["a/m".to_owned(), "m".to_owned()]),
                ..ProviderFacts::named("declaring")
            },
            ProviderFacts::named("protocol"),
            ProviderFacts::named("last"),
        ],
        routes: vec![route("a/m", "b")],
        protocol_defaults: BTreeMap::from([(Protocol::Chat, "protocol".to_owned())]),
        default: Some(default_to("last", None)),
    };
    let mut spec = full();
    let by = |spec: &TableSpec, model| {
        let table = Table::build(spec.clone()).unwrap();
        let plan = resolve(&table, &chat(model)).unwrap();
        (plan.rule, first(&table, &chat(model)).unwrap())
    };
    assert_eq!(
        by(&spec, "a/m"),
        (Rule::Route { index: 0 }, "b:a/m".to_owned())
    );
    spec.routes.clear();
    assert_eq!(by(&spec, "a/m"), (Rule::Prefix, "a:m".to_owned()));
    spec.providers[0].name = "renamed".to_owned();
    assert_eq!(
        by(&spec, "a/m"),
        (Rule::Declared, "declaring:a/m".to_owned())
    );
    spec.providers[2].models = None;
    assert_eq!(
        by(&spec, "a/m"),
        (Rule::ProtocolDefault, "protocol:a/m".to_owned())
    );
    spec.protocol_defaults.clear();
    assert_eq!(by(&spec, "a/m"), (Rule::Default, "last:a/m".to_owned()));
}

#[test]
fn the_first_matching_route_in_file_order_wins() {
    let table = table(vec![
        route("gpt-5-*", "a"),
        route("gpt-*", "b"),
        route("*", "c"),
    ]);
    assert_eq!(first(&table, &chat("gpt-5-mini")).unwrap(), "a:gpt-5-mini");
    assert_eq!(first(&table, &chat("GPT-4")).unwrap(), "b:GPT-4");
    assert_eq!(first(&table, &chat("x")).unwrap(), "c:x");
}

#[test]
fn only_the_first_slash_separates_a_provider_and_only_if_it_is_one() {
    let mut spec = spec(Vec::new());
    spec.providers[0].aliases = vec!["also-a".to_owned()];
    spec.default = Some(default_to("c", None));
    let table = Table::build(spec).unwrap();
    for (model, expected) in [
        ("a/openai/gpt-oss-120b", "a:openai/gpt-oss-120b"),
        ("A/m", "a:m"),
        ("Also_A/m", "a:m"),
        ("meta-llama/Llama-3.1-8B", "c:meta-llama/Llama-3.1-8B"),
        ("a", "c:a"),
        ("/m", "c:/m"),
    ] {
        assert_eq!(first(&table, &chat(model)).unwrap(), expected);
    }
}

#[test]
fn a_guard_that_does_not_fit_fails_only_if_nothing_else_takes_the_request() {
    let guarded = RouteSpec {
        name: Some("only-messages".to_owned()),
        request_protocol: Some(Protocol::Messages),
        ..route("m", "a")
    };
    let lone = table(vec![guarded.clone()]);
    let error = resolve(&lone, &chat("m")).unwrap_err();
    assert_eq!(error.status(), 400);
    assert_eq!(
        error.to_string(),
        "route `only-messages` matches model `m` but takes only messages requests and this is chat; \
         remove its request_protocol to accept any protocol, or set it to \"openai_chat_completions\""
    );
    let messages = Ask {
        protocol: Some(Protocol::Messages),
        ..Ask::new("m")
    };
    assert_eq!(first(&lone, &messages).unwrap(), "a:m");

    let later = table(vec![guarded.clone(), route("*", "b")]);
    assert_eq!(first(&later, &chat("m")).unwrap(), "b:m");
    let with_default = Table::build(TableSpec {
        default: Some(default_to("c", None)),
        ..spec(vec![guarded.clone()])
    });
    assert_eq!(first(&with_default.unwrap(), &chat("m")).unwrap(), "c:m");
    // Embeddings have no protocol: a guarded route is not theirs, and no reason to complain.
    let error = resolve(&lone, &Ask::new("m")).unwrap_err();
    assert!(matches!(error, NoRoute::UnknownModel { .. }), "{error}");
}

#[test]
fn an_allowlist_keeps_models_out_and_aliases_let_them_in() {
    let providers = vec![ProviderFacts {
        models: Some(vec!["llama-*".to_owned(), "exact".to_owned()]),
        model_aliases: BTreeMap::from([("Fast".to_owned(), "tiny-1b".to_owned())]),
        ..ProviderFacts::named("a")
    }];
    let table = Table::build(TableSpec {
        providers,
        default: Some(default_to("a", None)),
        ..TableSpec::default()
    })
    .unwrap();
    for (model, expected) in [
        ("llama-3", "a:llama-3"),
        ("EXACT", "a:EXACT"),
        ("a/llama-3", "a:llama-3"),
        ("fast", "a:tiny-1b"),
        ("a/FAST", "a:tiny-1b"),
    ] {
        assert_eq!(first(&table, &chat(model)).unwrap(), expected);
    }
    for model in ["exakt", "a/exakt"] {
        let error = resolve(&table, &chat(model)).unwrap_err();
        assert_eq!(error.status(), 404);
        assert_eq!(
            error,
            NoRoute::UnknownModel {
                model: model.to_owned(),
                refused_by: Some("a".to_owned()),
                closest: vec!["exact".to_owned()],
            }
        );
    }
    let listed: Vec<String> = table.models().into_iter().map(|model| model.id).collect();
    assert_eq!(listed, ["Fast", "exact"]);
}

#[test]
fn a_request_without_a_model_gets_a_configured_one_or_a_clear_answer() {
    let mut with_model = spec(Vec::new());
    with_model.providers[0].default_model = Some("own".to_owned());
    with_model.default = Some(default_to("a", Some("chosen")));
    let table = Table::build(with_model.clone()).unwrap();
    assert_eq!(first(&table, &chat("")).unwrap(), "a:chosen");
    assert_eq!(first(&table, &chat("default")).unwrap(), "a:chosen");
    with_model.default = Some(default_to("a", None));
    let table = Table::build(with_model).unwrap();
    assert_eq!(first(&table, &chat("")).unwrap(), "a:own");
    assert_eq!(first(&table, &chat("default")).unwrap(), "a:default");

    let error = resolve(&Table::build(spec(Vec::new())).unwrap(), &chat("")).unwrap_err();
    assert_eq!((error.status(), error.code()), (400, "missing_model"));
}

#[test]
fn an_unknown_model_names_the_closest_ones() {
    let table = table(vec![route("gpt-5-mini", "a"), route("claude-opus", "b")]);
    let error = resolve(&table, &chat("gpt-5-mni")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no provider takes model `gpt-5-mni`; did you mean `gpt-5-mini`?"
    );
    let error = resolve(&table, &chat("zzzz")).unwrap_err();
    assert!(error.to_string().contains("configure a route"), "{error}");
}

#[test]
fn a_model_that_lacks_only_its_provider_is_the_first_to_be_suggested() {
    let known = [
        "tiny-randon",
        "far/tiny-rando",
        "llamacpp/tiny-random",
        "hub/org/Tiny-Random",
    ];
    let closest = |model| proxai_router::closest(model, known.map(str::to_owned));
    let found = closest("tiny-random");
    assert_eq!(found[..2], ["llamacpp/tiny-random", "hub/org/Tiny-Random"]);
    assert_eq!(closest("org/tiny-random")[0], "hub/org/Tiny-Random");
    // Almost the model, behind a provider.
    assert!(closest("tiny-randm").contains(&"llamacpp/tiny-random".to_owned()));
    assert!(closest("zzzz").is_empty());
}

#[test]
fn a_path_is_an_endpoint_of_its_own_in_every_form() {
    let hybrid = RouteSpec {
        path: Some("/hybrid".to_owned()),
        request_protocol: Some(Protocol::Messages),
        ..route("", "a")
    };
    let other = RouteSpec {
        path: Some("/hybrid/more".to_owned()),
        ..route("only-this", "b")
    };
    let table = table(vec![hybrid, other, route("*", "c")]);
    for (path, expected) in [
        (
            "/hybrid",
            Some(("/hybrid", Operation::Generate(Protocol::Messages))),
        ),
        (
            "/hybrid/",
            Some(("/hybrid", Operation::Generate(Protocol::Messages))),
        ),
        (
            "/hybrid/v1/chat/completions",
            Some(("/hybrid", Operation::Generate(Protocol::Chat))),
        ),
        (
            "/hybrid/responses",
            Some(("/hybrid", Operation::Generate(Protocol::Responses))),
        ),
        (
            "/hybrid/v1/messages/count_tokens",
            Some(("/hybrid", Operation::CountTokens)),
        ),
        (
            "/hybrid/more",
            Some(("/hybrid/more", Operation::Generate(Protocol::Chat))),
        ),
        (
            "/hybrid/more/embeddings",
            Some(("/hybrid/more", Operation::Embeddings)),
        ),
        ("/hybrid/other", None),
        ("/hybridish", None),
        ("/v1/chat/completions", None),
    ] {
        let found = table
            .extra_endpoint(path)
            .map(|extra| (extra.path, extra.operation));
        assert_eq!(found, expected, "{path}");
    }
    let at = |path, protocol, model| Ask {
        path: Some(path),
        protocol: Some(protocol),
        ..Ask::new(model)
    };
    let messages = at("/hybrid", Protocol::Messages, "any");
    assert_eq!(first(&table, &messages).unwrap(), "a:any");
    // Routes and defaults of the ordinary endpoints do not answer there.
    assert!(resolve(&table, &at("/hybrid/more", Protocol::Chat, "x")).is_err());
    assert_eq!(first(&table, &chat("any")).unwrap(), "c:any");
}

#[test]
fn a_prefix_of_a_pattern_is_stripped_up_to_its_last_slash() {
    let strip = |pattern| RouteSpec {
        strip_prefix: true,
        ..route(pattern, "a")
    };
    for (pattern, model, expected) in [
        ("groq/*", "GROQ/openai/gpt-oss", "a:openai/gpt-oss"),
        ("groq/llama-*", "groq/llama-3", "a:llama-3"),
        ("x/y/*", "x/y/z", "a:z"),
        ("gpt-*", "gpt-5", "a:gpt-5"),
        ("meta-llama/Llama", "meta-llama/Llama", "a:meta-llama/Llama"),
        ("groq/*", "groq/", "a:groq/"),
    ] {
        assert_eq!(
            first(&table(vec![strip(pattern)]), &chat(model)).unwrap(),
            expected
        );
    }
}
