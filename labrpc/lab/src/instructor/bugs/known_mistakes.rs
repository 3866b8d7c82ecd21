//! The labs' lists of known mistakes, from which a student's hints come: written from what the bugs cause.

use std::fs;

use super::catalogue::Catalogue;
use super::verdict::{Findings, TriedVariant};
use crate::course::Course;
use crate::error::CommandError;
use crate::student::hint::known::{self, KNOWN_MISTAKES_FILE, KnownMistake};

/// Writes the lists of the labs of which bugs were tried. Bugs that were not tried keep what was written before, and
/// those that are no longer planted go.
///
/// # Errors
///
/// If a list cannot be read or written.
pub fn write(course: &Course, catalogue: &Catalogue, findings: &Findings<'_>) -> Result<(), CommandError> {
    let mut labs: Vec<_> = findings.tried.iter().map(|tried| tried.variant.lab).collect();
    labs.dedup();
    for lab in labs {
        let before = known::read(course, lab)?;
        let bugs = catalogue.variants.iter().filter(|variant| variant.lab == lab && !variant.is_lawful());
        let mistakes: Vec<KnownMistake> = bugs
            .filter_map(|bug| {
                let tried = findings.tried.iter().find(|tried| tried.variant.id == bug.id);
                tried.map_or_else(|| before.iter().find(|known| known.id == bug.id).cloned(), known_mistake)
            })
            .collect();
        let path = course.folder(lab).join(KNOWN_MISTAKES_FILE);
        fs::write(&path, known::text(lab, &mistakes))
            .map_err(CommandError::of_system(format!("{} could not be written", path.display())))?;
    }
    Ok(())
}

/// A bug, as hints know it; `None` if no test failed.
fn known_mistake(tried: &TriedVariant<'_>) -> Option<KnownMistake> {
    let catch = tried.catch()?;
    let (id, what) = (tried.variant.id.clone(), tried.variant.what.clone());
    let changes = tried.changed.iter().map(ToString::to_string).collect();
    Some(KnownMistake { id, what, rules: tried.variant.rules().to_vec(), changes, red: catch.red.clone() })
}
