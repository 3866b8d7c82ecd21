//! How a test failed, as far as failures can be compared: not with which seed, and not in which words.

use std::fs;

use crate::course::Course;
use crate::course::test_kind::TestKind;
use crate::grade::record::RecordedPlace;
use crate::grade::verdict::{LabResult, TestVerdict};
use crate::source_item::{SourceItem, item_at};

/// The kinds of tests by which failures are compared. Those of the other kinds fail by chance, and take longer.
pub const COMPARED_KINDS: [TestKind; 2] = [TestKind::Rules, TestKind::Cost];

/// What is said of a test that has no result, and of one that gave no reason.
const NO_RESULT: &str = "no result";
const NO_REASON: &str = "no reason";

/// A test that failed, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedTest {
    /// The test function.
    pub test: String,
    /// The rule that was broken. If none was named, what ended the run, in a word.
    pub by: String,
    /// Where the failure says to look, as `file: item`: the likeliest place first.
    pub places: Vec<String>,
}

impl RedTest {
    /// How a test of this course failed; `None` if it passed or was not run.
    pub fn of(verdict: &TestVerdict, course: &Course) -> Option<RedTest> {
        if verdict.is_passed() || verdict.is_not_run() {
            return None;
        }
        let run = verdict.failed_run();
        let by = run.map_or(NO_RESULT, |run| run.rule.as_deref().or(run.cause.as_deref()).unwrap_or(NO_REASON));
        let places = run.map_or(Vec::new(), |run| items(&run.places, course));
        Some(RedTest { test: verdict.test.name.clone(), by: by.to_string(), places })
    }

    /// The tests of a lab that failed.
    pub fn all_of(result: &LabResult, course: &Course) -> Vec<RedTest> {
        result.verdicts.iter().filter_map(|verdict| RedTest::of(verdict, course)).collect()
    }
}

/// The items that places are in, in the same order, each once.
fn items(places: &[RecordedPlace], course: &Course) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    for item in places.iter().filter_map(|place| item(place, course)) {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

/// The item that a place is in, as the source is now.
fn item(RecordedPlace { file, item, line }: &RecordedPlace, course: &Course) -> Option<String> {
    let at_line = || item_at(&fs::read_to_string(course.root().join(file)).ok()?, (*line)?);
    Some(SourceItem { file: file.clone(), name: item.clone().or_else(at_line)? }.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    /// Places keep their order, since the likeliest is first. A line stands for the function around it.
    #[test]
    fn places_keep_their_order() {
        let folder = Scratch::new("places").unwrap();
        fs::write(folder.path().join("a.rs"), "fn vote() {}\nfn tick() {\n    due();\n}\n").unwrap();
        let place =
            |item: Option<&str>, line| RecordedPlace { file: "a.rs".to_string(), item: item.map(str::to_string), line };
        let places = [place(None, Some(3)), place(Some("lead"), None), place(Some("due"), None), place(None, Some(2))];
        assert_eq!(items(&places, &Course::at(folder.path())), ["a.rs: tick", "a.rs: lead", "a.rs: due"]);
    }
}
