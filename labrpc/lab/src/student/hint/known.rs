//! The known mistakes of a lab, and which tests fail with each: the lab's `tests/known-mistakes.json`.
//!
//! `cargo lab bugs --known-mistakes` writes it, from the lists of planted bugs. It says what each does, and not how it is
//! planted. A line is a mistake:
//!
//! ```json
//! {"changes":[0],"id":"A10","red":[{"by":"vote-once","places":[0,2],"tests":[7,8,31]}],
//!  "rules":["campaign"],"what":"A campaign does not raise the term."}
//! ```
//!
//! without the line break. `rules` are the rules that it breaks, `changes` the items that it changes. `red` are the tests
//! that fail, those together that fail alike. Numbers count, from 0, in the file's own lists `places` and `tests`. The
//! latter has every test that ran with a mistake.

use std::fs;
use std::io::ErrorKind;

use serde_json::{Value, json};

use super::pattern::RedTest;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;

/// Where the file is, from the lab's folder.
pub const KNOWN_MISTAKES_FILE: &str = "tests/known-mistakes.json";

/// The version of the file.
const VERSION: u64 = 1;

/// A mistake that somebody made before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownMistake {
    /// Its name.
    pub id: String,
    /// What it does, in a sentence.
    pub what: String,
    /// The rules that it breaks, the clearest first.
    pub rules: Vec<String>,
    /// The functions, constants and types that it changes, as `file: item`.
    pub changes: Vec<String>,
    /// The tests that fail with it.
    pub red: Vec<RedTest>,
}

/// The known mistakes of a lab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownMistakes {
    /// The tests that ran with them, sorted.
    pub tests: Vec<String>,
    /// The mistakes, in the order of the list of bugs.
    pub mistakes: Vec<KnownMistake>,
}

/// Reads the known mistakes of a lab; none if it has no such file.
///
/// # Errors
///
/// If the file cannot be read, or is malformed.
pub fn read(course: &Course, lab: &LabCrate) -> Result<KnownMistakes, CommandError> {
    let path = course.folder(lab).join(KNOWN_MISTAKES_FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(KnownMistakes::default()),
        Err(error) => return Err(CommandError::of_system(format!("{} could not be read", path.display()))(error)),
    };
    serde_json::from_str(&text).ok().as_ref().and_then(parse).ok_or_else(|| {
        let file = format!("{}/{KNOWN_MISTAKES_FILE}", lab.package);
        CommandError::Broken(format!("{file} is not a list of known mistakes of version {VERSION}: get it again"))
    })
}

/// The text of the file. Equal mistakes have equal texts.
pub fn text(lab: &LabCrate, KnownMistakes { tests, mistakes }: &KnownMistakes) -> String {
    let failed = mistakes.iter().flat_map(|mistake| &mistake.red).map(|red| red.test.as_str());
    let mut tests: Vec<&str> = tests.iter().map(String::as_str).chain(failed).collect();
    let of_tests = mistakes.iter().flat_map(|mistake| &mistake.red).flat_map(|red| &red.places);
    let mut places: Vec<&str> =
        mistakes.iter().flat_map(|mistake| &mistake.changes).chain(of_tests).map(String::as_str).collect();
    for list in [&mut tests, &mut places] {
        list.sort_unstable();
        list.dedup();
    }
    let lines = |values: Vec<Value>| values.iter().map(Value::to_string).collect::<Vec<String>>().join(",\n");
    let strings = |list: &[&str]| lines(list.iter().map(|text| json!(text)).collect());
    let mistakes = lines(mistakes.iter().map(|mistake| value(mistake, &tests, &places)).collect());
    format!(
        "{{\"version\":{VERSION},\"lab\":{},\n\"tests\":[\n{}\n],\n\"places\":[\n{}\n],\n\"mistakes\":[\n{mistakes}\n]}}\n",
        json!(lab.id),
        strings(&tests),
        strings(&places)
    )
}

fn value(mistake: &KnownMistake, tests: &[&str], places: &[&str]) -> Value {
    let numbers_in = |list: &[&str], texts: &[String]| -> Vec<usize> {
        texts.iter().filter_map(|text| list.binary_search(&text.as_str()).ok()).collect()
    };
    let mut red: Vec<&RedTest> = mistake.red.iter().collect();
    red.sort_by(|one, other| one.test.cmp(&other.test));
    let mut alike: Vec<(&RedTest, Vec<String>)> = Vec::new();
    for red in red {
        match alike.iter_mut().find(|(first, _)| first.by == red.by && first.places == red.places) {
            Some((_, names)) => names.push(red.test.clone()),
            None => alike.push((red, vec![red.test.clone()])),
        }
    }
    let red: Vec<Value> = alike
        .iter()
        .map(|(first, names)| {
            json!({ "by": first.by, "places": numbers_in(places, &first.places), "tests": numbers_in(tests, names) })
        })
        .collect();
    let KnownMistake { id, what, rules, changes, .. } = mistake;
    json!({ "id": id, "what": what, "rules": rules, "changes": numbers_in(places, changes), "red": red })
}

fn parse(value: &Value) -> Option<KnownMistakes> {
    if value.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let (tests, places) = (strings(value.get("tests")?)?, strings(value.get("places")?)?);
    let mistake = |value: &Value| {
        let alike = value.get("red")?.as_array()?.iter().map(|alike| {
            let (by, places) = (alike.get("by")?.as_str()?, named(alike.get("places")?, &places)?);
            let red = |test| RedTest { test, by: by.to_string(), places: places.clone() };
            Some(named(alike.get("tests")?, &tests)?.into_iter().map(red).collect::<Vec<RedTest>>())
        });
        let mut red: Vec<RedTest> = alike.collect::<Option<Vec<Vec<RedTest>>>>()?.concat();
        red.sort_by(|one, other| one.test.cmp(&other.test));
        Some(KnownMistake {
            id: value.get("id")?.as_str()?.to_string(),
            what: value.get("what")?.as_str()?.to_string(),
            rules: strings(value.get("rules")?)?,
            changes: named(value.get("changes")?, &places)?,
            red,
        })
    };
    let mistakes = value.get("mistakes")?.as_array()?.iter().map(mistake).collect::<Option<_>>()?;
    Some(KnownMistakes { tests, mistakes })
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|text| text.as_str().map(str::to_string)).collect()
}

/// The strings of a list with these numbers.
fn named(numbers: &Value, list: &[String]) -> Option<Vec<String>> {
    numbers.as_array()?.iter().map(|number| list.get(number.as_u64()? as usize).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::course::LABS;

    fn red(test: &str, by: &str, places: &[&str]) -> RedTest {
        RedTest {
            test: test.to_string(),
            by: by.to_string(),
            places: places.iter().map(|place| place.to_string()).collect(),
        }
    }

    /// What is written is read back, and tests that fail alike share their rule and places.
    #[test]
    fn mistakes_are_read_back() {
        let first = KnownMistake {
            id: "A01".to_string(),
            what: "It says \"no\".".to_string(),
            rules: vec!["vote-once".to_string()],
            changes: vec!["a.rs: vote".to_string()],
            red: vec![
                red("a_2a", "vote-once", &["a.rs: vote"]),
                red("b_2a", "panic", &["b.rs: tick", "c.rs: step"]),
                red("c_2a", "vote-once", &["a.rs: vote"]),
            ],
        };
        let second = KnownMistake { id: "A02".to_string(), ..KnownMistake::default() };
        let tests = ["a_2a", "b_2a", "c_2a", "green_2a"].map(str::to_string).to_vec();
        let known = KnownMistakes { tests, mistakes: vec![first, second] };
        let written = text(&LABS[0], &known);
        assert!(written.contains(r#"{"by":"vote-once","places":[0],"tests":[0,2]}"#), "{written}");
        let value: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(parse(&value), Some(known));
    }

    /// A file of another version, or with a number that its lists do not have, is refused.
    #[test]
    fn malformed_files_are_refused() {
        let mistake = KnownMistake { red: vec![red("a_2a", "x", &[])], ..KnownMistake::default() };
        let written = text(&LABS[0], &KnownMistakes { tests: Vec::new(), mistakes: vec![mistake] });
        for (from, to) in
            [("\"version\":1", "\"version\":2"), ("\"tests\":[0]", "\"tests\":[1]"), ("\"what\"", "\"wat\"")]
        {
            let changed = written.replacen(from, to, 1);
            assert_ne!(changed, written);
            assert_eq!(parse(&serde_json::from_str(&changed).unwrap()), None, "{to}");
        }
    }
}
