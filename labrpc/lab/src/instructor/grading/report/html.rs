//! A page about a cohort: who has how many points, which rules were broken how often, and why each test failed. One file,
//! which asks the network for nothing.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{AutoEscape, Environment, Value, context};

use crate::instructor::grading::cohort::Cohort;
use crate::instructor::grading::cohort::names::file_name;
use crate::instructor::grading::result::{
    GradedSubmission, LabEnding, LabGrade, SubmissionOutcome, TestFailure, TestGrade,
};

const TEMPLATE: &str = include_str!("page.html");
const STYLES: &str = include_str!("page.css");

/// The page.
pub fn render(cohort: &Cohort) -> String {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let page = environment.template_from_str(TEMPLATE).expect("the template is part of the command");
    page.render(values(cohort)).expect("the template asks only for values that it is given")
}

fn values(cohort: &Cohort) -> Value {
    let conditions = &cohort.conditions;
    let scores: Vec<u64> =
        cohort.submissions.iter().filter(|graded| is_graded(graded)).map(GradedSubmission::score).collect();
    let mean = (!scores.is_empty()).then(|| format!("{:.1}", scores.iter().sum::<u64>() as f64 / scores.len() as f64));
    let titles: Vec<String> = conditions.labs.iter().map(|lab| lab.to_uppercase()).collect();
    context! {
        styles => Value::from_safe_string(STYLES.to_string()),
        first_seed => conditions.first_seed.to_string(),
        seeds => conditions.seeds.map(|seeds| seeds.to_string()),
        sandbox => conditions.sandbox.as_str(),
        grader => conditions.grader.as_str(),
        labs => titles,
        graded => scores.len(),
        mean => mean,
        submissions => cohort.submissions.iter().map(|one| submission(one, &conditions.labs)).collect::<Vec<Value>>(),
        counts => counts(cohort),
    }
}

/// Where a submission is on the page.
fn anchor(name: &str) -> String {
    format!("submission-{}", file_name(name))
}

fn is_graded(graded: &GradedSubmission) -> bool {
    matches!(graded.outcome, SubmissionOutcome::Graded(_))
}

fn submission(one: &GradedSubmission, labs: &[String]) -> Value {
    let (outcome, reason) = match &one.outcome {
        SubmissionOutcome::Graded(_) => ("graded", None),
        SubmissionOutcome::Refused(reason) => ("not graded", Some(reason.as_str())),
        SubmissionOutcome::GraderFault(reason) => ("grader fault", Some(reason.as_str())),
    };
    let cells = labs.iter().map(|id| cell(one.labs().iter().find(|lab| lab.lab == *id)));
    let has_more = |lab: &&LabGrade| lab.score < lab.points || !lab.notes.is_empty();
    let (flaky, ran) = one.flaky_tests();
    context! {
        id => anchor(&one.name),
        name => one.name.as_str(),
        source => one.source.as_str(),
        outcome => outcome,
        reason => reason,
        score => is_graded(one).then(|| one.score()),
        points => is_graded(one).then(|| one.points()),
        cells => cells.collect::<Vec<Value>>(),
        worst_seed => one.worst_seed().map(|(seed, tests)| context! { seed => seed.to_string(), tests => tests }),
        flake => (flaky > 0).then(|| format!("{flaky}/{ran}")),
        labs => one.labs().iter().filter(has_more).map(lab_in_detail).collect::<Vec<Value>>(),
    }
}

/// The cell of a lab in the table.
fn cell(lab: Option<&LabGrade>) -> Value {
    let Some(lab) = lab else { return context! { kind => "none", score => "" } };
    let kind = match &lab.ending {
        LabEnding::NotBegun => "none",
        _ if lab.score == lab.points => "full",
        _ if lab.score == 0 => "zero",
        _ => "part",
    };
    context! { kind => kind, score => lab.score, points => lab.points, why => lab.ending_in_words() }
}

fn lab_in_detail(lab: &LabGrade) -> Value {
    let failed = lab.tests.iter().filter_map(|test| Some(test_in_detail(test, test.failure.as_ref()?)));
    let compiler = match &lab.ending {
        LabEnding::CompileError(lines) => Some(lines.as_str()),
        _ => None,
    };
    context! {
        title => lab.lab.to_uppercase(),
        score => lab.score,
        points => lab.points,
        why => lab.ending_in_words(),
        compiler => compiler,
        notes => lab.notes.clone(),
        mistakes => lab.known_mistakes.clone(),
        tests => failed.collect::<Vec<Value>>(),
    }
}

fn test_in_detail(test: &TestGrade, failure: &TestFailure) -> Value {
    context! {
        name => test.test.as_str(),
        points => test.points,
        rule => failure.rule.as_deref(),
        report => failure.report.trim_end(),
        token => failure.token.as_deref(),
        story => failure.story.as_deref(),
        passed => test.is_flaky().then_some(test.passed_seeds),
        seeds => test.seeds,
    }
}

/// How often each rule was broken, and each known mistake made: in how many submissions, and in how many tests and labs.
fn counts(cohort: &Cohort) -> Vec<Value> {
    let rules = |one: &GradedSubmission| one.failures().filter_map(|(_, _, failure)| failure.rule.clone()).collect();
    let mistakes = |one: &GradedSubmission| {
        let of_lab = |lab: &LabGrade| -> Vec<String> {
            lab.known_mistakes.iter().map(|mistake| format!("{} {mistake}", lab.lab.to_uppercase())).collect()
        };
        one.labs().iter().flat_map(of_lab).collect()
    };
    let tables = [
        ("Rules that were broken", "rule", "tests", counted(cohort, rules)),
        ("Known mistakes that fail like these", "mistake", "labs", counted(cohort, mistakes)),
    ];
    let tables = tables.into_iter().filter(|(.., rows)| !rows.is_empty());
    tables.map(|(title, what, of, rows)| context! { title => title, what => what, of => of, rows => rows }).collect()
}

fn counted(cohort: &Cohort, names: impl Fn(&GradedSubmission) -> Vec<String>) -> Vec<Value> {
    let mut counts: BTreeMap<String, (BTreeSet<&str>, usize)> = BTreeMap::new();
    for submission in &cohort.submissions {
        for name in names(submission) {
            let (submissions, times) = counts.entry(name).or_default();
            submissions.insert(&submission.name);
            *times += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, (submissions, times))| std::cmp::Reverse((submissions.len(), *times)));
    let shown = counts.into_iter().map(|(name, (submissions, times))| {
        let all: Vec<Value> = submissions.iter().map(|name| context! { id => anchor(name), name => *name }).collect();
        context! { name => name, count => submissions.len(), times => times, submissions => all }
    });
    shown.collect()
}
