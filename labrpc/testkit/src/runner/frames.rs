//! The lines of code that a failure names, and failures that are shortened to what one reads.

use std::collections::BTreeMap;

use labrpc::sim::Failure;
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
    let text = failure.to_string();
    for word in text.split(|c: char| c.is_whitespace() || "(),;".contains(c)) {
        let Some((file, rest)) = word.split_once(".rs:") else { continue };
        let line = rest.split(':').next().and_then(|line| line.parse().ok());
        let is_lab = file.starts_with("lab") && !file.starts_with("labrpc/") && file.contains("/src/");
        let place = SeenPlace { file: format!("{file}.rs"), item: None, line };
        if is_lab && line.is_some() && !places.contains(&place) {
            places.push(place);
        }
    }
    places.truncate(PLACES_MAX);
    places
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
    use labrpc::sim::FailureKind;
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
}
