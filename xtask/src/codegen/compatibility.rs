//! `docs/compatibility.md`: what each protocol can say, from the translator's own table.

use proxai_translate::features::{Support, TABLE};
use proxai_types::Protocol;
use proxai_types::effort::{BUDGETS, effort_of};

use super::{cell, line};

pub(super) fn page() -> String {
    let mut page = String::from(
        "# What survives a translation\n\n\
         A request keeps its bytes when client and upstream speak the same protocol; only what \
         proxai sealed in earlier turns for another provider (thoughts, signatures of calls, \
         searches) is cut out and reported. Between two protocols each feature below is:\n\n\
         - **native**: the same, perhaps under another name;\n\
         - **mapped**: said in another way that means the same; the exceptions that a cell names are \
         reported;\n\
         - **approximated**: something close is sent, and reported;\n\
         - **dropped**: not sent, and reported;\n\
         - **refused**: answered with 400, since leaving it out would mislead.\n\n\
         Reports are in the `x-proxai-loss` header and in the log. In strict mode each is a 400.\n\n\
         ## Requests\n\n\
         | feature | Chat | Responses | Messages | to Chat | to Responses | to Messages |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for row in TABLE {
        let mut cells = vec![cell(row.title)];
        cells.extend(row.paths.map(|path| match path {
            "" => "–".to_owned(),
            path => format!("`{}`", cell(path)),
        }));
        for (target, support) in Protocol::ALL.into_iter().zip(row.targets) {
            cells.push(outcome(row.paths, target, support));
        }
        page.push_str(&line(&cells));
    }
    page.push_str(
        "\n## Reasoning efforts and budgets\n\n\
         Where the target takes the one and the client said the other. A budget that does not fit \
         below the `max_tokens` that the client set becomes half of them, which is reported.\n\n\
         | effort | becomes a budget of | budgets that become it |\n\
         |---|---|---|\n",
    );
    for (effort, budget) in BUDGETS {
        page.push_str(&line(&[
            format!("`{effort}`"),
            budget.to_string(),
            budgets_of(effort),
        ]));
    }
    page
}

/// The budgets that become an effort, as a range.
fn budgets_of(effort: &str) -> String {
    let largest = BUDGETS.map(|(_, budget)| budget)[BUDGETS.len() - 1];
    let mut becoming = (0..=largest).filter(|budget| effort_of(*budget) == effort);
    let Some(first) = becoming.next() else {
        return "none".to_owned();
    };
    match becoming.next_back().unwrap_or(first) {
        last if last == largest => format!("{first} and more"),
        last => format!("{first} to {last}"),
    }
}

/// A target that is the only protocol with the feature is never the target of a translation that
/// has it.
fn outcome(paths: [&str; 3], target: Protocol, support: Support) -> String {
    let others = Protocol::ALL
        .into_iter()
        .zip(paths)
        .filter(|(protocol, path)| *protocol != target && !path.is_empty())
        .count();
    if others == 0 {
        return "–".to_owned();
    }
    match support.note() {
        "" => support.name().to_owned(),
        note => format!("{}: {}", support.name(), cell(note)),
    }
}
