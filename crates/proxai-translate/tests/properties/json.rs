//! JSON text, spelled in every way that is allowed: spaces, escapes, numbers of any length.

use std::fmt::Write as _;

use proptest::prelude::*;

/// A value whose spelling is still open. Members keep their order and may repeat.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    /// Anything, as it is written.
    Raw(String),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// How values are spelled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spelling {
    spaced: bool,
    /// Characters outside ASCII are written as escapes.
    escaped: bool,
}

/// The usual spelling.
pub(crate) const PLAIN: Spelling = Spelling {
    spaced: false,
    escaped: false,
};

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// A value as it is written.
pub(crate) fn raw(text: impl Into<String>) -> Json {
    Json::Raw(text.into())
}

/// An object.
pub(crate) fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    let members = members.into_iter();
    Json::Object(
        members
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

impl Json {
    /// An object with more members.
    pub(crate) fn and(mut self, more: impl IntoIterator<Item = (String, Self)>) -> Self {
        if let Self::Object(members) = &mut self {
            members.extend(more);
        }
        self
    }

    /// The text of the value.
    pub(crate) fn write(&self, spelling: Spelling) -> String {
        let mut out = String::new();
        self.write_to(spelling, &mut out);
        out
    }

    fn write_to(&self, spelling: Spelling, out: &mut String) {
        let space = if spelling.spaced { " \n\t" } else { "" };
        match self {
            Self::Raw(text) => out.push_str(text),
            Self::Text(text) => write_text(text, spelling, out),
            Self::List(items) => {
                out.push('[');
                for (index, item) in items.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(space);
                    item.write_to(spelling, out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (index, (name, value)) in members.iter().enumerate() {
                    out.push_str(if index > 0 { "," } else { "" });
                    out.push_str(space);
                    write_text(name, spelling, out);
                    out.push_str(space);
                    out.push(':');
                    value.write_to(spelling, out);
                }
                out.push('}');
            }
        }
    }
}

fn write_text(text: &str, spelling: Spelling, out: &mut String) {
    if !spelling.escaped {
        out.push_str(&serde_json::to_string(text).expect("a text is JSON"));
        return;
    }
    out.push('"');
    for unit in text.encode_utf16() {
        write!(out, "\\u{unit:04X}").expect("a String takes any text");
    }
    out.push('"');
}

/// Any spelling; the usual one is the likeliest.
pub(crate) fn spelling() -> impl Strategy<Value = Spelling> {
    let rarely = || prop::bool::weighted(0.2);
    (rarely(), rarely()).prop_map(|(spaced, escaped)| Spelling { spaced, escaped })
}

/// A text as people, models and attackers write it.
pub(crate) fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z ]{1,12}",
        1 => Just(String::new()),
        1 => Just(" \n".to_owned()),
        1 => "[\\x00-\\x1f\"\\\\/é\u{1f600}\u{2028}\u{feff}]{1,6}",
        1 => Just("data: {\"x\":1}\n\n".to_owned()),
        1 => Just("<think>no</think> [DONE]".to_owned()),
    ]
}

/// The name of a tool, an id, a label: mostly legal.
pub(crate) fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        5 => "[a-c]",
        1 => "[a-z./:]{1,8}",
        1 => "[é\u{1f600} ]{1,3}",
        1 => "[a-z]{65,140}",
        1 => Just(String::new()),
    ]
}

/// JSON arguments, as models write them: mostly objects.
pub(crate) fn arguments() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => any_value(2).prop_map(|value| {
            object([("x", value)]).write(PLAIN)
        }),
        1 => Just("{}".to_owned()),
        1 => Just(String::new()),
        1 => Just("{\"cut\":".to_owned()),
        1 => Just("[1]".to_owned()),
        1 => text(),
    ]
}

/// Any value.
pub(crate) fn any_value(depth: u32) -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(raw("null")),
        Just(raw("true")),
        Just(raw("-0.0")),
        Just(raw("123456789012345678901234567890")),
        Just(raw("1e400")),
        Just(raw("0.30000000000000004")),
        text().prop_map(Json::Text),
        Just(raw("[".repeat(60) + &"]".repeat(60))),
    ];
    leaf.prop_recursive(depth, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Json::List),
            prop::collection::vec((name(), inner), 0..3).prop_map(Json::Object),
        ]
    })
}

/// No, or one, member that no reference lists, or that is null.
pub(crate) fn unknown() -> impl Strategy<Value = Vec<(String, Json)>> {
    prop_oneof![
        6 => Just(Vec::new()),
        1 => any_value(1).prop_map(|value| vec![("x_new".to_owned(), value)]),
        1 => Just(vec![("name".to_owned(), raw("null")), ("cache_control".to_owned(), raw("null"))]),
    ]
}
