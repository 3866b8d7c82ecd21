//! Where broken rules are reported, by anyone who finds one.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use labrpc::sim;

use crate::environment::Mode;
use crate::random_peers::TestText;
use crate::recording::Exchange;
use crate::rule::{Hint, Rule};
use crate::story::StoryRecord;
use crate::violation::Violation;
use crate::waited::Wait;

/// Ends a run at the first broken rule. Clones report to the same run.
#[derive(Clone)]
pub(crate) struct Reporter {
    mode: Mode,
    /// The first broken rule.
    violation: Arc<OnceLock<Violation>>,
    /// The first failure on real threads: it is raised later, by a thread of the test.
    failure: Arc<Mutex<Option<String>>>,
    /// The events that are printed if the run fails.
    exchange: Exchange,
    step: Arc<Mutex<TestStep>>,
    /// What the test has waited for, if a step has failed because that has not come.
    wait: Arc<Mutex<Option<Wait>>>,
    /// What is special about this part of the run, in a sentence; printed if the run fails.
    note: Arc<Mutex<String>>,
    /// The run as a test that a student could write, if the test can tell it like that.
    test_text: Arc<OnceLock<TestText>>,
    /// What is kept for the story of the run, if one is told.
    story: Option<StoryRecord>,
}

/// What the test says of the step that it is at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TestStep {
    /// What this part of the test prepares, if it only prepares something.
    pub(crate) setup: Option<&'static str>,
    /// The rule that a failed check is about, if it is not the test's own rule.
    pub(crate) rule: Option<&'static Rule>,
    /// Whether a check has failed because something has not happened yet, and nothing wrong has.
    pub(crate) is_late: bool,
    /// Where to look, if the test knows that better than its rule does.
    pub(crate) hint: Option<&'static Hint>,
}

thread_local! {
    /// The reporter of the run on this thread. Each simulation has a thread of its own.
    static CURRENT: RefCell<Option<Reporter>> = const { RefCell::new(None) };
}

impl Reporter {
    pub(crate) fn new(mode: Mode) -> Reporter {
        Reporter {
            story: None,
            mode,
            violation: Arc::default(),
            failure: Arc::default(),
            exchange: Exchange::default(),
            step: Arc::default(),
            wait: Arc::default(),
            test_text: Arc::default(),
            note: Arc::default(),
        }
    }

    /// Keeps what happens in the run for its story.
    pub(crate) fn with_story(self, story: Option<StoryRecord>) -> Reporter {
        Reporter { story, ..self }
    }

    /// What is kept for the story of the run, if one is told.
    pub(crate) fn story(&self) -> Option<&StoryRecord> {
        self.story.as_ref()
    }

    /// The reporter of the run on this thread.
    pub(crate) fn current() -> Option<Reporter> {
        CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
    }

    /// Calls `note` with what is kept for the story of the run on this thread, if one is told.
    pub(crate) fn with_story_of_run(note: impl FnOnce(&StoryRecord)) {
        let _ = CURRENT.try_with(|current| {
            current.borrow().as_ref().and_then(Reporter::story).map(note);
        });
    }

    /// Makes this the reporter of everything that runs on this thread.
    pub(crate) fn make_current(&self) {
        CURRENT.with(|current| *current.borrow_mut() = Some(self.clone()));
    }

    /// Says something of the step that the running test is at. Nothing happens outside of a test.
    pub(crate) fn note_step(note: impl FnOnce(&mut TestStep)) {
        if let Some(reporter) = Reporter::current() {
            note(&mut reporter.step.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// Ends the run of this thread because a rule is broken. Panics outside of a run.
    #[track_caller]
    pub(crate) fn end_run(violation: Violation) {
        match CURRENT.try_with(|current| current.borrow().clone()).ok().flatten() {
            Some(reporter) => reporter.violation(violation),
            None => panic!("{}", violation.what),
        }
    }

    /// The step that the test is at, or failed at.
    pub(crate) fn step(&self) -> TestStep {
        *self.step.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The step that fails now has waited for this.
    pub(crate) fn set_wait(&self, wait: Wait) {
        *self.wait.lock().unwrap_or_else(PoisonError::into_inner) = Some(wait);
    }

    /// What the step that failed has waited for.
    pub(crate) fn wait(&self) -> Option<Wait> {
        self.wait.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on a failure begins with this text.
    pub(crate) fn set_note(&self, note: String) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = note;
    }

    /// What a failure begins with.
    pub(crate) fn note(&self) -> String {
        self.note.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the run because a rule is broken. Only the first report counts.
    pub(crate) fn violation(&self, violation: Violation) {
        let text = violation.to_string();
        let _ = self.violation.set(violation);
        self.failure(text);
    }

    /// Ends the run with a message: in a simulation at once, on real threads at the next
    /// [`raise`](Reporter::raise).
    pub(crate) fn failure(&self, message: String) {
        match self.mode {
            Mode::Simulated => sim::fail(message),
            Mode::Real => drop(self.lock().get_or_insert(message)),
        }
    }

    /// On real threads: panics if a failure was reported.
    pub(crate) fn raise(&self) {
        let failure = self.lock().clone();
        if let Some(failure) = failure {
            panic!("{failure}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events that are printed if the run fails.
    pub(crate) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Prints this test if the run fails.
    pub(crate) fn set_test_text(&self, text: TestText) {
        let _ = self.test_text.set(text);
    }

    /// The run as a test that a student could write, if it can be told like that.
    pub(crate) fn test_text(&self) -> Option<&TestText> {
        self.test_text.get()
    }

    /// The rule that was broken first, if any was.
    pub(crate) fn first_violation(&self) -> Option<Violation> {
        self.violation.get().cloned()
    }
}
