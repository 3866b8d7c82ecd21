//! What the scoreboard knows of a student's work besides the results that it shows.

use std::fs;

use super::hint::place::{self, PlaceToWrite};
use super::results::LastResults;
use super::status::Status;
use crate::course::begun;
use crate::course::{Course, LabCrate};
use crate::error::CommandError;
use crate::grade::verdict::LabResult;

/// What is known of a student's work. Nothing is known of the work of others.
#[derive(Debug, Default)]
pub struct Work {
    /// What to write next, if tests wait for it and the workspace has an order of writing.
    pub to_write: Option<PlaceToWrite>,
    /// The labs whose graded tests all passed when they ran last.
    pub done: Vec<&'static LabCrate>,
    /// The labs without a `todo!` whose `lib.rs` still allows unused code.
    pub allow_unused: Vec<&'static LabCrate>,
    /// Whether the tests ran with a thousand seeds or more: then more of them are no advice.
    pub has_many_seeds: bool,
    /// How the tests of the next lab are run.
    pub next_by: NextBy,
}

/// How the tests of the next lab are run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NextBy {
    /// With `cargo lab test`.
    #[default]
    Test,
    /// By a save, since the command watches all labs.
    Save,
    /// With another `cargo lab watch`, since the command watches one lab.
    Watch,
}

impl Work {
    /// What is known after these labs were tested, and their results were remembered.
    ///
    /// # Errors
    ///
    /// If the course cannot be read.
    pub fn of(course: &Course, labs: &[LabResult]) -> Result<Work, CommandError> {
        let missing = labs.iter().flat_map(|lab| &lab.verdicts).find_map(|verdict| verdict.missing_code());
        // A damaged list spoils no result: `cargo lab hint` says what is wrong with it.
        let places = place::read(course).unwrap_or_default();
        let to_write = missing.and_then(|missing| place::next(course, &places, missing).cloned());
        let status = Status::of(course, &LastResults::read(course))?;
        let is_allowing = |lab: &LabCrate| {
            let text = fs::read_to_string(course.folder(lab).join("src/lib.rs")).unwrap_or_default();
            begun::has_count_line(&text)
        };
        let written = status.labs.iter().filter(|lab| lab.written.todos == 0).map(|lab| lab.lab);
        Ok(Work {
            to_write,
            done: status.labs.iter().filter(|lab| lab.is_green()).map(|lab| lab.lab).collect(),
            allow_unused: written.filter(|lab| is_allowing(lab)).collect(),
            has_many_seeds: false,
            next_by: NextBy::Test,
        })
    }
}
