//! What to do next: where to begin, the code that tests wait for, the test to look at, or the next lab.

use super::estimate;
use super::hint::place::{self, PlaceToWrite};
use super::results::LastLab;
use super::status::{LabStatus, Status};
use super::work::NextBy;
use crate::course::Course;
use crate::course::track::Track;
use crate::error::CommandError;
use crate::grade::OpenLab;
use crate::output::scoreboard::how_to_begin;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub struct NextStep {
    /// The advice, of one line or several.
    pub text: String,
    /// Whether nothing is written yet, so that there is nothing else to show.
    pub is_fresh: bool,
}

/// The next step of this work.
///
/// # Errors
///
/// If the list of places to write is damaged.
pub fn step(course: &Course, status: &Status) -> Result<NextStep, CommandError> {
    let begun: Vec<&LabStatus> = status.labs.iter().filter(|lab| lab.is_begun()).collect();
    let to_write = || status.labs.iter().find(|lab| !lab.is_begun());
    let is_nothing_written = begun.iter().all(|lab| lab.written.is_given && lab.last.is_none());
    if let (true, Some(first)) = (is_nothing_written, to_write()) {
        return Ok(NextStep { text: beginning(course, status, first), is_fresh: true });
    }
    // A lab that was handed out whole is nobody's next step, unless its tests have failed.
    let is_open_question = |lab: &&&LabStatus| !(lab.is_green() || lab.written.is_given && lab.last.is_none());
    let text = match (begun.iter().find(is_open_question), to_write()) {
        (Some(lab), _) => work_on(course, &place::read(course)?, lab),
        (None, Some(next)) => on_to(status, next),
        (None, None) => "All labs are done. More seeds find rare mistakes: cargo lab test --seeds 1000\n".to_string(),
    };
    Ok(NextStep { text, is_fresh: false })
}

/// The first steps in a fresh workspace.
fn beginning(course: &Course, status: &Status, first: &LabStatus) -> String {
    let (lab, title) = (first.lab, first.lab.title());
    let build = match estimate::first_build(course) {
        Some(time) => format!("builds it, which takes {time} once, and tests it at each save"),
        None => "tests it at each save".to_string(),
    };
    let watch = format!("cargo lab watch {}   {build}.", lab.id);
    // In the order of the workspace's README.
    let (time, steps) = match status.track {
        Track::Guided => (
            lab.time_needed,
            [
                "Read §1 to §5 of the Raft paper, then docs/getting-started.md.".to_string(),
                watch,
                format!("Read docs/lab{}.md, and write its first rule, in {}/{}.", lab.id, lab.package, lab.begins_in),
            ],
        ),
        Track::Open => (
            "a day",
            [
                "Read §1 to §5 of the Raft paper, then docs/open-track.md.".to_string(),
                format!("Design your server, and write `boot` in {}/src/lib.rs.", lab.package),
                watch,
            ],
        ),
    };
    let steps: String = (1..).zip(steps).map(|(number, step)| format!("  {number}. {step}\n")).collect();
    format!("Nothing is written yet. Begin with lab {title}, {} It takes about {time}.\n\n{steps}", lab.question)
}

/// What to do in a lab whose tests do not all pass.
fn work_on(course: &Course, places: &[PlaceToWrite], lab: &LabStatus) -> String {
    let (id, title) = (lab.lab.id, lab.lab.title());
    let run = format!("cargo lab test {id}, or at each save: cargo lab watch {id}");
    let Some(last) = &lab.last else { return format!("Next: run the tests of lab {title}: {run}\n") };
    if !lab.changed.is_empty() {
        let look = look_at(course, places, last).unwrap_or_default();
        return format!("Next: run the tests of lab {title} again: {run}\n{look}");
    }
    let rest = || format!("Next: run all tests of lab {title}: {run}\n");
    look_at(course, places, last).map_or_else(rest, |look| format!("Next, in lab {title}:\n{look}\nThen: {run}\n"))
}

/// The test to look at, or the code that tests wait for.
fn look_at(course: &Course, places: &[PlaceToWrite], last: &LastLab) -> Option<String> {
    let (name, test) = last.to_look_at.iter().find_map(|name| Some((name, last.tests.get(name)?)))?;
    let waiting = |code: &&String| last.tests.values().filter(|test| test.missing_code.as_ref() == Some(code)).count();
    Some(match (&test.missing_code, &test.token) {
        (Some(code), _) => {
            let count = waiting(&code);
            match place::next(course, places, code) {
                Some(place) => format!(
                    "  {count} tests wait for code. {}:\n      {}\n      check it:             {}\n      a hint:               \
                     cargo lab hint\n",
                    place.advice(),
                    place.message(),
                    place.check()
                ),
                None => format!(
                    "  {count} tests wait for this code:\n      {code}\n      a hint:               cargo lab hint\n"
                ),
            }
        }
        (None, Some(token)) => {
            let rule = test.rule.as_ref().map(|rule| format!(" ({rule})")).unwrap_or_default();
            format!(
                "  {name} failed{rule}\n      its report:           cargo lab test {name}\n      event by event:       \
                 cargo lab replay {token}\n      a hint:               cargo lab hint {name}\n"
            )
        }
        (None, None) => format!("  {name} has no verdict: cargo lab test {name}\n"),
    })
}

/// How to begin the next lab.
fn on_to(status: &Status, next: &LabStatus) -> String {
    let open: Vec<OpenLab> = status
        .labs
        .iter()
        .filter(|lab| lab.is_open)
        .map(|lab| OpenLab { lab: lab.lab, is_begun: lab.is_begun() })
        .collect();
    let before = status.labs.iter().take_while(|lab| lab.lab != next.lab).last().unwrap_or(next);
    let (title, question) = (next.lab.title(), next.lab.question);
    format!("Next: lab {title}, {question} {}\n", how_to_begin(&open, before.lab, next.lab, NextBy::Test))
}
