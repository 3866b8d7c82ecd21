//! The labs' lists of known mistakes, from which a student's hints come: written from what the bugs cause.

use std::fs;

use super::catalogue::Catalogue;
use super::verdict::{TrialOutcome, TriedVariant};
use crate::course::Course;
use crate::error::CommandError;
use crate::student::hint::known::{self, KNOWN_MISTAKES_FILE, KnownMistake, KnownMistakes};

/// Puts a bug that was tried into its lab's list, in the order of the list of bugs. Bugs that are no longer planted go.
/// It is written after each bug, so that an interrupt loses none.
///
/// # Errors
///
/// If the list cannot be read or written.
pub fn keep(course: &Course, catalogue: &Catalogue, tried: &TriedVariant<'_>) -> Result<(), CommandError> {
    let lab = tried.variant.lab;
    let KnownMistakes { mut tests, mistakes } = known::read(course, lab)?;
    tests.extend(tried.catch().iter().flat_map(|catch| catch.ran.clone()));
    tests.sort();
    tests.dedup();
    let is_of_lab = |id: &str| catalogue.variants.iter().any(|bug| bug.lab == lab && bug.id == id && !bug.is_lawful());
    let mut mistakes: Vec<KnownMistake> = mistakes.into_iter().filter(|known| is_of_lab(&known.id)).collect();
    mistakes.retain(|known| known.id != tried.variant.id);
    mistakes.extend(known_mistake(tried));
    mistakes.sort_by_key(|known| catalogue.variants.iter().position(|bug| bug.id == known.id));
    let path = course.folder(lab).join(KNOWN_MISTAKES_FILE);
    fs::write(&path, known::text(lab, &KnownMistakes { tests, mistakes }))
        .map_err(CommandError::of_system(format!("{} could not be written", path.display())))
}

/// A bug, as hints know it; `None` if it could not be built. No test may fail that hints compare.
fn known_mistake(tried: &TriedVariant<'_>) -> Option<KnownMistake> {
    if matches!(tried.outcome, TrialOutcome::Unbuildable { .. }) {
        return None;
    }
    let red = tried.catch().map(|catch| catch.red.clone()).unwrap_or_default();
    let (id, what) = (tried.variant.id.clone(), tried.variant.what.clone());
    let changes = tried.changed.iter().map(ToString::to_string).collect();
    Some(KnownMistake { id, what, rules: tried.variant.rules().to_vec(), changes, red })
}
