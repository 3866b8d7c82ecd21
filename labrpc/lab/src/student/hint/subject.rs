//! What a hint is asked about: a place to write, a test that failed, or nothing that a hint could be about.

use super::place::{self, PlaceToWrite};
use crate::course::points::{self, GradedLab};
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::nearest::suggestion;
use crate::student::results::{LastLab, LastResults};
use crate::student::status::Status;

/// What a hint is asked about.
pub enum Subject {
    /// A place that the student has to write, and the name that asks for it again.
    Place(PlaceToWrite, String),
    /// A test that failed.
    Failure(Failure),
    /// Nothing; the line says why.
    Nothing(String),
}

/// A test that failed when it ran last, among the others of its lab.
pub struct Failure {
    /// The lab.
    pub lab: &'static LabCrate,
    /// The test.
    pub test: String,
    /// What all tests of the lab said last.
    pub last: LastLab,
    /// The source files that were changed since.
    pub changed: Vec<String>,
}

impl Failure {
    /// The token that replays the failed run.
    pub fn token(&self) -> Option<&str> {
        self.last.tests.get(&self.test)?.token.as_deref()
    }
}

/// Finds what a name stands for. Without a name it is the test to look at first. Of several functions with the name it is the
/// one of the lab that the student is at.
///
/// # Errors
///
/// [`CommandError::Misuse`] if the name means nothing or several things; or if the course cannot be read.
pub fn find(course: &Course, results: &LastResults, name: Option<&str>) -> Result<Subject, CommandError> {
    let (labs, places) = (points::read_all(course)?, place::read(course)?);
    let Some(name) = name else {
        let red = labs.iter().find(|lab| results.of(lab.lab).is_some_and(|last| !last.to_look_at.is_empty()));
        return match red {
            Some(lab) => of_lab(course, results, &places, lab),
            None => Ok(Subject::Nothing(nothing_failed(&labs, results, &places))),
        };
    };
    if let Some(lab) = labs.iter().find(|lab| lab.lab.is_called(&name.to_lowercase())) {
        return of_lab(course, results, &places, lab);
    }
    let called: Vec<&PlaceToWrite> = places.iter().filter(|place| is_called(place, name)).collect();
    match called[..] {
        [] => of_test(course, results, &places, &labs, name),
        [place] => Ok(of_place(place, &places)),
        _ => {
            let at_hand = Status::of(course, results)?.lab_at_hand();
            let here: Vec<&&PlaceToWrite> = called.iter().filter(|place| place.lab() == at_hand).collect();
            if let [place] = here[..] {
                return Ok(of_place(place, &places));
            }
            let names: Vec<String> = called.iter().map(|place| short_name(place, &places)).collect();
            let count = called.len();
            Err(CommandError::Misuse(format!("`{name}` is {count} functions: write {}", names.join(" or "))))
        }
    }
}

/// Whether a place has this name: its function, alone or after its lab or its file: `2a:tick`, `election.rs:tick`.
fn is_called(place: &PlaceToWrite, name: &str) -> bool {
    let Some((before, item)) = name.rsplit_once(':') else { return place.item == name };
    let is_lab = || place.lab().is_some_and(|lab| lab.is_called(&before.to_lowercase()));
    place.item == item && (place.file == before || place.file.ends_with(&format!("/{before}")) || is_lab())
}

/// The shortest name that only this place has.
fn short_name(place: &PlaceToWrite, places: &[PlaceToWrite]) -> String {
    let lab = place.lab().map_or("", |lab| lab.id);
    let file = place.file.rsplit('/').next().unwrap_or_default();
    let names = [place.item.clone()].into_iter().chain([lab, file].map(|before| format!("{before}:{}", place.item)));
    let is_unique = |name: &String| places.iter().filter(|place| is_called(place, name)).count() == 1;
    names.into_iter().find(is_unique).unwrap_or_else(|| format!("{}:{}", place.file, place.item))
}

fn of_place(place: &PlaceToWrite, places: &[PlaceToWrite]) -> Subject {
    Subject::Place(place.clone(), short_name(place, places))
}

/// The test of a lab to look at first.
fn of_lab(
    course: &Course,
    results: &LastResults,
    places: &[PlaceToWrite],
    lab: &GradedLab,
) -> Result<Subject, CommandError> {
    let title = lab.lab.title();
    let Some(last) = results.of(lab.lab) else {
        let run = format!("the tests of lab {title} have not run yet: cargo lab test {}", lab.lab.id);
        return Ok(Subject::Nothing(run + &about_places(places)));
    };
    match last.to_look_at.first() {
        Some(test) => of_failed(course, places, lab.lab, last, test),
        None => Ok(Subject::Nothing(format!("every test of lab {title} passed when it ran last: no hint is needed"))),
    }
}

/// A test by its name or a part of it: if several have it, the one to look at first.
fn of_test(
    course: &Course,
    results: &LastResults,
    places: &[PlaceToWrite],
    labs: &[GradedLab],
    name: &str,
) -> Result<Subject, CommandError> {
    let part = name.to_lowercase();
    let tests = |lab: &GradedLab| -> Vec<String> {
        let names = lab.tests.iter().flatten().map(|test| test.name.clone());
        let (exact, parts): (Vec<String>, Vec<String>) =
            names.filter(|test| test.contains(&part)).partition(|test| *test == part);
        if exact.is_empty() { parts } else { exact }
    };
    let mut found: Vec<(&GradedLab, String)> =
        labs.iter().flat_map(|lab| tests(lab).into_iter().map(move |test| (lab, test))).collect();
    if found.iter().any(|(_, test)| *test == part) {
        found.retain(|(_, test)| *test == part);
    }
    if found.is_empty() {
        let tests = labs.iter().flat_map(|lab| lab.tests.iter().flatten()).map(|test| test.name.as_str());
        let names = places.iter().map(|place| place.item.as_str()).filter(|item| !item.is_empty()).chain(tests);
        let suggestion = suggestion(name, names);
        return Err(CommandError::Misuse(format!(
            "`{name}` is no test, no lab, and no function that is yours to write{suggestion}"
        )));
    }
    for (lab, _) in &found {
        let Some(last) = results.of(lab.lab) else { continue };
        if let Some(test) = last.to_look_at.iter().find(|test| found.iter().any(|(_, found)| found == *test)) {
            return of_failed(course, places, lab.lab, last, test);
        }
    }
    let has_run =
        |(lab, test): &&(&GradedLab, String)| results.of(lab.lab).is_some_and(|last| last.tests.contains_key(test));
    Ok(Subject::Nothing(match found.iter().find(|found| !has_run(found)) {
        Some((_, test)) => format!("{test} has not run yet: cargo lab test {test}"),
        None => format!("{} passed when it ran last: no hint is needed", found[0].1),
    }))
}

/// A test that did not pass: if it waits for a place, the one to write next.
fn of_failed(
    course: &Course,
    places: &[PlaceToWrite],
    lab: &'static LabCrate,
    last: &LastLab,
    test: &str,
) -> Result<Subject, CommandError> {
    let missing = last.tests.get(test).and_then(|test| test.missing_code.as_deref());
    if let Some(place) = missing.and_then(|missing| place::next(course, places, missing)) {
        return Ok(of_place(place, places));
    }
    let changed = last.changed_since(course, lab)?;
    Ok(Subject::Failure(Failure { lab, test: test.to_string(), last: last.clone(), changed }))
}

/// Why there is nothing to give a hint about, if no lab has a test that failed.
fn nothing_failed(labs: &[GradedLab], results: &LastResults, places: &[PlaceToWrite]) -> String {
    if labs.iter().any(|lab| results.of(lab.lab).is_some()) {
        return "every test that has run passed when it ran last: no hint is needed".to_string();
    }
    let first = labs.first().map_or("", |lab| lab.lab.id);
    format!("no test has run yet: cargo lab test {first}{}", about_places(places))
}

/// That a hint about a place needs no run.
fn about_places(places: &[PlaceToWrite]) -> String {
    let example = places.iter().find(|place| !place.item.is_empty());
    example.map_or(String::new(), |place| {
        format!("\na hint about a function that is yours to write needs no run: cargo lab hint {}", place.item)
    })
}
