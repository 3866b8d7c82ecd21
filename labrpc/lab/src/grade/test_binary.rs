//! A lab's test binary, and the tests in it, as the binary lists them.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::process::Command;

use super::cargo::Executable;
use crate::course::points::GradedTest;
use crate::course::test_kind::{GRADED_FOLDER, TestKind, kind_names};
use crate::error::CommandError;
use crate::process::{OutputTail, Supervised};

/// The test binary of one lab. The default value is for a lab without graded tests.
#[derive(Debug, Default)]
pub struct TestBinary {
    /// The executable.
    pub executable: PathBuf,
    /// The paths of the tests, such as `rules::votes::once_2a`, by the name of the test function.
    paths: BTreeMap<String, Vec<String>>,
    /// Why the binary could not list its tests.
    list_error: Option<String>,
}

/// Where a test is in the binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FoundTest<'a> {
    /// What the test looks at.
    pub kind: TestKind,
    /// The name that Rust's test harness has for it.
    pub path: &'a str,
}

impl TestBinary {
    /// Reads the tests of all executables, by package. They are asked at the same time, because
    /// each takes a moment.
    ///
    /// # Errors
    ///
    /// On Ctrl-C, or if a process cannot be started.
    pub fn read_all(executables: &[Executable]) -> Result<HashMap<String, TestBinary>, CommandError> {
        let mut asked = Vec::new();
        for executable in executables {
            let mut command = Command::new(&executable.path);
            command.args(["--list", "--format", "terse"]);
            let output = OutputTail::of(&mut command)?;
            asked.push((executable, Supervised::start(&mut command)?, output));
        }
        let mut binaries = HashMap::new();
        for (executable, process, output) in asked {
            let (status, listing) = (process.wait()?, output.text());
            let mut binary = TestBinary { executable: executable.path.clone(), ..TestBinary::default() };
            if status.success() {
                binary.paths = paths(&listing);
            } else {
                binary.list_error = Some(format!("{GRADED_FOLDER} could not list its tests: it ended with {status}"));
            }
            binaries.insert(executable.package.clone(), binary);
        }
        Ok(binaries)
    }

    /// Another executable that was built of the same tests. It is not asked for its list.
    pub fn at(&self, executable: PathBuf) -> TestBinary {
        TestBinary { executable, paths: self.paths.clone(), list_error: self.list_error.clone() }
    }

    /// The test with this name.
    ///
    /// # Errors
    ///
    /// A sentence if there is none or more than one, or if the test is of no kind.
    pub fn find(&self, test: &str) -> Result<FoundTest<'_>, String> {
        match (self.paths.get(test).map(Vec::as_slice), &self.list_error) {
            (Some([path]), _) => match TestKind::of_path(path) {
                Some(kind) => Ok(FoundTest { kind, path }),
                None => Err(format!(
                    "{path} in {GRADED_FOLDER} is in none of the modules {}: move it to one of them",
                    kind_names()
                )),
            },
            (Some(paths), _) => {
                let paths = paths.join(", ");
                Err(format!("{paths} in {GRADED_FOLDER} have the same name: rename all but one"))
            }
            (None, Some(list_error)) => Err(list_error.clone()),
            (None, None) if self.paths.is_empty() => Err(format!("there are no tests in {GRADED_FOLDER}")),
            (None, None) => Err(format!("no test in {GRADED_FOLDER} has this name")),
        }
    }

    /// The names of those of these tests that are of one kind.
    pub fn of_kind(&self, kind: TestKind, tests: &[GradedTest]) -> Vec<String> {
        let names = tests.iter().map(|test| &test.name);
        names.filter(|name| self.find(name).is_ok_and(|found| found.kind == kind)).cloned().collect()
    }

    /// The paths of the tests that are not in the list.
    pub fn unlisted(&self, listed: &[GradedTest]) -> Vec<&str> {
        let is_listed = |name: &str| listed.iter().any(|test| test.name == name);
        let tests = self.paths.iter().filter(|(name, _)| !is_listed(name));
        tests.flat_map(|(_, paths)| paths.iter().map(String::as_str)).collect()
    }
}

/// Parses what the test harness prints: a line `module::name: test` for each test.
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

    fn binary() -> TestBinary {
        let listing = "chaos::once_2b: test\nchaos::both_2a: test\ncost::both_2a: test\nlab::stray_2a: test\n\
                       rules::votes::once_2a: test\nrules::votes::late_2a: test\nrules::logs::late_2a: test\n\
                       rules::x: benchmark\n";
        TestBinary { paths: paths(listing), ..TestBinary::default() }
    }

    /// A test is found by its own name, in every module, and its kind is the first module.
    #[test]
    fn tests_are_found() {
        let binary = binary();
        assert_eq!(binary.find("once_2a"), Ok(FoundTest { kind: TestKind::Rules, path: "rules::votes::once_2a" }));
        assert_eq!(binary.find("once_2b"), Ok(FoundTest { kind: TestKind::Chaos, path: "chaos::once_2b" }));
        let tests = ["once_2a", "once_2b", "late_2a"].map(|name| test(name, 1, 1));
        assert_eq!(binary.of_kind(TestKind::Rules, &tests), ["once_2a"]);
    }

    /// A test that is nowhere, in two places or of no kind is not run: the sentence says why.
    #[test]
    fn a_test_must_be_found_once() {
        let error = |test: &str| binary().find(test).unwrap_err();
        assert_eq!(error("x"), "no test in tests/graded has this name");
        let same = "in tests/graded have the same name: rename all but one";
        assert_eq!(error("both_2a"), format!("chaos::both_2a, cost::both_2a {same}"));
        assert_eq!(error("late_2a"), format!("rules::votes::late_2a, rules::logs::late_2a {same}"));
        let stray = "lab::stray_2a in tests/graded is in none of the modules rules, cluster, chaos, cost: move it to one of them";
        assert_eq!(error("stray_2a"), stray);
        assert_eq!(TestBinary::default().find("x").unwrap_err(), "there are no tests in tests/graded");
        let silent = TestBinary { list_error: Some("it was silent".to_string()), ..TestBinary::default() };
        assert_eq!(silent.find("x").unwrap_err(), "it was silent");
    }

    /// Tests that are not listed are named with their modules.
    #[test]
    fn unlisted_tests_are_named() {
        let listed = ["once_2a", "late_2a", "both_2a", "stray_2a"].map(|name| test(name, 1, 1));
        assert_eq!(binary().unlisted(&listed), ["chaos::once_2b"]);
    }
}
