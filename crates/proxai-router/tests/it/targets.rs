//! R3: the order of a route's targets.

use std::collections::BTreeMap;

use proxai_router::{Ask, RouteSpec, Table, TargetSpec, resolve};

use crate::{chat, describe, table};

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
