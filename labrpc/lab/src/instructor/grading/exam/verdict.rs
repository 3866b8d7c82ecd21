//! What a lab has earned: a test counts if the judge saw it pass, with the tapes of a process in which it passed too.

use super::mistakes;
use crate::course::Course;
use crate::course::points::GradedLab;
use crate::error::CommandError;
use crate::grade::record::RunRecord;
use crate::grade::verdict::{LabResult, TestOutcome, TestVerdict};
use crate::instructor::grading::result::{LabEnding, LabGrade, TestFailure, TestGrade};

/// What came of a lab's runs.
pub struct Runs {
    /// What the tested process says.
    pub claimed: LabResult,
    /// What the judge has seen.
    pub judged: LabResult,
    /// How the tested process was ended, if it was.
    pub ending: Option<LabEnding>,
    /// How the judge was ended, if it was.
    pub ending_of_judge: Option<LabEnding>,
}

/// No points, and no tests that ran.
///
/// # Errors
///
/// If the lab has no list of tests.
pub fn nothing(lab: &GradedLab, ending: LabEnding) -> Result<LabGrade, CommandError> {
    let points = lab.tests()?.iter().map(|test| test.points).sum();
    Ok(LabGrade {
        lab: lab.lab.id.to_string(),
        points,
        score: 0,
        ending,
        notes: vec![],
        known_mistakes: vec![],
        tests: vec![],
    })
}

/// The grade of a lab whose tests ran. `course` has the submitted sources.
///
/// # Errors
///
/// If the lab has no list of tests, or its list of known mistakes is broken.
pub fn grade_of(lab: &GradedLab, course: &Course, runs: &Runs) -> Result<LabGrade, CommandError> {
    let Runs { claimed, judged, ending, ending_of_judge } = runs;
    let verdicts = judged.verdicts.iter().map(|judged| decisive(judged, claimed));
    let verdicts: Vec<&TestVerdict> = verdicts.collect::<Result<_, CommandError>>()?;
    let tests: Vec<TestGrade> = verdicts.iter().map(|verdict| grade_of_test(verdict)).collect();
    let known_mistakes = mistakes::near(lab.lab, course, &verdicts)?;
    let score = tests.iter().map(|test| test.score).sum();
    let ending = ending.clone().or_else(|| ending_of_judge.clone()).or_else(|| crash(claimed));
    let is_forged = claimed.score() > score;
    let note = || format!("the tested process reported {} points, which its runs do not show", claimed.score());
    let notes = is_forged.then(note).into_iter().collect();
    let ending = ending.unwrap_or(LabEnding::Ran);
    Ok(LabGrade { score, ending, notes, known_mistakes, tests, ..nothing(lab, LabEnding::Ran)? })
}

/// The verdict that counts: one that failed. Where the tested process failed by itself, it knows best why.
fn decisive<'a>(judged: &'a TestVerdict, claimed: &'a LabResult) -> Result<&'a TestVerdict, CommandError> {
    let name = &judged.test.name;
    let own = claimed.verdicts.iter().find(|own| own.test.name == *name);
    let own = own.ok_or_else(|| CommandError::Broken(format!("the tested process was not asked for {name}")))?;
    Ok(if own.is_passed() { judged } else { own })
}

fn grade_of_test(verdict: &TestVerdict) -> TestGrade {
    let is_passed = verdict.is_passed();
    let is_failed = |(_, run): &(&u64, &RunRecord)| run.failure.is_some();
    TestGrade {
        test: verdict.test.name.clone(),
        points: verdict.test.points,
        score: if is_passed { verdict.test.points } else { 0 },
        seeds: verdict.expected.count(),
        passed_seeds: verdict.runs.values().filter(|run| run.failure.is_none()).count() as u64,
        failed_seeds: verdict.runs.iter().filter(is_failed).map(|(seed, _)| *seed).collect(),
        failure: (!is_passed).then(|| TestFailure {
            rule: verdict.rule().map(str::to_string),
            report: shortened(verdict.failure().unwrap_or_default()),
            token: verdict.failed_run().map(|run| run.token.clone()),
            story: None,
        }),
    }
}

/// The longest report of a test that is kept: some pages. A hostile submission may fail with any text.
const REPORT_BYTES_MAX: usize = 16 << 10;

/// The beginning of a report that is too long.
fn shortened(report: &str) -> String {
    if report.len() <= REPORT_BYTES_MAX {
        return report.to_string();
    }
    let is_boundary = |at: &usize| report.is_char_boundary(*at);
    let kept = (0..=REPORT_BYTES_MAX).rev().find(is_boundary).unwrap_or_default();
    format!("{}\n… and {} more bytes", &report[..kept], report.len() - kept)
}

/// How the tested process died, if a test has no verdict for that reason.
fn crash(claimed: &LabResult) -> Option<LabEnding> {
    claimed.verdicts.iter().find_map(|verdict| match &verdict.outcome {
        TestOutcome::Missing(reason) => {
            let reason = reason.lines().next().unwrap_or_default();
            Some(LabEnding::Crash(format!("{}: {reason}", verdict.test.name)))
        }
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a long report the beginning is kept, and no letter is cut in two.
    #[test]
    fn long_reports_are_cut() {
        assert_eq!(shortened("two leaders"), "two leaders");
        let cut = shortened(&"a…".repeat(REPORT_BYTES_MAX));
        assert!(cut.starts_with("a…a…") && cut.len() < REPORT_BYTES_MAX + 100, "{}", cut.len());
        assert!(cut.ends_with(" more bytes"), "{cut}");
    }
}
