//! Classroom 50's `result.json`, `classroom50/result/v1`. Who has handed in what stands in the environment that its runner sets.

use serde_json::{Value, json};

use super::Line;
use crate::error::CommandError;
use crate::instructor::grading::result::{GradedSubmission, SubmissionOutcome};
use crate::student::submit::date;

/// The document, with variables of the environment.
///
/// # Errors
///
/// If one of them is not set.
pub fn render(
    submission: &GradedSubmission,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, CommandError> {
    let given = |name: &str| variable(name).filter(|value| !value.is_empty());
    let needed = |name: &str| {
        given(name).ok_or_else(|| {
            CommandError::Misuse(format!(
                "{name} is not set: the format classroom50 needs what Classroom 50's runner sets, see `cargo lab help grade`"
            ))
        })
    };
    let commit = needed("COMMIT_URL")?;
    let lines: Vec<Line<'_>> = Line::all(submission).collect();
    let mut tests: Vec<Value> = lines.iter().map(test).collect();
    if let SubmissionOutcome::Refused(reason) = &submission.outcome {
        tests.push(json!({ "test-name": "submission", "passed": false, "score": 0, "max-score": 0, "output": reason }));
    }
    // Whatever else stood at the top would be refused.
    let document = json!({
        "schema": "classroom50/result/v1",
        "classroom": needed("CLASSROOM")?,
        "assignment": needed("ASSIGNMENT")?,
        "assignment_type": given("ASSIGNMENT_TYPE").unwrap_or_else(|| "individual".to_string()),
        "owner": given("OWNER").map_or_else(|| needed("USERNAME"), Ok)?,
        "submission": needed("SUBMISSION_TAG")?,
        "commit": commit,
        "release": needed("RELEASE_URL")?,
        "review": given("REVIEW_URL").unwrap_or(commit),
        "datetime": date::in_words(date::now()?),
        "score": lines.iter().map(Line::score).sum::<u64>(),
        "max-score": lines.iter().map(Line::points).sum::<u64>(),
        "tests": tests,
    });
    Ok(format!("{document:#}\n"))
}

fn test(line: &Line<'_>) -> Value {
    let failure = line.test.and_then(|test| test.failure.as_ref());
    json!({
        "test-name": line.name(),
        "passed": line.is_passed(),
        "score": line.score(),
        "max-score": line.points(),
        "output": line.output(),
        "rule": failure.and_then(|failure| failure.rule.clone()),
        "token": failure.and_then(|failure| failure.token.clone()),
    })
}
