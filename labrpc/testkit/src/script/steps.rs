//! The steps of a script: what a step is about, and how a failed one is printed, in columns.

use std::fmt::{Debug, Display, Write};

use crate::report::Reporter;
use crate::rule::Rule;

/// A part of a test that only prepares what the test is about. It ends with [`done`](Preparation::done).
#[must_use = "a preparation that never ends makes all failures its own"]
pub struct Preparation {
    before: Option<&'static str>,
}

/// Begins a preparation: `what` says what it achieves, such as "server 0 becomes the leader". If a step
/// fails before its end, the failure says so, and does not name the rule that the test is about.
///
/// A preparation may be part of another one, which it is then reported as.
pub fn prepare(what: &'static str) -> Preparation {
    let mut before = None;
    Reporter::note_step(|step| {
        before = step.setup;
        step.setup.get_or_insert(what);
    });
    Preparation { before }
}

impl Preparation {
    /// Ends it: from here on, the test is about its own rule again.
    pub fn done(self) {
        Reporter::note_step(|step| step.setup = self.before);
    }
}

/// Fails the step unless `is_so`, as a violation of `rule` and not of the rule that the test is about.
/// `what` says what happened.
///
/// # Panics
///
/// When it is not so.
#[track_caller]
pub fn expect_rule(rule: &'static Rule, is_so: bool, what: impl Display) {
    if !is_so {
        about(rule);
        panic!("{what}");
    }
}

/// The failure that follows is about this rule.
pub(crate) fn about(rule: &'static Rule) {
    Reporter::note_step(|step| step.rule = Some(rule));
}

/// Fails the step: says what is wrong, and prints the rows, a label and a text each. Rows without
/// text are left out.
#[track_caller]
pub(super) fn fail(what: &str, rows: &[(&str, &dyn Display)]) -> ! {
    let mut text = String::from(what);
    for (label, value) in rows {
        let value = value.to_string();
        if !value.is_empty() {
            let _ = write!(text, "\n    {label:<9} {}", value.replace('\n', "\n              "));
        }
    }
    panic!("{text}");
}

/// Fails the step unless `got` is as expected. `why` says why the expected value is the right one.
///
/// # Panics
///
/// When they differ.
#[track_caller]
pub fn expect_eq<G: PartialEq<E> + Debug, E: Debug>(what: &str, got: G, expected: E, why: impl Display) {
    if got != expected {
        fail(
            &format!("{what}: not as expected"),
            &[("expected", &format!("{expected:?}")), ("because", &why), ("got", &format!("{got:?}"))],
        );
    }
}
