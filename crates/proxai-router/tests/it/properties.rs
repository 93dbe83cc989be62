//! What holds for any pattern, table and model.

use proptest::prelude::*;
use proxai_router::{Ask, MatchKind, Pattern, RouteSpec, Table, explain, resolve};

use crate::{route, spec};

fn kinds() -> impl Strategy<Value = MatchKind> {
    prop::sample::select(MatchKind::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_pattern_and_no_model_panics(kind in kinds(), pattern in "\\PC{0,12}", model in "\\PC{0,12}") {
        if let Ok(pattern) = Pattern::new(kind, &pattern) {
            pattern.matches(&model);
            pattern.strip_literal(&model);
            pattern.covers(&pattern);
        }
    }

    #[test]
    fn what_is_covered_is_matched(
        first_kind in kinds(),
        first in "[ab*?/]{0,4}",
        later_kind in kinds(),
        later in "[ab*?/]{0,4}",
        model in "[abAB/]{0,5}",
    ) {
        if let (Ok(first), Ok(later)) = (Pattern::new(first_kind, &first), Pattern::new(later_kind, &later))
            && first.covers(&later)
            && later.matches(&model)
        {
            prop_assert!(first.matches(&model), "{first:?} covers {later:?} but not {model:?}");
        }
    }

    #[test]
    fn an_explanation_never_disagrees_with_the_plan(
        patterns in prop::collection::vec("[ab*^$/]{1,4}", 0..5),
        model in "[abc/]{0,5}",
        seed in any::<u64>(),
    ) {
        let routes: Vec<RouteSpec> = patterns.iter().map(|pattern| route(pattern, "a")).collect();
        if let Ok(table) = Table::build(spec(routes)) {
            let ask = Ask { seed, ..Ask::new(&model) };
            let plan = resolve(&table, &ask);
            prop_assert_eq!(explain(&table, &ask).result, plan.clone());
            prop_assert!(plan.is_err() || !plan.unwrap().attempts.is_empty());
            table.lints();
        }
    }
}
