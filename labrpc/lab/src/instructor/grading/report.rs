//! What grading has found, for people and for programs.

use serde_json::json;

use super::result::{Conditions, GradedSubmission, LabEnding, LabGrade, SubmissionOutcome, TestFailure, TestGrade};

/// All results, as a table or as JSON.
pub fn show(results: &[GradedSubmission], conditions: &Conditions, is_json: bool) -> String {
    if is_json {
        let document = json!({ "version": 1, "conditions": conditions, "submissions": results });
        return format!("{document:#}\n");
    }
    let mut text = format!("The first seed of each test was {}.\n", conditions.first_seed);
    for result in results {
        let name = &result.name;
        match &result.outcome {
            SubmissionOutcome::Refused(reason) => text += &format!("\n{name}: not graded: {reason}\n"),
            SubmissionOutcome::GraderFault(reason) => text += &format!("\n{name}: the grader failed: {reason}\n"),
            SubmissionOutcome::Graded(labs) => {
                text += &format!("\n{name}: {}/{} points\n", result.score(), result.points());
                labs.iter().for_each(|lab| text += &lines(lab));
            }
        }
    }
    text
}

fn lines(grade: &LabGrade) -> String {
    let LabGrade { lab, points, score, ending, notes, tests } = grade;
    let ending = match ending {
        LabEnding::Ran => String::new(),
        LabEnding::NotBegun => "  not begun".to_string(),
        LabEnding::CompileError(_) => "  it does not compile".to_string(),
        LabEnding::Forbidden(why)
        | LabEnding::Timeout(why)
        | LabEnding::Memory(why)
        | LabEnding::Crash(why)
        | LabEnding::Output(why) => format!("  {why}"),
    };
    let mut text = format!("  {}  {score:>3}/{points}{ending}\n", lab.to_uppercase());
    notes.iter().for_each(|note| text += &format!("      {note}\n"));
    for (test, failure) in tests.iter().filter_map(failed) {
        text += &format!("      {test}{}\n", failure.rule.as_ref().map(|rule| format!("  {rule}")).unwrap_or_default());
    }
    text
}

fn failed(grade: &TestGrade) -> Option<(&str, &TestFailure)> {
    Some((&grade.test, grade.failure.as_ref()?))
}
