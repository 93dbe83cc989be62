//! Finds token counts in bytes that are otherwise left alone.
//!
//! Only for accounting on same-protocol hops; a translated hop learns its usage from the hub. The
//! names are those of all three APIs: no two of them use one name for different things.

use proxai_json::{Container, Span};
use proxai_types::Usage;

/// How far from the end of an answer its usage is looked for. It stands last, or nearly so, in
/// every API; a longer search would cost more than the number is worth.
const TAIL: usize = 4096;

/// The usage near the end of a whole answer.
pub(crate) fn in_tail(body: &[u8]) -> Option<Usage> {
    let from = body.len().saturating_sub(TAIL);
    last_in(&body[from..])
}

/// The last usage object in a text.
pub(crate) fn last_in(text: &[u8]) -> Option<Usage> {
    let mut end = text.len();
    // The word also occurs inside the details of some vendors; the outermost object has a count.
    while let Some(at) = memchr::memmem::rfind(&text[..end], b"\"usage\"") {
        if let Some(usage) = object_behind(text, at + 7)
            .as_ref()
            .and_then(|object| read(text, object))
        {
            return Some(usage);
        }
        end = at;
    }
    None
}

fn object_behind(text: &[u8], from: usize) -> Option<Container> {
    let start = from
        + text
            .get(from..)?
            .iter()
            .position(|byte| !matches!(byte, b':' | b' '))?;
    if text[start] != b'{' {
        return None;
    }
    let end = text.len();
    Container::scan(text, Span { start, end }).ok()
}

fn read(text: &[u8], object: &Container) -> Option<Usage> {
    let count = |object: &Container, key: &str| -> Option<u64> {
        std::str::from_utf8(object.value(text, key)?.of(text))
            .ok()?
            .parse()
            .ok()
    };
    let either = |a: &str, b: &str| count(object, a).or_else(|| count(object, b));
    let detail = |containers: [&str; 2], key: &str| {
        containers
            .iter()
            .find_map(|name| count(&object.child(text, name)?, key))
    };
    let prompt = ["prompt_tokens_details", "input_tokens_details"];
    let written = ["completion_tokens_details", "output_tokens_details"];
    let cache_read = count(object, "cache_read_input_tokens");
    let cache_write = count(object, "cache_creation_input_tokens");
    let mut usage = Usage {
        input: either("prompt_tokens", "input_tokens"),
        output: either("completion_tokens", "output_tokens"),
        total: count(object, "total_tokens"),
        cache_read: cache_read.or_else(|| detail(prompt, "cached_tokens")),
        cache_write,
        reasoning: detail(written, "reasoning_tokens"),
        ..Usage::default()
    };
    // Messages counts the cache beside the input (T10).
    if cache_read.is_some() || cache_write.is_some() {
        usage.input = usage
            .input
            .map(|input| input + cache_read.unwrap_or(0) + cache_write.unwrap_or(0));
    }
    (usage.input.is_some() || usage.output.is_some()).then_some(usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_api_is_read_in_its_own_arithmetic() {
        let chat = br#"{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":5}}}"#;
        let usage = in_tail(chat).unwrap();
        assert_eq!(
            (usage.input, usage.output, usage.cache_read),
            (Some(9), Some(4), Some(5))
        );
        let messages = br#"{"type":"message","usage": {"input_tokens":3,"cache_read_input_tokens":7,"output_tokens":2}}"#;
        let usage = in_tail(messages).unwrap();
        assert_eq!((usage.input, usage.output), (Some(10), Some(2)));
    }

    #[test]
    fn a_null_or_a_word_in_the_text_is_no_usage() {
        assert_eq!(in_tail(br#"{"usage":null}"#), None);
        assert_eq!(in_tail(br#"{"text":"say \"usage\" twice"}"#), None);
        assert_eq!(in_tail(b""), None);
    }
}
