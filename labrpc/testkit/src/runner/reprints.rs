//! Which failures have the same cause, as far as can be told: the same rule, or the same place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Mutex, PoisonError};

use labrpc::sim::{Failure, FailureKind};

use super::run::FailedRun;
use crate::rule::Rule;

impl FailedRun {
    /// What ended the run, in a word for programs: `rule` if a broken rule was reported.
    pub(super) fn cause(&self) -> &'static str {
        if self.is_violation() {
            return "rule";
        }
        match self.failure.kind {
            // What the test expected, and did not find.
            FailureKind::Panic if place_in_lab(&self.failure).is_none() => "assertion",
            FailureKind::Panic => "panic",
            FailureKind::Deadlock => "deadlock",
            FailureKind::Stuck => "stuck",
            FailureKind::StackOverflow => "stack overflow",
            FailureKind::BlockedInStd => "blocked in std",
            FailureKind::VirtualTime => "virtual time",
            FailureKind::Operations => "operations",
            FailureKind::CrashSwallowed => "crash swallowed",
            FailureKind::Reported => "reported",
            #[allow(unreachable_patterns, reason = "kinds of failure that no group depends on")]
            _ => "other",
        }
    }

    /// What failures with the same cause have in common: the place in a lab's own code where it failed,
    /// or else the rule; `tested` is the one that the test is about. `None` if neither is known; the failure is
    /// then a group by itself.
    pub(super) fn group(&self, tested: Option<&'static Rule>) -> Option<String> {
        let place = if self.is_violation() { None } else { place_in_lab(&self.failure) };
        place.or_else(|| self.rule(tested).map(|rule| rule.name.to_string()))
    }

    /// Whether a broken rule was reported, by an oracle or by a check of the test.
    fn is_violation(&self) -> bool {
        self.failure.kind == FailureKind::Reported && self.rule(None).is_some()
    }
}

/// The first place in the source of a lab that a failure names. An endless loop is interrupted at any of
/// its lines, so its place is the function.
fn place_in_lab(failure: &Failure) -> Option<String> {
    let text = match failure.kind {
        FailureKind::Panic if is_in_lab(&failure.place) => return Some(line_of(&failure.place)),
        FailureKind::Deadlock => return most_frequent_place(&failure.message),
        _ => &failure.backtrace,
    };
    let mut name = "";
    for line in text.lines() {
        match place_of(line) {
            Some(place) if failure.kind == FailureKind::Stuck => return Some(function_of(name, place)),
            Some(place) => return Some(line_of(place)),
            None => name = line.trim(),
        }
    }
    None
}

/// Where most of the tasks of a deadlock wait. Some of them wait for good reasons.
fn most_frequent_place(deadlock: &str) -> Option<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for place in deadlock.lines().filter_map(place_of) {
        *counts.entry(line_of(place)).or_default() += 1;
    }
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(place, _)| place)
}

/// The first place in what students write that a line names.
fn place_of(line: &str) -> Option<&str> {
    line.split([' ', ',', '(', ')']).find(|word| is_in_lab(word))
}

/// Whether a place is in what students write: `lab2a-election/src/raft.rs:87:5`.
fn is_in_lab(place: &str) -> bool {
    place.starts_with("lab") && place.contains("/src/") && place.contains(".rs:") && !place.starts_with("labrpc/")
}

/// The function at a place and its file: `tick in lab2a-election/src/server.rs`. Only the file, if the function
/// has no name.
fn function_of(name: &str, place: &str) -> String {
    let file = place.split_once(".rs:").map_or(place, |(file, _)| &place[..file.len() + ".rs".len()]);
    let name = name.split('<').next().filter(|name| !name.is_empty() && !name.ends_with("::")).unwrap_or(name);
    let function = name.rsplit("::").next().unwrap_or(name);
    if function.chars().all(|letter| letter.is_alphanumeric() || letter == '_') && !function.is_empty() {
        return format!("{function} in {file}");
    }
    file.to_string()
}

/// A place without its column.
fn line_of(place: &str) -> String {
    match place.split_once(".rs:") {
        Some((file, rest)) => format!("{file}.rs:{}", rest.split(':').next().unwrap_or_default()),
        None => place.to_string(),
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

/// The test of this process that has printed a failure of this group already; otherwise `test` becomes
/// that test.
fn printed_for(group: &str, test: &str) -> Option<String> {
    match PRINTED.lock().unwrap_or_else(PoisonError::into_inner).entry(group.to_string()) {
        Entry::Occupied(earlier) => Some(earlier.get().clone()),
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
    use labrpc::time::Instant;

    use super::*;

    fn failure(kind: FailureKind, message: &str, place: &str, backtrace: &str) -> Failure {
        let (node, task) = ("server 1".to_string(), "ticker".to_string());
        let [message, place, backtrace] = [message, place, backtrace].map(str::to_string);
        Failure { kind, message, at: Instant::ZERO, node, task, place, backtrace }
    }

    /// The place is that of the panic, or the first one in a lab's code; for an endless loop it is the function.
    #[test]
    fn a_failure_has_a_place() {
        let place = |kind, message, place, backtrace| place_in_lab(&failure(kind, message, place, backtrace));
        let backtrace = "    lab2b_log::log::fit\n        at lab2b-log/src/log.rs:10:5\n    x::y\n        at a.rs:1:1";
        let own = "lab2a-election/src/raft.rs:87:5";
        assert_eq!(place(FailureKind::Panic, "no", own, backtrace).unwrap(), "lab2a-election/src/raft.rs:87");
        let in_std = "library/core/src/option.rs:1:1";
        assert_eq!(place(FailureKind::Panic, "no", in_std, backtrace).unwrap(), "lab2b-log/src/log.rs:10");
        assert_eq!(place(FailureKind::Stuck, "no", "", backtrace).unwrap(), "fit in lab2b-log/src/log.rs");
        let waits = |line| format!("  server 1 waits at lab2a-election/src/raft.rs:{line}:1 for the lock, held by x\n");
        let deadlock = format!("deadlock: three tasks\n{}{}{}", waits(5), waits(9), waits(9));
        assert_eq!(place(FailureKind::Deadlock, &deadlock, "", "").unwrap(), "lab2a-election/src/raft.rs:9");
        let in_test = "lab2a-election/tests/graded/rules/votes.rs:3:9";
        assert_eq!(place(FailureKind::Panic, "no", in_test, ""), None);
        assert_eq!(place(FailureKind::Operations, "no", "", "    x\n        at labrpc/src/sim/mod.rs:1:1"), None);
    }

    /// An endless loop is in a function, whose name is the last part of its path.
    #[test]
    fn a_loop_is_in_a_function() {
        let place = "lab2a-election/src/server.rs:20:29";
        let of_impl = "lab2a_election::server::<impl labrpc::Protocol for lab2a_election::Election>::tick";
        for name in ["tick<lab2b_log::VecLog>", "tick", "lab2a_election::Election::tick", of_impl] {
            assert_eq!(function_of(name, place), "tick in lab2a-election/src/server.rs", "{name}");
        }
        for name in ["", "{closure#0}<lab2a_election::Election>"] {
            assert_eq!(function_of(name, place), "lab2a-election/src/server.rs", "{name}");
        }
    }

    /// The first test of a group is told apart from the others.
    #[test]
    fn the_first_of_a_group_is_remembered() {
        assert_eq!(printed_for("a group of this test", "one_2a"), None);
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
