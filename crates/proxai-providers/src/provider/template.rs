//! Fills `{name}` in a base URL.
//!
//! A value is one word of a host or path: one that holds `/`, `?`, `#`, `@` or a space would
//! move the request elsewhere and counts as missing.

/// Fills every parameter, or returns the names of all that have no value.
pub(super) fn fill(
    template: &str,
    value: impl Fn(&str) -> Option<String>,
) -> Result<String, Vec<String>> {
    let mut out = String::with_capacity(template.len());
    let mut missing: Vec<String> = Vec::new();
    let mut rest = template;
    while let Some((before, name, after)) = next(rest) {
        out.push_str(before);
        match value(name).filter(|value| is_word(value)) {
            Some(value) => out.push_str(value.trim()),
            None if missing.iter().any(|known| known == name) => {}
            None => missing.push(name.to_owned()),
        }
        rest = after;
    }
    out.push_str(rest);
    if missing.is_empty() {
        Ok(out)
    } else {
        Err(missing)
    }
}

/// The path of a template, if it holds no parameter.
pub(super) fn path(template: &str) -> Option<&str> {
    let (_, after_scheme) = template.split_once("://")?;
    let path = after_scheme
        .find('/')
        .map_or("", |at| after_scheme.split_at(at).1);
    (!path.contains('{')).then(|| path.trim_end_matches('/'))
}

fn next(text: &str) -> Option<(&str, &str, &str)> {
    let (before, tail) = text.split_once('{')?;
    let (name, after) = tail.split_once('}')?;
    Some((before, name, after))
}

fn is_word(value: &str) -> bool {
    let value = value.trim();
    !value.is_empty()
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~%:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn parameters_are_filled_and_all_missing_ones_named() {
        let value =
            |name: &str| (name != "gateway" && name != "zone").then(|| format!("my-{name}"));
        assert_eq!(
            fill("https://{host}.example/{account}/v1", value).unwrap(),
            "https://my-host.example/my-account/v1"
        );
        assert_eq!(
            fill("https://h/{gateway}/{zone}/{gateway}", value),
            Err(vec!["gateway".to_owned(), "zone".to_owned()])
        );
        assert_eq!(
            fill("https://h/{unclosed", value).unwrap(),
            "https://h/{unclosed"
        );
    }

    #[test]
    fn a_value_cannot_move_the_request_elsewhere() {
        for value in ["evil.example/", "a@b", "a?b", "a#b", "", "a b"] {
            assert!(
                fill("https://{r}.example", |_| Some(value.to_owned())).is_err(),
                "{value}"
            );
        }
    }
}
