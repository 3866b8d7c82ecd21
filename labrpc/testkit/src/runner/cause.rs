//! Why a run failed: what kind of failure it is, which rule it breaks, and where to look.
//!
//! A test's own rule is named only if a step of the test failed that is about this rule. A panic of
//! the server, a deadlock or a step that only prepares the test say what they are.

use labrpc::sim::{Failure, FailureKind};

use super::frames::{self, SeenPlace};
use crate::report::Reporter;
use crate::rule::{self, Hint, Places, Rule};
use crate::violation::Violation;
use crate::world::SERVER_LABEL;

/// The beginning of the panic message of a `todo!`.
const NOT_YET_IMPLEMENTED: &str = "not yet implemented";

/// What kind of failure ended a run.
#[derive(Clone, Debug)]
pub(super) enum Cause {
    /// An oracle, or a check of the test, has found this.
    Violation(Violation),
    /// The test has reached code that is not written yet.
    Unwritten,
    /// Code of a lab has panicked.
    Panicked,
    /// Threads wait for one another, or for something that never happens.
    Deadlocked,
    /// A thread loops or calls itself without end.
    Endless,
    /// A thread has waited or started a thread through std.
    UsedStd,
    /// A thread has caught its own crash.
    CaughtCrash,
    /// A step of the test has failed. If it says by itself which rule it is about, that is the rule;
    /// otherwise the test may say where to look.
    Step(Option<&'static Rule>, Option<&'static Hint>),
    /// A step has failed that only prepares what the test is about.
    Setup(&'static str, Option<&'static Rule>, Option<&'static Hint>),
    /// The harness could not go on.
    Harness,
}

impl Cause {
    pub(super) fn of(failure: &Failure, reporter: &Reporter) -> Cause {
        if let Some(violation) = reporter.first_violation() {
            return Cause::Violation(violation);
        }
        match failure.kind {
            FailureKind::Panic if failure.message.starts_with(NOT_YET_IMPLEMENTED) => Cause::Unwritten,
            FailureKind::Panic if is_in_a_lab(failure) => Cause::Panicked,
            // The test has waited for something that did not come.
            FailureKind::Panic | FailureKind::VirtualTime => {
                let step = reporter.step();
                match step.setup {
                    Some(what) => Cause::Setup(what, step.rule, step.hint),
                    None => Cause::Step(step.rule, step.hint),
                }
            }
            FailureKind::Deadlock => Cause::Deadlocked,
            FailureKind::Stuck | FailureKind::Operations | FailureKind::StackOverflow => Cause::Endless,
            FailureKind::BlockedInStd => Cause::UsedStd,
            FailureKind::CrashSwallowed => Cause::CaughtCrash,
            FailureKind::Reported => Cause::Harness,
        }
    }

    /// The rule that is broken, if one is known. `tested` is the rule that the test is about.
    pub(super) fn rule(&self, tested: Option<&'static Rule>) -> Option<&'static Rule> {
        match self {
            Cause::Violation(violation) => Some(violation.rule),
            Cause::Panicked => Some(&rule::life::RUNS),
            Cause::Deadlocked => Some(&rule::life::STUCK),
            Cause::Endless => Some(&rule::life::ENDLESS),
            Cause::UsedStd => Some(&rule::life::FACADE),
            Cause::CaughtCrash => Some(&rule::life::SILENT),
            Cause::Step(own, _) => own.or(tested),
            Cause::Setup(_, own, _) => *own,
            Cause::Unwritten | Cause::Harness => None,
        }
    }

    fn hint(&self, tested: Option<&'static Rule>) -> Option<&'static Hint> {
        match self {
            Cause::Violation(violation) => Some(violation.hint),
            Cause::Step(None, Some(hint)) | Cause::Setup(_, None, Some(hint)) => Some(hint),
            _ => self.rule(tested).map(|rule| &rule.hint),
        }
    }

    /// Whether the failure itself names lines of the server's code, which is better than any hint.
    fn names_lines(&self) -> bool {
        matches!(self, Cause::Unwritten | Cause::Panicked | Cause::Deadlocked | Cause::Endless | Cause::UsedStd)
    }

    /// Where to look in a lab: what the failure names, or else what the hint does.
    pub(super) fn places(&self, failure: &Failure, tested: Option<&'static Rule>, package: &str) -> Vec<SeenPlace> {
        let seen = if self.names_lines() { frames::places(failure) } else { Vec::new() };
        let hinted = self.hint(tested).map_or(&[][..], |hint| hint.places_in(package));
        if seen.is_empty() { hinted.iter().map(SeenPlace::from).collect() } else { seen }
    }

    /// What happened, then the rule, then where to look.
    pub(super) fn story(&self, failure: &Failure, tested: Option<&'static Rule>, package: &str) -> String {
        let mut story = match self {
            Cause::Violation(violation) => violation.to_string(),
            _ => frames::shortened(&failure.to_string()),
        };
        if let Cause::Setup(what, ..) = self {
            story += &format!("\nThis step only prepares the test: {what}. What the test is about was not reached.");
        }
        if let Some(tested) = tested.filter(|_| matches!(self, Cause::Panicked | Cause::Deadlocked | Cause::Endless)) {
            story += &format!("\nIt came up in a test of {}: {} ({}).", tested.name, tested.text, tested.source);
        }
        if let Some(rule) = self.rule(tested) {
            story += &format!("\n{}: {} ({}).", rule.name, rule.text, rule.source);
        }
        if let Some(hint) = self.hint(tested) {
            story += &format!("\nLook for: {}", hint.look_for);
            let has_lines = self.names_lines() && !frames::places(failure).is_empty();
            let places = hint.places_in(package);
            if !has_lines && !places.is_empty() {
                story += &format!("\nLook at: {}", Places(places));
            }
        }
        story
    }
}

/// Whether a panic is one of a server's or a clerk's code, and not a failed check of the test: a
/// test also calls such code directly.
fn is_in_a_lab(failure: &Failure) -> bool {
    let is_test = failure.place.contains("/tests/") || failure.place.contains("testkit/");
    let is_lab = failure.place.starts_with("lab") && !failure.place.starts_with("labrpc/") && !is_test;
    is_lab || failure.node.starts_with(SERVER_LABEL) && !is_test
}
