//! R2 and R3: what `check` warns about.

use proxai_router::{LintKind, MatchKind, RouteSpec, TargetSpec};
use proxai_types::Protocol;

use crate::{route, table};

/// For each route, which earlier one shadows it.
fn shadows(routes: Vec<RouteSpec>) -> Vec<(usize, usize)> {
    table(routes)
        .lints()
        .into_iter()
        .filter_map(|lint| match lint.kind {
            LintKind::Shadowed { by, .. } => Some((lint.route, by)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_route_that_can_never_match_is_found() {
    for (first, later) in [
        ("*", "gpt-5"),
        ("^.*$", "gpt-*"),
        ("gpt-5", "GPT-5"),
        ("gpt-*", "gpt-5"),
        ("gpt-*", "gpt-5-*"),
        ("gpt-(4|5)", "gpt-4"),
        ("^a(b)$", "^a(b)$"),
    ] {
        let found = shadows(vec![route(first, "a"), route(later, "b")]);
        assert_eq!(found, [(1, 0)], "{first} before {later}");
    }
    let prefix = RouteSpec {
        match_kind: MatchKind::Prefix,
        ..route("gpt-", "a")
    };
    assert_eq!(shadows(vec![prefix, route("gpt-5-*", "b")]), [(1, 0)]);
}

#[test]
fn a_route_that_may_still_match_is_left_alone() {
    for (first, later) in [
        ("gpt-5", "gpt-*"),
        ("gpt-5-*", "gpt-*"),
        ("*-mini", "gpt-*"),
        (r"^\d$", r"^\D$"),
        ("gpt-?", "gpt-*"),
    ] {
        let found = shadows(vec![route(first, "a"), route(later, "b")]);
        assert!(found.is_empty(), "{first} before {later}");
    }
    let narrowed = [
        RouteSpec {
            request_protocol: Some(Protocol::Chat),
            ..route("*", "a")
        },
        RouteSpec {
            headers: vec![("x-team".to_owned(), "blue".to_owned())],
            ..route("*", "a")
        },
        RouteSpec {
            path: Some("/hybrid".to_owned()),
            ..route("*", "a")
        },
    ];
    for first in narrowed {
        assert!(shadows(vec![first.clone(), route("m", "b")]).is_empty());
        let same = RouteSpec {
            model_pattern: "m".to_owned(),
            ..first.clone()
        };
        assert_eq!(shadows(vec![first, same]), [(1, 0)]);
    }
}

#[test]
fn a_spare_that_is_tried_first_is_found() {
    let targets = |spare_priority| {
        let target = |name: &str, priority| TargetSpec {
            name: Some(name.to_owned()),
            priority,
            ..TargetSpec::new("a")
        };
        RouteSpec {
            targets: vec![
                target("self-hosted", 1),
                target("Cloud-Fallback", spare_priority),
            ],
            ..route("m", "a")
        }
    };
    let lints = table(vec![targets(0)]).lints();
    assert_eq!(lints.len(), 1);
    assert_eq!(
        lints[0].to_string(),
        "route 1 `m` tries target `Cloud-Fallback` first; lower `priority` is tried first, so give it a higher one"
    );
    assert!(table(vec![targets(2)]).lints().is_empty());
}

#[test]
fn targets_without_any_weight_are_found() {
    let none = TargetSpec {
        weight: 0,
        ..TargetSpec::new("a")
    };
    let all = RouteSpec {
        targets: vec![none.clone(), none],
        ..route("m", "a")
    };
    let lints = table(vec![all]).lints();
    assert_eq!(lints.len(), 1);
    assert_eq!(lints[0].kind, LintKind::NoWeight);
}
