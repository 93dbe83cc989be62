//! What holds for any text.

use proptest::prelude::*;
use proxai_config::Memory;

use crate::try_load;

/// The example, as something to break.
const EXAMPLE: &str = include_str!("../../../../config/proxai.example.toml");

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_and_every_problem_has_a_message(
        cut in any::<prop::sample::Index>(),
        inserted in "[a-z\\[\\]{}=\"$#.\n ]{0,12}",
    ) {
        let on: String = EXAMPLE.replace("\n#", "\n");
        let boundaries: Vec<usize> = on.char_indices().map(|(index, _)| index).collect();
        let at = boundaries[cut.index(boundaries.len())];
        let text = format!("{}{inserted}{}", &on[..at], &on[at..]);
        let sources = Memory::default().with_var("GROQ_API_KEY", "key");
        for text in [text.as_str(), &on[..at]] {
            if let Err(problems) = try_load(sources.clone(), text) {
                prop_assert!(!problems.0.is_empty());
                for problem in &problems.0 {
                    prop_assert!(!problem.message.is_empty());
                    let lines = text.lines().count().max(1);
                    prop_assert!(problem.line.is_none_or(|line| line <= lines + 1), "{problem}");
                }
            }
        }
    }

    #[test]
    fn a_value_of_a_wrong_type_is_one_problem_at_its_line(which in 0_usize..1_000) {
        // Each key of the example that is on, given a table that no key takes.
        let keys: Vec<usize> = EXAMPLE
            .lines()
            .enumerate()
            .filter(|(_, line)| line.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(|(index, _)| index)
            .collect();
        let wrong = keys[which % keys.len()];
        let lines: Vec<String> = EXAMPLE
            .lines()
            .enumerate()
            .map(|(index, line)| match line.split_once(" = ") {
                Some((key, _)) if index == wrong => format!("{key} = {{ nonsense = [] }}"),
                _ => line.to_owned(),
            })
            .collect();
        let sources = Memory::default().with_var("GROQ_API_KEY", "key");
        let problems = try_load(sources, &lines.join("\n")).unwrap_err().0;
        prop_assert_eq!(problems.len(), 1, "{:?}", problems);
        prop_assert_eq!(problems[0].line, Some(wrong + 1));
    }
}
