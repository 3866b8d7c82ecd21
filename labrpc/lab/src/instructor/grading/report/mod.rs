//! What grading has found, in the forms that people and other programs read. All are made from one model, `result.rs`.

mod classroom50;
mod csv_table;
mod gradescope;
mod html;
mod junit;
mod table;

use std::path::Path;

use serde_json::json;

use super::cohort::Cohort;
use super::cohort::names::file_name;
use super::cohort::store::write_file;
use super::result::{GradedSubmission, LabGrade, SubmissionOutcome, TestGrade};
use crate::error::CommandError;

/// A form of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Lines for a terminal.
    Table,
    /// The model itself.
    Json,
    /// A line for each submission, for a spreadsheet.
    Csv,
    /// A page for a browser.
    Html,
    /// What CI systems show: a suite for each submission and lab.
    Junit,
    /// Gradescope's `results.json`, for one submission.
    Gradescope,
    /// Classroom 50's `result.json`, for one submission.
    Classroom50,
}

/// All of them, with their names on the command line.
const FORMATS: [(Format, &str); 7] = [
    (Format::Table, "table"),
    (Format::Json, "json"),
    (Format::Csv, "csv"),
    (Format::Html, "html"),
    (Format::Junit, "junit"),
    (Format::Gradescope, "gradescope"),
    (Format::Classroom50, "classroom50"),
];

/// What a folder with results gets, if nothing else is asked for.
const USUAL: [Format; 2] = [Format::Csv, Format::Html];

impl Format {
    /// Reads a name.
    ///
    /// # Errors
    ///
    /// If there is no such format.
    pub fn read(name: &str) -> Result<Format, CommandError> {
        FORMATS
            .iter()
            .find(|(_, called)| *called == name)
            .map(|(format, _)| *format)
            .ok_or_else(|| CommandError::Misuse(format!("there is no format `{name}` (formats: {})", Format::names())))
    }

    /// The names of all formats.
    pub fn names() -> String {
        FORMATS.map(|(_, name)| name).join(", ")
    }

    /// The file for it in a folder with results; `None` if each submission has one of its own.
    fn file(self) -> Option<&'static str> {
        match self {
            Format::Table => Some("grades.txt"),
            Format::Json => Some("grades.json"),
            Format::Csv => Some("grades.csv"),
            Format::Html => Some("grades.html"),
            Format::Junit => Some("junit.xml"),
            Format::Gradescope | Format::Classroom50 => None,
        }
    }

    fn name(self) -> &'static str {
        FORMATS.iter().find(|(format, _)| *format == self).map(|(_, name)| *name).unwrap_or_default()
    }
}

/// Whether these formats, for a folder of results, have pages.
pub fn has_pages(formats: &[Format]) -> bool {
    formats.is_empty() || formats.contains(&Format::Html)
}

/// All results in one text.
///
/// # Errors
///
/// If the format is for one submission, and there is another number.
pub fn text(format: Format, cohort: &Cohort) -> Result<String, CommandError> {
    match format {
        Format::Table => Ok(table::render(cohort)),
        Format::Json => {
            let document = json!({ "version": 1, "conditions": cohort.conditions, "submissions": cohort.submissions });
            Ok(format!("{document:#}\n"))
        }
        Format::Csv => Ok(csv_table::render(cohort)),
        Format::Html => Ok(html::render(cohort)),
        Format::Junit => Ok(junit::render(cohort)),
        Format::Gradescope | Format::Classroom50 => match &cohort.submissions[..] {
            [only] => text_of_one(format, cohort, only),
            several => Err(CommandError::Misuse(format!(
                "the format {} is for one submission, and there are {}: use --out for a file for each",
                format.name(),
                several.len()
            ))),
        },
    }
}

/// The text for one submission.
fn text_of_one(format: Format, cohort: &Cohort, submission: &GradedSubmission) -> Result<String, CommandError> {
    if let SubmissionOutcome::GraderFault(reason) = &submission.outcome {
        return Err(CommandError::Broken(format!("{}: the grader failed: {reason}", submission.name)));
    }
    match format {
        Format::Classroom50 => classroom50::render(submission, |name| std::env::var(name).ok()),
        _ => Ok(gradescope::render(submission, &cohort.conditions)),
    }
}

/// Writes the results into a folder.
///
/// # Errors
///
/// If a file cannot be written, or a format lacks something.
pub fn write(formats: &[Format], cohort: &Cohort, folder: &Path) -> Result<(), CommandError> {
    let formats = if formats.is_empty() { &USUAL } else { formats };
    for format in formats {
        if let Some(file) = format.file() {
            write_file(&folder.join(file), text(*format, cohort)?.as_bytes())?;
            continue;
        }
        // What the grader failed at has no grade, and must not look as if it had one.
        let has_grade = |graded: &&GradedSubmission| !matches!(graded.outcome, SubmissionOutcome::GraderFault(_));
        for submission in cohort.submissions.iter().filter(has_grade) {
            let path = folder.join(format.name()).join(format!("{}.json", file_name(&submission.name)));
            write_file(&path, text_of_one(*format, cohort, submission)?.as_bytes())?;
        }
    }
    Ok(())
}

/// A line of a report: a graded test, or a lab none of whose tests ran.
struct Line<'a> {
    lab: &'a LabGrade,
    test: Option<&'a TestGrade>,
}

impl<'a> Line<'a> {
    /// The lines of a submission. Their points are all points, and never more.
    fn all(submission: &'a GradedSubmission) -> impl Iterator<Item = Line<'a>> {
        submission.labs().iter().flat_map(|lab| {
            let tests = lab.tests.iter().map(move |test| Line { lab, test: Some(test) });
            let whole = lab.tests.is_empty().then_some(Line { lab, test: None });
            tests.chain(whole)
        })
    }

    /// What it is called: `2A vote_once_2a`, or the lab alone.
    fn name(&self) -> String {
        let lab = self.lab.lab.to_uppercase();
        self.test.map_or(lab.clone(), |test| format!("{lab} {}", test.test))
    }

    fn points(&self) -> u64 {
        self.test.map_or(self.lab.points, |test| test.points)
    }

    fn score(&self) -> u64 {
        self.test.map_or(self.lab.score, |test| test.score).min(self.points())
    }

    fn is_passed(&self) -> bool {
        self.test.is_some_and(|test| test.failure.is_none())
    }

    /// What a student should read: the report, and how to run it again.
    fn output(&self) -> String {
        let Some(test) = self.test else {
            return self.lab.ending_in_words().unwrap_or_else(|| "it has no graded tests".to_string());
        };
        let Some(failure) = &test.failure else {
            return format!("passed with {} seeds", test.passed_seeds);
        };
        let mut output = format!("{}\n", failure.report.trim_end());
        if test.is_flaky() {
            output += &format!("\nIt passed with {} seeds before it failed.\n", test.passed_seeds);
        }
        if let Some(token) = &failure.token {
            output += &format!("\nRun it again: cargo lab replay {token}\n");
        }
        output
    }
}

#[cfg(test)]
mod tests;
