//! Grading many submissions: each gets a result, whatever comes of the others, and an interruption loses none.
//!
//! `names` calls each submission by a name of its own, `shard` chooses a part of them, `store` keeps what has been graded,
//! `conditions` says what must be equal to go on later, and `merge` puts parts together.

pub mod conditions;
pub mod merge;
pub mod names;
pub mod shard;
pub mod store;

use std::num::NonZeroUsize;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::GradingRequest;
use super::exam::{self, Desk, Exam};
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
    let round = Round { course, handout: handout_of(course, request)?, request, named: &named };
    match store {
        None => {
            let (mut submissions, mut conditions) = (Vec::new(), None);
            // Nothing would be kept if this ended early.
            let faults_in_a_row_max = usize::MAX;
            round.grade(&named, request.first_seed, faults_in_a_row_max, |step| {
                match step {
                    Step::Begin(now) => conditions = Some(now),
                    Step::Graded(result) => submissions.push(result),
                }
                Ok(())
            })?;
            submissions.sort_by(|one, other| one.name.cmp(&other.name));
            let conditions = conditions.ok_or_else(|| CommandError::Broken("nothing was graded".to_string()))?;
            Ok(Cohort { conditions, submissions })
        }
        Some(mut store) => {
            round.grade_into(&mut store)?;
            Cohort::of(&store)
        }
    }
}

/// One call of the command.
struct Round<'a> {
    course: &'a Course,
    handout: Handout,
    request: &'a GradingRequest,
    /// All submissions, in the order of their names.
    named: &'a [Named],
}

/// What happens while submissions are graded.
enum Step {
    /// Everything is ready: they are graded like this.
    Begin(Conditions),
    /// One of them has a result.
    Graded(GradedSubmission),
}

impl Round<'_> {
    /// Grades what a folder lacks.
    fn grade_into(&self, store: &mut Store) -> Result<(), CommandError> {
        let Round { request, named, .. } = self;
        let names = || named.iter().map(|named| named.name.clone());
        let mut first_seed = request.first_seed;
        if let Some(before) = store.grading().cloned() {
            let is_chosen = |lab: &str| request.labs.is_empty() || request.labs.iter().any(|chosen| chosen.id == lab);
            let labs: Vec<String> = LABS.iter().map(|lab| lab.id.to_string()).filter(|lab| is_chosen(lab)).collect();
            let grader = conditions::fingerprint(&self.handout);
            if let Some(how) = conditions::difference_from(&before.conditions, request, &grader, &labs) {
                return Err(another_grading(store, &how));
            }
            if before.shard != request.shard {
                let folder = store.folder().display();
                return Err(CommandError::Misuse(format!(
                    "{folder} has another part of the cohort: name a new folder"
                )));
            }
            first_seed = Some(before.conditions.first_seed);
            refuse_other_sources(store, named, request.track)?;
        }
        let left: Vec<Named> = left_to_grade(store, named, request.track)?;
        if left.is_empty()
            && let Some(conditions) = store.grading().map(|grading| grading.conditions.clone())
        {
            eprintln!("all {} submissions were graded before", named.len());
            return store.begin(&conditions, request.shard, names());
        }
        let before = named.len() - left.len();
        if before > 0 {
            eprintln!("{before} of {} submissions were graded before", named.len());
        }
        let mut kept = None;
        let ended = self.grade(&left, first_seed, FAULTS_IN_A_ROW_MAX, |step| {
            match step {
                Step::Begin(conditions) => {
                    if let Some(before) = store.grading()
                        && let Some(how) = conditions::difference(&before.conditions, &conditions)
                    {
                        return Err(another_grading(store, &how));
                    }
                    store.begin(&conditions, request.shard, names())?;
                    kept = Some(before);
                }
                Step::Graded(result) => {
                    store.put(result)?;
                    kept = kept.map(|kept| kept + 1);
                }
            }
            Ok(())
        });
        if let (Err(_), Some(graded)) = (&ended, kept) {
            let (all, folder) = (named.len(), store.folder().display());
            eprintln!(
                "{graded} of {all} submissions are graded and kept in {folder}: run the same command again to go on"
            );
        }
        ended
    }

    /// Grades these submissions, several at a time, and tells of each step at once.
    fn grade(
        &self,
        left: &[Named],
        first_seed: Option<u64>,
        faults_in_a_row_max: usize,
        mut tell: impl FnMut(Step) -> Result<(), CommandError>,
    ) -> Result<(), CommandError> {
        announce_judge();
        let first_seed = Some(first_seed.unwrap_or_else(exam::hidden_seed));
        let request = GradingRequest { first_seed, ..self.request.clone() };
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let desks = request.jobs.map_or(processors, NonZeroUsize::get).clamp(1, left.len().max(1));
        let processors = (processors / desks).max(1);
        let open = |number| Exam::prepare(self.course, &self.handout, &request, Desk { number, processors });
        let exams: Vec<Exam> = (0..desks).map(open).collect::<Result<_, CommandError>>()?;
        tell(Step::Begin(exams[0].conditions()))?;
        let queue = Queue { left, before: self.named.len() - left.len(), next: Mutex::new(0..left.len()) };
        let mut faults_in_a_row = 0;
        let mut keep = |result: GradedSubmission| {
            let fault = match &result.outcome {
                SubmissionOutcome::GraderFault(reason) => Some(reason.clone()),
                _ => None,
            };
            tell(Step::Graded(result))?;
            faults_in_a_row = if fault.is_some() { faults_in_a_row + 1 } else { 0 };
            match fault.filter(|_| faults_in_a_row == faults_in_a_row_max && !queue.is_empty()) {
                Some(reason) => Err(CommandError::Broken(format!(
                    "the grader has failed {faults_in_a_row} times in a row, the last time with: {reason}"
                ))),
                None => Ok(()),
            }
        };
        let (sender, results) = mpsc::channel();
        thread::scope(|scope| {
            for exam in exams {
                let (sender, queue) = (sender.clone(), &queue);
                scope.spawn(move || queue.work(&exam, &sender));
            }
            drop(sender);
            let mut ended = Ok(());
            for result in results {
                let kept = result.and_then(&mut keep);
                if kept.is_err() {
                    queue.clear();
                }
                ended = ended.and(kept);
            }
            ended
        })
    }
}

/// The submissions that nobody has begun to grade.
struct Queue<'a> {
    left: &'a [Named],
    /// How many were graded by commands before this one.
    before: usize,
    next: Mutex<Range<usize>>,
}

impl Queue<'_> {
    fn next(&self) -> MutexGuard<'_, Range<usize>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.next().is_empty()
    }

    /// Nothing more is begun.
    fn clear(&self) {
        let mut next = self.next();
        next.start = next.end;
    }

    /// The next one that nobody has begun, and says that it begins.
    fn take(&self) -> Option<&Named> {
        let mut next = self.next();
        let at = next.next()?;
        let (number, all) = (self.before + at + 1, self.before + self.left.len());
        eprintln!("grading {} ({number} of {all})", self.left[at].name);
        Some(&self.left[at])
    }

    /// Grades one after the other, and sends each result.
    fn work(&self, exam: &Exam, results: &Sender<Result<GradedSubmission, CommandError>>) {
        while let Some(named) = self.take() {
            let grade = |submission: &Submission| exam.grade(&named.name, submission);
            let graded = interrupt::check().and_then(|()| grade_one(named, exam.track(), grade));
            let is_failed = graded.is_err();
            if results.send(graded).is_err() || is_failed {
                return;
            }
        }
    }
}

/// Refuses a folder whose results are of other conditions.
fn another_grading(store: &Store, Difference { what, before, now }: &Difference) -> CommandError {
    let folder = store.folder().display();
    CommandError::Misuse(format!(
        "{folder} has results of another grading, {what}: {before} there, and {now} here. Name a new folder"
    ))
}

/// It takes a minute at first.
fn announce_judge() {
    eprintln!("building the judge");
}

/// Builds what grades, for commands that come later.
///
/// # Errors
///
/// If the course itself does not compile.
pub fn build_judge(course: &Course, request: &GradingRequest) -> Result<(), CommandError> {
    announce_judge();
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
