//! Writes what coverage-guided fuzzing starts from: seeds, and a dictionary.
//!
//! Seeds are the fixtures and the inputs that once failed, one folder for each target under
//! `fuzz/corpus/`. The dictionary `fuzz/protocols.dict` holds the names of members, kinds and values
//! that the wire types and the adapters know, taken from their source, so that it is never behind
//! them. Both are made anew each time and are not committed; what the fuzzer added to the corpus
//! stays.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use proxai_testkit::seeds::Target;

/// Crates whose source names members and kinds.
const CRATES: [&str; 4] = [
    "proxai-chat",
    "proxai-responses",
    "proxai-messages",
    "proxai-translate",
];

/// Names longer than this are sentences.
const MAX_NAME: usize = 48;

/// Pieces of an event stream.
const FRAMING: [&str; 5] = [
    r#""data: ""#,
    r#""event: ""#,
    r#""\x0a\x0a""#,
    r#""[DONE]""#,
    r#""\xef\xbb\xbf""#,
];

pub(crate) fn run(root: &Path) -> Result<()> {
    let fuzz = root.join("fuzz");
    for target in Target::ALL {
        let folder = fuzz.join("corpus").join(target.name());
        fs_err("create", &folder, std::fs::create_dir_all(&folder))?;
        let mut seeds = target.seeds();
        for path in files(&fuzz.join("regressions").join(target.name()))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let body = fs_err("read", &path, std::fs::read(&path))?;
            seeds.push((format!("regression-{name}"), body));
        }
        for (name, body) in &seeds {
            let path = folder.join(name);
            fs_err("write", &path, std::fs::write(&path, body))?;
        }
        println!("{}: {} seeds", target.name(), seeds.len());
    }
    let mut names = BTreeSet::new();
    for name in CRATES {
        sources(&root.join("crates").join(name).join("src"), &mut |text| {
            names.extend(literals(text).map(str::to_owned));
        })?;
    }
    let path = fuzz.join("protocols.dict");
    fs_err("write", &path, std::fs::write(&path, dictionary(&names)))?;
    println!("protocols.dict: {} names", names.len());
    Ok(())
}

fn fs_err<T>(what: &str, path: &Path, result: std::io::Result<T>) -> Result<T> {
    result.with_context(|| format!("cannot {what} {}", path.display()))
}

/// What stands in a folder; nothing if there is none.
fn files(folder: &Path) -> Result<Vec<std::path::PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    fs_err("list", folder, std::fs::read_dir(folder))?
        .map(|entry| Ok(fs_err("list", folder, entry)?.path()))
        .collect()
}

fn sources(folder: &Path, take: &mut impl FnMut(&str)) -> Result<()> {
    for path in files(folder)? {
        if path.is_dir() {
            sources(&path, take)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            take(&fs_err("read", &path, std::fs::read_to_string(&path))?);
        }
    }
    Ok(())
}

/// The string literals of a source file that may be names, tests and comments left out.
fn literals(source: &str) -> impl Iterator<Item = &str> {
    let code = source.split("#[cfg(test)]\nmod tests {").next();
    code.unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//") && !line.contains("reason ="))
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(|text| is_name(text))
}

fn is_name(text: &str) -> bool {
    (2..=MAX_NAME).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(&byte))
}

fn dictionary(names: &BTreeSet<String>) -> String {
    let quoted = names.iter().map(|name| format!(r#""\"{name}\"""#));
    quoted
        .chain(FRAMING.map(str::to_owned))
        .map(|entry| entry + "\n")
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_members_are_taken_and_sentences_comments_and_tests_are_not() {
        let source = "/// A \"comment\".\npub id: Str<'a> = \"call_id\", // kept\n\
                      fail(\"the call has no id\");\n#[cfg(test)]\nmod tests {\n\"in_a_test\"\n";
        assert_eq!(literals(source).collect::<Vec<_>>(), ["call_id"]);
        let names = BTreeSet::from(["call_id".to_owned()]);
        let written = dictionary(&names);
        assert_eq!(written.lines().next(), Some(r#""\"call_id\"""#));
        assert_eq!(written.lines().count(), 1 + FRAMING.len());
    }
}
