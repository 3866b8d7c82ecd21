//! The findings as a page of the course's documentation.
//!
//! It changes from one run to the next only if a verdict does.

use super::request::BugsRequest;
use super::table::{rule, word};
use super::verdict::{Findings, TriedVariant, VariantVerdict};
use crate::course::{LABS, LabCrate};

const INTRODUCTION: &str = "\
Each bug below was planted into the solution, an edit at a time, and the graded tests of its lab were run until one
failed. A lawful variant differs from the solution and is right all the same: with it, every test must pass. The
edits are in each lab's `bugs.toml`.
";

/// The page, with a line break at the end.
pub fn render(findings: &Findings<'_>, request: &BugsRequest) -> String {
    let title = if findings.has_places { "Planted bugs" } else { "Planted bugs of the open track" };
    let mut text = format!("# {title}\n\n{INTRODUCTION}\n{}.\n", findings.summary());
    text += &format!("\nWritten by `{request} --markdown <this file>`; do not edit it by hand.\n");
    for lab in &LABS {
        let bugs = rows_of(findings, lab, false);
        let title = format!("Lab {}: {}", lab.title(), lab.question);
        let heading = if findings.has_places { BUG_HEADING } else { OPEN_BUG_HEADING };
        text += &section(&title, heading, bugs.map(|tried| bug_row(tried, findings.has_places)));
    }
    let lawful = LABS.iter().flat_map(|lab| rows_of(findings, lab, true)).map(lawful_row);
    text += &section("Lawful variants", LAWFUL_HEADING, lawful);
    let unplantable = findings.unplantable.iter();
    let rows = unplantable.map(|bug| format!("| {} | {} | {} |\n", bug.lab.title(), bug.id, cell(&bug.reason)));
    text + &section("Not planted", UNPLANTABLE_HEADING, rows)
}

const BUG_HEADING: &str = "| bug | what it does | caught by | seed | rule | place |\n|---|---|---|---|---|---|\n";
const OPEN_BUG_HEADING: &str = "| bug | what it does | caught by | seed | rule |\n|---|---|---|---|---|\n";
const LAWFUL_HEADING: &str = "| lab | variant | what it does | verdict |\n|---|---|---|---|\n";
const UNPLANTABLE_HEADING: &str = "| lab | bug | why not |\n|---|---|---|\n";

fn rows_of<'a>(
    findings: &'a Findings<'_>,
    lab: &'a LabCrate,
    is_lawful: bool,
) -> impl Iterator<Item = &'a TriedVariant<'a>> {
    findings.tried.iter().filter(move |tried| tried.variant.lab == lab && tried.variant.is_lawful() == is_lawful)
}

/// A heading and a table; nothing if the table has no row.
fn section(title: &str, heading: &str, rows: impl Iterator<Item = String>) -> String {
    let rows: String = rows.collect();
    if rows.is_empty() { rows } else { format!("\n## {title}\n\n{heading}{rows}") }
}

/// A row of the bugs' table. In the open track it names no place.
fn bug_row(tried: &TriedVariant<'_>, has_place: bool) -> String {
    let place = |text: &str| if has_place { format!(" {text} |") } else { String::new() };
    let (id, what) = (&tried.variant.id, cell(&tried.variant.what));
    let Some(catch) = tried.catch() else {
        return format!("| {id} | {what} | {} | | |{}\n", verdict(tried), place("").replace("  ", " "));
    };
    let seed = catch.seed.map(|seed| seed.to_string()).unwrap_or_default();
    format!(
        "| {id} | {what} | `{}` ({}) | {seed} | {} |{}\n",
        catch.test,
        catch.kind.name(),
        rule(tried),
        place(&super::table::place(tried))
    )
}

fn lawful_row(tried: &TriedVariant<'_>) -> String {
    let (lab, id, what) = (tried.variant.lab.title(), &tried.variant.id, cell(&tried.variant.what));
    let by = tried.catch().map(|catch| format!(" of `{}`", catch.test)).unwrap_or_default();
    format!("| {lab} | {id} | {what} | {}{by} |\n", verdict(tried))
}

/// The verdict, in bold if it is not a good one.
fn verdict(tried: &TriedVariant<'_>) -> String {
    let verdict: VariantVerdict = tried.verdict();
    if verdict.is_good() { word(verdict).to_string() } else { format!("**{}**", word(verdict)) }
}

/// A text in a table cell, escaped.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructor::bugs::examples;

    /// The page has every variant, and no time.
    #[test]
    fn the_page_is_complete() {
        let catalogue = examples::catalogue_of_each_outcome();
        let text = render(&examples::findings_of_each_outcome(&catalogue), &BugsRequest::default());
        let expected = "
2 of 4 caught; 1 on the first seed; 1 with the right rule; 1 with the right place; 1 of 2 lawful variants passed; 1 could not be built.

Written by `cargo lab bugs --markdown <this file>`; do not edit it by hand.

## Lab 2A: Who leads?

| bug | what it does | caught by | seed | rule | place |
|---|---|---|---|---|---|
| A01 | Server \\| A01 votes twice. | `votes_once_2a` (rules) | 1 | one-leader | `good` |
| A02 | Server \\| A02 votes twice. | `many_elections_2a` (rules) | 7 | log-matching ≠ vote-once | `worse` ≠ `good` |
| A03 | Server \\| A03 votes twice. | **MISSED** | | | |

## Lab 2B: What was agreed?

| bug | what it does | caught by | seed | rule | place |
|---|---|---|---|---|---|
| B01 | Server \\| B01 votes twice. | **NOT BUILT** | | | |

## Lawful variants

| lab | variant | what it does | verdict |
|---|---|---|---|
| 2A | slow-votes | Server slow-votes waits. | passed |
| 2B | small-logs | Server small-logs waits. | **FALSE ALARM** of `basic_agree_2b` |

## Not planted

| lab | bug | why not |
|---|---|---|
| 2B | Z99 | it is not possible. |
";
        assert_eq!(text, format!("# Planted bugs\n\n{INTRODUCTION}{expected}"));
    }
}
