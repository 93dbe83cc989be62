//! R3: the order of a route's targets.

use std::collections::BTreeMap;

use proxai_router::{Ask, RouteSpec, Table, TargetSpec, resolve};

use crate::{chat, describe, route, spec, table};

fn target(name: &str, weight: u32, priority: i64) -> TargetSpec {
    TargetSpec {
        name: Some(name.to_owned()),
        weight,
        priority,
        ..TargetSpec::new("a").model(name)
    }
}

fn with(targets: Vec<TargetSpec>) -> Table {
    table(vec![RouteSpec {
        model_pattern: "m".to_owned(),
        targets,
        ..RouteSpec::default()
    }])
}

fn names(table: &Table, seed: u64) -> Vec<String> {
    let plan = resolve(table, &Ask { seed, ..chat("m") }).unwrap();
    plan.attempts
        .iter()
        .map(|attempt| attempt.target.to_string())
        .collect()
}

#[test]
fn lower_priority_is_tried_first_and_weight_zero_last_of_all() {
    let table = with(vec![
        target("never-if-avoidable", 0, -5),
        target("second", 1, 2),
        target("first", 1, 1),
        target("third", 9, 3),
    ]);
    for seed in 0..50 {
        assert_eq!(
            names(&table, seed),
            ["first", "second", "third", "never-if-avoidable"]
        );
    }
}

#[test]
fn targets_of_one_priority_share_by_weight() {
    let table = with(vec![
        target("one", 1, 0),
        target("three", 3, 0),
        target("none", 0, 0),
    ]);
    let mut firsts: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..4_000 {
        let order = names(&table, seed);
        assert_eq!(order.len(), 3);
        assert_eq!(order[2], "none");
        *firsts.entry(order[0].clone()).or_default() += 1;
    }
    let one = firsts["one"];
    assert!((900..1_100).contains(&one), "{firsts:?}");
    assert_eq!(one + firsts["three"], 4_000);
}

#[test]
fn the_same_seed_gives_the_same_plan() {
    let table = with((0..8).map(|n| target(&format!("t{n}"), 1, 0)).collect());
    assert_eq!(names(&table, 7), names(&table, 7));
    let orders: std::collections::BTreeSet<Vec<String>> =
        (0..100).map(|seed| names(&table, seed)).collect();
    assert!(
        orders.len() > 90,
        "different seeds spread: {}",
        orders.len()
    );
}

#[test]
fn enormous_weights_do_not_overflow() {
    let table = with(
        (0..4)
            .map(|n| target(&format!("t{n}"), u32::MAX, i64::MIN))
            .collect(),
    );
    assert_eq!(names(&table, u64::MAX).len(), 4);
}

#[test]
fn each_target_has_its_own_provider_and_model() {
    let table = table(vec![RouteSpec {
        model_pattern: "fast-*".to_owned(),
        targets: vec![
            TargetSpec::new("a").model("llama-$1"),
            TargetSpec {
                priority: 1,
                ..TargetSpec::new("b")
            },
        ],
        ..RouteSpec::default()
    }]);
    let plan = resolve(&table, &chat("fast-8b")).unwrap();
    assert_eq!(describe(&table, &plan), ["a:llama-8b", "b:fast-8b"]);
    assert_eq!(
        &*plan.route, "fast-*",
        "a route without a name is called by its pattern"
    );
}

#[test]
fn a_cache_rule_stands_between_the_request_and_the_provider() {
    use proxai_router::CachePolicy::{Disable, Force, Respect};

    let mut spec = spec(vec![RouteSpec {
        cache: Some(Force),
        targets: vec![
            TargetSpec {
                cache: Some(Disable),
                ..target("own", 1, 1)
            },
            target("route", 1, 2),
        ],
        ..route("ruled*", "a")
    }]);
    spec.providers[0].cache = Some(Disable);
    let provider = spec.providers[0].name.clone();
    let table = Table::build(spec).unwrap();
    let rules = |model: &str| -> Vec<_> {
        let plan = resolve(&table, &chat(model)).unwrap();
        plan.attempts.iter().map(|attempt| attempt.cache).collect()
    };
    let [own, inherited] = rules("ruled")[..] else {
        panic!("two targets")
    };
    assert_eq!((own.rule, inherited.rule), (Some(Disable), Some(Force)));
    // Header, rule, key, provider, and the body's own word at last.
    assert_eq!(inherited.decide(None, None), Force);
    assert_eq!(inherited.decide(None, Some(Disable)), Force);
    assert_eq!(inherited.decide(Some(Respect), Some(Disable)), Respect);
    let [plain] = rules(&format!("{provider}/m"))[..] else {
        panic!("one attempt")
    };
    assert_eq!((plain.rule, plain.default), (None, Some(Disable)));
    assert_eq!(plain.decide(None, Some(Force)), Force);
    assert_eq!(plain.decide(None, None), Disable);
    assert_eq!(
        proxai_router::CacheRules::default().decide(None, None),
        Respect
    );
}
