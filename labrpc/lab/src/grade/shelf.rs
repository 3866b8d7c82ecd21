//! Which executable holds which test: asked of the executables themselves.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::Command;

use super::cargo::Executable;
use crate::failure::Failure;
use crate::kind::Kind;
use crate::points::GradedTest;
use crate::process::{OutputTail, Supervised};

/// One executable of graded tests, and what is in it.
#[derive(Debug)]
pub struct Shelf {
    /// The kind of its tests.
    pub kind: Kind,
    /// What runs them.
    pub executable: PathBuf,
    /// By the name of the test function, the paths at which the harness has one: `module::name`.
    paths: BTreeMap<String, Vec<String>>,
}

/// All executables of graded tests of one lab, in the order in which they are run.
#[derive(Debug, Default)]
pub struct Shelves {
    shelves: Vec<Shelf>,
    /// What became of executables that could not say what is in them.
    complaints: Vec<String>,
}

impl Shelf {
    /// The path by which the harness knows a test.
    pub fn path(&self, test: &str) -> Option<&str> {
        self.paths.get(test)?.first().map(String::as_str)
    }
}

impl Shelves {
    /// Asks all executables at once, since each keeps us waiting for a moment; by package.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, and when a process cannot be started.
    pub fn of(executables: &[Executable]) -> Result<HashMap<String, Shelves>, Failure> {
        let mut asked = Vec::new();
        for executable in executables {
            let mut command = Command::new(&executable.path);
            command.args(["--list", "--format", "terse"]);
            let output = OutputTail::of(&mut command)?;
            asked.push((executable, Supervised::start(&mut command)?, output));
        }
        let mut by_package: HashMap<String, Shelves> = HashMap::new();
        for (executable, process, output) in asked {
            let (status, text) = (process.wait()?, output.text());
            let shelves = by_package.entry(executable.package.clone()).or_default();
            let kind = executable.kind;
            match status.success() {
                true => shelves.shelves.push(Shelf { kind, executable: executable.path.clone(), paths: paths(&text) }),
                false => shelves
                    .complaints
                    .push(format!("tests/{} could not say which tests it holds: it ended with {status}", kind.name())),
            }
        }
        by_package.values_mut().for_each(|shelves| shelves.shelves.sort_by_key(|shelf| shelf.kind));
        Ok(by_package)
    }

    /// The shelves from first to last.
    pub fn iter(&self) -> impl Iterator<Item = &Shelf> {
        self.shelves.iter()
    }

    /// The shelves themselves.
    pub fn into_shelves(self) -> impl Iterator<Item = Shelf> {
        self.shelves.into_iter()
    }

    /// The one shelf that holds a test.
    ///
    /// # Errors
    ///
    /// A sentence if none does, or more than one test bears the name.
    pub fn find(&self, test: &str) -> Result<&Shelf, String> {
        let holders: Vec<&Shelf> = self.iter().filter(|shelf| shelf.paths.contains_key(test)).collect();
        let places: Vec<String> = holders
            .iter()
            .flat_map(|shelf| shelf.paths[test].iter().map(|path| format!("{path} in tests/{}", shelf.kind.name())))
            .collect();
        match (&holders[..], &places[..]) {
            ([only], [_]) => Ok(only),
            ([], _) if !self.complaints.is_empty() => Err(self.complaints.join("; ")),
            ([], _) => Err(format!("no test is called so in {}", self.files())),
            _ => Err(format!("more than one test is called so, {}: rename all but one", places.join(", "))),
        }
    }

    /// The tests that are there, and that the list does not know.
    pub fn unlisted(&self, listed: &[GradedTest]) -> Vec<(Kind, &str)> {
        let tests = self.iter().flat_map(|shelf| shelf.paths.keys().map(|name| (shelf.kind, name.as_str())));
        tests.filter(|(_, name)| !listed.iter().any(|test| test.name == *name)).collect()
    }

    fn files(&self) -> String {
        let files: Vec<String> = self.iter().map(|shelf| format!("tests/{}", shelf.kind.name())).collect();
        if files.is_empty() { "the lab, which has no file of graded tests".to_string() } else { files.join(", ") }
    }
}

/// Reads what the harness prints: `module::name: test`, a line for each test.
fn paths(listing: &str) -> BTreeMap<String, Vec<String>> {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for path in listing.lines().filter_map(|line| line.strip_suffix(": test")) {
        let name = path.rsplit("::").next().unwrap_or(path);
        paths.entry(name.to_string()).or_default().push(path.to_string());
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples::test;

    fn shelf(kind: Kind, listing: &str) -> Shelf {
        Shelf { kind, executable: PathBuf::from(kind.name()), paths: paths(listing) }
    }

    fn shelves() -> Shelves {
        let rules =
            shelf(Kind::Rules, "votes::once_2a: test\nvotes::late_2a: test\nlogs::late_2a: test\nx: benchmark\n");
        let chaos = shelf(Kind::Chaos, "once_2b: test\nboth_2a: test\n");
        let cost = shelf(Kind::Cost, "both_2a: test\n");
        Shelves { shelves: vec![rules, chaos, cost], complaints: Vec::new() }
    }

    /// A test is found by its own name, in whichever module it stands.
    #[test]
    fn tests_are_found() {
        let shelves = shelves();
        let found = shelves.find("once_2a").unwrap();
        assert_eq!((found.kind, found.path("once_2a")), (Kind::Rules, Some("votes::once_2a")));
        assert_eq!(shelves.find("once_2b").unwrap().kind, Kind::Chaos);
    }

    /// A test that is nowhere, or in two places, is in none: the sentence says where it was looked for.
    #[test]
    fn a_test_has_one_place() {
        let error = |test: &str| shelves().find(test).unwrap_err();
        assert_eq!(error("x"), "no test is called so in tests/rules, tests/chaos, tests/cost");
        assert_eq!(
            error("both_2a"),
            "more than one test is called so, both_2a in tests/chaos, both_2a in tests/cost: rename all but one"
        );
        let twice = "votes::late_2a in tests/rules, logs::late_2a in tests/rules";
        assert_eq!(error("late_2a"), format!("more than one test is called so, {twice}: rename all but one"));
        let silent = Shelves { complaints: vec!["tests/rules was silent".to_string()], ..Shelves::default() };
        assert_eq!(silent.find("x").unwrap_err(), "tests/rules was silent");
    }

    /// What is there and not listed is told, with its kind.
    #[test]
    fn unlisted_tests_are_told() {
        let listed = ["once_2a", "late_2a", "both_2a"].map(|name| test(name, 1, 1));
        assert_eq!(shelves().unlisted(&listed), [(Kind::Chaos, "once_2b")]);
    }
}
