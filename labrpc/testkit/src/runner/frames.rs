//! The lines of code that a failure names, and failures that are shortened to what one reads.

use std::collections::BTreeMap;

use labrpc::sim::{Failure, FailureKind};
use serde::Serialize;

use crate::rule::{PLACES_MAX, Place};

/// A place that a failure sends the student to: a named item, a line, or both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SeenPlace {
    /// The file, from the root of the course.
    pub(crate) file: String,
    /// The function, constant or type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) item: Option<String>,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u32>,
}

impl From<&Place> for SeenPlace {
    fn from(place: &Place) -> SeenPlace {
        SeenPlace { file: place.file.into(), item: Some(place.item.into()), line: None }
    }
}

/// The first lines of a lab's code that a failure names, in its backtrace or in its message.
pub(super) fn places(failure: &Failure) -> Vec<SeenPlace> {
    let mut places: Vec<SeenPlace> = Vec::new();
    for (file, line) in lines_in_labs(&failure.to_string()) {
        let place = SeenPlace { file, item: None, line: Some(line) };
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places.truncate(PLACES_MAX);
    places
}

/// The one place in a lab's code that says most about a failure, in a word. `None` if it names no such place.
///
/// An endless loop is stopped at any of its lines, so its place is the function. Of the tasks of a deadlock, some
/// wait for good reasons: its place is where most of them wait.
pub(super) fn main_place(failure: &Failure) -> Option<String> {
    let (file, line) = match failure.kind {
        FailureKind::Stuck | FailureKind::Operations => {
            let (function, place) = failure.top_frame()?;
            let name = function.rsplit("::").next().unwrap_or(function);
            let (file, _) = lines_in_labs(place).next()?;
            return Some(format!("{name} in {file}"));
        }
        FailureKind::Deadlock => {
            let mut counts: BTreeMap<(String, u32), usize> = BTreeMap::new();
            lines_in_labs(&failure.message).for_each(|place| *counts.entry(place).or_default() += 1);
            counts.into_iter().rev().max_by_key(|(_, count)| *count)?.0
        }
        // Where the second lock was taken, in the order that was seen later.
        FailureKind::LockOrder => lines_in_labs(&failure.message).last()?,
        _ => lines_in_labs(&failure.to_string()).next()?,
    };
    Some(format!("{file}:{line}"))
}

/// The lines in the source of labs that a text names, as file and line: of `lab2a-election/src/raft.rs:87:5` and the like.
fn lines_in_labs(text: &str) -> impl Iterator<Item = (String, u32)> {
    let words = text.split(|c: char| c.is_whitespace() || "(),;".contains(c));
    words.filter_map(|word| {
        let (file, rest) = word.split_once(".rs:")?;
        let is_lab = file.starts_with("lab") && !file.starts_with("labrpc/") && file.contains("/src/");
        let line = rest.split(':').next()?.parse().ok()?;
        is_lab.then(|| (format!("{file}.rs"), line))
    })
}

/// Longer lines are told without the arguments of types.
const COLUMNS_MAX: usize = 160;
/// Lines that are longer even then are cut: mostly they hold values that nobody reads to the end.
const COLUMNS_CUT: usize = 2 * COLUMNS_MAX;
/// A failure that names many tasks, or many frames, is cut after this many lines.
const LINES_MAX: usize = 12;

/// Tells tasks that wait at the same place once, and cuts what is still too long.
pub(super) fn shortened(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut likewise: BTreeMap<usize, usize> = BTreeMap::new();
    let mut seen: Vec<(String, usize)> = Vec::new();
    for line in text.lines() {
        // `  server 1, task 'handler' (#12) waits at …`: what follows the number tells the tasks' state.
        let state = line.split_once(" (#").and_then(|(_, rest)| Some(rest.split_once(") ")?.1));
        let state = state.filter(|_| line.starts_with("  ")).map(without_numbers);
        match state.as_ref().and_then(|state| seen.iter().find(|(other, _)| other == state)) {
            Some((_, first)) => *likewise.entry(*first).or_default() += 1,
            None => {
                seen.extend(state.map(|state| (state, lines.len())));
                lines.push(line.into());
            }
        }
    }
    for (place, count) in likewise {
        lines[place] += &format!(" (and {count} more likewise)");
    }
    for line in lines.iter_mut().filter(|line| line.chars().count() > COLUMNS_MAX) {
        *line = without_generics(line);
        if let Some((end, _)) = line.char_indices().nth(COLUMNS_CUT) {
            line.truncate(end);
            line.push('…');
        }
    }
    let cut = lines.len().saturating_sub(LINES_MAX);
    if cut > 1 {
        lines.truncate(LINES_MAX);
        lines.push(format!("    … and {cut} more lines"));
    }
    lines.join("\n")
}

/// The text without the arguments of generic types: `Mutex<…>`.
fn without_generics(text: &str) -> String {
    let mut short = String::new();
    let mut depth = 0;
    let mut last = ' ';
    for c in text.chars() {
        let begins = c == '<' && (depth > 0 || last.is_alphanumeric());
        if begins {
            depth += 1;
            if depth == 1 {
                short += "<…>";
            }
        } else if depth > 0 {
            depth -= usize::from(c == '>' && last != '-');
        } else {
            short.push(c);
        }
        last = c;
    }
    // A comparison is no generic type.
    if depth == 0 { short } else { text.into() }
}

/// The text without the numbers of tasks.
fn without_numbers(text: &str) -> String {
    let mut parts = text.split('#');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |text, part| text + part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use labrpc::time::Instant;

    use super::*;

    fn failure(message: &str, backtrace: &str) -> Failure {
        Failure {
            kind: FailureKind::Deadlock,
            message: message.into(),
            at: Instant::ZERO,
            node: "server 1".into(),
            task: "ticker".into(),
            place: String::new(),
            backtrace: backtrace.into(),
            tasks: Vec::new(),
        }
    }

    /// The lines of a lab's sources are found in messages and in backtraces, and no others.
    #[test]
    fn lines_of_labs_are_found() {
        let message = "  server 1, task 'ticker' (#4) waits at lab2a-election/src/raft.rs:52:9 for the Mutex made at \
                       labrpc/src/sync/mutex.rs:3:1, held since lab2a-election/tests/graded/main.rs:7:1";
        let backtrace = "    lab2b_log::server::apply\n        at lab2b-log/src/server.rs:40:5";
        let place = |file: &str, line| SeenPlace { file: file.into(), item: None, line: Some(line) };
        let expected = [place("lab2a-election/src/raft.rs", 52), place("lab2b-log/src/server.rs", 40)];
        assert_eq!(places(&failure(message, backtrace)), expected);
    }

    /// Tasks that wait at the same place are told once, and a long text is cut.
    #[test]
    fn long_failures_are_shortened() {
        let handler =
            |task| format!("  server 1, task 'handler' (#{task}) waits at a.rs:1:1, held by task #{}", task - 1);
        let many = format!("deadlock\n{}\n{}\n{}\n  server 2 sleeps", handler(2), handler(3), handler(4));
        let expected = format!("deadlock\n{} (and 2 more likewise)\n  server 2 sleeps", handler(2));
        assert_eq!(shortened(&many), expected);
        let wide =
            |type_name: &str| format!("waits for the {type_name} made at {}, held since b.rs:2:2", "a".repeat(150));
        assert_eq!(shortened(&wide(&format!("Mutex<Inside<fn(u8) -> u8, {}>>", "B".repeat(100)))), wide("Mutex<…>"));
        let long = (0..40).map(|line| format!("line {line}\n")).collect::<String>();
        let short = shortened(&long);
        assert_eq!(short.lines().count(), LINES_MAX + 1);
        assert!(short.ends_with("line 11\n    … and 28 more lines"), "{short}");
    }

    /// The place is that of the panic, or the first one in a lab's code; of an endless loop it is the function, and of a
    /// deadlock the place where most tasks wait.
    #[test]
    fn a_failure_has_a_main_place() {
        let main = |kind, message, place: &str, backtrace| {
            main_place(&Failure { kind, place: place.into(), ..failure(message, backtrace) })
        };
        let backtrace = "    lab2b_log::log::fit\n        at lab2b-log/src/log.rs:10:5\n    x::y\n        at a.rs:1:1";
        let own = "lab2a-election/src/raft.rs:87:5";
        assert_eq!(main(FailureKind::Panic, "no", own, "").unwrap(), "lab2a-election/src/raft.rs:87");
        let in_std = "library/core/src/option.rs:1:1";
        assert_eq!(main(FailureKind::Panic, "no", in_std, backtrace).unwrap(), "lab2b-log/src/log.rs:10");
        assert_eq!(main(FailureKind::Stuck, "no", "", backtrace).unwrap(), "fit in lab2b-log/src/log.rs");
        assert_eq!(main(FailureKind::Operations, "no", "", backtrace).unwrap(), "fit in lab2b-log/src/log.rs");
        let order = "holds the lock made at lab2b-log/src/server.rs:5:1, and takes the one made at lab2b-log/src/server.rs:6:1 at \
                     lab2b-log/src/server.rs:9:1\n";
        assert_eq!(main(FailureKind::LockOrder, order, "", "").unwrap(), "lab2b-log/src/server.rs:9");
        let waits = |line| format!("  server 1 waits at lab2a-election/src/raft.rs:{line}:1 for the lock, held by x\n");
        let deadlock = format!("deadlock: three tasks\n{}{}{}", waits(5), waits(9), waits(9));
        assert_eq!(main(FailureKind::Deadlock, &deadlock, "", "").unwrap(), "lab2a-election/src/raft.rs:9");
        let in_test = "lab2a-election/tests/graded/rules/votes.rs:3:9";
        assert_eq!(main(FailureKind::Panic, "no", in_test, ""), None);
        assert_eq!(main(FailureKind::Operations, "no", "", "    x\n        at labrpc/src/sim/mod.rs:1:1"), None);
    }
}
