//! Reasoning efforts and the token budgets they stand for (case 68).
//!
//! Vendors publish no table; the steps are ours. They are the same in a translator and in a quirk,
//! so that a request has one budget whichever way it takes.

/// The smallest thinking budget that Messages takes.
/// <https://docs.claude.com/en/docs/build-with-claude/extended-thinking> (2026-08)
pub const MIN_BUDGET: u64 = 1024;

/// Efforts and their budgets, the smallest first.
pub const BUDGETS: [(&str, u64); 6] = [
    ("minimal", MIN_BUDGET),
    ("low", 2048),
    ("medium", 8192),
    ("high", 16_384),
    ("xhigh", 32_768),
    ("max", 65_536),
];

/// The budget of an effort; that of `medium` for any that is not known.
pub fn budget_of(effort: &str) -> u64 {
    let known = BUDGETS.iter().find(|(name, _)| *name == effort);
    known.map_or(8192, |(_, budget)| *budget)
}

/// The effort that comes nearest to a budget. Messages has no name for less than `low`.
pub const fn effort_of(budget: u64) -> &'static str {
    match budget {
        0..=2048 => "low",
        2049..=8192 => "medium",
        8193..=24_576 => "high",
        24_577..=49_152 => "xhigh",
        _ => "max",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_effort_comes_back_from_its_budget() {
        for (effort, budget) in BUDGETS {
            assert_eq!(budget_of(effort), budget);
            let back = effort_of(budget);
            assert!(back == effort || (effort, back) == ("minimal", "low"));
        }
        assert_eq!(budget_of("extreme"), budget_of("medium"));
    }
}
