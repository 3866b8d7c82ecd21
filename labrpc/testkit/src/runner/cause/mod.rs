//! Why a run failed: what kind of failure it is, which rule it breaks, and where to look.
//!
//! A test's own rule is named only if a step of the test failed that is about this rule. A panic of
//! the server, a deadlock or a step that only prepares the test say what they are.

use labrpc::sim::{Failure, FailureKind};

use super::Lab;
use super::frames::{self, SeenPlace};
use crate::report::Reporter;
use crate::rule::persistence::{COMMIT_FORGOTTEN, DURABLE, SAVES};
use crate::rule::replication::{APPLY_AT_ONCE, APPLY_ORDER, START};
use crate::rule::{self, Hint, Places, Rule};
use crate::violation::Violation;
use crate::world::SERVER_LABEL;

/// The beginning of the panic message of a `todo!`.
const NOT_YET_IMPLEMENTED: &str = "not yet implemented";

/// Rules that are not broken if entries are only applied late.
const NOT_ABOUT_TIME: [&Rule; 5] = [&APPLY_ORDER, &START, &DURABLE, &SAVES, &COMMIT_FORGOTTEN];

/// What kind of failure ended a run.
#[derive(Clone, Debug)]
pub(super) enum FailureCause {
    /// An oracle, or a check of the test, has found this.
    Violation(Violation),
    /// The test has reached code that is not written yet.
    Unwritten,
    /// Code of a lab has panicked, or tried to end the process.
    Panicked,
    /// Threads wait for one another, or for something that never happens.
    Deadlocked,
    /// Two threads take two locks in opposite orders.
    LockOrder,
    /// A thread loops or calls itself without end.
    Endless,
    /// A server has more threads than any server needs.
    Crowded,
    /// A thread has waited or started a thread through std.
    UsedStd,
    /// A message has another type than its receiver expects.
    Undecodable,
    /// A thread has caught its own crash.
    CaughtCrash,
    /// A step of the test has failed. If it says by itself which rule it is about, that is the rule;
    /// otherwise the test may say where to look.
    Step(Option<&'static Rule>, Option<&'static Hint>),
    /// A step has found that entries are not applied yet which should be. The test may say where to look.
    Late(Option<&'static Hint>),
    /// A step has failed that only prepares what the test is about.
    Setup(&'static str, Option<&'static Rule>, Option<&'static Hint>),
    /// The harness could not go on.
    Harness,
}

impl FailureCause {
    pub(super) fn of(failure: &Failure, reporter: &Reporter) -> FailureCause {
        if let Some(violation) = reporter.first_violation() {
            return FailureCause::Violation(violation);
        }
        match failure.kind {
            FailureKind::Panic if failure.message.starts_with(NOT_YET_IMPLEMENTED) => FailureCause::Unwritten,
            FailureKind::Panic if is_in_a_lab(failure) => FailureCause::Panicked,
            // The test has waited for something that did not come.
            FailureKind::Panic | FailureKind::VirtualTime => {
                let step = reporter.step();
                match step.setup {
                    Some(what) => FailureCause::Setup(what, step.rule, step.hint),
                    None if step.is_late && step.rule.is_none() => FailureCause::Late(step.hint),
                    None => FailureCause::Step(step.rule, step.hint),
                }
            }
            FailureKind::Deadlock => FailureCause::Deadlocked,
            FailureKind::Stuck | FailureKind::Operations | FailureKind::StackOverflow => FailureCause::Endless,
            FailureKind::LockOrder => FailureCause::LockOrder,
            FailureKind::Tasks => FailureCause::Crowded,
            FailureKind::BlockedInStd => FailureCause::UsedStd,
            FailureKind::Undecodable => FailureCause::Undecodable,
            FailureKind::CrashSwallowed => FailureCause::CaughtCrash,
            FailureKind::EndedProcess => FailureCause::Panicked,
            FailureKind::Reported | FailureKind::HarnessLimit => FailureCause::Harness,
        }
    }

    /// The cause in a word for programs.
    pub(super) fn word(&self, kind: FailureKind) -> &'static str {
        match (self, kind) {
            (FailureCause::Violation(_), _) => "rule",
            (FailureCause::Unwritten | FailureCause::Panicked, _) => "panic",
            (FailureCause::Deadlocked, _) => "deadlock",
            (FailureCause::LockOrder, _) => "lock order",
            (FailureCause::Endless, FailureKind::Operations) => "operations",
            (FailureCause::Endless, FailureKind::StackOverflow) => "stack overflow",
            (FailureCause::Endless, _) => "stuck",
            (FailureCause::Crowded, _) => "threads",
            (FailureCause::UsedStd, _) => "blocked in std",
            (FailureCause::Undecodable, _) => "undecodable",
            (FailureCause::CaughtCrash, _) => "crash swallowed",
            (FailureCause::Step(..) | FailureCause::Late(_) | FailureCause::Setup(..), _) => "assertion",
            (FailureCause::Harness, _) => "harness",
        }
    }

    /// The rule that is broken, if one is known. `tested` is the rule that the test is about.
    pub(super) fn rule(&self, tested: Option<&'static Rule>) -> Option<&'static Rule> {
        match self {
            FailureCause::Violation(violation) => Some(violation.rule),
            FailureCause::Panicked => Some(&rule::life::RUNS),
            FailureCause::Deadlocked => Some(&rule::life::STUCK),
            FailureCause::LockOrder => Some(&rule::life::LOCK_ORDER),
            FailureCause::Endless => Some(&rule::life::ENDLESS),
            FailureCause::Crowded => Some(&rule::life::BOUNDED),
            FailureCause::UsedStd => Some(&rule::life::FACADE),
            FailureCause::Undecodable => Some(&rule::life::DECODES),
            FailureCause::CaughtCrash => Some(&rule::life::SILENT),
            FailureCause::Step(own, _) => own.or(tested),
            FailureCause::Late(_) => {
                let is_about_time = |rule: &&'static Rule| !NOT_ABOUT_TIME.contains(rule);
                tested.map(|tested| Some(tested).filter(is_about_time).unwrap_or(&APPLY_AT_ONCE))
            }
            FailureCause::Setup(_, own, _) => *own,
            FailureCause::Unwritten | FailureCause::Harness => None,
        }
    }

    pub(super) fn hint(&self, tested: Option<&'static Rule>) -> Option<&'static Hint> {
        match self {
            FailureCause::Violation(violation) => Some(violation.hint),
            FailureCause::Late(Some(hint)) if self.rule(tested) == tested => Some(hint),
            FailureCause::Step(None, Some(hint)) | FailureCause::Setup(_, None, Some(hint)) => Some(hint),
            _ => self.rule(tested).map(|rule| &rule.hint),
        }
    }

    /// Whether the failure itself names lines of the server's code, which is better than any hint.
    fn names_lines(&self) -> bool {
        matches!(
            self,
            FailureCause::Unwritten
                | FailureCause::Panicked
                | FailureCause::Deadlocked
                | FailureCause::LockOrder
                | FailureCause::Endless
                | FailureCause::Crowded
                | FailureCause::UsedStd
                | FailureCause::Undecodable
        )
    }

    /// Whether the run failed because of what threads did, and not by a check.
    pub(super) fn is_of_threads(&self) -> bool {
        self.names_lines() || matches!(self, FailureCause::CaughtCrash)
    }

    /// Where to look in a lab: what the failure names, or else what the hint does.
    pub(super) fn places(&self, failure: &Failure, tested: Option<&'static Rule>, lab: &Lab) -> Vec<SeenPlace> {
        if let Some(file) = self.codec_file(tested, lab) {
            return vec![SeenPlace { file, item: None, line: None }];
        }
        let seen = if self.names_lines() { frames::places(failure) } else { Vec::new() };
        let hinted = self.hint(tested).map_or(&[][..], |hint| lab.places_of(hint));
        if seen.is_empty() { hinted.iter().map(SeenPlace::from).collect() } else { seen }
    }

    /// What happened, then the rule, then where to look.
    pub(super) fn story(&self, failure: &Failure, tested: Option<&'static Rule>, lab: &Lab) -> String {
        let mut story = match self {
            FailureCause::Violation(violation) => violation.to_string(),
            _ => frames::shortened(&failure.to_string()),
        };
        if let FailureCause::Setup(what, ..) = self {
            story += &format!("\nThis step only prepares the test: {what}. What the test is about was not reached.");
        }
        if let Some(tested) =
            tested.filter(|_| self.names_lines() && !matches!(self, FailureCause::Unwritten | FailureCause::UsedStd))
        {
            story += &format!("\nIt came up in a test of {}: {} ({}).", tested.name, tested.text, tested.source);
        }
        if let Some(rule) = self.rule(tested) {
            story += &format!("\n{}: {} ({}).", rule.name, rule.text, rule.source);
        }
        if let Some(hint) = self.hint(tested) {
            story += &format!("\nHint: {}", hint.look_for);
            let has_lines = self.names_lines() && !frames::places(failure).is_empty();
            let places = lab.places_of(hint);
            if !has_lines && !places.is_empty() {
                story += &format!("\nLook at: {}", Places(places));
            }
        }
        if let Some(file) = self.codec_file(tested, lab) {
            story += &format!("\nLook at: {file}");
        }
        story
    }

    /// The file of the codec, if it is the codec that is wrong.
    fn codec_file(&self, tested: Option<&'static Rule>, lab: &Lab) -> Option<String> {
        lab.codec_file().filter(|_| self.rule(tested) == Some(&rule::life::CODEC))
    }
}

/// Whether a step of a test can be about a rule. The others are named for the failure itself: a server's panic, an endless
/// loop, a wait through std, a message of another type. A failed check is none of these.
pub(crate) fn can_be_tested(rule: &'static Rule) -> bool {
    ![&rule::life::RUNS, &rule::life::ENDLESS, &rule::life::FACADE, &rule::life::DECODES].contains(&rule)
}

/// Whether a panic is one of a server's or a clerk's code, and not a failed check of the test: a
/// test also calls such code directly.
fn is_in_a_lab(failure: &Failure) -> bool {
    let is_test = ["/tests/", "testkit/", "kvkit/"].iter().any(|part| failure.place.contains(part));
    let is_lab = failure.place.starts_with("lab") && !failure.place.starts_with("labrpc/") && !is_test;
    is_lab || failure.node.starts_with(SERVER_LABEL) && !is_test
}

#[cfg(test)]
mod tests;
