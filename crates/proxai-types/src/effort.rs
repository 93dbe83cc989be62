//! Reasoning efforts and the token budgets they stand for (case 68).
//!
//! Vendors publish no table; the steps are ours. They are the same in a translator and in a quirk,
//! so that a request has one budget whichever way it takes.

/// The smallest thinking budget that Messages takes.
/// <https://docs.claude.com/en/docs/build-with-claude/extended-thinking> (2026-08)
pub const MIN_BUDGET: u64 = 1024;

/// The budget of an effort as Messages names it; that of `medium` for any other.
pub fn budget_of(effort: &str) -> u64 {
    match effort {
        "low" => 2048,
        "high" => 16_384,
        "xhigh" => 32_768,
        "max" => 65_536,
        _ => 8192,
    }
}

/// The effort that comes nearest to a budget.
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
        for effort in ["low", "medium", "high", "xhigh", "max"] {
            assert_eq!(effort_of(budget_of(effort)), effort);
        }
    }
}
