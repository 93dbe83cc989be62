//! What vendors say where they have no code for it (X3).
//!
//! One list for all protocols: a server that speaks three of them says the same in each. Words
//! that also stand in errors about the output limit or about rates are not in it.

/// A full context, lower case. Collected from the vendors' own errors, checked 2026-11-21.
const OVERFLOW: &[&str] = &[
    // OpenAI, vLLM, DeepSeek, OpenRouter, Mistral
    "maximum context length",
    // Ollama
    "max context length",
    "context length exceeded",
    "context_length_exceeded",
    // OpenAI's Responses, MiniMax
    "context window",
    "context_window_exceeded",
    // Anthropic
    "prompt is too long",
    "exceed context limit",
    // llama.cpp and its kin
    "available context size",
    "configured context size",
    // xAI
    "maximum prompt length",
    // Ollama, Fireworks
    "prompt too long",
    // Bedrock
    "input is too long",
    // Gemini
    "input token count",
    // SGLang
    "longer than the model's context length",
    "exceeds the maximum allowed length",
    // LM Studio
    "greater than the context length",
    "context length of only",
    "exceeds context length",
    "exceeds the context",
    // Kimi
    "exceeded model token limit",
    // DashScope
    "range of input length should be",
    // GLM
    "prompt exceeds max length",
    // Azure's older deployments
    "total length of all messages is too long",
    // Groq
    "reduce the length of the messages",
];

/// How far into a message the words are looked for: what comes later may be the prompt itself.
const MAX_LOOK: usize = 4096;

/// Whether a message tells that the prompt does not fit. A status that stands for something else
/// is believed.
pub(crate) fn says_overflow(status: Option<u16>, message: &str) -> bool {
    if matches!(status, Some(401..=404 | 429)) {
        return false;
    }
    let mut end = message.len().min(MAX_LOOK);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    let message = message[..end].to_ascii_lowercase();
    OVERFLOW.iter().any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_context_is_recognised_in_every_vendors_words() {
        for message in [
            "This model's maximum context length is 8 tokens. However, you requested 9.",
            "Your input exceeds the context window of this model.",
            "Prompt contains 9 tokens, too large for model with 8 maximum context length",
            "request (9 tokens) exceeds the available context size (8 tokens), try increasing it",
            "This model's maximum prompt length is 8 but the request contains 9 tokens.",
            "invalid params, context window exceeds limit",
            "Invalid request: Your request exceeded model token limit: 8 (requested: 9)",
            "<400> InternalError.Algo.InvalidParameter: Range of input length should be [1, 8]",
            "The input (9 tokens) is longer than the model's context length (8 tokens).",
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            "prompt too long; exceeded max context length by 1 tokens",
            "the model is loaded with context length of only 8 tokens, which is not enough",
            "Please reduce the length of the messages or completion.",
            "Input is too long for requested model.",
        ] {
            assert!(says_overflow(Some(400), message), "{message}");
            assert!(says_overflow(None, message), "{message}");
            assert!(!says_overflow(Some(429), message), "{message}");
        }
    }

    #[test]
    fn limits_of_other_things_are_no_full_context() {
        for message in [
            "max_tokens exceeds the limit of 8192",
            "Request too large for model `m` on tokens per minute (TPM): Limit 8, Requested 9",
            "Invalid 'tools[0].description': string too long. Expected a string with maximum length 1024",
            "total message size 9 exceeds limit 8",
            "",
        ] {
            assert!(!says_overflow(Some(400), message), "{message}");
        }
        let late = format!("{}maximum context length", "é".repeat(MAX_LOOK));
        assert!(!says_overflow(Some(400), &late));
    }
}
