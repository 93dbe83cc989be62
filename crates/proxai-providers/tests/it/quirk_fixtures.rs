//! Each deviation of each row has a case that fails without it (P12).
//!
//! The cases lie under `fixtures/quirk/<provider>/<what>/`. Nothing here lists providers, quirks
//! or exceptions: every cell of every row is left out once, and some case of that row must then
//! fail. `PROXAI_BLESS=1` writes `sent.*`; hold what it wrote against the vendor's page.

mod case;
mod cells;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use proxai_providers::{Registry, Row};

use case::{Case, Fact};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/quirk")
}

fn folders(under: &Path) -> Vec<(String, PathBuf)> {
    let entries =
        fs::read_dir(under).unwrap_or_else(|error| panic!("{}: {error}", under.display()));
    let mut folders: Vec<_> = entries
        .map(Result::unwrap)
        .filter(|entry| entry.file_name() != "README.md")
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .collect();
    folders.sort();
    folders
}

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = folders(&root())
        .into_iter()
        .flat_map(|(provider, under)| {
            folders(&under)
                .into_iter()
                .map(move |(_, folder)| Case::load(&provider, &folder))
        })
        .collect();
    assert!(!cases.is_empty());
    cases
}

/// The provider files by their ids, with the cases that hold for each.
fn rows(cases: &[Case]) -> BTreeMap<String, (String, Vec<&Case>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
    let mut rows: BTreeMap<String, (String, Vec<&Case>)> = folders(&folder)
        .into_iter()
        .map(|(file, path)| {
            let id = file.strip_suffix(".toml").unwrap().to_owned();
            assert!(
                Registry::builtin().resolve(&id).is_ok(),
                "{file} is not embedded"
            );
            (id, (fs::read_to_string(path).unwrap(), Vec::new()))
        })
        .collect();
    for case in cases {
        for id in &case.rows {
            let at = case.folder.display();
            let row = rows
                .get_mut(id)
                .unwrap_or_else(|| panic!("{at}: no row has the id `{id}`"));
            row.1.push(case);
        }
    }
    rows
}

#[test]
fn every_case_holds_for_its_rows() {
    let mut cases = cases();
    if std::env::var_os("PROXAI_BLESS").is_some() {
        for case in &cases {
            case.bless(Registry::builtin().resolve(&case.rows[0]).unwrap());
        }
        cases = self::cases();
    }
    let mut wrong = Vec::new();
    for case in &cases {
        for id in &case.rows {
            let found = case.wrong(Registry::builtin().resolve(id).unwrap());
            wrong.extend(
                found
                    .iter()
                    .map(|line| format!("{}: {id}: {line}", case.folder.display())),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_a_case_states_holds_without_quirks() {
    let cases = cases();
    for case in &cases {
        assert!(
            !case.vacuous(),
            "{}: sent without any quirk too",
            case.folder.display()
        );
    }
    let mut idle = Vec::new();
    for (id, (file, cases)) in rows(&cases) {
        let plain = std::iter::once(cells::without_any(&file));
        let poorer: Vec<Row> = plain
            .chain(
                cells::each_left_out(&file)
                    .into_iter()
                    .map(|without| without.row),
            )
            .collect();
        for case in cases {
            let facts: Vec<Vec<Fact>> = poorer.iter().map(|row| case.facts(row)).collect();
            for (index, fact) in facts[0].iter().enumerate() {
                if facts.iter().all(|facts| facts[index].wrong.is_none()) {
                    idle.push(format!("{}: {id}: {}", case.folder.display(), fact.name));
                }
            }
        }
    }
    assert!(
        idle.is_empty(),
        "true of any provider:\n{}",
        idle.join("\n")
    );
}

#[test]
fn every_deviation_of_every_row_has_a_case_that_fails_without_it() {
    let cases = cases();
    let mut unproved = Vec::new();
    let mut checked = 0;
    for (id, (file, cases)) in rows(&cases) {
        for without in cells::each_left_out(&file) {
            checked += 1;
            if cases.iter().all(|case| case.wrong(&without.row).is_empty()) {
                unproved.push(format!("{id}: {}", without.cell));
            }
        }
    }
    assert!(checked > 100, "only {checked} cells found");
    assert!(
        unproved.is_empty(),
        "no case under fixtures/quirk fails without these cells:\n{}",
        unproved.join("\n")
    );
}
