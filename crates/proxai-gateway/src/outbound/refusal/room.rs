//! How much a model may say, where an upstream refuses the limit that proxai made up (P12).
//!
//! Messages demands `max_tokens` and most clients of the other protocols set none, so a number is
//! sent that suits large models. A small one refuses it, and says by which of two bounds: what it
//! may say at most, or what prompt and answer may be together. Only the numbers beside known words
//! are believed; a refusal that is about the prompt alone stays a refusal.

use crate::upstream::learned::Room;

/// What is tried where a refusal names the limit and no bound.
const MODEST: u64 = 4096;

/// A longer text may be a copy of the request.
const MAX_TEXT: usize = 4 << 10;

/// Where the bound of prompt and answer stands: vLLM, `SGLang`, llama.cpp, `OpenAI`.
const CONTEXT: &[&str] = &[
    "context length is only ",
    "context length is ",
    "context length of ",
    "context window is ",
    "context window of ",
    "context size is ",
    "context size of ",
];

/// What stands behind the size of the prompt.
const PROMPT: &[&str] = &[
    " in the messages",
    " in the prompt",
    " input tokens",
    " prompt tokens",
    " tokens from the input",
    " tokens of text input",
];

/// Where the bound of the answer stands.
const OUTPUT: &[&str] = &[
    "[1, ",
    "limit of ",
    "limit is ",
    "less than or equal to ",
    "at most ",
    "maximum of ",
    "maximum value is ",
    "maximum is ",
    "must be <= ",
    "number of output tokens is ",
];

/// Words for the limit of the answer.
const LIMIT: &[&str] = &[
    "max_tokens",
    "max_completion_tokens",
    "max_output_tokens",
    "maximum tokens",
    "output tokens",
    "completion tokens",
];

/// What a refusal tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) room: Room,
    /// The size of the prompt, where the upstream has counted it.
    pub(crate) prompt: Option<u64>,
}

/// The bound for which a request with this limit was refused.
pub(crate) fn room(status: u16, said: &[u8], limit: u64) -> Option<Told> {
    if (status != 400 && status != 422) || said.len() > MAX_TEXT {
        return None;
    }
    let text = String::from_utf8_lossy(said).to_ascii_lowercase();
    let named = LIMIT.iter().any(|word| text.contains(word));
    if !named && !numbers(&text).any(|number| number == limit) {
        return None;
    }
    if let Some((prompt, context)) = sum(&text, limit) {
        return told(context, Some(prompt));
    }
    if let Some(context) = CONTEXT.iter().find_map(|words| behind(&text, words)) {
        let prompt = PROMPT.iter().find_map(|words| before(&text, words));
        return told(context, prompt.filter(|prompt| *prompt != limit));
    }
    if !named {
        return None;
    }
    let bound = behind(&text, &format!("{limit} > "))
        .or_else(|| OUTPUT.iter().find_map(|words| behind(&text, words)))
        .or_else(|| behind(&text, "lower than ").map(|bound| bound.saturating_sub(1)))
        .or_else(|| too_much(&text).then_some(MODEST))
        .filter(|bound| (1..limit).contains(bound))?;
    let room = Room {
        output: Some(bound),
        context: None,
    };
    Some(Told { room, prompt: None })
}

fn told(context: u64, prompt: Option<u64>) -> Option<Told> {
    // No answer fits behind this prompt, however short.
    if prompt.is_some_and(|prompt| prompt >= context) {
        return None;
    }
    let room = Room {
        output: None,
        context: Some(context),
    };
    Some(Told { room, prompt })
}

/// Anthropic: "exceed context limit: 190000 + 16384 > 200000".
fn sum(text: &str, limit: u64) -> Option<(u64, u64)> {
    let (before_limit, rest) = text.split_once(&format!(" + {limit} > "))?;
    Some((last_number(before_limit)?, first_number(rest)?))
}

fn too_much(text: &str) -> bool {
    ["too large", "too big", "too high", "exceed", "out of range"]
        .iter()
        .any(|words| text.contains(words))
}

fn behind(text: &str, words: &str) -> Option<u64> {
    text.match_indices(words)
        .find_map(|(at, _)| first_number(&text[at + words.len()..]))
}

/// A count; "at least 1" is none.
fn before(text: &str, words: &str) -> Option<u64> {
    text.match_indices(words).find_map(|(at, _)| {
        let text = &text[..at];
        let number = last_number(text)?;
        let exact = !text
            .trim_end_matches(|c: char| c.is_ascii_digit())
            .ends_with("at least ");
        exact.then_some(number)
    })
}

fn first_number(text: &str) -> Option<u64> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().ok()
}

fn last_number(text: &str) -> Option<u64> {
    let rest = text.trim_end_matches(|c: char| c.is_ascii_digit());
    text[rest.len()..].parse().ok()
}

fn numbers(text: &str) -> impl Iterator<Item = u64> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|number| number.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(said: &str) -> Option<(Option<u64>, Option<u64>, Option<u64>)> {
        room(400, said.as_bytes(), 16_384)
            .map(|told| (told.room.output, told.room.context, told.prompt))
    }

    #[test]
    fn the_bound_and_the_prompt_are_found_in_every_servers_words() {
        for (said, told) in [
            (
                "This model's maximum context length is 8192 tokens. However, you requested 20000 tokens (3616 in the messages, 16384 in the completion). Please reduce the length of the messages or completion.",
                (None, Some(8192), Some(3616)),
            ),
            (
                "'max_tokens' or 'max_completion_tokens' is too large: 16384. This model's maximum context length is 4096 tokens and your request has 20 input tokens (16384 > 4096 - 20).",
                (None, Some(4096), Some(20)),
            ),
            (
                "This model's maximum context length is 512 tokens. However, you requested 16384 output tokens and your prompt contains at least 1 input tokens, for a total of at least 16385 tokens.",
                (None, Some(512), None),
            ),
            (
                "You passed 100 input tokens and requested 16384 output tokens. However, the model's context length is only 2048 tokens.",
                (None, Some(2048), Some(100)),
            ),
            (
                "Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total of 16400 tokens: 16 tokens from the input messages and 16384 tokens for the completion.",
                (None, Some(4096), Some(16)),
            ),
            (
                "input length and `max_tokens` exceed context limit: 190000 + 16384 > 200000, decrease input length or `max_tokens` and try again",
                (None, Some(200_000), Some(190_000)),
            ),
            (
                "max_tokens: 16384 > 8192, which is the maximum allowed number of output tokens for this model",
                (Some(8192), None, None),
            ),
            (
                "max_tokens is too large: 16384. This model supports at most 4000 completion tokens, whereas you provided 16384.",
                (Some(4000), None, None),
            ),
            (
                "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]",
                (Some(8192), None, None),
            ),
            (
                "The maximum tokens you requested exceeds the model limit of 4097. Try again with a maximum tokens value that is lower than 4097.",
                (Some(4097), None, None),
            ),
            ("max_tokens is too big", (Some(4096), None, None)),
        ] {
            assert_eq!(found(said), Some(told), "{said}");
        }
    }

    #[test]
    fn what_a_smaller_limit_does_not_mend_stays_a_refusal() {
        for said in [
            "This model's maximum context length is 8192 tokens. However, you requested 25000 tokens (8616 in the messages, 16384 in the completion).",
            "prompt is too long: 210000 tokens > 200000 maximum",
            "the request exceeds the available context size",
            "max_tokens: must be at least 32000",
            "max_tokens: 16384 > 20000",
            "temperature is too large: 16384",
            "",
        ] {
            assert_eq!(found(said), None, "{said}");
        }
        let said = b"max_tokens is too large: 16384";
        assert_eq!(room(500, said, 16_384), None);
        assert_eq!(
            room(400, &[said.to_vec(), vec![b'x'; MAX_TEXT]].concat(), 16_384),
            None
        );
    }
}
