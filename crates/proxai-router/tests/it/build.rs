//! Everything wrong with a table is reported at once.

use std::collections::BTreeMap;

use proxai_router::{RouteField, RouteSpec, Table, TableSpec, TargetSpec};
use proxai_types::Protocol;

use crate::{default_to, route, spec};

#[test]
fn all_errors_come_at_once_with_route_target_and_field() {
    let named = |name: &str| RouteSpec {
        name: Some(name.to_owned()),
        ..route("m", "a")
    };
    let errors = Table::build(TableSpec {
        protocol_defaults: BTreeMap::from([(Protocol::Responses, "nobody".to_owned())]),
        default: Some(default_to("nothing", None)),
        ..spec(vec![
            named("x"),
            named(" x "),
            route("(", "a"),
            route("", "a"),
            route("m", "d"),
            RouteSpec {
                targets: Vec::new(),
                ..route("m", "a")
            },
            RouteSpec {
                targets: vec![
                    TargetSpec::new("a").model("$1"),
                    TargetSpec::new("a").model(""),
                    TargetSpec::new("e"),
                ],
                ..route("m", "a")
            },
            RouteSpec {
                path: Some("hybrid".to_owned()),
                ..route("m", "a")
            },
        ])
    })
    .unwrap_err();
    let found: Vec<_> = errors
        .iter()
        .map(|error| (error.route, error.target, error.field))
        .collect();
    assert_eq!(
        found,
        [
            (Some(1), None, RouteField::Name),
            (Some(2), None, RouteField::ModelPattern),
            (Some(3), None, RouteField::ModelPattern),
            (Some(4), None, RouteField::Provider),
            (Some(5), None, RouteField::Provider),
            (Some(6), Some(0), RouteField::UpstreamModel),
            (Some(6), Some(1), RouteField::UpstreamModel),
            (Some(6), Some(2), RouteField::Provider),
            (Some(7), None, RouteField::Path),
            (None, None, RouteField::ProtocolDefault(Protocol::Responses)),
            (None, None, RouteField::Default),
        ]
    );
}

#[test]
fn a_path_that_has_a_meaning_already_is_refused() {
    for path in [
        "/",
        "",
        "/v1",
        "/v1/x",
        "/chat/completions",
        "/models/x",
        "/a//b",
        "/../x",
        "/a b",
    ] {
        let with = RouteSpec {
            path: Some(path.to_owned()),
            ..route("m", "a")
        };
        assert!(Table::build(spec(vec![with])).is_err(), "{path}");
    }
    for path in ["/hybrid", "/hybrid/", "/team-1/llm", "/v2"] {
        let with = RouteSpec {
            path: Some(path.to_owned()),
            ..route("m", "a")
        };
        assert!(Table::build(spec(vec![with])).is_ok(), "{path}");
    }
}

#[test]
fn a_misspelt_provider_is_guessed() {
    let mut spec = spec(vec![route("m", "mistrall")]);
    spec.providers[0].name = "mistral".to_owned();
    let errors = Table::build(spec).unwrap_err();
    assert_eq!(
        errors[0].message,
        "no provider `mistrall` is configured; did you mean `mistral`?"
    );
}
