//! All results for people, on a terminal.

use crate::instructor::grading::cohort::Cohort;
use crate::instructor::grading::result::{GradedSubmission, LabEnding, LabGrade, SubmissionOutcome, TestGrade};

/// The lines of a compiler that are shown.
const COMPILER_LINES_MAX: usize = 5;

/// How many tests that failed by one rule are named.
const NAMED_MAX: usize = 3;

/// The table.
pub fn render(cohort: &Cohort) -> String {
    let mut text = format!("The first seed of each test was {}.\n", cohort.conditions.first_seed);
    cohort.submissions.iter().for_each(|result| text += &lines_of(result));
    text
}

fn lines_of(result: &GradedSubmission) -> String {
    let name = &result.name;
    match &result.outcome {
        SubmissionOutcome::Refused(reason) => format!("\n{name}: not graded: {reason}\n"),
        SubmissionOutcome::GraderFault(reason) => format!("\n{name}: the grader failed: {reason}\n"),
        SubmissionOutcome::Graded(labs) => {
            let flaky = match result.flaky_tests() {
                (0, _) => String::new(),
                (1, _) => ", one test fails with some seeds only".to_string(),
                (flaky, _) => format!(", {flaky} tests fail with some seeds only"),
            };
            let lines: String = labs.iter().map(lines_of_lab).collect();
            format!("\n{name}: {}/{} points{flaky}\n{lines}", result.score(), result.points())
        }
    }
}

fn lines_of_lab(grade: &LabGrade) -> String {
    let LabGrade { lab, points, score, ending, notes, known_mistakes: _, tests } = grade;
    let why = grade.ending_in_words().map(|why| format!("  {why}")).unwrap_or_default();
    let mut text = format!("  {}  {score:>3}/{points}{why}\n", lab.to_uppercase());
    if let LabEnding::CompileError(lines) = ending {
        lines.lines().take(COMPILER_LINES_MAX).for_each(|line| text += &format!("      {line}\n"));
    }
    notes.iter().for_each(|note| text += &format!("      {note}\n"));
    for (rule, failed) in by_rule(tests) {
        let first: Vec<&str> = failed.iter().take(NAMED_MAX).copied().collect();
        let more = match failed.len() - first.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        text += &format!("      {rule}: {}{more}\n", first.join(", "));
    }
    text
}

/// The tests that failed, by the rule that they name, in the order of the first of each.
fn by_rule(tests: &[TestGrade]) -> Vec<(&str, Vec<&str>)> {
    let mut groups: Vec<(&str, Vec<&str>)> = Vec::new();
    for (test, failure) in tests.iter().filter_map(|test| Some((test, test.failure.as_ref()?))) {
        let rule = failure.rule.as_deref().unwrap_or("no rule");
        match groups.iter_mut().find(|(known, _)| *known == rule) {
            Some((_, failed)) => failed.push(&test.test),
            None => groups.push((rule, vec![&test.test])),
        }
    }
    groups
}
