//! Hints, from vague to concrete: about what failed when the tests ran last, and about the places that a student writes.
//!
//! In reading order: [`pattern`] is how tests failed, [`known`] how they fail with known mistakes, [`matching`] finds
//! those that are alike, and [`functions`] where they lead. [`place`] has the places to write, [`rules`] what the rules
//! say, and [`doc`] what a place's comment says. [`subject`] finds what a hint is asked about, [`rungs`] makes the hints, and
//! [`ladder`] remembers how far a student is.
//!
//! The JSON document: `about` is the name that asks for the next hint, or null with a `message` if there is nothing to hint at;
//! `title` and `notes` are what the text says around the hint; `rung` of `rungs` is given, from 1; its `kind` is `rule`,
//! `function`, `possible-functions`, `part`, `mistake`, `nothing-near` or `place`; `hint` are its lines, and `items` the
//! rules, functions or known mistakes that it names. With `possible-functions`, what failed does not decide between
//! several functions. `version` rises when a field is removed or changes its meaning.

mod doc;
pub mod functions;
pub mod known;
mod ladder;
pub mod matching;
pub mod pattern;
pub mod place;
mod rules;
mod rungs;
mod subject;

use std::process::ExitCode;

use serde_json::{Value, json};

use super::results::LastResults;
use crate::course::Course;
use crate::error::CommandError;
use ladder::Ladders;
use rungs::Rung;
use subject::Subject;

/// The version of the JSON document.
const VERSION: u64 = 1;

/// What a hint is asked about, and how.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HintRequest {
    /// A test, a place or a lab; `None` for what failed last.
    pub subject: Option<String>,
    /// Whether to begin with the first hint again.
    pub is_restart: bool,
    /// Whether to print JSON.
    pub is_json: bool,
}

/// The hints about one thing.
#[derive(Debug)]
pub struct Hints {
    /// What identifies it: another failure of the same test begins with the first hint again.
    pub key: String,
    /// What they are about, in words.
    pub title: String,
    /// The name on the command line that asks for the next hint.
    pub name: String,
    /// What to know before any of them, each in a line.
    pub notes: Vec<String>,
    /// The hints, from vague to concrete.
    pub rungs: Vec<Rung>,
}

/// Gives the next hint.
///
/// # Errors
///
/// For a name that means nothing, and if the course cannot be read.
pub fn give(course: &Course, request: &HintRequest, print: fn(&str)) -> Result<ExitCode, CommandError> {
    let results = LastResults::read(course);
    let hints = match subject::find(course, &results, request.subject.as_deref())? {
        Subject::Nothing(line) => {
            print(&if request.is_json { document(None, 0, &line) } else { format!("{line}\n") });
            return Ok(ExitCode::SUCCESS);
        }
        Subject::Place(place, name) => rungs::of_place(course, &place, name),
        Subject::Failure(failure) => rungs::of_failure(course, &failure)?,
    };
    let mut ladders = Ladders::read(course);
    let nth = ladders.climb(&hints, request.is_restart);
    ladders.write(course);
    print(&if request.is_json { document(Some(&hints), nth, "") } else { text(&hints, nth) });
    Ok(ExitCode::SUCCESS)
}

fn text(hints: &Hints, nth: usize) -> String {
    let Hints { title, name, notes, rungs, .. } = hints;
    let notes: String = notes.iter().map(|note| format!("note: {note}\n")).collect();
    let next = match rungs.get(nth + 1) {
        Some(rung) => format!("The next hint {}: cargo lab hint {name}\n", rung.kind.promise()),
        None => format!("That is the last hint. From the first one on: cargo lab hint {name} --restart\n"),
    };
    let body: String = rungs[nth].lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("{notes}Hint {} of {}: {title}\n\n{body}\n{next}", nth + 1, rungs.len())
}

fn document(hints: Option<&Hints>, nth: usize, message: &str) -> String {
    let value = match hints {
        None => json!({ "version": VERSION, "about": null, "message": message }),
        Some(Hints { title, name, notes, rungs, .. }) => json!({
            "version": VERSION,
            "about": name,
            "title": title,
            "notes": notes,
            "rung": nth + 1,
            "rungs": rungs.len(),
            "kind": rungs[nth].kind.name(),
            "hint": rungs[nth].lines,
            "items": rungs[nth].items.iter().map(|item| json!(item)).collect::<Vec<Value>>(),
        }),
    };
    format!("{value:#}\n")
}
