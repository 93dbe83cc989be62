//! Members inside tools and messages, and roles, that an upstream does not know (P12).
//!
//! Agents add members to tools and messages as vendors invent them, and send back answers with
//! all of their members; dialects that validate strictly refuse the whole request for one of them.
//! Each is named here as `tools[].x` or `messages[].x`, whatever the index in the refusal: what is
//! refused in one is refused in all.

use proxai_json::{Container, Doc, Edit};

/// Members that a tool or message can do without: the model sees the same tool and the same text.
const OPTIONAL: [&str; 15] = [
    // Claude Code 2.1.69: "tools.0.custom.defer_loading: Extra inputs are not permitted", and
    // the like of each beta after it. <https://github.com/anthropics/claude-code/issues/31033>
    "tools[].allowed_callers",
    "tools[].defer_loading",
    "tools[].eager_input_streaming",
    "tools[].input_examples",
    "tools[].strict",
    "messages[].clear_at",
    // Answers that a client sends back as it got them: "Extra inputs are not permitted, field:
    // 'messages[2].refusal', value: None". <https://github.com/anomalyco/opencode/issues/23193>
    "messages[].annotations",
    "messages[].audio",
    "messages[].function_call",
    "messages[].name",
    "messages[].provider_specific_fields",
    "messages[].reasoning",
    "messages[].reasoning_content",
    "messages[].reasoning_details",
    "messages[].refusal",
];

/// `system` may not stand among the messages; it becomes marked text of the user.
pub(crate) const SYSTEM_ROLE: &str = "messages[].role=system";
/// There is no `developer`; it becomes `system`.
pub(crate) const DEVELOPER_ROLE: &str = "messages[].role=developer";

/// The name of the member at a path such as `tools.3.custom.defer_loading`,
/// `messages[2].refusal` or `body.messages.1.assistant.refusal`, if it can be left out.
pub(super) fn member(path: &str) -> Option<&'static str> {
    let mut steps = path
        .split(['.', '[', ']'])
        .filter(|step| !step.is_empty() && *step != "body");
    let list = steps.next()?;
    // Without an index it is a member of something else.
    steps.next()?.parse::<usize>().ok()?;
    let name = steps.next_back()?;
    OPTIONAL.iter().copied().find(|known| {
        known
            .split_once("[].")
            .is_some_and(|known| known == (list, name))
    })
}

/// The role that a text refuses: "unknown variant `system`, expected …" at `messages[1].role`,
/// "role 'system' is not supported on this model", "Unexpected role \"system\"", and from the
/// templates of models without one "System role not supported".
pub(super) fn role(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    if !lower.contains("role") {
        return None;
    }
    if lower.contains("system role not supported") || lower.contains("message role: system") {
        return Some(SYSTEM_ROLE);
    }
    let named = |role: &str| {
        ['\'', '`', '"']
            .iter()
            .any(|quote| text.contains(&format!("{quote}{role}{quote}")))
    };
    // A list of the accepted roles holds `system` where `developer` is refused.
    if named("developer") {
        Some(DEVELOPER_ROLE)
    } else if named("system") {
        Some(SYSTEM_ROLE)
    } else {
        None
    }
}

/// Takes a member out of every item of its list, and out of the function of a tool. Tells whether
/// there was one.
pub(crate) fn remove(doc: &Doc<'_>, edit: &mut Edit<'_>, name: &str) -> bool {
    let Some((list, member)) = name.split_once("[].") else {
        return false;
    };
    let Some(list) = doc.child(list) else {
        return false;
    };
    let mut found = false;
    for item in &list.items {
        let Ok(object) = Container::scan(doc.body, item.value) else {
            continue;
        };
        found |= edit.remove(&object, member);
        if let Some(function) = object.child(doc.body, "function") {
            found |= edit.remove(&function, member);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_known_in_every_spelling_of_its_path() {
        for (path, name) in [
            ("tools.0.custom.defer_loading", "tools[].defer_loading"),
            ("tools.12.input_examples", "tools[].input_examples"),
            ("tools[3].function.strict", "tools[].strict"),
            ("messages[2].refusal", "messages[].refusal"),
            ("body.messages.1.assistant.refusal", "messages[].refusal"),
        ] {
            assert_eq!(member(path), Some(name), "{path}");
        }
        for path in [
            "",
            "tools",
            "tools.0",
            "tools.0.name",
            "messages.0.content",
            "messages.refusal",
            "refusal",
            "input[0].name",
        ] {
            assert_eq!(member(path), None, "{path}");
        }
    }

    #[test]
    fn a_refused_role_is_told_from_the_roles_that_are_listed() {
        for said in [
            "messages[1].role: unknown variant `system`, expected `user` or `assistant`",
            "role 'system' is not supported on this model",
            "messages: Unexpected role \"system\". The Messages API accepts a top-level `system` parameter",
            "messages[1].role must be either 'user' or 'assistant', but got 'system'",
            "invalid params, invalid message role: system (2013)",
        ] {
            assert_eq!(role(said), Some(SYSTEM_ROLE), "{said}");
        }
        for said in [
            "'developer' is not one of ['system', 'assistant', 'user', 'tool'] - 'messages.0.role'",
            "unknown variant `developer`, expected one of `system`, `user`: messages[0].role",
        ] {
            assert_eq!(role(said), Some(DEVELOPER_ROLE), "{said}");
        }
        assert_eq!(role("'system' is too long"), None);
        assert_eq!(role("the role of the user is unknown"), None);
    }

    #[test]
    fn what_is_refused_in_one_tool_goes_from_all() -> Result<(), Box<dyn std::error::Error>> {
        let body = br#"{"tools":[{"name":"a","strict":true},{"type":"function","function":{"name":"b","strict":false}},3],"strict":1}"#;
        let doc = Doc::scan(body)?;
        let mut edit = Edit::new(body);
        assert!(remove(&doc, &mut edit, "tools[].strict"));
        assert!(!remove(&doc, &mut edit, "tools[].input_examples"));
        assert!(!remove(&doc, &mut edit, "strict"));
        assert_eq!(
            String::from_utf8(edit.finish()?)?,
            r#"{"tools":[{"name":"a"},{"type":"function","function":{"name":"b"}},3],"strict":1}"#
        );
        Ok(())
    }
}
