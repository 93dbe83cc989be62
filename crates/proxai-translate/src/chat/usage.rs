//! Token counts.
//!
//! Surprises: cached tokens stand in five different places; one vendor leaves reasoning out of
//! `completion_tokens` and shows it only in the total; another counts cached tokens beside
//! `prompt_tokens` instead of inside it.

use proxai_chat as wire;
use proxai_chat::Count;
use proxai_types::Usage;

/// Reads what an upstream counted.
pub(super) fn decode(usage: &wire::Usage) -> Usage {
    let count = |value: Option<Count>| value.map(|Count(value)| value);
    let prompt = usage.prompt_tokens_details.clone().unwrap_or_default();
    let completion = usage.completion_tokens_details.clone().unwrap_or_default();
    let cache_read = count(
        prompt
            .cached_tokens
            .filter(|Count(cached)| *cached > 0)
            .or(usage.prompt_cache_hit_tokens)
            .or(usage.cached_tokens)
            .or(usage.num_cached_tokens)
            .or(usage.cache_read_input_tokens)
            .or(prompt.cached_tokens),
    );
    let reasoning = count(completion.reasoning_tokens.or(usage.reasoning_tokens));
    let total = count(usage.total_tokens);
    let stated_input = count(usage.prompt_tokens);
    let mut output = count(usage.completion_tokens);
    if let (Some(input), Some(visible), Some(thought), Some(total)) =
        (stated_input, output, reasoning, total)
        && thought > 0
        && input.saturating_add(visible).saturating_add(thought) == total
    {
        output = Some(visible.saturating_add(thought));
    }
    let input = match (stated_input, cache_read) {
        (Some(input), Some(cached)) if cached > input => Some(input.saturating_add(cached)),
        (input, _) => input,
    };
    Usage {
        input,
        output,
        total,
        cache_read,
        cache_write: count(
            prompt
                .cache_write_tokens
                .or(usage.cache_creation_input_tokens),
        ),
        reasoning,
        audio_input: count(prompt.audio_tokens),
        audio_output: count(completion.audio_tokens),
        accepted_prediction: count(completion.accepted_prediction_tokens),
        rejected_prediction: count(completion.rejected_prediction_tokens),
        ..Usage::default()
    }
}

/// Writes counts for a client. Cached and reasoning tokens are always there, since clients read
/// them without asking.
pub(super) fn encode(usage: &Usage) -> wire::Usage {
    wire::Usage {
        prompt_tokens: Some(usage.input.unwrap_or(0).into()),
        completion_tokens: Some(usage.output.unwrap_or(0).into()),
        total_tokens: Some(usage.total_or_sum().into()),
        prompt_tokens_details: Some(wire::PromptDetails {
            cached_tokens: Some(usage.cache_read.unwrap_or(0).into()),
            cache_write_tokens: usage.cache_write.map(Count),
            audio_tokens: usage.audio_input.map(Count),
        }),
        completion_tokens_details: Some(wire::CompletionDetails {
            reasoning_tokens: Some(usage.reasoning.unwrap_or(0).into()),
            audio_tokens: usage.audio_output.map(Count),
            accepted_prediction_tokens: usage.accepted_prediction.map(Count),
            rejected_prediction_tokens: usage.rejected_prediction.map(Count),
        }),
        ..wire::Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Usage {
        decode(&proxai_json::from_str(text).unwrap())
    }

    #[test]
    fn cached_tokens_are_found_wherever_a_vendor_puts_them() {
        for members in [
            r#""prompt_tokens_details":{"cached_tokens":30}"#,
            r#""prompt_cache_hit_tokens":30,"prompt_tokens_details":{"cached_tokens":0}"#,
            r#""cached_tokens":30"#,
            r#""num_cached_tokens":30"#,
            r#""cache_read_input_tokens":30"#,
        ] {
            let usage = read(&format!(
                r#"{{"prompt_tokens":40,"completion_tokens":2,{members}}}"#
            ));
            assert_eq!(
                (usage.input, usage.cache_read),
                (Some(40), Some(30)),
                "{members}"
            );
            assert_eq!(usage.uncached_input(), Some(10));
        }
    }

    #[test]
    fn reasoning_that_only_the_total_shows_belongs_to_the_output() {
        let beside = read(
            r#"{"prompt_tokens":10,"completion_tokens":5,"total_tokens":115,
                "completion_tokens_details":{"reasoning_tokens":100}}"#,
        );
        assert_eq!((beside.output, beside.reasoning), (Some(105), Some(100)));
        let inside = read(
            r#"{"prompt_tokens":10,"completion_tokens":105,"total_tokens":115,
                "completion_tokens_details":{"reasoning_tokens":100}}"#,
        );
        assert_eq!(inside.output, Some(105));
    }

    #[test]
    fn more_cached_than_prompt_means_that_they_are_counted_beside_each_other() {
        let usage = read(
            r#"{"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":90}}"#,
        );
        assert_eq!((usage.input, usage.uncached_input()), (Some(95), Some(5)));
    }

    #[test]
    fn what_is_written_reads_back() {
        let usage = Usage {
            input: Some(40),
            output: Some(9),
            total: Some(49),
            cache_read: Some(30),
            cache_write: Some(4),
            reasoning: Some(3),
            ..Usage::default()
        };
        assert_eq!(decode(&encode(&usage)), usage);
    }
}
