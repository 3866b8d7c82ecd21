//! A table for spreadsheets: a line for each submission.

use crate::instructor::grading::cohort::Cohort;
use crate::instructor::grading::result::{GradedSubmission, SubmissionOutcome};

/// What makes a spreadsheet take a text for a formula. Names and reports are not the grader's, so such a text gets a quote.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The columns before and after those of the labs.
const BEFORE: [&str; 4] = ["submission", "outcome", "score", "points"];
const AFTER: [&str; 5] = ["worst seed", "flake rate", "rules broken", "notes", "source"];

/// The table.
pub fn render(cohort: &Cohort) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let labs = &cohort.conditions.labs;
    let titles = labs.iter().map(|lab| lab.to_uppercase());
    let header = BEFORE.map(str::to_string).into_iter().chain(titles).chain(AFTER.map(str::to_string));
    let rows = cohort.submissions.iter().map(|submission| row(submission, labs));
    std::iter::once(header.collect::<Vec<String>>()).chain(rows).for_each(|row| {
        writer.write_record(row).expect("all rows have the same length, and memory takes them");
    });
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("only texts were written")
}

fn row(submission: &GradedSubmission, labs: &[String]) -> Vec<String> {
    let (outcome, reason) = match &submission.outcome {
        SubmissionOutcome::Graded(_) => ("graded", None),
        SubmissionOutcome::Refused(reason) => ("refused", Some(reason.as_str())),
        SubmissionOutcome::GraderFault(reason) => ("grader fault", Some(reason.as_str())),
    };
    // What has no grade has empty cells: 0 would be a grade.
    let number = |number: u64| if outcome == "graded" { number.to_string() } else { String::new() };
    let scores = labs.iter().map(|lab| {
        let grade = submission.labs().iter().find(|grade| grade.lab == *lab);
        grade.map_or(String::new(), |grade| grade.score.to_string())
    });
    let mut rules: Vec<&str> = submission.failures().filter_map(|(_, _, failure)| failure.rule.as_deref()).collect();
    rules.sort_unstable();
    rules.dedup();
    let endings = submission.labs().iter().filter_map(|lab| Some((lab, lab.ending_in_words()?)));
    let endings = endings.map(|(lab, why)| format!("{}: {why}", lab.lab.to_uppercase()));
    let notes = submission.labs().iter().flat_map(|lab| lab.notes.iter().cloned());
    let notes: Vec<String> = reason.map(str::to_string).into_iter().chain(endings).chain(notes).collect();
    let mut row =
        vec![text(&submission.name), outcome.to_string(), number(submission.score()), number(submission.points())];
    row.extend(scores);
    row.push(submission.worst_seed().map_or(String::new(), |(seed, _)| seed.to_string()));
    row.push(if outcome == "graded" { format!("{:.3}", submission.flake_rate()) } else { String::new() });
    row.extend([text(&rules.join(", ")), text(&notes.join("; ")), text(&submission.source)]);
    row
}

/// A text that a spreadsheet shows as it is.
fn text(text: &str) -> String {
    if text.starts_with(FORMULA) { format!("'{text}") } else { text.to_string() }
}
