//! The graded tests of a lab, as its `tests/points.txt` lists them.
//!
//! Each line is `test_name points seeds`. For instance `initial_election_2a 10 5`: the test runs
//! with five seeds, and earns ten points if it passes with all of them. A `#` begins a comment.
//! Only this list decides which verdicts are expected; what a test prints does not.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;

use crate::course::test_kind::TestKind;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;

/// A larger number is probably a typing mistake: at a hundredth of a second each, a million seeds
/// take hours.
pub const SEEDS_MAX: u64 = 1_000_000;

/// The list of a lab's graded tests, from the lab's folder.
const POINTS_FILE: &str = "tests/points.txt";

/// One line of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GradedTest {
    /// The name of the test function, unique in the course, in the lab's `tests/graded`.
    pub name: String,
    /// How many points it earns.
    pub points: u64,
    /// How many seeds it runs with, unless an option says otherwise.
    pub seeds: u64,
}

/// A lab and its graded tests.
#[derive(Debug)]
pub struct GradedLab {
    /// The lab.
    pub lab: &'static LabCrate,
    /// The kinds of graded tests that it has.
    pub kinds: Vec<TestKind>,
    /// The tests in the order of the list; `None` if the lab has no list.
    pub tests: Option<Vec<GradedTest>>,
}

impl GradedLab {
    /// The tests of the lab.
    ///
    /// # Errors
    ///
    /// If the lab has no list.
    pub fn tests(&self) -> Result<&[GradedTest], CommandError> {
        self.tests.as_deref().ok_or_else(|| {
            let package = self.lab.package;
            CommandError::Broken(format!(
                "{package}/{POINTS_FILE} is missing: it lists the graded tests of lab {}",
                self.lab.id
            ))
        })
    }
}

/// Reads the lists of all labs. A missing list becomes an error only when it is needed.
///
/// # Errors
///
/// If a list is malformed. The message has the file and the line.
pub fn read_all(course: &Course) -> Result<Vec<GradedLab>, CommandError> {
    course
        .labs()
        .map(|lab| {
            let folder = course.folder(lab);
            let path = folder.join(POINTS_FILE);
            let tests = match fs::read_to_string(&path) {
                Ok(text) => Some(parse(lab, &text).map_err(CommandError::Broken)?),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => {
                    return Err(CommandError::Broken(format!("{} could not be read: {error}", path.display())));
                }
            };
            Ok(GradedLab { lab, kinds: TestKind::all_in(&folder), tests })
        })
        .collect()
}

fn parse(lab: &LabCrate, text: &str) -> Result<Vec<GradedTest>, String> {
    let file = format!("{}/{POINTS_FILE}", lab.package);
    let mut tests = Vec::new();
    let mut names = HashSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let test = parse_line(lab, line).map_err(|reason| format!("{file}:{}: {reason}", index + 1))?;
        if !names.insert(test.name.clone()) {
            return Err(format!("{file}:{}: `{}` is listed twice: remove one of the lines", index + 1, test.name));
        }
        tests.push(test);
    }
    if tests.is_empty() {
        return Err(format!("{file} lists no test: write `test_name points seeds`, one test a line"));
    }
    Ok(tests)
}

fn parse_line(lab: &LabCrate, line: &str) -> Result<GradedTest, String> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [name, points, seeds] = fields[..] else {
        return Err(format!("`{line}` has {} fields instead of three: write `test_name points seeds`", fields.len()));
    };
    if !name.chars().all(|character| character.is_ascii_alphanumeric() || character == '_') {
        return Err(format!("`{name}` is not the name of a test: use letters, digits and underscores"));
    }
    if !name.ends_with(&format!("_{}", lab.id)) {
        return Err(format!("`{name}` does not end in `_{}`, as the tests of this lab do", lab.id));
    }
    let points = points.parse().map_err(|_| format!("`{points}` is not a number of points: use 0 or more"))?;
    let seeds =
        parse_seed_count(seeds).ok_or_else(|| format!("`{seeds}` is not a number of seeds: use 1 to {SEEDS_MAX}"))?;
    Ok(GradedTest { name: name.to_string(), points, seeds })
}

/// A number of seeds, from 1 to [`SEEDS_MAX`].
pub fn parse_seed_count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|count| (1..=SEEDS_MAX).contains(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::LABS;

    fn error(text: &str) -> String {
        parse(&LABS[0], text).unwrap_err()
    }

    /// A list is read in order, without comments and empty lines.
    #[test]
    fn a_list_is_read() {
        let tests = parse(&LABS[0], "# 2A\n\ninitial_election_2a 10 5\n  many_elections_2a\t20   7 # slow\n").unwrap();
        let read: Vec<(&str, u64, u64)> =
            tests.iter().map(|test| (test.name.as_str(), test.points, test.seeds)).collect();
        assert_eq!(read, [("initial_election_2a", 10, 5), ("many_elections_2a", 20, 7)]);
    }

    /// The message for each mistake in a list has the file, the line and the correction.
    #[test]
    fn errors_name_file_and_line() {
        let file = "lab2a-election/tests/points.txt";
        let cases = [
            ("a_2a 10", ":1: `a_2a 10` has 2 fields instead of three: write `test_name points seeds`"),
            ("# x\n\na_2a 1 2 3", ":3: `a_2a 1 2 3` has 4 fields instead of three: write `test_name points seeds`"),
            ("a-b_2a 1 2", ":1: `a-b_2a` is not the name of a test: use letters, digits and underscores"),
            ("a_2b 1 2", ":1: `a_2b` does not end in `_2a`, as the tests of this lab do"),
            ("a_2a -1 2", ":1: `-1` is not a number of points: use 0 or more"),
            ("a_2a 1.5 2", ":1: `1.5` is not a number of points: use 0 or more"),
            ("a_2a 1 0", ":1: `0` is not a number of seeds: use 1 to 1000000"),
            ("a_2a 1 1000001", ":1: `1000001` is not a number of seeds: use 1 to 1000000"),
            ("a_2a 1 2\na_2a 1 2", ":2: `a_2a` is listed twice: remove one of the lines"),
            ("# nothing\n", " lists no test: write `test_name points seeds`, one test a line"),
        ];
        for (text, reason) in cases {
            assert_eq!(error(text), format!("{file}{reason}"));
        }
    }
}
