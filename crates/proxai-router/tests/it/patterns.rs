//! R2: how patterns are read, what they match, what they capture.

use proxai_router::{MatchKind, Pattern, Template};

#[test]
fn auto_decides_by_the_looks_of_a_pattern() {
    for (pattern, kind) in [
        ("gpt-5", MatchKind::Exact),
        ("meta-llama/Llama-3.1-8B", MatchKind::Exact),
        ("gpt-*", MatchKind::Glob),
        ("gpt-?", MatchKind::Glob),
        ("claude[1m]*", MatchKind::Glob),
        ("gpt-(4|5)", MatchKind::Regex),
        ("gpt+", MatchKind::Regex),
        (r"gpt\d", MatchKind::Regex),
        // Anchors make it a regular expression whatever else it holds.
        ("^gpt-.*$", MatchKind::Regex),
        ("^gpt-*", MatchKind::Regex),
        ("gpt-.*$", MatchKind::Regex),
    ] {
        assert_eq!(
            Pattern::new(MatchKind::Auto, pattern).unwrap().kind(),
            kind,
            "{pattern}"
        );
    }
}

#[test]
fn every_kind_matches_without_regard_to_letter_case() {
    for (kind, pattern, model, expected) in [
        (MatchKind::Exact, "GPT-5", "gpt-5", true),
        (MatchKind::Exact, "gpt-*", "gpt-5", false),
        (MatchKind::Prefix, "GPT-", "gpt-5", true),
        (MatchKind::Prefix, "gpt-", "my-gpt-5", false),
        (MatchKind::Prefix, "gpt-5-mini", "gpt-5", false),
        (MatchKind::Glob, "GPT-*", "gpt-5", true),
        (MatchKind::Glob, "groq/*", "groq/openai/gpt-oss", true),
        (MatchKind::Glob, "gpt-?", "gpt-5", true),
        (MatchKind::Glob, "gpt-?", "gpt-55", false),
        (MatchKind::Glob, "gpt-[45]", "gpt-4", true),
        (MatchKind::Glob, "gpt-[!45]", "gpt-4", false),
        (MatchKind::Glob, "{gpt,o}-*", "o-3", true),
        (MatchKind::Glob, "{gpt,o}-*", "x-3", false),
        (MatchKind::Glob, "a.b*", "axb", false),
        (MatchKind::Glob, "*[[]1m]", "opus[1m]", true),
        (MatchKind::Regex, "^GPT-\\d$", "gpt-5", true),
        (MatchKind::Regex, "mini", "gpt-5-mini-x", true),
        (MatchKind::Regex, "^mini", "gpt-5-mini", false),
    ] {
        let pattern = Pattern::new(kind, pattern).unwrap();
        assert_eq!(pattern.matches(model), expected, "{pattern:?} on {model}");
    }
}

#[test]
fn upstream_models_are_filled_from_captures() {
    for (kind, pattern, template, model, expected) in [
        (MatchKind::Exact, "m", "fixed", "M", "fixed"),
        (MatchKind::Exact, "m", "x-$0", "M", "x-M"),
        (MatchKind::Prefix, "my-", "$1", "My-GPT", "GPT"),
        (MatchKind::Glob, "a-*-b-*", "$2/$1", "a-1-b-2", "2/1"),
        (MatchKind::Glob, "*", "pre-$1b", "x", "pre-xb"),
        (
            MatchKind::Regex,
            "^(?P<fam>[a-z]+)-(.*)$",
            "${fam}/$2",
            "gpt-5",
            "gpt/5",
        ),
        (
            MatchKind::Regex,
            "^(?P<fam>[a-z]+)-(.*)$",
            "$fam.${2}$$",
            "gpt-5",
            "gpt.5$",
        ),
        (
            MatchKind::Regex,
            "-(mini|nano)",
            "small-$1",
            "gpt-5-mini-x",
            "small-mini",
        ),
        (MatchKind::Regex, "^a(b)?c$", "<$1>", "ac", "<>"),
        (MatchKind::Regex, "^x$", "cost-$-5", "x", "cost-$-5"),
    ] {
        let pattern = Pattern::new(kind, pattern).unwrap();
        let template = Template::parse(template, &pattern).unwrap();
        assert_eq!(template.expand(&pattern, model).as_deref(), Some(expected));
    }
}

#[test]
fn a_capture_that_does_not_exist_is_an_error_that_lists_those_that_do() {
    let pattern = Pattern::new(MatchKind::Regex, "^(?P<family>a)(b)$").unwrap();
    let error = Template::parse("x-${famliy}", &pattern).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`${famliy}` is no capture of pattern `^(?P<family>a)(b)$`; it has `$0`, `${family}`, `$2`"
    );
    assert!(Template::parse("$3", &pattern).is_err());
    let exact = Pattern::new(MatchKind::Exact, "m").unwrap();
    assert!(Template::parse("$1", &exact).is_err());
}

#[test]
fn patterns_that_cannot_work_are_refused_with_the_reason() {
    for (kind, pattern, reason) in [
        (MatchKind::Glob, "a{b", "has a `{` without its partner"),
        (MatchKind::Glob, "a[b", "has a `[` without its partner"),
        (MatchKind::Regex, "(a", "unclosed group"),
        (MatchKind::Regex, "(a{1000}){1000}", "size limit"),
    ] {
        let error = Pattern::new(kind, pattern).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

/// Would take longer than anybody waits if matching went back and forth.
#[test]
fn a_long_model_against_a_hostile_pattern_comes_to_an_end() {
    let pattern = Pattern::new(MatchKind::Glob, &format!("{}b", "*a".repeat(20))).unwrap();
    let model = "a".repeat(20_000);
    assert!(!pattern.matches(&model));
    assert!(pattern.matches(&format!("{model}b")));
}
