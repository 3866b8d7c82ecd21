//! What a lab has earned: a test counts if the judge saw it pass, with the tapes of a process in which it passed too.

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
    Ok(LabGrade { lab: lab.lab.id.to_string(), points, score: 0, ending, notes: vec![], tests: vec![] })
}

/// The grade of a lab whose tests ran.
///
/// # Errors
///
/// If the lab has no list of tests.
pub fn grade_of(lab: &GradedLab, runs: &Runs) -> Result<LabGrade, CommandError> {
    let Runs { claimed, judged, ending, ending_of_judge } = runs;
    let tests: Vec<TestGrade> = judged.verdicts.iter().map(|verdict| grade_of_test(verdict, claimed)).collect();
    let score = tests.iter().map(|test| test.score).sum();
    let ending = ending.clone().or_else(|| ending_of_judge.clone()).or_else(|| crash(claimed));
    let is_forged = claimed.score() > score;
    let note = || format!("the tested process reported {} points, which its runs do not show", claimed.score());
    let notes = is_forged.then(note).into_iter().collect();
    let ending = ending.unwrap_or(LabEnding::Ran);
    Ok(LabGrade { score, ending, notes, tests, ..nothing(lab, LabEnding::Ran)? })
}

fn grade_of_test(verdict: &TestVerdict, claimed: &LabResult) -> TestGrade {
    let own = claimed.verdicts.iter().find(|own| own.test.name == verdict.test.name);
    let is_passed = verdict.is_passed() && own.is_some_and(TestVerdict::is_passed);
    // Where the tested process failed by itself, it knows best why.
    let failed = own.filter(|own| !own.is_passed()).unwrap_or(verdict);
    let is_failed = |(_, run): &(&u64, &RunRecord)| run.failure.is_some();
    TestGrade {
        test: verdict.test.name.clone(),
        points: verdict.test.points,
        score: if is_passed { verdict.test.points } else { 0 },
        seeds: verdict.expected.count(),
        passed_seeds: failed.runs.values().filter(|run| run.failure.is_none()).count() as u64,
        failed_seeds: failed.runs.iter().filter(is_failed).map(|(seed, _)| *seed).collect(),
        failure: (!is_passed).then(|| TestFailure {
            rule: failed.rule().map(str::to_string),
            report: failed.failure().unwrap_or_default().to_string(),
            token: failed.failed_run().map(|run| run.token.clone()),
            known_mistakes: Vec::new(),
        }),
    }
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
