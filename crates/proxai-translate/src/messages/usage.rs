//! Token counts between wire and hub.
//!
//! Messages counts cached tokens beside the input, the hub counts them inside it (T10). Some
//! vendors send zeros in `message_start` and the truth in `message_delta`, others the reverse, so
//! a zero never replaces a count.

use proxai_messages as wire;
use proxai_types::Usage;

/// Takes over the counts of `later`, which may be partial.
pub(super) fn merge<'a>(have: &mut wire::Usage<'a>, later: wire::Usage<'a>) {
    fn take(slot: &mut Option<u64>, later: Option<u64>) {
        if later.is_some_and(|count| count > 0) || slot.is_none() {
            *slot = later;
        }
    }
    take(&mut have.input_tokens, later.input_tokens);
    take(&mut have.output_tokens, later.output_tokens);
    take(
        &mut have.cache_creation_input_tokens,
        later.cache_creation_input_tokens,
    );
    take(
        &mut have.cache_read_input_tokens,
        later.cache_read_input_tokens,
    );
    have.cache_creation = later.cache_creation.or(have.cache_creation.take());
    have.output_tokens_details = later
        .output_tokens_details
        .or(have.output_tokens_details.take());
    have.server_tool_use = later.server_tool_use.or(have.server_tool_use.take());
}

/// The counts in the hub's arithmetic.
pub(super) fn decode(usage: &wire::Usage<'_>) -> Usage {
    let cached = usage
        .cache_read_input_tokens
        .unwrap_or(0)
        .saturating_add(usage.cache_creation_input_tokens.unwrap_or(0));
    let created = usage.cache_creation.as_ref();
    Usage {
        input: usage.input_tokens.map(|input| input.saturating_add(cached)),
        output: usage.output_tokens,
        cache_read: usage.cache_read_input_tokens,
        cache_write: usage.cache_creation_input_tokens,
        cache_write_5m: created.and_then(|split| split.ephemeral_5m_input_tokens),
        cache_write_1h: created.and_then(|split| split.ephemeral_1h_input_tokens),
        reasoning: usage
            .output_tokens_details
            .as_ref()
            .and_then(|details| details.thinking_tokens),
        web_searches: usage
            .server_tool_use
            .as_ref()
            .and_then(|hosted| hosted.web_search_requests),
        ..Usage::default()
    }
}

/// The counts as Messages has them: every one a client reads is there. `estimated_input` stands
/// in while the upstream has not counted the prompt (case 102).
pub(super) fn encode(usage: &Usage, estimated_input: u64) -> wire::Usage<'static> {
    let split = usage.cache_write_5m.is_some() || usage.cache_write_1h.is_some();
    wire::Usage {
        input_tokens: Some(usage.uncached_input().unwrap_or(estimated_input)),
        cache_creation_input_tokens: Some(usage.cache_write.unwrap_or(0)),
        cache_read_input_tokens: Some(usage.cache_read.unwrap_or(0)),
        cache_creation: split.then(|| wire::CacheCreation {
            ephemeral_5m_input_tokens: Some(usage.cache_write_5m.unwrap_or(0)),
            ephemeral_1h_input_tokens: Some(usage.cache_write_1h.unwrap_or(0)),
        }),
        output_tokens: Some(usage.output.unwrap_or(0)),
        output_tokens_details: usage.reasoning.map(|tokens| wire::OutputTokensDetails {
            thinking_tokens: Some(tokens),
        }),
        server_tool_use: usage.web_searches.map(|searches| wire::ServerToolUsage {
            web_search_requests: Some(searches),
            web_fetch_requests: Some(0),
        }),
        ..wire::Usage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_counted_inside_the_input_and_taken_out_again() {
        let wire: wire::Usage<'_> = proxai_json::from_slice(
            br#"{"input_tokens":40,"cache_read_input_tokens":60,"cache_creation_input_tokens":5,"output_tokens":7}"#,
        )
        .unwrap();
        let usage = decode(&wire);
        assert_eq!((usage.input, usage.output), (Some(105), Some(7)));
        let back = encode(&usage, 999);
        assert_eq!(back.input_tokens, Some(40));
        assert_eq!(back.cache_read_input_tokens, Some(60));
        assert_eq!(back.cache_creation_input_tokens, Some(5));
    }

    #[test]
    fn a_zero_never_replaces_a_count() {
        let mut have = wire::Usage {
            input_tokens: Some(9),
            output_tokens: Some(1),
            ..wire::Usage::default()
        };
        merge(
            &mut have,
            wire::Usage {
                input_tokens: Some(0),
                output_tokens: Some(30),
                ..wire::Usage::default()
            },
        );
        assert_eq!((have.input_tokens, have.output_tokens), (Some(9), Some(30)));
    }

    #[test]
    fn the_estimate_stands_in_for_a_missing_prompt_count_only() {
        assert_eq!(encode(&Usage::default(), 12).input_tokens, Some(12));
        let counted = Usage {
            input: Some(3),
            ..Usage::default()
        };
        assert_eq!(encode(&counted, 12).input_tokens, Some(3));
    }
}
