//! The findings for people, and the list of what would be planted.

use super::chosen::ChosenVariants;
use super::verdict::{Catch, Findings, TriedVariant, VariantVerdict};
use crate::output::duration::seconds;
use crate::output::paint::Paint;
use crate::output::scoreboard::indented;
use crate::source_item::SourceItem;

/// The number of columns.
const COLUMNS: usize = 7;
/// The column of the verdict, which is coloured.
const VERDICT_COLUMN: usize = 2;

/// The widths of the columns before all rows are known. Only the longest names are wider.
const SHORT_WIDTHS: [usize; COLUMNS] = [2, 20, 11, 44, 4, 36, 0];

/// The table, an explanation of each bad verdict, and the summary.
pub fn render(findings: &Findings<'_>, paint: Paint) -> String {
    let mut rows = vec![["lab", "bug", "", "by", "seed", "rule", "time"].map(str::to_string)];
    rows.extend(findings.tried.iter().map(row));
    let mut text = String::from("\n");
    let verdicts = [None].into_iter().chain(findings.tried.iter().map(|tried| Some(tried.verdict())));
    let widths = widths(&rows);
    for (row, verdict) in rows.iter().zip(verdicts) {
        text += &line(row, &widths, verdict, paint);
    }
    for tried in findings.tried.iter().filter(|tried| !tried.verdict().is_good()) {
        text += &explanation(tried, paint);
    }
    let is_elsewhere = |tried: &&TriedVariant<'_>| tried.verdict() == VariantVerdict::Caught && !tried.is_place_right();
    let elsewhere: Vec<&TriedVariant<'_>> = findings.tried.iter().filter(is_elsewhere).collect();
    if !findings.has_places {
        return format!("{text}\n{}\n", findings.summary());
    }
    if !elsewhere.is_empty() {
        text += "\nthe failure names ≠ the bug changes\n";
    }
    for tried in elsewhere {
        text += &format!("    {}  {}\n", tried.variant.id, place(tried));
    }
    format!("{text}\n{}\n", findings.summary())
}

/// The line of one variant, before the others are known.
pub fn row_in_short(tried: &TriedVariant<'_>, paint: Paint) -> String {
    let row = row(tried);
    let widths = SHORT_WIDTHS;
    line(&row, &widths, Some(tried.verdict()), paint)
}

/// A line for each variant that would be planted, and for each bug that cannot be.
pub fn list(chosen: &ChosenVariants<'_>) -> String {
    let mut rows: Vec<[String; 4]> = Vec::new();
    for variant in &chosen.variants {
        let nature = if variant.is_lawful() { "lawful".to_string() } else { variant.rules().join(", ") };
        rows.push([variant.lab.title(), variant.id.clone(), nature, variant.what.clone()]);
    }
    for bug in &chosen.unplantable {
        rows.push([bug.lab.title(), bug.id.clone(), "not plantable".to_string(), bug.reason.clone()]);
    }
    let widths = widths(&rows);
    rows.iter().map(|row| format!("{}\n", aligned(row, &widths).trim_end())).collect()
}

/// The rule that caught a variant: `named ≠ expected` if it is not one of the expected rules.
pub fn rule(tried: &TriedVariant<'_>) -> String {
    let named = tried.catch().and_then(|catch| catch.rule.as_deref());
    match (tried.catch(), tried.variant.rules().first()) {
        (Some(_), Some(expected)) if !tried.is_rule_right() => format!("{} ≠ {expected}", named.unwrap_or("none")),
        _ => named.unwrap_or_default().to_string(),
    }
}

/// The changed item that the failure named, or those that it named and those that are changed.
pub fn place(tried: &TriedVariant<'_>) -> String {
    let named = tried.catch().map(|catch| catch.places.as_slice()).unwrap_or_default();
    match named.iter().find(|place| tried.changed.contains(place)) {
        Some(right) => format!("`{}`", right.name),
        None => format!("{} ≠ {}", names(named), names(tried.changed)),
    }
}

fn names<'a>(items: impl IntoIterator<Item = &'a SourceItem>) -> String {
    let names: Vec<String> = items.into_iter().map(|item| format!("`{}`", item.name)).collect();
    if names.is_empty() { "none".to_string() } else { names.join(", ") }
}

/// The word for a verdict.
pub fn word(verdict: VariantVerdict) -> &'static str {
    match verdict {
        VariantVerdict::Caught => "caught",
        VariantVerdict::Missed => "MISSED",
        VariantVerdict::Passed => "passed",
        VariantVerdict::FalseAlarm => "FALSE ALARM",
        VariantVerdict::Unbuildable => "NOT BUILT",
    }
}

fn row(tried: &TriedVariant<'_>) -> [String; COLUMNS] {
    let catch = tried.catch();
    let by = |catch: &Catch| format!("{} ({})", catch.test, catch.kind.name());
    [
        tried.variant.lab.title(),
        tried.variant.id.clone(),
        word(tried.verdict()).to_string(),
        catch.map(by).unwrap_or_default(),
        catch.and_then(|catch| catch.seed).map(|seed| seed.to_string()).unwrap_or_default(),
        rule(tried),
        seconds(tried.real_time),
    ]
}

fn explanation(tried: &TriedVariant<'_>, paint: Paint) -> String {
    let (variant, verdict) = (tried.variant, tried.verdict());
    let (file, line) = (&variant.place.file, variant.place.line);
    let title = format!("\n{}  {}: {} ({file}:{line})\n", paint.bad(word(verdict)), variant.id, variant.what);
    match tried.catch() {
        Some(catch) => format!("{title}\n{}\n", indented(&catch.failure)),
        None => title,
    }
}

fn line(row: &[String; COLUMNS], widths: &[usize; COLUMNS], verdict: Option<VariantVerdict>, paint: Paint) -> String {
    let mut cells = padded(row, widths);
    if let Some(verdict) = verdict {
        let cell = &cells[VERDICT_COLUMN];
        cells[VERDICT_COLUMN] = if verdict.is_good() { paint.good(cell) } else { paint.bad(cell) };
    }
    format!("{}\n", cells.join("  ").trim_end())
}

fn aligned<const N: usize>(row: &[String; N], widths: &[usize; N]) -> String {
    padded(row, widths).join("  ")
}

fn padded<const N: usize>(row: &[String; N], widths: &[usize; N]) -> [String; N] {
    std::array::from_fn(|column| format!("{:<width$}", row[column], width = widths[column]))
}

fn widths<const N: usize>(rows: &[[String; N]]) -> [usize; N] {
    std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instructor::bugs::examples;
    use crate::instructor::bugs::request::BugsRequest;

    /// The columns line up, and bad verdicts are explained below the table.
    #[test]
    fn the_table_is_complete() {
        let catalogue = examples::catalogue_of_each_outcome();
        let text = render(&examples::findings_of_each_outcome(&catalogue), Paint::NONE);
        let expected = "
lab  bug                      by                         seed  rule                      time
2A   A01         caught       votes_once_2a (rules)      1     one-leader                1.500 s
2A   A02         caught       many_elections_2a (rules)  7     log-matching ≠ vote-once  1.500 s
2A   A03         MISSED                                                                  1.500 s
2A   slow-votes  passed                                                                  1.500 s
2B   B01         NOT BUILT                                                               1.500 s
2B   small-logs  FALSE ALARM  basic_agree_2b (rules)                                     1.500 s

MISSED  A03: Server | A03 votes twice. (lab2a-election/bugs.toml:3)

NOT BUILT  B01: Server | B01 votes twice. (lab2b-log/bugs.toml:3)

FALSE ALARM  small-logs: Server small-logs waits. (lab2b-log/bugs.toml:3)

    Nobody leads.

the failure names ≠ the bug changes
    A02  `worse` ≠ `good`

2 of 4 caught; 1 on the first seed; 1 with the right rule; 1 with the right place; 1 of 2 lawful variants passed; 1 could not be built
";
        assert_eq!(text, expected);
    }

    /// The list says what each variant is, and what cannot be planted.
    #[test]
    fn the_list_is_complete() {
        let catalogue = examples::catalogue(vec![examples::bug(0, "A01"), examples::lawful(0, "slow-votes")]);
        let expected = "\
2A  A01         vote-once, one-leader  Server | A01 votes twice.
2A  slow-votes  lawful                 Server slow-votes waits.
2B  Z99         not plantable          it is not possible.
";
        assert_eq!(list(&catalogue.choose(&BugsRequest::default()).unwrap()), expected);
    }
}
