//! The translators against `fixtures/`: goldens, hand-written facts, and the properties that hold
//! for every case without being asked.

mod answer_properties;
mod answer_rules;
mod drive;
mod facts;
mod framing;
mod golden;
mod home;
mod leaves;
mod request_properties;
mod searches;
mod stream_properties;
mod table;
mod truncation;
mod turns;
mod view;
mod wanted_back;

/// Runs `check` for every case and reports all that fail, each by its name.
fn for_each_case(
    cases: &[proxai_testkit::fixtures::Case],
    check: impl Fn(&proxai_testkit::fixtures::Case, &mut Vec<String>),
) {
    let mut problems = Vec::new();
    for case in cases {
        let mut found = Vec::new();
        let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(case, &mut found);
        }));
        if checked.is_err() {
            found.push("panicked, see above".to_owned());
        }
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("{case}: {problem}")),
        );
    }
    assert!(
        problems.is_empty(),
        "{} problems\n{}",
        problems.len(),
        problems.join("\n")
    );
}
