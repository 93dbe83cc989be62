//! Quirks about top-level parameters. Each function is one quirk.

use proxai_types::Protocol;

use super::{ChangeKind, Pass, formats, quoted, thinking};
use crate::quirks::{MaxTokensField, Quirks, Temperature};

/// Whether any quirk is about parameters.
pub(super) fn concern(quirks: &Quirks) -> bool {
    !quirks.refused_parameters().is_empty()
        || !quirks.stream_options()
        || !quirks.parallel_tool_calls()
        || quirks.omit_model()
        || quirks.max_tokens_field() != MaxTokensField::Keep
        || quirks.min_output_tokens() > 0
        || quirks.temperature() != Temperature::ANY
        || quirks.one_sampler()
        || quirks.max_stop_sequences() < u32::MAX
        || !quirks.reasoning.efforts.is_empty()
        || !quirks.reasoning.effort_accepted()
        || !quirks.reasoning.effort_with_tools()
        || thinking::concern(quirks)
        || quirks.json_modes.is_some()
}

/// Applies all of them.
pub(super) fn apply(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    refused_parameters(pass, quirks);
    omit_model(pass, quirks);
    output_limit(pass, quirks);
    temperature(pass, quirks);
    one_sampler(pass, quirks);
    stop_sequences(pass, quirks);
    thinking::apply(pass, quirks);
    reasoning_effort(pass, quirks);
    formats::apply(pass, quirks);
}

/// Members that the endpoint refuses are left out.
fn refused_parameters(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    for key in quirks.refused_parameters() {
        pass.remove("refused_parameters", ChangeKind::Dropped, key);
    }
    if !quirks.stream_options() && !is_refused(quirks, "stream_options") {
        pass.remove("stream_options", ChangeKind::Dropped, "stream_options");
    }
    if !quirks.parallel_tool_calls() && !is_refused(quirks, "parallel_tool_calls") {
        pass.remove(
            "parallel_tool_calls",
            ChangeKind::Dropped,
            "parallel_tool_calls",
        );
    }
}

pub(super) fn is_refused(quirks: &Quirks, key: &str) -> bool {
    quirks
        .refused_parameters()
        .iter()
        .any(|refused| refused == key)
}

/// The URL names the model.
fn omit_model(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    if quirks.omit_model() {
        pass.remove("omit_model", ChangeKind::Rewritten, "model");
    }
}

/// The output limit gets the name the endpoint knows and at least its smallest value.
fn output_limit(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    const OLD: &str = "max_tokens";
    const NEW: &str = "max_completion_tokens";
    let root = &pass.doc.root;
    if pass.protocol == Protocol::Chat {
        let (from, to) = match quirks.max_tokens_field() {
            MaxTokensField::Keep => (OLD, OLD),
            MaxTokensField::MaxTokens => (NEW, OLD),
            MaxTokensField::MaxCompletionTokens => (OLD, NEW),
        };
        if from != to && pass.doc.get(from).is_some() && !is_refused(quirks, from) {
            // Where both are there, the wanted one is what the client knows the endpoint reads.
            if pass.doc.get(to).is_some() {
                pass.edit.remove(root, from);
            } else {
                pass.edit.rename(root, from, to);
            }
            pass.note("max_tokens_field", ChangeKind::Rewritten, from);
        }
    }
    let least = quirks.min_output_tokens();
    for key in [OLD, NEW, "max_output_tokens"] {
        let Some(span) = pass.doc.get(key).filter(|_| !is_refused(quirks, key)) else {
            continue;
        };
        let given: Option<u64> = serde_json::from_slice(span.of(pass.doc.body)).ok();
        if given.is_some_and(|given| given < u64::from(least)) {
            pass.edit.replace(span, least.to_string());
            pass.note("min_output_tokens", ChangeKind::Approximated, key);
        }
    }
}

/// A temperature out of range moves to the nearest one that is accepted.
fn temperature(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    const KEY: &str = "temperature";
    let rule = quirks.temperature();
    if is_refused(quirks, KEY) {
        return;
    }
    if rule.refused {
        pass.remove(KEY, ChangeKind::Dropped, KEY);
        return;
    }
    let Some(span) = pass.doc.get(KEY) else {
        return;
    };
    let Ok(requested) = serde_json::from_slice::<f64>(span.of(pass.doc.body)) else {
        return;
    };
    if let Some(nearest) = rule.nearest(requested) {
        pass.edit.replace(span, nearest.to_string());
        pass.note(KEY, ChangeKind::Approximated, KEY);
    }
}

/// `temperature` and `top_p` exclude each other.
fn one_sampler(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    let there = |key: &str| {
        !is_refused(quirks, key)
            && pass
                .doc
                .get(key)
                .is_some_and(|span| span.of(pass.doc.body) != b"null")
    };
    if quirks.one_sampler()
        && there("temperature")
        && there("top_p")
        && !quirks.temperature().refused
    {
        pass.remove("one_sampler", ChangeKind::Dropped, "top_p");
    }
}

/// Stop sequences beyond the number that is accepted are cut.
fn stop_sequences(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    let key = if pass.protocol == Protocol::Messages {
        "stop_sequences"
    } else {
        "stop"
    };
    let most = usize::try_from(quirks.max_stop_sequences()).unwrap_or(usize::MAX);
    let Some(list) = pass.doc.child(key).filter(|_| !is_refused(quirks, key)) else {
        return;
    };
    if list.span.kind(pass.doc.body) != b'[' || list.items.len() <= most {
        return;
    }
    for index in most..list.items.len() {
        pass.edit.remove_at(&list, index);
        pass.note(
            "max_stop_sequences",
            ChangeKind::Dropped,
            format!("{key}[{index}]"),
        );
    }
}

/// Effort levels get the endpoint's names, or are left out.
fn reasoning_effort(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    const QUIRK: &str = "reasoning";
    let (path, span) = match pass.protocol {
        Protocol::Chat => ("reasoning_effort", pass.doc.get("reasoning_effort")),
        Protocol::Responses => (
            "reasoning.effort",
            pass.doc
                .child("reasoning")
                .and_then(|object| object.value(pass.doc.body, "effort")),
        ),
        Protocol::Messages => (
            "output_config.effort",
            pass.doc
                .child("output_config")
                .and_then(|object| object.value(pass.doc.body, "effort")),
        ),
    };
    let top = path.split('.').next().unwrap_or(path);
    let Some(span) = span.filter(|_| !is_refused(quirks, top)) else {
        return;
    };
    if !quirks.reasoning.effort_accepted() {
        if let (Some((object, member)), Some(container)) =
            (path.split_once('.'), pass.doc.child(top))
        {
            debug_assert_eq!(object, top, "one level deep");
            pass.edit.remove(&container, member);
            pass.note(QUIRK, ChangeKind::Dropped, path);
        } else {
            pass.remove(QUIRK, ChangeKind::Dropped, path);
        }
        return;
    }
    let Some(level) = span.string(pass.doc.body) else {
        return;
    };
    let has_tools = || {
        pass.doc
            .child("tools")
            .is_some_and(|tools| !tools.items.is_empty())
    };
    if pass.protocol == Protocol::Chat
        && !quirks.reasoning.effort_with_tools()
        && level != "none"
        && has_tools()
    {
        pass.edit.replace(span, b"\"none\"".to_vec());
        pass.note(QUIRK, ChangeKind::Approximated, path);
        return;
    }
    let name = quirks.reasoning.effort(&level);
    if name != level {
        pass.edit.replace(span, quoted(name));
        pass.note(QUIRK, ChangeKind::Approximated, path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, edited};
    use super::*;
    use Protocol::{Chat, Messages, Responses};

    #[test]
    fn refused_members_are_left_out() {
        check(
            "refused_parameters = ['logprobs', 'n']",
            Chat,
            r#"{"a":1, "logprobs":true,"n":2}"#,
            r#"{"a":1}"#,
        );
        check(
            "stream_options = false",
            Chat,
            r#"{"stream_options":{"include_usage":true},"a":1.0}"#,
            r#"{"a":1.0}"#,
        );
        check(
            "parallel_tool_calls = false",
            Responses,
            r#"{"a":1,"parallel_tool_calls":true}"#,
            r#"{"a":1}"#,
        );
        check(
            "omit_model = true",
            Chat,
            r#"{ "model":"m","a":1}"#,
            r#"{ "a":1}"#,
        );
    }

    #[test]
    fn the_output_limit_is_renamed_and_raised() {
        let (old, new) = (
            "max_tokens_field = 'max_tokens'",
            "max_tokens_field = 'max_completion_tokens'",
        );
        check(
            old,
            Chat,
            r#"{"max_completion_tokens":5}"#,
            r#"{"max_tokens":5}"#,
        );
        check(
            new,
            Chat,
            r#"{"max_tokens": 5}"#,
            r#"{"max_completion_tokens": 5}"#,
        );
        check(
            new,
            Chat,
            r#"{"max_tokens":5,"max_completion_tokens":6}"#,
            r#"{"max_completion_tokens":6}"#,
        );
        check(new, Messages, r#"{"max_tokens":5}"#, r#"{"max_tokens":5}"#);
        check(
            "min_output_tokens = 16",
            Responses,
            r#"{"max_output_tokens":1}"#,
            r#"{"max_output_tokens":16}"#,
        );
        check(
            "min_output_tokens = 16",
            Responses,
            r#"{"max_output_tokens":17}"#,
            r#"{"max_output_tokens":17}"#,
        );
        check(
            &format!("{new}\nmin_output_tokens = 9"),
            Chat,
            r#"{"max_tokens":5}"#,
            r#"{"max_completion_tokens":9}"#,
        );
    }

    #[test]
    fn temperatures_move_into_range_and_keep_their_spelling_inside() {
        check(
            "temperature = { max = 1.0 }",
            Chat,
            r#"{"temperature":1.6}"#,
            r#"{"temperature":1}"#,
        );
        check(
            "temperature = { max = 1.0 }",
            Chat,
            r#"{"temperature":0.70}"#,
            r#"{"temperature":0.70}"#,
        );
        check(
            "temperature = { min = 0.01 }",
            Chat,
            r#"{"temperature":0}"#,
            r#"{"temperature":0.01}"#,
        );
        check(
            "temperature = { fixed = 1.0 }",
            Chat,
            r#"{"a":0}"#,
            r#"{"a":0}"#,
        );
        check(
            "temperature = { refused = true }",
            Messages,
            r#"{"a":0,"temperature":1}"#,
            r#"{"a":0}"#,
        );
        check(
            "one_sampler = true",
            Messages,
            r#"{"temperature":1,"top_p":0.9}"#,
            r#"{"temperature":1}"#,
        );
        check(
            "one_sampler = true",
            Messages,
            r#"{"top_p":0.9}"#,
            r#"{"top_p":0.9}"#,
        );
        let both = "refused_parameters = ['temperature', 'top_p']\none_sampler = true\ntemperature = { fixed = 1.0 }";
        check(both, Chat, r#"{"temperature":0.3,"top_p":0.9}"#, "{}");
    }

    #[test]
    fn stop_sequences_are_cut_and_each_is_reported() {
        let cut = edited("max_stop_sequences = 1", Chat, r#"{"stop":["a","b","c"]}"#);
        assert_eq!(&*cut.body, br#"{"stop":["a"]}"#);
        let paths: Vec<_> = cut
            .changes
            .iter()
            .map(|change| change.path.as_str())
            .collect();
        assert_eq!(paths, ["stop[1]", "stop[2]"]);
        check(
            "max_stop_sequences = 1",
            Chat,
            r#"{"stop":"a"}"#,
            r#"{"stop":"a"}"#,
        );
        check(
            "max_stop_sequences = 1",
            Messages,
            r#"{"stop_sequences":["a","b"]}"#,
            r#"{"stop_sequences":["a"]}"#,
        );
    }

    #[test]
    fn effort_levels_get_the_endpoints_names() {
        let quirks = "reasoning = { efforts = { minimal = 'low' } }";
        check(
            quirks,
            Chat,
            r#"{"reasoning_effort":"minimal"}"#,
            r#"{"reasoning_effort":"low"}"#,
        );
        check(
            quirks,
            Responses,
            r#"{"reasoning":{"effort":"minimal","summary":"auto"}}"#,
            r#"{"reasoning":{"effort":"low","summary":"auto"}}"#,
        );
        check(
            quirks,
            Messages,
            r#"{"output_config":{"effort":"high"}}"#,
            r#"{"output_config":{"effort":"high"}}"#,
        );
        let apart = "reasoning = { effort_with_tools = false }";
        check(
            apart,
            Chat,
            r#"{"reasoning_effort":"high","tools":[{"type":"function","function":{"name":"f"}}]}"#,
            r#"{"reasoning_effort":"none","tools":[{"type":"function","function":{"name":"f"}}]}"#,
        );
        for (protocol, untouched) in [
            (Chat, r#"{"reasoning_effort":"high","tools":[]}"#),
            (
                Chat,
                r#"{"tools":[{"type":"function","function":{"name":"f"}}]}"#,
            ),
            (
                Responses,
                r#"{"reasoning":{"effort":"high"},"tools":[{"type":"function","name":"f"}]}"#,
            ),
        ] {
            check(apart, protocol, untouched, untouched);
        }
        let none = "reasoning = { effort_accepted = false }";
        check(
            none,
            Chat,
            r#"{"reasoning_effort":"low","a":1}"#,
            r#"{"a":1}"#,
        );
        check(
            none,
            Responses,
            r#"{"reasoning":{"effort":"low","summary":"auto"}}"#,
            r#"{"reasoning":{"summary":"auto"}}"#,
        );
    }
}
