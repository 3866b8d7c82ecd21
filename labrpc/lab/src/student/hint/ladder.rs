//! How far a student is with each hint. The file is in the target folder; one that cannot be read counts as none.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Hints;
use crate::course::Course;

/// The version of the file.
const VERSION: u64 = 1;

/// How many hints were given about each thing, by its key.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Ladders {
    given: BTreeMap<String, usize>,
}

impl Ladders {
    /// Reads what is remembered.
    pub fn read(course: &Course) -> Ladders {
        let text = fs::read_to_string(file(course)).unwrap_or_default();
        serde_json::from_str(&text).ok().and_then(|value| parse(&value)).unwrap_or_default()
    }

    /// The number of the next hint, from 0, which is given now. After the last one, it is the last one again.
    pub fn climb(&mut self, hints: &Hints, is_restart: bool) -> usize {
        let given = self.given.entry(hints.key.clone()).or_default();
        let nth = if is_restart { 0 } else { (*given).min(hints.rungs.len() - 1) };
        *given = nth + 1;
        nth
    }

    /// Remembers them. That this fails changes no hint, so nobody is bothered.
    pub fn write(&self, course: &Course) {
        let path = file(course);
        let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
        let text = format!("{:#}\n", json!({ "version": VERSION, "given": self.given }));
        let _ = folder.and_then(|()| fs::write(path, text));
    }
}

fn file(course: &Course) -> PathBuf {
    course.target().join("cargo-lab").join("hints-given.json")
}

fn parse(value: &Value) -> Option<Ladders> {
    if value.get("version")?.as_u64()? != VERSION {
        return None;
    }
    let given = value.get("given")?.as_object()?.iter();
    Some(Ladders {
        given: given.map(|(key, count)| Some((key.clone(), count.as_u64()? as usize))).collect::<Option<_>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::rungs::{Rung, RungKind};
    use super::*;

    fn hints(key: &str) -> Hints {
        let rung = Rung { kind: RungKind::Rule, lines: Vec::new(), items: Vec::new() };
        let (title, name) = (String::new(), String::new());
        Hints { key: key.to_string(), title, name, notes: Vec::new(), rungs: vec![rung.clone(), rung] }
    }

    /// Each thing has its own ladder. The last rung is given again, and a restart begins with the first.
    #[test]
    fn each_thing_has_its_own_ladder() {
        let mut ladders = Ladders::default();
        let nths: Vec<usize> = (0..3).map(|_| ladders.climb(&hints("a"), false)).collect();
        assert_eq!((nths, ladders.climb(&hints("b"), false)), (vec![0, 1, 1], 0));
        assert_eq!((ladders.climb(&hints("a"), true), ladders.climb(&hints("a"), false)), (0, 1));
        let written = json!({ "version": VERSION, "given": ladders.given });
        assert_eq!(parse(&written), Some(ladders));
        assert_eq!(parse(&json!({ "version": 1, "given": { "a": "x" } })), None);
    }
}
