//! Token usage in one arithmetic.
//!
//! The APIs count differently: Chat and Responses count cached tokens inside the input, Messages
//! counts them beside it. Here `input` is always the whole prompt, cache included (T10). A count
//! that an upstream did not send is `None`, which is not the same as zero.

/// What one answer cost, in tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// The whole prompt, with tokens read from and written to the cache.
    pub input: Option<u64>,
    /// Everything generated, with reasoning.
    pub output: Option<u64>,
    /// The total the upstream stated, which some vendors do not make the sum of the two.
    pub total: Option<u64>,
    /// Part of `input` that was read from a prompt cache.
    pub cache_read: Option<u64>,
    /// Part of `input` that was written to a prompt cache.
    pub cache_write: Option<u64>,
    /// Part of `cache_write` that is kept five minutes.
    pub cache_write_5m: Option<u64>,
    /// Part of `cache_write` that is kept an hour.
    pub cache_write_1h: Option<u64>,
    /// Part of `output` that was reasoning.
    pub reasoning: Option<u64>,
    /// Part of `input` that was audio.
    pub audio_input: Option<u64>,
    /// Part of `output` that was audio.
    pub audio_output: Option<u64>,
    /// Predicted output tokens that were used.
    pub accepted_prediction: Option<u64>,
    /// Predicted output tokens that were not used but billed.
    pub rejected_prediction: Option<u64>,
    /// Web searches that the provider ran.
    pub web_searches: Option<u64>,
    /// The counts are proxai's own estimate, not the upstream's.
    pub estimated: bool,
}

impl Usage {
    /// Takes over every count that `later` has; counts it lacks stay (Messages sends usage twice).
    pub fn merge(&mut self, later: &Self) {
        fn take(slot: &mut Option<u64>, later: Option<u64>) {
            if later.is_some() {
                *slot = later;
            }
        }
        take(&mut self.input, later.input);
        take(&mut self.output, later.output);
        take(&mut self.total, later.total);
        take(&mut self.cache_read, later.cache_read);
        take(&mut self.cache_write, later.cache_write);
        take(&mut self.cache_write_5m, later.cache_write_5m);
        take(&mut self.cache_write_1h, later.cache_write_1h);
        take(&mut self.reasoning, later.reasoning);
        take(&mut self.audio_input, later.audio_input);
        take(&mut self.audio_output, later.audio_output);
        take(&mut self.accepted_prediction, later.accepted_prediction);
        take(&mut self.rejected_prediction, later.rejected_prediction);
        take(&mut self.web_searches, later.web_searches);
        self.estimated = later.estimated;
    }

    /// The cost of both, for a turn that took several requests: each of them is billed. A count that
    /// only one of them has is that one's.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        fn sum(a: Option<u64>, b: Option<u64>) -> Option<u64> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.saturating_add(b)),
                (one, None) | (None, one) => one,
            }
        }
        Self {
            input: sum(self.input, other.input),
            output: sum(self.output, other.output),
            total: sum(self.total, other.total),
            cache_read: sum(self.cache_read, other.cache_read),
            cache_write: sum(self.cache_write, other.cache_write),
            cache_write_5m: sum(self.cache_write_5m, other.cache_write_5m),
            cache_write_1h: sum(self.cache_write_1h, other.cache_write_1h),
            reasoning: sum(self.reasoning, other.reasoning),
            audio_input: sum(self.audio_input, other.audio_input),
            audio_output: sum(self.audio_output, other.audio_output),
            accepted_prediction: sum(self.accepted_prediction, other.accepted_prediction),
            rejected_prediction: sum(self.rejected_prediction, other.rejected_prediction),
            web_searches: sum(self.web_searches, other.web_searches),
            estimated: self.estimated || other.estimated,
        }
    }

    /// The prompt without what came from or went to a cache, as Messages counts it.
    ///
    /// Saturates: some vendors report more cached tokens than prompt tokens.
    pub fn uncached_input(&self) -> Option<u64> {
        let read = self.cache_read.unwrap_or(0);
        let cached = read.saturating_add(self.cache_write.unwrap_or(0));
        self.input.map(|input| input.saturating_sub(cached))
    }

    /// The total the upstream stated, else the sum of what is known.
    pub fn total_or_sum(&self) -> u64 {
        let input = self.input.unwrap_or(0);
        self.total
            .unwrap_or_else(|| input.saturating_add(self.output.unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absurd_counts_saturate() {
        let usage = Usage {
            input: Some(u64::MAX),
            output: Some(1),
            cache_read: Some(u64::MAX),
            cache_write: Some(9),
            ..Usage::default()
        };
        assert_eq!(usage.uncached_input(), Some(0));
        assert_eq!(usage.total_or_sum(), u64::MAX);
    }

    #[test]
    fn a_later_partial_count_keeps_the_earlier_ones() {
        let mut usage = Usage {
            input: Some(40),
            output: Some(1),
            ..Usage::default()
        };
        usage.merge(&Usage {
            output: Some(9),
            ..Usage::default()
        });
        assert_eq!((usage.input, usage.output), (Some(40), Some(9)));
    }

    #[test]
    fn the_costs_of_two_requests_add_up() {
        let first = Usage {
            input: Some(40),
            output: Some(u64::MAX),
            web_searches: Some(2),
            ..Usage::default()
        };
        let second = Usage {
            input: Some(60),
            output: Some(1),
            cache_read: Some(50),
            estimated: true,
            ..Usage::default()
        };
        let both = first.plus(&second);
        assert_eq!((both.input, both.output), (Some(100), Some(u64::MAX)));
        assert_eq!((both.cache_read, both.web_searches), (Some(50), Some(2)));
        assert!(both.estimated && both.reasoning.is_none());
    }

    #[test]
    fn more_cached_than_prompt_does_not_underflow() {
        let usage = Usage {
            input: Some(5),
            cache_read: Some(8),
            ..Usage::default()
        };
        assert_eq!(usage.uncached_input(), Some(0));
    }
}
