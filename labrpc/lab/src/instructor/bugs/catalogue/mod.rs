//! The known bugs of the course, as the labs' `bugs.toml` list them.
//!
//! ```toml
//! [[bug]]                                # some graded test must fail with it
//! id = "A03"                             # unique in the course
//! what = "Granting a vote does not restart the timer."
//! rules = ["timer-restarts"]             # the rules that may be named; the first is the expected one
//! edits = [{ file = "lab2a-election/src/election.rs", find = "…", replace = "…" }]
//!
//! [[lawful]]                             # every graded test must pass with it
//! id = "no-fast-backup"
//! what = "…"
//! edits = [ … ]
//!
//! [[unplantable]]                        # what the solution cannot be made to do by an edit
//! id = "K14"
//! reason = "…"
//! ```
//!
//! The text in an edit's `find` occurs exactly once in its `file`, after the edits before it.

pub mod changed;
pub mod edit;
mod read;

use std::fmt;

use crate::course::LabCrate;
use edit::SourceEdit;

/// The list of a lab's known bugs, from the lab's folder.
pub const CATALOGUE_FILE: &str = "bugs.toml";

/// Everything that is listed, in course order.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// The variants that can be planted: lab by lab, first the bugs, then the lawful variants.
    pub variants: Vec<Variant>,
    /// The bugs that cannot be planted.
    pub unplantable: Vec<Unplantable>,
    /// The labs that have a list.
    pub labs: Vec<&'static LabCrate>,
}

/// The solution with some edits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// The lab that lists it. The lab's tests judge it.
    pub lab: &'static LabCrate,
    /// Its name.
    pub id: String,
    /// What it does, in a sentence.
    pub what: String,
    /// Whether the tests must fail or pass.
    pub nature: VariantKind,
    /// The edits of the solution.
    pub edits: Vec<SourceEdit>,
    /// Where it is listed.
    pub place: ListPlace,
}

/// Whether the tests must fail or pass with a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariantKind {
    /// A test must fail, and name one of these rules, preferably the first.
    Bug { rules: Vec<String> },
    /// Every test must pass: those of its own lab and, if asked for, of the later ones.
    Lawful {
        /// The last lab in which it is lawful, if a later lab asks for more.
        until: Option<&'static LabCrate>,
    },
}

/// A known bug that is not planted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unplantable {
    /// The lab that it belongs to.
    pub lab: &'static LabCrate,
    /// Its name.
    pub id: String,
    /// Why it cannot be planted.
    pub reason: String,
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPlace {
    /// The file's path in the workspace, with slashes.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

/// An error in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogueError {
    /// Where it is.
    pub place: ListPlace,
    /// What is wrong, and what would be right.
    pub reason: String,
}

impl Variant {
    /// The rules that a test may name when it fails.
    pub fn rules(&self) -> &[String] {
        match &self.nature {
            VariantKind::Bug { rules } => rules,
            VariantKind::Lawful { .. } => &[],
        }
    }

    /// Whether every test must pass with it.
    pub fn is_lawful(&self) -> bool {
        matches!(self.nature, VariantKind::Lawful { .. })
    }

    /// The last lab that has a say in it, if it is not the last one of the course.
    pub fn until(&self) -> Option<&'static LabCrate> {
        match self.nature {
            VariantKind::Lawful { until } => until,
            VariantKind::Bug { .. } => None,
        }
    }
}

impl fmt::Display for CatalogueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place.file, self.place.line, self.reason)
    }
}
