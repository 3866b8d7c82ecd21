//! Gradescope's `results.json`: <https://gradescope-autograders.readthedocs.io/en/latest/specs/>.

use serde_json::{Value, json};

use super::Line;
use crate::instructor::grading::result::{Conditions, GradedSubmission, LabEnding, SubmissionOutcome};

/// The document.
pub fn render(submission: &GradedSubmission, conditions: &Conditions) -> String {
    let lines: Vec<Line<'_>> = Line::all(submission).collect();
    let tests: Vec<Value> = lines.iter().enumerate().map(|(at, line)| test(line, number(&lines, at))).collect();
    let document = json!({
        // The sum of the tests, which none of them exceeds.
        "score": lines.iter().map(Line::score).sum::<u64>(),
        "execution_time": submission.milliseconds.div_ceil(1_000),
        "output": summary(submission, conditions),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        // A hidden test would hide the total.
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests,
        "extra_data": {
            "conditions": conditions,
            "worst_seed": submission.worst_seed().map(|(seed, _)| seed),
            "flake_rate": submission.flake_rate(),
        },
    });
    format!("{document:#}\n")
}

/// The number of a line: the lab's place, a dot, and the test's.
fn number(lines: &[Line<'_>], at: usize) -> String {
    let starts_lab = |nth: usize| nth == 0 || lines[nth].lab.lab != lines[nth - 1].lab.lab;
    let starts: Vec<usize> = (0..=at).filter(|nth| starts_lab(*nth)).collect();
    format!("{}.{}", starts.len(), at + 1 - starts.last().copied().unwrap_or_default())
}

fn test(line: &Line<'_>, number: String) -> Value {
    json!({
        "name": line.name(),
        "number": number,
        "score": line.score(),
        "max_score": line.points(),
        "status": if line.is_passed() { "passed" } else { "failed" },
        "output": line.output(),
        "tags": [line.lab.lab],
        "visibility": "visible",
        "extra_data": { "rule": line.test.and_then(|test| test.failure.as_ref()?.rule.clone()) },
    })
}

/// What stands above the tests. The seeds were hidden until now.
fn summary(submission: &GradedSubmission, conditions: &Conditions) -> String {
    if let SubmissionOutcome::Refused(reason) = &submission.outcome {
        return format!("Your submission was not graded: {reason}\n");
    }
    let mut text = format!("The seeds of each test began with {}.\n", conditions.first_seed);
    for lab in submission.labs() {
        let why = lab.ending_in_words().map(|why| format!("  {why}")).unwrap_or_default();
        text += &format!("{}  {}/{} points{why}\n", lab.lab.to_uppercase(), lab.score, lab.points);
        if let LabEnding::CompileError(lines) = &lab.ending {
            text += &format!("{lines}\n");
        }
    }
    text
}
