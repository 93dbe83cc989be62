//! Tools that the client runs but whose calls have a form of their own: shells and the editor.
//!
//! In the hub such a call is JSON by a schema that stands here, under the kind of the tool as its
//! name; other protocols are offered a function with that schema (50). Back in this protocol the
//! JSON becomes the item again. A model that gives other JSON than it was asked for cannot be put
//! into the item's form: the call is then written as a plain function call, so that the client can
//! tell the model.

use proxai_json::{Str, StringOr, wire};
use proxai_responses::{
    ApplyPatchCall, Item, LocalShellAction, LocalShellCall, PatchOperation, ShellAction, ShellCall,
    ToolSearchCall,
};

use super::raw::{constant, parsed};

/// One such tool.
pub(super) struct Native {
    /// The kind of the tool, which is its name in the hub.
    pub(super) kind: &'static str,
    /// Prefix of its items' ids.
    pub(super) prefix: &'static str,
    pub(super) description: &'static str,
    /// Schema of the input.
    pub(super) parameters: &'static str,
}

const TOOLS: [Native; 3] = [
    Native {
        kind: "local_shell",
        prefix: "lsh_",
        description: "Runs a program on the user's machine and returns its output.",
        parameters: r#"{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"},"description":"The program and its arguments."},"working_directory":{"type":"string"},"timeout_ms":{"type":"integer"},"env":{"type":"object","additionalProperties":{"type":"string"}},"user":{"type":"string"}},"required":["command"]}"#,
    },
    Native {
        kind: "shell",
        prefix: "sh_",
        description: "Runs shell commands on the user's machine and returns their output.",
        parameters: r#"{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"},"description":"Shell commands, run one after another."},"timeout_ms":{"type":"integer"},"max_output_length":{"type":"integer"}},"required":["commands"]}"#,
    },
    Native {
        kind: "apply_patch",
        prefix: "apc_",
        description: "Creates, changes or deletes a file on the user's machine.",
        parameters: r#"{"type":"object","properties":{"type":{"type":"string","enum":["create_file","update_file","delete_file"]},"path":{"type":"string"},"diff":{"type":"string","description":"The change in V4A diff format, without file headers; not for delete_file."}},"required":["type","path"]}"#,
    },
];

/// The search for tools that the client makes. Its schema is the client's own, so it is offered as
/// a plain function and known again by its name.
pub(super) const TOOL_SEARCH: &str = "tool_search";

/// The tool of a kind.
pub(super) fn of(kind: &str) -> Option<&'static Native> {
    TOOLS.iter().find(|tool| tool.kind == kind)
}

wire! {
    /// What the hub's input of a local shell call may look like.
    pub struct LooseCommand<'a> {
        /// Models often give one line instead of a list.
        pub command: Option<StringOr<'a, Vec<Str<'a>>>> = "command",
        /// The other members.
        pub env: Option<&'a proxai_json::RawValue> = "env",
        /// As in the item.
        pub timeout_ms: Option<u64> = "timeout_ms",
        /// As in the item.
        pub user: Option<Str<'a>> = "user",
        /// As in the item.
        pub working_directory: Option<Str<'a>> = "working_directory",
    }

    /// What the hub's input of a shell call may look like.
    pub struct LooseCommands<'a> {
        /// Models often give one line instead of a list.
        pub commands: Option<StringOr<'a, Vec<Str<'a>>>> = "commands",
        /// As in the item.
        pub timeout_ms: Option<u64> = "timeout_ms",
        /// As in the item.
        pub max_output_length: Option<u64> = "max_output_length",
    }
}

/// The item of a call; `None` if `input` is not what the tool takes.
pub(super) fn item<'a>(
    kind: &str,
    id: &'a str,
    call_id: &'a str,
    input: &'a str,
    status: &'static str,
) -> Option<Item<'a>> {
    let (id, call_id) = (Some(Str::from(id)), Some(Str::from(call_id)));
    let status = Some(Str::borrowed(status));
    match kind {
        "local_shell" => {
            let loose: LooseCommand<'a> = proxai_json::from_str(input).ok()?;
            let command = match loose.command? {
                StringOr::Value(command) => command,
                StringOr::String(line) => vec!["bash".into(), "-lc".into(), line],
            };
            Some(Item::LocalShellCall(LocalShellCall {
                id,
                call_id,
                status,
                action: LocalShellAction {
                    kind: Some("exec".into()),
                    command,
                    env: Some(loose.env.unwrap_or(constant("{}"))),
                    timeout_ms: loose.timeout_ms,
                    user: loose.user,
                    working_directory: loose.working_directory,
                    ..LocalShellAction::default()
                },
                ..LocalShellCall::default()
            }))
        }
        "shell" => {
            let loose: LooseCommands<'a> = proxai_json::from_str(input).ok()?;
            let commands = match loose.commands? {
                StringOr::Value(commands) => commands,
                StringOr::String(line) => vec![line],
            };
            Some(Item::ShellCall(ShellCall {
                id,
                call_id,
                status,
                action: ShellAction {
                    commands,
                    timeout_ms: loose.timeout_ms,
                    max_output_length: loose.max_output_length,
                    ..ShellAction::default()
                },
                ..ShellCall::default()
            }))
        }
        "apply_patch" => {
            let operation: PatchOperation<'a> = proxai_json::from_str(input).ok()?;
            let needs_diff = operation.kind != "delete_file";
            if operation.path.is_empty() || (needs_diff && operation.diff.is_none()) {
                return None;
            }
            Some(Item::ApplyPatchCall(ApplyPatchCall {
                id,
                call_id,
                status,
                operation,
                ..ApplyPatchCall::default()
            }))
        }
        TOOL_SEARCH => {
            let arguments = parsed(input).filter(|json| json.get().starts_with('{'))?;
            Some(Item::ToolSearchCall(ToolSearchCall {
                id,
                call_id,
                status,
                execution: Some("client".into()),
                arguments: Some(arguments),
                ..ToolSearchCall::default()
            }))
        }
        _ => None,
    }
}

/// Prefix of the ids of a kind's items.
pub(super) fn prefix(kind: &str) -> &'static str {
    match of(kind) {
        Some(native) => native.prefix,
        None if kind == TOOL_SEARCH => "tsc_",
        None => "fc_",
    }
}

/// The hub's input of a local shell call.
pub(super) fn local_shell_input(action: LocalShellAction<'_>) -> String {
    proxai_json::to_string(&LocalShellAction {
        kind: None,
        env: action.env.filter(|env| env.get() != "{}"),
        ..action
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemas_are_json() {
        for tool in &TOOLS {
            assert!(constant(tool.parameters).get().starts_with('{'));
            assert!(of(tool.kind).is_some());
        }
    }

    #[test]
    fn a_call_becomes_its_item_and_its_input_again() {
        let input = r#"{"command":["ls","-l"],"timeout_ms":5}"#;
        let Some(Item::LocalShellCall(call)) =
            item("local_shell", "lsh_1", "c", input, "completed")
        else {
            panic!()
        };
        assert_eq!(
            proxai_json::to_string(&call.action),
            r#"{"type":"exec","command":["ls","-l"],"env":{},"timeout_ms":5}"#
        );
        assert_eq!(local_shell_input(call.action), input);
    }

    #[test]
    fn one_line_instead_of_a_list_is_understood_and_other_input_is_not() {
        let Some(Item::ShellCall(call)) =
            item("shell", "s", "c", r#"{"commands":"ls"}"#, "completed")
        else {
            panic!()
        };
        assert_eq!(call.action.commands, ["ls"]);
        for (kind, input) in [
            ("shell", "{}"),
            ("local_shell", "not json"),
            ("apply_patch", r#"{"type":"update_file","path":"a"}"#),
            ("rocket", "{}"),
        ] {
            assert!(item(kind, "i", "c", input, "completed").is_none(), "{kind}");
        }
    }
}
