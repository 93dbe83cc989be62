//! Names for losses from a closed list, so that they can be counted (T4).
//!
//! A path holds indexes, names of tools and whatever members a client makes up; a metric with such
//! labels grows without end, at the client's will. The label of a path is the place in the table
//! that it belongs to, else the member of the request, and for a member nobody knows [`OTHER`].

use proxai_types::Protocol;

use super::TABLE;

/// The label of what no protocol knows.
pub const OTHER: &str = "other";

/// Members of requests that are no row of the table.
const MEMBERS: &[&str] = &[
    "access_programs",
    "audio",
    "background",
    "billing_policy",
    "cache_control",
    "compaction",
    "container",
    "context_management",
    "conversation",
    "diagnostics",
    "fallback_credit_token",
    "fallbacks",
    "function_call",
    "functions",
    "image",
    "include",
    "inference_geo",
    "input",
    "instructions",
    "max_tokens",
    "max_tool_calls",
    "mcp_servers",
    "messages",
    "modalities",
    "moderation",
    "output_config",
    "output_format",
    "prediction",
    "prompt",
    "prompt_cache_options",
    "reasoning",
    "response_format",
    "speed",
    "stream",
    "stream_options",
    "system",
    "text",
    "thinking",
    "thread",
    "tool_choice",
    "tools",
    "top_logprobs",
    "truncation",
    "user",
    "user_profile_id",
];

/// The label of a loss at `path` of a request in the client's protocol.
///
/// ```
/// use proxai_translate::features::label;
/// use proxai_types::Protocol;
///
/// assert_eq!(label("messages[7].content[0].citations", Protocol::Messages), "messages[].content[].citations");
/// assert_eq!(label("tools[2].secret_name", Protocol::Messages), "tools[]");
/// assert_eq!(label("made_up", Protocol::Chat), "other");
/// ```
pub fn label(path: &str, client: Protocol) -> &'static str {
    let shape = without_indexes(path);
    let of_table = TABLE
        .iter()
        .flat_map(|row| [row.paths[client.index()], row.title])
        .filter(|known| !known.is_empty() && begins_with(&shape, known))
        .max_by_key(|known| known.len());
    let top = shape.split(['.', '[']).next().unwrap_or_default();
    let member = || MEMBERS.iter().find(|member| **member == top).copied();
    of_table.or_else(member).unwrap_or(OTHER)
}

/// Whether a path is a place or lies within it.
fn begins_with(path: &str, place: &str) -> bool {
    path.strip_prefix(place)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn without_indexes(path: &str) -> String {
    let mut shape = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => inside = true,
            ']' => inside = false,
            _ if inside => continue,
            _ => {}
        }
        shape.push(c);
    }
    shape
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_and_made_up_names_never_become_labels() {
        for (path, client, expected) in [
            ("seed", Protocol::Chat, "seed"),
            ("stop[5]", Protocol::Chat, "stop"),
            ("stop_sequences[5]", Protocol::Messages, "stop_sequences"),
            (
                "tools[12].function.strict",
                Protocol::Chat,
                "tools[].function.strict",
            ),
            (
                "tools[12].defer_loading",
                Protocol::Responses,
                "tools[].defer_loading",
            ),
            ("tools[12]", Protocol::Messages, "tools[]"),
            ("tools.my_tool.parameters", Protocol::Chat, "tools"),
            (
                "input[3].content[1].detail",
                Protocol::Responses,
                "input[].content[].detail",
            ),
            ("messages[3].whatever.else", Protocol::Chat, "messages[]"),
            ("reasoning budget", Protocol::Chat, "reasoning budget"),
            ("truncation", Protocol::Responses, "truncation"),
            ("seedling", Protocol::Chat, OTHER),
            ("hunter2", Protocol::Messages, OTHER),
            ("a[b[c]", Protocol::Messages, OTHER),
            ("", Protocol::Messages, OTHER),
        ] {
            assert_eq!(label(path, client), expected, "{path}");
        }
    }

    #[test]
    fn the_list_of_members_repeats_nothing() {
        assert!(MEMBERS.is_sorted_by(|a, b| a < b), "sorted and each once");
    }
}
