//! What the graded tests said last, so that the next command need not run them to know.
//!
//! The file is in the target folder. It is a reminder for the student and decides nothing: anybody can write it. A file
//! that cannot be read counts as none.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::fingerprint::sha256;
use crate::grade::CourseResult;
use crate::grade::verdict::{LabResult, TestOutcome, TestVerdict};
use crate::output::scoreboard::in_order_to_look_at;
use crate::student::hint::pattern::RedTest;
use crate::tree;

/// The version of the file.
const VERSION: u64 = 1;

/// The last results of all labs, by the labs' short names.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct LastResults {
    labs: BTreeMap<String, LastLab>,
}

/// The last results of one lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastLab {
    /// When its tests ran last, in seconds since 1970.
    pub at_seconds: u64,
    /// The SHA-256 of each source file when all of its tests ran last, by the path in the workspace.
    pub sources: BTreeMap<String, String>,
    /// The tests that have a result.
    pub tests: BTreeMap<String, LastTest>,
    /// The tests that did not pass, in the order in which to look at them.
    pub to_look_at: Vec<String>,
}

/// The last result of one test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastTest {
    /// Whether it passed with all of its seeds.
    pub is_passed: bool,
    /// The `todo!` that it waits for: lab, rule, function and file.
    pub missing_code: Option<String>,
    /// The token of its failed run.
    pub token: Option<String>,
    /// The rule that was broken.
    pub rule: Option<String>,
    /// How it failed, to be compared with known mistakes.
    pub red: Option<RedTest>,
}

impl LastResults {
    /// Reads what is remembered.
    pub fn read(course: &Course) -> LastResults {
        let text = fs::read_to_string(file(course)).unwrap_or_default();
        serde_json::from_str(&text).ok().and_then(|value| parse(&value)).unwrap_or_default()
    }

    /// The last results of a lab, if it has any.
    pub fn of(&self, lab: &LabCrate) -> Option<&LastLab> {
        self.labs.get(lab.id)
    }

    /// Adds the results of a run. A run that is not graded as usual adds nothing.
    ///
    /// # Errors
    ///
    /// If a lab's source cannot be read.
    pub fn add(&mut self, course: &Course, results: &CourseResult) -> Result<(), CommandError> {
        if !results.is_graded {
            return Ok(());
        }
        for lab in results.labs.iter().filter(|lab| lab.is_built && lab.is_begun) {
            let last = self.labs.entry(lab.lab.id.to_string()).or_default();
            last.at_seconds = seconds_now();
            if lab.is_whole || last.sources.is_empty() {
                last.sources = sources(course, lab.lab)?;
            }
            last.add(course, lab);
        }
        Ok(())
    }

    /// Remembers them. That this fails changes no result, so nobody is bothered.
    pub fn write(&self, course: &Course) {
        let path = file(course);
        let new = path.with_extension("new");
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        // Another command may read the file meanwhile: it appears as a whole.
        let _ = folder
            .and_then(|()| fs::write(&new, format!("{:#}\n", self.value())))
            .and_then(|()| fs::rename(&new, path));
    }

    fn value(&self) -> Value {
        let labs: serde_json::Map<String, Value> =
            self.labs.iter().map(|(id, lab)| (id.clone(), lab.value())).collect();
        json!({ "version": VERSION, "labs": labs })
    }
}

impl LastLab {
    fn add(&mut self, course: &Course, lab: &LabResult) {
        for verdict in lab.verdicts.iter().filter(|verdict| !is_too_short(verdict)) {
            self.tests.insert(verdict.test.name.clone(), LastTest::of(course, verdict));
        }
        let failed: Vec<&TestVerdict> = lab.verdicts.iter().filter(|verdict| !verdict.is_passed()).collect();
        let (waiting, broken): (Vec<&TestVerdict>, Vec<&TestVerdict>) =
            in_order_to_look_at(&failed).into_iter().partition(|verdict| verdict.missing_code().is_some());
        let mut order: Vec<String> =
            broken.into_iter().chain(waiting).map(|verdict| verdict.test.name.clone()).collect();
        // Those that did not run this time come after those that did.
        let earlier = std::mem::take(&mut self.to_look_at);
        order.extend(earlier.into_iter().filter(|test| !order.contains(test)).collect::<Vec<String>>());
        order.retain(|test| self.tests.get(test).is_some_and(|last| !last.is_passed));
        self.to_look_at = order;
    }

    /// The source files that are new, changed or gone since all tests of the lab ran, by their paths in the workspace.
    ///
    /// # Errors
    ///
    /// If a lab's source cannot be read.
    pub fn changed_since(&self, course: &Course, lab: &LabCrate) -> Result<Vec<String>, CommandError> {
        let now = sources(course, lab)?;
        let gone = self.sources.keys().filter(|name| !now.contains_key(*name));
        let changed = now.iter().filter(|(name, hash)| self.sources.get(*name) != Some(hash)).map(|(name, _)| name);
        let mut names: Vec<String> = gone.chain(changed).cloned().collect();
        names.sort();
        Ok(names)
    }

    fn value(&self) -> Value {
        let tests: serde_json::Map<String, Value> =
            self.tests.iter().map(|(name, test)| (name.clone(), test.value())).collect();
        json!({ "at_seconds": self.at_seconds, "sources": self.sources, "tests": tests, "to_look_at": self.to_look_at })
    }
}

impl LastTest {
    fn of(course: &Course, verdict: &TestVerdict) -> LastTest {
        LastTest {
            is_passed: verdict.is_passed(),
            missing_code: verdict.missing_code().map(str::to_string),
            token: verdict.failed_run().map(|run| run.token.clone()),
            rule: verdict.rule().map(str::to_string),
            red: RedTest::of(verdict, course),
        }
    }

    fn value(&self) -> Value {
        let LastTest { is_passed, missing_code, token, rule, red } = self;
        let (by, places) = (red.as_ref().map(|red| &red.by), red.as_ref().map(|red| &red.places));
        json!({
            "passed": is_passed, "missing_code": missing_code, "token": token, "rule": rule, "by": by, "places": places
        })
    }
}

/// Whether a test passed with fewer seeds than its points need: that says nothing about them.
fn is_too_short(verdict: &TestVerdict) -> bool {
    verdict.outcome == TestOutcome::Passed && verdict.expected.count() < verdict.test.seeds
}

/// The SHA-256 of the source files that decide about a lab's results: its own, and those of the labs before it.
///
/// # Errors
///
/// If they cannot be read.
pub fn sources(course: &Course, lab: &LabCrate) -> Result<BTreeMap<String, String>, CommandError> {
    let mut sources = BTreeMap::new();
    for earlier in course.labs().filter(|earlier| earlier.id <= lab.id) {
        let folder = course.folder(earlier).join("src");
        if folder.is_dir() {
            let files = tree::read_sources(&folder)?.into_iter();
            sources.extend(files.map(|(name, file)| (format!("{}/src/{name}", earlier.package), sha256(&file.bytes))));
        }
    }
    Ok(sources)
}

/// The seconds since 1970.
pub fn seconds_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs())
}

fn file(course: &Course) -> PathBuf {
    course.target().join("cargo-lab").join("last-results.json")
}

fn parse(value: &Value) -> Option<LastResults> {
    if value.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let labs = value.get("labs")?.as_object()?;
    let labs = labs.iter().map(|(id, lab)| Some((id.clone(), parse_lab(lab)?))).collect::<Option<_>>()?;
    Some(LastResults { labs })
}

fn parse_lab(value: &Value) -> Option<LastLab> {
    let text = |value: &Value| value.as_str().map(str::to_string);
    let sources = value.get("sources")?.as_object()?.iter().map(|(name, hash)| Some((name.clone(), text(hash)?)));
    let tests =
        value.get("tests")?.as_object()?.iter().map(|(name, test)| Some((name.clone(), parse_test(name, test)?)));
    Some(LastLab {
        at_seconds: value.get("at_seconds")?.as_u64()?,
        sources: sources.collect::<Option<_>>()?,
        tests: tests.collect::<Option<_>>()?,
        to_look_at: value.get("to_look_at")?.as_array()?.iter().map(text).collect::<Option<_>>()?,
    })
}

fn parse_test(name: &str, value: &Value) -> Option<LastTest> {
    let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_string);
    let places = value.get("places").and_then(Value::as_array).into_iter().flatten();
    let places = places.filter_map(Value::as_str).map(str::to_string).collect();
    Some(LastTest {
        is_passed: value.get("passed")?.as_bool()?,
        missing_code: text("missing_code"),
        token: text("token"),
        rule: text("rule"),
        red: text("by").map(|by| RedTest { test: name.to_string(), by, places }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grade::examples;
    use crate::scratch::Scratch;

    fn results(lab: LabResult) -> CourseResult {
        CourseResult { labs: vec![lab], is_graded: true, ..CourseResult::default() }
    }

    /// What is remembered is read back, and a run of single tests changes only these.
    #[test]
    fn results_are_read_back() {
        let folder = Scratch::new("results").unwrap();
        let course = Course::at(folder.path());
        let mut last = LastResults::default();
        last.add(&course, &results(examples::lab_with_each_outcome())).unwrap();
        let tests = [examples::test("many_elections_2a", 20, 1)];
        let run = examples::run("many_elections_2a", 1, None);
        last.add(&course, &results(examples::lab(0, &tests, vec![run], &[]))).unwrap();
        assert_eq!(parse(&last.value()).unwrap(), last);
        let lab = &last.labs["2a"];
        assert!(lab.tests["initial_election_2a"].is_passed && lab.tests["many_elections_2a"].is_passed);
        assert_eq!(lab.to_look_at, ["reelection_2a"]);
    }

    /// A pass with fewer seeds than usual is none, and a file of another kind counts as no file.
    #[test]
    fn what_says_little_is_not_remembered() {
        let folder = Scratch::new("results").unwrap();
        let mut lab = examples::lab_with_each_outcome();
        lab.verdicts[0].expected = crate::grade::verdict::ExpectedRuns::Seeds(1);
        let mut last = LastResults::default();
        last.add(&Course::at(folder.path()), &results(lab)).unwrap();
        assert!(!last.labs["2a"].tests.contains_key("initial_election_2a"));
        assert_eq!(parse(&json!({ "version": 99, "labs": {} })), None);
        assert_eq!(parse(&json!({ "version": 1, "labs": { "2a": {} } })), None);
    }
}
