//! The places that a student has to write, in the order of the labs' pages, with their hints. A handout has them in one file;
//! the course itself has them beside its solutions.

use std::fs;
use std::io::ErrorKind;

use serde_json::{Value, json};

use crate::course::{Course, LABS, LabCrate};
use crate::error::CommandError;

/// Where a handout has them, from the root.
pub const HINTS_FILE: &str = "labrpc/hints.json";

/// The version of the file.
const VERSION: u64 = 1;

/// A place that a student has to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceToWrite {
    /// The file's path in the workspace, with slashes.
    pub file: String,
    /// The function; empty if it is in none.
    pub item: String,
    /// The rule of the paper.
    pub rule: String,
    /// What helps, from vague to concrete.
    pub hints: Vec<String>,
}

impl PlaceToWrite {
    /// The lab that it belongs to.
    pub fn lab(&self) -> Option<&'static LabCrate> {
        LABS.iter().find(|lab| self.file.starts_with(&format!("{}/", lab.package)))
    }

    /// What its `todo!` says: the lab, the rule, the function and the file.
    pub fn message(&self) -> String {
        let lab = self.lab().map(LabCrate::title).unwrap_or_default();
        let item = if self.item.is_empty() { String::new() } else { format!(": {}", self.item) };
        format!("lab {lab}: {}{item} ({})", self.rule, self.file)
    }

    /// That it comes next, and where the order is from.
    pub fn advice(&self) -> String {
        format!("Write next, in the order of docs/lab{}.md", self.lab().map_or("", |lab| lab.id))
    }

    /// The command that runs the core tests of its lab.
    pub fn check(&self) -> String {
        self.lab().map_or(String::new(), core_tests)
    }

    /// Whether its `todo!` is still there.
    fn is_unwritten(&self, course: &Course) -> bool {
        fs::read_to_string(course.root().join(&self.file)).is_ok_and(|text| text.contains(&self.message()))
    }
}

/// The command that runs the core tests of a lab.
pub fn core_tests(lab: &LabCrate) -> String {
    format!("cargo test -p {} --test core", lab.package)
}

/// The place to write next, if tests wait for the `todo!` with this message: the lab's first one that is left, in the order
/// of its page. Tests reach the place first that ties the others together, and that is often the last to be written.
pub fn next<'a>(course: &Course, places: &'a [PlaceToWrite], missing: &str) -> Option<&'a PlaceToWrite> {
    let reached = places.iter().find(|place| place.message() == missing)?;
    let of_lab = places.iter().filter(|place| place.lab() == reached.lab());
    of_lab.into_iter().find(|place| place.is_unwritten(course)).or(Some(reached))
}

/// Reads the places of a workspace; none if it has no such file.
///
/// # Errors
///
/// If the file cannot be read, or is malformed.
pub fn read(course: &Course) -> Result<Vec<PlaceToWrite>, CommandError> {
    let text = match fs::read_to_string(course.root().join(HINTS_FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(CommandError::of_system(format!("{HINTS_FILE} could not be read"))(error)),
    };
    serde_json::from_str(&text)
        .ok()
        .as_ref()
        .and_then(parse)
        .ok_or_else(|| CommandError::Broken(format!("{HINTS_FILE} is damaged: take it from your first commit")))
}

/// The text of the file.
pub fn text<'a>(places: impl IntoIterator<Item = &'a PlaceToWrite>) -> String {
    let value = |place: &PlaceToWrite| {
        let PlaceToWrite { file, item, rule, hints } = place;
        json!({ "file": file, "item": item, "rule": rule, "hints": hints })
    };
    let places: Vec<Value> = places.into_iter().map(value).collect();
    format!("{:#}\n", json!({ "version": VERSION, "places": places }))
}

fn parse(value: &Value) -> Option<Vec<PlaceToWrite>> {
    if value.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let place = |value: &Value| {
        let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_string);
        let hints = value.get("hints")?.as_array()?.iter().map(|hint| hint.as_str().map(str::to_string));
        let (file, item, rule) = (text("file")?, text("item")?, text("rule")?);
        Some(PlaceToWrite { file, item, rule, hints: hints.collect::<Option<_>>()? })
    };
    value.get("places")?.as_array()?.iter().map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Places are read back as they were written, and anything else is refused.
    #[test]
    fn places_are_read_back() {
        let [file, item, rule] = ["a.rs", "vote", "§5.2"].map(str::to_string);
        let place = PlaceToWrite { file, item, rule, hints: vec!["Say \"no\".".to_string(), "Once.".to_string()] };
        let written = text([&place, &PlaceToWrite::default()]);
        let value: Value = serde_json::from_str(&written).unwrap();
        assert_eq!(parse(&value), Some(vec![place, PlaceToWrite::default()]));
        for (from, to) in [("\"version\": 1", "\"version\": 2"), ("\"hints\"", "\"hint\""), ("\"Once.\"", "1")] {
            let changed = written.replacen(from, to, 1);
            assert_ne!(changed, written);
            assert_eq!(parse(&serde_json::from_str(&changed).unwrap()), None, "{to}");
        }
    }
}
