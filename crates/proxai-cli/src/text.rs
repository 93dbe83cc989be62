//! Texts of others, made fit for a line on a terminal, and texts of ours for a file.

use proxai_providers::Url;

/// The longest text of an upstream that is quoted.
const MAX_QUOTE: usize = 240;

/// A shorter key keeps no secret and would be found in any word.
const MIN_SECRET: usize = 4;

/// An upstream's words in one line: no escape sequences, none of our secrets, not too long.
pub(crate) fn quote(text: &str, secrets: &[&str]) -> String {
    let mut secrets: Vec<&str> = secrets
        .iter()
        .copied()
        .filter(|secret| secret.len() >= MIN_SECRET)
        .collect();
    // One may be a part of another.
    secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    let mut text = text.to_owned();
    for secret in secrets {
        text = text.replace(secret, "[redacted]");
    }
    let visible: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let words: Vec<&str> = visible.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(MAX_QUOTE) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// A URL whose query tells names only: some put a key there. Versions are no secret.
pub(crate) fn shown(url: &Url) -> String {
    let place = format!("{}{}", url.origin(), url.path());
    let Some(query) = url.query() else {
        return place;
    };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if !name.to_ascii_lowercase().ends_with("version") => {
                format!("{name}=[redacted]")
            }
            _ => pair.to_owned(),
        })
        .collect();
    format!("{place}?{}", pairs.join("&"))
}

/// The header of a provider's table in the configuration.
pub(crate) fn provider_table(name: &str) -> String {
    let bare = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if bare {
        format!("[providers.{name}]")
    } else {
        format!("[providers.{}]", toml::Value::from(name))
    }
}

/// `1 provider`, `2 providers`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_cannot_harm_a_terminal_or_tell_a_key() {
        let text = quote(
            "\x1b[31mIncorrect key:\n sk-quite-secret \u{7}",
            &["", "k", "sk-quite", "sk-quite-secret"],
        );
        assert_eq!(text, "[31mIncorrect key: [redacted]");
        let long = quote(&"é".repeat(1000), &[]);
        assert_eq!(long.chars().count(), MAX_QUOTE + 1);
    }

    #[test]
    fn a_key_in_a_query_is_not_shown_and_a_version_is() {
        let url = Url::parse("https://h/v1?api-version=2024-10-21&key=sk-quite-secret").unwrap();
        assert_eq!(
            shown(&url),
            "https://h/v1?api-version=2024-10-21&key=[redacted]"
        );
    }

    #[test]
    fn a_table_header_is_valid_toml_for_any_name() {
        for name in ["plain", "up-1", "custom:https://host/v1", "a\"b"] {
            let table: toml::Table = provider_table(name).parse().unwrap();
            assert!(table["providers"].as_table().unwrap().contains_key(name));
        }
    }
}
