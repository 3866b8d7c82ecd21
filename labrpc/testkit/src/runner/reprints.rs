//! Which failures have the same cause, as far as can be told: the same rule, or the same place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

use super::frames;
use super::run::FailedRun;
use crate::rule::Rule;

impl FailedRun {
    /// What failures with the same cause have in common: the place in a lab's own code where it failed,
    /// or else the rule; `tested` is the one that the test is about. `None` if neither is known; the failure is
    /// then a group by itself.
    pub(super) fn group(&self, tested: Option<&'static Rule>) -> Option<String> {
        let place = if self.is_violation() { None } else { frames::main_place(&self.failure) };
        place.or_else(|| self.rule(tested).map(|rule| rule.name.to_string()))
    }
}

/// The groups of which a failure was printed, each with the test that it was printed for.
static PRINTED: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());

/// The report of a failed test as it is printed: in full for the first test of a group.
pub(super) fn once(group: Option<&str>, test: &str, report: String) -> String {
    match group.and_then(|group| Some((group, printed_for(group, test)?))) {
        Some((group, earlier)) => describe_again(group, &earlier, &report),
        None => report,
    }
}

/// Whether the report of a failure of this group is printed in full for `test`, which becomes the group's first test if
/// there is none.
pub(super) fn is_first(group: Option<&str>, test: &str) -> bool {
    group.and_then(|group| printed_for(group, test)).is_none()
}

/// The other test of this process that has printed a failure of this group already; otherwise `test` becomes
/// that test.
fn printed_for(group: &str, test: &str) -> Option<String> {
    match PRINTED.lock().unwrap_or_else(PoisonError::into_inner).entry(group.to_string()) {
        Entry::Occupied(earlier) => Some(earlier.get().clone()).filter(|earlier| earlier != test),
        Entry::Vacant(free) => {
            free.insert(test.to_string());
            None
        }
    }
}

/// A failure of a group that was printed for another test: the first and the last line of its report.
fn describe_again(group: &str, earlier: &str, report: &str) -> String {
    let mut lines = report.lines().filter(|line| !line.is_empty());
    let title = lines.next().unwrap_or_default();
    let replay = lines.next_back().unwrap_or_default();
    format!("{title}\n    the same as in {earlier}: {group}\n{replay}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first test of a group is told apart from the others.
    #[test]
    fn the_first_of_a_group_is_remembered() {
        assert_eq!(printed_for("a group of this test", "one_2a"), None);
        assert_eq!(printed_for("a group of this test", "one_2a"), None, "it is asked twice for one failure");
        assert_eq!(printed_for("a group of this test", "two_2a").as_deref(), Some("one_2a"));
        assert_eq!(printed_for("another group of this test", "two_2a"), None);
    }

    /// A failure that was printed for another test takes three lines.
    #[test]
    fn a_failure_is_told_briefly_the_second_time() {
        let report =
            "2A  vote once … FAILED   seed 1 of 4\n\n    It voted twice.\n\n    replay   LAB_REPLAY=vote_once_2a:1\n";
        let brief = "2A  vote once … FAILED   seed 1 of 4\n    the same as in idle_2a: vote-once\n    replay   LAB_REPLAY=vote_once_2a:1";
        assert_eq!(describe_again("vote-once", "idle_2a", report), brief);
    }
}
