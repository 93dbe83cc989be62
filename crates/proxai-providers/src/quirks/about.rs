//! What a quirk means and why there is one, as people read it beside a row.
//!
//! The text is the documentation of its field, so the two cannot differ.

/// A field of a table of quirks, as its documentation says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// What it says.
    pub meaning: String,
    /// What a vendor answers without it, where that is known.
    pub reason: String,
    /// The page that says so.
    pub link: Option<&'static str>,
}

impl About {
    /// Reads the documentation of a field: the meaning, then the reason with its link and date.
    pub(super) fn read(doc: &'static str) -> Self {
        let link = doc
            .split_once("<http")
            .and_then(|(before, _)| doc.get(before.len() + 1..)?.split_once('>'))
            .map(|(link, _)| link);
        let mut paragraphs = doc.split("\n\n").map(|paragraph| {
            let words = paragraph.split_whitespace();
            let words = words.filter(|word| !word.starts_with("<http") && !is_date(word));
            let text = words.collect::<Vec<_>>().join(" ");
            without_requirements(&text)
        });
        let meaning = paragraphs.next().unwrap_or_default();
        let rest: Vec<String> = paragraphs.filter(|text| !text.is_empty()).collect();
        Self {
            meaning,
            reason: rest.join(" "),
            link,
        }
    }
}

/// `(2026-11)`, as it stands behind a link.
fn is_date(word: &str) -> bool {
    word.starts_with("(20") && word.ends_with(')')
}

/// The text without the ids of requirements, such as `(P6)`: they are for people who change this.
fn without_requirements(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(" (") {
        let inside = after.split_once(')');
        let is_id = |id: &str| {
            let mut letters = id.chars();
            letters.next().is_some_and(|c| c.is_ascii_uppercase())
                && letters.next().is_some_and(|c| c.is_ascii_digit())
                && id.len() <= 3
        };
        kept.push_str(before);
        match inside {
            Some((id, behind))
                if is_id(id) || id.starts_with("case ") || id.starts_with("cases ") =>
            {
                rest = behind;
            }
            _ => {
                kept.push_str(" (");
                rest = after;
            }
        }
    }
    kept.push_str(rest);
    kept
}

/// A struct whose fields' documentation can be read at run time too.
macro_rules! described {
    (
        $(#[$outer:meta])*
        pub struct $name:ident {
            $(
                $(#[doc = $doc:tt])+
                #[serde($($serde:tt)*)]
                pub $field:ident: $type:ty,
            )*
        }
    ) => {
        $(#[$outer])*
        pub struct $name {
            $(
                $(#[doc = $doc])+
                #[serde($($serde)*)]
                pub $field: $type,
            )*
        }

        impl $name {
            const DOCS: &'static [(&'static str, &'static str)] =
                &[$((stringify!($field), concat!($($doc, "\n"),+))),*];

            /// What a field says and why there is one.
            pub fn about(field: &str) -> Option<$crate::quirks::About> {
                let known = Self::DOCS.iter().find(|(name, _)| *name == field);
                known.map(|(_, doc)| $crate::quirks::About::read(doc))
            }
        }
    };
}

pub(super) use described;

#[cfg(test)]
mod tests {
    use crate::quirks::{Quirks, ReasoningQuirks};

    #[test]
    fn a_field_tells_what_it_means_why_and_where_that_is_written() {
        let about = Quirks::about("tool_id").unwrap();
        assert_eq!(about.meaning, "The tool call ids that are accepted.");
        assert!(
            about.reason.starts_with("Mistral: \"Tool call id was"),
            "{about:?}"
        );
        assert_eq!(
            about.link,
            Some("https://docs.mistral.ai/capabilities/function_calling")
        );
        assert!(!about.reason.contains("2026"), "{about:?}");
        let about = ReasoningQuirks::about("policy").unwrap();
        assert_eq!((about.reason.as_str(), about.link), ("", None));
        let about = Quirks::about("think_tags").unwrap();
        assert!(about.meaning.contains("`<think>…</think>`"), "{about:?}");
        assert!(about.link.unwrap().starts_with("https://"), "{about:?}");
        assert!(Quirks::about("tool").is_none());
        let about = Quirks::about("system").unwrap();
        assert_eq!(about.meaning, "What happens to `system` messages.");
    }
}
