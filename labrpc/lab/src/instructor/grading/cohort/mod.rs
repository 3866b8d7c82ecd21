//! Grading many submissions: each gets a result, whatever comes of the others, and an interruption loses none.
//!
//! `names` calls each submission by a name of its own, `shard` chooses a part of them, `store` keeps what has been graded,
//! `conditions` says what must be equal to go on later, and `merge` puts parts together.

pub mod conditions;
pub mod merge;
pub mod names;
pub mod shard;
pub mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Instant;

use super::GradingRequest;
use super::exam::Exam;
use super::result::{Conditions, GradedSubmission, SubmissionOutcome};
use super::submission::{NotRead, Submission};
use crate::course::track::Track;
use crate::course::{Course, LABS};
use crate::error::{CommandError, EXIT_FAILED};
use crate::instructor::handout::{Handout, HandoutPlan};
use crate::interrupt;
use conditions::Difference;
use names::Named;
use store::Store;

/// After this many faults of the grader in a row it is not the submissions: the disk may be full.
const FAULTS_IN_A_ROW_MAX: usize = 3;

/// What reports are made of.
#[derive(Debug)]
pub struct Cohort {
    /// How all submissions were graded.
    pub conditions: Conditions,
    /// What came of each, by name.
    pub submissions: Vec<GradedSubmission>,
}

impl Cohort {
    /// What a folder has.
    ///
    /// # Errors
    ///
    /// If it has no grading.
    pub fn of(store: &Store) -> Result<Cohort, CommandError> {
        let grading = store.grading().ok_or_else(|| CommandError::Broken("there are no results".to_string()))?;
        Ok(Cohort { conditions: grading.conditions.clone(), submissions: store.results().cloned().collect() })
    }
}

/// The exit status: whether every submission was graded.
pub fn exit_code(cohort: &Cohort) -> ExitCode {
    let is_graded = |graded: &GradedSubmission| matches!(graded.outcome, SubmissionOutcome::Graded(_));
    if cohort.submissions.iter().all(is_graded) { ExitCode::SUCCESS } else { ExitCode::from(EXIT_FAILED) }
}

/// Grades all submissions of a request that have no result yet.
///
/// # Errors
///
/// On Ctrl-C, if a result cannot be kept, or if the grader fails again and again. What was graded is kept.
pub fn grade(course: &Course, request: &GradingRequest) -> Result<Cohort, CommandError> {
    let mut named = names::named(&request.submissions)?;
    named.sort_by(|one, other| one.name.cmp(&other.name));
    named.retain(|named| request.shard.is_none_or(|shard| shard.has(&named.name)));
    let store = request.out.as_ref().map(|folder| Store::open(folder)).transpose()?;
    let handout = handout_of(course, request)?;
    match store {
        None => {
            let exam = prepare(course, &handout, request)?;
            let mut submissions = Vec::new();
            // Nothing would be kept if this ended early.
            each(&exam, &named, named.len(), usize::MAX, |result| {
                submissions.push(result);
                Ok(())
            })?;
            Ok(Cohort { conditions: exam.conditions(), submissions })
        }
        Some(mut store) => {
            grade_into(&mut store, course, &handout, request, &named)?;
            Cohort::of(&store)
        }
    }
}

/// Grades what a folder lacks.
fn grade_into(
    store: &mut Store,
    course: &Course,
    handout: &Handout,
    request: &GradingRequest,
    named: &[Named],
) -> Result<(), CommandError> {
    let names = || named.iter().map(|named| named.name.clone());
    let mut request = request.clone();
    if let Some(before) = store.grading().cloned() {
        let is_chosen = |lab: &str| request.labs.is_empty() || request.labs.iter().any(|chosen| chosen.id == lab);
        let labs: Vec<String> = LABS.iter().map(|lab| lab.id.to_string()).filter(|lab| is_chosen(lab)).collect();
        let grader = conditions::fingerprint(handout);
        if let Some(how) = conditions::difference_from(&before.conditions, &request, &grader, &labs) {
            return Err(another_grading(store, &how));
        }
        if before.shard != request.shard {
            let folder = store.folder().display();
            return Err(CommandError::Misuse(format!("{folder} has another part of the cohort: name a new folder")));
        }
        request.first_seed = Some(before.conditions.first_seed);
        refuse_other_sources(store, named, request.track)?;
    }
    let left: Vec<Named> = left_to_grade(store, named, request.track)?;
    if left.is_empty() && store.grading().is_some() {
        let conditions = store.grading().map(|grading| grading.conditions.clone()).expect("it was just found");
        eprintln!("all {} submissions were graded before", named.len());
        return store.begin(&conditions, request.shard, names());
    }
    if left.len() < named.len() {
        eprintln!("{} of {} submissions were graded before", named.len() - left.len(), named.len());
    }
    let exam = prepare(course, handout, &request)?;
    let conditions = exam.conditions();
    if let Some(before) = store.grading()
        && let Some(how) = conditions::difference(&before.conditions, &conditions)
    {
        return Err(another_grading(store, &how));
    }
    store.begin(&conditions, request.shard, names())?;
    let (before, all) = (named.len() - left.len(), named.len());
    let mut kept = 0;
    let ended = each(&exam, &left, all, FAULTS_IN_A_ROW_MAX, |result| {
        store.put(result)?;
        kept += 1;
        Ok(())
    });
    ended.inspect_err(|_| {
        let (graded, folder) = (before + kept, store.folder().display());
        eprintln!("{graded} of {all} submissions are graded and kept in {folder}: run the same command again to go on");
    })
}

/// Refuses a folder whose results are of other conditions.
fn another_grading(store: &Store, Difference { what, before, now }: &Difference) -> CommandError {
    let folder = store.folder().display();
    CommandError::Misuse(format!(
        "{folder} has results of another grading, {what}: {before} there, and {now} here. Name a new folder"
    ))
}

/// Makes what grades, which takes a minute at first.
fn prepare(course: &Course, handout: &Handout, request: &GradingRequest) -> Result<Exam, CommandError> {
    eprintln!("building the judge");
    Exam::prepare(course, handout, request)
}

/// Builds what grades, for commands that come later.
///
/// # Errors
///
/// If the course itself does not compile.
pub fn build_judge(course: &Course, request: &GradingRequest) -> Result<(), CommandError> {
    eprintln!("building the judge");
    Exam::build_judge(course, &handout_of(course, request)?, request)
}

fn handout_of(course: &Course, request: &GradingRequest) -> Result<Handout, CommandError> {
    Handout::of(course, &HandoutPlan { track: request.track, ..HandoutPlan::default() })
}

/// Refuses another submission of a name that has a result: it would take its place.
fn refuse_other_sources(store: &Store, named: &[Named], track: Track) -> Result<(), CommandError> {
    for Named { name, path } in named {
        let Some(before) = store.result(name).filter(|before| before.source != path.display().to_string()) else {
            continue;
        };
        let digest = Submission::read(path, track).ok().map(|submission| submission.digest);
        if digest != before.digest {
            let (source, path, folder) = (&before.source, path.display(), store.folder().display());
            return Err(CommandError::Misuse(format!(
                "{path} is called {name}, and so is {source}, which {folder} has: name a new folder, or rename one of them"
            )));
        }
    }
    Ok(())
}

/// The submissions without a result for what they are now.
fn left_to_grade(store: &Store, named: &[Named], track: Track) -> Result<Vec<Named>, CommandError> {
    let mut left = Vec::new();
    for submission in named {
        interrupt::check()?;
        let now = || Submission::read(&submission.path, track);
        let is_graded = match store.result(&submission.name).map(|before| (&before.outcome, &before.digest)) {
            Some((SubmissionOutcome::Graded(_), Some(digest))) => match now() {
                Ok(now) => now.digest == *digest,
                // A grade is not lost because the machine cannot read the submission just now.
                Err(NotRead::Failed(_)) => true,
                Err(NotRead::Refused(_)) => false,
            },
            Some((SubmissionOutcome::Refused(before), _)) => {
                matches!(now(), Err(NotRead::Refused(reason)) if reason == *before)
            }
            _ => false,
        };
        if !is_graded {
            left.push(submission.clone());
        }
    }
    Ok(left)
}

/// Grades one after the other, and gives each result away at once.
fn each(
    exam: &Exam,
    left: &[Named],
    all: usize,
    faults_in_a_row_max: usize,
    mut keep: impl FnMut(GradedSubmission) -> Result<(), CommandError>,
) -> Result<(), CommandError> {
    let mut faults_in_a_row = 0;
    for (at, named) in left.iter().enumerate() {
        interrupt::check()?;
        eprintln!("grading {} ({} of {all})", named.name, all - left.len() + at + 1);
        let result = grade_one(named, exam.track(), |submission| exam.grade(&named.name, submission))?;
        let fault = match &result.outcome {
            SubmissionOutcome::GraderFault(reason) => Some(reason.clone()),
            _ => None,
        };
        keep(result)?;
        faults_in_a_row = if fault.is_some() { faults_in_a_row + 1 } else { 0 };
        if let Some(reason) = fault.filter(|_| faults_in_a_row == faults_in_a_row_max && at + 1 < left.len()) {
            return Err(CommandError::Broken(format!(
                "the grader has failed {faults_in_a_row} times in a row, the last time with: {reason}"
            )));
        }
    }
    Ok(())
}

/// Reads and grades one submission. A fault of the grader is a result, too.
fn grade_one(
    named: &Named,
    track: Track,
    grade: impl FnOnce(&Submission) -> Result<Vec<super::result::LabGrade>, CommandError>,
) -> Result<GradedSubmission, CommandError> {
    let begun = Instant::now();
    let mut digest = None;
    // A panic leaves nothing behind that the next submission uses: all of its files are written anew.
    let graded = catch_unwind(AssertUnwindSafe(|| -> Result<_, NotRead> {
        let submission = Submission::read(&named.path, track)?;
        digest = Some(submission.digest.clone());
        Ok(grade(&submission)?)
    }));
    let outcome = match graded {
        Ok(Ok(labs)) => SubmissionOutcome::Graded(labs),
        Ok(Err(NotRead::Refused(reason))) => SubmissionOutcome::Refused(reason),
        Ok(Err(NotRead::Failed(CommandError::Interrupted))) => return Err(CommandError::Interrupted),
        Ok(Err(NotRead::Failed(error))) => SubmissionOutcome::GraderFault(error.to_string()),
        Err(panic) => SubmissionOutcome::GraderFault(format!("the grader panicked: {}", words_of(&*panic))),
    };
    Ok(GradedSubmission {
        name: named.name.clone(),
        source: named.path.display().to_string(),
        digest,
        milliseconds: begun.elapsed().as_millis() as u64,
        outcome,
    })
}

/// What a panic says.
fn words_of(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

#[cfg(test)]
mod tests;
