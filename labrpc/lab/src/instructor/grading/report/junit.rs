//! JUnit's XML in nextest's dialect: a suite for each lab of each submission, points as properties.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::Line;
use crate::course::LABS;
use crate::instructor::grading::cohort::Cohort;
use crate::instructor::grading::result::{GradedSubmission, LabEnding, LabGrade, SubmissionOutcome};

/// The document.
pub fn render(cohort: &Cohort) -> String {
    let mut report = Report::new("cargo lab grade");
    for submission in &cohort.submissions {
        report.add_test_suites(suites(submission));
    }
    report.to_string().expect("memory takes everything")
}

fn suites(submission: &GradedSubmission) -> Vec<TestSuite> {
    let name = &submission.name;
    let reason = match &submission.outcome {
        SubmissionOutcome::Graded(labs) => return labs.iter().map(|lab| suite_of(submission, lab)).collect(),
        SubmissionOutcome::Refused(reason) => format!("not graded: {reason}"),
        SubmissionOutcome::GraderFault(reason) => format!("the grader failed: {reason}"),
    };
    let mut suite = TestSuite::new(name.as_str());
    suite.add_test_case(TestCase::new("submission", not_passed(NonSuccessKind::Error, &reason, &reason)));
    vec![suite]
}

fn suite_of(submission: &GradedSubmission, lab: &LabGrade) -> TestSuite {
    // The name of the test binary, as nextest writes it.
    let package = LABS.iter().find(|known| known.id == lab.lab).map_or(lab.lab.as_str(), |known| known.package);
    let binary = format!("{package}::graded");
    let mut suite = TestSuite::new(format!("{}/{binary}", submission.name));
    suite.set_time(Duration::from_millis(submission.milliseconds) / submission.labs().len().max(1) as u32);
    suite.add_property(("points", lab.points.to_string().as_str()));
    suite.add_property(("score", lab.score.to_string().as_str()));
    suite.add_test_cases(Line::all(submission).filter(|line| line.lab.lab == lab.lab).map(|line| case(&line, &binary)));
    suite
}

fn case(line: &Line<'_>, binary: &str) -> TestCase {
    let output = line.output();
    let status = match (line.test, &line.lab.ending) {
        _ if line.is_passed() => TestCaseStatus::success(),
        (None, LabEnding::NotBegun) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(output.as_str());
            status
        }
        (None, _) => not_passed(NonSuccessKind::Error, &output, &output),
        (Some(_), _) => not_passed(NonSuccessKind::Failure, output.lines().next().unwrap_or_default(), &output),
    };
    let mut case = TestCase::new(line.test.map_or("build", |test| test.test.as_str()), status);
    case.set_classname(binary);
    let mut property = |name: &str, value: String| {
        case.add_property(Property::new(name, value.as_str()));
    };
    property("points", line.points().to_string());
    property("score", line.score().to_string());
    if let Some(test) = line.test {
        property("seeds", test.seeds.to_string());
        property("passed-seeds", test.passed_seeds.to_string());
        let failed: Vec<String> = test.failed_seeds.iter().map(u64::to_string).collect();
        property("failed-seeds", failed.join(" "));
        if let Some(failure) = &test.failure {
            failure.rule.iter().for_each(|rule| property("rule", rule.clone()));
            failure.token.iter().for_each(|token| property("token", token.clone()));
        }
    }
    case
}

fn not_passed(kind: NonSuccessKind, message: &str, description: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_message(message);
    status.set_description(description);
    status
}
