//! The steps of a script: what a step is about, and how a failed one is printed, in columns.

use std::fmt::{Debug, Display, Write};

use crate::report::Reporter;
use crate::rule::{Hint, Rule};

/// A part of a test that only prepares what the test is about. It ends with [`done`](Preparation::done).
#[must_use = "a preparation that never ends makes all failures its own"]
pub struct Preparation {
    before: (Option<&'static str>, Option<&'static Hint>),
}

/// Begins a preparation: `what` says what it achieves, such as "server 0 becomes the leader". If a step
/// fails before its end, the failure says so, and does not name the rule that the test is about.
///
/// A preparation may be part of another one, which it is then reported as.
pub fn prepare(what: &'static str) -> Preparation {
    let mut before = (None, None);
    Reporter::note_step(|step| {
        before = (step.setup, step.hint);
        step.setup.get_or_insert(what);
        step.hint = None;
    });
    Preparation { before }
}

impl Preparation {
    /// Ends it: from here on, the test is about its own rule again.
    pub fn done(self) {
        Reporter::note_step(|step| (step.setup, step.hint) = self.before);
    }
}

/// Says where to look if a later step of this test fails, instead of where the rule's own hint does. In a
/// preparation it holds until the end of that.
pub fn look_at(hint: &'static Hint) {
    Reporter::note_step(|step| step.hint = Some(hint));
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

/// Fails the step unless `got` is `expected`, as a violation of `rule` and not of the rule that the test is about.
/// `what` says what is wrong.
///
/// # Panics
///
/// When they differ.
#[track_caller]
pub fn expect_rule_eq<T: PartialEq + Debug>(rule: &'static Rule, got: T, expected: T, what: impl Display) {
    if got != expected {
        about(rule);
        fail(&what.to_string(), &[("expected", &format!("{expected:?}")), ("got", &format!("{got:?}"))]);
    }
}

/// The failure that follows is about this rule.
pub(crate) fn about(rule: &'static Rule) {
    Reporter::note_step(|step| step.rule = Some(rule));
}

/// A failure while `work` runs is about this rule: that it does not return, say.
pub(super) fn about_while<T>(rule: &'static Rule, work: impl FnOnce() -> T) -> T {
    let mut before = None;
    Reporter::note_step(|step| before = step.rule.replace(rule));
    let value = work();
    Reporter::note_step(|step| step.rule = before);
    value
}

/// The failure that follows is that something has not happened yet.
pub(crate) fn late() {
    Reporter::note_step(|step| step.is_late = true);
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

/// Fails the step unless `got` is as expected. `why` says why the expected value is the right one. Of long
/// values only the parts that differ are printed.
///
/// # Panics
///
/// When they differ.
#[track_caller]
pub fn expect_eq<G: PartialEq<E> + Debug, E: Debug>(what: &str, got: G, expected: E, why: impl Display) {
    if got != expected {
        let (expected, got) = difference(&expected, &got);
        fail(&format!("{what}: not as expected"), &[("expected", &expected), ("because", &why), ("got", &got)]);
    }
}

/// Both values as text: on one line if they are short, else the elements that differ, a line each.
fn difference(expected: &dyn Debug, got: &dyn Debug) -> (String, String) {
    const COLUMNS_MAX: usize = 80;
    const LINES_MAX: usize = 4;
    let short = (format!("{expected:?}"), format!("{got:?}"));
    if short.0.len().max(short.1.len()) <= COLUMNS_MAX {
        return short;
    }
    let (expected, got) = (format!("{expected:#?}"), format!("{got:#?}"));
    let (expected, got): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), got.lines().collect());
    let same_first = expected.iter().zip(&got).take_while(|(one, other)| one == other).count();
    let rest = expected.len().min(got.len()) - same_first;
    let same_last = expected.iter().rev().zip(got.iter().rev()).take(rest).take_while(|(one, other)| one == other);
    let same_last = same_last.count();
    let shown = |lines: &[&str]| {
        let lines = &lines[same_first..lines.len() - same_last];
        let mut text: Vec<String> = lines.iter().take(LINES_MAX).map(|line| line.trim().to_string()).collect();
        match (lines.len(), lines.len().saturating_sub(LINES_MAX)) {
            (0, _) => text.push("nothing here".into()),
            (_, 0) => {}
            (_, more) => text.push(format!("… and {more} more lines")),
        }
        text.join("\n")
    };
    // The first line of a list is its bracket.
    let before = match same_first.saturating_sub(1) {
        0 => String::new(),
        count => format!("(the first {count} lines are the same)\n"),
    };
    (format!("{before}{}", shown(&expected)), format!("{before}{}", shown(&got)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Short values are printed whole, and of long ones only what differs.
    #[test]
    fn long_values_are_compared_by_lines() {
        assert_eq!(difference(&[1, 2], &[1, 3]), ("[1, 2]".into(), "[1, 3]".into()));
        let words = |last: &'static str| [&["a long element of a list"; 5][..], &[last]].concat();
        let (expected, got) = difference(&words("one"), &words("two"));
        assert_eq!(expected, "(the first 5 lines are the same)\n\"one\",");
        assert_eq!(got, "(the first 5 lines are the same)\n\"two\",");
        let (expected, got) = difference(&words("one"), &vec!["a long element of a list"; 5]);
        assert_eq!(expected, "(the first 5 lines are the same)\n\"one\",");
        assert_eq!(got, "(the first 5 lines are the same)\nnothing here");
    }
}
