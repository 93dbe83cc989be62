//! Merges a target's options into a body of its protocol (R4): objects deep, arrays whole.

use proxai_json::{Container, Doc, Edit};
use proxai_router::Options;

/// The body with the options in it, or `None` if it is none that options could be merged into.
pub(crate) fn merge(body: &[u8], options: &Options) -> Option<Vec<u8>> {
    let defaults = merged(body, options.defaults.as_deref(), Mode::Default)?;
    merged(&defaults, options.forced.as_deref(), Mode::Forced)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// What the request says stays.
    Default,
    /// What the options say wins.
    Forced,
}

fn merged(body: &[u8], options: Option<&str>, mode: Mode) -> Option<Vec<u8>> {
    let Some(options) = options else {
        return Some(body.to_vec());
    };
    let doc = Doc::scan(body).ok()?;
    let from = Doc::scan(options.as_bytes()).ok()?;
    let mut edit = Edit::new(body);
    lay(
        body,
        &doc.root,
        options.as_bytes(),
        &from.root,
        mode,
        &mut edit,
    );
    edit.finish().ok()
}

fn lay(
    body: &[u8],
    target: &Container,
    options: &[u8],
    from: &Container,
    mode: Mode,
    edit: &mut Edit<'_>,
) {
    for item in &from.items {
        let Some(key) = item.key.and_then(|key| key.string(options)) else {
            continue;
        };
        let both_objects = item.value.kind(options) == b'{';
        match target.value(body, &key) {
            Some(span) if both_objects && span.kind(body) == b'{' => {
                if let (Ok(inner), Ok(more)) = (
                    Container::scan(body, span),
                    Container::scan(options, item.value),
                ) {
                    lay(body, &inner, options, &more, mode, edit);
                }
            }
            Some(_) if mode == Mode::Default => {}
            _ => edit.set(target, &key, item.value.of(options)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fill_gaps_and_forced_values_win() {
        let options = Options {
            defaults: Some(r#"{"temperature":0.2,"a":{"x":1,"y":2},"tools":[1]}"#.into()),
            forced: Some(r#"{"store":false,"a":{"x":9}}"#.into()),
        };
        let body = br#"{ "temperature": 1.0,  "a":{"y":5}, "tools":[2] }"#;
        let merged = merge(body, &options).unwrap();
        assert_eq!(
            String::from_utf8(merged).unwrap(),
            r#"{ "temperature": 1.0,  "a":{"y":5,"x":9}, "tools":[2],"store":false }"#
        );
    }
}
